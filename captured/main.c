/*
 * captured: the writer of the store and its readers, one binary.  HELLO says
 * which of them this process is.
 */
#include "captured/capture.h"
#include "captured/query.h"

int
main(int argc, char *argv[])
{
	struct proc_role roles[] = { *capture_role(),
		*query_role(ROLE_QUERY_PAGE), *query_role(ROLE_QUERY_SEARCH),
		{ .name = NULL } };

	return proc_main(argc, argv, roles);
}
