/*
 * What the files of the configuration library share with each other: the
 * lexer, the values, and the table of what may be set, from which the
 * parser, the environment and the printer all work.
 */
#ifndef HASHSCOPED_CONF_INT_H
#define HASHSCOPED_CONF_INT_H

#include "hashscoped/conf.h"

#define CONF_TOKEN_LEN 1024 /* longest word or string, with the NUL */
#define CONF_QUOTE_LEN 96   /* a token as errors show it */
#define CONF_WHY_LEN   256

/* Where the defaults come from, in conf_addr.where. */

/* conf_lex.c */

enum conf_tok {
	TOK_EOF,
	TOK_WORD,
	TOK_STRING, /* was quoted */
	TOK_OPEN,
	TOK_CLOSE,
	TOK_BAD, /* the lexer has reported it already */
};

struct conf_lex {
	const char *name; /* of the file, for errors */
	const char *pos, *end;
	unsigned int line; /* of pos */
	struct conf_errors *errs;
	/* the token in hand */
	enum conf_tok tok;
	char text[CONF_TOKEN_LEN];
	unsigned int tok_line;
	int first;              /* it is the first of its line */
	unsigned int prev_line; /* of the token before */
};

/* Stands on the first token afterwards. */
void conf_lex_init(struct conf_lex *, const char *name, const char *text,
    size_t len, struct conf_errors *);
void conf_lex_next(struct conf_lex *);
/* The token in hand, for an error: quoted, escaped, cut. */
void conf_lex_show(const struct conf_lex *, char out[CONF_QUOTE_LEN]);

/* conf_value.c: text to values; -1 with a sentence in why. */

struct conf_why {
	char text[CONF_WHY_LEN];
};

/* Write the sentence; -1, so that it can be returned. */
int conf_say(struct conf_why *, const char *fmt, ...)
    __attribute__((__format__(printf, 2, 3)));
/* s between quotes, what is not printable ASCII escaped, cut when long. */
void conf_quote(const char *s, char out[CONF_QUOTE_LEN]);
/* Valid UTF-8 without control characters, the C1 ones included. */
int conf_text_ok(const char *s, size_t len);

/*
 * Numbers with the units K, M, G; ms, s, m, h, d; /s; %.  The formats are
 * the shortest text that means exactly the same.
 */
#define CONF_FORMAT_LEN 32
int conf_to_number(const char *s, uint64_t *out, struct conf_why *);
int conf_to_size(const char *s, uint64_t *out, struct conf_why *);
int conf_to_duration(const char *s, uint64_t *ms, struct conf_why *);
int conf_to_rate(const char *s, uint64_t *per_second, struct conf_why *);
int conf_to_percent(const char *s, uint64_t *bp, struct conf_why *);
void conf_format_size(uint64_t, char out[CONF_FORMAT_LEN]);
void conf_format_duration(uint64_t ms, char out[CONF_FORMAT_LEN]);
void conf_format_percent(uint64_t bp, char out[CONF_FORMAT_LEN]);
int conf_to_port(const char *s, uint16_t *out, struct conf_why *);

/* conf_addr.c: addresses, networks, pools. */

/*
 * One or, for "*", two addresses of a word such as 10.0.0.1, ::1, [::1] or
 * localhost; returns how many, or -1.  Their where is left alone.
 */
int conf_to_addrs(const char *host, uint16_t port, struct conf_addr out[2],
    struct conf_why *);
/* Set port, and with it text and id. */
void conf_addr_set_port(struct conf_addr *, uint16_t port);
/* Could not both be bound: the same, or one of them is the wildcard. */
int conf_addr_overlap(const struct conf_addr *, const struct conf_addr *);
/* Reached from this machine only. */
int conf_addr_loopback(const struct conf_addr *);
int conf_to_net(const char *s, struct conf_net *, struct conf_why *);
/* has_port says whether a port was in it; else CONF_POOL_PORT is set. */
int conf_to_pool(const char *s, struct conf_pool *, int *has_port,
    struct conf_why *);
/* A DNS name, or an address without brackets. */
int conf_host_ok(const char *s);
/*
 * Where there are no listeners, those which are there by default: as if the
 * file had said listen on * port 3333, and 127.0.0.1 port 8000 in console.
 */
void conf_add_default_listeners(struct config *);

/* conf_table.c: what can be set. */

enum conf_kind {
	KIND_NUMBER,   /* uint64_t */
	KIND_SIZE,     /* uint64_t, bytes */
	KIND_DURATION, /* uint64_t, ms */
	KIND_RATE,     /* uint64_t, a second */
	KIND_PERCENT,  /* uint64_t, hundredths of a percent */
	KIND_CHOICE,   /* int, index of the word among choices */
	KIND_STRING,   /* char[CONF_NAME_LEN] */
	KIND_LIST,     /* char[max][CONF_NAME_LEN], and its size_t */
};

#define KEY_SECRET 0x1 /* asterisks in conf_print_public */

/* The normal form of a string (in may not fit), or -1. */
typedef int conf_norm(const char *in, char out[CONF_NAME_LEN],
    struct conf_why *);

/*
 * One value.  A row without a word is one more value of the statement in
 * the row before it.
 */
struct conf_key {
	const char *word;
	const char *sub; /* a second word, or NULL */
	enum conf_kind kind;
	size_t off;       /* of the value in struct config */
	uint64_t min;     /* numbers: the bounds, both allowed */
	uint64_t max;     /* lists: how many */
	uint64_t step;    /* numbers: only multiples of it; 0: any */
	size_t count_off; /* lists: of the size_t that counts */
	const char *choices[4];
	conf_norm *norm;
	unsigned int flags;
};

struct conf_block {
	const char *name; /* "" for the top level */
	const struct conf_key *keys;
	size_t nkeys;
	const char *extra[16]; /* first words which the parser handles itself */
};

#define CONF_MAX_KEYS   32 /* in one block */
#define CONF_MAX_BLOCKS 11 /* the top level among them */

/* The blocks in the canonical order, the top level first; NULL past the end. */
const struct conf_block *conf_block_at(size_t);
/* The block of that name, "" being the top level; NULL. */
const struct conf_block *conf_block_find(const char *name);
/* Its key with these words (sub may be NULL); NULL. */
const struct conf_key *conf_key_find(const struct conf_block *,
    const char *word, const char *sub);
/* A number of that kind, with its unit. */
void conf_format_number(enum conf_kind, uint64_t, char out[CONF_FORMAT_LEN]);
/* Set it (a list: add to it) from text. */
int conf_set(struct config *, const struct conf_key *, const char *text,
    struct conf_why *);

/* conf.c */

/* Read all of fd, at most CONF_MAX_FILE bytes; -1 with a sentence. */
int conf_slurp(int fd, char **text, size_t *len, struct conf_why *);

#endif
