/*
 * captured is killed, at every step and at random moments, also inside its
 * transactions, and started again: at the end every message is there once,
 * whole, in order, with its times and its pair, and no position was ever
 * given out twice.
 *
 * A conversation is made by a seed: sessions, messages, how their bytes are
 * cut into chunks, what is sent on late.  What has to be stored is worked
 * out from the conversation here, not from what captured does.
 */
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "tests/unit/capture_util.h"

#define SESSIONS 6
#define IDS      4
#define NOBODY   SIZE_MAX

static const uint8_t epoch[16] = { 42 };

/* A message as it has to be stored. */
struct want {
	uint64_t session;
	unsigned dir;
	uint64_t end; /* offset behind it */
	char *text;   /* without its line end */
	bool crlf, no_newline;
	size_t pair;     /* of the wanted, or NOBODY */
	int64_t ts, fwd; /* 0: not yet worked out */
	uint64_t pos;
};

/* One direction of a session while the conversation is made. */
struct side {
	struct mbuf said; /* not yet in chunks */
	uint64_t off;     /* in chunks */
	uint64_t total;
	uint64_t fwd;          /* sent on */
	size_t asked[IDS][64]; /* wanted requests, oldest first */
	unsigned nasked[IDS];
};

struct talk {
	unsigned seed;
	struct ring ring;
	struct want *want;
	size_t nwant, cap;
	struct side side[SESSIONS][2];
	bool open[SESSIONS], closed[SESSIONS];
};

static unsigned
rnd(struct talk *t, unsigned n)
{
	return (unsigned)rand_r(&t->seed) % n;
}

/* --- making a conversation --- */

static void
cut(struct talk *t, unsigned s, unsigned d, size_t n)
{
	struct side *x = &t->side[s][d];
	bool forwarded = x->fwd == x->off && rnd(t, 8) != 0;

	if (n > x->said.len)
		n = x->said.len;
	if (n == 0)
		return;
	ring_chunk(&t->ring, s + 1, d, x->off, x->said.data, n, forwarded);
	memmove(x->said.data, x->said.data + n, x->said.len - n);
	x->said.len -= n;
	x->off += n;
	if (forwarded)
		x->fwd = x->off;
}

static void
send_on(struct talk *t, unsigned s, unsigned d, bool all)
{
	struct side *x = &t->side[s][d];

	if (x->fwd == x->off)
		return;
	x->fwd += all ? x->off - x->fwd :
			1 + rnd(t, (unsigned)(x->off - x->fwd));
	ring_fwd(&t->ring, s + 1, d, x->fwd);
}

static size_t
utter(struct talk *t, unsigned s, unsigned d, const char *text, bool last)
{
	struct side *x = &t->side[s][d];
	struct want *w;

	if (t->nwant == t->cap) {
		t->cap = t->cap == 0 ? 256 : t->cap * 2;
		t->want = realloc(t->want, t->cap * sizeof(*t->want));
	}
	w = &t->want[t->nwant];
	memset(w, 0, sizeof(*w));
	w->session = s + 1;
	w->dir = d;
	w->text = strdup(text);
	w->pair = NOBODY;
	w->no_newline = last;
	w->crlf = !last && rnd(t, 5) == 0;
	msg_put_raw(&x->said, text, strlen(text));
	if (!last)
		msg_put_raw(&x->said, &"\r\n"[!w->crlf], w -> crlf ? 2 : 1);
	x->total += strlen(text) + (last ? 0 : w->crlf ? 2 : 1);
	w->end = x->total;
	return t->nwant++;
}

static const char *const ids[IDS] = { "4", "\"4\"", "1",
	"\"auth of a worker\"" };

static void
ask(struct talk *t, unsigned s, unsigned d)
{
	struct side *x = &t->side[s][d];
	unsigned id = rnd(t, IDS);
	char text[200];

	if (x->nasked[id] == 64)
		return;
	snprintf(text, sizeof(text),
	    "{\"id\":%s,\"method\":\"mining.submit\",\"params\":[\"w\",%u]}",
	    ids[id], rnd(t, 1000000));
	x->asked[id][x->nasked[id]++] = utter(t, s, d, text, false);
}

static void
answer(struct talk *t, unsigned s, unsigned d)
{
	struct side *asked = &t->side[s][1 - d];
	unsigned id = rnd(t, IDS);
	size_t request, response;
	char text[200];

	if (asked->nasked[id] == 0)
		return;
	request = asked->asked[id][0];
	memmove(asked->asked[id], asked->asked[id] + 1,
	    --asked->nasked[id] * sizeof(size_t));
	/* It has to be asked before it is answered. */
	cut(t, s, 1 - d, SIZE_MAX);
	snprintf(text, sizeof(text), "{\"id\":%s,\"result\":true,\"x\":%u}",
	    ids[id], rnd(t, 1000000));
	response = utter(t, s, d, text, false);
	t->want[request].pair = response;
	t->want[response].pair = request;
}

static void
notify(struct talk *t, unsigned s)
{
	char text[3000];
	unsigned n = rnd(t, 10) == 0 ? 2500 : rnd(t, 400), i;

	i = (unsigned)snprintf(text, sizeof(text),
	    "{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"");
	memset(text + i, 'a' + (int)rnd(t, 26), n);
	snprintf(text + i + n, sizeof(text) - i - n, "\"]}");
	utter(t, s, 1, text, false);
}

static void
hang_up(struct talk *t, unsigned s)
{
	uint64_t total[2];

	if (!t->open[s] || t->closed[s])
		return;
	t->closed[s] = true;
	for (unsigned d = 0; d < 2; d++) {
		if (rnd(t, 2) == 0)
			utter(t, s, d, "{\"id\":1,\"unfini", true);
		while (t->side[s][d].said.len > 0)
			cut(t, s, d, 1 + rnd(t, 3000));
		send_on(t, s, d, true);
		total[d] = t->side[s][d].total;
		if (rnd(t, 2) == 0)
			ring_half(&t->ring, s + 1, d, total[d], true);
	}
	ring_closed(&t->ring, s + 1, total, total, true);
}

static void
turn(struct talk *t)
{
	unsigned s = rnd(t, SESSIONS), d = rnd(t, 2), what = rnd(t, 12);

	if (t->closed[s])
		return;
	if (!t->open[s]) {
		ring_open(&t->ring, s + 1, true);
		ring_pool(&t->ring, s + 1, true);
		t->open[s] = true;
	}
	if (what < 3)
		ask(t, s, d);
	else if (what < 6)
		answer(t, s, d);
	else if (what < 7)
		notify(t, s);
	else if (what < 9)
		cut(t, s, d, 1 + rnd(t, rnd(t, 2) ? 20 : 800));
	else if (what < 10)
		send_on(t, s, d, false);
	else if (what < 11)
		cut(t, s, d, SIZE_MAX);
	else if (rnd(t, 60) == 0)
		hang_up(t, s);
}

/* Times from the entries: the chunk with the last byte; the first FWD past
 * it when that chunk was not sent at once. */
static void
work_out_times(struct talk *t)
{
	struct tap_head h;
	struct want *w;

	for (size_t i = 0; i < t->ring.n; i++) {
		h = ring_head(&t->ring, i);
		if (h.kind != TAP_CHUNK && h.kind != TAP_FWD)
			continue;
		for (size_t k = 0; k < t->nwant; k++) {
			w = &t->want[k];
			if (w->session != h.session || w->dir != h.dir)
				continue;
			if (h.kind == TAP_CHUNK && w->end > h.offset &&
			    w->end <= h.offset + h.len) {
				w->ts = (int64_t)h.ts_recv;
				w->fwd = (int64_t)h.ts_fwd;
			} else if (h.kind == TAP_FWD && w->ts != 0 &&
			    w->fwd == 0 && w->end <= h.offset) {
				w->fwd = (int64_t)h.ts_fwd;
			}
		}
	}
}

static struct talk *
talk_new(unsigned seed, unsigned turns)
{
	struct talk *t = calloc(1, sizeof(*t));

	t->seed = seed;
	ring_init(&t->ring);
	for (unsigned i = 0; i < turns; i++)
		turn(t);
	for (unsigned s = 0; s < SESSIONS; s++)
		hang_up(t, s);
	work_out_times(t);
	return t;
}

static void
talk_free(struct talk *t)
{
	for (size_t i = 0; i < t->nwant; i++)
		free(t->want[i].text);
	for (unsigned s = 0; s < SESSIONS; s++)
		for (unsigned d = 0; d < 2; d++)
			mbuf_free(&t->side[s][d].said);
	free(t->want);
	ring_free(&t->ring);
	free(t);
}

/* --- a life of captured --- */

/* What the lives share. */
struct shared {
	uint64_t last_pos;
	uint64_t reused;
	uint64_t lives;
};

struct life {
	unsigned seed;
	unsigned kill_at; /* the step; 0 never */
	unsigned kill_us; /* the moment; 0 never */
	bool tidy;        /* at kill_at ends in order instead */
	struct shared *shared;
	unsigned steps;
};

static void
see(void *arg, const struct message_rec *r)
{
	struct shared *sh = arg;

	if (r->pos <= sh->last_pos)
		sh->reused++;
	sh->last_pos = r->pos;
}

/* What relayd tells first: all that it still has, without numbers. */
static void
tell_facts(struct talk *t, uint64_t mark, size_t now, struct ingest *in)
{
	struct ring facts;
	struct tap_head h;
	bool past[SESSIONS + 1] = { false };
	size_t i;

	for (i = 0; i < t->ring.n; i++) {
		h = ring_head(&t->ring, i);
		/* Now and then it has not forgotten yet. */
		if (h.kind == TAP_CLOSED && h.seq <= mark)
			past[h.session] = h.session % 2 == 0;
	}
	ring_init(&facts);
	for (i = 0; i < now; i++) {
		h = ring_head(&t->ring, i);
		if (past[h.session])
			continue;
		if (h.kind == TAP_OPEN)
			ring_open(&facts, h.session, false);
		else if (h.kind == TAP_POOL)
			ring_pool(&facts, h.session, false);
		else if (h.kind == TAP_HALF)
			ring_half(&facts, h.session, h.dir, h.offset, false);
	}
	ring_give(&facts, 0, facts.n, in);
	ring_free(&facts);
}

static void
step(struct life *l, struct ingest *in)
{
	l->steps++;
	if (l->steps != l->kill_at)
		return;
	if (!l->tidy)
		raise(SIGKILL);
	ingest_close(in);
	_exit(0);
}

static void
live(struct talk *t, const char *dir, struct life *l)
{
	struct itimerval it = { .it_value = { 0, l->kill_us } };
	struct capture_conf conf;
	struct ingest in;
	uint64_t mark;
	char err[256];
	size_t i = 0, n, now;

	if (l->kill_us != 0)
		setitimer(ITIMER_REAL, &it, NULL);
	test_conf(&conf, dir);
	if (ingest_open(&in, &conf, err, sizeof(err)) == -1)
		_exit(3);
	in.on_message = see;
	in.arg = l->shared;
	mark = ingest_hello(&in, epoch, TEST_OFFSET);
	while (i < t->ring.n && ring_head(&t->ring, i).seq <= mark)
		i++;
	now = i + (size_t)rand_r(&l->seed) % (t->ring.n - i + 1);
	tell_facts(t, mark, now, &in);
	while (i < t->ring.n) {
		n = 1 + (size_t)rand_r(&l->seed) % 6;
		if (n > t->ring.n - i)
			n = t->ring.n - i;
		if (ring_give(&t->ring, i, i + n, &in) == -1)
			_exit(4);
		i += n;
		step(l, &in);
		if (rand_r(&l->seed) % 6 != 0)
			continue;
		ingest_commit(&in);
		step(l, &in);
	}
	ingest_close(&in);
	_exit(0);
}

/* True when it came to its end. */
static bool
run(struct talk *t, const char *dir, struct life l)
{
	int status;
	pid_t pid;

	l.shared->lives++;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		live(t, dir, &l);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) &&
	    (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGALRM))
		return false;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return true;
}

/* --- comparing --- */

static void
compare_one(const struct want *w, const struct got *g)
{
	assert_string_equal((const char *)g->raw, w->text);
	assert_int_equal(g->len, strlen(w->text));
	assert_int_equal(g->size,
	    g->len +
		(w->no_newline  ? 0 :
			w->crlf ? 2 :
				  1));
	assert_int_equal((g->flags & MF_CRLF) != 0, w->crlf);
	assert_int_equal((g->flags & MF_NO_NEWLINE) != 0, w->no_newline);
	assert_int_equal(g->flags &
		(MF_AFTER_GAP | MF_TRUNCATED | MF_UNDELIVERED | MF_BROKEN),
	    0);
	assert_int_equal(g->ts, w->ts);
	assert_int_equal(g->fwd, w->fwd);
}

/* Finds for each wanted the stored, in the order of its direction. */
static void
compare(struct talk *t, const char *dir, const struct shared *sh)
{
	size_t next[SESSIONS + 1][2] = { 0 };
	struct got_list l;
	struct want *w;
	size_t i, k;

	assert_int_equal(got_load(dir, &l), 0);
	for (i = 0; i < t->nwant; i++) {
		w = &t->want[i];
		k = next[w->session][w->dir];
		while (k < l.n &&
		    (l.m[k].session != w->session || l.m[k].dir != w->dir))
			k++;
		if (k == l.n)
			fail_msg("not stored: %s", w->text);
		next[w->session][w->dir] = k + 1;
		compare_one(w, &l.m[k]);
		w->pos = l.m[k].pos;
		l.m[k].session = w->session;
	}
	assert_int_equal(l.n, t->nwant);
	for (i = 0; i < t->nwant; i++) {
		w = &t->want[i];
		for (k = 0; l.m[k].pos != w->pos; k++)
			;
		assert_int_equal(l.m[k].pair,
		    w->pair == NOBODY ? 0 : t->want[w->pair].pos);
	}
	got_free(&l);
	assert_int_equal(sh->reused, 0);
}

static void
compare_sessions(struct talk *t, const char *dir)
{
	char sql[200];
	unsigned s, opened = 0;
	size_t i, n;

	for (s = 0; s < SESSIONS; s++) {
		if (!t->open[s])
			continue;
		opened++;
		for (i = n = 0; i < t->nwant; i++)
			n += t->want[i].session == s + 1;
		snprintf(sql, sizeof(sql),
		    "SELECT count(*) FROM sessions WHERE number = %u AND"
		    " live = 0 AND messages = %zu AND gaps = 0 AND"
		    " close_reason = 'miner_closed' AND bytes_miner = %llu AND"
		    " bytes_pool = %llu",
		    s + 1, n, (unsigned long long)t->side[s][0].total,
		    (unsigned long long)t->side[s][1].total);
		assert_int_equal(got_number(dir, sql), 1);
	}
	assert_int_equal(got_number(dir, "SELECT count(*) FROM sessions"),
	    opened);
	assert_int_equal(got_number(dir, "SELECT count(*) FROM items"), 0);
	assert_int_equal(got_number(dir, "SELECT count(*) FROM partials"), 0);
}

/* --- the tests --- */

static struct shared *
share(void)
{
	struct shared *sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(sh != MAP_FAILED);
	return sh;
}

static void
check(struct talk *t, const char *dir, struct shared *sh)
{
	compare(t, dir, sh);
	compare_sessions(t, dir);
	munmap(sh, sizeof(*sh));
	test_dir_remove(dir);
}

static void
test_no_kill(void **state)
{
	struct talk *t = talk_new(1, 3000);
	struct shared *sh = share();
	char dir[256];

	assert_true(t->nwant > 500);
	test_dir(dir, sizeof(dir));
	assert_true(run(t, dir, (struct life){ .seed = 1, .shared = sh }));
	check(t, dir, sh);
	talk_free(t);
}

/* Killed at this step, then let live; or ended in order at this step. */
static bool
at_step(struct talk *t, unsigned k, bool tidy)
{
	struct life l = { .seed = 5, .kill_at = k, .tidy = tidy };
	char dir[256];
	bool ended;

	l.shared = share();
	test_dir(dir, sizeof(dir));
	ended = run(t, dir, l);
	if (!ended || tidy) {
		l.kill_at = 0;
		l.seed = k;
		assert_true(run(t, dir, l));
	}
	check(t, dir, l.shared);
	return ended;
}

static void
test_every_step(void **state)
{
	struct talk *t = talk_new(7, 260);
	unsigned k;

	for (k = 1; !at_step(t, k, false); k++)
		;
	assert_true(k > 20);
	for (k = 1; k < 20; k++)
		at_step(t, k, true);
	talk_free(t);
}

/* Killed after some µs, wherever that is, again and again. */
static void
test_any_moment(void **state)
{
	struct talk *t;
	struct life l = { .seed = 0 };
	char dir[256];
	unsigned seed, us;

	for (seed = 100; seed < 106; seed++) {
		t = talk_new(seed, 2500);
		l.shared = share();
		test_dir(dir, sizeof(dir));
		us = 3000;
		do {
			l.seed = seed * 1000 + (unsigned)l.shared->lives;
			l.kill_us = us + (unsigned)rand_r(&t->seed) % us;
			/* A machine that is slow gets on all the same. */
			us += us / 16;
		} while (!run(t, dir, l));
		print_message("seed %u: %u lives\n", seed,
		    (unsigned)l.shared->lives);
		check(t, dir, l.shared);
		talk_free(t);
	}
}

static void
quiet(void *arg, enum log_level level, const uint8_t *session, const char *text)
{
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_kill),
		cmocka_unit_test(test_every_step),
		cmocka_unit_test(test_any_moment),
	};

	log_init("test_capture_kill");
	log_set_sink(quiet, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
