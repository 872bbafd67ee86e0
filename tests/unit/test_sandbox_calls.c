/*
 * The sandbox, tried from inside: for each promise what must work, and for
 * each process what must end in SIGSYS or in the one error that libraries
 * can live with.  As root everything runs a second time as an ordinary
 * user.  How it is applied, and what libraries do in it,
 * is in test_sandbox.c.
 */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <linux/landlock.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/subproc_sandbox.h"

#define FILES_ALL (SB_STDIO | SB_RPATH | SB_WPATH | SB_CPATH)
#define PATH_ALL  (SB_PATH_READ | SB_PATH_WRITE | SB_PATH_READDIR)

/* A directory of the test's with file "f" in it, and one out of bounds. */
static char dir[64], outside[64];
static char file[80], new_file[80], outside_file[80];

/* One deed in a sandbox, and whether it ends in SIGSYS. */
struct deed {
	const char *name;
	unsigned promises;
	void (*fn)(void);
	int deadly;
	unsigned path_rights; /* on dir; 0 for no paths at all */
};

/* --- what everybody may do --- */

static void
do_descriptors(void)
{
	struct stat st;
	char buf[4];
	int p[2], n, fd;

	CHECK(pipe2(p, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK(write(p[1], "abc", 3) == 3);
	CHECK(ioctl(p[0], FIONREAD, &n) == 0 && n == 3);
	CHECK(fcntl(p[0], F_SETFL, 0) == 0);
	CHECK((fcntl(p[0], F_GETFL) & O_NONBLOCK) == 0);
	CHECK(read(p[0], buf, 3) == 3);
	CHECK((fd = fcntl(p[0], F_DUPFD_CLOEXEC, 10)) >= 10);
	CHECK(dup2(fd, 20) == 20 && close(20) == 0 && close(fd) == 0);
	CHECK(fstat(p[0], &st) == 0 && S_ISFIFO(st.st_mode));
	CHECK(isatty(p[0]) == 0);
	CHECK(close(p[0]) == 0 && close(p[1]) == 0);
}

static void
do_clocks(void)
{
	struct timespec ts = { 0, 1000 };
	uint8_t r[16];

	CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) == 0);
	CHECK(time(NULL) > 0);
	ts = (struct timespec){ 0, 1000 };
	CHECK(nanosleep(&ts, NULL) == 0);
	CHECK(syscall(SYS_getrandom, r, sizeof(r), 0) == sizeof(r));
	CHECK(sysconf(_SC_NPROCESSORS_ONLN) > 0);
}

static void
do_memory(void)
{
	char *p, *q[64];

	for (int i = 0; i < 64; i++) {
		CHECK((q[i] = malloc(100000)) != NULL);
		memset(q[i], i, 100000);
	}
	for (int i = 0; i < 64; i++)
		free(q[i]);
	p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	p[0] = 1;
	CHECK((p = mremap(p, 1 << 20, 1 << 21, MREMAP_MAYMOVE)) != MAP_FAILED);
	CHECK(madvise(p, 1 << 21, MADV_DONTNEED) == 0 && p[0] == 0);
	CHECK(mprotect(p, 4096, PROT_READ) == 0);
	CHECK(munmap(p, 1 << 21) == 0);
}

static volatile sig_atomic_t signalled;

static void
on_signal(int sig)
{
	signalled = sig;
}

static void
do_own_signals(void)
{
	CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
	CHECK(raise(SIGUSR1) == 0 && signalled == SIGUSR1);
	signalled = 0;
	CHECK(kill(getpid(), SIGUSR1) == 0 && signalled == SIGUSR1);
}

static void
do_pass_descriptor(void)
{
	char c = 'x', ctl[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &c, 1 };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ctl,
		.msg_controllen = sizeof(ctl) };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);
	struct ucred who;
	socklen_t len = sizeof(who);
	int fd = 0;

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	CHECK(sendmsg(subproc_pair[0], &mh, MSG_NOSIGNAL) == 1);
	mh.msg_controllen = sizeof(ctl);
	CHECK(recvmsg(subproc_pair[1], &mh, MSG_CMSG_CLOEXEC) == 1);
	CHECK((cm = CMSG_FIRSTHDR(&mh)) != NULL);
	memcpy(&fd, CMSG_DATA(cm), sizeof(fd));
	CHECK(close(fd) == 0);
	CHECK(getsockopt(subproc_pair[0], SOL_SOCKET, SO_PEERCRED, &who,
		  &len) == 0);
	CHECK(send(subproc_pair[0], "y", 1, MSG_DONTWAIT) == 1);
	CHECK(recv(subproc_pair[1], &c, 1, 0) == 1 && c == 'y');
}

/* --- refused with an error, since libraries try it --- */

static void
do_refused_files(void)
{
	struct stat st;
	char buf[64];

	CHECK(open("/etc/passwd", O_RDONLY) == -1 && errno == EACCES);
	CHECK(open(new_file, O_RDWR | O_CREAT, 0600) == -1 && errno == EACCES);
#ifndef HS_SAN
	CHECK(stat("/etc/passwd", &st) == -1 && errno == EACCES);
	CHECK(access("/etc/passwd", R_OK) == -1 && errno == EACCES);
	CHECK(readlink("/proc/self/exe", buf, 64) == -1 && errno == EACCES);
	CHECK(getcwd(buf, 64) == NULL && errno == EACCES);
#else
	(void)st, (void)buf;
#endif
}

static void
do_refused_exec_memory(void)
{
	void *p;

	p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
	    -1, 0);
	CHECK(p == MAP_FAILED && errno == EACCES);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK(mprotect(p, 4096, PROT_READ | PROT_EXEC) == -1);
	CHECK(errno == EACCES);
}

static void
do_limits(void)
{
	struct rlimit rl;

	CHECK(getrlimit(RLIMIT_CORE, &rl) == 0);
	CHECK(rl.rlim_cur == 0 && rl.rlim_max == 0);
#ifndef HS_SAN
	CHECK(setrlimit(RLIMIT_CORE, &rl) == -1 && errno == EPERM);
	CHECK(prlimit(getppid(), RLIMIT_CORE, NULL, &rl) == -1);
	CHECK(errno == EPERM);
	CHECK(getrlimit(RLIMIT_NPROC, &rl) == 0 && rl.rlim_max == 0);
	CHECK(prctl(PR_SET_NAME, "other") == -1 && errno == EPERM);
#endif
}

/* --- deadly where nobody promised it --- */

static void
do_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	_exit(7);
}

static void
do_exec(void)
{
	execl("/bin/true", "true", (char *)NULL);
	_exit(7);
}

static void
do_kill_parent(void)
{
	kill(getppid(), 0);
}

static void
do_tgkill_parent(void)
{
	syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static void
do_setown(void)
{
	fcntl(subproc_pair[0], F_SETOWN, getppid());
}

static void
do_tiocsti(void)
{
	ioctl(0, TIOCSTI, "x");
}

static void
do_setuid(void)
{
	if (setuid(getuid()) == 0)
		_exit(7);
}

static void
do_unshare(void)
{
	syscall(SYS_unshare, 0);
}

static void
do_io_uring(void)
{
	syscall(425 /* io_uring_setup */, 1, NULL);
}

static void
do_process_vm_readv(void)
{
	syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

static void
do_mount(void)
{
	syscall(SYS_mount, NULL, NULL, NULL, 0, NULL);
}

static void
do_memfd(void)
{
	syscall(SYS_memfd_create, "x", 0);
}

#ifdef __x86_64__
static void
do_x32(void)
{
	syscall(0x40000000 + SYS_getpid);
}

/* getpid of i386 through its own gate. */
static void
do_i386(void)
{
	long r = 20;

	__asm__ volatile("int $0x80" : "+a"(r)::"memory");
	CHECK(r == getpid());
}
#endif

static void
do_socket_inet(void)
{
	CHECK(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
	CHECK(
	    socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP) != -1 ||
	    errno == EAFNOSUPPORT);
}

static void
do_socket_udp(void)
{
	CHECK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0);
}

static void
do_socket_raw(void)
{
	socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
}

static void
do_socket_mptcp(void)
{
	socket(AF_INET, SOCK_STREAM, 262 /* IPPROTO_MPTCP */);
}

static void
do_socket_unix(void)
{
	socket(AF_UNIX, SOCK_STREAM, 0);
}

static void
do_socket_unix_refused(void)
{
	CHECK(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) == -1);
	CHECK(errno == EACCES);
}

static void
do_socket_packet(void)
{
	socket(AF_PACKET, SOCK_RAW, 0);
}

static void
do_netlink_route(void)
{
	CHECK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) >= 0);
}

static void
do_netlink_other(void)
{
	socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
}

static void
do_socketpair(void)
{
	int sv[2];

	socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
}

static void
do_bind(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };

	bind(subproc_pair[0], (struct sockaddr *)&sin, sizeof(sin));
}

static void
do_listen(void)
{
	/* It is not bound; that the call is made is what matters. */
	CHECK(listen(subproc_pair[0], 1) == -1 && errno == EINVAL);
}

static void
do_connect(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = "/x" };

	connect(subproc_pair[0], (struct sockaddr *)&sun, sizeof(sun));
}

static void
do_accept(void)
{
	CHECK(accept4(subproc_pair[0], NULL, NULL, SOCK_CLOEXEC) == -1);
}

static void
do_setsockopt(void)
{
	int n = 65536;

	CHECK(setsockopt(subproc_pair[0], SOL_SOCKET, SO_SNDBUF, &n,
		  sizeof(n)) == 0);
}

static void
do_setsockopt_netfilter(void)
{
	setsockopt(subproc_pair[0], SOL_RAW, 64, NULL, 0);
}

/* --- files --- */

static void
do_read_file(void)
{
	struct flock fl = { .l_type = F_RDLCK,
		.l_whence = SEEK_SET,
		.l_len = 1 };
	struct stat st;
	char buf[8];
	int fd;

	CHECK((fd = open(file, O_RDONLY | O_CLOEXEC)) != -1);
	CHECK(pread(fd, buf, 8, 0) == 5 && memcmp(buf, "hello", 5) == 0);
	CHECK(stat(file, &st) == 0 && st.st_size == 5);
	CHECK(fcntl(fd, F_SETLK, &fl) == 0);
	CHECK(mmap(NULL, 5, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
	CHECK(close(fd) == 0);
	CHECK(open(outside_file, O_RDONLY) == -1 && errno == EACCES);
}

/* Truncation too, which Landlock knows only since ABI 3. */
static void
do_write_refused(void)
{
	CHECK(open(file, O_RDWR) == -1 && errno == EACCES);
	CHECK(open(file, O_WRONLY) == -1 && errno == EACCES);
	CHECK(open(file, O_RDONLY | O_TRUNC) == -1 && errno == EACCES);
	CHECK(open(file, O_RDONLY | O_CREAT | O_TRUNC, 0600) == -1);
	CHECK(errno == EACCES);
	CHECK(open(new_file, O_RDWR | O_CREAT, 0600) == -1 && errno == EACCES);
	CHECK(open(dir, O_RDWR | O_TMPFILE, 0600) == -1 && errno == EACCES);
}

static void
do_write_file(void)
{
	struct statvfs sv;
	int fd;

	CHECK((fd = open(file, O_RDWR | O_CLOEXEC)) != -1);
	CHECK(pwrite(fd, "hello", 5, 0) == 5);
	CHECK(fallocate(fd, 0, 0, 8192) == 0);
	CHECK(ftruncate(fd, 5) == 0);
	CHECK(fsync(fd) == 0 && fdatasync(fd) == 0);
	CHECK(fstatvfs(fd, &sv) == 0 && statvfs(dir, &sv) == 0);
	CHECK(close(fd) == 0);
}

static void
do_create_refused(void)
{
	CHECK(open(new_file, O_RDWR | O_CREAT, 0600) == -1 && errno == EACCES);
}

static void
do_create_file(void)
{
	char other[96];
	DIR *d;
	int fd;

	snprintf(other, sizeof(other), "%s.2", new_file);
	CHECK((fd = open(new_file, O_RDWR | O_CREAT | O_EXCL, 0600)) != -1);
	CHECK(fchmod(fd, 0640) == 0);
	CHECK(close(fd) == 0);
	CHECK(rename(new_file, other) == 0);
	CHECK((d = opendir(dir)) != NULL && readdir(d) != NULL);
	CHECK(closedir(d) == 0);
	CHECK(unlink(other) == 0);
	CHECK(open(outside_file, O_RDWR) == -1 && errno == EACCES);
	CHECK(rename(file, outside_file) == -1);
	CHECK(open("/tmp/test_sandbox.new", O_WRONLY | O_CREAT, 0600) == -1);
	CHECK(errno == EACCES);
}

static void
do_opendir_refused(void)
{
	CHECK(opendir(dir) == NULL && errno == EACCES);
}

static void
do_unlink(void)
{
	unlink(file);
}

static void
do_mkdir(void)
{
	mkdir(new_file, 0700);
}

static void
do_symlink(void)
{
	if (symlink("/etc/passwd", new_file) == 0)
		_exit(7);
}

static void
do_truncate_fd(void)
{
	if (ftruncate(subproc_pair[0], 0) == 0)
		_exit(7);
}

#define S SB_STDIO
#define R (SB_STDIO | SB_RPATH)
#define W (SB_STDIO | SB_RPATH | SB_WPATH)

static const struct deed deeds[] = {
	{ "descriptors", S, do_descriptors, 0, 0 },
	{ "clocks", S, do_clocks, 0, 0 },
	{ "memory", S, do_memory, 0, 0 },
	{ "own signals", S, do_own_signals, 0, 0 },
	{ "pass descriptor", S | SB_PASSFD, do_pass_descriptor, 0, 0 },
	{ "files", S, do_refused_files, 0, 0 },
	{ "files of relayd", S | SB_ACCEPT | SB_INET | SB_PASSFD,
	    do_refused_files, 0, 0 },
	{ "executable memory", S, do_refused_exec_memory, 0, 0 },
	{ "limits", S, do_limits, 0, 0 },
	{ "fork", FILES_ALL, do_fork, 1, 0 },
	{ "exec", FILES_ALL, do_exec, 1, 0 },
	{ "kill parent", S, do_kill_parent, 1, 0 },
	{ "tgkill parent", S, do_tgkill_parent, 1, 0 },
	{ "F_SETOWN", S, do_setown, 1, 0 },
	{ "TIOCSTI", S, do_tiocsti, 1, 0 },
	{ "setuid", S, do_setuid, 1, 0 },
	{ "unshare", S, do_unshare, 1, 0 },
	{ "io_uring", S, do_io_uring, 1, 0 },
	{ "process_vm_readv", S, do_process_vm_readv, 1, 0 },
	{ "mount", S, do_mount, 1, 0 },
	{ "memfd_create", S, do_memfd, 1, 0 },
#ifdef __x86_64__
	{ "x32", S, do_x32, 1, 0 },
#endif

	{ "inet", S | SB_INET, do_socket_inet, 0, 0 },
	{ "inet without", S, do_socket_inet, 1, 0 },
	{ "inet of control", S | SB_ACCEPT, do_socket_inet, 1, 0 },
	{ "inet of captured", FILES_ALL | SB_PASSFD, do_socket_inet, 1, 0 },
	{ "udp", S | SB_INET, do_socket_udp, 1, 0 },
	{ "raw", S | SB_INET | SB_DNS, do_socket_raw, 1, 0 },
	{ "mptcp", S | SB_INET, do_socket_mptcp, 1, 0 },
	{ "unix", S, do_socket_unix, 1, 0 },
	{ "unix with inet", S | SB_INET, do_socket_unix, 1, 0 },
	{ "unix with dns", S | SB_DNS, do_socket_unix_refused, 0, 0 },
	{ "packet", S | SB_INET | SB_DNS, do_socket_packet, 1, 0 },
	{ "dns udp", S | SB_DNS, do_socket_udp, 0, 0 },
	{ "dns tcp", S | SB_DNS, do_socket_inet, 0, 0 },
	{ "dns and inet", S | SB_DNS | SB_INET, do_socket_inet, 0, 0 },
	{ "dns netlink", S | SB_DNS, do_netlink_route, 0, 0 },
	{ "dns netlink audit", S | SB_DNS, do_netlink_other, 1, 0 },
	{ "netlink", S | SB_INET, do_netlink_route, 1, 0 },
	{ "socketpair", S | SB_INET | SB_DNS, do_socketpair, 1, 0 },
	{ "bind", S | SB_INET | SB_ACCEPT, do_bind, 1, 0 },
	{ "listen", S | SB_INET | SB_DNS, do_listen, 1, 0 },
	{ "listen allowed", S | SB_ACCEPT, do_listen, 0, 0 },
	{ "connect", S | SB_ACCEPT, do_connect, 1, 0 },
	{ "accept", S | SB_INET | SB_PASSFD, do_accept, 1, 0 },
	{ "accept allowed", S | SB_ACCEPT, do_accept, 0, 0 },
	{ "setsockopt", S, do_setsockopt, 1, 0 },
	{ "setsockopt allowed", S | SB_PASSFD, do_setsockopt, 0, 0 },
	{ "setsockopt netfilter", S | SB_INET, do_setsockopt_netfilter, 1, 0 },

	{ "read", R, do_read_file, 0, SB_PATH_READ },
	{ "read, all", FILES_ALL, do_read_file, 0, PATH_ALL },
	{ "reader writes", R, do_write_refused, 0, SB_PATH_READ },
	/* Even where the path would allow it: two layers. */
	{ "reader writes 2", R, do_write_refused, 0, PATH_ALL },
	{ "dns writes", S | SB_DNS, do_write_refused, 0, PATH_ALL },
	{ "writer on read path", W, do_write_refused, 0, SB_PATH_READ },
	{ "all on read path", FILES_ALL, do_write_refused, 0, SB_PATH_READ },
	{ "write", W, do_write_file, 0, PATH_ALL },
	{ "write without create", W, do_create_refused, 0, PATH_ALL },
	{ "create", FILES_ALL, do_create_file, 0, PATH_ALL },
	{ "list", R, do_opendir_refused, 0, SB_PATH_READ },
	{ "unlink", W, do_unlink, 1, PATH_ALL },
	{ "mkdir", FILES_ALL, do_mkdir, 1, PATH_ALL },
	{ "symlink", FILES_ALL, do_symlink, 1, PATH_ALL },
	{ "truncate", R, do_truncate_fd, 1, PATH_ALL },
};

struct attempt {
	const struct deed *d;
	int abi;
};

static void
attempt(const void *arg)
{
	const struct attempt *a = arg;
	struct sandbox_path path = { dir, a->d->path_rights };
	struct sandbox sb = {
		.promises = a->d->promises,
		.paths = &path,
		.npaths = a->d->path_rights != 0,
		.landlock_abi_max = a->abi,
	};

	subproc_enter(&sb);
	a->d->fn();
}

static int
kernel_abi(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
}

/* Each deed with each ABI that this kernel can be taken for. */
static void
test_deeds(void **state)
{
	int abi_max = kernel_abi(), wrong = 0;

	for (int abi = 1; abi <= abi_max; abi++)
		for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
			struct attempt a = { &deeds[i], abi };
			int st = subproc_run(attempt, &a);
			int killed = WIFSIGNALED(st) && WTERMSIG(st) == SIGSYS;

			if (deeds[i].deadly ? killed : st == 0)
				continue;
			print_error("%s (ABI %d): status %#x\n", deeds[i].name,
			    abi, (unsigned)st);
			wrong++;
		}
	assert_int_equal(wrong, 0);
}

#ifdef __x86_64__
static void
run_i386(const void *arg)
{
	do_i386();
}

static void
test_i386(void **state)
{
	static const struct deed d = { "i386", S, do_i386, 1, 0 };
	struct attempt a = { &d, 0 };
	int st;

	if (subproc_run(run_i386, NULL) != 0) {
		print_message("this kernel has no i386 gate\n");
		skip();
	}
	st = subproc_run(attempt, &a);
	assert_true(WIFSIGNALED(st));
	assert_int_equal(WTERMSIG(st), SIGSYS);
}
#endif

/* --- directories of the test --- */

static void
make_dir(char *path, size_t len, char *name, size_t namelen)
{
	int fd;

	snprintf(path, len, "/tmp/test_sandbox.XXXXXX");
	assert_non_null(mkdtemp(path));
	snprintf(name, namelen, "%s/f", path);
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0666);
	assert_true(fd != -1);
	assert_int_equal(write(fd, "hello", 5), 5);
	close(fd);
	/* As root the child will be somebody else. */
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(chmod(name, 0666), 0);
}

static int
make_dirs(void **state)
{
	make_dir(dir, sizeof(dir), file, sizeof(file));
	make_dir(outside, sizeof(outside), outside_file, sizeof(outside_file));
	snprintf(new_file, sizeof(new_file), "%s/new", dir);
	return 0;
}

static int
remove_dirs(void **state)
{
	unlink(file);
	unlink(outside_file);
	rmdir(outside);
	return rmdir(dir); /* nothing else may be in it */
}

static int
run_group(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deeds),
#ifdef __x86_64__
		cmocka_unit_test(test_i386),
#endif
	};

	return cmocka_run_group_tests_name(name, tests, make_dirs, remove_dirs);
}

int
main(void)
{
	return subproc_main(run_group);
}
