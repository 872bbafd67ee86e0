/*
 * Users, tokens, login URLs and the audit log.  Passwords are asked for on
 * the terminal, twice and without echo, or are the first line of stdin when
 * that is no terminal; they are never arguments, which others can see.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/jtree.h"
#include "hashscopectl/ctl.h"
#include "hashscopectl/text.h"

#define PASSWORD_MAX 257
#define AUDIT_PAGE   1000 /* lines in one question */
#define AUDIT_PEOPLE 50   /* when nobody said last */

/* --- passwords --- */

/* One line without its end; -1 at the end, when it is too long, or when one
 * of the signals came that are let in while it waits. */
static int
read_line(char *buf, size_t size, const sigset_t *mask)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	size_t n = 0;
	char c;

	for (;;) {
		ssize_t r = mask == NULL ? 1 : ppoll(&pfd, 1, NULL, mask);

		if (r != -1)
			r = read(STDIN_FILENO, &c, 1);
		if (r == -1)
			return -1;
		if (r <= 0 && n == 0)
			return -1;
		if (r <= 0 || c == '\n')
			break;
		if (n == size - 1)
			return -1;
		buf[n++] = c;
	}
	buf[n] = '\0';
	return 0;
}

/* What came while the terminal had no echo. */
static volatile sig_atomic_t interrupted;

static void
on_signal(int sig)
{
	interrupted = sig;
}

/* A signal must not leave the terminal without its echo: it comes only while
 * we wait for a key, and is acted on when the echo is back. */
static int
ask_once(const char *prompt, char *buf, size_t size)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction catch = { .sa_handler = on_signal }, was[4];
	struct termios old, quiet;
	sigset_t blocked, mask;
	int r;

	if (tcgetattr(STDIN_FILENO, &old) == -1)
		return -1;
	interrupted = 0;
	sigemptyset(&blocked);
	for (unsigned i = 0; i < 4; i++)
		sigaddset(&blocked, sigs[i]);
	sigprocmask(SIG_BLOCK, &blocked, &mask);
	for (unsigned i = 0; i < 4; i++) {
		sigaction(sigs[i], NULL, &was[i]);
		if (was[i].sa_handler != SIG_IGN)
			sigaction(sigs[i], &catch, NULL);
	}
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	quiet.c_cc[VSUSP] = _POSIX_VDISABLE;
	fputs(prompt, stderr);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	r = read_line(buf, size, &mask);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	fputc('\n', stderr);
	for (unsigned i = 0; i < 4; i++)
		sigaction(sigs[i], &was[i], NULL);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (interrupted != 0)
		raise(interrupted);
	return r;
}

/* An exit code. */
static int
ask_password(char *buf, size_t size)
{
	char again[PASSWORD_MAX];
	int same;

	if (!isatty(STDIN_FILENO)) {
		if (read_line(buf, size, NULL) == 0)
			return EXIT_OK;
		return ctl_no("a password of at most 256 bytes is expected on "
			      "stdin");
	}
	if (ask_once("password: ", buf, size) == -1 ||
	    ask_once("again: ", again, sizeof(again)) == -1)
		return ctl_no("no password");
	same = strcmp(buf, again) == 0;
	explicit_bzero(again, sizeof(again));
	return same ? EXIT_OK : ctl_no("the two are not the same");
}

/* --- acts on a name --- */

static void
named(const struct ctl *c, enum act_kind kind, struct act *a)
{
	memset(a, 0, sizeof(*a));
	a->kind = (uint8_t)kind;
	a->role = c->cmd.role;
	snprintf(a->name, sizeof(a->name), "%s", c->cmd.name);
}

static int
with_password(struct ctl *c, enum act_kind kind)
{
	char password[PASSWORD_MAX];
	struct act a;
	int code;

	named(c, kind, &a);
	code = ask_password(password, sizeof(password));
	if (code == EXIT_OK) {
		a.text = password;
		a.text_len = (uint32_t)strlen(password);
		code = ctl_act_say(c, &a);
	}
	explicit_bzero(password, sizeof(password));
	return code;
}

int
user_add(struct ctl *c)
{
	return with_password(c, ACT_USER_ADD);
}

int
user_password(struct ctl *c)
{
	return with_password(c, ACT_USER_PASSWORD);
}

int
user_remove(struct ctl *c)
{
	struct act a;

	named(c, ACT_USER_REMOVE, &a);
	return ctl_act_say(c, &a);
}

int
user_role(struct ctl *c)
{
	struct act a;

	named(c, ACT_USER_ROLE, &a);
	return ctl_act_say(c, &a);
}

int
token_revoke(struct ctl *c)
{
	struct act a;

	named(c, ACT_TOKEN_REVOKE, &a);
	return ctl_act_say(c, &a);
}

/* --- results --- */

/* The object as it came; and for people one of its members alone. */
static int
say_object(struct ctl *c, const struct act *a, const char *member)
{
	static struct jtree t;
	struct act_done done;
	char text[256];
	int code = ctl_act(c, a, &done);

	if (code != EXIT_OK)
		return code;
	if (c->out.w == writer_json()) {
		json_reset(&c->out.json);
		json_raw(&c->out.json, done.result, done.result_len);
		output_object(&c->out);
		fputc('\n', c->out.fp);
		return EXIT_OK;
	}
	if (jtree_parse(&t, done.result, done.result_len) == -1 ||
	    jtree_str(&t, jtree_member(&t, jtree_root(&t), member), text,
		sizeof(text)) == -1)
		return ctl_no("malformed answer");
	c->out.w->done(&c->out, text);
	return EXIT_OK;
}

int
token_create(struct ctl *c)
{
	struct act a;

	named(c, ACT_TOKEN_CREATE, &a);
	a.n = c->cmd.expires_s;
	return say_object(c, &a, "token");
}

int
login_url(struct ctl *c)
{
	struct act a = { .kind = ACT_LOGIN_URL };

	return say_object(c, &a, "url");
}

/* The next object of an array that *p walks through; false at its end. */
static bool
next_object(const char **p, const char *end, struct jtree *t)
{
	while (*p < end && (**p == '[' || **p == ',' || **p == ' '))
		(*p)++;
	if (*p >= end || **p == ']' ||
	    jtree_parse(t, *p, (size_t)(end - *p)) == -1)
		return false;
	*p += t->end;
	return true;
}

/* A member as a cell: text without quotes, "-" for what is not there. */
static void
cell(struct table *table, const struct jtree *t, const char *name)
{
	uint32_t node = jtree_member(t, jtree_root(t), name);
	char text[256], buf[TEXT_MAX];
	const char *raw;
	size_t len;

	if (jtree_is(t, node, J_STRING)) {
		if (jtree_str(t, node, text, sizeof(text)) == -1)
			snprintf(text, sizeof(text), "...");
	} else if (node == JTREE_NONE || jtree_is(t, node, J_NULL)) {
		text[0] = '\0';
	} else {
		raw = jtree_raw(t, node, &len);
		snprintf(text, sizeof(text), "%.*s", (int)len, raw);
	}
	table_cell(table, "%s", safe(text, buf));
}

static int
list(struct ctl *c, enum act_kind kind, const struct table_column *columns,
    const char *const *members)
{
	static struct jtree t;
	struct act a = { .kind = (uint8_t)kind };
	struct act_done done;
	struct table table;
	const char *p, *end;
	int code = ctl_act(c, &a, &done);

	if (code != EXIT_OK)
		return code;
	if (c->out.w == writer_json()) {
		json_reset(&c->out.json);
		json_raw(&c->out.json, done.result, done.result_len);
		output_object(&c->out);
		fputc('\n', c->out.fp);
		return EXIT_OK;
	}
	table_init(&table, columns);
	p = done.result;
	end = p + done.result_len;
	while (next_object(&p, end, &t)) {
		for (unsigned i = 0; members[i] != NULL; i++)
			cell(&table, &t, members[i]);
		table_row(&table, NULL);
	}
	table_print(&table, c->out.fp, c->out.width);
	table_clear(&table);
	return EXIT_OK;
}

int
user_list(struct ctl *c)
{
	static const struct table_column columns[] = { { "USER", 0, 0 },
		{ "ROLE", 0, 0 }, { "CREATED", 0, 0 }, { "CHANGED", 0, 0 },
		{ "SESSIONS", 1, 0 }, { NULL, 0, 0 } };
	static const char *const members[] = { "name", "role", "created",
		"changed", "sessions", NULL };

	return list(c, ACT_USERS, columns, members);
}

int
token_list(struct ctl *c)
{
	static const struct table_column columns[] = { { "ID", 0, 0 },
		{ "TOKEN", 0, 0 }, { "ROLE", 0, 0 }, { "CREATED", 0, 0 },
		{ "EXPIRES", 0, 0 }, { "LAST USED", 0, 0 }, { NULL, 0, 0 } };
	static const char *const members[] = { "id", "name", "role", "created",
		"expires", "last_used", NULL };

	return list(c, ACT_TOKENS, columns, members);
}

/* --- the audit log --- */

/* What it was about: the values, as they are written. */
static void
cell_about(struct table *table, const struct jtree *t)
{
	static const char *const members[] = { "session_id", "worker",
		"message_id", "name", "to_role", "value", "on", "of", "detail",
		NULL };
	char text[400], buf[TEXT_MAX];
	const char *raw;
	size_t n = 0, len;

	text[0] = '\0';
	for (unsigned i = 0; members[i] != NULL; i++) {
		uint32_t node = jtree_member(t, jtree_root(t), members[i]);

		raw = node == JTREE_NONE ? NULL : jtree_raw(t, node, &len);
		if (raw == NULL || len == 2)
			continue;
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %.*s",
		    n > 0 ? ", " : "", members[i], (int)len, raw);
		if (n >= sizeof(text))
			break;
	}
	table_cell(table, "%s", safe(text, buf));
}

static void
audit_row(struct table *table, const struct jtree *t, bool colour)
{
	static const char *const members[] = { "n", "time", "event", "act",
		"who", "peer", "status", NULL };
	const char *paint = NULL;
	int64_t status = 0;

	for (unsigned i = 0; members[i] != NULL; i++)
		cell(table, t, members[i]);
	cell_about(table, t);
	if (jtree_int(t, jtree_member(t, jtree_root(t), "status"), &status) ==
		0 &&
	    status != 200 && colour)
		paint = RED;
	table_row(table, paint);
}

/* A page; *before is then the number of its last line.  How many lines, or
 * -1 with *code. */
static int
audit_page(struct ctl *c, uint64_t want, uint64_t *before, struct table *table,
    bool *first, int *code)
{
	static struct jtree t;
	struct act a = { .kind = ACT_AUDIT,
		.n = want < AUDIT_PAGE ? want : AUDIT_PAGE,
		.pos = *before };
	struct act_done done;
	const char *p, *end, *from;
	int64_t n;
	int rows = 0;

	*code = ctl_act(c, &a, &done);
	if (*code != EXIT_OK)
		return -1;
	p = done.result;
	end = p + done.result_len;
	while (next_object(&p, end, &t)) {
		if (jtree_int(&t, jtree_member(&t, jtree_root(&t), "n"), &n) ==
		    -1)
			break;
		*before = (uint64_t)n;
		rows++;
		from = p - t.end;
		if (table != NULL) {
			audit_row(table, &t, c->out.colour);
			continue;
		}
		fputs(*first ? "[\n" : ",\n", c->out.fp);
		*first = false;
		json_reset(&c->out.json);
		json_raw(&c->out.json, from, t.end);
		output_object(&c->out);
	}
	return rows;
}

int
show_audit(struct ctl *c)
{
	static const struct table_column columns[] = { { "N", 1, 0 },
		{ "TIME", 0, 0 }, { "EVENT", 0, 0 }, { "ACT", 0, 0 },
		{ "WHO", 0, 32 }, { "FROM", 0, 0 }, { "STATUS", 1, 0 },
		{ "", 0, 0 }, { NULL, 0, 0 } };
	bool json = c->out.w == writer_json(), first = true;
	uint64_t want = c->cmd.query.limit, before = 0;
	struct table table;
	int rows, code = EXIT_OK;

	if (want == 0)
		want = json ? UINT64_MAX : AUDIT_PEOPLE;
	table_init(&table, columns);
	do {
		rows = audit_page(c, want, &before, json ? NULL : &table,
		    &first, &code);
		want -= rows > 0 ? (uint64_t)rows : 0;
	} while (rows > 0 && want > 0 && before > 1);
	if (json && code == EXIT_OK)
		fputs(first ? "[]\n" : "\n]\n", c->out.fp);
	else if (!json)
		table_print(&table, c->out.fp, c->out.width);
	table_clear(&table);
	return code;
}
