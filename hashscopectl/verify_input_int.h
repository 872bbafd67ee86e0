/*
 * What the readers share.
 *
 *	verify_input.c		the file, and what it is
 *	verify_input_json.c	objects, one after the other
 *	verify_input_object.c	what an object says
 *	verify_input_pcap.c	packets out of pcap and pcapng
 *	verify_input_tcp.c	bytes in order out of packets
 */
#ifndef HASHSCOPECTL_VERIFY_INPUT_INT_H
#define HASHSCOPECTL_VERIFY_INPUT_INT_H

#include <sys/types.h>

#include "common/jtree.h"
#include "common/line.h"
#include "common/keyed.h"
#include "hashscopectl/verify_input.h"

struct input {
	const char *path;
	int fd;
	uint8_t *buf;
	size_t at, len;
	uint64_t line; /* of JSON: where it is, from 1 */
	uint64_t off;  /* of what source_byte() gives next */
	const struct input_handler *h;
	struct input_info *info;
	char *error;
};

/* The error is file, where (0: nowhere) and what; returns -1. */
int input_fail(struct input *, const char *unit, uint64_t at, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));

/* --- the file --- */

/* The next byte; -1 at the end, -2 with error. */
int source_byte(struct input *);
/* n bytes: how many there were, -1 with error.  dst NULL skips them. */
ssize_t source_read(struct input *, void *dst, size_t n);
/* From the beginning again, or -1 with error. */
int source_rewind(struct input *);

/* --- the formats; 0, or -1 with error --- */

int read_json(struct input *);
int read_pcap(struct input *);
int read_pcapng(struct input *);

/* --- objects --- */

struct slice {
	const char *s;
	size_t len;
};

/* Members that the readers know; s NULL: it is not there. */
struct object {
	/* a transcript's */
	struct slice t, session, bytes;
	/* HashScope's */
	struct slice id, ts_recv, ts_fwd, session_id, raw, raw_encoding;
	struct slice truncated, after_gap, broken;
	/* both */
	struct slice direction;
};

/* Of valid JSON; the last one of a name wins.  -1 if it is no object. */
int object_members(const char *text, size_t len, struct object *);
bool object_true(const struct slice *);
bool object_equals(const struct slice *, const char *want);
/* A string into dst, as UTF-8 with NUL; its length, or -1. */
long object_text(struct jtree *, const struct slice *, char *dst, size_t cap);
/* A string of characters below U+0100 as bytes; -1 if it is no such. */
long object_latin1(struct jtree *, const struct slice *, char *dst, size_t cap);
/* In place; the number of bytes, or -1. */
long object_base64(char *s, size_t len);
/* A position: a string of digits, or a number; -1 */
int object_position(const struct slice *, uint64_t *);
/* RFC 3339 in UTC, as HashScope writes it, in ns; -1 */
int object_time_ns(const struct slice *, uint64_t *);

/* --- packets --- */

struct packet {
	uint64_t ts; /* ns */
	uint64_t at; /* its number */
	const uint8_t *data;
	size_t len; /* that were captured */
};

struct tcp;

struct tcp *tcp_new(struct input *); /* NULL: no memory */
void tcp_free(struct tcp *);
/* 0; 1: it is nothing that can be read; -1: the handler or memory says no. */
int tcp_packet(struct tcp *, unsigned link, const struct packet *);
/* All connections are over. */
int tcp_finish(struct tcp *);
bool tcp_knows_link(unsigned link);

#endif
