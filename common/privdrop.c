/*
 * The dropping of rights.  A table of steps in the order in which they must
 * be taken, then a table of checks that ask the kernel whether they were.
 */
#include <sys/types.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/capability.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/privdrop.h"

#define MAX_GROUPS 4

/* No core, no ptrace by others of our uid.  LeakSanitizer, though, traces
   its own process, and setresuid takes that from it. */
#ifdef HS_SAN
#define DUMPABLE 1
#else
#define DUMPABLE 0
#endif

struct ctx {
	const struct privdrop *pd;
	char *err;
	size_t errlen;
};

/* glibc has no wrapper, and libcap is more than two calls are worth. */
static int
cap_get(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct hdr = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};

	return syscall(SYS_capget, &hdr, data) == -1 ? -1 : 0;
}

static int
cap_clear(void)
{
	struct __user_cap_header_struct hdr = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = { 0 };

	return syscall(SYS_capset, &hdr, none) == -1 ? -1 : 0;
}

static int __attribute__((format(printf, 2, 3)))
fail(struct ctx *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->err, c->errlen, fmt, ap);
	va_end(ap);
	return -1;
}

static int
fail_errno(struct ctx *c, const char *what)
{
	return fail(c, "%s: %s", what, strerror(errno));
}

/* Refuses what cannot have been meant before anything is given up. */
static int
check_request(struct ctx *c)
{
	const struct privdrop *pd = c->pd;

	if (!pd->is_root != (geteuid() != 0))
		return fail(c, "is_root is %d but the effective uid is %u",
		    pd->is_root, (unsigned)geteuid());
	if (pd->is_root && (pd->uid == 0 || pd->gid == 0))
		return fail(c, "uid or gid 0 would keep root's rights");
	if (pd->is_root && (pd->uid == (uid_t)-1 || pd->gid == (gid_t)-1))
		return fail(c, "uid or gid -1 means no change");
	if (pd->ngroups > MAX_GROUPS)
		return fail(c, "%u groups, at most %d", pd->ngroups,
		    MAX_GROUPS);
	for (unsigned i = 0; pd->is_root && i < pd->ngroups; i++)
		if (pd->groups[i] == 0)
			return fail(c, "group 0 among the groups");
	if (pd->parent <= 0)
		return fail(c, "no parent to die with");
	return 0;
}

static int
set_oom_score(struct ctx *c)
{
	char num[16];
	int fd, len, e;
	ssize_t n;

	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return fail_errno(c, "/proc/self/oom_score_adj");
	len = snprintf(num, sizeof(num), "%d", c->pd->oom_score_adj);
	n = write(fd, num, len);
	e = errno;
	close(fd);
	if (n == len)
		return 0;
	errno = e;
	fail(c, "oom_score_adj %d: %s", c->pd->oom_score_adj, strerror(e));
	/* Lower than what we came with needs CAP_SYS_RESOURCE.  Without it
	   the process is only more likely to be chosen: the note in err. */
	return e == EACCES || e == EPERM ? 0 : -1;
}

static int
set_scheduler(struct ctx *c)
{
	const struct sched_param param = { 0 };

	if (!c->pd->sched_batch)
		return 0;
	if (sched_setscheduler(0, SCHED_BATCH, &param) == -1)
		return fail_errno(c, "SCHED_BATCH");
	return 0;
}

/* The new root must hold nothing, and nobody else may put something there. */
static int
check_empty_root(struct ctx *c)
{
	struct stat st;
	DIR *dir;
	int names = 0;

	if ((dir = opendir(".")) == NULL)
		return fail_errno(c, c->pd->chroot_dir);
	while (readdir(dir) != NULL)
		names++;
	if (fstat(dirfd(dir), &st) == -1)
		st.st_uid = (uid_t)-1;
	closedir(dir);
	if (names != 2) /* . and .. */
		return fail(c, "%s: not empty", c->pd->chroot_dir);
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return fail(c, "%s: others than root may write there",
		    c->pd->chroot_dir);
	return 0;
}

static int
change_root(struct ctx *c)
{
	const char *dir = c->pd->chroot_dir;

	if (!c->pd->is_root || dir == NULL)
		return 0;
	if (chdir(dir) == -1)
		return fail_errno(c, dir);
	if (check_empty_root(c) == -1)
		return -1;
	if (chroot(".") == -1)
		return fail_errno(c, "chroot");
	if (chdir("/") == -1)
		return fail_errno(c, "chdir to the new root");
	return 0;
}

/* Needs CAP_SETPCAP, so it comes before the uid goes. */
static int
empty_bounding_set(struct ctx *c)
{
	if (!c->pd->is_root)
		return 0;
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			return fail_errno(c, "PR_CAPBSET_DROP");
	return 0;
}

static int
change_ids(struct ctx *c)
{
	const struct privdrop *pd = c->pd;

	if (!pd->is_root)
		return 0;
	if (setgroups(pd->ngroups, pd->groups) == -1)
		return fail_errno(c, "setgroups");
	if (empty_bounding_set(c) == -1)
		return -1;
	if (setresgid(pd->gid, pd->gid, pd->gid) == -1)
		return fail_errno(c, "setresgid");
	if (setresuid(pd->uid, pd->uid, pd->uid) == -1)
		return fail_errno(c, "setresuid");
	return 0;
}

static int
clear_capabilities(struct ctx *c)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1)
		return fail_errno(c, "PR_CAP_AMBIENT_CLEAR_ALL");
	if (cap_clear() == -1)
		return fail_errno(c, "capset");
	return 0;
}

/* A parent that died before the first line is one we shall never hear of. */
static int
follow_parent(struct ctx *c)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)
		return fail_errno(c, "PR_SET_PDEATHSIG");
	if (getppid() != c->pd->parent)
		return fail(c, "the parent is gone");
	return 0;
}

static int
close_off(struct ctx *c)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return fail_errno(c, "PR_SET_NO_NEW_PRIVS");
	if (prctl(PR_SET_DUMPABLE, DUMPABLE, 0, 0, 0) == -1)
		return fail_errno(c, "PR_SET_DUMPABLE");
	return 0;
}

static int
verify_uids(struct ctx *c)
{
	uid_t r, e, s, want = c->pd->is_root ? c->pd->uid : getuid();

	if (getresuid(&r, &e, &s) == -1)
		return fail_errno(c, "getresuid");
	if (r != want || e != want || s != want || want == 0)
		return fail(c, "uids are %u %u %u", (unsigned)r, (unsigned)e,
		    (unsigned)s);
	return 0;
}

static int
verify_gids(struct ctx *c)
{
	gid_t r, e, s, want = c->pd->is_root ? c->pd->gid : getgid();

	if (getresgid(&r, &e, &s) == -1)
		return fail_errno(c, "getresgid");
	if (r != want || e != want || s != want)
		return fail(c, "gids are %u %u %u", (unsigned)r, (unsigned)e,
		    (unsigned)s);
	if (c->pd->is_root && getgroups(0, NULL) != (int)c->pd->ngroups)
		return fail(c, "%d supplementary groups", getgroups(0, NULL));
	return 0;
}

static int
verify_capabilities(struct ctx *c)
{
	struct __user_cap_data_struct d[2] = { { 0 } };

	if (cap_get(d) == -1)
		return fail_errno(c, "capget");
	for (int i = 0; i < 2; i++)
		if (d[i].effective | d[i].permitted | d[i].inheritable)
			return fail(c, "capabilities are left");
	for (int cap = 0; c->pd->is_root; cap++) {
		int r = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (r == -1)
			break;
		if (r != 0)
			return fail(c, "bounding set is not empty");
	}
	return 0;
}

static int
verify_prctl(struct ctx *c)
{
	int sig = 0;

	if (prctl(PR_GET_PDEATHSIG, &sig, 0, 0, 0) == -1 || sig != SIGKILL)
		return fail(c, "parent death signal is %d", sig);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return fail(c, "no_new_privs is not set");
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != DUMPABLE)
		return fail(c, "dumpable is not %d", DUMPABLE);
	if (c->pd->sched_batch && sched_getscheduler(0) != SCHED_BATCH)
		return fail(c, "not under SCHED_BATCH");
	return 0;
}

int
privdrop_apply(const struct privdrop *pd, char *err, size_t errlen)
{
	static int (*const steps[])(struct ctx *) = {
		check_request,
		set_oom_score,
		set_scheduler,
		change_root,
		change_ids,
		clear_capabilities,
		follow_parent,
		close_off,
		verify_uids,
		verify_gids,
		verify_capabilities,
		verify_prctl,
	};
	struct ctx c = { pd, err, errlen };

	if (errlen > 0)
		err[0] = '\0';
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i](&c) == -1)
			return -1;
	return 0;
}
