/*
 * Directories and accounts.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hashscoped/supervisor.h"

/* Used where the accounts are missing: a fresh machine, a test. */
#define UID_BASE 59800u

bool
group_id(const char *name, gid_t *gid)
{
	struct group *g = getgrnam(name);

	if (g == NULL)
		return false;
	*gid = g->gr_gid;
	return true;
}

void
places_uids(struct supervisor *sup)
{
	struct passwd *pw;
	bool numbers = false;

	for (unsigned i = 0; i < CHILDREN; i++) {
		struct child *c = &sup->child[i];

		c->uid = getuid();
		c->gid = getgid();
		if (!sup->is_root)
			continue;
		pw = getpwnam(c->user);
		if (pw != NULL) {
			c->uid = pw->pw_uid;
			c->gid = pw->pw_gid;
			continue;
		}
		numbers = true;
		/* The two query lanes are one account. */
		c->uid = UID_BASE +
		    (c->role == ROLE_QUERY_SEARCH ? ROLE_QUERY_PAGE : c->role);
		c->gid = c->uid;
	}
	if (numbers)
		log_info("accounts hashscope-* are missing: uids from %u serve",
		    UID_BASE);
}

bool
place_is_ours(const struct supervisor *sup, const struct child *c, uid_t uid)
{
	if (uid == 0)
		return true;
	/* Made when the account was missing. */
	return c != NULL && (uid == c->uid || uid == UID_BASE + (uid_t)c->role);
}

/* Makes it and its parents; an existing one is left as it is. */
static int
make_dirs(const char *path, mode_t mode)
{
	char part[512];
	size_t n = strlen(path);

	if (n >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, i == n ? mode : 0755) == -1 && errno != EEXIST)
			return -1;
	}
	return 0;
}

static int
lock(const char *dir, const char *name, const char *what)
{
	char path[600];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd == -1)
		fatal("%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno == EWOULDBLOCK)
			fatalx("another hashscoped uses this %s: %s", what,
			    dir);
		fatal("%s", path);
	}
	return fd;
}

static void
own_dir(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	if (chown(path, uid, gid) == -1 || chmod(path, mode) == -1)
		fatal("%s", path);
}

void
places_make(struct supervisor *sup)
{
	const char *run = sup->conf->run_dir, *state = sup->conf->state_dir;
	struct child *capture = child_by_role(sup, ROLE_CAPTURE),
		     *query = child_by_role(sup, ROLE_QUERY_PAGE);
	char pid[32];
	int n;

	if (make_dirs(run, 0755) == -1)
		fatal("run directory %s (HASHSCOPE_RUN_DIR, run-dir)", run);
	if (make_dirs(state, 0750) == -1)
		fatal("state directory %s (HASHSCOPE_STATE_DIR, state-dir)",
		    state);
	sup->run_lock = lock(run, "hashscoped.pid", "run directory");
	sup->state_lock = lock(state, "lock", "state directory");
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(sup->run_lock, 0) == -1 ||
	    pwrite(sup->run_lock, pid, (size_t)n, 0) != n)
		log_warn("%s/hashscoped.pid", run);
	if (!sup->is_root) {
		/* An ordinary user's query has the same uid. */
		if (chmod(state, 0750) == -1)
			log_warn("%s", state);
		return;
	}
	/* captured writes, query reads, by the directory's group. */
	own_dir(state, capture->uid, query->gid, 02750);
	snprintf(sup->empty_dir, sizeof(sup->empty_dir), "%s/empty", run);
	if (make_dirs(sup->empty_dir, 0555) == -1)
		fatal("%s", sup->empty_dir);
	own_dir(sup->empty_dir, 0, 0, 0555);
}
