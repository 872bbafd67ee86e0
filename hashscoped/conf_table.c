/*
 * What can be set: one row for every value of hashscope.conf.  The parser,
 * the environment and the printer all work from these rows; what does not
 * fit into one (listeners, pools, log) they name in extra.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/address.h"
#include "common/childconf.h"
#include "common/nostr_name.h"
#include "hashscoped/conf_int.h"

#define AT(field)   offsetof(struct config, field)
#define N(array)    (sizeof(array) / sizeof((array)[0]))

/* The units of bounds, in what the values are kept in. */
#define KIB         (1024ULL)
#define MIB         (1024 * KIB)
#define GIB         (1024 * MIB)
#define SECOND      (1000ULL)
#define HOUR        (3600 * SECOND)
#define DAY         (24 * HOUR)

/* The control socket's name behind it must fit into a sockaddr_un. */
#define RUN_DIR_LEN 90

static int
norm_text(const char *in, char out[CONF_NAME_LEN], struct conf_why *why)
{
	size_t len = strlen(in);

	if (len == 0)
		return conf_say(why, "must not be empty");
	if (len >= CONF_NAME_LEN)
		return conf_say(why, "longer than %d bytes", CONF_NAME_LEN - 1);
	if (!conf_text_ok(in, len))
		return conf_say(why, "control character, or not UTF-8");
	memcpy(out, in, len + 1);
	return 0;
}

/* A short name that ends up in tags, file names and labels. */
static int
norm_label(const char *in, char out[CONF_NAME_LEN], struct conf_why *why)
{
	if (norm_text(in, out, why) == -1)
		return -1;
	if (strlen(in) > 64)
		return conf_say(why, "longer than 64 bytes");
	return 0;
}

static int
norm_word(const char *in, char out[CONF_NAME_LEN], struct conf_why *why)
{
	if (norm_text(in, out, why) == -1)
		return -1;
	if (strchr(in, ' ') != NULL)
		return conf_say(why, "a space in it");
	return 0;
}

static int
norm_run_dir(const char *in, char out[CONF_NAME_LEN], struct conf_why *why)
{
	if (norm_text(in, out, why) == -1)
		return -1;
	if (strlen(in) > RUN_DIR_LEN)
		return conf_say(why,
		    "longer than %d bytes: a socket's path would not fit",
		    RUN_DIR_LEN);
	return 0;
}

static int
norm_host(const char *in, char out[CONF_NAME_LEN], struct conf_why *why)
{
	char q[CONF_QUOTE_LEN], *c;

	if (norm_text(in, out, why) == -1)
		return -1;
	if (!conf_host_ok(in)) {
		conf_quote(in, q);
		return conf_say(why,
		    "bad host %s: a name or an address, without a port, "
		    "was expected",
		    q);
	}
	for (c = out; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return 0;
}

/* scheme://rest, where rest must not be empty; the length of the scheme. */
static size_t
scheme_len(const char *s, const char *const *schemes)
{
	for (; *schemes != NULL; schemes++) {
		size_t len = strlen(*schemes);

		if (strncasecmp(s, *schemes, len) == 0 && s[len] != '\0' &&
		    s[len] != '/')
			return len;
	}
	return 0;
}

/* An origin as browsers send it: no path, so no slash at the end. */
static int
norm_origin(const char *in, char out[CONF_NAME_LEN], struct conf_why *why)
{
	static const char *const schemes[] = { "http://", "https://", NULL };
	char q[CONF_QUOTE_LEN], *slash;
	size_t len;

	if (norm_word(in, out, why) == -1)
		return -1;
	if (strcmp(in, "*") == 0)
		return 0;
	len = scheme_len(in, schemes);
	slash = strchr(out + len, '/');
	if (len == 0 || (slash != NULL && slash[1] != '\0')) {
		conf_quote(in, q);
		return conf_say(why,
		    "bad origin %s: http://host, https://host:port or * "
		    "was expected",
		    q);
	}
	if (slash != NULL)
		*slash = '\0';
	return 0;
}

static int
norm_relay(const char *in, char out[CONF_NAME_LEN], struct conf_why *why)
{
	static const char *const schemes[] = { "ws://", "wss://", NULL };
	char q[CONF_QUOTE_LEN];

	if (norm_word(in, out, why) == -1)
		return -1;
	if (scheme_len(in, schemes) == 0) {
		conf_quote(in, q);
		return conf_say(why,
		    "bad relay %s: wss://host or ws://host was expected", q);
	}
	return 0;
}

/* Of an agent: npub1..., or 64 digits of hex. */
static int
norm_key(const char *in, char out[CONF_NAME_LEN], struct conf_why *why)
{
	char q[CONF_QUOTE_LEN];
	uint8_t key[32];

	if (norm_word(in, out, why) == -1)
		return -1;
	if (nostr_public_parse(in, key) == 0)
		return 0;
	conf_quote(in, q);
	return conf_say(why,
	    "bad key %s: an npub or 64 digits of hex was expected", q);
}

#define STRING(w, field, n)                                         \
	{                                                           \
		.word = (w), .kind = KIND_STRING, .off = AT(field), \
		.norm = (n)                                         \
	}
#define LIST(w, field, counter, n, room)                             \
	{                                                            \
		.word = (w), .kind = KIND_LIST, .off = AT(field),    \
		.count_off = AT(counter), .norm = (n), .max = (room) \
	}
#define NUMBER(w, k, field, lo, hi)                                      \
	{                                                                \
		.word = (w), .kind = (k), .off = AT(field), .min = (lo), \
		.max = (hi)                                              \
	}
#define COUNT(w, field, lo, hi)    NUMBER(w, KIND_NUMBER, field, lo, hi)
#define SIZE(w, field, lo, hi)     NUMBER(w, KIND_SIZE, field, lo, hi)
#define DURATION(w, field, lo, hi) NUMBER(w, KIND_DURATION, field, lo, hi)
/* The kernel takes keepalive in whole seconds and at most 32767 of them. */
#define SECONDS(w, field)                                             \
	{                                                             \
		.word = (w), .kind = KIND_DURATION, .off = AT(field), \
		.min = SECOND, .max = 32767 * SECOND, .step = SECOND  \
	}
#define CHOICE(w, s, field, zero, one)                        \
	{                                                     \
		.word = (w), .sub = (s), .kind = KIND_CHOICE, \
		.off = AT(field), .choices = {                \
			zero,                                 \
			one,                                  \
			NULL                                  \
		}                                             \
	}

static const struct conf_key top_keys[] = {
	STRING("site", site, norm_label),
	STRING("state-dir", state_dir, norm_text),
	STRING("run-dir", run_dir, norm_run_dir),
};

static const struct conf_key capture_keys[] = {
	CHOICE("enabled", NULL, capture.off, "yes", "no"),
	COUNT("messages", capture.messages, 0, 1000000000000),
	COUNT("per-session", capture.per_session, 0, 1000000000000),
	DURATION("age", capture.age_ms, 0, 36500 * DAY),
	DURATION("minutes", capture.minutes_ms, 0, 36500 * DAY),
	DURATION("hours", capture.hours_ms, 0, 36500 * DAY),
	SIZE("size", capture.size, 0, 1024 * 1024 * GIB),
	CHOICE("redact", NULL, capture.redact, "no", "yes"),
	{ .word = "chain",
	    .kind = KIND_CHOICE,
	    .off = AT(capture.chain),
	    .choices = { [ADDRESS_MAIN] = "main",
		[ADDRESS_TEST] = "test",
		[ADDRESS_REGTEST] = "regtest" } },
};

static const struct conf_key limits_keys[] = {
	COUNT("sessions", limits.sessions, 0, 1000000),
	COUNT("per-address", limits.per_address, 0, 1000000),
	SIZE("session-buffer", limits.session_buffer, 16 * KIB, 64 * MIB),
};

static const struct conf_key timers_keys[] = {
	SECONDS("keepalive", timers.keepalive_idle),
	SECONDS(NULL, timers.keepalive_interval),
	COUNT(NULL, timers.keepalive_count, 1, 127),
	DURATION("idle", timers.idle, 0, 365 * DAY),
	DURATION("half-close", timers.half_close, 0, 365 * DAY),
	DURATION("proxy-header", timers.proxy_header, 1, HOUR),
	DURATION("connect", timers.connect, 1, HOUR),
	DURATION("pool-retry", timers.pool_retry, 1, DAY),
	DURATION("drain", timers.drain, 0, 7 * DAY),
	DURATION("reset", timers.reset, 1, HOUR),
	DURATION("tap-flush", timers.tap_flush, 1, 10 * SECOND),
	DURATION("ack", timers.ack, 1, 10 * SECOND),
	DURATION("commit", timers.commit, 1, 60 * SECOND),
	DURATION("restart-min", timers.restart_min, 1, HOUR),
	DURATION("restart-max", timers.restart_max, 1, HOUR),
	DURATION("restart-reset", timers.restart_reset, 1, DAY),
};

static const struct conf_key tap_keys[] = {
	SIZE("ring", tap_ring, 64 * KIB, 4 * GIB),
};

static const struct conf_key console_keys[] = {
	CHOICE("insecure-http", NULL, console.insecure_http, "no", "yes"),
	CHOICE("auth", NULL, console.auth, "none", "required"),
	{ .word = "session",
	    .sub = "idle",
	    .kind = KIND_DURATION,
	    .off = AT(console.session_idle),
	    .min = SECOND,
	    .max = 365 * DAY,
	    .step = SECOND },
	{ .word = "session",
	    .sub = "age",
	    .kind = KIND_DURATION,
	    .off = AT(console.session_age),
	    .min = SECOND,
	    .max = 3650 * DAY,
	    .step = SECOND },
	LIST("host", console.hosts, console.nhosts, norm_host, CONF_MAX_NAMES),
	LIST("cors", console.cors, console.ncors, norm_origin, CONF_MAX_NAMES),
};

/* Descriptors and libwebsockets' table are had for the most of them, so that
 * a reload may change the numbers. */
static const struct conf_key api_keys[] = {
	COUNT("connections", api.connections, 16, API_CONNS_MAX),
	COUNT("per-address", api.per_address, 1, API_CONNS_MAX),
	COUNT("waiting", api.waiting, 1, API_CONNS_MAX),
	NUMBER("requests", KIND_RATE, api.requests, 1, 1000000),
	COUNT("websockets", api.websockets, 0, API_WS_MAX),
	COUNT("plain-websockets", api.plain, 0, API_WS_MAX),
	SIZE("queue", api.queue, 4 * KIB, 16 * MIB),
	SIZE("queue-max", api.queue_max, 128 * KIB, 64 * MIB),
	DURATION("head", api.head, 10, HOUR),
	DURATION("body", api.body, 10, HOUR),
	DURATION("idle", api.idle, 10, DAY),
	DURATION("answer", api.answer, 10, HOUR),
	DURATION("stuck", api.stuck, 10, HOUR),
	DURATION("ping", api.ping, 10, HOUR),
	DURATION("recheck", api.recheck, 10, DAY),
};

static const struct conf_key audit_keys[] = {
	SIZE("size", audit.size, 4 * KIB, GIB),
	COUNT("files", audit.files, 2, 16),
};

static const struct conf_key watch_keys[] = {
	LIST("payout", watch.payouts, watch.npayouts, norm_word,
	    CONF_MAX_NAMES),
	LIST("user", watch.users, watch.nusers, norm_text, CONF_MAX_NAMES),
	LIST("reconnect-to", watch.reconnects, watch.nreconnects, norm_host,
	    CONF_MAX_NAMES),
	CHOICE("payout-change", NULL, watch.payout_change, "no", "yes"),
	CHOICE("reconnect", NULL, watch.reconnect, "no", "yes"),
	CHOICE("height", NULL, watch.height, "no", "yes"),
	CHOICE("foreign", NULL, watch.foreign, "no", "yes"),
	CHOICE("capture", NULL, watch.capture, "no", "yes"),
	DURATION("silent", watch.silent_ms, 0, 365 * DAY),
	DURATION("forget", watch.forget_ms, SECOND, 365 * DAY),
	NUMBER("rejects", KIND_PERCENT, watch.rejects_bp, 0, 10000),
	DURATION("rejects-window", watch.rejects_window_ms, SECOND, DAY),
	COUNT("rejects-shares", watch.rejects_shares, 1, 1000000),
	DURATION("prevhash", watch.prevhash_ms, 0, DAY),
	COUNT("difficulty", watch.difficulty, 0, 1000000000),
	COUNT("disputes", watch.disputes, 0, 1000000),
	COUNT("unanswered", watch.unanswered, 0, 256),
};

static const struct conf_key nostr_keys[] = {
	CHOICE("enabled", NULL, nostr.enabled, "no", "yes"),
	LIST("relay", nostr.relays, nostr.nrelays, norm_relay, CONF_MAX_RELAYS),
	STRING("run", nostr.run, norm_label),
	{ .word = "format",
	    .kind = KIND_CHOICE,
	    .off = AT(nostr.format),
	    .choices = { "batch", "compat", "both", NULL } },
	CHOICE("broadcast", "default", nostr.broadcast, "off", "on"),
	{ .word = "kind",
	    .sub = "share",
	    .kind = KIND_NUMBER,
	    .off = AT(nostr.kind_share),
	    .max = 65535 },
	{ .word = "kind",
	    .sub = "batch",
	    .kind = KIND_NUMBER,
	    .off = AT(nostr.kind_batch),
	    .max = 65535 },
	{ .word = "kind",
	    .sub = "telemetry",
	    .kind = KIND_NUMBER,
	    .off = AT(nostr.kind_telemetry),
	    .max = 65535 },
	{ .word = "kind",
	    .sub = "control",
	    .kind = KIND_NUMBER,
	    .off = AT(nostr.kind_control),
	    .max = 65535 },
	LIST("trust", nostr.trust, nostr.ntrust, norm_key, CONF_MAX_NAMES),
	CHOICE("telemetry", "trust", nostr.trust_any, "listed", "any"),
	CHOICE("miner", "address", nostr.miner_address, "no", "yes"),
	NUMBER("rate", KIND_RATE, nostr.rate, 1, 10000),
	COUNT("burst", nostr.burst, 1, 10000),
	DURATION("flush", nostr.flush, 10, 15 * SECOND),
	SIZE("outbox", nostr.outbox, MIB, 64 * GIB),
	DURATION("answer", nostr.answer, 10, HOUR),
	DURATION("connect", nostr.connect, 10, HOUR),
	DURATION("retry", nostr.retry, 10, HOUR),
	DURATION("retry-max", nostr.retry_max, 10, HOUR),
	DURATION("pause", nostr.pause, 10, HOUR),
	DURATION("refused", nostr.refused, 10, DAY),
	{ .word = "encrypt",
	    .sub = "to",
	    .kind = KIND_STRING,
	    .off = AT(nostr.group),
	    .norm = norm_key },
	{ .word = "alerts",
	    .sub = "to",
	    .kind = KIND_STRING,
	    .off = AT(nostr.alerts),
	    .norm = norm_key },
	{ .word = "alerts",
	    .sub = "pause",
	    .kind = KIND_DURATION,
	    .off = AT(nostr.alerts_pause),
	    .min = 10,
	    .max = HOUR },
	COUNT("pow", nostr.pow, 0, 24),
	STRING("ca", nostr.ca, norm_text),
	STRING("key", nostr.key, norm_text),
};

static const struct conf_key replay_keys[] = {
	STRING("worker", replay.worker, norm_text),
	{ .word = "password",
	    .kind = KIND_STRING,
	    .off = AT(replay.password),
	    .norm = norm_text,
	    .flags = KEY_SECRET },
	NUMBER("rate", KIND_RATE, replay.rate, 1, 1000000),
	DURATION("answer", replay.answer, 1, 10 * 60 * SECOND),
	DURATION("idle", replay.idle, 1, HOUR),
};

_Static_assert(N(timers_keys) <= CONF_MAX_KEYS, "CONF_MAX_KEYS");
_Static_assert(N(nostr_keys) <= CONF_MAX_KEYS, "CONF_MAX_KEYS");

static const struct conf_block blocks[CONF_MAX_BLOCKS] = {
	{ "", top_keys, N(top_keys),
	    { "include", "listen", "log", "capture", "limits", "timers", "tap",
		"console", "api", "audit", "watch", "nostr", "replay" } },
	{ "capture", capture_keys, N(capture_keys), { NULL } },
	{ "limits", limits_keys, N(limits_keys), { NULL } },
	{ "timers", timers_keys, N(timers_keys), { NULL } },
	{ "tap", tap_keys, N(tap_keys), { NULL } },
	{ "console", console_keys, N(console_keys), { "listen" } },
	{ "api", api_keys, N(api_keys), { NULL } },
	{ "audit", audit_keys, N(audit_keys), { NULL } },
	{ "watch", watch_keys, N(watch_keys), { NULL } },
	{ "nostr", nostr_keys, N(nostr_keys), { NULL } },
	{ "replay", replay_keys, N(replay_keys), { NULL } },
};

const struct conf_block *
conf_block_at(size_t i)
{
	return i < N(blocks) ? &blocks[i] : NULL;
}

const struct conf_block *
conf_block_find(const char *name)
{
	size_t i;

	for (i = 0; i < N(blocks); i++)
		if (strcmp(blocks[i].name, name) == 0)
			return &blocks[i];
	return NULL;
}

const struct conf_key *
conf_key_find(const struct conf_block *b, const char *word, const char *sub)
{
	size_t i;

	for (i = 0; i < b->nkeys; i++) {
		const struct conf_key *k = &b->keys[i];

		if (k->word == NULL || strcmp(k->word, word) != 0)
			continue;
		if (sub == NULL || (k->sub != NULL && strcmp(k->sub, sub) == 0))
			return k;
	}
	return NULL;
}

void
conf_format_number(enum conf_kind kind, uint64_t n, char out[CONF_FORMAT_LEN])
{
	if (kind == KIND_SIZE)
		conf_format_size(n, out);
	else if (kind == KIND_DURATION)
		conf_format_duration(n, out);
	else if (kind == KIND_PERCENT)
		conf_format_percent(n, out);
	else
		snprintf(out, CONF_FORMAT_LEN, "%llu%s", (unsigned long long)n,
		    kind == KIND_RATE ? "/s" : "");
}

static int
set_number(uint64_t *value, const struct conf_key *k, const char *text,
    struct conf_why *why)
{
	static int (*const convert[])(const char *, uint64_t *,
	    struct conf_why *) = {
		[KIND_NUMBER] = conf_to_number,
		[KIND_SIZE] = conf_to_size,
		[KIND_DURATION] = conf_to_duration,
		[KIND_RATE] = conf_to_rate,
		[KIND_PERCENT] = conf_to_percent,
	};
	char lo[CONF_FORMAT_LEN], hi[CONF_FORMAT_LEN], q[CONF_QUOTE_LEN];
	uint64_t n;

	if (convert[k->kind](text, &n, why) == -1)
		return -1;
	if (n < k->min || n > k->max) {
		conf_quote(text, q);
		conf_format_number(k->kind, k->min, lo);
		conf_format_number(k->kind, k->max, hi);
		return conf_say(why,
		    "%s is out of range: %s to %s was expected", q, lo, hi);
	}
	if (k->step != 0 && n % k->step != 0) {
		conf_quote(text, q);
		return conf_say(why, "%s is not in whole seconds", q);
	}
	*value = n;
	return 0;
}

static int
set_choice(int *value, const struct conf_key *k, const char *text,
    struct conf_why *why)
{
	char q[CONF_QUOTE_LEN];
	int i;

	for (i = 0; k->choices[i] != NULL; i++) {
		if (strcmp(k->choices[i], text) == 0) {
			*value = i;
			return 0;
		}
	}
	conf_quote(text, q);
	if (k->choices[2] != NULL)
		return conf_say(why, "bad value %s: %s, %s or %s was expected",
		    q, k->choices[0], k->choices[1], k->choices[2]);
	return conf_say(why, "bad value %s: %s or %s was expected", q,
	    k->choices[0], k->choices[1]);
}

static int
add_to_list(struct config *c, const struct conf_key *k, const char *text,
    struct conf_why *why)
{
	char(*list)[CONF_NAME_LEN] = (void *)((char *)c + k->off);
	size_t *count = (void *)((char *)c + k->count_off);
	char value[CONF_NAME_LEN], q[CONF_QUOTE_LEN];
	size_t i;

	if (k->norm(text, value, why) == -1)
		return -1;
	conf_quote(value, q);
	for (i = 0; i < *count; i++)
		if (strcmp(list[i], value) == 0)
			return conf_say(why, "%s is there already", q);
	if (*count == k->max)
		return conf_say(why, "%s is one too many: at most %llu", q,
		    (unsigned long long)k->max);
	memcpy(list[(*count)++], value, sizeof(value));
	return 0;
}

int
conf_set(struct config *c, const struct conf_key *k, const char *text,
    struct conf_why *why)
{
	char *value = (char *)c + k->off;

	switch (k->kind) {
	case KIND_LIST:
		return add_to_list(c, k, text, why);
	case KIND_STRING:
		return k->norm(text, value, why);
	case KIND_CHOICE:
		return set_choice((int *)(void *)value, k, text, why);
	case KIND_NUMBER:
	case KIND_SIZE:
	case KIND_DURATION:
	case KIND_RATE:
	case KIND_PERCENT:
		break;
	}
	return set_number((uint64_t *)(void *)value, k, text, why);
}
