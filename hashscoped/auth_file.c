/*
 * The files of auth, hashscope-users(5): lines of words, one thing a line.
 *
 *	user NAME ROLE HASH CREATED CHANGED
 *	token ID NAME ROLE SHA256 CREATED EXPIRES USED
 *	session ID USER SHA256 CREATED USED PEER
 *
 * Text, so that an administrator can read, copy and mend them; strict, so
 * that half a file is not taken for a whole one.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/hex.h"
#include "hashscoped/auth_db.h"

#define WORDS    8
#define LINE_MAX 512
#define NEVER    "-"

struct words {
	char text[LINE_MAX];
	const char *word[WORDS];
	unsigned n;
};

const char *
auth_file_name(enum auth_file which)
{
	static const char *const names[AUTH_FILES] = { "users", "tokens",
		"sessions" };

	return names[which];
}

/* --- times --- */

void
auth_time_text(int64_t t, char out[21])
{
	time_t tt = (time_t)t;
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	if (t < 0 || t > 253402300799 || gmtime_r(&tt, &tm) == NULL) {
		tt = 0;
		gmtime_r(&tt, &tm);
	}
	strftime(out, 21, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* Digits, n of them, at s. */
static int
digits(const char *s, unsigned n)
{
	int v = 0;

	for (unsigned i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	return v;
}

static int
get_time(const char *s, int64_t *out)
{
	struct tm tm;
	char again[21];
	int v[6];

	if (strlen(s) != 20)
		return -1;
	memset(&tm, 0, sizeof(tm));
	v[0] = digits(s, 4);
	for (unsigned i = 1; i < 6; i++)
		v[i] = digits(s + 2 + 3 * i, 2);
	for (unsigned i = 0; i < 6; i++) {
		if (v[i] < 0)
			return -1;
	}
	tm.tm_year = v[0] - 1900;
	tm.tm_mon = v[1] - 1;
	tm.tm_mday = v[2];
	tm.tm_hour = v[3];
	tm.tm_min = v[4];
	tm.tm_sec = v[5];
	*out = (int64_t)timegm(&tm);
	if (*out < 0)
		return -1;
	/* The 31st of February, or other signs between the digits. */
	auth_time_text(*out, again);
	return strcmp(again, s) == 0 ? 0 : -1;
}

static int
get_time_or_never(const char *s, int64_t *out)
{
	*out = 0;
	return strcmp(s, NEVER) == 0 ? 0 : get_time(s, out);
}

/* --- words --- */

/* One line without its end; -1: too long, or bytes that are not text. */
static int
split(struct words *w, const char *line, size_t len)
{
	char *p = w->text;

	w->n = 0;
	if (len >= sizeof(w->text))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (line[i] == '\t')
			p[i] = ' ';
		else if (line[i] < ' ' || line[i] > '~')
			return -1;
		else
			p[i] = line[i];
	}
	p[len] = '\0';
	if (p[0] == '#')
		return 0;
	for (;;) {
		while (*p == ' ')
			*p++ = '\0';
		if (*p == '\0')
			return 0;
		if (w->n == WORDS)
			return -1;
		w->word[w->n++] = p;
		while (*p != ' ' && *p != '\0')
			p++;
	}
}

static int
get_name(const char *s, char out[ACT_NAME])
{
	if (!auth_name_ok(s))
		return -1;
	strncpy(out, s, ACT_NAME - 1);
	return 0;
}

static int
get_role(const char *s, uint8_t *role)
{
	*role = (uint8_t)act_role_parse(s);
	return *role == ACT_ROLE_NONE ? -1 : 0;
}

static int
get_hex(const char *s, uint8_t *out, size_t n)
{
	return strlen(s) == 2 * n && hex_bytes(s, 2 * n, out) == 0 ? 0 : -1;
}

static int
get_id(const char *s, char out[AUTH_ID])
{
	uint8_t bytes[(AUTH_ID - 1) / 2];

	if (get_hex(s, bytes, sizeof(bytes)) == -1)
		return -1;
	hex_text(bytes, sizeof(bytes), out);
	return 0;
}

/* What yescrypt makes: "$y$", then crypt(5)'s characters. */
static int
get_hash(const char *s, char out[AUTH_HASH])
{
	size_t n = strlen(s);

	if (n >= AUTH_HASH || strncmp(s, "$y$", 3) != 0)
		return -1;
	if (strspn(s,
		"$./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz") != n)
		return -1;
	memcpy(out, s, n + 1);
	return 0;
}

/* --- a line of each file --- */

static int
get_user(struct auth_db *db, const struct words *w)
{
	struct auth_user *u;

	if (w->n != 6 || strcmp(w->word[0], "user") != 0 ||
	    !auth_name_ok(w->word[1]) || auth_user_find(db, w->word[1]) != NULL)
		return -1;
	u = auth_user_add(db, w->word[1]);
	if (u == NULL)
		return -1;
	return get_role(w->word[2], &u->role) == -1 ||
		get_hash(w->word[3], u->hash) == -1 ||
		get_time(w->word[4], &u->created) == -1 ||
		get_time(w->word[5], &u->changed) == -1 ?
	    -1 :
	    0;
}

static int
get_token(struct auth_db *db, const struct words *w)
{
	struct auth_token *t;

	if (w->n != 8 || strcmp(w->word[0], "token") != 0 ||
	    auth_token_find(db, w->word[1]) != NULL ||
	    auth_token_find(db, w->word[2]) != NULL)
		return -1;
	t = auth_token_add(db);
	if (t == NULL)
		return -1;
	return get_id(w->word[1], t->id) == -1 ||
		get_name(w->word[2], t->name) == -1 ||
		get_role(w->word[3], &t->role) == -1 ||
		get_hex(w->word[4], t->digest, sizeof(t->digest)) == -1 ||
		get_time(w->word[5], &t->created) == -1 ||
		get_time_or_never(w->word[6], &t->expires) == -1 ||
		get_time_or_never(w->word[7], &t->used) == -1 ?
	    -1 :
	    0;
}

/* A user's name, or "uid:N". */
static int
get_owner(const char *s, char out[ACT_NAME])
{
	size_t n = strlen(AUTH_UID_IS);

	if (strncmp(s, AUTH_UID_IS, n) != 0)
		return get_name(s, out);
	if (strlen(s) > n + 10 || s[n] == '\0' ||
	    strspn(s + n, "0123456789") != strlen(s) - n)
		return -1;
	strncpy(out, s, ACT_NAME - 1);
	return 0;
}

static int
get_session(struct auth_db *db, const struct words *w)
{
	struct auth_session *s;

	if (w->n != 7 || strcmp(w->word[0], "session") != 0 ||
	    db->nsessions == AUTH_SESSIONS || strlen(w->word[6]) >= ACT_PEER)
		return -1;
	s = &db->session[db->nsessions++];
	memset(s, 0, sizeof(*s));
	strncpy(s->peer, w->word[6], sizeof(s->peer) - 1);
	return get_id(w->word[1], s->id) == -1 ||
		get_owner(w->word[2], s->user) == -1 ||
		get_hex(w->word[3], s->digest, sizeof(s->digest)) == -1 ||
		get_time(w->word[4], &s->created) == -1 ||
		get_time(w->word[5], &s->used) == -1 ?
	    -1 :
	    0;
}

static void
empty(struct auth_db *db, enum auth_file which)
{
	if (which == AUTH_FILE_USERS)
		db->nusers = 0;
	else if (which == AUTH_FILE_TOKENS)
		db->ntokens = 0;
	else
		db->nsessions = 0;
}

int
auth_db_parse(struct auth_db *db, enum auth_file which, const char *text,
    size_t len, unsigned *line)
{
	static int (*const get[AUTH_FILES])(struct auth_db *,
	    const struct words *) = { get_user, get_token, get_session };
	const char *end, *stop = text + len;
	struct words w;

	empty(db, which);
	*line = 0;
	if (len > AUTH_FILE_MAX)
		return -1;
	while (text < stop) {
		++*line;
		end = memchr(text, '\n', (size_t)(stop - text));
		/* Every line that we wrote has its end. */
		if (end == NULL ||
		    split(&w, text, (size_t)(end - text)) == -1 ||
		    (w.n > 0 && get[which](db, &w) == -1)) {
			empty(db, which);
			return -1;
		}
		text = end + 1;
	}
	return 0;
}

/* --- writing --- */

static void put_line(struct mbuf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
put_line(struct mbuf *b, const char *fmt, ...)
{
	char line[LINE_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		b->bad = true;
	else
		msg_put_raw(b, line, (size_t)n);
}

static const char *
time_or_never(int64_t t, char out[21])
{
	if (t == 0)
		return NEVER;
	auth_time_text(t, out);
	return out;
}

static void
put_users(const struct auth_db *db, struct mbuf *b)
{
	char created[21], changed[21];

	for (unsigned i = 0; i < db->nusers; i++) {
		const struct auth_user *u = &db->user[i];

		auth_time_text(u->created, created);
		auth_time_text(u->changed, changed);
		put_line(b, "user %s %s %s %s %s\n", u->name,
		    act_role_name((enum act_role)u->role), u->hash, created,
		    changed);
	}
}

static void
put_tokens(const struct auth_db *db, struct mbuf *b)
{
	char digest[2 * SHA256_LEN + 1], t1[21], t2[21], t3[21];

	for (unsigned i = 0; i < db->ntokens; i++) {
		const struct auth_token *t = &db->token[i];

		hex_text(t->digest, sizeof(t->digest), digest);
		auth_time_text(t->created, t1);
		put_line(b, "token %s %s %s %s %s %s %s\n", t->id, t->name,
		    act_role_name((enum act_role)t->role), digest, t1,
		    time_or_never(t->expires, t2), time_or_never(t->used, t3));
	}
}

static void
put_sessions(const struct auth_db *db, struct mbuf *b)
{
	char digest[2 * SHA256_LEN + 1], t1[21], t2[21];

	for (unsigned i = 0; i < db->nsessions; i++) {
		const struct auth_session *s = &db->session[i];

		hex_text(s->digest, sizeof(s->digest), digest);
		auth_time_text(s->created, t1);
		auth_time_text(s->used, t2);
		put_line(b, "session %s %s %s %s %s %s\n", s->id, s->user,
		    digest, t1, t2, s->peer);
	}
}

void
auth_db_format(const struct auth_db *db, enum auth_file which, struct mbuf *b)
{
	static void (*const put[AUTH_FILES])(const struct auth_db *,
	    struct mbuf *) = { put_users, put_tokens, put_sessions };

	put_line(b, "# HashScope's %s, see hashscope-users(5).\n",
	    auth_file_name(which));
	put[which](db, b);
}
