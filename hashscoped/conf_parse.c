/*
 * The parser of hashscope.conf.  Statements are told apart by their first
 * word; most are rows of conf_table.c, the others have a handler here.
 *
 * An error never ends the parsing: a bad value is reported and skipped, and
 * after a bad statement the parser goes on at the next line, the next word
 * that can begin a statement, or the end of the block, so that the operator
 * sees everything in one go.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hashscoped/conf_parse.h"

void
conf_at(const struct conf_lex *lx, unsigned int line, char out[CONF_WHERE_LEN])
{
	snprintf(out, CONF_WHERE_LEN, "%s:%u", lx->name, line);
}

/* An error at the token in hand; -1, so that it can be returned. */
int
conf_fail(struct conf_parser *p, const struct conf_lex *lx, const char *fmt,
    ...)
{
	char at[CONF_WHERE_LEN];
	struct conf_why why;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why.text, sizeof(why.text), fmt, ap);
	va_end(ap);
	conf_at(lx, lx->tok_line, at);
	conf_error(p->errs, at, "%s", why.text);
	return -1;
}

/* "X was expected"; nothing when the lexer has spoken already. */
int
conf_expected(struct conf_parser *p, const struct conf_lex *lx,
    const char *what)
{
	char q[CONF_QUOTE_LEN], at[CONF_WHERE_LEN];

	if (lx->tok == TOK_BAD)
		return -1;
	if (lx->first && lx->tok != TOK_EOF) {
		/* Something is missing, and not on this line. */
		conf_at(lx, lx->prev_line, at);
		conf_error(p->errs, at,
		    "%s was expected instead of the end of the line", what);
		return -1;
	}
	conf_lex_show(lx, q);
	return conf_fail(p, lx, "%s was expected instead of %s", what, q);
}

/* Whether the token in hand can begin a statement of this block. */
int
conf_begins(const struct conf_lex *lx, const struct conf_block *b)
{
	size_t i;

	if (lx->tok != TOK_WORD)
		return 0;
	for (i = 0; b->extra[i] != NULL; i++)
		if (strcmp(b->extra[i], lx->text) == 0)
			return 1;
	return conf_key_find(b, lx->text, NULL) != NULL;
}

/* Behind a "{": to behind its "}". */
static void
skip_block(struct conf_lex *lx)
{
	unsigned int depth = 1;

	while (depth > 0 && lx->tok != TOK_EOF) {
		if (lx->tok == TOK_OPEN)
			depth++;
		else if (lx->tok == TOK_CLOSE)
			depth--;
		conf_lex_next(lx);
	}
}

/* After an error: to where the next statement may begin. */
static void
recover(struct conf_lex *lx, const struct conf_block *b)
{
	while (lx->tok != TOK_EOF && lx->tok != TOK_CLOSE) {
		if (lx->tok == TOK_OPEN) {
			conf_lex_next(lx);
			skip_block(lx);
			return;
		}
		if (lx->first || conf_begins(lx, b))
			return;
		conf_lex_next(lx);
	}
}

/*
 * Whether a value is in hand.  A word which begins a statement is not one:
 * the value was forgotten, and the next statement must not vanish with it.
 */
static int
is_value(const struct conf_lex *lx, const struct conf_block *b)
{
	if (lx->tok == TOK_WORD)
		return !conf_begins(lx, b);
	return lx->tok == TOK_STRING || lx->tok == TOK_BAD;
}

int
conf_want_value(struct conf_parser *p, struct conf_lex *lx,
    const struct conf_block *b, const char *what)
{
	return is_value(lx, b) ? 0 : conf_expected(p, lx, what);
}

int
conf_want_word(struct conf_parser *p, struct conf_lex *lx, const char *word)
{
	char q[CONF_QUOTE_LEN];

	if (lx->tok == TOK_WORD && strcmp(lx->text, word) == 0) {
		conf_lex_next(lx);
		return 0;
	}
	conf_quote(word, q);
	return conf_expected(p, lx, q);
}

/*
 * Whether the list goes on: on the same line, with a value written like the
 * one before (was), so that a mistyped statement is not taken for a value.
 */
int
conf_list_goes_on(const struct conf_lex *lx, const struct conf_block *b,
    enum conf_tok was)
{
	return !lx->first && lx->tok == was && is_value(lx, b);
}

/* A row of the table. */

static void
set_value(struct conf_parser *p, struct conf_lex *lx, const struct conf_key *k,
    const char *name)
{
	struct conf_why why;

	/* A quoted number would hide that it is one. */
	if (lx->tok == TOK_STRING && k->kind != KIND_STRING &&
	    k->kind != KIND_LIST)
		conf_expected(p, lx, "a value without quotes");
	else if (lx->tok != TOK_BAD && conf_set(p->c, k, lx->text, &why) == -1)
		conf_fail(p, lx, "%s: %s", name, why.text);
	conf_lex_next(lx);
}

/* Where the place of a value is noted. */
static char *
seen_at(struct conf_parser *p, const struct conf_block *b,
    const struct conf_key *k)
{
	size_t i = 0;

	while (conf_block_at(i) != b)
		i++;
	return p->seen[i][k - b->keys];
}

static void
note_seen(struct conf_parser *p, const struct conf_lex *lx,
    const struct conf_block *b, const struct conf_key *k, const char *name)
{
	char *seen = seen_at(p, b, k);

	if (seen[0] != '\0' && k->kind != KIND_LIST)
		conf_fail(p, lx, "%s is set twice, first at %s", name, seen);
	else
		conf_at(lx, lx->tok_line, seen);
}

/* One value after the other, as a list or as rows that belong together. */
static int
parse_key_values(struct conf_parser *p, struct conf_lex *lx,
    const struct conf_block *b, const struct conf_key *k, const char *name)
{
	const struct conf_key *end = b->keys + b->nkeys;
	enum conf_tok was;
	char what[96];

	snprintf(what, sizeof(what), "the value of %s", name);
	for (;;) {
		if (conf_want_value(p, lx, b, what) == -1)
			return -1;
		was = lx->tok;
		set_value(p, lx, k, name);
		if (k->kind == KIND_LIST) {
			if (!conf_list_goes_on(lx, b, was))
				return 0;
		} else if (++k == end || k->word != NULL) {
			return 0;
		}
	}
}

/* "share or telemetry after kind": the second words that there are. */
static void
name_subs(const struct conf_block *b, const char *word, char *out, size_t size)
{
	size_t i, len = 0;

	for (i = 0; i < b->nkeys && len < size; i++)
		if (b->keys[i].word != NULL &&
		    strcmp(b->keys[i].word, word) == 0)
			len += (size_t)snprintf(out + len, size - len, "%s%s",
			    len > 0 ? " or " : "", b->keys[i].sub);
	if (len < size)
		snprintf(out + len, size - len, " after %s", word);
}

/* Behind its first word. */
static int
parse_key_rest(struct conf_parser *p, struct conf_lex *lx,
    const struct conf_block *b, const struct conf_key *k)
{
	const char *word = k->word;
	char name[64];

	snprintf(name, sizeof(name), "%s", word);
	if (k->sub != NULL) {
		k = lx->tok == TOK_WORD ? conf_key_find(b, word, lx->text) :
					  NULL;
		if (k == NULL) {
			name_subs(b, word, name, sizeof(name));
			return conf_expected(p, lx, name);
		}
		snprintf(name, sizeof(name), "%s %s", word, k->sub);
		conf_lex_next(lx);
	}
	note_seen(p, lx, b, k, name);
	return parse_key_values(p, lx, b, k, name);
}

static int
parse_key(struct conf_parser *p, struct conf_lex *lx,
    const struct conf_block *b, const struct conf_key *k)
{
	conf_lex_next(lx);
	return parse_key_rest(p, lx, b, k);
}

/* on or off into the pattern that is to be added. */
static void
add_pattern(struct conf_parser *p, struct conf_lex *lx,
    struct conf_pattern *new)
{
	struct conf_nostr *n = &p->c->nostr;
	char q[CONF_QUOTE_LEN];

	conf_quote(new->pattern, q);
	new->on = strcmp(lx->text, "on") == 0;
	if (!new->on && strcmp(lx->text, "off") != 0) {
		conf_expected(p, lx, "on or off");
		return;
	}
	for (size_t i = 0; i < n->npatterns; i++) {
		if (strcmp(n->patterns[i].pattern, new->pattern) == 0) {
			conf_fail(p, lx, "broadcast worker %s is there already",
			    q);
			return;
		}
	}
	if (n->npatterns == CONF_MAX_PATTERNS)
		conf_fail(p, lx,
		    "broadcast worker %s is one too many: at most %d", q,
		    CONF_MAX_PATTERNS);
	else if (new->pattern[0] != '\0')
		n->patterns[n->npatterns++] = *new;
}

/* A worker's name, or what it looks like. */
static void
read_pattern(struct conf_parser *p, struct conf_lex *lx,
    struct conf_pattern *new)
{
	size_t len = strlen(lx->text);

	if (lx->tok == TOK_BAD)
		return;
	if (len == 0 || len >= sizeof(new->pattern) ||
	    !conf_text_ok(lx->text, len))
		conf_fail(p, lx,
		    "broadcast worker: a name of 1 to %zu bytes was expected",
		    sizeof(new->pattern) - 1);
	else
		memcpy(new->pattern, lx->text, len + 1);
}

/* broadcast default on|off, broadcast worker "pattern" on|off */
static int
parse_broadcast(struct conf_parser *p, struct conf_lex *lx)
{
	const struct conf_block *b = conf_block_find("nostr");
	struct conf_pattern new = { .on = 0 };

	conf_lex_next(lx);
	if (lx->tok == TOK_WORD && strcmp(lx->text, "default") == 0)
		return parse_key_rest(p, lx, b,
		    conf_key_find(b, "broadcast", "default"));
	if (lx->tok != TOK_WORD || strcmp(lx->text, "worker") != 0)
		return conf_expected(p, lx,
		    "default or worker after broadcast");
	conf_lex_next(lx);
	if (conf_want_value(p, lx, b, "a worker's name") == -1)
		return -1;
	read_pattern(p, lx, &new);
	conf_lex_next(lx);
	if (conf_want_value(p, lx, b, "on or off") == -1)
		return -1;
	if (lx->tok != TOK_BAD)
		add_pattern(p, lx, &new);
	conf_lex_next(lx);
	return 0;
}

/* log text|json, log verbose|brief: one word, two values. */
static int
parse_log(struct conf_parser *p, struct conf_lex *lx)
{
	struct config *c = p->c;

	conf_lex_next(lx);
	if (conf_want_value(p, lx, conf_block_find(""), "the kind of log") ==
	    -1)
		return -1;
	if (strcmp(lx->text, "text") == 0)
		c->log_json = 0;
	else if (strcmp(lx->text, "json") == 0)
		c->log_json = 1;
	else if (strcmp(lx->text, "brief") == 0)
		c->log_verbose = 0;
	else if (strcmp(lx->text, "verbose") == 0)
		c->log_verbose = 1;
	else
		conf_expected(p, lx, "log text, json, brief or verbose");
	conf_lex_next(lx);
	return 0;
}

/* Files. */

/* The path of an include, relative to the directory of the file it is in. */
static char *
include_path(const char *from, const char *path)
{
	const char *slash = strrchr(from, '/');
	char *out;

	if (path[0] == '/' || slash == NULL)
		return strdup(path);
	if (asprintf(&out, "%.*s/%s", (int)(slash - from), from, path) == -1)
		return NULL;
	return out;
}

static void
parse_text(struct conf_parser *p, const char *name, const char *text,
    size_t len)
{
	const struct conf_block *top = conf_block_find("");
	struct conf_lex *lx;

	/* Too large for the stack of eight includes. */
	lx = malloc(sizeof(*lx));
	if (lx == NULL) {
		conf_error(p->errs, name, "out of memory");
		return;
	}
	conf_lex_init(lx, name, text, len, p->errs);
	conf_parse_statements(p, lx, top);
	free(lx);
}

/* Read and parse a file; the sentence in why when it cannot be read. */
static int
parse_file(struct conf_parser *p, const char *path, struct conf_why *why)
{
	char *text;
	size_t len;
	int fd, saved;

	why->text[0] = '\0';
	fd = p->io->open(p->io->arg, path, why->text, sizeof(why->text));
	if (fd == -1) {
		saved = errno;
		if (why->text[0] == '\0')
			conf_say(why, "%s", strerror(saved));
		errno = saved;
		return -1;
	}
	if (conf_slurp(fd, &text, &len, why) == -1) {
		close(fd);
		errno = EIO; /* anything but ENOENT: the file is there */
		return -1;
	}
	close(fd);
	parse_text(p, path, text, len);
	free(text);
	return 0;
}

/* Why there can be no include here; NULL when there can. */
static const char *
include_refused(const struct conf_parser *p)
{
	if (p->io == NULL)
		return "include is not possible here";
	if (p->depth == CONF_MAX_DEPTH)
		return "includes are nested too deeply: at most 8";
	if (p->includes == CONF_MAX_INCLUDES)
		return "too many includes: at most 64";
	return NULL;
}

static int
parse_include(struct conf_parser *p, struct conf_lex *lx)
{
	const char *refused;
	char q[CONF_QUOTE_LEN];
	struct conf_why why;
	char *path;

	conf_lex_next(lx);
	if (conf_want_value(p, lx, conf_block_find(""), "a file name") == -1)
		return -1;
	refused = include_refused(p);
	if (refused != NULL) {
		conf_fail(p, lx, "%s", refused);
	} else if (lx->tok != TOK_BAD) {
		path = include_path(lx->name, lx->text);
		p->includes++;
		p->depth++;
		conf_quote(lx->text, q);
		if (path == NULL)
			conf_fail(p, lx, "include %s: out of memory", q);
		else if (parse_file(p, path, &why) == -1)
			conf_fail(p, lx, "include %s: %s", q, why.text);
		p->depth--;
		free(path);
	}
	conf_lex_next(lx);
	return 0;
}

/* Blocks and statements. */

static const struct {
	const char *block, *word;
	conf_handler *run;
} handlers[] = {
	{ "", "include", parse_include },
	{ "", "listen", conf_parse_listen },
	{ "", "log", parse_log },
	{ "console", "listen", conf_parse_console_listen },
	{ "listen", "pool", conf_parse_pool },
	{ "listen", "proxy", conf_parse_proxy },
	{ "nostr", "broadcast", parse_broadcast },
};

static conf_handler *
find_handler(const struct conf_block *b, const char *word)
{
	size_t i;

	for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (strcmp(handlers[i].block, b->name) == 0 &&
		    strcmp(handlers[i].word, word) == 0)
			return handlers[i].run;
	return NULL;
}

static int
parse_block(struct conf_parser *p, struct conf_lex *lx,
    const struct conf_block *b)
{
	char what[64];

	conf_lex_next(lx);
	if (lx->tok != TOK_OPEN) {
		snprintf(what, sizeof(what), "\"{\" after %s", b->name);
		return conf_expected(p, lx, what);
	}
	/* That it is there at all turns it on, unless it says no. */
	if (strcmp(b->name, "nostr") == 0)
		p->c->nostr.enabled = 1;
	conf_parse_statements(p, lx, b);
	return 0;
}

static int
parse_unknown(struct conf_parser *p, struct conf_lex *lx,
    const struct conf_block *b)
{
	char q[CONF_QUOTE_LEN];

	if (lx->tok == TOK_BAD) {
		conf_lex_next(lx);
		return 0;
	}
	conf_lex_show(lx, q);
	if (b->name[0] == '\0')
		conf_fail(p, lx, "unknown statement %s", q);
	else
		conf_fail(p, lx, "unknown statement %s in %s", q, b->name);
	if (lx->tok != TOK_OPEN)
		conf_lex_next(lx);
	return -1;
}

static int
parse_statement(struct conf_parser *p, struct conf_lex *lx,
    const struct conf_block *b)
{
	const struct conf_block *inner = NULL;
	const struct conf_key *k = NULL;
	conf_handler *run = NULL;

	if (lx->tok == TOK_WORD) {
		run = find_handler(b, lx->text);
		k = conf_key_find(b, lx->text, NULL);
		if (b->name[0] == '\0')
			inner = conf_block_find(lx->text);
	}
	if (run != NULL)
		return run(p, lx);
	if (k != NULL)
		return parse_key(p, lx, b, k);
	if (inner != NULL)
		return parse_block(p, lx, inner);
	return parse_unknown(p, lx, b);
}

/*
 * The statements of a block, from its "{" to behind its "}"; those of the
 * top level, to the end of the file.
 */
void
conf_parse_statements(struct conf_parser *p, struct conf_lex *lx,
    const struct conf_block *b)
{
	int top = b->name[0] == '\0';
	char opened[CONF_WHERE_LEN];

	conf_at(lx, lx->tok_line, opened);
	if (!top)
		conf_lex_next(lx);
	while (lx->tok != TOK_EOF) {
		if (lx->tok == TOK_CLOSE) {
			if (top)
				conf_fail(p, lx, "\"}\" without a \"{\"");
			conf_lex_next(lx);
			if (!top)
				return;
			continue;
		}
		if (parse_statement(p, lx, b) == -1)
			recover(lx, b);
	}
	if (!top)
		conf_error(p->errs, opened, "the block of %s is not closed",
		    b->name);
}

/* What depends on two values; at the line of the one or the other. */
static void
check_restart(struct conf_parser *p)
{
	const struct conf_block *b = conf_block_find("timers");
	const struct conf_timers *t = &p->c->timers;
	const char *min, *max;

	min = seen_at(p, b, conf_key_find(b, "restart-min", NULL));
	max = seen_at(p, b, conf_key_find(b, "restart-max", NULL));
	if (t->restart_min > t->restart_max)
		conf_error(p->errs, max[0] != '\0' ? max : min,
		    "restart-min is longer than restart-max");
}

static struct conf_parser *
parser_new(struct config *c, const struct conf_io *io, struct conf_errors *errs,
    const char *name)
{
	struct conf_parser *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		conf_error(errs, name, "out of memory");
		return NULL;
	}
	p->c = c;
	p->io = io;
	p->errs = errs;
	return p;
}

int
conf_parse(struct config *c, const char *path, const struct conf_io *io,
    struct conf_errors *errs)
{
	static const struct conf_io checked = { conf_open_checked, NULL };
	size_t before = errs->n + errs->more;
	struct conf_why why;
	struct conf_parser *p;

	p = parser_new(c, io != NULL ? io : &checked, errs, path);
	if (p == NULL)
		return -1;
	errno = 0;
	if (parse_file(p, path, &why) == -1) {
		errs->missing = errno == ENOENT;
		conf_error(errs, path, "%s", why.text);
	} else {
		check_restart(p);
	}
	free(p);
	return errs->n + errs->more == before ? 0 : -1;
}

int
conf_parse_buf(struct config *c, const char *name, const char *text, size_t len,
    const struct conf_io *io, struct conf_errors *errs)
{
	size_t before = errs->n + errs->more;
	struct conf_parser *p;

	p = parser_new(c, io, errs, name);
	if (p == NULL)
		return -1;
	parse_text(p, name, text, len);
	check_restart(p);
	free(p);
	return errs->n + errs->more == before ? 0 : -1;
}
