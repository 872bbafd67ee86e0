/*
 * apid, started by hashscoped(8).
 */
#include "apid/apid.h"

int
main(int argc, char *argv[])
{
	const struct proc_role roles[] = { *apid_role(), { .name = NULL } };

	return proc_main(argc, argv, roles);
}
