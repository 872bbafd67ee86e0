/*
 * The query role as it runs: the real process, in its sandbox, with this
 * test as supervisor, control and captured.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/proc.h"
#include "tests/unit/storelib.h"

#define WAIT_S    20
#define OTHER_UID 64999
#define OTHER_GID 64998
#define LANE      ROLE_QUERY_PAGE
/* What a query may keep of 10 MB of rows; the sanitizer keeps freed memory. */
#ifdef HS_SAN
#define GROWTH_KB (300 * 1024)
#else
#define GROWTH_KB (12 * 1024)
#endif

struct lane {
	struct fixture f;
	pid_t pid;
	int sup, control, capture;
	struct mbuf in, out;
	uint8_t packet[MSG_PACKET_MAX + 8]; /* of several messages */
	struct mcur several;
	unsigned type;
	uint32_t id;
};

/* Our end of a channel: it blocks, but not for ever. */
static void
our_end(int fd)
{
	struct timeval tv = { WAIT_S, 0 };

	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv,
			     sizeof(tv)),
	    0);
}

static void
program(char *path, size_t size)
{
	char self[1024];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	/* build/unit/test_query -> build/libexec/captured */
	snprintf(path, size, "%s/libexec/captured", dirname(dirname(self)));
}

static void
tell(struct lane *l, int fd, enum msg_type type, uint32_t id)
{
	if (ipc_write_blocking(fd, type, id, &l->out) == -1)
		fail_msg("message %u: %s", type, strerror(errno));
	mbuf_reset(&l->out);
}

/* The next of a packet of several: type, flags, id, length and body each. */
static bool
hear_next(struct lane *l)
{
	uint32_t len;

	if (l->several.left == 0)
		return false;
	l->type = msg_get_u16(&l->several);
	assert_int_equal(msg_get_u16(&l->several), 0);
	l->id = msg_get_u32(&l->several);
	len = msg_get_u32(&l->several);
	assert_false(l->several.bad);
	assert_true(len <= l->several.left);
	mbuf_reset(&l->in);
	msg_put_raw(&l->in, l->several.p, len);
	l->several.p += len;
	l->several.left -= len;
	return true;
}

/* Rows and the end of a query may come in one packet. */
static bool
hear_several(struct lane *l, int fd)
{
	static const uint8_t head[4] = { 0, 0, 2, 0 };
	ssize_t n = recv(fd, l->packet, sizeof(l->packet), MSG_PEEK);

	if (n < 8 || memcmp(l->packet, head, sizeof(head)) != 0)
		return false;
	assert_int_equal(recv(fd, l->packet, sizeof(l->packet), 0), n);
	mcur_init(&l->several, l->packet + 8, (size_t)n - 8);
	return hear_next(l);
}

static void
hear(struct lane *l, int fd, enum role from)
{
	enum role self = from == ROLE_SUPERVISOR ? ROLE_SUPERVISOR : from;
	int passed;

	if (from == ROLE_CONTROL && (hear_next(l) || hear_several(l, fd)))
		return;
	if (ipc_read_blocking(fd, self, LANE, &l->in, &l->type, &l->id,
		&passed) == -1)
		fail_msg("nothing heard: %s", strerror(errno));
}

/* From the supervisor's channel, its log aside. */
static void
expect(struct lane *l, unsigned type)
{
	do
		hear(l, l->sup, ROLE_SUPERVISOR);
	while (l->type == MSG_LOG);
	assert_int_equal(l->type, type);
}

static void
introduce(struct lane *l, enum role peer, int *ours)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} c;
	uint8_t packet[16];
	struct iovec iov = { packet, sizeof(packet) };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = c.space,
		.msg_controllen = sizeof(c.space) };
	uint16_t head[2] = { MSG_PEER, 0 };
	uint32_t body[3] = { 0, peer, 1 };
	int fds[2];

	assert_int_equal(ipc_pair(fds), 0);
	memcpy(packet, head, 4);
	memcpy(packet + 4, body, 12);
	memset(&c, 0, sizeof(c));
	CMSG_FIRSTHDR(&mh)->cmsg_level = SOL_SOCKET;
	CMSG_FIRSTHDR(&mh)->cmsg_type = SCM_RIGHTS;
	CMSG_FIRSTHDR(&mh)->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&mh)), &fds[1], sizeof(int));
	assert_int_equal(sendmsg(l->sup, &mh, MSG_NOSIGNAL), sizeof(packet));
	close(fds[1]);
	if (*ours != -1)
		close(*ours);
	*ours = fds[0];
	our_end(*ours);
}

static void
hello(struct lane *l)
{
	struct proc_hello h;

	memset(&h, 0, sizeof(h));
	h.role = LANE;
	h.generation = 1;
	h.parent = (uint32_t)getpid();
	h.is_root = geteuid() == 0;
	if (h.is_root) {
		h.uid = OTHER_UID;
		h.gid = OTHER_UID;
		h.groups[0] = OTHER_GID;
		h.ngroups = 1;
	}
	proc_hello_put(&l->out, &h);
	tell(l, l->sup, MSG_HELLO, 0);
}

static void
start(struct lane *l)
{
	char path[1200];
	int fds[2];

	program(path, sizeof(path));
	assert_int_equal(ipc_pair(fds), 0);
	l->pid = fork();
	assert_true(l->pid >= 0);
	if (l->pid == 0) {
		if (dup2(fds[1], 3) == 3)
			execl(path, "captured", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	l->sup = fds[0];
	our_end(l->sup);
	hello(l);
	tell(l, l->sup, MSG_CONF_BEGIN, 1);
	capture_conf_put(&l->out, &l->f.conf);
	tell(l, l->sup, MSG_CONF_QUERY, 1);
	tell(l, l->sup, MSG_CONF_END, 1);
	expect(l, MSG_CONF_PREPARED);
	assert_int_equal(l->in.data[0], 1);
	tell(l, l->sup, MSG_CONF_COMMIT, 1);
	expect(l, MSG_READY);
	introduce(l, ROLE_CONTROL, &l->control);
	introduce(l, ROLE_CAPTURE, &l->capture);
}

static int
setup(void **state)
{
	struct lane *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	l->control = l->capture = -1;
	mbuf_init(&l->in);
	mbuf_init(&l->out);
	fixture_init(&l->f);
	/* A busy machine is no reason to stop before the end. */
	l->f.conf.query_ms = 2500;
	if (geteuid() == 0) {
		assert_int_equal(chown(l->f.conf.dir, 0, OTHER_GID), 0);
		assert_int_equal(chmod(l->f.conf.dir, 02750), 0);
	}
	start(l);
	*state = l;
	return 0;
}

static int
teardown(void **state)
{
	struct lane *l = *state;
	int status;

	tell(l, l->sup, MSG_SHUTDOWN, 0);
	assert_int_equal(waitpid(l->pid, &status, 0), l->pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("the role ended with %#x", (unsigned)status);
	close(l->sup);
	close(l->control);
	close(l->capture);
	mbuf_free(&l->in);
	mbuf_free(&l->out);
	fixture_done(&l->f);
	free(l);
	return 0;
}

static void
fill(struct lane *l, unsigned n, size_t each)
{
	struct store_session s;
	char raw[2048];
	unsigned i;

	assert_true(each < sizeof(raw));
	memset(raw, 'r', each);
	raw[each] = '\0';
	fixture_open(&l->f);
	make_session(&s, l->f.st);
	write_session(l->f.st, &s);
	for (i = 0; i < n; i++) {
		add_msg(l->f.st, s.sid, raw);
		if (i % 1000 == 999)
			commit(l->f.st);
	}
	commit(l->f.st);
}

static void
query(struct lane *l, uint32_t id, uint32_t limit)
{
	struct query q = { .kind = Q_MESSAGES, .limit = limit };

	query_put(&l->out, &q);
	tell(l, l->control, MSG_QUERY, id);
}

/* Reads the rows of one query alone, up to its end. */
static unsigned
rows(struct lane *l, uint32_t id, struct query_end *end)
{
	struct message_rec m;
	struct mcur cur;
	unsigned n = 0;
	uint64_t last = 0;

	for (;; n++) {
		hear(l, l->control, ROLE_CONTROL);
		assert_int_equal(l->id, id);
		mcur_init(&cur, l->in.data, l->in.len);
		if (l->type == MSG_QUERY_END)
			break;
		assert_int_equal(l->type, MSG_ROW_MESSAGE);
		message_get(&cur, &m);
		assert_int_equal(msg_end(&cur), 0);
		if (n > 0)
			assert_int_equal(m.pos, last - 1);
		last = m.pos;
	}
	query_end_get(&cur, end);
	assert_int_equal(msg_end(&cur), 0);
	assert_int_equal(end->rows, n);
	return n;
}

static void
hold(struct lane *l, uint32_t id)
{
	tell(l, l->capture, MSG_HOLD, id);
	hear(l, l->capture, ROLE_CAPTURE);
	assert_int_equal(l->type, MSG_HELD);
	assert_int_equal(l->id, id);
}

static void
test_page(void **state)
{
	struct lane *l = *state;
	struct query_end end;

	fill(l, 500, 200);
	query(l, 1, 100);
	assert_int_equal(rows(l, 1, &end), 100);
	assert_int_equal(end.status, 0);
	assert_true(end.complete);
	/* Current, while the writer goes on. */
	add_msg(l->f.st, 1, "new");
	commit(l->f.st);
	query(l, 2, 1000);
	assert_int_equal(rows(l, 2, &end), 501);
}

static void
check_status(const char *path, const char *field, const char *value)
{
	char line[256], *p;
	FILE *fp = fopen(path, "r");
	bool found = false;

	assert_non_null(fp);
	while (fgets(line, sizeof(line), fp) != NULL) {
		p = strchr(line, ':');
		if (p == NULL || strncmp(line, field, (size_t)(p - line)) != 0)
			continue;
		p += 1 + strspn(p + 1, " \t");
		if (strncmp(p, value, strlen(value)) != 0)
			fail_msg("%s", line);
		found = true;
	}
	fclose(fp);
	assert_true(found);
}

static void
test_rights(void **state)
{
	struct lane *l = *state;
	char path[64], uid[16];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)l->pid);
	snprintf(uid, sizeof(uid), "%u",
	    geteuid() == 0 ? OTHER_UID : (unsigned)geteuid());
	check_status(path, "Uid", uid);
	check_status(path, "CapEff", "0000000000000000");
	check_status(path, "NoNewPrivs", "1");
	check_status(path, "Seccomp", "2");
}

/* Asked before there is a store: the answer waits for it. */
static void
test_no_store_yet(void **state)
{
	struct lane *l = *state;
	struct query_end end;

	query(l, 1, 10);
	fill(l, 5, 10);
	assert_true(rows(l, 1, &end) <= 5);
	assert_int_equal(end.status, 0);
}

static void
test_replaced(void **state)
{
	struct lane *l = *state;
	struct query_end end;

	fill(l, 50, 10);
	query(l, 1, 100);
	assert_int_equal(rows(l, 1, &end), 50);
	assert_int_equal(store_recover(l->f.st, l->f.moved, sizeof(l->f.moved)),
	    0);
	add_msg(l->f.st, 1, "the first of the new one");
	commit(l->f.st);
	query(l, 2, 100);
	assert_int_equal(rows(l, 2, &end), 1);
	assert_int_equal(end.status, 0);
}

/* Nothing is read while held, and the writer can empty its WAL. */
static void
test_hold(void **state)
{
	struct lane *l = *state;
	struct pollfd p = { .events = POLLIN };
	struct query_end end;

	fill(l, 2000, 100);
	query(l, 1, 2000);
	hold(l, 7);
	assert_int_equal(store_checkpoint(l->f.st), 0);
	assert_int_equal(store_wal_bytes(l->f.st), 0);
	tell(l, l->capture, MSG_GO, 7);
	assert_int_equal(rows(l, 1, &end), 2000);

	hold(l, 8);
	query(l, 2, 10);
	p.fd = l->control;
	assert_int_equal(poll(&p, 1, 50), 0);
	tell(l, l->capture, MSG_GO, 8);
	assert_int_equal(rows(l, 2, &end), 10);
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static uint64_t
resident_kb(pid_t pid)
{
	char path[64];
	unsigned long size, resident = 0;
	FILE *fp;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	fp = fopen(path, "r");
	assert_non_null(fp);
	assert_int_equal(fscanf(fp, "%lu %lu", &size, &resident), 2);
	fclose(fp);
	return resident * 4;
}

/*
 * Who does not read gets everything in the end: what waits is bounded, the
 * deadline does not run, and HOLD is answered meanwhile.
 */
static void
test_slow_reader(void **state)
{
	struct lane *l = *state;
	struct query_end end;
	uint64_t before;
	int64_t until;
	uint32_t id = 100;

	fill(l, 5000, 2000);
	hold(l, 1);
	before = resident_kb(l->pid);
	query(l, 1, 5000);
	tell(l, l->capture, MSG_GO, 1);
	until = now_ms() + 2 * l->f.conf.query_ms;
	while (now_ms() < until) {
		hold(l, ++id);
		tell(l, l->capture, MSG_GO, id);
	}
	assert_true(resident_kb(l->pid) < before + GROWTH_KB);
	assert_int_equal(rows(l, 1, &end), 5000);
	assert_true(end.complete);
}

/* Two long ones take turns, a third that is cancelled says nothing more. */
static void
test_turns(void **state)
{
	struct lane *l = *state;
	unsigned n[4] = { 0 }, switches = 0, ended = 0;
	uint32_t last = 0;

	fill(l, 20000, 300);
	hold(l, 1);
	query(l, 1, 20000);
	query(l, 2, 20000);
	query(l, 3, 20000);
	tell(l, l->control, MSG_QUERY_CANCEL, 3);
	hold(l, 2);
	tell(l, l->capture, MSG_GO, 2);
	while (ended < 2) {
		hear(l, l->control, ROLE_CONTROL);
		assert_in_range(l->id, 1, 2);
		switches += l->id != last;
		last = l->id;
		if (l->type == MSG_QUERY_END)
			ended++;
		else
			n[l->id]++;
	}
	assert_true(switches > 3);
	assert_true(n[1] > 0 && n[2] > 0);
}

static void
test_malformed(void **state)
{
	struct lane *l = *state;
	struct query_end end;

	fill(l, 1, 10);
	msg_put_u32(&l->out, 0xffffffff);
	tell(l, l->control, MSG_QUERY, 5);
	assert_int_equal(rows(l, 5, &end), 0);
	assert_int_equal(end.status, 2);
	query(l, 6, 1);
	assert_int_equal(rows(l, 6, &end), 1);
}

/* A newer control: the older one's queries are forgotten. */
static void
test_new_control(void **state)
{
	struct lane *l = *state;
	struct query_end end;

	fill(l, 20000, 300);
	query(l, 1, 20000);
	introduce(l, ROLE_CONTROL, &l->control);
	query(l, 1, 10);
	assert_int_equal(rows(l, 1, &end), 10);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_page),
		T(test_rights),
		T(test_no_store_yet),
		T(test_replaced),
		T(test_hold),
		T(test_slow_reader),
		T(test_turns),
		T(test_malformed),
		T(test_new_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
