/*
 * The audit log: one JSON object a line, appended to a file that the
 * supervisor has opened and that only the supervisor can rename.  A line is
 * numbered when it is written; the numbers grow without a gap through all
 * files.
 */
#ifndef HASHSCOPED_AUTH_AUDIT_H
#define HASHSCOPED_AUTH_AUDIT_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json.h"

#define AUDIT_OLD      15u    /* files before the current one, at most */
#define AUDIT_LINE     16384u /* bytes of a line */
#define AUDIT_PENDING  256u   /* lines that wait for room on the disk */
#define AUDIT_BURST    20u    /* failures noted at once */
#define AUDIT_EVERY_MS 10000  /* then one in so long */

struct audit_line;

/* Whose failures: nobody needs a credential for those of strangers, so these
 * must not use up what is there for the others. */
enum audit_whose {
	AUDIT_STRANGER,
	AUDIT_KNOWN,
	AUDIT_WHOSE
};

struct audit_bucket {
	unsigned allow;   /* failures that may be noted now */
	int64_t allow_at; /* ms: when that last grew */
	uint64_t unnoted; /* failures since the last that was */
};

struct audit {
	int fd; /* -1: none */
	int old[AUDIT_OLD];
	unsigned nold;
	uint64_t last;  /* number of the last line */
	uint64_t bytes; /* of the current file */
	bool torn;      /* a line was not written to its end */
	STAILQ_HEAD(, audit_line) pending;
	unsigned npending;
	uint64_t lost; /* lines for which there was no room to wait */
	struct audit_bucket failed[AUDIT_WHOSE];
};

void audit_init(struct audit *);
void audit_clear(struct audit *);
/* A file: index 0 is the current one, and the others are forgotten; then 1
 * the one before it, and so on.  fd is taken over. */
void audit_file(struct audit *, unsigned index, int fd);

/*
 * Appends an object ("{...}"), numbered; *n (may be NULL) its number.  With
 * sync it has reached the disk.  0, or -1 with errno, and nothing of it is
 * there.  What waits goes first.
 */
int audit_write(struct audit *, const char *object, size_t len, bool sync,
    uint64_t *n);
/* The same, but it waits when it cannot be written now. */
void audit_write_later(struct audit *, const char *object, size_t len);
/* Tries again what waits; 0 when nothing does, else -1 with errno. */
int audit_flush(struct audit *);

/*
 * Whether one more failed login or refused act is noted, so that a stranger
 * cannot push out what was done by failing: *unnoted is how many were not.
 */
bool audit_may_note(struct audit *, enum audit_whose, int64_t now_ms,
    uint64_t *unnoted);

/* The newest count lines before number (0: the end), newest first, as an
 * array of at most max bytes. */
void audit_read(const struct audit *, unsigned count, uint64_t before,
    size_t max, struct json_out *);

#endif
