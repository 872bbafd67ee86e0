/*
 * relayd: the relay, in a process of its own.  relay.h is its map.
 */
#include "relayd/relay.h"

int
main(int argc, char *argv[])
{
	struct proc_role roles[2] = { *relay_role(), { .name = NULL } };

	return proc_main(argc, argv, roles);
}
