/*
 * Plays a transcript through a relay, as both of its ends, and compares every
 * byte: see player.h for its parts.  Exits 0 when all bytes arrived as they
 * were sent, else 1; a JSON summary on stdout says what and where.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/player.h"

#define PAIRS_SHOWN 256

enum {
	OPT_LISTEN = 256,
	OPT_PORT,
	OPT_CONNECT,
	OPT_CHUNK,
	OPT_SPEED,
	OPT_COPIES,
	OPT_SEED,
	OPT_LOCKSTEP,
	OPT_TIMEOUT,
	OPT_MARK,
};

static const struct option options[] = {
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "port", required_argument, NULL, OPT_PORT },
	{ "connect", required_argument, NULL, OPT_CONNECT },
	{ "chunk", required_argument, NULL, OPT_CHUNK },
	{ "speed", required_argument, NULL, OPT_SPEED },
	{ "copies", required_argument, NULL, OPT_COPIES },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "lockstep", no_argument, NULL, OPT_LOCKSTEP },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "mark", required_argument, NULL, OPT_MARK },
	{ NULL, 0, NULL, 0 },
};

static void
parse_chunk(struct player *p, const char *s)
{
	if (!strcmp(s, "as-recorded")) {
		p->chunking = AS_RECORDED;
	} else if (!strcmp(s, "random")) {
		p->chunking = RANDOM;
	} else if (!strcmp(s, "line")) {
		p->chunking = LINES;
	} else {
		p->chunking = FIXED;
		p->chunk = (size_t)sim_opt_number("chunk", s, 1, 1e9);
	}
}

static void
set_option(struct player *p, int c)
{
	switch (c) {
	case OPT_LISTEN:
		p->host = optarg;
		break;
	case OPT_PORT:
		p->port = optarg;
		break;
	case OPT_CONNECT:
		p->connect = optarg;
		break;
	case OPT_CHUNK:
		parse_chunk(p, optarg);
		break;
	case OPT_SPEED:
		p->speed = sim_opt_number("speed", optarg, 0, 1e6);
		break;
	case OPT_COPIES:
		p->copies = (size_t)sim_opt_number("copies", optarg, 1, 10000);
		break;
	case OPT_SEED:
		p->rng.s = (uint64_t)sim_opt_number("seed", optarg, 0, 1e15);
		break;
	case OPT_LOCKSTEP:
		p->lockstep = true;
		break;
	case OPT_TIMEOUT:
		p->timeout = sim_opt_number("timeout", optarg, 0.01, 1e6);
		break;
	case OPT_MARK:
		p->mark = optarg;
		break;
	default:
		sim_usage("[options] TRANSCRIPT", options);
	}
}

static void
parse_options(struct player *p, int argc, char **argv)
{
	int c;

	p->host = "127.0.0.1";
	p->port = "0";
	p->copies = 1;
	p->timeout = 30;
	p->rng.s = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		set_option(p, c);
	if (argc - optind != 1)
		sim_usage("[options] TRANSCRIPT", options);
	p->path = argv[optind];
	if (p->mark != NULL && strlen(p->mark) < 8)
		sim_die("--mark %s: shorter than 8", p->mark);
	if (p->connect != NULL && sim_addr_split(&p->relay, p->connect) == -1)
		sim_die("--connect %s: not ADDR:PORT", p->connect);
}

void
player_fail(struct player *p, const char *fmt, ...)
{
	va_list ap;

	if (p->error[0] != '\0')
		return;
	va_start(ap, fmt);
	vsnprintf(p->error, sizeof(p->error), fmt, ap);
	va_end(ap);
	event_base_loopbreak(p->base);
}

/* Nothing was sent and nothing arrived for a whole --timeout. */
static void
player_on_quiet(evutil_socket_t fd, short what, void *arg)
{
	static uint64_t before = UINT64_MAX;
	struct player *p = arg;
	double next = 0;

	for (size_t i = 0; p->speed > 0 && p->plays && i < p->copies; i++)
		if (p->plays[i].cursor < p->script.count)
			next = p->script.records[p->plays[i].cursor].t;
	/* A pause that the transcript itself has is none. */
	if ((double)(sim_now_us() - p->start_us) / 1e6 < next / p->speed)
		return;
	if (before == p->progress && p->plays != NULL)
		player_fail(p,
		    "\"error\": \"nothing moves any more\", "
		    "\"paired\": %zu",
		    p->paired);
	before = p->progress;
}

/* "connect HOST PORT" on stdin, where --connect was not known in time. */
static void
player_on_input(evutil_socket_t fd, short what, void *arg)
{
	struct player *p = arg;
	char line[256], host[128], port[16];
	ssize_t n = read(fd, line, sizeof(line) - 1);

	event_del(&p->input);
	line[n > 0 ? n : 0] = '\0';
	if (sscanf(line, "connect %127s %15s", host, port) != 2 ||
	    sim_addr_parse(&p->relay, host, port) == -1) {
		player_fail(p, "\"error\": \"no `connect HOST PORT' came\"");
		return;
	}
	play_open_all(p);
}

static void
print_pairs(const struct player *p)
{
	const char *sep = "";
	size_t s = (size_t)p->script.sessions;

	printf(", \"pairs\": [");
	for (size_t i = 0; i < p->opened && i < PAIRS_SHOWN; i++) {
		const struct play *play = &p->plays[i / s];
		const struct pair *pair = &play->pairs[i % s];

		printf("%s{\"copy\": %d, \"session\": %d, \"port\": %u}", sep,
		    play->copy, p->script.number[pair->session], pair->port);
		sep = ", ";
	}
	printf("]");
}

static size_t
count_lines(const struct script *s)
{
	size_t n = 0;

	for (int i = 0; i < s->sessions; i++)
		for (int side = MINER; side <= POOL; side++)
			for (size_t k = 0; k < s->streams[i][side].len; k++)
				n += s->streams[i][side].bytes[k] == '\n';
	return n;
}

static void
print_summary(const struct player *p, size_t records)
{
	double seconds = p->start_us ?
	    (double)(sim_now_us() - p->start_us) / 1e6 :
	    0;

	printf("{\"ok\": %s, \"copies\": %zu, \"sessions\": %d, "
	       "\"records\": %zu, \"chunks\": %zu, \"lines\": %zu, "
	       "\"miner_to_pool\": %" PRIu64 ", \"pool_to_miner\": %" PRIu64
	       ", \"strays\": %d, \"seconds\": %.6f",
	    p->ok ? "true" : "false", p->copies, p->script.sessions, records,
	    p->chunks, count_lines(&p->script), p->arrived[MINER],
	    p->arrived[POOL], p->strays, seconds);
	if (p->plays != NULL)
		print_pairs(p);
	if (p->error[0] != '\0')
		printf(", %s", p->error);
	printf("}\n");
	fflush(stdout);
}

static void
start(struct player *p)
{
	struct timeval tv = sim_timeval((uint64_t)(p->timeout * 1e6));
	struct sim_addr a;

	if (sim_addr_parse(&a, p->host, p->port) == -1)
		sim_die("%s %s: no address and port", p->host, p->port);
	if ((p->listen_fd = sim_listen(&a, 0)) == -1)
		sim_die("%s %s: %s", p->host, p->port, strerror(errno));
	event_assign(&p->accept, p->base, p->listen_fd, EV_READ | EV_PERSIST,
	    play_on_accept, p);
	event_add(&p->accept, NULL);
	event_assign(&p->quiet, p->base, -1, EV_PERSIST, player_on_quiet, p);
	event_add(&p->quiet, &tv);
	sim_say_listening(p->listen_fd);
	if (p->connect != NULL) {
		play_open_all(p);
		return;
	}
	event_assign(&p->input, p->base, 0, EV_READ | EV_PERSIST,
	    player_on_input, p);
	if (event_add(&p->input, NULL) == -1)
		sim_die("stdin cannot be waited for, and no --connect");
}

int
main(int argc, char **argv)
{
	static struct player p;

	parse_options(&p, argc, argv);
	script_load(&p.script, p.path, p.chunking == RANDOM, &p.rng);
	sim_raise_files();
	if ((p.base = event_base_new()) == NULL)
		sim_die("out of memory");
	start(&p);
	event_base_dispatch(p.base);
	print_summary(&p, p.script.count);
	play_close_all(&p);
	script_free(&p.script);
	close(p.listen_fd);
	event_base_free(p.base);
	return p.ok ? 0 : 1;
}
