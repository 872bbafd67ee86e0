/*
 * Formatting of log lines; where they go is the sink's business.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#define LOG_LINE 2048

static const char *process = "hashscope";
static log_sink sink;
static void *sink_arg;
static bool verbose;
static uint8_t session[16];
static bool has_session;

void
log_init(const char *name)
{
	process = name;
}

void
log_set_sink(log_sink fn, void *arg)
{
	sink = fn;
	sink_arg = arg;
}

void
log_set_verbose(bool v)
{
	verbose = v;
}

bool
log_verbose(void)
{
	return verbose;
}

void
log_session(const uint8_t *id)
{
	has_session = id != NULL;
	if (has_session)
		memcpy(session, id, sizeof(session));
}

static void
emit(enum log_level level, int err, const char *fmt, va_list ap)
{
	char line[LOG_LINE];
	int saved = errno, n;
	size_t used;

	n = vsnprintf(line, sizeof(line), fmt, ap);
	used = n < 0 ? 0 : (size_t)n;
	if (used >= sizeof(line))
		used = sizeof(line) - 1;
	if (err != 0 && used < sizeof(line) - 4)
		snprintf(line + used, sizeof(line) - used, ": %s",
		    strerror(err));
	if (sink != NULL)
		sink(sink_arg, level, has_session ? session : NULL, line);
	else
		fprintf(stderr, "%s: %s\n", process, line);
	errno = saved;
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;
	int err = errno;

	va_start(ap, fmt);
	emit(LOG_WARN, err, fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_WARN, 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_INFO, 0, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	if (!verbose)
		return;
	va_start(ap, fmt);
	emit(LOG_DEBUG, 0, fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	va_list ap;
	int err = errno;

	va_start(ap, fmt);
	emit(LOG_FATAL, err, fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_FATAL, 0, fmt, ap);
	va_end(ap);
	exit(1);
}
