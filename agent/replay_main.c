/*
 * replay(8): everything is in replay.c, so that tests can link it.
 */
#include "agent/replay.h"

int
main(int argc, char *argv[])
{
	struct proc_role roles[] = { *replay_role(), { .name = NULL } };

	return proc_main(argc, argv, roles);
}
