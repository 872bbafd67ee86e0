/*
 * The environment variables that override the file: those which the
 * original knew, with its spelling, so that this drops in where it ran, and
 * a few of our own.  Each error names its variable; no secret is shown.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "hashscoped/conf_int.h"

struct env {
	struct config *c;
	char *const *envp;
	struct conf_errors *errs;
};

/* The value of a variable; NULL when it is not set, or empty. */
static const char *
env_get(const struct env *e, const char *name)
{
	size_t len = strlen(name);
	char *const *p;

	if (e->envp == NULL)
		return NULL;
	for (p = e->envp; *p != NULL; p++)
		if (strncmp(*p, name, len) == 0 && (*p)[len] == '=')
			return (*p)[len + 1] != '\0' ? *p + len + 1 : NULL;
	return NULL;
}

/* A port; 0 when it is not set, or wrong. */
static uint16_t
env_port(const struct env *e, const char *name)
{
	const char *s = env_get(e, name);
	struct conf_why why;
	uint16_t port;

	if (s == NULL)
		return 0;
	if (conf_to_port(s, &port, &why) == -1) {
		conf_error(e->errs, name, "%s", why.text);
		return 0;
	}
	return port;
}

/*
 * Drop what is there twice, in an array of n elements of that size, keeping
 * the first of each; returns how many are left.
 */
static size_t
drop_same(void *array, size_t n, size_t size,
    int (*same)(const void *, const void *))
{
	char *base = array;
	size_t i, j, left = 0;

	for (i = 0; i < n; i++) {
		for (j = 0; j < left; j++)
			if (same(base + j * size, base + i * size))
				break;
		if (j < left)
			continue;
		if (left != i)
			memcpy(base + left * size, base + i * size, size);
		left++;
	}
	return left;
}

static int
same_addr(const void *a, const void *b)
{
	return ((const struct conf_addr *)a)->id ==
	    ((const struct conf_addr *)b)->id;
}

static int
same_listen(const void *a, const void *b)
{
	return same_addr(&((const struct conf_listen *)a)->addr,
	    &((const struct conf_listen *)b)->addr);
}

static int
same_pool(const void *a, const void *b)
{
	const struct conf_pool *p = a, *q = b;

	return p->port == q->port && strcmp(p->host, q->host) == 0;
}

/* Listeners. */

static void
set_where(struct conf_addr *a, const char *name)
{
	snprintf(a->where, sizeof(a->where), "%s", name);
}

/* The addresses of a HOST variable; 0 when it is wrong. */
static size_t
env_addrs(const struct env *e, const char *name, const char *host,
    uint16_t port, struct conf_addr addrs[2])
{
	struct conf_why why;
	int i, n;

	memset(addrs, 0, 2 * sizeof(addrs[0]));
	n = conf_to_addrs(host, port, addrs, &why);
	if (n == -1) {
		conf_error(e->errs, name, "%s", why.text);
		return 0;
	}
	for (i = 0; i < n; i++)
		set_where(&addrs[i], name);
	return (size_t)n;
}

static void
move_addr(struct conf_addr *a, uint16_t port, const char *name)
{
	conf_addr_set_port(a, port);
	set_where(a, name);
}

/*
 * LISTEN_PORT alone moves every listener; those that then are the same
 * become one, with the pools of the first.
 */
static void
move_listeners(struct config *c, uint16_t port)
{
	size_t i;

	for (i = 0; i < c->nlisten; i++)
		move_addr(&c->listen[i].addr, port, "LISTEN_PORT");
	c->nlisten = drop_same(c->listen, c->nlisten, sizeof(c->listen[0]),
	    same_listen);
}

static void
env_listen(const struct env *e)
{
	const char *host = env_get(e, "LISTEN_HOST");
	uint16_t port = env_port(e, "LISTEN_PORT");
	struct config *c = e->c;
	struct conf_addr addrs[2];
	size_t i, n;

	if (host == NULL) {
		if (port != 0)
			move_listeners(c, port);
		return;
	}
	if (port == 0)
		port = c->listen[0].addr.port;
	n = env_addrs(e, "LISTEN_HOST", host, port, addrs);
	for (i = 0; i < n; i++) {
		if (i > 0)
			c->listen[i] = c->listen[0];
		c->listen[i].addr = addrs[i];
	}
	if (n > 0)
		c->nlisten = n;
}

static void
move_console(struct conf_console *con, uint16_t port)
{
	size_t i;

	for (i = 0; i < con->nlisten; i++)
		move_addr(&con->listen[i], port, "API_PORT");
	con->nlisten = drop_same(con->listen, con->nlisten,
	    sizeof(con->listen[0]), same_addr);
}

static void
env_console(const struct env *e)
{
	const char *host = env_get(e, "API_HOST");
	uint16_t port = env_port(e, "API_PORT");
	struct conf_console *con = &e->c->console;
	struct conf_addr addrs[2];
	size_t n;

	if (host == NULL) {
		if (port != 0)
			move_console(con, port);
		return;
	}
	if (port == 0)
		port = con->listen[0].port;
	n = env_addrs(e, "API_HOST", host, port, addrs);
	if (n > 0) {
		memcpy(con->listen, addrs, n * sizeof(addrs[0]));
		con->nlisten = n;
	}
}

/* Pools. */

static void
replace_pools(struct config *c, const struct conf_pool *pool)
{
	size_t i;

	for (i = 0; i < c->nlisten; i++) {
		c->listen[i].npools = 1;
		c->listen[i].pools[0] = *pool;
	}
}

/* POOL_PORT alone: every pool there is, at that port. */
static void
move_pools(struct conf_listen *l, uint16_t port)
{
	size_t i;

	for (i = 0; i < l->npools; i++)
		l->pools[i].port = port;
	l->npools = drop_same(l->pools, l->npools, sizeof(l->pools[0]),
	    same_pool);
}

static void
env_pool(const struct env *e)
{
	const char *host = env_get(e, "POOL_HOST");
	uint16_t port = env_port(e, "POOL_PORT");
	struct config *c = e->c;
	struct conf_pool pool;
	struct conf_why why;
	int has_port;
	size_t i;

	if (host == NULL) {
		for (i = 0; port != 0 && i < c->nlisten; i++)
			move_pools(&c->listen[i], port);
		return;
	}
	if (conf_to_pool(host, &pool, &has_port, &why) == -1) {
		conf_error(e->errs, "POOL_HOST", "%s", why.text);
		return;
	}
	if (!has_port && port != 0)
		pool.port = port;
	replace_pools(c, &pool);
}

/* Rows of the table. */

static const struct {
	const char *name, *block, *word, *sub;
} values[] = {
	{ "CAPTURE_MAX_MESSAGES", "capture", "messages", NULL },
	{ "CAPTURE_MAX_PER_SESSION", "capture", "per-session", NULL },
	{ "HASHSCOPE_STATE_DIR", "", "state-dir", NULL },
	{ "HASHSCOPE_RUN_DIR", "", "run-dir", NULL },
	{ "API_AUTH", "console", "auth", NULL },
	{ "RUN_ID", "nostr", "run", NULL },
	{ "NOSTR_KIND_SHARE", "nostr", "kind", "share" },
	{ "NOSTR_KIND_TELEMETRY", "nostr", "kind", "telemetry" },
};

static void
env_set(const struct env *e, const char *name, const char *block,
    const char *word, const char *sub, const char *value)
{
	const struct conf_key *k;
	struct conf_why why;

	k = conf_key_find(conf_block_find(block), word, sub);
	if (conf_set(e->c, k, value, &why) == -1)
		conf_error(e->errs, name, "%s", why.text);
}

static void
env_values(const struct env *e)
{
	const char *s;
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		s = env_get(e, values[i].name);
		if (s != NULL)
			env_set(e, values[i].name, values[i].block,
			    values[i].word, values[i].sub, s);
	}
}

/* Lists. */

/* One element, of s up to end, without the blanks around it. */
static void
env_element(const struct env *e, const char *name, const char *block,
    const char *word, const char *s, const char *end)
{
	char item[CONF_NAME_LEN];

	while (s < end && isspace((unsigned char)*s))
		s++;
	while (s < end && isspace((unsigned char)end[-1]))
		end--;
	if (s == end)
		return;
	if ((size_t)(end - s) >= sizeof(item)) {
		conf_error(e->errs, name, "an element is longer than %d bytes",
		    CONF_NAME_LEN - 1);
		return;
	}
	memcpy(item, s, (size_t)(end - s));
	item[end - s] = '\0';
	env_set(e, name, block, word, NULL, item);
}

static void
env_commas(const struct env *e, const char *name, const char *block,
    const char *word, const char *s)
{
	const char *end;

	for (;;) {
		end = s + strcspn(s, ",");
		env_element(e, name, block, word, s, end);
		if (*end == '\0')
			return;
		s = end + 1;
	}
}

static const char *
skip_space(const char *s)
{
	return s + strspn(s, " \t\r\n");
}

/*
 * ["a", "b"].  Origins need no escapes, so there are none.  Returns -1 when
 * the text is something else; the elements before that were added.
 */
static int
env_json(const struct env *e, const char *name, const char *block,
    const char *word, const char *s)
{
	const char *end;

	s = skip_space(s + 1);
	if (*s == ']')
		return *skip_space(s + 1) == '\0' ? 0 : -1;
	for (;;) {
		if (*s != '"')
			return -1;
		s++;
		end = s + strcspn(s, "\"\\");
		if (*end != '"')
			return -1;
		env_element(e, name, block, word, s, end);
		s = skip_space(end + 1);
		if (*s == ']')
			return *skip_space(s + 1) == '\0' ? 0 : -1;
		if (*s != ',')
			return -1;
		s = skip_space(s + 1);
	}
}

static void
env_cors(const struct env *e)
{
	const char *s = env_get(e, "CORS_ORIGINS");

	if (s == NULL)
		return;
	e->c->console.ncors = 0;
	s = skip_space(s);
	if (*s != '[')
		env_commas(e, "CORS_ORIGINS", "console", "cors", s);
	else if (env_json(e, "CORS_ORIGINS", "console", "cors", s) == -1)
		conf_error(e->errs, "CORS_ORIGINS",
		    "not a JSON list of strings without escapes");
}

static void
env_trust(const struct env *e)
{
	const char *s = env_get(e, "NOSTR_TRUSTED");

	if (s == NULL)
		return;
	e->c->nostr.ntrust = 0;
	env_commas(e, "NOSTR_TRUSTED", "nostr", "trust", s);
}

/* Nostr. */

static void
env_enabled(const struct env *e)
{
	static const char *const yes[] = { "true", "yes", "on", "1" };
	static const char *const no[] = { "false", "no", "off", "0" };
	const char *s = env_get(e, "NOSTR_ENABLED");
	char q[CONF_QUOTE_LEN];
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < 4; i++) {
		if (strcasecmp(s, yes[i]) != 0 && strcasecmp(s, no[i]) != 0)
			continue;
		e->c->nostr.enabled = strcasecmp(s, yes[i]) == 0;
		return;
	}
	conf_quote(s, q);
	conf_error(e->errs, "NOSTR_ENABLED",
	    "bad value %s: true or false was expected", q);
}

/* The first replaces all relays, the second all but the first. */
static void
env_relays(const struct env *e)
{
	const char *first = env_get(e, "NOSTR_RELAY_URL");
	const char *second = env_get(e, "NOSTR_RELAY_URL_SECONDARY");
	struct conf_nostr *n = &e->c->nostr;

	if (first != NULL) {
		n->nrelays = 0;
		env_set(e, "NOSTR_RELAY_URL", "nostr", "relay", NULL, first);
	}
	if (second != NULL) {
		if (n->nrelays > 1)
			n->nrelays = 1;
		/* Both the same was harmless with the original. */
		if (n->nrelays == 0 || strcmp(n->relays[0], second) != 0)
			env_set(e, "NOSTR_RELAY_URL_SECONDARY", "nostr",
			    "relay", NULL, second);
	}
}

static int
all_in(const char *s, const char *set, size_t len)
{
	return strlen(s) == len && strspn(s, set) == len;
}

/* The shape only: whether it is a key is for the one who signs. */
static void
env_secret(const struct env *e)
{
	static const char bech32[] = "023456789acdefghjklmnpqrstuvwxyz";
	const char *s = env_get(e, "NOSTR_SK");

	if (s == NULL)
		return;
	if (!all_in(s, "0123456789abcdefABCDEF", 64) &&
	    (strncmp(s, "nsec1", 5) != 0 || !all_in(s + 5, bech32, 58))) {
		conf_error(e->errs, "NOSTR_SK",
		    "64 hex digits or nsec1... was expected");
		return;
	}
	snprintf(e->c->nostr.secret, sizeof(e->c->nostr.secret), "%s", s);
}

int
conf_env(struct config *c, char *const envp[], struct conf_errors *errs)
{
	const struct env e = { c, envp, errs };
	size_t before = errs->n + errs->more;

	/* Those by default can be moved and given pools as well. */
	conf_add_default_listeners(c);
	env_listen(&e);
	env_pool(&e);
	env_console(&e);
	env_values(&e);
	env_cors(&e);
	env_enabled(&e);
	env_relays(&e);
	env_trust(&e);
	env_secret(&e);
	return errs->n + errs->more == before ? 0 : -1;
}
