/*
 * The configuration's edges: its defaults, the list of errors, and how its
 * files are opened and read.
 */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hashscoped/conf_int.h"

/* One error with its place; a path in it may be long. */
#define ERROR_LEN 512

static const struct conf_capture default_capture = {
	.messages = 1000000,
	.per_session = 100000,
	.age_ms = 30ULL * 24 * 3600 * 1000,
	.minutes_ms = 7ULL * 24 * 3600 * 1000,
	.hours_ms = 400ULL * 24 * 3600 * 1000,
	.size = 2ULL * 1024 * 1024 * 1024,
	.redact = 1,
};

static const struct conf_limits default_limits = {
	.sessions = 16384,
	.session_buffer = 256 * 1024,
};

static const struct conf_timers default_timers = {
	.keepalive_idle = 60000,
	.keepalive_interval = 10000,
	.keepalive_count = 6,
	.proxy_header = 5000,
	.connect = 5000,
	.pool_retry = 30000,
	.drain = 30000,
	.reset = 5000,
	.tap_flush = 2,
	.ack = 20,
	.commit = 200,
	.restart_min = 100,
	.restart_max = 2000,
	.restart_reset = 10000,
};

static const struct conf_api default_api = {
	.connections = 512,
	.per_address = 256,
	.waiting = 128,
	.requests = 50000,
	.websockets = 64,
	.plain = 8,
	.queue = 256 * 1024,
	.queue_max = 4 * 1024 * 1024,
	.head = 10000,
	.body = 20000,
	.idle = 60000,
	.answer = 30000,
	.stuck = 30000,
	.ping = 30000,
	.recheck = 60000,
};

static const struct conf_watch default_watch = {
	.payout_change = 1,
	.reconnect = 1,
	.height = 1,
	.foreign = 1,
	.capture = 1,
	.forget_ms = 24ULL * 3600 * 1000,
	.rejects_window_ms = 600000,
	.rejects_shares = 50,
	.prevhash_ms = 60000,
	.difficulty = 64,
	.disputes = 3,
	.unanswered = 64,
};

struct config *
conf_default(void)
{
	struct config *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	snprintf(c->state_dir, sizeof(c->state_dir), "%s", CONF_STATE_DIR);
	snprintf(c->run_dir, sizeof(c->run_dir), "%s", CONF_RUN_DIR);
	c->tap_ring = 64 * 1024 * 1024;
	c->capture = default_capture;
	c->limits = default_limits;
	c->timers = default_timers;
	c->watch = default_watch;
	c->console.auth = 1;
	c->console.session_idle = 24ull * 3600 * 1000;
	c->console.session_age = 30 * c->console.session_idle;
	c->api = default_api;
	c->audit.size = 8 * 1024 * 1024;
	c->audit.files = 8;
	c->nostr.kind_share = 30080;
	c->nostr.kind_batch = 20780;
	c->nostr.kind_telemetry = 30079;
	c->nostr.kind_control = 20781;
	c->nostr.rate = 2;
	c->nostr.burst = 10;
	c->nostr.flush = 1000;
	c->nostr.outbox = 64 * 1024 * 1024;
	c->nostr.answer = c->nostr.connect = 10 * 1000;
	c->nostr.retry = 1000;
	c->nostr.retry_max = 60 * 1000;
	c->nostr.pause = 5000;
	c->nostr.refused = 600 * 1000;
	c->nostr.alerts_pause = 60 * 1000;
	c->nostr.pow = 20;
	snprintf(c->replay.password, sizeof(c->replay.password), "x");
	c->replay.rate = 100;
	c->replay.answer = 10 * 1000;
	c->replay.idle = 30 * 1000;
	return c;
}

void
conf_free(struct config *c)
{
	if (c == NULL)
		return;
	explicit_bzero(c->nostr.secret, sizeof(c->nostr.secret));
	explicit_bzero(c->replay.password, sizeof(c->replay.password));
	free(c);
}

void
conf_errors_init(struct conf_errors *errs)
{
	memset(errs, 0, sizeof(*errs));
}

void
conf_errors_clear(struct conf_errors *errs)
{
	size_t i;

	for (i = 0; i < errs->n; i++)
		free(errs->text[i]);
	conf_errors_init(errs);
}

void
conf_error(struct conf_errors *errs, const char *where, const char *fmt, ...)
{
	char text[ERROR_LEN];
	va_list ap;
	size_t len;
	char *copy;

	len = (size_t)snprintf(text, sizeof(text), "%s: ", where);
	if (len < sizeof(text)) {
		va_start(ap, fmt);
		vsnprintf(text + len, sizeof(text) - len, fmt, ap);
		va_end(ap);
	}
	copy = errs->n < CONF_MAX_ERRORS ? strdup(text) : NULL;
	if (copy != NULL)
		errs->text[errs->n++] = copy;
	else
		errs->more++;
}

/* Why root must not trust this file; NULL when it may. */
static const char *
distrusted(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (geteuid() != 0)
		return NULL;
	if (st->st_uid != 0)
		return "not owned by root";
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "writable by its group or by others";
	return NULL;
}

int
conf_open_checked(void *arg, const char *path, char *why, size_t whylen)
{
	const char *bad;
	struct stat st;
	int fd;

	/* O_NONBLOCK: a FIFO must not hold us before it can be refused. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1)
		return -1;
	bad = fstat(fd, &st) == -1 ? strerror(errno) : distrusted(&st);
	if (bad == NULL)
		return fd;
	snprintf(why, whylen, "%s", bad);
	close(fd);
	errno = EPERM;
	return -1;
}

int
conf_slurp(int fd, char **text, size_t *len, struct conf_why *why)
{
	size_t n = 0, size = 8192;
	char *buf = NULL, *new;
	ssize_t r;

	for (;;) {
		/* One byte beyond the bound shows that there is more. */
		if (buf == NULL || n == size) {
			size = size * 2 > CONF_MAX_FILE ? CONF_MAX_FILE + 1 :
							  size * 2;
			new = realloc(buf, size);
			if (new == NULL) {
				free(buf);
				return conf_say(why, "out of memory");
			}
			buf = new;
		}
		r = read(fd, buf + n, size - n);
		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1) {
			free(buf);
			return conf_say(why, "%s", strerror(errno));
		}
		if (r == 0)
			break;
		n += (size_t)r;
		if (n > CONF_MAX_FILE) {
			free(buf);
			return conf_say(why, "larger than %d bytes",
			    CONF_MAX_FILE);
		}
	}
	*text = buf;
	*len = n;
	return 0;
}
