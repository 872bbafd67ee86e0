/*
 * The lexer of hashscope.conf: words, quoted strings and braces, with the
 * line that each stands on.  What it cannot read it reports itself, once,
 * and returns as TOK_BAD, so that the parser can go on.
 */
#include <string.h>

#include "hashscoped/conf_int.h"

static void
lex_error(struct conf_lex *lx, unsigned int line, const char *what)
{
	char where[CONF_WHERE_LEN];

	snprintf(where, sizeof(where), "%s:%u", lx->name, line);
	conf_error(lx->errs, where, "%s", what);
}

/* Skip blanks and comments; whether a line began on the way. */
static int
lex_blanks(struct conf_lex *lx)
{
	int first = 0;

	while (lx->pos < lx->end) {
		char c = *lx->pos;

		if (c == '#') {
			while (lx->pos < lx->end && *lx->pos != '\n')
				lx->pos++;
			continue;
		}
		if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
			break;
		if (c == '\n') {
			lx->line++;
			first = 1;
		}
		lx->pos++;
	}
	return first;
}

static int
is_word(char c)
{
	return c > ' ' && c < 0x7f && strchr("{}\"#;", c) == NULL;
}

static int
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum conf_tok
lex_word(struct conf_lex *lx)
{
	size_t len = 0;

	while (lx->pos < lx->end && is_word(*lx->pos)) {
		if (len < sizeof(lx->text) - 1)
			lx->text[len] = *lx->pos;
		len++;
		lx->pos++;
	}
	if (len >= sizeof(lx->text)) {
		lex_error(lx, lx->line, "a word is too long");
		return TOK_BAD;
	}
	lx->text[len] = '\0';
	return TOK_WORD;
}

static int
is_strange(char c)
{
	return !is_word(c) && !is_blank(c) && memchr("{}\"#", c, 4) == NULL;
}

/* Bytes that no word can have: one error for all of a run. */
static enum conf_tok
lex_strange(struct conf_lex *lx)
{
	unsigned char c = (unsigned char)*lx->pos;
	char what[96];

	if (c == ';')
		snprintf(what, sizeof(what),
		    "\";\" is not used: a space or a new line separates "
		    "statements");
	else
		snprintf(what, sizeof(what), "byte 0x%02x outside of quotes",
		    c);
	lex_error(lx, lx->line, what);
	/* Of a word with such a byte nothing is of use; a ";" only ends one. */
	while (lx->pos < lx->end && is_strange(*lx->pos))
		lx->pos++;
	while (c != ';' && lx->pos < lx->end &&
	    (is_strange(*lx->pos) || is_word(*lx->pos)))
		lx->pos++;
	return TOK_BAD;
}

/* Behind a backslash: the byte that is meant, or -1. */
static int
lex_escape(struct conf_lex *lx)
{
	if (lx->pos < lx->end && (*lx->pos == '"' || *lx->pos == '\\'))
		return *lx->pos++;
	lex_error(lx, lx->line,
	    "unknown escape in a string: only \\\" and \\\\ are known");
	return -1;
}

static enum conf_tok
lex_string(struct conf_lex *lx)
{
	enum conf_tok tok = TOK_STRING;
	size_t len = 0;
	int c;

	lx->pos++;
	for (;;) {
		if (lx->pos == lx->end || *lx->pos == '\n') {
			lex_error(lx, lx->line,
			    "the string is not closed on its line");
			return TOK_BAD;
		}
		c = (unsigned char)*lx->pos++;
		if (c == '"')
			break;
		if (c == '\\' && (c = lex_escape(lx)) == -1) {
			tok = TOK_BAD;
			continue;
		}
		if (len < sizeof(lx->text) - 1)
			lx->text[len] = (char)c;
		len++;
	}
	if (len >= sizeof(lx->text)) {
		lex_error(lx, lx->line, "a string is too long");
		return TOK_BAD;
	}
	lx->text[len] = '\0';
	if (!conf_text_ok(lx->text, len)) {
		lex_error(lx, lx->line,
		    "control character, or not UTF-8, in "
		    "a string");
		return TOK_BAD;
	}
	return tok;
}

void
conf_lex_next(struct conf_lex *lx)
{
	lx->prev_line = lx->tok_line;
	lx->first = lex_blanks(lx) || lx->tok_line == 0;
	lx->tok_line = lx->line;
	lx->text[0] = '\0';
	if (lx->pos == lx->end) {
		lx->tok = TOK_EOF;
	} else if (*lx->pos == '{' || *lx->pos == '}') {
		lx->tok = *lx->pos++ == '{' ? TOK_OPEN : TOK_CLOSE;
	} else if (*lx->pos == '"') {
		lx->tok = lex_string(lx);
	} else if (is_word(*lx->pos)) {
		lx->tok = lex_word(lx);
	} else {
		lx->tok = lex_strange(lx);
	}
}

void
conf_lex_init(struct conf_lex *lx, const char *name, const char *text,
    size_t len, struct conf_errors *errs)
{
	memset(lx, 0, sizeof(*lx));
	lx->name = name;
	lx->pos = text;
	lx->end = text + len;
	lx->line = 1;
	lx->errs = errs;
	conf_lex_next(lx);
}

void
conf_lex_show(const struct conf_lex *lx, char out[CONF_QUOTE_LEN])
{
	static const char *const names[] = {
		[TOK_EOF] = "the end of the file",
		[TOK_OPEN] = "\"{\"",
		[TOK_CLOSE] = "\"}\"",
		[TOK_BAD] = "what stands here",
	};

	if (lx->tok == TOK_WORD || lx->tok == TOK_STRING)
		conf_quote(lx->text, out);
	else
		snprintf(out, CONF_QUOTE_LEN, "%s", names[lx->tok]);
}
