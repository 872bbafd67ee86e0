/*
 * Giving up rights for good: the step between "started by the supervisor"
 * and "speaks to the world".  One function, in the one order that works;
 * nothing is taken on trust, all is read back afterwards.
 */
#ifndef COMMON_PRIVDROP_H
#define COMMON_PRIVDROP_H

#include <sys/types.h>

#include <stddef.h>

struct privdrop {
	uid_t uid;              /* to become; ignored unless is_root */
	gid_t gid;              /* to become; ignored unless is_root */
	gid_t groups[4];        /* supplementary groups, all there will be */
	unsigned ngroups;       /* of them used, at most 4 */
	const char *chroot_dir; /* existing, empty, root's; NULL for none;
				   ignored unless is_root */
	int is_root;            /* the caller has effective uid 0 */
	pid_t parent;           /* the supervisor: we die when it dies */
	int oom_score_adj;      /* -1000..1000 */
	int sched_batch;        /* run under SCHED_BATCH */
};

/*
 * Drops everything, in this order: oom_score_adj, scheduling class, chroot
 * and chdir("/"), groups, bounding set, gids, uids, all capability sets,
 * PR_SET_PDEATHSIG (setresuid would have cleared it) with a check that the
 * parent is still there, no_new_privs, not dumpable; then reads it back.
 * As an ordinary user the chroot, the bounding set and the ids stay as they
 * are and the rest holds.
 *
 * Call it single-threaded and before sandbox_apply().  It wants /proc, the
 * chroot has none, so nothing may need /proc/self afterwards.
 *
 * Returns 0; err is then "" or a note worth one log line (only: the
 * oom_score_adj asked for needs a right that we do not have).  Returns -1
 * with the reason in err; the process may then be half way and must exit.
 */
int privdrop_apply(const struct privdrop *, char *err, size_t errlen);

#endif
