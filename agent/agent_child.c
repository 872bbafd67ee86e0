/*
 * Two children of an agent: the signer, which has the key and one channel;
 * the resolver, which has names.  They end with their channel.
 */
#include <sys/prctl.h>

#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "common/ipc.h"
#include "common/privdrop.h"
#include "common/sandbox.h"
#include "hashscoped/resolver.h"
#include "nostrd/sign.h"

#define ACCOUNT   "hashscope-agent"
#define ACCOUNT_N 59840 /* where the account is missing */

static int
drop(unsigned promises, const struct sandbox_path *paths, size_t npaths,
    pid_t parent)
{
	struct privdrop d = { .is_root = geteuid() == 0,
		.parent = parent,
		.oom_score_adj = 300 };
	struct sandbox box = { .promises = promises,
		.paths = paths,
		.npaths = npaths };
	struct passwd *pw = getpwnam(ACCOUNT);
	char err[256];

	d.uid = pw != NULL ? pw->pw_uid : ACCOUNT_N;
	d.gid = pw != NULL ? pw->pw_gid : ACCOUNT_N;
	if (privdrop_apply(&d, err, sizeof(err)) == -1 ||
	    sandbox_apply(&box, err, sizeof(err)) == -1) {
		agent_log("%s", err);
		return -1;
	}
	return 0;
}

int
child_drop(unsigned promises)
{
	return drop(promises, NULL, 0, getppid());
}

/* In the child: -1 when it could not be set up. */
static pid_t
begin(const char *name, int fds[2])
{
	pid_t pid;

	if (ipc_pair(fds) == -1 || (pid = fork()) == -1)
		return -1;
	if (pid != 0) {
		close(fds[1]);
		return pid;
	}
	close(fds[0]);
	prctl(PR_SET_NAME, name);
	/* A terminal's signals are the agent's to act on. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	return 0;
}

pid_t
child_signer(struct agent *a, const uint8_t secret[32], int *fd)
{
	struct event_base *base;
	pid_t parent = getpid(), pid;
	int fds[2];

	pid = begin("agent-signer", fds);
	*fd = fds[0];
	if (pid != 0)
		return pid;
	base = event_base_new();
	if (base == NULL || drop(SB_STDIO | SB_PASSFD, NULL, 0, parent) == -1 ||
	    signer_alone(base, fds[1], secret,
		(uint32_t)a->conf.kind_telemetry) == -1)
		_exit(1);
	event_base_dispatch(base);
	_exit(0);
}

pid_t
child_resolver(struct agent *a, int *fd)
{
	static const struct sandbox_path paths[] = { SANDBOX_DNS_PATHS };
	struct event_base *base;
	pid_t parent = getpid(), pid;
	int fds[2];

	pid = begin("agent-resolver", fds);
	*fd = fds[0];
	if (pid != 0)
		return pid;
	explicit_bzero(a->conf.secret, sizeof(a->conf.secret));
	base = event_base_new();
	if (base == NULL || resolver_alone(base, fds[1]) == -1 ||
	    drop(SB_STDIO | SB_PASSFD | SB_DNS, paths, 2, parent) == -1)
		_exit(1);
	event_base_dispatch(base);
	_exit(0);
}
