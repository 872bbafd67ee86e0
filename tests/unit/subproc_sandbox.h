/*
 * Children of a test that enter the sandbox as the processes do: rights
 * dropped, then the promises.  Run as root, a test runs once more as an
 * ordinary user.
 */
#ifndef TESTS_UNIT_SUBPROC_SANDBOX_H
#define TESTS_UNIT_SUBPROC_SANDBOX_H

#include <sys/prctl.h>
#include <sys/socket.h>

#include <grp.h>

#include "common/privdrop.h"
#include "common/sandbox.h"
#include "tests/unit/subproc.h"

#define SUBPROC_NOBODY 65534

/* A channel for deeds that need a socket; made before the sandbox. */
static int subproc_pair[2] __attribute__((unused));

static inline void
subproc_enter(const struct sandbox *sb)
{
	struct privdrop pd = {
		.uid = SUBPROC_NOBODY,
		.gid = SUBPROC_NOBODY,
		.is_root = geteuid() == 0,
		.parent = getppid(),
	};
	char err[256];

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, subproc_pair) == 0);
	if (privdrop_apply(&pd, err, sizeof(err)) == -1 ||
	    sandbox_apply(sb, err, sizeof(err)) == -1) {
		dprintf(2, "%s\n", err);
		_exit(98);
	}
}

static inline void
subproc_as_user(const void *arg)
{
	int (*const *group)(const char *) = arg;

	alarm(0);
	CHECK(setgroups(0, NULL) == 0);
	CHECK(setresgid(SUBPROC_NOBODY, SUBPROC_NOBODY, SUBPROC_NOBODY) == 0);
	CHECK(setresuid(SUBPROC_NOBODY, SUBPROC_NOBODY, SUBPROC_NOBODY) == 0);
	/* Else /proc/self would be root's. */
	CHECK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
	if ((*group)("as an ordinary user") != 0)
		_exit(1);
}

/* Runs the tests as who we are and, if that is root, as nobody too. */
static inline int
subproc_main(int (*group)(const char *name))
{
	int failed = 0;

	if (geteuid() == 0)
		failed |= subproc_run(subproc_as_user, &group) != 0;
	else
		printf("not root: only tried as an ordinary user\n");
	failed |= group(geteuid() == 0 ? "as root" : "as an ordinary user");
	return failed != 0;
}

#endif
