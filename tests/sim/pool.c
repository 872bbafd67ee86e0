/*
 * A Stratum V1 pool for tests, benchmarks and the demo.  It makes jobs up and
 * verifies every share by hashing it, and it can be slow, silent, wrong or
 * rude on demand: by options, by signals, or by lines on its stdin.
 *
 *	SIGUSR1		client.reconnect to everybody (--reconnect)
 *	SIGUSR2		--last-words, then RST, to everybody
 *	SIGTERM, SIGINT	a JSON summary on stdout, exit 0
 */
#include <event2/event.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/sim_conn.h"
#include "tests/sim/sim_judge.h"
#include "tests/sim/sim_util.h"

#define TOKENS      256
#define WORKERS     8
#define NOTIFY_SIZE 16384
#define ACCEPTS     256 /* in one go, before those that mine have a turn */

struct client {
	struct sim_conn conn;
	struct sim_seat seat;
	bool subscribed, authorized, has_job;
	char worker[WORKERS][128];
	int workers;
	TAILQ_ENTRY(client) entry;
};

/* What the pool was told to be. */
static struct {
	const char *host, *port, *users, *reconnect, *last_words, *verify;
	double difficulty, wrong_rate, job_interval, block_interval;
	uint32_t mask;
	size_t en1_len, en2_len, max_clients;
	enum sim_shape shape;
	uint64_t delay_us, seed;
	uint32_t read_rate;
	bool accept_all, silent, seeded;
} opt = {
	.host = "127.0.0.1",
	.port = "0",
	.difficulty = 1e-5,
	.job_interval = 10,
	.block_interval = 40,
	.mask = 0x1fffe000,
	.en1_len = 4,
	.en2_len = 8,
	.max_clients = SIZE_MAX,
	.last_words = "{\"id\":null,\"method\":\"client.show_message\","
		      "\"params\":[\"last words\"]}",
};

static struct {
	uint64_t connections, refused, lines, parse_errors, submits, wrong;
	uint64_t verdict[SIM_VERDICTS];
	uint64_t bytes_in, bytes_out, jobs;
	size_t live, peak;
} count;

static struct event_base *base;
static struct event accept_event, accept_again, job_event, block_event;
static struct event log_event, stdin_event;
static TAILQ_HEAD(, client) clients = TAILQ_HEAD_INITIALIZER(clients);
static struct sim_judge judge;
static uint64_t next_en1;
static FILE *share_log;

/* ---- what is told to miners ---- */

static void
say_difficulty(struct client *c)
{
	sim_conn_printf(&c->conn,
	    "{\"id\":null,\"method\":\"mining.set_difficulty\","
	    "\"params\":[%.10g]}\n",
	    c->seat.now.difficulty);
}

static size_t
print_notify(bool clean, char *buf, size_t size)
{
	static const char head[] =
	    "{\"id\":null,\"method\":\"mining.notify\",\"params\":";
	size_t n = sizeof(head) - 1, m;

	memcpy(buf, head, n);
	m = sim_job_print(sim_judge_latest(&judge), clean, buf + n,
	    size - n - 3);
	if (m == 0)
		sim_die("a notify does not fit");
	n += m;
	memcpy(buf + n, "}\n", 2);
	return n + 2;
}

static void
say_first_job(struct client *c)
{
	char buf[NOTIFY_SIZE];

	if (!c->subscribed || !c->authorized || c->has_job)
		return;
	c->has_job = true;
	say_difficulty(c);
	sim_conn_send(&c->conn, buf, print_notify(true, buf, sizeof(buf)));
}

static void
new_job(bool clean)
{
	char buf[NOTIFY_SIZE];
	struct client *c;
	size_t n;

	sim_judge_next(&judge, clean);
	count.jobs++;
	n = print_notify(clean, buf, sizeof(buf));
	TAILQ_FOREACH(c, &clients, entry)
		if (c->has_job)
			sim_conn_send(&c->conn, buf, n);
}

/* ---- what miners ask ---- */

struct request {
	const struct sim_tok *t;
	int params;
	const char *id;
	size_t id_len;
};

static void
answer(struct client *c, const struct request *r, const char *result)
{
	if (!opt.silent)
		sim_conn_printf(&c->conn,
		    "{\"id\":%.*s,\"result\":%s,\"error\":null}\n",
		    (int)r->id_len, r->id, result);
}

static void
answer_verdict(struct client *c, const struct request *r, enum sim_verdict v)
{
	char buf[512];
	size_t n;

	if (opt.silent)
		return;
	n = sim_verdict_print(v, opt.shape, r->id, r->id_len, buf, sizeof(buf));
	sim_conn_send(&c->conn, buf, n);
}

static void
new_extranonce1(struct sim_terms *t)
{
	uint64_t v = ++next_en1;

	t->en1.len = opt.en1_len;
	for (size_t i = opt.en1_len; i-- > 0; v >>= 8)
		t->en1.b[i] = (uint8_t)v;
	t->en2_len = opt.en2_len;
}

static void
on_subscribe(struct client *c, const struct request *r)
{
	char en1[2 * SIM_NONCE_MAX + 1], buf[256];

	sim_hex_encode(en1, c->seat.now.en1.b, c->seat.now.en1.len);
	snprintf(buf, sizeof(buf),
	    "[[[\"mining.set_difficulty\",\"%s\"],[\"mining.notify\",\"%s\"]],"
	    "\"%s\",%zu]",
	    en1, en1, en1, c->seat.now.en2_len);
	answer(c, r, buf);
	c->subscribed = true;
	say_first_job(c);
}

static bool
is_worker(const struct client *c, const char *name)
{
	for (int i = 0; i < c->workers; i++)
		if (!strcmp(c->worker[i], name))
			return true;
	return false;
}

static void
on_authorize(struct client *c, const struct request *r)
{
	char name[128];
	bool ok = sim_json_str(r->t, sim_json_at(r->t, r->params, 0), name,
		      sizeof(name)) > 0;

	if (ok && opt.users != NULL)
		ok = !strncmp(name, opt.users, strlen(opt.users));
	if (ok && !is_worker(c, name)) {
		if (c->workers < WORKERS)
			strcpy(c->worker[c->workers++], name);
		else
			ok = false;
	}
	if (!ok) {
		answer_verdict(c, r, SIM_UNAUTHORIZED);
		return;
	}
	answer(c, r, "true");
	c->authorized = true;
	say_first_job(c);
}

static int
read_submit(const struct request *r, struct sim_submit *s, char *worker,
    size_t size)
{
	const struct sim_tok *t = r->t;
	char hex[5][2 * SIM_NONCE_MAX + 1];
	int n = r->params >= 0 ? t[r->params].count : 0, len;

	memset(s, 0, sizeof(*s));
	if (n < 5 || n > 6 ||
	    sim_json_str(t, sim_json_at(t, r->params, 0), worker, size) < 1 ||
	    sim_json_str(t, sim_json_at(t, r->params, 1), s->job,
		sizeof(s->job)) < 1)
		return -1;
	for (int i = 2; i < n; i++)
		if (sim_json_str(t, sim_json_at(t, r->params, i), hex[i - 2],
			sizeof(hex[0])) == -1)
			return -1;
	len = sim_hex_decode(s->en2.b, SIM_NONCE_MAX, hex[0], strlen(hex[0]));
	if (len == -1 || sim_hex_u32(hex[1], strlen(hex[1]), &s->ntime) ||
	    sim_hex_u32(hex[2], strlen(hex[2]), &s->nonce))
		return -1;
	s->en2.len = (size_t)len;
	s->has_bits = n == 6;
	return n == 6 ? sim_hex_u32(hex[3], strlen(hex[3]), &s->bits) : 0;
}

static enum sim_verdict
judge_submit(const struct client *c, const char *worker,
    const struct sim_submit *s, struct sim_finding *f)
{
	if (!c->subscribed)
		return SIM_UNSUBSCRIBED;
	if (!is_worker(c, worker))
		return SIM_UNAUTHORIZED;
	return sim_judge_submit(&judge, &c->seat, s, f);
}

/* The worker's name came from outside: what JSON forbids becomes '?'. */
static void
print_name(FILE *f, const char *s)
{
	for (; *s != '\0'; s++)
		fputc((unsigned char)*s < 0x20 || *s == '"' || *s == '\\' ||
			    (unsigned char)*s > 0x7e ?
			'?' :
			*s,
		    f);
}

static void
log_share(const struct client *c, const char *worker,
    const struct sim_submit *s, const struct sim_finding *f, enum sim_verdict v,
    enum sim_verdict said)
{
	char en1[2 * SIM_NONCE_MAX + 1], en2[2 * SIM_NONCE_MAX + 1], hash[65];

	if (share_log == NULL)
		return;
	sim_hex_encode(en1, c->seat.now.en1.b, c->seat.now.en1.len);
	sim_hex_encode(en2, s->en2.b, s->en2.len);
	sim_hash_print(f->hash, hash);
	fprintf(share_log,
	    "{\"enonce1\": \"%s\", \"nonce2\": \"%s\", "
	    "\"nonce\": \"%08x\", \"ntime\": \"%08x\", \"diff\": %.10g, ",
	    en1, en2, s->nonce, s->ntime, f->required);
	if (f->hashed)
		fprintf(share_log, "\"sdiff\": %.17g, \"hash\": \"%s\", ",
		    f->reached, hash);
	if (s->has_bits)
		fprintf(share_log, "\"bits\": \"%08x\", ", s->bits);
	fprintf(share_log,
	    "\"result\": %s, \"reason\": \"%s\", "
	    "\"verdict\": \"%s\", \"job\": \"",
	    said == SIM_ACCEPTED ? "true" : "false",
	    said == SIM_ACCEPTED ? "" : sim_verdict_text(said, opt.shape),
	    sim_verdict_name(v));
	print_name(share_log, s->job);
	fprintf(share_log, "\", \"workername\": \"");
	print_name(share_log, worker);
	fprintf(share_log, "\"}\n");
}

/* What the pool says, which is the verdict unless it was told to be wrong. */
static enum sim_verdict
misjudge(enum sim_verdict v)
{
	if (opt.accept_all)
		return SIM_ACCEPTED;
	if (opt.wrong_rate > 0 && sim_rand_unit(&judge.rng) < opt.wrong_rate)
		return v == SIM_ACCEPTED ? SIM_LOW : SIM_ACCEPTED;
	return v;
}

static void
on_submit(struct client *c, const struct request *r)
{
	char worker[128] = "";
	struct sim_submit s;
	struct sim_finding f = { .hashed = false };
	enum sim_verdict v = SIM_MALFORMED, said = v;

	count.submits++;
	if (read_submit(r, &s, worker, sizeof(worker)) == 0) {
		v = judge_submit(c, worker, &s, &f);
		said = misjudge(v);
		log_share(c, worker, &s, &f, v, said);
	}
	if (said != v)
		count.wrong++;
	count.verdict[v]++;
	answer_verdict(c, r, said);
}

/* BIP 310. Of the extensions only version-rolling and minimum-difficulty
 * change anything here; the others are declined. */
static void
on_configure(struct client *c, const struct request *r)
{
	const struct sim_tok *t = r->t;
	int list = sim_json_at(t, r->params, 0);
	int args = sim_json_at(t, r->params, 1);
	char name[64], hex[16], buf[1024] = "{";
	uint32_t want = 0xffffffff;
	size_t n = 1;

	for (int i = 0; list >= 0 && i < t[list].count && i < 8; i++) {
		if (sim_json_str(t, sim_json_at(t, list, i), name,
			sizeof(name)) < 1 ||
		    strpbrk(name, "\"\\"))
			continue;
		n += (size_t)snprintf(buf + n, sizeof(buf) - n, "%s\"%s\":%s",
		    n > 1 ? "," : "", name,
		    !strcmp(name, "version-rolling") && opt.mask ? "true" :
			!strcmp(name, "subscribe-extranonce")    ? "true" :
								   "false");
		if (strcmp(name, "version-rolling") || !opt.mask)
			continue;
		if (sim_json_str(t,
			sim_json_get(t, args, "version-rolling.mask"), hex,
			sizeof(hex)) > 0)
			sim_hex_u32(hex, strlen(hex), &want);
		c->seat.mask = want & opt.mask;
		n += (size_t)snprintf(buf + n, sizeof(buf) - n,
		    ",\"version-rolling.mask\":\"%08x\"", c->seat.mask);
	}
	snprintf(buf + n, sizeof(buf) - n, "}");
	answer(c, r, buf);
}

static void
on_suggest_difficulty(struct client *c, const struct request *r)
{
	double d;

	if (sim_json_num(r->t, sim_json_at(r->t, r->params, 0), &d) == -1 ||
	    !(d >= opt.difficulty / 1000 && d <= opt.difficulty * 1000)) {
		answer(c, r, "false");
		return;
	}
	answer(c, r, "true");
	sim_judge_terms(&judge, &c->seat)->difficulty = d;
	if (c->has_job)
		say_difficulty(c);
	else
		c->seat.now.from = 0;
}

static void
on_true(struct client *c, const struct request *r)
{
	answer(c, r, "true");
}

static void
on_ping(struct client *c, const struct request *r)
{
	answer(c, r, "\"pong\"");
}

static void
on_transactions(struct client *c, const struct request *r)
{
	answer(c, r, "[]");
}

static const struct {
	const char *name;
	void (*handler)(struct client *, const struct request *);
} methods[] = {
	{ "mining.submit", on_submit },
	{ "mining.subscribe", on_subscribe },
	{ "mining.authorize", on_authorize },
	{ "mining.configure", on_configure },
	{ "mining.suggest_difficulty", on_suggest_difficulty },
	{ "mining.suggest_target", on_true },
	{ "mining.extranonce.subscribe", on_true },
	{ "mining.multi_version", on_true },
	{ "mining.capabilities", on_true },
	{ "mining.hashes_done", on_true },
	{ "mining.ping", on_ping },
	{ "mining.get_transactions", on_transactions },
	{ "mining.get_txnhashes", on_transactions },
};

static void
dispatch(struct client *c, const char *method, const struct request *r)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!strcmp(methods[i].name, method)) {
			methods[i].handler(c, r);
			return;
		}
	if (!opt.silent)
		sim_conn_printf(&c->conn,
		    "{\"id\":%.*s,\"result\":null,"
		    "\"error\":[-3,\"Method not found\",null]}\n",
		    (int)r->id_len, r->id);
}

static void
client_on_line(struct sim_conn *conn, char *line, size_t len)
{
	struct client *c = (struct client *)conn;
	struct sim_tok toks[TOKENS];
	struct request r = { .t = toks, .id = "null", .id_len = 4 };
	char method[64];
	int id;

	count.lines++;
	if (sim_json_parse(line, len, toks, TOKENS) == -1 ||
	    toks[0].type != SIM_OBJECT) {
		count.parse_errors++;
		if (!opt.silent)
			sim_conn_printf(conn,
			    "{\"id\":null,\"result\":null,"
			    "\"error\":[-32700,\"Parse error\",null]}\n");
		return;
	}
	if (sim_json_str(toks, sim_json_get(toks, 0, "method"), method,
		sizeof(method)) == -1)
		return; /* an answer to something that we asked */
	if ((id = sim_json_get(toks, 0, "id")) >= 0 && toks[id].len <= 128) {
		r.id = toks[id].raw;
		r.id_len = toks[id].len;
	}
	r.params = sim_json_get(toks, 0, "params");
	dispatch(c, method, &r);
}

static void
client_on_long_line(struct sim_conn *conn)
{
	count.lines++;
	count.parse_errors++;
}

static void
client_on_close(struct sim_conn *conn, int why)
{
	struct client *c = (struct client *)conn;

	TAILQ_REMOVE(&clients, c, entry);
	count.live--;
	count.bytes_in += conn->bytes_in;
	count.bytes_out += conn->bytes_out;
	sim_conn_clear(conn);
	free(c);
}

static const struct sim_conn_ops client_ops = {
	.on_line = client_on_line,
	.on_long_line = client_on_long_line,
	.on_close = client_on_close,
};

static void
client_new(int fd)
{
	struct client *c;

	count.connections++;
	if (count.live >= opt.max_clients ||
	    (c = calloc(1, sizeof(*c))) == NULL) {
		count.refused++;
		close(fd);
		return;
	}
	sim_conn_start(&c->conn, base, fd, &client_ops);
	c->conn.delay_us = opt.delay_us;
	c->conn.read_rate = opt.read_rate;
	c->seat.pool_mask = opt.mask;
	c->seat.now.difficulty = opt.difficulty;
	new_extranonce1(&c->seat.now);
	TAILQ_INSERT_TAIL(&clients, c, entry);
	if (++count.live > count.peak)
		count.peak = count.live;
}

/* Out of descriptors: the listener rests instead of spinning. */
static void
pool_on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct timeval rest = { .tv_usec = 50000 };

	for (int i = 0; i < ACCEPTS; i++) {
		int s = sim_accept(fd);

		if (s != -1) {
			client_new(s);
		} else if (errno == EMFILE || errno == ENFILE) {
			event_del(&accept_event);
			evtimer_add(&accept_again, &rest);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

static void
pool_on_accept_again(evutil_socket_t fd, short what, void *arg)
{
	event_add(&accept_event, NULL);
}

/* ---- what the test asks: lines on stdin, `ok COMMAND CLIENTS` back ---- */

static int
each_client(void (*act)(struct client *, const char *), const char *arg)
{
	struct client *c;
	int n = 0;

	TAILQ_FOREACH(c, &clients, entry) {
		act(c, arg);
		n++;
	}
	return n;
}

static void
act_raw(struct client *c, const char *arg)
{
	sim_conn_send(&c->conn, arg, strlen(arg));
	sim_conn_send(&c->conn, "\n", 1);
}

static void
act_difficulty(struct client *c, const char *arg)
{
	sim_judge_terms(&judge, &c->seat)->difficulty = opt.difficulty;
	say_difficulty(c);
}

static void
act_extranonce(struct client *c, const char *arg)
{
	struct sim_terms *t = sim_judge_terms(&judge, &c->seat);
	char en1[2 * SIM_NONCE_MAX + 1];

	new_extranonce1(t);
	sim_hex_encode(en1, t->en1.b, t->en1.len);
	sim_conn_printf(&c->conn,
	    "{\"id\":null,\"method\":\"mining.set_extranonce\","
	    "\"params\":[\"%s\",%zu]}\n",
	    en1, t->en2_len);
}

static void
act_mask(struct client *c, const char *arg)
{
	c->seat.mask = c->seat.pool_mask = opt.mask;
	sim_conn_printf(&c->conn,
	    "{\"id\":null,\"method\":\"mining.set_version_mask\","
	    "\"params\":[\"%08x\"]}\n",
	    opt.mask);
}

static void
act_message(struct client *c, const char *arg)
{
	sim_conn_printf(&c->conn,
	    "{\"id\":null,\"method\":\"client.show_message\","
	    "\"params\":[\"%s\"]}\n",
	    arg);
}

/* arg: "HOST:PORT", or nothing for "where you are". */
static void
act_reconnect(struct client *c, const char *arg)
{
	const char *colon = strrchr(arg, ':');

	if (colon == NULL)
		sim_conn_printf(&c->conn,
		    "{\"id\":null,\"method\":"
		    "\"client.reconnect\",\"params\":[]}\n");
	else
		sim_conn_printf(&c->conn,
		    "{\"id\":null,\"method\":"
		    "\"client.reconnect\",\"params\":[\"%.*s\",%s,0]}\n",
		    (int)(colon - arg), arg, colon + 1);
}

static void
act_rst(struct client *c, const char *arg)
{
	act_raw(c, *arg != '\0' ? arg : opt.last_words);
	sim_conn_reset(&c->conn);
}

static void
act_fin(struct client *c, const char *arg)
{
	sim_conn_finish(&c->conn);
}

static int
command(const char *name, const char *arg)
{
	if (!strcmp(name, "notify") || !strcmp(name, "clean")) {
		new_job(!strcmp(name, "clean"));
		return (int)count.live;
	} else if (!strcmp(name, "difficulty")) {
		opt.difficulty = strtod(arg, NULL);
		return each_client(act_difficulty, arg);
	} else if (!strcmp(name, "extranonce")) {
		return each_client(act_extranonce, arg);
	} else if (!strcmp(name, "mask")) {
		sim_hex_u32(arg, strlen(arg), &opt.mask);
		return each_client(act_mask, arg);
	} else if (!strcmp(name, "reconnect")) {
		return each_client(act_reconnect, arg);
	} else if (!strcmp(name, "message")) {
		return each_client(act_message, arg);
	} else if (!strcmp(name, "raw")) {
		return each_client(act_raw, arg);
	} else if (!strcmp(name, "rst")) {
		return each_client(act_rst, arg);
	} else if (!strcmp(name, "fin")) {
		return each_client(act_fin, arg);
	} else if (!strcmp(name, "silent")) {
		opt.silent = !strcmp(arg, "on");
		return (int)count.live;
	}
	return -1;
}

static void
command_line(char *line)
{
	char *arg = strchr(line, ' ');
	int n;

	if (arg != NULL)
		*arg++ = '\0';
	n = command(line, arg != NULL ? arg : "");
	if (n == -1)
		printf("error unknown command\n");
	else
		printf("ok %s %d\n", line, n);
	fflush(stdout);
}

static void
pool_on_stdin(evutil_socket_t fd, short what, void *arg)
{
	static struct sim_buf in;
	char *p = sim_buf_reserve(&in, 4096), *lf;
	ssize_t n = p != NULL ? read(fd, p, 4096) : 0;

	if (n <= 0) {
		event_del(&stdin_event);
		return;
	}
	in.len += (size_t)n;
	while (
	    in.len && (lf = memchr(sim_buf_head(&in), '\n', in.len)) != NULL) {
		*lf = '\0';
		command_line(sim_buf_head(&in));
		sim_buf_consume(&in, (size_t)(lf - sim_buf_head(&in)) + 1);
	}
}

/* ---- timers, signals, the end ---- */

static void
pool_on_job(evutil_socket_t fd, short what, void *arg)
{
	new_job(arg != NULL);
}

static void
pool_on_log(evutil_socket_t fd, short what, void *arg)
{
	fflush(share_log);
}

static void
pool_on_signal(evutil_socket_t sig, short what, void *arg)
{
	if (sig == SIGUSR1)
		each_client(act_reconnect, opt.reconnect ? opt.reconnect : "");
	else if (sig == SIGUSR2)
		each_client(act_rst, "");
	else
		event_base_loopbreak(base);
}

static void
print_summary(void)
{
	struct client *c;

	TAILQ_FOREACH(c, &clients, entry) {
		count.bytes_in += c->conn.bytes_in;
		count.bytes_out += c->conn.bytes_out;
	}
	printf("{\"connections\": %" PRIu64 ", \"refused\": %" PRIu64
	       ", \"live\": %zu, \"peak\": %zu, \"jobs\": %" PRIu64
	       ", \"lines\": %" PRIu64 ", \"parse_errors\": %" PRIu64
	       ", \"bytes_in\": %" PRIu64 ", \"bytes_out\": %" PRIu64
	       ", \"submits\": %" PRIu64 ", \"misjudged\": %" PRIu64,
	    count.connections, count.refused, count.live, count.peak,
	    count.jobs, count.lines, count.parse_errors, count.bytes_in,
	    count.bytes_out, count.submits, count.wrong);
	for (int v = 0; v < SIM_VERDICTS; v++)
		printf(", \"%s\": %" PRIu64,
		    sim_verdict_name((enum sim_verdict)v), count.verdict[v]);
	printf("}\n");
	fflush(stdout);
}

/* ---- --verify: a notify and a submit from a file ---- */

static int
verify_field(const struct sim_tok *t, const char *name, struct sim_nonce *n)
{
	char hex[2 * SIM_NONCE_MAX + 1];
	int len;

	if (sim_json_str(t, sim_json_get(t, 0, name), hex, sizeof(hex)) == -1)
		return -1;
	len = sim_hex_decode(n->b, SIM_NONCE_MAX, hex, strlen(hex));
	n->len = len > 0 ? (size_t)len : 0;
	return len > 0 ? 0 : -1;
}

static void
verify_print(const struct sim_job *job, const struct sim_try *w, double want)
{
	uint8_t header[80], hash[32], share[32], net[32];
	char hex[161], shown[65];

	sim_header(job, w, header);
	sim_sha256d(header, sizeof(header), hash);
	sim_target(want, share);
	sim_target_nbits(job->nbits, net);
	sim_hex_encode(hex, header, sizeof(header));
	sim_hash_print(hash, shown);
	printf("{\"header\": \"%s\", \"hash\": \"%s\", \"difficulty\": %.17g, "
	       "\"meets_share\": %s, \"meets_network\": %s}\n",
	    hex, shown, sim_difficulty(hash),
	    sim_below(hash, share) ? "true" : "false",
	    sim_below(hash, net) ? "true" : "false");
}

static int
verify_file(const char *path)
{
	static char text[65536];
	static struct sim_tok t[1024];
	static struct sim_job job;
	struct sim_try w = { .version = 0 };
	struct sim_submit s;
	struct request r = { .t = t };
	char worker[128], hex[16];
	uint32_t mask = 0;
	double want;
	FILE *f = fopen(path, "r");
	size_t n = f != NULL ? fread(text, 1, sizeof(text), f) : 0;

	if (f != NULL)
		fclose(f);
	if (sim_json_parse(text, n, t, 1024) == -1)
		sim_die("%s: no JSON", path);
	r.params = sim_json_get(t, 0, "submit_params");
	if (sim_job_parse(&job, t, sim_json_get(t, 0, "notify_params")) == -1 ||
	    read_submit(&r, &s, worker, sizeof(worker)) == -1 ||
	    verify_field(t, "extranonce1", &w.en1) == -1 ||
	    sim_json_num(t, sim_json_get(t, 0, "share_difficulty"), &want))
		sim_die("%s: not a notify and a submit", path);
	if (sim_json_str(t, sim_json_get(t, 0, "version_mask"), hex,
		sizeof(hex)) > 0)
		sim_hex_u32(hex, strlen(hex), &mask);
	w.en2 = s.en2;
	w.ntime = s.ntime;
	w.nonce = s.nonce;
	w.version = s.has_bits ?
	    sim_version(judge.formula, job.version, mask, s.bits) :
	    job.version;
	verify_print(&job, &w, want);
	return 0;
}

/* ---- start ---- */

enum {
	OPT_LISTEN = 256,
	OPT_PORT,
	OPT_DIFFICULTY,
	OPT_JOB_INTERVAL,
	OPT_BLOCK_INTERVAL,
	OPT_MASK,
	OPT_FORMULA,
	OPT_VERSION,
	OPT_BRANCHES,
	OPT_EN1,
	OPT_EN2,
	OPT_ACCEPT_ALL,
	OPT_WRONG_RATE,
	OPT_LATENCY,
	OPT_SILENT,
	OPT_SLOW_READ,
	OPT_REJECT_KIND,
	OPT_MAX_CLIENTS,
	OPT_LOG,
	OPT_LAST_WORDS,
	OPT_SEED,
	OPT_RECONNECT,
	OPT_USERS,
	OPT_UNNEGOTIATED,
	OPT_VERIFY,
};

static const struct option options[] = {
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "port", required_argument, NULL, OPT_PORT },
	{ "difficulty", required_argument, NULL, OPT_DIFFICULTY },
	{ "job-interval", required_argument, NULL, OPT_JOB_INTERVAL },
	{ "block-interval", required_argument, NULL, OPT_BLOCK_INTERVAL },
	{ "version-mask", required_argument, NULL, OPT_MASK },
	{ "version-formula", required_argument, NULL, OPT_FORMULA },
	{ "job-version", required_argument, NULL, OPT_VERSION },
	{ "branches", required_argument, NULL, OPT_BRANCHES },
	{ "extranonce1-size", required_argument, NULL, OPT_EN1 },
	{ "extranonce2-size", required_argument, NULL, OPT_EN2 },
	{ "accept-all", no_argument, NULL, OPT_ACCEPT_ALL },
	{ "wrong-rate", required_argument, NULL, OPT_WRONG_RATE },
	{ "latency", required_argument, NULL, OPT_LATENCY },
	{ "silent", no_argument, NULL, OPT_SILENT },
	{ "slow-read", required_argument, NULL, OPT_SLOW_READ },
	{ "reject-kind", required_argument, NULL, OPT_REJECT_KIND },
	{ "max-clients", required_argument, NULL, OPT_MAX_CLIENTS },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "last-words", required_argument, NULL, OPT_LAST_WORDS },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "reconnect", required_argument, NULL, OPT_RECONNECT },
	{ "users", required_argument, NULL, OPT_USERS },
	{ "unnegotiated", no_argument, NULL, OPT_UNNEGOTIATED },
	{ "verify", required_argument, NULL, OPT_VERIFY },
	{ NULL, 0, NULL, 0 },
};

static double
number(const char *name, double min, double max)
{
	return sim_opt_number(name, optarg, min, max);
}

static uint32_t
hex_number(const char *name)
{
	uint32_t v;

	if (sim_hex_u32(optarg, strlen(optarg), &v) == -1)
		sim_die("--%s %s: not up to 8 hex digits", name, optarg);
	return v;
}

static void
set_work_option(int o)
{
	switch (o) {
	case OPT_DIFFICULTY:
		opt.difficulty = number("difficulty", 1e-12, 1e18);
		break;
	case OPT_JOB_INTERVAL:
		opt.job_interval = number("job-interval", 0, 1e6);
		break;
	case OPT_BLOCK_INTERVAL:
		opt.block_interval = number("block-interval", 0, 1e6);
		break;
	case OPT_MASK:
		opt.mask = hex_number("version-mask");
		break;
	case OPT_FORMULA:
		if (sim_formula_parse(optarg, &judge.formula) == -1)
			sim_die("--version-formula bip310|or|xor");
		break;
	case OPT_VERSION:
		judge.version = hex_number("job-version");
		break;
	case OPT_BRANCHES:
		judge.branches = (int)number("branches", 0, SIM_BRANCHES_MAX);
		break;
	case OPT_EN1:
		opt.en1_len = (size_t)number("extranonce1-size", 1, 32);
		break;
	case OPT_EN2:
		opt.en2_len = (size_t)number("extranonce2-size", 1, 32);
		break;
	case OPT_SEED:
		opt.seed = (uint64_t)number("seed", 0, 1e15);
		opt.seeded = true;
		break;
	default:
		sim_usage("[options]", options);
	}
}

static void
set_manners_option(int o)
{
	switch (o) {
	case OPT_ACCEPT_ALL:
		opt.accept_all = true;
		break;
	case OPT_WRONG_RATE:
		opt.wrong_rate = number("wrong-rate", 0, 1);
		break;
	case OPT_LATENCY:
		opt.delay_us = (uint64_t)(number("latency", 0, 1e6) * 1000);
		break;
	case OPT_SILENT:
		opt.silent = true;
		break;
	case OPT_SLOW_READ:
		opt.read_rate = (uint32_t)number("slow-read", 1, 1e9);
		break;
	case OPT_REJECT_KIND:
		if (sim_shape_parse(optarg, &opt.shape) == -1)
			sim_die("--reject-kind array|object|ckpool|string");
		break;
	case OPT_MAX_CLIENTS:
		opt.max_clients = (size_t)number("max-clients", 0, 1e6);
		break;
	case OPT_UNNEGOTIATED:
		judge.unnegotiated = true;
		break;
	default:
		set_work_option(o);
	}
}

static void
set_option(int o)
{
	switch (o) {
	case OPT_LISTEN:
		opt.host = optarg;
		break;
	case OPT_PORT:
		opt.port = optarg;
		break;
	case OPT_LOG:
		if ((share_log = fopen(optarg, "w")) == NULL)
			sim_die("%s: %s", optarg, strerror(errno));
		break;
	case OPT_LAST_WORDS:
		opt.last_words = optarg;
		break;
	case OPT_RECONNECT:
		opt.reconnect = optarg;
		break;
	case OPT_USERS:
		opt.users = optarg;
		break;
	case OPT_VERIFY:
		opt.verify = optarg;
		break;
	default:
		set_manners_option(o);
	}
}

static void
every(struct event *ev, event_callback_fn cb, void *arg, double seconds)
{
	struct timeval tv = sim_timeval((uint64_t)(seconds * 1e6));

	event_assign(ev, base, -1, EV_PERSIST, cb, arg);
	if (seconds > 0)
		event_add(ev, &tv);
}

/* A background job may not read the terminal. */
static void
watch_stdin(void)
{
	struct stat st;

	if (isatty(0) || fstat(0, &st) == -1 || S_ISREG(st.st_mode) ||
	    S_ISCHR(st.st_mode))
		return;
	event_assign(&stdin_event, base, 0, EV_READ | EV_PERSIST, pool_on_stdin,
	    NULL);
	event_add(&stdin_event, NULL);
}

static void
start_listening(void)
{
	struct sim_addr a;
	int fd;

	if (sim_addr_parse(&a, opt.host, opt.port) == -1)
		sim_die("%s %s: no address and port", opt.host, opt.port);
	if ((fd = sim_listen(&a, opt.read_rate ? 4096 : 0)) == -1)
		sim_die("%s %s: %s", opt.host, opt.port, strerror(errno));
	event_assign(&accept_event, base, fd, EV_READ | EV_PERSIST,
	    pool_on_accept, NULL);
	evtimer_assign(&accept_again, base, pool_on_accept_again, NULL);
	event_add(&accept_event, NULL);
	sim_say_listening(fd);
}

int
main(int argc, char **argv)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGUSR1, SIGUSR2 };
	static struct event signal_events[4];
	int o;

	judge.version = 0x20000000;
	judge.nbits = 0x1702b000;
	judge.branches = 4;
	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		set_option(o);
	if (optind < argc)
		sim_usage("[options]", options);
	if (opt.verify != NULL)
		return verify_file(opt.verify);
	sim_raise_files();
	if ((base = event_base_new()) == NULL)
		sim_die("event_base_new");
	if (!opt.seeded)
		opt.seed = sim_now_us() ^ (uint64_t)getpid() << 40;
	next_en1 = opt.seed % 0xff << 24;
	judge.nonces_len = opt.en1_len + opt.en2_len;
	sim_judge_init(&judge, opt.seed, opt.seeded);
	new_job(true);
	every(&job_event, pool_on_job, NULL, opt.job_interval);
	every(&block_event, pool_on_job, &judge, opt.block_interval);
	if (share_log != NULL)
		every(&log_event, pool_on_log, NULL, 0.05);
	for (int i = 0; i < 4; i++) {
		evsignal_assign(&signal_events[i], base, signals[i],
		    pool_on_signal, NULL);
		event_add(&signal_events[i], NULL);
	}
	watch_stdin();
	start_listening();
	event_base_dispatch(base);
	print_summary();
	if (share_log != NULL && fclose(share_log) != 0)
		sim_die("log: %s", strerror(errno));
	sim_judge_clear(&judge);
	return 0;
}
