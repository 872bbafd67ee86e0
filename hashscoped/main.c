/*
 * hashscoped: the supervisor, and the roles that need no program of their
 * own.  supervisor.h is its map.
 */
#include <string.h>

#include "hashscoped/auth.h"
#include "hashscoped/control.h"
#include "hashscoped/password.h"
#include "hashscoped/resolver.h"
#include "hashscoped/supervisor.h"

/* -R: one of the roles that need no program of their own. */
int
main(int argc, char *argv[], char *envp[])
{
	struct proc_role roles[6] = { *control_role(), *resolver_role(),
		*nostr_resolver_role(), *auth_role(), *password_role(),
		{ .name = NULL } };

	if (argc == 2 && strcmp(argv[1], "-R") == 0)
		return proc_main(argc, argv, roles);
	return supervisor_main(argc, argv, envp);
}
