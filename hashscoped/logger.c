/*
 * The only writer of logs.  Writing must never hold the supervisor up:
 * stderr and the journal can block, and O_NONBLOCK set on a shared stderr
 * would hit everybody who shares it.  So a terminal, pipe or file is opened
 * once more through /proc, non-blocking, and a socket is sent to with
 * MSG_DONTWAIT.  What is not taken waits in a bounded buffer; past that,
 * lines are dropped and counted.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/json.h"
#include "common/record.h"
#include "hashscoped/supervisor.h"

#define LOGGER_BUFFER (256u * 1024u)
#define LOGGER_LINE   4096

static struct {
	enum log_target target;
	bool json;
	bool journal; /* no time of our own, levels as <N> */
	bool is_socket;
	int fd;
	char buf[LOGGER_BUFFER];
	size_t len;
	uint64_t dropped, told;
	struct event *later; /* somebody reads again */
} logger = { .fd = STDERR_FILENO };

static const int priorities
    [] = { [LOG_FATAL] = 2, [LOG_WARN] = 4, [LOG_INFO] = 6, [LOG_DEBUG] = 7 };
static const char *const level_names[] = { [LOG_FATAL] = "fatal",
	[LOG_WARN] = "warning",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug" };

static void
open_stderr(void)
{
	struct stat st;
	int fd;

	logger.journal = getenv("JOURNAL_STREAM") != NULL;
	if (fstat(STDERR_FILENO, &st) == -1)
		return;
	logger.is_socket = S_ISSOCK(st.st_mode);
	if (logger.is_socket)
		return;
	fd = open("/proc/self/fd/2",
	    O_WRONLY | O_NONBLOCK | O_APPEND | O_CLOEXEC | O_NOCTTY);
	if (fd != -1)
		logger.fd = fd;
}

static void
open_syslog(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = "/dev/log" };

	logger.is_socket = true;
	logger.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (logger.fd != -1 &&
	    connect(logger.fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		close(logger.fd);
		logger.fd = -1;
	}
}

void
logger_init(enum log_target target, bool json)
{
	logger.target = target;
	logger.json = json;
	if (target == LOG_TO_STDERR)
		open_stderr();
	else
		open_syslog();
}

void
logger_set_json(bool json)
{
	logger.json = json;
}

uint64_t
logger_dropped(void)
{
	return logger.dropped;
}

static ssize_t
write_some(const char *p, size_t n)
{
	if (logger.fd == -1) {
		errno = EBADF;
		return -1;
	}
	if (logger.is_socket)
		return send(logger.fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(logger.fd, p, n);
}

/* Only for a reader who is slow: one who is gone would wake us for ever. */
static void
flush_later(int err)
{
	if (err == EAGAIN && logger.later != NULL)
		event_add(logger.later, NULL);
}

/* Whole lines, in order: what waits goes first. */
static void
flush_buffer(void)
{
	ssize_t n;

	while (logger.len > 0) {
		n = write_some(logger.buf, logger.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			flush_later(errno);
			return;
		}
		logger.len -= (size_t)n;
		memmove(logger.buf, logger.buf + n, logger.len);
	}
}

static void
append(const char *line, size_t n)
{
	if (sizeof(logger.buf) - logger.len < n) {
		logger.dropped++;
		return;
	}
	memcpy(logger.buf + logger.len, line, n);
	logger.len += n;
}

static size_t
format_text(char *line, size_t size, enum log_level level, const char *process,
    pid_t pid, const uint8_t *session, const char *text)
{
	char when[40] = "", prefix[8] = "", id[SESSION_TEXT + 10] = "";
	struct timespec ts;
	struct tm tm;
	size_t n;
	int r;

	if (logger.journal || logger.target == LOG_TO_SYSLOG) {
		/* 24: facility daemon. */
		snprintf(prefix, sizeof(prefix), "<%d>",
		    (logger.target == LOG_TO_SYSLOG ? 24 : 0) +
			priorities[level]);
	} else {
		clock_gettime(CLOCK_REALTIME, &ts);
		gmtime_r(&ts.tv_sec, &tm);
		n = strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
		snprintf(when + n, sizeof(when) - n, ".%03ldZ ",
		    ts.tv_nsec / 1000000);
	}
	if (session != NULL) {
		memcpy(id, " session=", 9);
		uuid_text(session, id + 9);
	}
	r = snprintf(line, size, "%s%s%s[%d]: %s%s%s\n", prefix, when, process,
	    (int)pid, level == LOG_FATAL ? "fatal: " : "", text, id);
	if (r < 0)
		return 0;
	if ((size_t)r >= size) {
		line[size - 2] = '\n';
		return size - 1;
	}
	return (size_t)r;
}

static size_t
format_json(char *line, size_t size, enum log_level level, const char *process,
    pid_t pid, const uint8_t *session, const char *text)
{
	char when[48], id[SESSION_TEXT];
	struct json_out out;
	struct timespec ts;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(when + n, sizeof(when) - n, ".%06ldZ", ts.tv_nsec / 1000);
	json_init(&out, size - 2);
	json_object(&out);
	json_kcstr(&out, "ts", when);
	json_kcstr(&out, "level", level_names[level]);
	json_kcstr(&out, "process", process);
	json_kint(&out, "pid", pid);
	if (session != NULL) {
		uuid_text(session, id);
		json_kcstr(&out, "session", id);
	}
	json_kcstr(&out, "message", text);
	json_object_end(&out);
	text = json_finish(&out, &n);
	if (text == NULL)
		n = 0;
	memcpy(line, text == NULL ? "" : text, n);
	if (n > 0)
		line[n++] = '\n';
	json_clear(&out);
	return n;
}

/* What waits, and how many lines did not. */
static void
catch_up(void)
{
	char note[64];

	flush_buffer();
	if (logger.dropped == logger.told || logger.len > 0)
		return;
	snprintf(note, sizeof(note), "%llu log lines were dropped",
	    (unsigned long long)(logger.dropped - logger.told));
	logger.told = logger.dropped;
	logger_write(LOG_WARN, "hashscoped", getpid(), NULL, note);
}

static void
on_later(evutil_socket_t fd, short what, void *arg)
{
	catch_up();
}

int
logger_attach(struct event_base *base)
{
	if (logger.target != LOG_TO_STDERR)
		return 0;
	logger.later = event_new(base, logger.fd, EV_WRITE, on_later, NULL);
	return logger.later == NULL ? -1 : 0;
}

void
logger_write(enum log_level level, const char *process, pid_t pid,
    const uint8_t *session, const char *text)
{
	char line[LOGGER_LINE];
	size_t n;

	catch_up();
	n = logger.json ?
	    format_json(line, sizeof(line), level, process, pid, session,
		text) :
	    format_text(line, sizeof(line), level, process, pid, session, text);
	if (logger.target == LOG_TO_SYSLOG) {
		/* A datagram a line: taken whole or not at all. */
		if (n > 0 && write_some(line, n - 1) < 0)
			logger.dropped++;
		return;
	}
	append(line, n);
	flush_buffer();
}

void
logger_finish(unsigned ms)
{
	uint64_t end = now_ms() + ms, now;
	struct pollfd p = { .fd = logger.fd, .events = POLLOUT };

	for (;;) {
		catch_up();
		now = now_ms();
		if (logger.len == 0 || now >= end ||
		    poll(&p, 1, (int)(end - now)) <= 0 ||
		    (p.revents & (POLLERR | POLLNVAL)))
			return;
	}
}
