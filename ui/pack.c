/*
 * pack OUT DIR: writes the files beneath DIR into one that apid maps and
 * serves as it lies.  The format is in apid/pack.h.  Text is also kept in
 * gzip (gzip(1) makes it, so no library is needed for it).
 *
 * Run by make, when ui/dist has been built.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <fts.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apid/pack.h"
#include "common/sha256.h"

#define FILES_MAX 4096

struct file {
	char path[1024]; /* as it is asked for */
	const char *type;
	uint8_t *body, *gzip;
	size_t len, gzip_len;
	bool text;
};

static struct {
	struct file *file;
	size_t n;
} set;

static const struct {
	const char *ext, *type;
	bool text;
} types[] = {
	{ ".html", "text/html; charset=utf-8", true },
	{ ".js", "text/javascript; charset=utf-8", true },
	{ ".mjs", "text/javascript; charset=utf-8", true },
	{ ".css", "text/css; charset=utf-8", true },
	{ ".json", "application/json", true },
	{ ".map", "application/json", true },
	{ ".webmanifest", "application/manifest+json", true },
	{ ".svg", "image/svg+xml", true },
	{ ".txt", "text/plain; charset=utf-8", true },
	{ ".md", "text/plain; charset=utf-8", true },
	{ ".png", "image/png", false },
	{ ".ico", "image/x-icon", false },
	{ ".jpg", "image/jpeg", false },
	{ ".webp", "image/webp", false },
	{ ".woff2", "font/woff2", false },
	{ ".wasm", "application/wasm", false },
};

static void
set_type(struct file *f)
{
	const char *ext = strrchr(f->path, '.');

	f->type = "application/octet-stream";
	for (size_t i = 0; ext != NULL && i < sizeof(types) / sizeof(types[0]);
	     i++) {
		if (strcmp(ext, types[i].ext) != 0)
			continue;
		f->type = types[i].type;
		f->text = types[i].text;
	}
}

/* All that comes from fd. */
static uint8_t *
read_all(int fd, size_t *len, const char *what)
{
	size_t cap = 0, n = 0;
	uint8_t *p = NULL, *grown;
	ssize_t r;

	do {
		if (n == cap) {
			cap = cap == 0 ? 65536 : 2 * cap;
			grown = realloc(p, cap);
			if (grown == NULL)
				err(1, "%s", what);
			p = grown;
		}
		r = read(fd, p + n, cap - n);
		if (r == -1)
			err(1, "%s", what);
		n += (size_t)r;
	} while (r > 0);
	*len = n;
	return p;
}

static void
compress(struct file *f, const char *name)
{
	int fds[2], status;
	pid_t pid;

	if (pipe(fds) == -1 || (pid = fork()) == -1)
		err(1, "gzip");
	if (pid == 0) {
		if (dup2(fds[1], 1) == -1)
			_exit(126);
		close(fds[0]);
		execlp("gzip", "gzip", "-9nc", "--", name, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	f->gzip = read_all(fds[0], &f->gzip_len, "gzip");
	close(fds[0]);
	if (waitpid(pid, &status, 0) == -1 || status != 0)
		errx(1, "gzip failed for %s", name);
	/* Not worth it. */
	if (f->gzip_len + 64 > f->len)
		f->gzip_len = 0;
}

static void
add(const char *dir, const char *name)
{
	struct file *f;
	int fd;

	if (set.n == FILES_MAX)
		errx(1, "more than %d files", FILES_MAX);
	f = &set.file[set.n++];
	if (snprintf(f->path, sizeof(f->path), "%s", name + strlen(dir)) >=
		(int)sizeof(f->path) ||
	    f->path[0] != '/')
		errx(1, "%s", name);
	set_type(f);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		err(1, "%s", name);
	f->body = read_all(fd, &f->len, name);
	close(fd);
	if (f->text)
		compress(f, name);
}

static void
collect(char *dir)
{
	char *paths[] = { dir, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *e;

	if (fts == NULL)
		err(1, "%s", dir);
	while ((e = fts_read(fts)) != NULL) {
		/* Stamps of the build begin with a dot. */
		if (e->fts_level > 0 && e->fts_name[0] == '.')
			fts_set(fts, e, FTS_SKIP);
		else if (e->fts_info == FTS_F)
			add(dir, e->fts_path);
		else if (e->fts_info == FTS_ERR || e->fts_info == FTS_DNR)
			errx(1, "%s: %s", e->fts_path, strerror(e->fts_errno));
	}
	fts_close(fts);
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->path,
	    ((const struct file *)b)->path);
}

static void
put_u32(FILE *out, size_t v)
{
	for (unsigned i = 0; i < 4; i++)
		putc((int)(v >> (8 * i) & 0xff), out);
}

static void
put_span(FILE *out, size_t *at, size_t len)
{
	put_u32(out, *at);
	put_u32(out, len);
	*at += len;
}

static void
put_entry(FILE *out, const struct file *f, size_t *at)
{
	uint8_t digest[32];

	put_span(out, at, strlen(f->path));
	put_span(out, at, strlen(f->type));
	put_span(out, at, f->len);
	put_span(out, at, f->gzip_len);
	/* The build puts a hash of the content into these names. */
	put_u32(out, strncmp(f->path, "/assets/", 8) == 0 ? PACK_IMMUTABLE : 0);
	put_u32(out, 0);
	sha256(f->body, f->len, digest);
	fwrite(digest, 1, 16, out);
}

static void
put_all(FILE *out)
{
	size_t at = PACK_HEAD + set.n * PACK_ENTRY;

	fputs(PACK_MAGIC, out);
	put_u32(out, set.n);
	put_u32(out, 0);
	for (size_t i = 0; i < set.n; i++)
		put_entry(out, &set.file[i], &at);
	for (size_t i = 0; i < set.n; i++) {
		const struct file *f = &set.file[i];

		fputs(f->path, out);
		fputs(f->type, out);
		fwrite(f->body, 1, f->len, out);
		fwrite(f->gzip, 1, f->gzip_len, out);
	}
}

int
main(int argc, char *argv[])
{
	char tmp[4096];
	FILE *out;

	if (argc != 3) {
		fprintf(stderr, "usage: pack OUT DIR\n");
		return 2;
	}
	set.file = calloc(FILES_MAX, sizeof(*set.file));
	if (set.file == NULL)
		err(1, "pack");
	collect(argv[2]);
	qsort(set.file, set.n, sizeof(*set.file), by_path);
	/* A running apid has the old one mapped: it is replaced, not
	 * rewritten. */
	snprintf(tmp, sizeof(tmp), "%s.new", argv[1]);
	out = fopen(tmp, "we");
	if (out == NULL)
		err(1, "%s", tmp);
	put_all(out);
	if (ferror(out) || fclose(out) != 0 || rename(tmp, argv[1]) == -1)
		err(1, "%s", argv[1]);
	return 0;
}
