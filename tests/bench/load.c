/*
 * load: the load generator of the benchmarks, with both ends.
 *
 *	load pool [-p PORT] [--pool-cpu N]
 *	load TEST -t PORT -p PORT [options]
 *
 * The pool prints "ready PORT" and serves until it is killed.  A test
 * connects to what is measured (-t) on 127.0.0.1, which relays to the pool
 * (-p), and prints one JSON object:
 *
 *	rtt	one session, one submit outstanding
 *	flow	--sessions with --depth submits outstanding in each, as fast
 *		as answers come or at --rate submits a second
 *	churn	--sessions at a time are connected, subscribed, authorized and
 *		closed
 *	idle	memory of the processes --pid for each of --sessions
 *	fanout	a new job to --sessions at once, --count times
 *
 * Each ends by --count or --seconds, whichever is first.
 */

#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"

struct test {
	const char *name;
	int (*run)(const struct options *, int);
	uint64_t count;
	double seconds;
	int sessions;
};

static const struct test tests[] = {
	{ "rtt", test_rtt, 100000, 10, 1 },
	{ "flow", test_flow, 1000000000, 2, 200 },
	{ "churn", test_churn, 1000000000, 2, 32 },
	{ "idle", test_idle, 1, 60, 5000 },
	{ "fanout", test_fanout, 5, 60, 9500 },
};

static const struct option longs[] = {
	{ "to", required_argument, NULL, 't' },
	{ "pool", required_argument, NULL, 'p' },
	{ "client-cpu", required_argument, NULL, 'c' },
	{ "pool-cpu", required_argument, NULL, 'q' },
	{ "pid", required_argument, NULL, 'i' },
	{ "count", required_argument, NULL, 'n' },
	{ "seconds", required_argument, NULL, 's' },
	{ "sessions", required_argument, NULL, 'm' },
	{ "depth", required_argument, NULL, 'd' },
	{ "rate", required_argument, NULL, 'r' },
	{ NULL, 0, NULL, 0 },
};

static void __attribute__((noreturn)) usage(void)
{
	fprintf(stderr,
	    "usage: load pool [-p PORT] [--pool-cpu N]\n"
	    "       load rtt|flow|churn|idle|fanout -t PORT -p PORT\n"
	    "            [--client-cpu N] [--pool-cpu N] [--pid PID]...\n"
	    "            [--count N] [--seconds S] [--sessions N]\n"
	    "            [--depth N] [--rate N]\n");
	exit(2);
}

/* A whole number from min to max, or the end. */
static long
number(const char *s, long min, long max)
{
	char *end;
	long v = strtol(s, &end, 10);

	if (end == s || *end != '\0' || v < min || v > max)
		errx(2, "%s: not a number from %ld to %ld", s, min, max);
	return (v);
}

static void
option(struct options *o, int ch)
{
	switch (ch) {
	case 't':
		o->to = (uint16_t)number(optarg, 1, 65535);
		break;
	case 'p':
		o->pool = (uint16_t)number(optarg, 1, 65535);
		break;
	case 'c':
		o->client_cpu = (int)number(optarg, -1, 1023);
		break;
	case 'q':
		o->pool_cpu = (int)number(optarg, -1, 1023);
		break;
	case 'i':
		if (o->npid == BENCH_PIDS)
			errx(2, "at most %d processes", BENCH_PIDS);
		o->pid[o->npid++] = (pid_t)number(optarg, 1, 1 << 30);
		break;
	case 'n':
		o->count = (uint64_t)number(optarg, 1, 1000000000);
		break;
	case 's':
		o->seconds = (double)number(optarg, 1, 3600);
		break;
	case 'm':
		o->sessions = (int)number(optarg, 1, 20000);
		break;
	case 'd':
		o->depth = (int)number(optarg, 1, BENCH_DEPTH_MAX);
		break;
	case 'r':
		o->rate = (uint64_t)number(optarg, 0, 100000000);
		break;
	default:
		usage();
	}
}

static void
defaults(struct options *o, const struct test *t)
{
	if (o->count == 0)
		o->count = t->count;
	if (o->seconds <= 0)
		o->seconds = t->seconds;
	if (o->sessions == 0)
		o->sessions = t->sessions;
	if (t->run == test_rtt && o->count > 10000000)
		o->count = 10000000; /* each takes four bytes */
}

static int
test_run(const struct test *t, struct options *o)
{
	int ctl, rc;

	if (o->to == 0 || o->pool == 0)
		usage();
	defaults(o, t);
	if ((ctl = control_open(o->pool)) == -1)
		err(1, "pool at port %u", o->pool);
	if (control_cpu(ctl, o->pool_cpu) == -1 || cpu_pin(o->client_cpu) == -1)
		errx(1, "cannot use processor %d or %d", o->client_cpu,
		    o->pool_cpu);
	if ((rc = t->run(o, ctl)) == -1)
		warn("%s: sessions failed or nothing moved", t->name);
	close(ctl);
	return (rc == -1 ? 1 : 0);
}

int
main(int argc, char *argv[])
{
	struct options o = { .client_cpu = -1, .pool_cpu = -1, .depth = 1 };
	int ch;

	signal(SIGPIPE, SIG_IGN);
	descriptors_raise();
	while ((ch = getopt_long(argc, argv, "t:p:", longs, NULL)) != -1)
		option(&o, ch);
	if (optind + 1 != argc)
		usage();
	if (strcmp(argv[optind], "pool") == 0) {
		if (pool_run(o.pool, o.pool_cpu) == -1)
			err(1, "pool");
		return (0);
	}
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (strcmp(argv[optind], tests[i].name) == 0)
			return (test_run(&tests[i], &o));
	usage();
}
