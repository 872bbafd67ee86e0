/*
 * One connection of the miner: the handshake, what the pool tells, answers.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/miner.h"

#define OPENING_MAX   256 /* in their handshake at the same time */

#define ID_SUBSCRIBE  1
#define ID_AUTHORIZE  2
#define ID_CONFIGURE  3
/* 4 is cpuminer's submit. */
#define ID_EXTRANONCE 5
#define ID_SUGGEST    6
#define ID_SUBMIT     10

#define BIT(v)        (1U << (v))

static void link_open(struct link *);

/* ---- handshake ---- */

static void
say_subscribe(struct link *l)
{
	sim_conn_printf(&l->conn,
	    "{\"id\": %d, \"method\": \"mining.subscribe\", "
	    "\"params\": [\"%s\"]}\n",
	    ID_SUBSCRIBE, l->m->opt.agent);
}

static void
say_authorize(struct link *l)
{
	sim_conn_printf(&l->conn,
	    "{\"id\": %d, \"method\": \"mining.authorize\", "
	    "\"params\": [\"%s\", \"%s\"]}\n",
	    ID_AUTHORIZE, l->m->opt.worker, l->m->opt.password);
}

static void
say_configure(struct link *l)
{
	sim_conn_printf(&l->conn,
	    "{\"id\": %d, \"method\": \"mining.configure\", \"params\": "
	    "[[\"version-rolling\"], {\"version-rolling.mask\": \"%08x\", "
	    "\"version-rolling.min-bit-count\": 2}]}\n",
	    ID_CONFIGURE, l->m->opt.mask);
}

static void
link_ready(struct link *l)
{
	struct miner *m = l->m;

	l->phase = PHASE_MINING;
	l->backoff_us = 0;
	m->opening--;
	if (++m->ready == m->opt.connections && !m->said_ready) {
		m->said_ready = true;
		printf("connected %d\n", m->ready);
		fflush(stdout);
	}
	miner_open_more(m);
}

static void
try_ready(struct link *l)
{
	if (l->phase == PHASE_HANDSHAKE && l->subscribed && l->authorized)
		link_ready(l);
	if (l->phase == PHASE_MINING && l->has_job &&
	    !event_initialized(&l->timer))
		miner_work_start(l);
}

/* Submits before any subscribe: a job out of thin air will do. */
static void
pretend_work(struct link *l)
{
	strcpy(l->job.id, "00000001");
	l->en2_len = 4;
	l->difficulty = 1;
	l->subscribed = l->authorized = l->has_job = true;
	try_ready(l);
}

static void
link_on_connect(struct sim_conn *conn)
{
	struct link *l = (struct link *)conn;
	const struct miner_options *o = &l->m->opt;

	l->phase = PHASE_HANDSHAKE;
	if (o->proxy_len)
		sim_conn_send(conn, o->proxy, o->proxy_len);
	if (o->unsubscribed) {
		pretend_work(l);
		return;
	}
	if (o->rolling && o->configure)
		say_configure(l);
	else if (o->rolling)
		l->mask = o->mask;
	say_subscribe(l);
}

/* ---- what the pool answers ---- */

static int
read_extranonce(const struct sim_tok *t, int arr, int first,
    struct sim_nonce *en1, size_t *en2_len)
{
	char hex[2 * SIM_NONCE_MAX + 1];
	double size;
	int n;

	if (sim_json_str(t, sim_json_at(t, arr, first), hex, sizeof(hex)) < 0)
		return -1;
	n = sim_hex_decode(en1->b, SIM_NONCE_MAX, hex, strlen(hex));
	if (n == -1 ||
	    sim_json_num(t, sim_json_at(t, arr, first + 1), &size) == -1 ||
	    !(size >= 0 && size <= SIM_NONCE_MAX))
		return -1;
	en1->len = (size_t)n;
	*en2_len = (size_t)size;
	return 0;
}

static void
on_subscribed(struct link *l, const struct sim_tok *t)
{
	int res = sim_json_get(t, 0, "result");

	if (read_extranonce(t, res, 1, &l->next_en1, &l->next_en2_len) == -1) {
		sim_conn_kill(&l->conn);
		return;
	}
	l->en1 = l->next_en1;
	l->en2_len = l->next_en2_len;
	l->subscribed = true;
	say_authorize(l);
	if (l->m->opt.extranonce)
		sim_conn_printf(&l->conn,
		    "{\"id\": %d, \"method\": "
		    "\"mining.extranonce.subscribe\", \"params\": []}\n",
		    ID_EXTRANONCE);
	if (l->m->opt.suggest > 0)
		sim_conn_printf(&l->conn,
		    "{\"id\": %d, \"method\": "
		    "\"mining.suggest_difficulty\", \"params\": [%.10g]}\n",
		    ID_SUGGEST, l->m->opt.suggest);
}

static void
on_authorized(struct link *l, const struct sim_tok *t)
{
	l->authorized = sim_json_true(t, sim_json_get(t, 0, "result"));
	if (!l->authorized) {
		l->m->refused++;
		sim_conn_kill(&l->conn);
	}
}

static void
on_configured(struct link *l, const struct sim_tok *t)
{
	char hex[16];
	int res = sim_json_get(t, 0, "result");

	if (sim_json_str(t, sim_json_get(t, res, "version-rolling.mask"), hex,
		sizeof(hex)) > 0 &&
	    sim_hex_u32(hex, strlen(hex), &l->mask) == 0)
		l->mask &= l->m->opt.mask;
}

static void
on_response(struct link *l, const struct sim_tok *t)
{
	double id;

	if (sim_json_num(t, sim_json_get(t, 0, "id"), &id) == -1)
		return;
	if (id == ID_SUBSCRIBE && !l->subscribed)
		on_subscribed(l, t);
	else if (id == ID_AUTHORIZE && !l->authorized)
		on_authorized(l, t);
	else if (id == ID_CONFIGURE)
		on_configured(l, t);
	else if (id == 4 || (id >= ID_SUBMIT && id < 1e15))
		miner_work_answered(l, (uint64_t)id, sim_verdict_read(t, 0));
	try_ready(l);
}

/* ---- what the pool tells ---- */

static void
remember_old(struct link *l)
{
	l->old = l->job;
	l->old_en1 = l->en1;
	l->old_en2_len = l->en2_len;
	l->old_difficulty = l->difficulty;
	l->has_old = true;
}

static void
on_notify(struct link *l, const struct sim_tok *t, int params)
{
	static struct sim_job job;
	bool terms;

	if (sim_job_parse(&job, t, params) == -1) {
		l->m->parse_errors++;
		return;
	}
	l->m->notifies++;
	if (job.clean && l->has_job)
		remember_old(l);
	terms = l->difficulty != l->next_difficulty ||
	    l->en1.len != l->next_en1.len ||
	    memcmp(l->en1.b, l->next_en1.b, l->en1.len);
	l->job = job;
	l->has_job = true;
	l->difficulty = l->next_difficulty;
	l->en1 = l->next_en1;
	l->en2_len = l->next_en2_len;
	/* A share of a job that is not retired is still good. */
	if (job.clean)
		miner_work_changed(l, BIT(SIM_STALE) | BIT(SIM_UNKNOWN_JOB));
	else if (terms)
		miner_work_changed(l, 0);
	try_ready(l);
}

/* Pools differ in when it holds: what is under way may be judged by either. */
static void
on_set_difficulty(struct link *l, const struct sim_tok *t, int params)
{
	double d;

	if (sim_json_num(t, sim_json_at(t, params, 0), &d) == -1 || !(d > 0))
		return;
	l->next_difficulty = d;
	if (l->has_job)
		miner_work_changed(l, BIT(SIM_LOW));
	else
		l->difficulty = d;
}

static void
on_set_extranonce(struct link *l, const struct sim_tok *t, int params)
{
	read_extranonce(t, params, 0, &l->next_en1, &l->next_en2_len);
}

static void
on_set_mask(struct link *l, const struct sim_tok *t, int params)
{
	char hex[16];
	uint32_t mask;

	if (sim_json_str(t, sim_json_at(t, params, 0), hex, sizeof(hex)) < 1 ||
	    sim_hex_u32(hex, strlen(hex), &mask) == -1 || !l->m->opt.rolling)
		return;
	l->mask = mask & l->m->opt.mask;
	miner_work_changed(l, BIT(SIM_VERSION) | BIT(SIM_LOW));
}

/* Only to this machine: a test may not be led out of it. */
static void
on_reconnect(struct link *l, const struct sim_tok *t, int params)
{
	char host[64], port[8];
	double n;

	if (sim_json_str(t, sim_json_at(t, params, 0), host, sizeof(host)) >
		0 &&
	    sim_json_num(t, sim_json_at(t, params, 1), &n) == 0 && n >= 1 &&
	    n <= 65535 && (!strncmp(host, "127.", 4) || !strcmp(host, "::1"))) {
		snprintf(port, sizeof(port), "%d", (int)n);
		sim_addr_parse(&l->addr, host, port);
	}
	sim_conn_kill(&l->conn);
}

static void
answer_with(struct link *l, const struct sim_tok *t, const char *result)
{
	int id = sim_json_get(t, 0, "id");

	if (id >= 0 && t[id].len <= 64)
		sim_conn_printf(&l->conn,
		    "{\"id\":%.*s,\"result\":\"%s\",\"error\":null}\n",
		    (int)t[id].len, t[id].raw, result);
}

static void
on_get_version(struct link *l, const struct sim_tok *t, int params)
{
	answer_with(l, t, l->m->opt.agent);
}

static void
on_ping(struct link *l, const struct sim_tok *t, int params)
{
	answer_with(l, t, "pong");
}

static const struct {
	const char *name;
	void (*handler)(struct link *, const struct sim_tok *, int params);
} methods[] = {
	{ "mining.notify", on_notify },
	{ "mining.set_difficulty", on_set_difficulty },
	{ "mining.set_extranonce", on_set_extranonce },
	{ "mining.set_version_mask", on_set_mask },
	{ "client.reconnect", on_reconnect },
	{ "client.get_version", on_get_version },
	{ "mining.ping", on_ping },
};

static void
link_on_line(struct sim_conn *conn, char *line, size_t len)
{
	struct link *l = (struct link *)conn;
	struct sim_tok t[MINER_TOKENS];
	char method[64];

	l->m->lines++;
	if (sim_json_parse(line, len, t, MINER_TOKENS) == -1 ||
	    t[0].type != SIM_OBJECT) {
		l->m->parse_errors++;
		return;
	}
	if (sim_json_str(t, sim_json_get(t, 0, "method"), method,
		sizeof(method)) == -1) {
		on_response(l, t);
		return;
	}
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!strcmp(methods[i].name, method))
			methods[i].handler(l, t, sim_json_get(t, 0, "params"));
}

static void
link_on_long_line(struct sim_conn *conn)
{
	((struct link *)conn)->m->parse_errors++;
}

/* ---- opening, closing, opening again ---- */

static void
link_on_retry(evutil_socket_t fd, short what, void *arg)
{
	link_open(arg);
}

/* 100 ms, doubling to 5 s, with a quarter of it at random: thousands that
 * were lost together should not return together. */
static void
retry_later(struct link *l)
{
	struct miner *m = l->m;
	struct timeval tv;

	l->backoff_us = l->backoff_us ? l->backoff_us * 2 : 100000;
	if (l->backoff_us > 5000000)
		l->backoff_us = 5000000;
	tv = sim_timeval((uint64_t)((double)l->backoff_us *
	    (0.75 + sim_rand_unit(&m->rng) / 4)));
	l->phase = PHASE_WAITING;
	evtimer_assign(&l->timer, m->base, link_on_retry, l);
	evtimer_add(&l->timer, &tv);
}

/* Back to what it was before its first connect. */
static void
link_reset(struct link *l)
{
	struct link fresh = { .m = l->m,
		.number = l->number,
		.addr = l->addr,
		.entry = l->entry,
		.backoff_us = l->backoff_us };

	*l = fresh;
	l->conn.fd = -1;
	STAILQ_INIT(&l->pending);
	l->next_id = ID_SUBMIT;
	l->next_difficulty = l->difficulty = 1;
}

static void
link_on_close(struct sim_conn *conn, int why)
{
	struct link *l = (struct link *)conn;
	struct miner *m = l->m;

	if (l->phase == PHASE_MINING)
		m->ready--;
	else
		m->opening--;
	m->lost++;
	m->bytes_in += conn->bytes_in;
	m->bytes_out += conn->bytes_out;
	miner_work_stop(l);
	sim_conn_clear(conn);
	link_reset(l);
	if (m->opt.reconnect && !m->stopping) {
		retry_later(l);
	} else {
		TAILQ_REMOVE(&m->links, l, entry);
		free(l);
	}
	miner_open_more(m);
	miner_check_end(m);
}

static const struct sim_conn_ops link_ops = {
	.on_line = link_on_line,
	.on_long_line = link_on_long_line,
	.on_close = link_on_close,
	.on_connect = link_on_connect,
};

static void
link_open(struct link *l)
{
	struct miner *m = l->m;
	int fd = sim_connect(&l->addr);

	m->opening++;
	m->connects++;
	memset(&l->timer, 0, sizeof(l->timer));
	sim_conn_start_connecting(&l->conn, m->base, fd, &link_ops);
	if (fd == -1)
		sim_conn_kill(&l->conn);
}

void
miner_open_more(struct miner *m)
{
	struct link *l;

	while (m->opened < m->opt.connections && m->opening < OPENING_MAX &&
	    !m->stopping) {
		if ((l = calloc(1, sizeof(*l))) == NULL)
			return;
		l->m = m;
		l->addr = m->opt.pool;
		l->number = m->opened++;
		TAILQ_INSERT_TAIL(&m->links, l, entry);
		link_reset(l);
		link_open(l);
	}
}

void
miner_link_free(struct link *l)
{
	l->m->bytes_in += l->conn.bytes_in;
	l->m->bytes_out += l->conn.bytes_out;
	miner_work_stop(l);
	TAILQ_REMOVE(&l->m->links, l, entry);
	if (l->conn.fd != -1)
		sim_conn_clear(&l->conn);
	free(l);
}
