/*
 * nostrd and its signer, one binary.  HELLO says which this process is.
 */
#include "nostrd/nostrd.h"

int
main(int argc, char *argv[])
{
	struct proc_role roles[] = { *nostrd_role(), *signer_role(),
		{ .name = NULL } };

	return proc_main(argc, argv, roles);
}
