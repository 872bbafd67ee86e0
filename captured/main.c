/*
 * captured: the writer of the store and its readers, one binary.  HELLO says
 * which of them this process is.
 */
#include <stdlib.h>

#include "captured/capture.h"
#include "captured/query.h"
#include "common/log.h"

int
main(int argc, char *argv[])
{
	struct proc_role roles[] = { *capture_role(),
		*query_role(ROLE_QUERY_PAGE), *query_role(ROLE_QUERY_SEARCH),
		{ .name = NULL } };
	void *args[] = { capture_new(), query_new(ROLE_QUERY_PAGE),
		query_new(ROLE_QUERY_SEARCH) };

	if (args[0] == NULL || args[1] == NULL || args[2] == NULL)
		fatalx("out of memory");
	return proc_main(argc, argv, roles, args);
}
