/*
 * hashscope-agent.conf: a value a line, in the manner and with the lexer of
 * hashscope.conf(5); then the variables, with AGENT_ before them and without.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "common/nostr_name.h"
#include "hashscoped/conf_int.h"

struct setting {
	const char *word;
	const char *variable; /* NULL none */
	int (*set)(struct agent_conf *, const char *, size_t off,
	    struct conf_why *);
	size_t off;
};

#define AT(field) offsetof(struct agent_conf, field)

static int
set_text(struct agent_conf *c, const char *s, size_t off, struct conf_why *why)
{
	size_t room = off == AT(run) || off == AT(id) ? 64 : 128;

	if (off == AT(key) || off == AT(ca) || off == AT(report) ||
	    off == AT(group))
		room = 255;
	if (s[0] == '\0' || strlen(s) > room || !conf_text_ok(s, strlen(s)))
		return conf_say(why, "empty, too long, or not text");
	memcpy((char *)c + off, s, strlen(s) + 1);
	return 0;
}

static int
set_pool(struct agent_conf *c, const char *s, size_t off, struct conf_why *why)
{
	struct conf_pool p;
	int has_port;

	if (conf_to_pool(s, &p, &has_port, why) == -1)
		return -1;
	memcpy(c->pool_host, p.host, sizeof(c->pool_host));
	if (has_port || c->pool_port == 0)
		c->pool_port = p.port;
	return 0;
}

static int
set_port(struct agent_conf *c, const char *s, size_t off, struct conf_why *why)
{
	return conf_to_port(s, &c->pool_port, why);
}

static int
set_authorized(struct agent_conf *c, const char *s, size_t off,
    struct conf_why *why)
{
	c->authorized = strcmp(s, "yes") == 0;
	if (!c->authorized && strcmp(s, "no") != 0)
		return conf_say(why, "yes or no was expected");
	return 0;
}

static int
set_relay(struct agent_conf *c, const char *s, size_t off, struct conf_why *why)
{
	struct nostr_url url;

	if (nostr_url_parse(s, &url) == -1 || strlen(s) >= sizeof(c->relay[0]))
		return conf_say(why, "wss://host or ws://host was expected");
	if (c->nrelays == AGENT_RELAYS)
		return conf_say(why, "at most %d relays", AGENT_RELAYS);
	memcpy(c->relay[c->nrelays++], s, strlen(s) + 1);
	return 0;
}

/* One, or several between commas as in the variable. */
static int
set_trust(struct agent_conf *c, const char *s, size_t off, struct conf_why *why)
{
	char one[128];
	size_t len;

	for (; *s != '\0'; s += len + (s[len] == ',')) {
		while (*s == ' ')
			s++;
		len = strcspn(s, ",");
		if (len == 0 || len >= sizeof(one))
			continue;
		memcpy(one, s, len);
		one[len] = '\0';
		while (len > 0 && one[strlen(one) - 1] == ' ')
			one[strlen(one) - 1] = '\0';
		if (c->ntrust == AGENT_TRUST)
			return conf_say(why, "at most %d keys", AGENT_TRUST);
		if (nostr_public_parse(one, c->trust[c->ntrust]) == -1)
			return conf_say(why,
			    "an npub or 64 digits of hex was expected");
		c->ntrust++;
	}
	return 0;
}

static int
set_number(struct agent_conf *c, const char *s, size_t off,
    struct conf_why *why)
{
	return conf_to_number(s, (uint64_t *)(void *)((char *)c + off), why);
}

static int
set_rate(struct agent_conf *c, const char *s, size_t off, struct conf_why *why)
{
	return conf_to_rate(s, (uint64_t *)(void *)((char *)c + off), why);
}

static int
set_time(struct agent_conf *c, const char *s, size_t off, struct conf_why *why)
{
	return conf_to_duration(s, (uint64_t *)(void *)((char *)c + off), why);
}

static int
set_seconds(struct agent_conf *c, const char *s, size_t off,
    struct conf_why *why)
{
	uint64_t n;

	if (conf_to_number(s, &n, why) == -1)
		return -1;
	c->telemetry_ms = n * 1000;
	return 0;
}

static int
set_mode(struct agent_conf *c, const char *s, size_t off, struct conf_why *why)
{
	c->mine = strcmp(s, "mine") == 0;
	if (!c->mine && strcmp(s, "replay") != 0)
		return conf_say(why, "replay or mine was expected");
	return 0;
}

/* "valid=90,stale=4": weights; what is not named is not made. */
static int
set_mix(struct agent_conf *c, const char *s, size_t off, struct conf_why *why)
{
	unsigned long n;
	unsigned k;
	char *end;
	size_t len;

	memset(c->mix, 0, sizeof(c->mix));
	while (*s != '\0') {
		for (k = 0; k < MINE_KINDS; k++) {
			len = strlen(mine_kind_name(k));
			if (strncmp(s, mine_kind_name(k), len) == 0 &&
			    s[len] == '=')
				break;
		}
		if (k == MINE_KINDS)
			return conf_say(why,
			    "valid=90,stale=4 and the like was expected");
		n = strtoul(s + len + 1, &end, 10);
		if (end == s + len + 1 || n > 1000000 ||
		    (*end != ',' && *end != '\0'))
			return conf_say(why, "a weight was expected");
		c->mix[k] = (uint32_t)n;
		s = end + (*end == ',');
	}
	return 0;
}

static const struct setting settings[] = {
	{ "mode", "MODE", set_mode, 0 },
	{ "mix", NULL, set_mix, 0 },
	{ "pool", "POOL_HOST", set_pool, 0 },
	{ NULL, "POOL_PORT", set_port, 0 },
	{ "worker", "WORKER_NAME", set_text, AT(worker) },
	{ "password", "WORKER_PASSWORD", set_text, AT(password) },
	{ "authorized", "AUTHORIZED", set_authorized, 0 },
	{ "relay", "NOSTR_RELAY_URL", set_relay, 0 },
	{ "trust", "NOSTR_TRUSTED", set_trust, 0 },
	{ "run", "RUN_ID", set_text, AT(run) },
	{ "id", "ID", set_text, AT(id) },
	{ "key", NULL, set_text, AT(key) },
	{ "group", NULL, set_text, AT(group) },
	{ "ca", NULL, set_text, AT(ca) },
	{ "report", NULL, set_text, AT(report) },
	{ NULL, "NOSTR_SK", set_text, AT(secret) },
	{ "rate", NULL, set_rate, AT(rate) },
	{ "total", NULL, set_number, AT(total) },
	{ "repeat", NULL, set_number, AT(repeat) },
	{ "queue", NULL, set_number, AT(queue) },
	{ "telemetry", NULL, set_time, AT(telemetry_ms) },
	{ NULL, "TELEMETRY_INTERVAL_SEC", set_seconds, 0 },
	{ "answer", NULL, set_time, AT(answer_ms) },
	{ "retry", NULL, set_time, AT(retry_ms) },
	{ "retry-max", NULL, set_time, AT(retry_max_ms) },
	{ "kind-share", NULL, set_number, AT(kind_share) },
	{ "kind-batch", NULL, set_number, AT(kind_batch) },
	{ "kind-telemetry", NULL, set_number, AT(kind_telemetry) },
	{ "kind-control", NULL, set_number, AT(kind_control) },
};

#define NSETTINGS (sizeof(settings) / sizeof(settings[0]))

static void
defaults(struct agent_conf *c)
{
	memset(c, 0, sizeof(*c));
	snprintf(c->worker, sizeof(c->worker), "hashscope_agent");
	snprintf(c->password, sizeof(c->password), "x");
	c->mix[MINE_VALID] = 90;
	c->mix[MINE_STALE] = 4;
	c->mix[MINE_DUPLICATE] = 3;
	c->mix[MINE_LOW] = 2;
	c->mix[MINE_MALFORMED] = 1;
	c->rate = 100;
	c->repeat = 10;
	c->queue = 10000;
	c->telemetry_ms = 10000;
	c->answer_ms = 10000;
	c->retry_ms = 1000;
	c->retry_max_ms = 60000;
	c->kind_share = 30080;
	c->kind_batch = 20780;
	c->kind_telemetry = 30079;
	c->kind_control = 20781;
}

/* --- the file --- */

static void
statement(struct agent_conf *c, struct conf_lex *lx, struct conf_errors *errs)
{
	char where[CONF_WHERE_LEN], word[64];
	struct conf_why why;
	unsigned i;

	snprintf(where, sizeof(where), "%s:%u", lx->name, lx->tok_line);
	snprintf(word, sizeof(word), "%.60s", lx->text);
	for (i = 0; i < NSETTINGS; i++)
		if (settings[i].word != NULL &&
		    strcmp(settings[i].word, word) == 0)
			break;
	conf_lex_next(lx);
	if (i == NSETTINGS) {
		conf_error(errs, where, "unknown statement \"%s\"", word);
		while (!lx->first && lx->tok != TOK_EOF)
			conf_lex_next(lx);
		return;
	}
	do {
		if (lx->tok != TOK_WORD && lx->tok != TOK_STRING) {
			conf_error(errs, where, "a value of %s was expected",
			    word);
			if (lx->tok != TOK_EOF)
				conf_lex_next(lx);
			return;
		}
		if (settings[i].set(c, lx->text, settings[i].off, &why) == -1)
			conf_error(errs, where, "%s: %s", word, why.text);
		conf_lex_next(lx);
		/* Lists may go on in the same line. */
	} while (lx->tok == TOK_STRING && !lx->first);
}

static void
read_file(struct agent_conf *c, const char *path, struct conf_errors *errs)
{
	struct conf_why why = { "" };
	struct conf_lex lx;
	char *text = NULL;
	size_t len;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1 || conf_slurp(fd, &text, &len, &why) == -1) {
		conf_error(errs, path, "%s",
		    why.text[0] != '\0' ? why.text : "cannot be read");
	} else {
		memset(&lx, 0, sizeof(lx));
		conf_lex_init(&lx, path, text, len, errs);
		while (lx.tok != TOK_EOF)
			statement(c, &lx, errs);
	}
	free(text);
	if (fd != -1)
		close(fd);
}

/* --- the variables --- */

static const char *
variable(char *const envp[], const char *prefix, const char *name)
{
	char want[80];
	size_t len = (size_t)snprintf(want, sizeof(want), "%s%s=", prefix,
	    name);

	for (; *envp != NULL; envp++)
		if (strncmp(*envp, want, len) == 0 && (*envp)[len] != '\0')
			return *envp + len;
	return NULL;
}

static void
read_environment(struct agent_conf *c, char *const envp[],
    struct conf_errors *errs)
{
	struct conf_why why;
	const char *name, *s;

	for (unsigned i = 0; i < NSETTINGS; i++) {
		name = settings[i].variable;
		if (name == NULL)
			continue;
		s = variable(envp, "AGENT_", name);
		/* These would say too little without it. */
		if (s == NULL && strcmp(name, "ID") != 0 &&
		    strcmp(name, "AUTHORIZED") != 0 &&
		    strcmp(name, "MODE") != 0)
			s = variable(envp, "", name);
		if (s == NULL)
			continue;
		if (settings[i].set == set_relay)
			c->nrelays = 0;
		if (settings[i].set == set_trust)
			c->ntrust = 0;
		if (settings[i].set(c, s, settings[i].off, &why) == -1)
			conf_error(errs, name, "%s", why.text);
	}
}

/* What must be there, and why it does not start without. */
static void
check(struct agent_conf *c, struct conf_errors *errs)
{
	if (c->pool_host[0] == '\0')
		conf_error(errs, "pool",
		    "none is configured: pool \"stratum+tcp://HOST:PORT\", or "
		    "POOL_HOST");
	if (c->nrelays == 0)
		conf_error(errs, "relay",
		    "none is configured: relay \"wss://HOST\", or "
		    "NOSTR_RELAY_URL");
	if (c->run[0] == '\0')
		conf_error(errs, "run",
		    "none is configured: run \"NAME\", or RUN_ID, the same as "
		    "HashScope's");
	if (c->ntrust == 0)
		conf_error(errs, "trust",
		    "no publisher is named, and anybody could drive this "
		    "agent: trust \"NPUB\", or NOSTR_TRUSTED, with what "
		    "`hashscopectl key show` prints");
	if (!c->authorized)
		conf_error(errs, "authorized",
		    "an agent submits shares that it is sent; say \"authorized "
		    "yes\" if the pool is yours, or its operator agrees");
	if (c->repeat == 0 || c->repeat > NOSTR_REPEAT_MAX || c->rate == 0 ||
	    c->queue == 0 || c->telemetry_ms < 100)
		conf_error(errs, "rate, repeat, queue, telemetry",
		    "out of range");
	if (c->id[0] == '\0')
		snprintf(c->id, sizeof(c->id), "agent-%d", (int)getpid());
}

int
agent_conf_read(struct agent_conf *c, const char *path, char *const envp[],
    bool whole)
{
	struct conf_errors errs;
	size_t n;

	defaults(c);
	conf_errors_init(&errs);
	if (path != NULL)
		read_file(c, path, &errs);
	read_environment(c, envp, &errs);
	if (errs.n == 0 && whole)
		check(c, &errs);
	n = errs.n;
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, "%s\n", errs.text[i]);
	conf_errors_clear(&errs);
	return n == 0 ? 0 : -1;
}
