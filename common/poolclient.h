/*
 * A miner's end of a conversation with a pool: what the pool said in, what is
 * to be sent out.  Pure: no socket, no clock, no log.  Whoever owns the
 * connection gives the bytes that came and the time, and sends what lies in
 * the out buffer.
 *
 *	mining.configure (if a version mask is wanted) and mining.subscribe,
 *	mining.authorize when that is answered, then shares
 *
 * The pool is a stranger: a line that is too long or no JSON, an answer to
 * nothing, a refusal of subscribe or authorize are its right, and end the
 * conversation at worst.
 */
#ifndef COMMON_POOLCLIENT_H
#define COMMON_POOLCLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/answer.h"
#include "common/jtree.h"
#include "common/msg.h"

#define POOLCLIENT_LINE_MAX 65536u
#define POOLCLIENT_TEXT     257
/* Submits that may wait for their answers. */
#define POOLCLIENT_WAITING  1024u

enum poolclient_state {
	POOLCLIENT_SUBSCRIBING,
	POOLCLIENT_AUTHORIZING,
	POOLCLIENT_READY,
	POOLCLIENT_FAILED /* why says why; nothing more is taken or sent */
};

struct poolclient_conf {
	char user_agent[64];
	char session[129]; /* second parameter of subscribe; "" none */
	char worker[POOLCLIENT_TEXT];
	char password[POOLCLIENT_TEXT];
	uint32_t version_mask; /* asked for; 0: no mining.configure */
};

/* What the pool has said about the session. */
struct poolclient_facts {
	bool subscribed;
	char extranonce1[129]; /* as written, hex */
	int64_t extranonce2_size;
	char session[129]; /* of the subscription to mining.notify; "" none */
	double difficulty; /* 0: not said yet */
	uint32_t version_mask; /* what it allows; 0 none */
};

/* An answer to a submit. */
struct poolclient_answer {
	uint64_t tag; /* the caller's */
	uint64_t waited_ns;
	struct answer said;
	const char *raw; /* the line, valid JSON, until the next call */
	size_t raw_len;
};

struct poolclient;

struct poolclient_ops {
	/* READY, or FAILED. */
	void (*on_state)(void *, enum poolclient_state);
	void (*on_answer)(void *, const struct poolclient_answer *);
	/* A notification, once facts have it; may be NULL. */
	void (*on_notice)(void *, const char *method, const struct jtree *,
	    uint32_t params);
};

/* NULL without memory.  The first lines lie in its out buffer. */
struct poolclient *poolclient_new(const struct poolclient_conf *,
    const struct poolclient_ops *, void *);
void poolclient_free(struct poolclient *);

/* Bytes that came.  A callback may free the client: -1 then, or when it has
 * failed; else 0. */
int poolclient_feed(struct poolclient *, const void *, size_t, uint64_t now_ns);
/* What is to be sent; the caller takes from its front what was taken. */
struct mbuf *poolclient_out(struct poolclient *);
void poolclient_sent(struct poolclient *, size_t);

enum poolclient_state poolclient_state(const struct poolclient *);
const char *poolclient_why(const struct poolclient *);
const struct poolclient_facts *poolclient_facts(const struct poolclient *);
/* How many submits wait for an answer. */
unsigned poolclient_waiting(const struct poolclient *);

/*
 * Submits a line that is one already: its id is replaced by one of ours,
 * everything else stays as it is.  -1: not ready, too many wait, no memory,
 * or it is no submit.
 */
int poolclient_submit_line(struct poolclient *, const char *line, size_t len,
    uint64_t tag, uint64_t now_ns);
/* The same of parameters: a JSON array. */
int poolclient_submit(struct poolclient *, const char *params, size_t len,
    uint64_t tag, uint64_t now_ns);
/* Nobody waits for its answers any more. */
void poolclient_forget(struct poolclient *, uint64_t tag);

/*
 * Is it a mining.submit that may be sent: one line, one JSON object in valid
 * UTF-8, with an id and parameters in an array?  0; -1 with why.
 */
int poolclient_check_line(struct jtree *, const char *line, size_t len,
    char *why, size_t size);

#endif
