/*
 * Logging.  A child's lines travel as LOG messages on fd 3 to the
 * supervisor, never blocking, dropped and counted when the channel is full;
 * only the supervisor writes (hashscoped/logger.c).  Programs without a
 * supervisor write to stderr.
 *
 * Every line may carry a session: log_session() sets it for the calls that
 * follow, NULL clears it.  errno is kept.  Untrusted text goes through
 * text_escape() before it comes here.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_FATAL,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG
};

/* Where lines go: level, session (16 bytes or NULL), text. */
typedef void (*log_sink)(void *arg, enum log_level, const uint8_t *session,
    const char *text);

void log_init(const char *process);
void log_set_sink(log_sink, void *arg);
void log_set_verbose(bool);
bool log_verbose(void);
void log_session(const uint8_t *session);

/* log_warn adds ": strerror(errno)", the x forms do not. */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void fatal(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));
void fatalx(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));

#endif
