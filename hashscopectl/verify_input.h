/*
 * What was said between miners and pools, out of a file: recorded reads of
 * sockets, HashScope's own messages, or a packet capture.  The format is told
 * by what is in the file.
 *
 * A file is hostile: sizes are bounded and errors say where.  Memory is
 * bounded by the numbers below and by the size of the file.
 */
#ifndef HASHSCOPECTL_VERIFY_INPUT_H
#define HASHSCOPECTL_VERIFY_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INPUT_ERROR    512       /* bytes of an error */
#define INPUT_NAME     96        /* bytes of a session's name, with NUL */
#define INPUT_STREAMS  16384     /* connections at one time */
#define INPUT_OBJECT   (4 << 20) /* bytes of a JSON object */
#define INPUT_MESSAGES 8000000   /* in another order than their ids */
#define INPUT_PACKET   (1 << 20) /* bytes of a packet */

enum input_format {
	INPUT_TRANSCRIPT, /* t, session, direction, bytes */
	INPUT_HASHSCOPE,  /* hashscopectl -j show messages, monitor */
	INPUT_PCAP,
	INPUT_PCAPNG,
	INPUT_FORMATS
};

/* Who said it. */
enum input_from {
	FROM_MINER,
	FROM_POOL,
	/* One end and the other: which of them is the miner is not known. */
	FROM_ONE,
	FROM_OTHER
};

struct input_line {
	const char *session; /* its name */
	uint8_t from;        /* enum input_from */
	uint64_t ts;         /* ns; since 1970 if info.absolute */
	uint64_t ts_fwd;     /* sent on; 0: not known */
	const uint8_t *data; /* without the LF; only during the call */
	size_t len;
	unsigned int flags; /* LINE_* of common/line.h */
	uint64_t id;        /* HashScope's; 0 none */
	uint64_t at;        /* the line or the packet in the file, from 1 */
};

struct input_handler {
	/* A line, in the order in which they passed.  0; 1: no more of this
	 * session; -1 ends the reading. */
	int (*line)(void *arg, const struct input_line *);
	/* The connection is over. */
	void (*end)(void *arg, const char *session);
	void *arg;
};

struct input_info {
	enum input_format format;
	bool absolute;    /* times are of the day */
	uint64_t items;   /* objects or packets */
	uint64_t skipped; /* packets that are not whole TCP over IP */
	uint64_t gaps;    /* places where bytes are missing */
};

/*
 * Reads it all.  0, or -1 with an error that begins with the file and, where
 * there is one, the line or the packet; what was read before it has been
 * handed over.
 */
int input_read(const char *path, const struct input_handler *,
    struct input_info *, char error[INPUT_ERROR]);

const char *input_format_name(enum input_format);
/* What input_line.at counts: "line", "packet". */
const char *input_unit(enum input_format);

#endif
