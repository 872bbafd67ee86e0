/*
 * The parser's state and its small steps, for the files that parse.
 */
#ifndef HASHSCOPED_CONF_PARSE_H
#define HASHSCOPED_CONF_PARSE_H

#include "hashscoped/conf_int.h"

/* What one conf_parse has in hand. */
struct conf_parser {
	struct config *c;
	struct conf_errors *errs;
	const struct conf_io *io; /* NULL: no includes */
	unsigned int includes;
	unsigned int depth;
	struct conf_listen scratch; /* the listener being read */
	/* where each value was set: [block][key] */
	char seen[CONF_MAX_BLOCKS][CONF_MAX_KEYS][CONF_WHERE_LEN];
};

/* A handler stands on the first word of its statement; -1 after an error,
 * when the parser shall look for the next statement. */
typedef int conf_handler(struct conf_parser *, struct conf_lex *);

/* "file:line" of that line. */
void conf_at(const struct conf_lex *, unsigned int line,
    char out[CONF_WHERE_LEN]);
/* An error at the token in hand; -1, so that it can be returned. */
int conf_fail(struct conf_parser *, const struct conf_lex *, const char *, ...)
    __attribute__((__format__(printf, 3, 4)));
/* "what was expected"; nothing when the lexer has spoken already.  -1. */
int conf_expected(struct conf_parser *, const struct conf_lex *,
    const char *what);
/* Whether the token in hand can begin a statement of this block. */
int conf_begins(const struct conf_lex *, const struct conf_block *);
/*
 * Check that a value is in hand.  A word which begins a statement is not
 * one: the value was forgotten, and that statement must not vanish with it.
 */
int conf_want_value(struct conf_parser *, struct conf_lex *,
    const struct conf_block *, const char *what);
/* The same for a word, which is consumed. */
int conf_want_word(struct conf_parser *, struct conf_lex *, const char *word);
/*
 * Whether a list goes on: on the same line, with a value written like the
 * one before (was), so that a mistyped statement is not taken for a value.
 */
int conf_list_goes_on(const struct conf_lex *, const struct conf_block *,
    enum conf_tok was);
/*
 * The statements of a block, from its "{" to behind its "}"; those of the
 * top level, to the end of the file.
 */
void conf_parse_statements(struct conf_parser *, struct conf_lex *,
    const struct conf_block *);

conf_handler conf_parse_listen, conf_parse_console_listen;
conf_handler conf_parse_pool, conf_parse_proxy;

#endif
