/*
 * One miner at the pool: what it asks and what it is told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/pool.h"
#include "tests/sim/sim_util.h"

#define TOKENS      256
#define NOTIFY_SIZE 16384

/* ---- what is told to miners ---- */

void
pool_say_difficulty(struct client *c)
{
	sim_conn_printf(&c->conn,
	    "{\"id\":null,\"method\":\"mining.set_difficulty\","
	    "\"params\":[%.10g]}\n",
	    c->seat.now.difficulty);
}

static size_t
print_notify(const struct pool *p, bool clean, char *buf, size_t size)
{
	static const char head[] =
	    "{\"id\":null,\"method\":\"mining.notify\",\"params\":";
	size_t n = sizeof(head) - 1, m;

	memcpy(buf, head, n);
	m = sim_job_print(sim_judge_latest(&p->judge), clean, buf + n,
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
	pool_say_difficulty(c);
	sim_conn_send(&c->conn, buf,
	    print_notify(c->pool, true, buf, sizeof(buf)));
}

void
pool_new_job(struct pool *p, bool clean)
{
	char buf[NOTIFY_SIZE];
	struct client *c;
	size_t n;

	sim_judge_next(&p->judge, clean);
	p->count.jobs++;
	n = print_notify(p, clean, buf, sizeof(buf));
	TAILQ_FOREACH(c, &p->clients, entry)
		if (c->has_job)
			sim_conn_send(&c->conn, buf, n);
}

/* ---- what miners ask ---- */

static void
answer(struct client *c, const struct request *r, const char *result)
{
	if (!c->pool->opt.silent)
		sim_conn_printf(&c->conn,
		    "{\"id\":%.*s,\"result\":%s,\"error\":null}\n",
		    (int)r->id_len, r->id, result);
}

static void
answer_verdict(struct client *c, const struct request *r, enum sim_verdict v)
{
	char buf[512];
	size_t n;

	if (c->pool->opt.silent)
		return;
	n = sim_verdict_print(v, c->pool->opt.shape, r->id, r->id_len, buf,
	    sizeof(buf));
	sim_conn_send(&c->conn, buf, n);
}

void
pool_new_extranonce1(struct pool *p, struct sim_terms *t)
{
	uint64_t v = ++p->next_en1;

	t->en1.len = p->opt.en1_len;
	for (size_t i = p->opt.en1_len; i-- > 0; v >>= 8)
		t->en1.b[i] = (uint8_t)v;
	t->en2_len = p->opt.en2_len;
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

	if (ok && c->pool->opt.users != NULL)
		ok = !strncmp(name, c->pool->opt.users,
		    strlen(c->pool->opt.users));
	if (ok && !is_worker(c, name)) {
		if (c->workers < POOL_WORKERS)
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

int
pool_read_submit(const struct request *r, struct sim_submit *s, char *worker,
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
	return sim_judge_submit(&c->pool->judge, &c->seat, s, f);
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
	FILE *out = c->pool->share_log;
	char en1[2 * SIM_NONCE_MAX + 1], en2[2 * SIM_NONCE_MAX + 1], hash[65];

	if (out == NULL)
		return;
	sim_hex_encode(en1, c->seat.now.en1.b, c->seat.now.en1.len);
	sim_hex_encode(en2, s->en2.b, s->en2.len);
	sim_hash_print(f->hash, hash);
	fprintf(out,
	    "{\"enonce1\": \"%s\", \"nonce2\": \"%s\", "
	    "\"nonce\": \"%08x\", \"ntime\": \"%08x\", \"diff\": %.10g, ",
	    en1, en2, s->nonce, s->ntime, f->required);
	if (f->hashed)
		fprintf(out, "\"sdiff\": %.17g, \"hash\": \"%s\", ", f->reached,
		    hash);
	if (s->has_bits)
		fprintf(out, "\"bits\": \"%08x\", ", s->bits);
	fprintf(out,
	    "\"result\": %s, \"reason\": \"%s\", "
	    "\"verdict\": \"%s\", \"job\": \"",
	    said == SIM_ACCEPTED ? "true" : "false",
	    said == SIM_ACCEPTED ? "" :
				   sim_verdict_text(said, c->pool->opt.shape),
	    sim_verdict_name(v));
	print_name(out, s->job);
	fprintf(out, "\", \"workername\": \"");
	print_name(out, worker);
	fprintf(out, "\"}\n");
}

/* What the pool says, which is the verdict unless it was told to be wrong. */
static enum sim_verdict
misjudge(struct pool *p, enum sim_verdict v)
{
	if (p->opt.accept_all)
		return SIM_ACCEPTED;
	if (p->opt.wrong_rate > 0 &&
	    sim_rand_unit(&p->judge.rng) < p->opt.wrong_rate)
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

	c->pool->count.submits++;
	if (pool_read_submit(r, &s, worker, sizeof(worker)) == 0) {
		v = judge_submit(c, worker, &s, &f);
		said = misjudge(c->pool, v);
		log_share(c, worker, &s, &f, v, said);
	}
	if (said != v)
		c->pool->count.wrong++;
	c->pool->count.verdict[v]++;
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
		    !strcmp(name, "version-rolling") && c->pool->opt.mask ?
			"true" :
			!strcmp(name, "subscribe-extranonce") ? "true" :
								"false");
		if (strcmp(name, "version-rolling") || !c->pool->opt.mask)
			continue;
		if (sim_json_str(t,
			sim_json_get(t, args, "version-rolling.mask"), hex,
			sizeof(hex)) > 0)
			sim_hex_u32(hex, strlen(hex), &want);
		c->seat.mask = want & c->pool->opt.mask;
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
	    !(d >= c->pool->opt.difficulty / 1000 &&
		d <= c->pool->opt.difficulty * 1000)) {
		answer(c, r, "false");
		return;
	}
	answer(c, r, "true");
	sim_judge_terms(&c->pool->judge, &c->seat)->difficulty = d;
	if (c->has_job)
		pool_say_difficulty(c);
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
	if (!c->pool->opt.silent)
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

	c->pool->count.lines++;
	if (sim_json_parse(line, len, toks, TOKENS) == -1 ||
	    toks[0].type != SIM_OBJECT) {
		c->pool->count.parse_errors++;
		if (!c->pool->opt.silent)
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
	struct client *c = (struct client *)conn;

	c->pool->count.lines++;
	c->pool->count.parse_errors++;
}

void
pool_client_free(struct client *c)
{
	struct pool *p = c->pool;

	TAILQ_REMOVE(&p->clients, c, entry);
	p->count.live--;
	p->count.bytes_in += c->conn.bytes_in;
	p->count.bytes_out += c->conn.bytes_out;
	sim_conn_clear(&c->conn);
	free(c);
}

static void
client_on_close(struct sim_conn *conn, int why)
{
	pool_client_free((struct client *)conn);
}

static const struct sim_conn_ops client_ops = {
	.on_line = client_on_line,
	.on_long_line = client_on_long_line,
	.on_close = client_on_close,
};

void
pool_client_new(struct pool *p, int fd)
{
	struct client *c;

	p->count.connections++;
	if (p->count.live >= p->opt.max_clients ||
	    (c = calloc(1, sizeof(*c))) == NULL) {
		p->count.refused++;
		close(fd);
		return;
	}
	c->pool = p;
	sim_conn_start(&c->conn, p->base, fd, &client_ops);
	c->conn.delay_us = p->opt.delay_us;
	c->conn.spread_us = p->opt.spread_us;
	c->conn.rng.s = p->opt.seed + p->count.connections;
	c->conn.late_log = p->late_log;
	c->conn.read_rate = p->opt.read_rate;
	c->seat.pool_mask = p->opt.mask;
	c->seat.now.difficulty = p->opt.difficulty;
	pool_new_extranonce1(p, &c->seat.now);
	TAILQ_INSERT_TAIL(&p->clients, c, entry);
	if (++p->count.live > p->count.peak)
		p->count.peak = p->count.live;
}
