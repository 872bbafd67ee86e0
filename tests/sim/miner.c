/*
 * A miner for tests, benchmarks and the demo: see miner.h for its parts.
 * Exits 1 when a verdict was not the one that the mix demanded.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/miner.h"

#define LAST_ANSWERS 5 /* seconds that the last answers may take */

enum {
	OPT_CONNECTIONS = 256,
	OPT_WORKER,
	OPT_PASSWORD,
	OPT_AGENT,
	OPT_RATE,
	OPT_MIX,
	OPT_FAULT,
	OPT_ROLLING,
	OPT_FORMULA,
	OPT_NO_CONFIGURE,
	OPT_SHARES,
	OPT_DURATION,
	OPT_DEPTH,
	OPT_RECONNECT,
	OPT_PROXY,
	OPT_IDS,
	OPT_LENIENT,
	OPT_SEED,
	OPT_SUGGEST,
	OPT_EXTRANONCE,
};

static const struct option options[] = {
	{ "connections", required_argument, NULL, OPT_CONNECTIONS },
	{ "worker", required_argument, NULL, OPT_WORKER },
	{ "password", required_argument, NULL, OPT_PASSWORD },
	{ "agent", required_argument, NULL, OPT_AGENT },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "mix", required_argument, NULL, OPT_MIX },
	{ "fault", required_argument, NULL, OPT_FAULT },
	{ "version-rolling", required_argument, NULL, OPT_ROLLING },
	{ "formula", required_argument, NULL, OPT_FORMULA },
	{ "no-configure", no_argument, NULL, OPT_NO_CONFIGURE },
	{ "shares", required_argument, NULL, OPT_SHARES },
	{ "duration", required_argument, NULL, OPT_DURATION },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "reconnect", no_argument, NULL, OPT_RECONNECT },
	{ "proxy-header", required_argument, NULL, OPT_PROXY },
	{ "cpuminer-ids", no_argument, NULL, OPT_IDS },
	{ "lenient", no_argument, NULL, OPT_LENIENT },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "suggest", required_argument, NULL, OPT_SUGGEST },
	{ "extranonce-subscribe", no_argument, NULL, OPT_EXTRANONCE },
	{ NULL, 0, NULL, 0 },
};

/* "valid=90,stale=4": the weights of what is sent. */
static void
parse_mix(struct miner_options *o, const char *s)
{
	enum kind k;
	size_t n;
	char *end;

	memset(o->weight, 0, sizeof(o->weight));
	while (*s != '\0') {
		n = strcspn(s, "=,");
		if (miner_kind_parse(s, n, &k) == -1 || s[n] != '=')
			sim_die("--mix %s: not KIND=WEIGHT", s);
		o->weight[k] = (int)strtol(s + n + 1, &end, 10);
		if (o->weight[k] < 0 || o->weight[k] > 10000 ||
		    (*end != ',' && *end != '\0'))
			sim_die("--mix %s: not a weight up to 10000", s);
		s = *end == ',' ? end + 1 : end;
	}
}

static void
parse_fault(struct miner_options *o, const char *s)
{
	enum kind k;

	if (miner_kind_parse(s, strlen(s), &k) == -1)
		sim_die("--fault %s: no such fault", s);
	memset(o->weight, 0, sizeof(o->weight));
	o->weight[k] = 1;
}

/* The destination in a PROXY header has to be of the source's family. */
static const struct sim_addr *
proxy_destination(const struct miner_options *o, const struct sim_addr *src)
{
	static struct sim_addr other;

	if (o->pool.ss.ss_family == src->ss.ss_family)
		return &o->pool;
	sim_addr_parse(&other,
	    src->ss.ss_family == AF_INET ? "192.0.2.1" : "2001:db8::1", "3333");
	return &other;
}

static const void *
addr_bytes(const struct sim_addr *a, size_t *len, uint16_t *port)
{
	const struct sockaddr_in *v4 = (const void *)&a->ss;
	const struct sockaddr_in6 *v6 = (const void *)&a->ss;

	if (a->ss.ss_family == AF_INET) {
		*len = 4;
		*port = v4->sin_port;
		return &v4->sin_addr;
	}
	*len = 16;
	*port = v6->sin6_port;
	return &v6->sin6_addr;
}

static size_t
print_proxy_v1(char *buf, size_t size, int family, const void *src,
    const void *dst, uint16_t sport, uint16_t dport)
{
	char s[64], d[64];

	inet_ntop(family, src, s, sizeof(s));
	inet_ntop(family, dst, d, sizeof(d));
	return (size_t)snprintf(buf, size, "PROXY TCP%c %s %s %u %u\r\n",
	    family == AF_INET ? '4' : '6', s, d, ntohs(sport), ntohs(dport));
}

static size_t
print_proxy_v2(char *buf, const void *src, const void *dst, size_t len,
    uint16_t sport, uint16_t dport)
{
	static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";

	memcpy(buf, signature, 12);
	buf[12] = 0x21; /* version 2, PROXY */
	buf[13] = len == 4 ? 0x11 : 0x21;
	buf[14] = 0;
	buf[15] = (char)(2 * len + 4);
	memcpy(buf + 16, src, len);
	memcpy(buf + 16 + len, dst, len);
	memcpy(buf + 16 + 2 * len, &sport, 2);
	memcpy(buf + 18 + 2 * len, &dport, 2);
	return 20 + 2 * len;
}

/* "v1,192.0.2.7:4444" or "v2,[2001:db8::7]:4444". */
static void
parse_proxy(struct miner_options *o, const char *s)
{
	struct sim_addr src;
	const struct sim_addr *dst;
	const void *sb, *db;
	uint16_t sport, dport;
	size_t len;

	if (s[0] != 'v' || (s[1] != '1' && s[1] != '2') || s[2] != ',' ||
	    sim_addr_split(&src, s + 3) == -1)
		sim_die("--proxy-header %s: not v1|v2,ADDR:PORT", s);
	dst = proxy_destination(o, &src);
	sb = addr_bytes(&src, &len, &sport);
	db = addr_bytes(dst, &len, &dport);
	if (s[1] == '1')
		o->proxy_len = print_proxy_v1(o->proxy, sizeof(o->proxy),
		    src.ss.ss_family, sb, db, sport, dport);
	else
		o->proxy_len = print_proxy_v2(o->proxy, sb, db, len, sport,
		    dport);
}

static void
set_share_option(struct miner_options *o, int c)
{
	switch (c) {
	case OPT_RATE:
		o->rate = sim_opt_number("rate", optarg, 0, 1e6);
		break;
	case OPT_MIX:
		parse_mix(o, optarg);
		break;
	case OPT_FAULT:
		parse_fault(o, optarg);
		break;
	case OPT_ROLLING:
		if (sim_hex_u32(optarg, strlen(optarg), &o->mask) == -1)
			sim_die("--version-rolling %s: no mask", optarg);
		o->rolling = true;
		break;
	case OPT_FORMULA:
		if (sim_formula_parse(optarg, &o->formula) == -1)
			sim_die("--formula bip310|or|xor");
		break;
	case OPT_SHARES:
		o->shares = (uint64_t)sim_opt_number("shares", optarg, 1, 1e12);
		break;
	case OPT_DEPTH:
		o->depth = (unsigned)sim_opt_number("depth", optarg, 1, 100000);
		break;
	case OPT_SUGGEST:
		o->suggest = sim_opt_number("suggest", optarg, 1e-12, 1e18);
		break;
	case OPT_SEED:
		o->seed = (uint64_t)sim_opt_number("seed", optarg, 0, 1e15);
		break;
	default:
		sim_usage("[options] HOST PORT", options);
	}
}

static void
set_option(struct miner_options *o, int c, const char **proxy)
{
	switch (c) {
	case OPT_CONNECTIONS:
		o->connections = (int)sim_opt_number("connections", optarg, 1,
		    60000);
		break;
	case OPT_WORKER:
		o->worker = optarg;
		break;
	case OPT_PASSWORD:
		o->password = optarg;
		break;
	case OPT_AGENT:
		o->agent = optarg;
		break;
	case OPT_NO_CONFIGURE:
		o->configure = false;
		break;
	case OPT_DURATION:
		o->duration = sim_opt_number("duration", optarg, 0, 1e6);
		break;
	case OPT_RECONNECT:
		o->reconnect = true;
		break;
	case OPT_PROXY:
		*proxy = optarg;
		break;
	case OPT_IDS:
		o->cpuminer_ids = true;
		break;
	case OPT_LENIENT:
		o->lenient = true;
		break;
	case OPT_EXTRANONCE:
		o->extranonce = true;
		break;
	default:
		set_share_option(o, c);
	}
}

/* Names go into JSON as they are. */
static void
check_text(const char *s)
{
	if (strlen(s) > 500 || strpbrk(s, "\"\\\n") != NULL)
		sim_die("%s: too long, or not for a JSON string", s);
}

static void
parse_options(struct miner_options *o, int argc, char **argv)
{
	const char *proxy = NULL;
	int c;

	*o = (struct miner_options){ .worker = "sim.worker",
		.password = "x",
		.agent = "sim-miner/1.0",
		.connections = 1,
		.rate = 1,
		.depth = 64,
		.configure = true };
	o->weight[KIND_VALID] = 1;
	o->seed = sim_now_us() ^ (uint64_t)getpid() << 40;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		set_option(o, c, &proxy);
	if (argc - optind != 2)
		sim_usage("[options] HOST PORT", options);
	if (sim_addr_parse(&o->pool, argv[optind], argv[optind + 1]) == -1)
		sim_die("%s %s: no address and port", argv[optind],
		    argv[optind + 1]);
	check_text(o->worker);
	check_text(o->password);
	check_text(o->agent);
	for (int k = 0; k < KINDS; k++)
		o->weights += o->weight[k];
	if (o->weights == 0)
		sim_die("--mix: no weight at all");
	o->unsubscribed = o->weight[KIND_UNSUBSCRIBED] > 0;
	if (o->unsubscribed && o->weights != o->weight[KIND_UNSUBSCRIBED])
		sim_die("unsubscribed does not mix");
	if (proxy != NULL)
		parse_proxy(o, proxy);
}

void
miner_check_end(struct miner *m)
{
	bool sent = m->stopping ||
	    (m->opt.shares && m->submits >= m->opt.shares);
	struct timeval tv = { .tv_sec = LAST_ANSWERS };

	if (sent && m->outstanding == 0)
		event_base_loopbreak(m->base);
	else if (sent && !evtimer_pending(&m->deadline, NULL))
		evtimer_add(&m->deadline, &tv);
	else if (TAILQ_EMPTY(&m->links))
		event_base_loopbreak(m->base);
}

static void
miner_on_deadline(evutil_socket_t fd, short what, void *arg)
{
	event_base_loopbreak(((struct miner *)arg)->base);
}

/* SIGTERM, SIGINT, or the duration is over: the last answers are awaited. */
static void
miner_on_stop(evutil_socket_t fd, short what, void *arg)
{
	struct miner *m = arg;

	m->stopping = true;
	miner_check_end(m);
}

static int
compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
print_latency(struct miner *m)
{
	size_t n = m->latencies < MINER_LATENCIES ? m->latencies :
						    MINER_LATENCIES;

	qsort(m->latency, n, sizeof(uint32_t), compare_u32);
	printf(", \"latency_us\": {\"p50\": %u, \"p99\": %u, \"max\": %u}",
	    n ? m->latency[n / 2] : 0, n ? m->latency[n * 99 / 100] : 0,
	    n ? m->latency[n - 1] : 0);
}

static void
print_rejected(const struct miner *m)
{
	uint64_t by_code[26] = { 0 };
	const char *sep = "";

	for (int v = SIM_STALE; v < SIM_VERDICTS; v++)
		by_code[sim_verdict_code((enum sim_verdict)v)] += m->verdict[v];
	printf(", \"rejected\": {");
	for (int c = 20; c <= 25; c++) {
		if (by_code[c])
			printf("%s\"%d\": %" PRIu64, sep, c, by_code[c]);
		if (by_code[c])
			sep = ", ";
	}
	printf("}");
}

static void
print_counts(const char *name, const uint64_t *n, int kinds)
{
	const char *sep = "";

	printf(", \"%s\": {", name);
	for (int i = 0; i < kinds; i++) {
		if (n[i] == 0)
			continue;
		printf("%s\"%s\": %" PRIu64, sep,
		    kinds == KINDS ? miner_kind_name((enum kind)i) :
				     sim_verdict_name((enum sim_verdict)i),
		    n[i]);
		sep = ", ";
	}
	printf("}");
}

static void
print_summary(struct miner *m)
{
	_Static_assert((int)KINDS != (int)SIM_VERDICTS, "print_counts");

	printf("{\"connections\": %d, \"connects\": %" PRIu64
	       ", \"ready\": %d, \"lost\": %" PRIu64 ", \"refused\": %" PRIu64
	       ", \"submits\": %" PRIu64 ", \"answers\": %" PRIu64
	       ", \"unanswered\": %" PRIu64 ", \"accepted\": %" PRIu64,
	    m->opt.connections, m->connects, m->ready, m->lost, m->refused,
	    m->submits, m->answers, m->unanswered, m->verdict[SIM_ACCEPTED]);
	print_rejected(m);
	print_counts("sent", m->sent, KINDS);
	print_counts("verdicts", m->verdict, SIM_VERDICTS);
	printf(", \"mismatches\": %" PRIu64 ", \"first_mismatch\": \"%s\"",
	    m->mismatches, m->mismatch);
	print_latency(m);
	printf(", \"stalled\": %" PRIu64 ", \"notifies\": %" PRIu64
	       ", \"lines\": %" PRIu64 ", \"parse_errors\": %" PRIu64
	       ", \"bytes_in\": %" PRIu64 ", \"bytes_out\": %" PRIu64 "}\n",
	    m->stalled, m->notifies, m->lines, m->parse_errors, m->bytes_in,
	    m->bytes_out);
	fflush(stdout);
}

static bool
went_wrong(const struct miner *m)
{
	return m->mismatches || m->refused || m->parse_errors ||
	    (m->lost && !m->opt.reconnect) ||
	    (m->opt.shares && m->answers < m->opt.shares);
}

int
main(int argc, char **argv)
{
	static struct miner m;
	struct event term, intr;
	struct timeval tv;
	struct link *l;

	parse_options(&m.opt, argc, argv);
	sim_raise_files();
	m.rng.s = m.opt.seed;
	m.base = event_base_new();
	m.latency = calloc(MINER_LATENCIES, sizeof(uint32_t));
	if (m.base == NULL || m.latency == NULL)
		sim_die("out of memory");
	TAILQ_INIT(&m.links);
	TAILQ_INIT(&m.hungry);
	miner_work_init(&m);
	evsignal_assign(&term, m.base, SIGTERM, miner_on_stop, &m);
	evsignal_assign(&intr, m.base, SIGINT, miner_on_stop, &m);
	event_add(&term, NULL);
	event_add(&intr, NULL);
	evtimer_assign(&m.duration, m.base, miner_on_stop, &m);
	evtimer_assign(&m.deadline, m.base, miner_on_deadline, &m);
	tv = sim_timeval((uint64_t)(m.opt.duration * 1e6));
	if (m.opt.duration > 0)
		evtimer_add(&m.duration, &tv);
	miner_open_more(&m);
	event_base_dispatch(m.base);
	while ((l = TAILQ_FIRST(&m.links)) != NULL)
		miner_link_free(l);
	print_summary(&m);
	free(m.latency);
	return went_wrong(&m) && !m.opt.lenient ? 1 : 0;
}
