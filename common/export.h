/*
 * Messages as a file: JSON lines, CSV, pcapng.  Whoever exports asks the
 * store for pages, oldest first; this writes them.
 *
 * Each session opens with its context, as far as the store has it: earlier
 * messages without which nothing of what follows can be judged (extranonce,
 * difficulties, mask, the latest jobs).  They are marked, and otherwise
 * messages like all others, so `hashscopectl verify' takes the file as it is.
 */
#ifndef COMMON_EXPORT_H
#define COMMON_EXPORT_H

#include "common/pcapng.h"
#include "common/record.h"

enum export_format {
	EXPORT_JSONL,
	EXPORT_CSV,
	EXPORT_PCAPNG
};

/* What of a session before the first message is its context. */
struct export_context {
	const char *method;
	uint32_t limit; /* so many, the newest */
};
#define EXPORT_CONTEXTS 8
const struct export_context *export_contexts(void);
/* Rows of all of them together, at most. */
#define EXPORT_CONTEXT_ROWS 32

struct export_session {
	uint8_t id[16];
	struct pcapng_stream stream;
};

struct export
{
	enum export_format format;
	struct export_session *session;
	unsigned nsessions, room;
};

/* -1: no such format. */
int export_format_find(const char *);
const char *export_type(enum export_format); /* content type */
const char *export_suffix(enum export_format);

void export_init(struct export *, enum export_format);
void export_free(struct export *);
void export_begin(const struct export *, struct mbuf *out);
/* Whether its context has been written. */
bool export_knows(const struct export *, const uint8_t session[16]);
/*
 * A session opens with the n messages of its context, which are sorted for
 * that; s NULL when nothing is known of it.  us: when what follows came.
 * -1 without memory.
 */
int export_open(struct export *, const uint8_t id[16],
    const struct session_rec *s, struct message_rec *context, unsigned n,
    int64_t us, struct mbuf *out);
void export_message(struct export *, const struct message_rec *,
    struct mbuf *out);

#endif
