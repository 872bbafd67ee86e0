/*
 * The pool: one connection, made again with jitter, and a queue of shares.
 * What an event asks for is bounded here by our own configuration.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "common/poolclient.h"

#define READ_BYTES   16384
#define TICK_MS      5
#define SPREAD_LEAST 10 /* ms between submits of one share */
#define SPREAD_MOST  100
#define WAITING      512
#define ADDRS        8
#define MINE_NS      500000 /* then the pool is looked after */
#define MINE_HASHES  500

struct queued {
	struct queued *next;
	uint64_t due_ms;
	uint32_t left; /* submits */
	size_t len;
	char params[];
};

struct waiting {
	uint64_t tag; /* 0: free */
	uint64_t sent_ns;
	uint64_t generation; /* of the work, when it was sent */
	enum mine_kind kind;
};

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct pool {
	struct agent *agent;
	struct poolclient *client;
	struct event *rd, *wr, *tick, *more; /* more: of mining, at once */
	int fd;
	uint32_t asked;
	union address addr[ADDRS];
	unsigned naddrs, next_addr, attempts;
	uint64_t connect_at, began_ms;
	struct queued *head, **tail;
	uint64_t nqueued;
	struct waiting waiting[WAITING];
	uint64_t last_tag;
	struct miner *miner; /* NULL: replay */
	double tokens;
	uint64_t tokens_at, random;
	char why[200];
	bool ready;
};

static void disconnect(struct pool *, const char *why);

static uint64_t
random_below(struct pool *p, uint64_t n)
{
	p->random ^= p->random >> 12;
	p->random ^= p->random << 25;
	p->random ^= p->random >> 27;
	return n == 0 ? 0 :
			(p->random * UINT64_C(2685821657736338717) >> 16) % n;
}

/* --- the queue --- */

static struct queued *
pop(struct pool *p)
{
	struct queued *q = p->head;

	if (q == NULL)
		return NULL;
	p->head = q->next;
	if (p->head == NULL)
		p->tail = &p->head;
	p->nqueued--;
	return q;
}

static void
push(struct pool *p, struct queued *q)
{
	q->next = NULL;
	*p->tail = q;
	p->tail = &q->next;
	p->nqueued++;
}

/* The parameters with our own worker for the first. */
static struct queued *
make(struct pool *p, const struct nostr_share *s)
{
	const struct agent_conf *c = &p->agent->conf;
	struct queued *q = NULL;
	struct jtree *t = malloc(sizeof(*t));
	struct json_out o;
	const char *text, *raw;
	size_t len, n;

	json_init(&o, 4096);
	if (t != NULL && jtree_parse(t, s->params, strlen(s->params)) == 0 &&
	    jtree_count(t, jtree_root(t)) >= 3) {
		json_array(&o);
		json_cstr(&o, c->worker);
		for (uint32_t i = 1; i < jtree_count(t, jtree_root(t)); i++) {
			raw = jtree_raw(t, jtree_item(t, jtree_root(t), i), &n);
			json_raw(&o, raw, n);
		}
		json_array_end(&o);
		text = json_finish(&o, &len);
		if (text != NULL && (q = malloc(sizeof(*q) + len)) != NULL) {
			memcpy(q->params, text, len);
			q->len = len;
		}
	}
	json_clear(&o);
	free(t);
	return q;
}

void
pool_share(struct pool *p, const struct nostr_share *s)
{
	const struct agent_conf *c = &p->agent->conf;
	struct queued *q;

	p->agent->stats.received++;
	/* One that makes its own is not driven by others'. */
	if (c->mine)
		return;
	q = make(p, s);
	if (q == NULL) {
		p->agent->stats.dropped++;
		return;
	}
	q->left = s->repeat > c->repeat ? (uint32_t)c->repeat : s->repeat;
	q->due_ms = 0;
	push(p, q);
	while (p->nqueued > c->queue) {
		free(pop(p));
		p->agent->stats.dropped++;
	}
}

void
pool_stop(struct pool *p)
{
	struct queued *q;

	while ((q = pop(p)) != NULL)
		free(q);
}

/* --- submits --- */

static struct waiting *
waiting_of(struct pool *p, uint64_t tag)
{
	for (unsigned i = 0; i < WAITING; i++)
		if (p->waiting[i].tag == tag)
			return &p->waiting[i];
	return NULL;
}

static void
flush_out(struct pool *p)
{
	struct mbuf *out = poolclient_out(p->client);
	ssize_t n;

	while (out->len > 0) {
		n = send(p->fd, out->data, out->len,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			/* What it still has to say is read first. */
			if (errno == EAGAIN)
				event_add(p->wr, NULL);
			return;
		}
		poolclient_sent(p->client, (size_t)n);
	}
}

static bool
may_submit(struct pool *p, uint64_t now)
{
	const struct agent_conf *c = &p->agent->conf;

	if (!p->ready || p->agent->stopped)
		return false;
	p->tokens += (double)(now - p->tokens_at) * (double)c->rate / 1000;
	p->tokens_at = now;
	/* A second's worth, and at least one. */
	if (p->tokens > (double)c->rate)
		p->tokens = (double)c->rate;
	return p->tokens >= 1 &&
	    (c->total == 0 || p->agent->stats.attempted < c->total);
}

static int
submit(struct pool *p, const char *params, size_t len, enum mine_kind kind)
{
	struct waiting *w = waiting_of(p, 0);
	uint64_t now = agent_now_ns();

	if (w == NULL)
		return -1;
	if (poolclient_submit(p->client, params, len, p->last_tag + 1, now) ==
	    -1)
		return -1;
	w->tag = ++p->last_tag;
	w->sent_ns = now;
	w->kind = kind;
	if (p->miner != NULL) {
		w->generation = miner_generation(p->miner);
		p->agent->stats.made[kind]++;
	}
	p->tokens -= 1;
	stats_submit(&p->agent->stats, now / 1000000000);
	return 0;
}

/* A moment of looking for our own.  What is found goes out as it is found,
 * and answers are read in between: latency is the pool's, not ours. */
static void
mine(struct pool *p, uint64_t now)
{
	const struct timeval at_once = { 0, 0 };
	uint64_t until = agent_now_ns() + MINE_NS;
	char params[NOSTR_PARAMS_MAX];
	enum mine_kind kind;

	while (may_submit(p, now) && waiting_of(p, 0) != NULL &&
	    agent_now_ns() < until)
		if (miner_next(p->miner, MINE_HASHES, params, &kind) == 1) {
			if (submit(p, params, strlen(params), kind) == -1)
				break;
			flush_out(p);
		}
	if (may_submit(p, now))
		event_add(p->more, &at_once);
}

static void
submit_due(struct pool *p, uint64_t now)
{
	uint64_t n = p->nqueued;
	struct queued *q;

	if (p->miner != NULL)
		mine(p, now);
	/* Once around: who is not due goes to the end again. */
	while (n-- > 0 && may_submit(p, now)) {
		q = pop(p);
		if (q->due_ms > now) {
			push(p, q);
			continue;
		}
		if (submit(p, q->params, q->len, MINE_VALID) == -1) {
			push(p, q);
			break;
		}
		if (--q->left == 0) {
			free(q);
			continue;
		}
		q->due_ms = now + SPREAD_LEAST +
		    random_below(p, SPREAD_MOST - SPREAD_LEAST);
		push(p, q);
	}
	if (p->client != NULL)
		flush_out(p);
	if (p->agent->conf.total != 0 &&
	    p->agent->stats.attempted >= p->agent->conf.total &&
	    poolclient_waiting(p->client) == 0)
		agent_end(p->agent);
}

static void
check_waiting(struct pool *p)
{
	uint64_t now = agent_now_ns(),
		 most = p->agent->conf.answer_ms * 1000000;

	for (unsigned i = 0; i < WAITING; i++) {
		struct waiting *w = &p->waiting[i];

		if (w->tag == 0 || now - w->sent_ns < most)
			continue;
		p->agent->stats.unanswered++;
		if (p->client != NULL)
			poolclient_forget(p->client, w->tag);
		w->tag = 0;
	}
}

/* --- what the pool says --- */

static void
on_state(void *arg, enum poolclient_state state)
{
	struct pool *p = arg;

	p->ready = state == POOLCLIENT_READY;
	if (p->ready) {
		p->attempts = 0;
		p->why[0] = '\0';
		p->tokens_at = agent_now_ms();
		agent_log("pool %s:%u: ready", p->agent->conf.pool_host,
		    p->agent->conf.pool_port);
	}
}

/* Is it the verdict that this share must get? */
static void
judge(struct pool *p, const struct waiting *w, bool accepted)
{
	struct agent_stats *s = &p->agent->stats;

	s->took[w->kind] += accepted;
	if (accepted == (w->kind == MINE_VALID))
		return;
	/* Its job was withdrawn while it was on its way. */
	if (w->kind == MINE_VALID &&
	    w->generation != miner_generation(p->miner)) {
		s->late++;
		return;
	}
	s->wrong[w->kind]++;
}

static void
on_notice(void *arg, const char *method, const struct jtree *t, uint32_t params)
{
	struct pool *p = arg;

	if (p->miner != NULL && p->client != NULL)
		miner_notice(p->miner, poolclient_facts(p->client), method, t,
		    params);
}

static void
on_answer(void *arg, const struct poolclient_answer *a)
{
	struct pool *p = arg;
	struct agent_stats *s = &p->agent->stats;
	struct waiting *w = a->tag == 0 ? NULL : waiting_of(p, a->tag);

	if (w != NULL && p->miner != NULL)
		judge(p, w, a->said.class == ANSWER_ACCEPTED);
	if (w != NULL)
		w->tag = 0;
	stats_answer(s, a->waited_ns / 1000);
	/* As the original: only what is true is accepted. */
	if (a->said.class == ANSWER_ACCEPTED) {
		s->accepted++;
	} else {
		s->rejected++;
		s->reason[a->said.reason]++;
	}
}

static const struct poolclient_ops client_ops = { .on_state = on_state,
	.on_answer = on_answer,
	.on_notice = on_notice };

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct pool *p = arg;
	char data[READ_BYTES];
	ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		disconnect(p,
		    n == 0 ? "the pool closed the connection" :
			     strerror(errno));
	else if (poolclient_feed(p->client, data, (size_t)n, agent_now_ns()) ==
	    -1)
		disconnect(p, poolclient_why(p->client));
	else
		flush_out(p);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct pool *p = arg;
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err != 0)
		disconnect(p, strerror(err));
	else
		flush_out(p);
}

/* --- the connection --- */

static void
disconnect(struct pool *p, const char *why)
{
	const struct agent_conf *c = &p->agent->conf;
	uint64_t most = c->retry_ms;
	char text[200];

	snprintf(text, sizeof(text), "%s", why);
	if (strcmp(p->why, text) != 0)
		agent_log("pool %s:%u: %s", c->pool_host, c->pool_port, text);
	memcpy(p->why, text, sizeof(p->why));
	p->ready = false;
	if (p->rd != NULL)
		event_free(p->rd);
	if (p->wr != NULL)
		event_free(p->wr);
	p->rd = p->wr = NULL;
	if (p->fd != -1)
		close(p->fd);
	p->fd = -1;
	poolclient_free(p->client);
	p->client = NULL;
	if (p->miner != NULL)
		miner_reset(p->miner);
	for (unsigned i = 0; i < WAITING; i++) {
		p->agent->stats.unanswered += p->waiting[i].tag != 0;
		p->waiting[i].tag = 0;
	}
	for (unsigned i = 0; i < p->attempts && most < c->retry_max_ms; i++)
		most *= 2;
	if (most > c->retry_max_ms)
		most = c->retry_max_ms;
	p->attempts++;
	p->connect_at = agent_now_ms() + 1 + random_below(p, most);
}

static struct poolclient *
new_client(struct pool *p)
{
	const struct agent_conf *c = &p->agent->conf;
	struct poolclient_conf pc;

	memset(&pc, 0, sizeof(pc));
	snprintf(pc.user_agent, sizeof(pc.user_agent), "hashscope_agent/%.40s",
	    c->worker);
	/* As the original, where the shares are others'; what it makes itself
	 * it submits as who it is. */
	if (c->mine)
		snprintf(pc.worker, sizeof(pc.worker), "%s", c->worker);
	else
		snprintf(pc.worker, sizeof(pc.worker), "%s.hashscope_agent%05u",
		    c->worker, (unsigned)random_below(p, 100000));
	snprintf(pc.password, sizeof(pc.password), "%s", c->password);
	if (c->mine)
		pc.version_mask = MINE_VERSION_MASK;
	return poolclient_new(&pc, &client_ops, p);
}

static void
connect_to(struct pool *p, const union address *a)
{
	socklen_t len = a->sa.sa_family == AF_INET ? sizeof(a->in) :
						     sizeof(a->in6);
	int one = 1;

	p->began_ms = agent_now_ms();
	p->fd = socket(a->sa.sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	p->client = new_client(p);
	if (p->fd == -1 || p->client == NULL) {
		disconnect(p, "no socket, or no memory");
		return;
	}
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(p->fd, &a->sa, len) == -1 && errno != EINPROGRESS) {
		disconnect(p, strerror(errno));
		return;
	}
	p->rd = event_new(p->agent->base, p->fd, EV_READ | EV_PERSIST,
	    on_readable, p);
	p->wr = event_new(p->agent->base, p->fd, EV_WRITE, on_writable, p);
	if (p->rd == NULL || p->wr == NULL) {
		disconnect(p, "out of memory");
		return;
	}
	event_add(p->rd, NULL);
	event_add(p->wr, NULL);
}

void
pool_resolved(struct pool *p, uint32_t id, struct mcur *c, unsigned n,
    const char *why)
{
	struct mcur copy = *c;
	union address *a;

	if (p->asked == 0 || id != p->asked)
		return;
	p->asked = 0;
	for (p->naddrs = 0; n > 0 && p->naddrs < ADDRS; n--) {
		a = &p->addr[p->naddrs];
		memset(a, 0, sizeof(*a));
		if (msg_get_u8(&copy) == 4) {
			a->in.sin_family = AF_INET;
			a->in.sin_port = htons(p->agent->conf.pool_port);
			msg_get_raw(&copy, &a->in.sin_addr, 4);
		} else {
			a->in6.sin6_family = AF_INET6;
			a->in6.sin6_port = htons(p->agent->conf.pool_port);
			msg_get_raw(&copy, &a->in6.sin6_addr, 16);
		}
		p->naddrs += !copy.bad;
	}
	if (p->naddrs == 0)
		disconnect(p, why);
	else
		connect_to(p, &p->addr[p->next_addr++ % p->naddrs]);
}

static void
begin_connect(struct pool *p)
{
	const struct agent_conf *c = &p->agent->conf;
	union address a;

	memset(&a, 0, sizeof(a));
	if (inet_pton(AF_INET, c->pool_host, &a.in.sin_addr) == 1) {
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(c->pool_port);
		connect_to(p, &a);
	} else if (inet_pton(AF_INET6, c->pool_host, &a.in6.sin6_addr) == 1) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(c->pool_port);
		connect_to(p, &a);
	} else if (p->asked == 0) {
		p->asked = agent_resolve(p->agent, c->pool_host);
	}
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct pool *p = arg;
	uint64_t now = agent_now_ms();

	if (p->agent->ending)
		return;
	if (p->client == NULL && now >= p->connect_at)
		begin_connect(p);
	else if (p->client != NULL && !p->ready &&
	    now - p->began_ms > p->agent->conf.answer_ms)
		disconnect(p, "the pool does not answer");
	check_waiting(p);
	if (p->ready)
		submit_due(p, now);
}

enum agent_state
pool_state(const struct pool *p)
{
	return p->ready     ? AGENT_CONNECTED :
	    p->attempts > 5 ? AGENT_ERROR :
			      AGENT_RECONNECTING;
}

const char *
pool_error(const struct pool *p)
{
	return p->why;
}

static void
on_more(evutil_socket_t fd, short what, void *arg)
{
	struct pool *p = arg;

	if (!p->agent->ending && p->ready)
		submit_due(p, agent_now_ms());
}

struct pool *
pool_new(struct agent *a)
{
	struct timeval tv = { 0, TICK_MS * 1000 };
	struct pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->agent = a;
	p->fd = -1;
	p->tail = &p->head;
	p->random = agent_now_ns() | 1;
	p->tokens = 1;
	p->tick = event_new(a->base, -1, EV_PERSIST, on_tick, p);
	p->more = evtimer_new(a->base, on_more, p);
	if (a->conf.mine)
		p->miner = miner_new(&a->conf);
	if (p->tick == NULL || p->more == NULL ||
	    (a->conf.mine && p->miner == NULL)) {
		miner_free(p->miner);
		free(p);
		return NULL;
	}
	event_add(p->tick, &tv);
	return p;
}

void
pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	if (p->client != NULL)
		disconnect(p, p->why);
	pool_stop(p);
	miner_free(p->miner);
	event_free(p->tick);
	event_free(p->more);
	free(p);
}
