/*
 * The audit log's files, and auth's directory.  Only we open and rename the
 * log: auth is handed descriptors, the current file opened to append, so
 * that whoever takes over any other process cannot write what was done, and
 * whoever takes over auth cannot unlink or rename it.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hashscoped/supervisor.h"

#define FILE_NAME  "audit.jsonl"
#define FILES_MOST 16 /* as conf_table.c bounds them */

/*
 * A directory below the state directory, which belongs to captured: so by
 * its own descriptor, never a link, and one of somebody else's is refused.
 */
int
place_own(struct supervisor *sup, const char *name, const struct child *c)
{
	uid_t uid = c != NULL ? c->uid : 0;
	gid_t gid = c != NULL ? c->gid : 0;
	struct stat st;
	int state, fd;

	state = open(sup->conf->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state == -1)
		return -1;
	fd = mkdirat(state, name, 0700) == -1 && errno != EEXIST ?
	    -1 :
	    openat(state, name,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	close(state);
	if (fd == -1 || !sup->is_root)
		return fd;
	if (fstat(fd, &st) == -1 || !place_is_ours(sup, c, st.st_uid)) {
		errno = EPERM;
	} else if (fchown(fd, uid, gid) == 0 && fchmod(fd, 0700) == 0) {
		return fd;
	}
	close(fd);
	return -1;
}

/* Its files follow when the account was made after them. */
static void
own_files(struct supervisor *sup, const struct child *c)
{
	static const char *const names[] = { "users", "tokens", "sessions" };
	struct stat st;
	int fd;

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fd = openat(sup->auth_fd, names[i],
		    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
		if (fd == -1)
			continue;
		/* Not one that is a name of something else as well. */
		if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
		    st.st_nlink != 1 || fchown(fd, c->uid, c->gid) == -1 ||
		    fchmod(fd, 0600) == -1)
			log_warnx("%s/auth/%s: not a file of ours",
			    sup->conf->state_dir, names[i]);
		close(fd);
	}
}

void
audit_places(struct supervisor *sup)
{
	const struct child *auth = child_by_role(sup, ROLE_AUTH);

	sup->auth_fd = place_own(sup, "auth", auth);
	if (sup->auth_fd == -1)
		log_warn("%s/auth: nobody can log in", sup->conf->state_dir);
	else if (sup->is_root)
		own_files(sup, auth);
	sup->audit_fd = place_own(sup, "audit", NULL);
	if (sup->audit_fd == -1)
		log_warn("%s/audit: nothing can be done by anybody",
		    sup->conf->state_dir);
}

static void
file_name(unsigned index, char out[32])
{
	if (index == 0)
		snprintf(out, 32, FILE_NAME);
	else
		snprintf(out, 32, FILE_NAME ".%u", index);
}

static int
open_file(const struct supervisor *sup, unsigned index)
{
	char name[32];
	struct stat st;
	int fd;

	file_name(index, name);
	fd = openat(sup->audit_fd, name,
	    (index == 0 ? O_RDWR | O_APPEND | O_CREAT : O_RDONLY) | O_CLOEXEC |
		O_NOFOLLOW | O_NONBLOCK,
	    0600);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

void
audit_send(struct supervisor *sup, struct child *c)
{
	struct mbuf body;
	int fd;

	if (sup->audit_fd == -1)
		return;
	mbuf_init(&body);
	for (unsigned i = 0; i < sup->conf->audit.files; i++) {
		fd = open_file(sup, i);
		if (fd == -1) {
			if (i == 0)
				log_warn("%s/audit/" FILE_NAME,
				    sup->conf->state_dir);
			break;
		}
		mbuf_reset(&body);
		msg_put_u8(&body, (uint8_t)i);
		if (ipc_send(c->ipc, MSG_AUDIT_FILE, 0, fd, &body) == -1)
			log_warn("audit log to auth");
		close(fd);
	}
	mbuf_free(&body);
}

/* The oldest go, the others are one older. */
static void
rotate(struct supervisor *sup)
{
	char from[32], to[32];

	for (unsigned i = FILES_MOST; i-- > 0;) {
		file_name(i, from);
		file_name(i + 1, to);
		if (i + 1 >= sup->conf->audit.files) {
			if (unlinkat(sup->audit_fd, from, 0) == -1 &&
			    errno != ENOENT)
				log_warn("audit/%s", from);
		} else if (renameat(sup->audit_fd, from, sup->audit_fd, to) ==
			-1 &&
		    errno != ENOENT) {
			log_warn("audit/%s", from);
			return;
		}
	}
}

void
audit_on_full(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct child *c = arg;
	struct stat st;

	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	/* Not because somebody says so: nothing goes before its time. */
	if (c->sup->audit_fd != -1 &&
	    fstatat(c->sup->audit_fd, FILE_NAME, &st, AT_SYMLINK_NOFOLLOW) ==
		0 &&
	    (uint64_t)st.st_size >= c->sup->conf->audit.size)
		rotate(c->sup);
	audit_send(c->sup, c);
}
