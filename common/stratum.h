/*
 * Stratum V1, pure: bytes in, struct out.  What a line is, what must not be
 * stored of it, and what talks to us when it is not Stratum at all.  Nothing
 * here logs, keeps sessions or waits.
 */
#ifndef COMMON_STRATUM_H
#define COMMON_STRATUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STRATUM_LINE_MAX   65536 /* longer lines are not parsed */
#define STRATUM_DEPTH_MAX  64    /* arrays and objects, one level each */
#define STRATUM_METHOD_MAX 64    /* bytes of a method that are kept */
#define STRATUM_ID_MAX     64    /* bytes of an id that are kept */
#define STRATUM_TEXT_MAX   128   /* bytes of an agent, a worker, … */
#define STRATUM_ERROR_MAX  96    /* bytes of a parse error */
#define STRATUM_RANGES_MAX 32    /* secrets found one by one in a line */
#define STRATUM_FIRST_MAX  4096  /* first bytes that stratum_foreign() needs */

enum stratum_kind {
	STRATUM_NOT_JSON,   /* error says why */
	STRATUM_NOT_OBJECT, /* valid JSON, but no object */
	STRATUM_FOREIGN,    /* not JSON, but known: see protocol */
	STRATUM_REQUEST,
	STRATUM_NOTIFICATION,
	STRATUM_RESPONSE,
};

/* The methods of the field; others are STRATUM_M_OTHER. */
enum stratum_method {
	STRATUM_M_NONE,
	STRATUM_M_OTHER,
	/* miner to pool */
	STRATUM_M_SUBSCRIBE,
	STRATUM_M_CONFIGURE,
	STRATUM_M_AUTHORIZE,
	STRATUM_M_SUBMIT,
	STRATUM_M_EXTRANONCE_SUBSCRIBE,
	STRATUM_M_SUGGEST_DIFFICULTY,
	STRATUM_M_SUGGEST_TARGET,
	STRATUM_M_GET_TRANSACTIONS,
	STRATUM_M_GET_TXNHASHES,
	STRATUM_M_CAPABILITIES,
	STRATUM_M_HASHES_DONE,
	STRATUM_M_MULTI_VERSION,
	STRATUM_M_PONG,
	/* pool to miner */
	STRATUM_M_NOTIFY,
	STRATUM_M_SET_DIFFICULTY,
	STRATUM_M_SET_TARGET,
	STRATUM_M_SET_EXTRANONCE,
	STRATUM_M_SET_VERSION_MASK,
	STRATUM_M_SET_GOAL,
	STRATUM_M_RECONNECT,
	STRATUM_M_GET_VERSION,
	STRATUM_M_SHOW_MESSAGE,
	STRATUM_M_PING,
	/* other coins */
	STRATUM_M_CRYPTONOTE, /* login, submit, getjob, keepalived, job */
	STRATUM_M_ETHEREUM,   /* eth_… */
	STRATUM_M_COUNT
};

enum stratum_id_type {
	STRATUM_ID_NONE, /* no id member */
	STRATUM_ID_NULL,
	STRATUM_ID_INT,
	STRATUM_ID_STRING,
	STRATUM_ID_OTHER, /* real, bool, object, array */
};

/*
 * An id as a key: two are the same when type and value are.  An int is its
 * digits (-0 is 0), a string its decoded bytes, anything else the text as it
 * was written.  `len` is the whole length; of a longer one the first
 * STRATUM_ID_MAX bytes are kept and `hash` covers all of it (FNV-1a, with the
 * type: also good for a hash table).
 */
struct stratum_id {
	uint64_t hash;
	uint32_t len;
	uint8_t type; /* enum stratum_id_type */
	char text[STRATUM_ID_MAX];
};

enum stratum_protocol {
	STRATUM_P_STRATUM,
	STRATUM_P_MORE, /* stratum_foreign(): cannot be told yet */
	STRATUM_P_TLS,
	STRATUM_P_HTTP,
	STRATUM_P_PROXY_V1,
	STRATUM_P_PROXY_V2,
	STRATUM_P_SV2,
	STRATUM_P_CRYPTONOTE,
	STRATUM_P_ETHEREUM,
	STRATUM_P_ZCASH,
	STRATUM_P_TEXT,   /* readable, but nothing that is known */
	STRATUM_P_BINARY, /* neither readable nor known */
	STRATUM_P_COUNT
};

#define STRATUM_F_MULTIPLE     0x01 /* more than one object on the line */
#define STRATUM_F_DUP_KEY      0x02 /* a key of ours came twice: last wins */
#define STRATUM_F_ODD_METHOD   0x04 /* method is neither string nor null */
#define STRATUM_F_SENSITIVE    0x08 /* stratum_redact() before storing */
#define STRATUM_F_DIFFICULTY   0x10 /* `difficulty` is set */
#define STRATUM_F_HAS_RESULT   0x20
#define STRATUM_F_RESULT_TRUE  0x40
#define STRATUM_F_RESULT_FALSE 0x80
#define STRATUM_F_RESULT_NULL  0x100
#define STRATUM_F_ERROR        0x200 /* the other side says that it failed */
#define STRATUM_F_UTF8         0x400 /* the whole line is valid UTF-8 */
#define STRATUM_F_JSON         0x800 /* the whole line is one JSON value */

/*
 * What a line is.  Rules (stratum.md):
 * - With a `method` that is a string it is a notification if its method is
 *   one whatever the id (mining.notify, set_difficulty, …: Bitminter numbers
 *   them), or if it has no id or null; else a request.  Without one it is a
 *   response.
 * - STRATUM_F_ERROR: an `error` member that is neither null nor false (array,
 *   object or bare string); or ckpool's reject-reason beside a result that is
 *   not true.
 * - Several objects on one line are one message, that of the first one, with
 *   STRATUM_F_MULTIPLE.  Anything else behind an object is an `error` while
 *   kind and the other members still tell of the object.
 */
struct stratum_msg {
	uint8_t kind;      /* enum stratum_kind */
	uint8_t method;    /* enum stratum_method */
	uint8_t protocol;  /* enum stratum_protocol */
	uint16_t flags;    /* STRATUM_F_* */
	uint32_t n_params; /* members of the params array, 0 if it is none */
	/* The method as sent, valid UTF-8, NUL-terminated, cut if longer. */
	char method_text[STRATUM_METHOD_MAX + 1];
	uint8_t method_len;
	struct stratum_id id;
	/* The id as it is written in the line (points into it), or NULL. */
	const char *raw_id;
	uint32_t raw_id_len;
	/* params[0] of mining.set_difficulty and mining.suggest_difficulty. */
	double difficulty;
	/* mining.subscribe: params[0] and params[1] if strings, else "". */
	char user_agent[STRATUM_TEXT_MAX + 1];
	char mining_session[STRATUM_TEXT_MAX + 1];
	/* mining.authorize: params[0] if it is a string, else "". */
	char worker[STRATUM_TEXT_MAX + 1];
	/* "" if there was none, else e.g. "invalid JSON at byte 17". */
	char error[STRATUM_ERROR_MAX];
};

/*
 * A parser can be used for any number of lines, one at a time.  It holds all
 * the memory that parsing needs: nothing is allocated per line.
 */
struct stratum_parser;
struct stratum_parser *stratum_parser_new(void); /* NULL: no memory */
void stratum_parser_free(struct stratum_parser *);

/*
 * Classify one line, with or without its CR and blanks around.  A line cut
 * off by LINE_KEEP is given with `truncated`: it is never parsed.  Never
 * fails; whatever it is, *msg is filled.
 */
void stratum_classify(struct stratum_parser *, const void *line, size_t len,
    bool truncated, struct stratum_msg *msg);

/* Same type and value. */
bool stratum_id_equal(const struct stratum_id *, const struct stratum_id *);

/* A method's number by its name, and the name ("" for none and others). */
enum stratum_method stratum_method_find(const char *name, size_t len);
const char *stratum_method_name(enum stratum_method);
/* Never answered, whatever its id. */
bool stratum_method_notifies(enum stratum_method);
const char *stratum_kind_name(enum stratum_kind);

/* Bytes of a line that must not be kept: [start, start + len). */
struct stratum_range {
	uint32_t start;
	uint32_t len;
	bool scalar; /* a bare JSON number or word, not in quotes */
};

/*
 * Find the secrets of a line: every parameter but the first of
 * mining.authorize (and of eth_submitLogin; of a params object, every member
 * not named as user, worker or login), whatever its type and however deep,
 * and what follows the scheme in an HTTP Authorization header.  Works on
 * lines that are broken off or not quite JSON too, then rather hiding more.
 * Returns the number of ranges, at most max; with more secrets than that the
 * last range covers the rest of the line.  Ranges are in order and disjoint.
 */
size_t stratum_redact_find(const void *line, size_t len,
    struct stratum_range *ranges, size_t max);

/*
 * Hide them in place: as many '*' (a bare number or word becomes a string of
 * them, or 0 when it has one byte).  The length stays, and what was valid
 * JSON stays so.  Returns the number of ranges hidden.
 */
size_t stratum_redact(void *line, size_t len);

struct stratum_foreign {
	uint8_t protocol; /* enum stratum_protocol */
	const char *name; /* short: "TLS", "HTTP", … */
	const char *hint; /* a sentence for the operator */
	char detail[256]; /* TLS: the server name, printable; else "" */
};

/*
 * Name the protocol by the first bytes that a peer sent (of the stream, not
 * of a line; STRATUM_FIRST_MAX are enough).  STRATUM_P_MORE if that needs
 * more bytes, never so when `final` (no more will come) or at
 * STRATUM_FIRST_MAX.  Once it has answered, more bytes change nothing.
 */
void stratum_foreign(const void *first, size_t len, bool final,
    struct stratum_foreign *out);
const char *stratum_protocol_name(enum stratum_protocol);
const char *stratum_protocol_hint(enum stratum_protocol);

#endif
