/*
 * Between the files of the sandbox only: one step each, in sandbox.c's
 * order.  Every step returns 0, or -1 with a reason in err.
 */
#ifndef COMMON_SANDBOX_INT_H
#define COMMON_SANDBOX_INT_H

#include <stddef.h>

#include "common/sandbox.h"

/*
 * What the sanitizers' runtime needs, added to every process of such a
 * build: it reads /proc/self, and at exit traces its own process from a
 * clone to look for leaks.
 */
#ifdef HS_SAN
#define SB_SANITIZER (1U << 31)
#else
#define SB_SANITIZER 0U
#endif

int sandbox_landlock(const struct sandbox *, int *abi, char *err,
    size_t errlen);
int sandbox_seccomp(const struct sandbox *, char *err, size_t errlen);

/* Formats into err; always -1. */
int sandbox_fail(char *err, size_t errlen, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
