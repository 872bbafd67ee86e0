/*
 * A Stratum V1 pool: see pool.h for its parts.
 *
 *	SIGUSR1		client.reconnect to everybody (--reconnect)
 *	SIGUSR2		--last-words, then RST, to everybody
 *	SIGTERM, SIGINT	a JSON summary on stdout, exit 0
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/pool.h"
#include "tests/sim/sim_util.h"

#define ACCEPTS 256 /* in one go, before those that mine have a turn */

/* Out of descriptors: the listener rests instead of spinning. */
static void
pool_on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct pool *p = arg;
	struct timeval rest = { .tv_usec = 50000 };

	for (int i = 0; i < ACCEPTS; i++) {
		int s = sim_accept(fd);

		if (s != -1) {
			pool_client_new(p, s);
		} else if (errno == EMFILE || errno == ENFILE) {
			event_del(&p->accept_event);
			evtimer_add(&p->accept_again, &rest);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

static void
pool_on_accept_again(evutil_socket_t fd, short what, void *arg)
{
	struct pool *p = arg;

	event_add(&p->accept_event, NULL);
}

/* ---- timers, signals, the end ---- */

static void
pool_on_job(evutil_socket_t fd, short what, void *arg)
{
	pool_new_job(arg, false);
}

static void
pool_on_block(evutil_socket_t fd, short what, void *arg)
{
	pool_new_job(arg, true);
}

static void
pool_on_log(evutil_socket_t fd, short what, void *arg)
{
	struct pool *p = arg;

	fflush(p->share_log);
}

static void
pool_on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct pool *p = arg;

	if (sig == SIGUSR1)
		pool_reconnect_all(p);
	else if (sig == SIGUSR2)
		pool_reset_all(p);
	else
		event_base_loopbreak(p->base);
}

static void
print_summary(const struct pool *p)
{
	printf("{\"connections\": %" PRIu64 ", \"refused\": %" PRIu64
	       ", \"live\": %zu, \"peak\": %zu, \"jobs\": %" PRIu64
	       ", \"lines\": %" PRIu64 ", \"parse_errors\": %" PRIu64
	       ", \"bytes_in\": %" PRIu64 ", \"bytes_out\": %" PRIu64
	       ", \"submits\": %" PRIu64 ", \"misjudged\": %" PRIu64,
	    p->count.connections, p->count.refused, p->count.live,
	    p->count.peak, p->count.jobs, p->count.lines, p->count.parse_errors,
	    p->count.bytes_in, p->count.bytes_out, p->count.submits,
	    p->count.wrong);
	for (int v = 0; v < SIM_VERDICTS; v++)
		printf(", \"%s\": %" PRIu64,
		    sim_verdict_name((enum sim_verdict)v), p->count.verdict[v]);
	printf("}\n");
	fflush(stdout);
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
	OPT_SPREAD,
	OPT_LATENCY_LOG,
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
	{ "latency-spread", required_argument, NULL, OPT_SPREAD },
	{ "latency-log", required_argument, NULL, OPT_LATENCY_LOG },
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
set_work_option(struct pool *p, int o)
{
	switch (o) {
	case OPT_DIFFICULTY:
		p->opt.difficulty = number("difficulty", 1e-12, 1e18);
		break;
	case OPT_JOB_INTERVAL:
		p->opt.job_interval = number("job-interval", 0, 1e6);
		break;
	case OPT_BLOCK_INTERVAL:
		p->opt.block_interval = number("block-interval", 0, 1e6);
		break;
	case OPT_MASK:
		p->opt.mask = hex_number("version-mask");
		break;
	case OPT_FORMULA:
		if (sim_formula_parse(optarg, &p->judge.formula) == -1)
			sim_die("--version-formula bip310|or|xor");
		break;
	case OPT_VERSION:
		p->judge.version = hex_number("job-version");
		break;
	case OPT_BRANCHES:
		p->judge.branches = (int)number("branches", 0,
		    SIM_BRANCHES_MAX);
		break;
	case OPT_EN1:
		p->opt.en1_len = (size_t)number("extranonce1-size", 1, 32);
		break;
	case OPT_EN2:
		p->opt.en2_len = (size_t)number("extranonce2-size", 1, 32);
		break;
	case OPT_SEED:
		p->opt.seed = (uint64_t)number("seed", 0, 1e15);
		p->opt.seeded = true;
		break;
	default:
		sim_usage("[options]", options);
	}
}

static void
set_manners_option(struct pool *p, int o)
{
	switch (o) {
	case OPT_ACCEPT_ALL:
		p->opt.accept_all = true;
		break;
	case OPT_WRONG_RATE:
		p->opt.wrong_rate = number("wrong-rate", 0, 1);
		break;
	case OPT_LATENCY:
		p->opt.delay_us = (uint64_t)(number("latency", 0, 1e6) * 1000);
		break;
	case OPT_SPREAD:
		p->opt.spread_us = (uint64_t)(number("latency-spread", 0, 1e6) *
		    1000);
		break;
	case OPT_LATENCY_LOG:
		if ((p->late_log = fopen(optarg, "w")) == NULL)
			sim_die("%s: cannot be written", optarg);
		setvbuf(p->late_log, NULL, _IOFBF, 1 << 16);
		break;
	case OPT_SILENT:
		p->opt.silent = true;
		break;
	case OPT_SLOW_READ:
		p->opt.read_rate = (uint32_t)number("slow-read", 1, 1e9);
		break;
	case OPT_REJECT_KIND:
		if (sim_shape_parse(optarg, &p->opt.shape) == -1)
			sim_die("--reject-kind array|object|ckpool|string");
		break;
	case OPT_MAX_CLIENTS:
		p->opt.max_clients = (size_t)number("max-clients", 0, 1e6);
		break;
	case OPT_UNNEGOTIATED:
		p->judge.unnegotiated = true;
		break;
	default:
		set_work_option(p, o);
	}
}

static void
set_option(struct pool *p, int o)
{
	switch (o) {
	case OPT_LISTEN:
		p->opt.host = optarg;
		break;
	case OPT_PORT:
		p->opt.port = optarg;
		break;
	case OPT_LOG:
		if ((p->share_log = fopen(optarg, "w")) == NULL)
			sim_die("%s: %s", optarg, strerror(errno));
		break;
	case OPT_LAST_WORDS:
		p->opt.last_words = optarg;
		break;
	case OPT_RECONNECT:
		p->opt.reconnect = optarg;
		break;
	case OPT_USERS:
		p->opt.users = optarg;
		break;
	case OPT_VERIFY:
		p->opt.verify = optarg;
		break;
	default:
		set_manners_option(p, o);
	}
}

static void
every(struct pool *p, struct event *ev, event_callback_fn cb, double seconds)
{
	struct timeval tv = sim_timeval((uint64_t)(seconds * 1e6));

	event_assign(ev, p->base, -1, EV_PERSIST, cb, p);
	if (seconds > 0)
		event_add(ev, &tv);
}

static void
start_listening(struct pool *p)
{
	struct sim_addr a;
	int fd;

	if (sim_addr_parse(&a, p->opt.host, p->opt.port) == -1)
		sim_die("%s %s: no address and port", p->opt.host, p->opt.port);
	if ((fd = sim_listen(&a, p->opt.read_rate ? 4096 : 0)) == -1)
		sim_die("%s %s: %s", p->opt.host, p->opt.port, strerror(errno));
	event_assign(&p->accept_event, p->base, fd, EV_READ | EV_PERSIST,
	    pool_on_accept, p);
	evtimer_assign(&p->accept_again, p->base, pool_on_accept_again, p);
	event_add(&p->accept_event, NULL);
	sim_say_listening(fd);
}

static void
start_timers(struct pool *p)
{
	every(p, &p->job_event, pool_on_job, p->opt.job_interval);
	every(p, &p->block_event, pool_on_block, p->opt.block_interval);
	if (p->share_log != NULL)
		every(p, &p->log_event, pool_on_log, 0.05);
}

static void
parse_options(struct pool *p, int argc, char **argv)
{
	int o;

	p->opt = (struct pool_options){ .host = "127.0.0.1",
		.port = "0",
		.difficulty = 1e-5,
		.job_interval = 10,
		.block_interval = 40,
		.mask = 0x1fffe000,
		.en1_len = 4,
		.en2_len = 8,
		.max_clients = SIZE_MAX,
		.last_words = "{\"id\":null,\"method\":\"client.show_message\","
			      "\"params\":[\"last words\"]}" };
	p->judge.version = 0x20000000;
	p->judge.nbits = 0x1702b000;
	p->judge.branches = 4;
	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		set_option(p, o);
	if (optind < argc)
		sim_usage("[options]", options);
	if (!p->opt.seeded)
		p->opt.seed = sim_now_us() ^ (uint64_t)getpid() << 40;
}

static void
pool_run(struct pool *p)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGUSR1, SIGUSR2 };
	struct event signal_events[4];

	sim_raise_files();
	if ((p->base = event_base_new()) == NULL)
		sim_die("out of memory");
	TAILQ_INIT(&p->clients);
	p->next_en1 = p->opt.seed % 0xff << 24;
	p->judge.nonces_len = p->opt.en1_len + p->opt.en2_len;
	sim_judge_init(&p->judge, p->opt.seed, p->opt.seeded);
	pool_new_job(p, true);
	start_timers(p);
	for (int i = 0; i < 4; i++) {
		evsignal_assign(&signal_events[i], p->base, signals[i],
		    pool_on_signal, p);
		event_add(&signal_events[i], NULL);
	}
	pool_watch_stdin(p);
	start_listening(p);
	event_base_dispatch(p->base);
}

static void
pool_clear(struct pool *p)
{
	struct client *c;

	while ((c = TAILQ_FIRST(&p->clients)) != NULL)
		pool_client_free(c);
	sim_judge_clear(&p->judge);
	sim_buf_clear(&p->input);
	if (p->late_log != NULL && fclose(p->late_log) != 0)
		sim_die("the latency log is not complete");
	if (p->share_log != NULL && fclose(p->share_log) != 0)
		sim_die("log: %s", strerror(errno));
}

int
main(int argc, char **argv)
{
	static struct pool pool;
	size_t live;

	parse_options(&pool, argc, argv);
	if (pool.opt.verify != NULL) {
		pool_verify_file(pool.opt.verify, pool.judge.formula);
		return 0;
	}
	pool_run(&pool);
	live = pool.count.live;
	pool_clear(&pool);
	pool.count.live = live;
	print_summary(&pool);
	return 0;
}
