/*
 * The sandbox's order of things: limits, then files, then system calls;
 * each step takes away what the next one no longer needs.
 */
#include <sys/types.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/sandbox_int.h"

#define NELEM(a) (sizeof(a) / sizeof((a)[0]))

/* Asking again is not possible once the filter is on. */
static int abi_in_use;

static const struct {
	unsigned bit;
	const char *word;
} words[] = {
	{ SB_STDIO, "stdio" },
	{ SB_ACCEPT, "accept" },
	{ SB_INET, "inet" },
	{ SB_PASSFD, "passfd" },
	{ SB_RPATH, "rpath" },
	{ SB_WPATH, "wpath" },
	{ SB_CPATH, "cpath" },
	{ SB_DNS, "dns" },
};

int
sandbox_fail(char *err, size_t errlen, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
	return -1;
}

#ifdef HS_SAN
/*
 * LeakSanitizer asks this before it looks for leaks.  In an empty chroot it
 * finds no /proc/self/task, and would call that a fatal error.
 */
static int leak_check_off;

int __lsan_is_turned_off(void);
int
__lsan_is_turned_off(void)
{
	return leak_check_off;
}
#endif

/* A limit can only be lowered here, so what is beneath it already stays. */
static int
lower_limit(int which, rlim_t value)
{
	struct rlimit rl;

	if (getrlimit(which, &rl) == -1)
		return -1;
	if (rl.rlim_max == RLIM_INFINITY || rl.rlim_max > value)
		rl.rlim_max = value;
	rl.rlim_cur = rl.rlim_max;
	return setrlimit(which, &rl);
}

/*
 * RLIMIT_NPROC counts all processes of the uid but binds only who sets it:
 * 0 means that this one cannot fork, whoever else runs under the same uid.
 * RLIMIT_DATA rather than RLIMIT_AS, since shared memory and mapped files
 * have bounds of their own.
 */
static int
limit_resources(const struct sandbox *sb, char *err, size_t errlen)
{
	if (lower_limit(RLIMIT_CORE, 0) == -1)
		return sandbox_fail(err, errlen, "RLIMIT_CORE: %s",
		    strerror(errno));
	/* valgrind keeps descriptors of its own above the limit. */
	if (sb->nofile != 0 && lower_limit(RLIMIT_NOFILE, sb->nofile) == -1 &&
	    sb->mode == SANDBOX_ENFORCE)
		return sandbox_fail(err, errlen, "RLIMIT_NOFILE: %s",
		    strerror(errno));
#ifndef HS_SAN
	if (sb->memory != 0 && lower_limit(RLIMIT_DATA, sb->memory) == -1)
		return sandbox_fail(err, errlen, "RLIMIT_DATA: %s",
		    strerror(errno));
	if (sb->mode == SANDBOX_ENFORCE && lower_limit(RLIMIT_NPROC, 0) == -1)
		return sandbox_fail(err, errlen, "RLIMIT_NPROC: %s",
		    strerror(errno));
#endif
	return 0;
}

int
sandbox_apply(const struct sandbox *sb, char *err, size_t errlen)
{
	int rc;

	if (errlen > 0)
		err[0] = '\0';
	if ((sb->promises & SB_STDIO) == 0)
		return sandbox_fail(err, errlen, "SB_STDIO is not promised");
#ifdef HS_SAN
	leak_check_off = access("/proc/self/task", F_OK) == -1;
#endif
	/* Landlock and seccomp both want it from who is not root. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return sandbox_fail(err, errlen, "PR_SET_NO_NEW_PRIVS: %s",
		    strerror(errno));
	if (limit_resources(sb, err, errlen) == -1)
		return -1;
	if (sb->mode == SANDBOX_ENFORCE &&
	    sandbox_landlock(sb, &abi_in_use, err, errlen) == -1)
		return -1;
	if (sandbox_seccomp(sb, err, errlen) == -1)
		return sb->mode == SANDBOX_LOG ? 0 : -1;
	rc = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
	if (rc != 2)
		return sandbox_fail(err, errlen, "seccomp mode is %d", rc);
	return 0;
}

/* Appends at *used; what does not fit is cut off. */
static void __attribute__((format(printf, 4, 5)))
append(char *buf, size_t len, size_t *used, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (*used >= len)
		return;
	va_start(ap, fmt);
	n = vsnprintf(buf + *used, len - *used, fmt, ap);
	va_end(ap);
	*used += n < 0 ? 0 : (size_t)n;
}

const char *
sandbox_describe(const struct sandbox *sb, char *buf, size_t len)
{
	size_t used = 0;

	if (len > 0)
		buf[0] = '\0';
	append(buf, len, &used, "%s",
	    sb->mode == SANDBOX_LOG ? "logging only:" : "enforcing:");
	for (size_t i = 0; i < NELEM(words); i++)
		if (sb->promises & words[i].bit)
			append(buf, len, &used, " %s", words[i].word);
	for (size_t i = 0; i < sb->npaths; i++)
		append(buf, len, &used, "%s%s:%s%s%s", i == 0 ? "; " : " ",
		    sb->paths[i].path,
		    sb->paths[i].rights & SB_PATH_READ ? "r" : "",
		    sb->paths[i].rights & SB_PATH_WRITE ? "w" : "",
		    sb->paths[i].rights & SB_PATH_READDIR ? "l" : "");
	if (sb->dir_fd > 0)
		append(buf, len, &used, "; a directory:%s%s",
		    sb->dir_rights & SB_PATH_READ ? "r" : "",
		    sb->dir_rights & SB_PATH_WRITE ? "w" : "");
	else if (sb->npaths == 0)
		append(buf, len, &used, "; no files");
	if (sb->nofile != 0)
		append(buf, len, &used, "; %lu descriptors", sb->nofile);
	if (sb->memory != 0)
		append(buf, len, &used, "; %zu MiB", sb->memory >> 20);
	if (abi_in_use > 0)
		append(buf, len, &used, "; Landlock ABI %d", abi_in_use);
	return buf;
}
