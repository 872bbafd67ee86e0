/*
 * The sandbox as a whole: how it is applied, what it looks like from
 * outside, and that the libraries of the processes live well in it: epoll
 * loops, SQLite's writer and reader, getaddrinfo.  Call by call it is tried
 * in test_sandbox_calls.c.
 */
#include <sys/types.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <event2/event.h>
#include <fcntl.h>
#include <malloc.h>
#include <netdb.h>
#include <nss.h>
#include <resolv.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/subproc_sandbox.h"

#define PATH_ALL (SB_PATH_READ | SB_PATH_WRITE | SB_PATH_READDIR)

/* --- applying it --- */

static void
wait_inside(const void *arg)
{
	const int *fds = arg;
	struct sandbox sb = { .promises = SB_STDIO, .nofile = 64 };

	subproc_enter(&sb);
	subproc_tell(fds[1]);
	CHECK(subproc_hear(fds[2]) == 1);
}

static void
test_status(void **state)
{
	static const char *const want[][2] = { { "Seccomp", "2" },
		{ "NoNewPrivs", "1" }, { "CapEff", "0000000000000000" },
		{ "CapPrm", "0000000000000000" } };
	char got[64];
	int fds[4];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pipe(fds + 2), 0);
	pid = subproc_start(wait_inside, fds);
	close(fds[1]);
	assert_int_equal(subproc_hear(fds[0]), 1);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_int_equal(subproc_status(pid, want[i][0], got,
				     sizeof(got)),
		    0);
		assert_string_equal(got, want[i][1]);
	}
	subproc_tell(fds[3]);
	assert_int_equal(subproc_wait(pid), 0);
	close(fds[0]);
	close(fds[2]);
	close(fds[3]);
}

static void
run_out_of_descriptors(const void *arg)
{
	struct sandbox sb = { .promises = SB_STDIO, .nofile = 32 };
	int n;

	subproc_enter(&sb);
	while ((n = dup(0)) != -1)
		CHECK(n < 32);
	CHECK(errno == EMFILE);
}

/* Without ASan, whose allocator ends the process instead. */
static void
run_out_of_memory(const void *arg)
{
#ifndef HS_SAN
	struct sandbox sb = { .promises = SB_STDIO, .memory = 64UL << 20 };

	subproc_enter(&sb);
	CHECK(malloc(128UL << 20) == NULL && errno == ENOMEM);
	CHECK(malloc(16UL << 20) != NULL);
#endif
}

static void
test_limits(void **state)
{
	assert_int_equal(subproc_run(run_out_of_descriptors, NULL), 0);
	assert_int_equal(subproc_run(run_out_of_memory, NULL), 0);
}

/* Must fail and say `want`. */
struct failing {
	struct sandbox sb;
	const char *want;
};

static void
apply_failing(const void *arg)
{
	const struct failing *f = arg;
	char err[256];

	CHECK(sandbox_apply(&f->sb, err, sizeof(err)) == -1);
	if (strstr(err, f->want) == NULL)
		dprintf(2, "%s\n", err);
	CHECK(strstr(err, f->want) != NULL);
}

static void
test_fails_closed(void **state)
{
	static const struct sandbox_path missing = { "/nonexistent",
		SB_PATH_READ };
	const struct failing tests[] = {
		{ { .promises = SB_STDIO, .landlock_abi_max = -1 },
		    "the kernel lacks Landlock" },
		{ { .promises = SB_INET }, "SB_STDIO" },
		{ { .promises = SB_STDIO | SB_RPATH,
		      .paths = &missing,
		      .npaths = 1 },
		    "/nonexistent" },
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		assert_int_equal(subproc_run(apply_failing, &tests[i]), 0);
}

static void
apply_optional(const void *arg)
{
	static const struct sandbox_path paths[] = {
		{ "/nonexistent", SB_PATH_READ | SB_PATH_OPTIONAL },
		{ "/etc/passwd", PATH_ALL }, /* a file: fewer rights exist */
	};
	struct sandbox sb = { .promises = SB_STDIO | SB_RPATH,
		.paths = paths,
		.npaths = 2 };
	char line[256];

	subproc_enter(&sb);
	sandbox_describe(&sb, line, sizeof(line));
	CHECK(strstr(line, "; Landlock ABI ") != NULL);
	CHECK(open("/etc/passwd", O_RDONLY) != -1);
	CHECK(open("/etc/group", O_RDONLY) == -1 && errno == EACCES);
}

static void
test_paths(void **state)
{
	assert_int_equal(subproc_run(apply_optional, NULL), 0);
}

static void
apply_log_mode(const void *arg)
{
	struct sandbox sb = { .promises = SB_STDIO, .mode = SANDBOX_LOG };
	struct stat st;

	subproc_enter(&sb);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) != -1);
	CHECK(open("/etc/passwd", O_RDONLY) != -1);
	CHECK(stat("/etc/passwd", &st) == 0);
	CHECK(prctl(PR_GET_SECCOMP) == 2);
}

static void
test_log_mode(void **state)
{
	assert_int_equal(subproc_run(apply_log_mode, NULL), 0);
}

static void
test_describe(void **state)
{
	static const struct sandbox_path paths[] = { { "/var/lib/x",
	    SB_PATH_READ | SB_PATH_WRITE } };
	struct sandbox sb = { .promises = SB_STDIO | SB_RPATH,
		.paths = paths,
		.npaths = 1,
		.nofile = 64 };
	char buf[128], small[12];

	assert_string_equal(sandbox_describe(&sb, buf, sizeof(buf)),
	    "enforcing: stdio rpath; /var/lib/x:rw; 64 descriptors");
	sb = (struct sandbox){ .promises = SB_STDIO, .mode = SANDBOX_LOG };
	assert_string_equal(sandbox_describe(&sb, buf, sizeof(buf)),
	    "logging only: stdio; no files");
	assert_string_equal(sandbox_describe(&sb, small, sizeof(small)),
	    "logging onl");
}

/* --- TCP as relayd has it --- */

struct listening {
	int fd;
	struct sockaddr_in sin;
};

static void
relay_once(const void *arg)
{
	const struct listening *l = arg;
	struct sandbox sb = { .promises = SB_STDIO | SB_ACCEPT | SB_INET };
	struct tcp_info ti;
	struct sockaddr_in sin;
	socklen_t len = sizeof(ti), slen = sizeof(sin);
	int out, in, one = 1, n = -1;
	char c;

	subproc_enter(&sb);
	CHECK((out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) != -1);
	CHECK(connect(out, (const struct sockaddr *)&l->sin, sizeof(l->sin)) ==
	    0);
	CHECK((in = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC)) != -1);
	CHECK(getpeername(in, (struct sockaddr *)&sin, &slen) == 0);
	CHECK(setsockopt(in, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
	CHECK(setsockopt(in, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one)) == 0);
	CHECK(getsockopt(in, IPPROTO_TCP, TCP_INFO, &ti, &len) == 0);
	CHECK(send(out, "x", 1, MSG_NOSIGNAL) == 1);
	CHECK(recv(in, &c, 1, 0) == 1);
	CHECK(ioctl(out, SIOCOUTQ, &n) == 0 && n >= 0);
	CHECK(shutdown(out, SHUT_WR) == 0);
	CHECK(recv(in, &c, 1, 0) == 0);
}

static void
test_tcp(void **state)
{
	struct listening l = { .sin = { .sin_family = AF_INET } };
	socklen_t len = sizeof(l.sin);

	l.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	l.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(l.fd, (struct sockaddr *)&l.sin, len), 0);
	assert_int_equal(listen(l.fd, 4), 0);
	getsockname(l.fd, (struct sockaddr *)&l.sin, &len);
	assert_int_equal(subproc_run(relay_once, &l), 0);
	close(l.fd);
}

/* --- libevent: epoll, timers, signals, eventfd; malloc --- */

struct loop {
	struct event_base *base;
	int efd, timers, events, signals;
};

static void
loop_check(struct loop *l)
{
	if (l->timers >= 3 && l->events > 0 && l->signals > 0)
		event_base_loopbreak(l->base);
}

static void
loop_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	uint64_t one = 1;

	CHECK(write(l->efd, &one, sizeof(one)) == sizeof(one));
	if (++l->timers == 2)
		CHECK(raise(SIGUSR1) == 0);
	loop_check(l);
}

static void
loop_on_event(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	uint64_t n;

	CHECK(read((int)fd, &n, sizeof(n)) == sizeof(n));
	l->events++;
	loop_check(l);
}

static void
loop_on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct loop *l = arg;

	l->signals++;
	loop_check(l);
}

static void
loop_open(struct loop *l)
{
	CHECK((l->base = event_base_new()) != NULL);
	CHECK(strcmp(event_base_get_method(l->base), "epoll") == 0);
	CHECK((l->efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) != -1);
}

static void
loop_run(struct loop *l)
{
	struct timeval tick = { 0, 2000 };
	struct event *ev[3];

	ev[0] = event_new(l->base, -1, EV_PERSIST, loop_on_timer, l);
	ev[1] = event_new(l->base, l->efd, EV_READ | EV_PERSIST, loop_on_event,
	    l);
	ev[2] = evsignal_new(l->base, SIGUSR1, loop_on_signal, l);
	CHECK(ev[0] != NULL && ev[1] != NULL && ev[2] != NULL);
	CHECK(event_add(ev[0], &tick) == 0);
	CHECK(event_add(ev[1], NULL) == 0 && event_add(ev[2], NULL) == 0);
	CHECK(event_base_dispatch(l->base) == 0);
	CHECK(l->timers >= 3 && l->events > 0 && l->signals > 0);
	for (int i = 0; i < 3; i++)
		event_free(ev[i]);
	event_base_free(l->base);
	close(l->efd);
}

static void
malloc_much(void)
{
	enum {
		N = 2000
	};
	static char *p[N];

	for (int i = 0; i < N; i++) {
		CHECK((p[i] = malloc((size_t)i * 50 + 1)) != NULL);
		p[i][i * 50] = 1;
	}
	for (int i = 0; i < N; i++)
		free(p[i]);
	malloc_trim(0);
}

static void
run_loop(const void *arg)
{
	const int *inside = arg;
	struct sandbox sb = { .promises = SB_STDIO };
	struct loop l = { 0 };

	if (!*inside)
		loop_open(&l);
	subproc_enter(&sb);
	if (*inside)
		loop_open(&l);
	loop_run(&l);
	malloc_much();
	/* Through atexit handlers and, if built in, the leak check. */
	exit(0);
}

/* The base made before the sandbox, as processes do, and within. */
static void
test_event_loop(void **state)
{
	for (int inside = 0; inside <= 1; inside++)
		assert_int_equal(subproc_run(run_loop, &inside), 0);
}

#ifdef HS_SAN
static void *volatile leaked;

static void
run_leak(const void *arg)
{
	struct sandbox sb = { .promises = SB_STDIO };

	subproc_enter(&sb);
	leaked = malloc(77);
	leaked = NULL;
	exit(0);
}

/* The processes' leaks would go unseen if the sandbox blinded LSan. */
static void
test_leak_is_found(void **state)
{
	int st = subproc_run(run_leak, NULL);

	assert_true(WIFEXITED(st) && WEXITSTATUS(st) != 0);
}
#endif

/* --- SQLite in WAL mode: captured writes, query reads --- */

#define ROWS 3000

struct store {
	char dir[64], db[80];
	int abi;
	int ready[2], go[2]; /* writer says ready, hears go */
};

static void
sql(sqlite3 *db, const char *text)
{
	char *msg = NULL;

	if (sqlite3_exec(db, text, NULL, NULL, &msg) == SQLITE_OK)
		return;
	dprintf(2, "%s: %s\n", text, msg);
	_exit(99);
}

static int64_t
sql_int(sqlite3 *db, const char *text)
{
	sqlite3_stmt *st;
	int64_t v;

	CHECK(sqlite3_prepare_v2(db, text, -1, &st, NULL) == SQLITE_OK);
	if (sqlite3_step(st) != SQLITE_ROW) {
		dprintf(2, "%s: %s\n", text, sqlite3_errmsg(db));
		_exit(99);
	}
	v = sqlite3_column_int64(st, 0);
	CHECK(sqlite3_finalize(st) == SQLITE_OK);
	return v;
}

static void
insert_rows(sqlite3 *db)
{
	sql(db, "begin");
	for (int i = 0; i < ROWS; i++)
		sql(db, "insert into t(b) values (randomblob(200))");
	sql(db, "commit");
}

static sqlite3 *
create_store(const struct store *s)
{
	sqlite3 *db;

	CHECK(sqlite3_open(s->db, &db) == SQLITE_OK);
	sql(db, "pragma temp_store=memory");
	sql(db, "pragma auto_vacuum=incremental");
	sql(db, "pragma journal_mode=wal");
	sql(db, "pragma synchronous=normal");
	sql(db, "create table t(a integer primary key, b blob)");
	sql(db, "create index i on t(b)");
	insert_rows(db);
	return db;
}

static void
vacuum_store(sqlite3 *db)
{
	int64_t pages = sql_int(db, "pragma page_count");

	sql(db, "delete from t where a % 3 != 0");
	sql(db, "pragma incremental_vacuum");
	CHECK(sql_int(db, "pragma wal_checkpoint(truncate)") == 0);
	CHECK(sql_int(db, "pragma page_count") < pages);
	CHECK(sql_int(db, "select count(*) from t") == ROWS / 3);
}

static void
enter_store(const struct store *s, unsigned promises, unsigned rights)
{
	struct sandbox_path path = { s->dir, rights };
	struct sandbox sb = { .promises = promises,
		.paths = &path,
		.npaths = 1,
		.landlock_abi_max = s->abi };

	subproc_enter(&sb);
}

static void
run_writer(const void *arg)
{
	const struct store *s = arg;
	sqlite3 *db;

	enter_store(s, SB_STDIO | SB_PASSFD | SB_RPATH | SB_WPATH | SB_CPATH,
	    PATH_ALL);
	db = create_store(s);
	subproc_tell(s->ready[1]);
	CHECK(subproc_hear(s->go[0]) == 1); /* reader has seen it */
	insert_rows(db);
	subproc_tell(s->ready[1]);
	CHECK(subproc_hear(s->go[0]) == 1); /* reader is gone */
	sql(db, "delete from t where a > 3000");
	vacuum_store(db);
	CHECK(sql_int(db,
		  "select count(*) from pragma_quick_check "
		  "where quick_check = 'ok'") == 1);
	CHECK(sqlite3_close(db) == SQLITE_OK); /* unlinks -wal and -shm */
}

static void
run_reader(const void *arg)
{
	const struct store *s = arg;
	sqlite3 *db;

	enter_store(s, SB_STDIO | SB_PASSFD | SB_RPATH, SB_PATH_READ);
	CHECK(sqlite3_open_v2(s->db, &db, SQLITE_OPEN_READONLY, NULL) ==
	    SQLITE_OK);
	sql(db, "pragma temp_store=memory");
	CHECK(sql_int(db, "select count(*) from t") == ROWS);
	CHECK(sqlite3_exec(db, "delete from t", NULL, NULL, NULL) ==
	    SQLITE_READONLY);
	subproc_tell(s->go[1]);
	CHECK(subproc_hear(s->ready[0]) == 1);
	CHECK(sql_int(db, "select count(*) from t") == 2 * ROWS);
	CHECK(sql_int(db,
		  "select length(max(b)) from (select b from t "
		  "order by b desc)") == 200);
	CHECK(sqlite3_close(db) == SQLITE_OK);
}

static void
open_store(struct store *s, int abi)
{
	snprintf(s->dir, sizeof(s->dir), "/tmp/test_sandbox.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	assert_int_equal(chmod(s->dir, 0777), 0);
	snprintf(s->db, sizeof(s->db), "%s/db", s->dir);
	s->abi = abi;
	assert_int_equal(pipe2(s->ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(s->go, O_CLOEXEC), 0);
}

static void
remove_store(struct store *s)
{
	unlink(s->db);
	assert_int_equal(rmdir(s->dir), 0); /* -wal and -shm are gone */
	for (int i = 0; i < 2; i++) {
		close(s->ready[i]);
		close(s->go[i]);
	}
}

/* ABI 2 is Debian 12's. */
static void
test_sqlite(void **state)
{
	static const int abis[] = { 2, 3, 0 };
	struct store s;
	pid_t writer;

	for (size_t i = 0; i < sizeof(abis) / sizeof(abis[0]); i++) {
		open_store(&s, abis[i]);
		writer = subproc_start(run_writer, &s);
		assert_int_equal(subproc_hear(s.ready[0]), 1);
		assert_int_equal(subproc_run(run_reader, &s), 0);
		subproc_tell(s.go[1]);
		assert_int_equal(subproc_wait(writer), 0);
		remove_store(&s);
	}
}

/* --- getaddrinfo --- */

struct dns {
	int fd; /* the name server's socket, bound on loopback */
	struct sockaddr_in sin;
};

static void
enter_dns(const struct dns *d)
{
	static const struct sandbox_path paths[] = { SANDBOX_DNS_PATHS };
	struct sandbox sb = { .promises = SB_STDIO | SB_DNS,
		.paths = paths,
		.npaths = sizeof(paths) / sizeof(paths[0]) };

	__nss_configure_lookup("hosts", "files dns");
	if (d != NULL) {
		CHECK(res_init() == 0);
		_res.nscount = 1;
		_res.nsaddr_list[0] = d->sin;
		_res.options |= RES_DEFNAMES;
		_res.options &= ~(unsigned long)RES_DNSRCH;
	}
	subproc_enter(&sb);
}

/* The first address of the name, as text. */
static void
resolve(const char *name, int family, const char *want)
{
	struct addrinfo hints = { .ai_family = family,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV };
	struct addrinfo *res;
	char text[64];
	int rc;

	if ((rc = getaddrinfo(name, "3333", &hints, &res)) != 0) {
		dprintf(2, "%s: %s\n", name, gai_strerror(rc));
		_exit(99);
	}
	CHECK(getnameinfo(res->ai_addr, res->ai_addrlen, text, sizeof(text),
		  NULL, 0, NI_NUMERICHOST) == 0);
	CHECK(strcmp(text, want) == 0);
	freeaddrinfo(res);
}

static void
run_resolve_local(const void *arg)
{
	enter_dns(NULL);
	resolve("localhost", AF_INET, "127.0.0.1");
	/* nscd would be asked over AF_UNIX, which is refused. */
	CHECK(socket(AF_UNIX, SOCK_STREAM, 0) == -1 && errno == EACCES);
}

static void
run_resolve_name(const void *arg)
{
	enter_dns(arg);
	resolve("pool.example.", AF_UNSPEC, "192.0.2.7");
}

static void
test_resolve_local(void **state)
{
	assert_int_equal(subproc_run(run_resolve_local, NULL), 0);
}

/* Answers one question: A with 192.0.2.7, anything else with nothing. */
static int
answer(const struct dns *d)
{
	static const uint8_t rr[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4,
		192, 0, 2, 7 };
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	uint8_t b[512], *end = b + 12;
	ssize_t n;
	int is_a;

	n = recvfrom(d->fd, b, sizeof(b) - sizeof(rr), 0,
	    (struct sockaddr *)&from, &len);
	if (n < 17)
		return -1;
	while (end < b + n && *end != 0)
		end += *end + 1;
	end += 5; /* the root label, type, class */
	if (end > b + n)
		return -1;
	is_a = end[-3] == 1;
	b[2] = 0x81; /* an answer */
	b[3] = 0x80;
	b[7] = (uint8_t)is_a;
	memset(b + 8, 0, 4);
	if (is_a) {
		memcpy(end, rr, sizeof(rr));
		end += sizeof(rr);
	}
	return sendto(d->fd, b, (size_t)(end - b), 0, (struct sockaddr *)&from,
		   len) > 0 ?
	    is_a :
	    -1;
}

/* glibc asks for A and AAAA, with sendmmsg; serves until the asker ends. */
static void
test_resolve_name(void **state)
{
	struct dns d = { .sin = { .sin_family = AF_INET } };
	socklen_t len = sizeof(d.sin);
	int done[2], asked_a = 0;
	struct pollfd pfd[2];
	pid_t pid;

	d.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	d.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(d.fd, (struct sockaddr *)&d.sin, len), 0);
	getsockname(d.fd, (struct sockaddr *)&d.sin, &len);
	assert_int_equal(pipe2(done, O_CLOEXEC), 0);
	pid = subproc_start(run_resolve_name, &d);
	close(done[1]);
	pfd[0] = (struct pollfd){ .fd = d.fd, .events = POLLIN };
	pfd[1] = (struct pollfd){ .fd = done[0], .events = POLLIN };
	while (poll(pfd, 2, SUBPROC_DEADLINE_MS) > 0 && pfd[1].revents == 0)
		asked_a |= answer(&d) == 1;
	assert_int_equal(subproc_wait(pid), 0);
	assert_true(asked_a);
	close(done[0]);
	close(d.fd);
}

static int
run_group(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_fails_closed),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_log_mode),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_event_loop),
#ifdef HS_SAN
		cmocka_unit_test(test_leak_is_found),
#endif
		cmocka_unit_test(test_sqlite),
		cmocka_unit_test(test_resolve_local),
		cmocka_unit_test(test_resolve_name),
	};

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(void)
{
	return subproc_main(run_group);
}
