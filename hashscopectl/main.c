/*
 * hashscopectl(8): everything is in ctl.c, so that tests can link it.
 */
#include "hashscopectl/ctl.h"

int
main(int argc, char *argv[])
{
	return ctl_main(argc, argv);
}
