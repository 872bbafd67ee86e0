/*
 * The part of the sandbox that says which system calls: one table, a row a
 * call (a few have one per argument rule), and a loop that turns the rows
 * which apply to a process into a seccomp filter.
 *
 * What no row names kills the process.  Rows without argument rules cost
 * nothing at run time: since Linux 5.11 the kernel keeps them in a bitmap
 * and does not run the filter.  So what the relay calls for each message
 * must stay without.
 */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <linux/netlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "common/sandbox_int.h"

#define MAX_CMP 3

/*
 * Applies to a process which promised one of `any` and none of `none`.  A
 * call whose number is negative does not exist on this architecture (arm64
 * never had open, poll, unlink, ...) and is skipped.
 */
struct row {
	int nr;
	int err; /* 0: allowed; else refused with this error */
	unsigned any;
	unsigned none;
	struct scmp_arg_cmp cmp[MAX_CMP]; /* all must hold; op 0 ends */
};

#define EVERYBODY          SB_STDIO
#define NOBODY             0U
#define READERS            (SB_RPATH | SB_DNS | SB_SANITIZER)
#define WRITERS            (SB_WPATH | SB_CPATH)
#define FILES              (READERS | WRITERS)
#define SOCKETS            (SB_ACCEPT | SB_INET | SB_DNS | SB_PASSFD)
#define NET                (SB_INET | SB_DNS)

/* clang-format off */
#define ROW(name, err, any, none, ...) \
	{ SCMP_SYS(name), err, any, none, { __VA_ARGS__ } }
#define ALLOW(name, any) ROW(name, 0, any, NOBODY)
#define ALLOW_IF(name, any, none, ...) ROW(name, 0, any, none, __VA_ARGS__)
#define REFUSE(name, none, err) ROW(name, err, EVERYBODY, none)
#define REFUSE_IF(name, any, none, err, ...) \
	ROW(name, err, any, none, __VA_ARGS__)

#define EQ(arg, value) { arg, SCMP_CMP_EQ, value, 0 }
#define NE(arg, value) { arg, SCMP_CMP_NE, value, 0 }
#define LE(arg, value) { arg, SCMP_CMP_LE, value, 0 }
#define IS(arg, mask, value) { arg, SCMP_CMP_MASKED_EQ, mask, value }
/* clang-format on */
#define ALL_OF(arg, bits)  IS(arg, bits, bits)
#define NONE_OF(arg, bits) IS(arg, bits, 0)
#define SOCK_IS(type)      IS(1, 0xf, type)

/* A datum that stands for getpid() of the process; no pid is that large. */
#define SELF               UINT64_MAX

#define NOT_FOR_READING    (O_ACCMODE | O_CREAT | O_TRUNC)

static const struct row rows[] = {
	/* Descriptors that we hold. */
	ALLOW(read, EVERYBODY),
	ALLOW(readv, EVERYBODY),
	ALLOW(pread64, EVERYBODY),
	ALLOW(preadv, EVERYBODY),
	ALLOW(write, EVERYBODY),
	ALLOW(writev, EVERYBODY),
	ALLOW(pwrite64, EVERYBODY),
	ALLOW(pwritev, EVERYBODY),
	ALLOW(lseek, EVERYBODY),
	ALLOW(fstat, EVERYBODY),
	ALLOW(close, EVERYBODY),
	ALLOW(close_range, EVERYBODY),
	ALLOW(dup, EVERYBODY),
	ALLOW(dup2, EVERYBODY),
	ALLOW(dup3, EVERYBODY),
	ALLOW(pipe2, EVERYBODY),
	ALLOW(recvfrom, EVERYBODY),
	ALLOW(recvmsg, EVERYBODY),
	ALLOW(sendto, EVERYBODY),
	ALLOW(sendmsg, EVERYBODY),
	ALLOW(shutdown, EVERYBODY),
	/* Facts about a descriptor that somebody passed to us. */
	ALLOW(getsockopt, EVERYBODY),
	ALLOW(getsockname, EVERYBODY),
	ALLOW(getpeername, EVERYBODY),

	/* By command: F_SETOWN with F_SETSIG would send any signal. */
	ALLOW_IF(fcntl, EVERYBODY, NOBODY, EQ(1, F_GETFD)),
	ALLOW_IF(fcntl, EVERYBODY, NOBODY, EQ(1, F_SETFD)),
	ALLOW_IF(fcntl, EVERYBODY, NOBODY, EQ(1, F_GETFL)),
	ALLOW_IF(fcntl, EVERYBODY, NOBODY, EQ(1, F_SETFL)),
	ALLOW_IF(fcntl, EVERYBODY, NOBODY, EQ(1, F_DUPFD)),
	ALLOW_IF(fcntl, EVERYBODY, NOBODY, EQ(1, F_DUPFD_CLOEXEC)),
	ALLOW_IF(fcntl, EVERYBODY, NOBODY, EQ(1, F_GET_SEALS)),
	ALLOW_IF(fcntl, FILES, NOBODY, EQ(1, F_GETLK)),
	ALLOW_IF(fcntl, FILES, NOBODY, EQ(1, F_SETLK)),
	ALLOW_IF(fcntl, FILES, NOBODY, EQ(1, F_SETLKW)),

	ALLOW_IF(ioctl, EVERYBODY, NOBODY, EQ(1, FIONREAD)),
	ALLOW_IF(ioctl, EVERYBODY, NOBODY, EQ(1, FIONBIO)),
	ALLOW_IF(ioctl, SOCKETS, NOBODY, EQ(1, SIOCOUTQ)),
	ALLOW_IF(ioctl, SOCKETS, NOBODY, EQ(1, SIOCOUTQNSD)),
	/* isatty() by stdio before its first write. */
	REFUSE_IF(ioctl, EVERYBODY, NOBODY, ENOTTY, EQ(1, TCGETS)),
	REFUSE_IF(ioctl, EVERYBODY, NOBODY, ENOTTY, EQ(1, TIOCGWINSZ)),

	/* Waiting. */
	ALLOW(epoll_create1, EVERYBODY),
	ALLOW(epoll_ctl, EVERYBODY),
	ALLOW(epoll_wait, EVERYBODY),
	ALLOW(epoll_pwait, EVERYBODY),
	ALLOW(epoll_pwait2, EVERYBODY),
	ALLOW(poll, EVERYBODY),
	ALLOW(ppoll, EVERYBODY),
	ALLOW(select, EVERYBODY),
	ALLOW(pselect6, EVERYBODY),
	ALLOW(eventfd2, EVERYBODY),
	ALLOW(timerfd_create, EVERYBODY),
	ALLOW(timerfd_settime, EVERYBODY),
	ALLOW(timerfd_gettime, EVERYBODY),
	ALLOW(restart_syscall, EVERYBODY),

	/* Time, where the vdso cannot tell it. */
	ALLOW(clock_gettime, EVERYBODY),
	ALLOW(clock_getres, EVERYBODY),
	ALLOW(clock_nanosleep, EVERYBODY),
	ALLOW(nanosleep, EVERYBODY),
	ALLOW(gettimeofday, EVERYBODY),
	ALLOW(time, EVERYBODY),

	/* Memory.  Executable memory is refused, not deadly: dlopen by a
	   library that can do without ends in an error. */
	ALLOW(brk, EVERYBODY),
	ALLOW(munmap, EVERYBODY),
	ALLOW(mremap, EVERYBODY),
	ALLOW(madvise, EVERYBODY),
	ALLOW(membarrier, EVERYBODY),
	ALLOW_IF(mmap, EVERYBODY, NOBODY, NONE_OF(2, PROT_EXEC)),
	REFUSE_IF(mmap, EVERYBODY, NOBODY, EACCES, ALL_OF(2, PROT_EXEC)),
	ALLOW_IF(mprotect, EVERYBODY, NOBODY, NONE_OF(2, PROT_EXEC)),
	REFUSE_IF(mprotect, EVERYBODY, NOBODY, EACCES, ALL_OF(2, PROT_EXEC)),

	/* Signals, sent to nobody but ourselves (abort, raise). */
	ALLOW(rt_sigaction, EVERYBODY),
	ALLOW(rt_sigprocmask, EVERYBODY),
	ALLOW(rt_sigreturn, EVERYBODY),
	ALLOW(rt_sigpending, EVERYBODY),
	ALLOW(rt_sigsuspend, EVERYBODY),
	ALLOW(rt_sigtimedwait, EVERYBODY),
	ALLOW(sigaltstack, EVERYBODY),
	ALLOW_IF(kill, EVERYBODY, NOBODY, EQ(0, SELF)),
	ALLOW_IF(tgkill, EVERYBODY, NOBODY, EQ(0, SELF)),

	/* The process about itself. */
	ALLOW(exit, EVERYBODY),
	ALLOW(exit_group, EVERYBODY),
	ALLOW(futex, EVERYBODY),
	ALLOW(getrandom, EVERYBODY),
	ALLOW(getpid, EVERYBODY),
	ALLOW(getppid, EVERYBODY),
	ALLOW(gettid, EVERYBODY),
	ALLOW(getuid, EVERYBODY),
	ALLOW(geteuid, EVERYBODY),
	ALLOW(getgid, EVERYBODY),
	ALLOW(getegid, EVERYBODY),
	ALLOW(getresuid, EVERYBODY),
	ALLOW(getresgid, EVERYBODY),
	ALLOW(getrusage, EVERYBODY),
	ALLOW(getrlimit, EVERYBODY),
	ALLOW(getcpu, EVERYBODY),
	ALLOW(sched_yield, EVERYBODY),
	/* What sysconf() asks, for qsort and malloc among others. */
	ALLOW(sysinfo, EVERYBODY),
	ALLOW(sched_getaffinity, EVERYBODY),
	ALLOW(uname, EVERYBODY),
	/* getrlimit() of glibc: our own limits, to read. */
	ALLOW_IF(prlimit64, EVERYBODY, SB_SANITIZER, EQ(0, 0), EQ(2, 0)),
	REFUSE_IF(prlimit64, EVERYBODY, SB_SANITIZER, EPERM, NE(0, 0)),
	REFUSE_IF(prlimit64, EVERYBODY, SB_SANITIZER, EPERM, EQ(0, 0),
	    NE(2, 0)),
	/* sandbox_apply() looks whether it worked; PR_SET_VMA names memory
	   for newer libcs, which do not mind a refusal. */
	ALLOW_IF(prctl, EVERYBODY, SB_SANITIZER, EQ(0, PR_GET_SECCOMP)),
	REFUSE_IF(prctl, EVERYBODY, SB_SANITIZER, EPERM, NE(0, PR_GET_SECCOMP)),

	/* Sockets. */
	ALLOW(accept4, SB_ACCEPT),
	ALLOW(accept, SB_ACCEPT),
	ALLOW(listen, SB_ACCEPT),
	ALLOW(connect, NET),
	ALLOW_IF(setsockopt, SOCKETS, NOBODY, EQ(1, SOL_SOCKET)),
	ALLOW_IF(setsockopt, SOCKETS, NOBODY, EQ(1, IPPROTO_IP)),
	ALLOW_IF(setsockopt, SOCKETS, NOBODY, EQ(1, IPPROTO_IPV6)),
	ALLOW_IF(setsockopt, SOCKETS, NOBODY, EQ(1, IPPROTO_TCP)),
	/* No other stream protocol exists up to that number, MPTCP is
	   beyond. */
	ALLOW_IF(socket, NET, NOBODY, EQ(0, AF_INET), SOCK_IS(SOCK_STREAM),
	    LE(2, IPPROTO_TCP)),
	ALLOW_IF(socket, NET, NOBODY, EQ(0, AF_INET6), SOCK_IS(SOCK_STREAM),
	    LE(2, IPPROTO_TCP)),

	/* getaddrinfo.  It asks netlink which address families there are,
	   and tries routes with connected UDP sockets. */
	ALLOW_IF(socket, SB_DNS, NOBODY, EQ(0, AF_INET), SOCK_IS(SOCK_DGRAM),
	    LE(2, IPPROTO_UDP)),
	ALLOW_IF(socket, SB_DNS, NOBODY, EQ(0, AF_INET6), SOCK_IS(SOCK_DGRAM),
	    LE(2, IPPROTO_UDP)),
	ALLOW_IF(socket, SB_DNS, NOBODY, EQ(0, AF_NETLINK), SOCK_IS(SOCK_RAW),
	    EQ(2, NETLINK_ROUTE)),
	REFUSE_IF(socket, SB_DNS, NOBODY, EACCES, EQ(0, AF_UNIX)),
	ALLOW(bind, SB_DNS), /* of the netlink socket */
	ALLOW(sendmmsg, SB_DNS),

	/* Files: here how, by Landlock where.  Refusals are errors since
	   libraries look for their settings in files, and SQLite tries
	   to write before it is content with reading. */
	/* O_RDONLY|O_TRUNC truncates, and Landlock before ABI 3 lets it. */
	ALLOW_IF(openat, SB_CPATH, NOBODY, NONE_OF(2, O_TRUNC)),
	ALLOW_IF(openat, SB_CPATH, NOBODY, IS(2, O_ACCMODE, O_WRONLY)),
	ALLOW_IF(openat, SB_CPATH, NOBODY, IS(2, O_ACCMODE, O_RDWR)),
	ALLOW_IF(openat, SB_WPATH, SB_CPATH, NONE_OF(2, O_CREAT | O_TRUNC)),
	ALLOW_IF(openat, SB_WPATH, SB_CPATH,
	    IS(2, O_CREAT | O_ACCMODE, O_WRONLY)),
	ALLOW_IF(openat, SB_WPATH, SB_CPATH,
	    IS(2, O_CREAT | O_ACCMODE, O_RDWR)),
	REFUSE_IF(openat, SB_WPATH, SB_CPATH, EACCES, ALL_OF(2, O_CREAT)),
	REFUSE_IF(openat, WRITERS, NOBODY, EACCES,
	    IS(2, O_ACCMODE | O_TRUNC, O_TRUNC)),
	ALLOW_IF(openat, READERS, WRITERS, NONE_OF(2, NOT_FOR_READING)),
	REFUSE_IF(openat, READERS, WRITERS, EACCES, ALL_OF(2, O_WRONLY)),
	REFUSE_IF(openat, READERS, WRITERS, EACCES, ALL_OF(2, O_RDWR)),
	REFUSE_IF(openat, READERS, WRITERS, EACCES, ALL_OF(2, O_CREAT)),
	REFUSE_IF(openat, READERS, WRITERS, EACCES, ALL_OF(2, O_TRUNC)),
	REFUSE(openat, FILES, EACCES),
	REFUSE(open, SB_SANITIZER, EACCES), /* glibc has only openat */
	/* fstat() of glibc up to 2.38 is newfstatat(fd, ""). */
	ALLOW(newfstatat, FILES),
	ALLOW_IF(newfstatat, EVERYBODY, FILES, ALL_OF(3, AT_EMPTY_PATH)),
	REFUSE_IF(newfstatat, EVERYBODY, FILES, EACCES,
	    NONE_OF(3, AT_EMPTY_PATH)),
	ALLOW(stat, FILES),
	REFUSE(stat, FILES, EACCES),
	ALLOW(lstat, FILES),
	REFUSE(lstat, FILES, EACCES),
	ALLOW(statx, FILES),
	REFUSE(statx, FILES, EACCES),
	ALLOW(access, FILES),
	REFUSE(access, FILES, EACCES),
	ALLOW(faccessat, FILES),
	REFUSE(faccessat, FILES, EACCES),
	ALLOW(faccessat2, FILES),
	REFUSE(faccessat2, FILES, EACCES),
	ALLOW(readlink, FILES),
	REFUSE(readlink, FILES, EACCES),
	ALLOW(readlinkat, FILES),
	REFUSE(readlinkat, FILES, EACCES),
	ALLOW(getcwd, FILES),
	REFUSE(getcwd, FILES, EACCES),
	ALLOW(getdents64, FILES),
	ALLOW(fadvise64, FILES),
	ALLOW(fstatfs, FILES),
	ALLOW(statfs, FILES),

	ALLOW(ftruncate, WRITERS),
	ALLOW(fallocate, WRITERS),
	ALLOW(fsync, WRITERS),
	ALLOW(fdatasync, WRITERS),

	ALLOW(unlink, SB_CPATH),
	ALLOW_IF(unlinkat, SB_CPATH, NOBODY, EQ(2, 0)), /* no rmdir */
	ALLOW(rename, SB_CPATH),
	ALLOW(renameat, SB_CPATH),
	ALLOW(renameat2, SB_CPATH),
	ALLOW(fchmod, SB_CPATH),
	ALLOW(fchown, SB_CPATH),
	ALLOW(umask, SB_CPATH),

#ifdef HS_SAN
	/* Its tracer, not fork. */
	ALLOW_IF(clone, SB_SANITIZER, NOBODY,
	    ALL_OF(0, CLONE_VM | CLONE_UNTRACED)),
	ALLOW(open, SB_SANITIZER),
	ALLOW(getdents, SB_SANITIZER),
	ALLOW(ptrace, SB_SANITIZER),
	ALLOW(wait4, SB_SANITIZER),
	ALLOW(prctl, SB_SANITIZER),
	ALLOW(prlimit64, SB_SANITIZER),
#endif
};

static int
applies(const struct row *r, unsigned promises)
{
	return r->nr >= 0 && (promises & r->any) != 0 &&
	    (promises & r->none) == 0;
}

static int
add_row(scmp_filter_ctx ctx, const struct row *r)
{
	struct scmp_arg_cmp cmp[MAX_CMP];
	unsigned n;

	for (n = 0; n < MAX_CMP && r->cmp[n].op != 0; n++) {
		cmp[n] = r->cmp[n];
		if (cmp[n].datum_a == SELF)
			cmp[n].datum_a = (scmp_datum_t)getpid();
	}
	return seccomp_rule_add_array(ctx,
	    r->err == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO((unsigned)r->err),
	    r->nr, n, cmp);
}

/* In log mode what would be refused is logged like what would kill. */
static int
add_rows(scmp_filter_ctx ctx, unsigned promises, int log, char *err,
    size_t errlen)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		int rc;

		if (!applies(r, promises) || (log && r->err != 0))
			continue;
		if ((rc = add_row(ctx, r)) < 0)
			return sandbox_fail(err, errlen,
			    "seccomp rule for system call %d: %s", r->nr,
			    strerror(-rc));
	}
	return 0;
}

/* Foreign architectures die; x32 is one of them for libseccomp. */
static int
set_attributes(scmp_filter_ctx ctx)
{
	static const struct {
		enum scmp_filter_attr attr;
		uint32_t value;
	} attrs[] = {
		{ SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS },
		{ SCMP_FLTATR_CTL_NNP, 1 }, { SCMP_FLTATR_CTL_TSYNC, 1 },
		{ SCMP_FLTATR_CTL_OPTIMIZE, 2 }, /* binary tree */
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(attrs) / sizeof(attrs[0]); i++)
		rc = seccomp_attr_set(ctx, attrs[i].attr, attrs[i].value);
	return rc;
}

int
sandbox_seccomp(const struct sandbox *sb, char *err, size_t errlen)
{
	unsigned promises = sb->promises | SB_STDIO | SB_SANITIZER;
	int log = sb->mode == SANDBOX_LOG, rc;
	scmp_filter_ctx ctx;

	ctx = seccomp_init(log ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS);
	if (ctx == NULL)
		return sandbox_fail(err, errlen, "seccomp_init failed");
	if ((rc = set_attributes(ctx)) < 0)
		sandbox_fail(err, errlen, "seccomp: %s", strerror(-rc));
	else if ((rc = add_rows(ctx, promises, log, err, errlen)) == 0 &&
	    (rc = seccomp_load(ctx)) < 0)
		sandbox_fail(err, errlen, "seccomp_load: %s", strerror(-rc));
	seccomp_release(ctx);
	return rc < 0 ? -1 : 0;
}
