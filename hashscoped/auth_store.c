/*
 * The files of auth, below a directory that was opened for it.  A file is
 * written beside, synced and renamed, so that a crash leaves the old one or
 * the new one.  One that cannot be understood is left as it is, and nothing
 * of its kind can be changed until it is mended: what an administrator wrote
 * is not ours to throw away.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "hashscoped/auth_int.h"

/* All of it, the caller's to free; NULL and errno. */
static char *
slurp(int dir, const char *name, size_t *len)
{
	struct stat st;
	char *text = NULL;
	ssize_t n = -1;
	int fd, e;

	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size <= AUTH_FILE_MAX) {
		text = malloc((size_t)st.st_size + 1);
		if (text != NULL)
			n = pread(fd, text, (size_t)st.st_size, 0);
		e = errno;
	} else {
		e = EFBIG;
	}
	close(fd);
	if (n < 0) {
		free(text);
		errno = e;
		return NULL;
	}
	*len = (size_t)n;
	return text;
}

static void
load(struct auth *auth, enum auth_file which)
{
	const char *name = auth_file_name(which);
	unsigned line = 0;
	size_t len = 0;
	char *text;

	auth->broken[which] = false;
	text = slurp(auth->dir, name, &len);
	if (text == NULL && errno == ENOENT) {
		auth_db_parse(&auth->db, which, "", 0, &line);
		return;
	}
	if (text != NULL &&
	    auth_db_parse(&auth->db, which, text, len, &line) == 0) {
		free(text);
		return;
	}
	auth->broken[which] = true;
	auth->broken_line[which] = line;
	if (text == NULL)
		log_warn("auth/%s", name);
	else
		log_warnx("auth/%s: line %u is not understood; nothing of it "
			  "is used",
		    name, line);
	free(text);
	/* Whoever was logged in logs in again. */
	if (which == AUTH_FILE_SESSIONS)
		auth->broken[which] = false;
}

void
auth_load(struct auth *auth, bool sessions)
{
	load(auth, AUTH_FILE_USERS);
	load(auth, AUTH_FILE_TOKENS);
	if (sessions)
		load(auth, AUTH_FILE_SESSIONS);
}

int
auth_may_change(const struct auth *auth, enum auth_file which, char *why,
    size_t size)
{
	if (!auth->broken[which])
		return 0;
	snprintf(why, size,
	    "auth/%s in the state directory is not understood (line %u): mend "
	    "it, then `reload`",
	    auth_file_name(which), auth->broken_line[which]);
	return -1;
}

static int
write_all(int fd, const uint8_t *p, size_t n)
{
	ssize_t w;

	while (n > 0) {
		w = write(fd, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static int
replace(int dir, const char *name, const struct mbuf *b)
{
	char tmp[32];
	int fd, r, e;

	snprintf(tmp, sizeof(tmp), "%s.new", name);
	fd = openat(dir, tmp,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return -1;
	r = write_all(fd, b->data, b->len);
	if (r == 0)
		r = fsync(fd);
	e = errno;
	close(fd);
	if (r == 0)
		r = renameat(dir, tmp, dir, name);
	else
		unlinkat(dir, tmp, 0);
	if (r == -1 && e != 0)
		errno = e;
	return r == 0 ? fsync(dir) : -1;
}

int
auth_save(struct auth *auth, enum auth_file which, char *why, size_t size)
{
	struct mbuf b;
	int r;

	if (auth_may_change(auth, which, why, size) == -1)
		return -1;
	mbuf_init(&b);
	auth_db_format(&auth->db, which, &b);
	errno = ENOMEM;
	r = b.bad ? -1 : replace(auth->dir, auth_file_name(which), &b);
	if (r == -1)
		snprintf(why, size, "auth/%s cannot be written: %s",
		    auth_file_name(which), strerror(errno));
	else
		auth->dirty[which] = false;
	mbuf_free(&b);
	return r;
}
