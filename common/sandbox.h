/*
 * What a process may still ask of the kernel once it is set up, stated as
 * promises and turned into rlimits, Landlock and seccomp, in that order.
 * A system call which no promise covers kills the process (SIGSYS); a few
 * that libraries make without being asked are refused with an error.
 *
 * Who promises what:
 *
 *	relayd		STDIO ACCEPT INET PASSFD
 *	captured	STDIO PASSFD RPATH WPATH CPATH, the state directory
 *			READ|WRITE|READDIR
 *	query		STDIO PASSFD RPATH, the state directory READ
 *	control		STDIO ACCEPT PASSFD
 *	auth		STDIO PASSFD RPATH WPATH CPATH, its directory
 *			READ|WRITE, by descriptor
 *	password	STDIO PASSFD
 *	resolver	STDIO DNS, SANDBOX_DNS_PATHS
 *	nostrd		STDIO INET PASSFD RPATH WPATH CPATH, its outbox
 *	signer, replay	STDIO (PASSFD when given peers later)
 *
 * SQLite as a writer in WAL mode needs RPATH|WPATH|CPATH; as a reader of a
 * WAL file that a live writer has open, RPATH is enough: its attempt to
 * open the -shm file for writing is refused, then it maps that read-only.
 * Set temp_store=MEMORY: /tmp is out of reach.
 *
 * Left outside the sandbox, so do it before: opening what the promises do
 * not cover, tzset(), sockets' creation, changing limits, threads, dlopen
 * (memory cannot be made executable), PR_SET_*.  getaddrinfo with hosts
 * set to "files dns" loads nothing in glibc 2.34 and later.
 *
 * Under valgrind use SANDBOX_LOG: the filter would count valgrind's own
 * calls as ours.  A build with sanitizers (HS_SAN) may besides read /proc
 * and its own program, and trace itself, so that it reports as usual; in an
 * empty chroot it cannot look for leaks.
 */
#ifndef COMMON_SANDBOX_H
#define COMMON_SANDBOX_H

#include <stddef.h>

/*
 * Open descriptors (read, write, send, receive, poll, epoll, eventfd,
 * timerfd, pipe, dup, close), clocks, memory (never executable), signals of
 * our own and to ourselves, getrandom, exit.  No exec, fork, thread, open
 * or socket.  Everybody promises it.
 */
#define SB_STDIO         (1U << 0)
/*
 * listen (again, after a drain) and accept4 on bound sockets that we were
 * given; socket options, SIOCOUTQ.
 */
#define SB_ACCEPT        (1U << 1)
/* socket(AF_INET or AF_INET6, SOCK_STREAM) and connect; options; no bind. */
#define SB_INET          (1U << 2)
/*
 * Descriptors travel in both directions over our channels, and received
 * sockets may have options set.  sendmsg itself cannot be filtered by what
 * it carries and comes with SB_STDIO.
 */
#define SB_PASSFD        (1U << 3)
/* Open files for reading, list, stat, lock; where is said by paths. */
#define SB_RPATH         (1U << 4)
/* Open existing files for writing, truncate, allocate, sync. */
#define SB_WPATH         (1U << 5)
/* Create, rename, remove files, change their mode. */
#define SB_CPATH         (1U << 6)
/*
 * getaddrinfo of glibc with "files dns": UDP and TCP sockets, netlink for
 * the list of interfaces, reading below SANDBOX_DNS_PATHS.  AF_UNIX (nscd,
 * systemd's varlink) is refused with EACCES.
 */
#define SB_DNS           (1U << 7)

/* Rights beneath a path, or to it if it is a file. */
#define SB_PATH_READ     (1U << 0) /* read files */
#define SB_PATH_WRITE    (1U << 1) /* write, create, rename, remove files */
#define SB_PATH_READDIR  (1U << 2) /* list directories */
#define SB_PATH_OPTIONAL (1U << 3) /* no error when it does not exist */

struct sandbox_path {
	const char *path; /* as seen after chroot; opened by sandbox_apply */
	unsigned rights;  /* SB_PATH_* */
};

/* Directories, not files: resolv.conf is replaced by rename. */
#define SANDBOX_DNS_PATHS                                               \
	{ "/etc", SB_PATH_READ },                                       \
	{                                                               \
		"/run/systemd/resolve", SB_PATH_READ | SB_PATH_OPTIONAL \
	}

enum sandbox_mode {
	SANDBOX_ENFORCE,
	/* For development: nothing is refused; system calls outside the
	   promises go to the kernel's log (audit, dmesg). */
	SANDBOX_LOG,
};

struct sandbox {
	unsigned promises; /* SB_* */
	const struct sandbox_path *paths;
	size_t npaths;
	int dir_fd; /* a directory that is open already; 0: none */
	unsigned dir_rights;
	unsigned long nofile; /* descriptors, capped at the hard limit;
				 0 leaves the limit */
	size_t memory; /* bytes of private writable memory (RLIMIT_DATA), not
			  under ASan; 0 leaves the limit */
	enum sandbox_mode mode;
	int landlock_abi_max; /* pretend that the kernel has no more than
				 this, -1: none at all;
				 0 for what there is (tests) */
};

/*
 * Applies it, for good, to the calling process.  Call it last, with no
 * threads, after privdrop_apply().  Returns 0, or -1 with a reason in err;
 * then some of it may hold and the caller must end (fatal).  A kernel
 * without Landlock or seccomp is such an error.  Not with SANDBOX_LOG, where
 * nothing is refused anyway: then 0, and err says why nothing is logged (as
 * under valgrind, which has no seccomp).
 *
 * RLIMIT_FSIZE is left alone (0 kills a process whose stderr is a file).
 */
int sandbox_apply(const struct sandbox *, char *err, size_t errlen);

/*
 * One line for the log into buf: mode, promises, paths, limits, and once
 * applied the Landlock ABI in use.  Never fails, cuts off; returns buf.
 */
const char *sandbox_describe(const struct sandbox *, char *buf, size_t len);

#endif
