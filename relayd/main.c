#include "common/proc.h"
#include "relayd/relay.h"

int
main(int argc, char *argv[])
{
	struct proc_role roles[2] = { *relay_role(), { .name = NULL } };
	void *args[1] = { relay_new() };

	return args[0] == NULL ? 1 : proc_main(argc, argv, roles, args);
}
