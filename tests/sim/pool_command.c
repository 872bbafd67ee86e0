/*
 * What a test asks of the pool while it runs: a line on stdin, answered by
 * `ok COMMAND CLIENTS` (how many it concerned).
 *
 *	notify | clean		a new job
 *	difficulty D		for everybody, with the next job
 *	extranonce		a new extranonce1 each, with the next job
 *	mask HEX		mining.set_version_mask
 *	reconnect [HOST:PORT]	client.reconnect
 *	message TEXT		client.show_message
 *	raw TEXT		TEXT and LF as they are
 *	rst [TEXT]		last words, then RST
 *	fin			FIN, and what still comes is thrown away
 *	silent on|off		answers no more
 *	connections, lines	answers with how many there were in all
 */
#include <sys/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/pool.h"
#include "tests/sim/sim_util.h"

static int
each_client(struct pool *p, void (*act)(struct client *, const char *),
    const char *arg)
{
	struct client *c;
	int n = 0;

	TAILQ_FOREACH(c, &p->clients, entry) {
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
	sim_judge_terms(&c->pool->judge, &c->seat)->difficulty =
	    c->pool->opt.difficulty;
	pool_say_difficulty(c);
}

static void
act_extranonce(struct client *c, const char *arg)
{
	struct sim_terms *t = sim_judge_terms(&c->pool->judge, &c->seat);
	char en1[2 * SIM_NONCE_MAX + 1];

	pool_new_extranonce1(c->pool, t);
	sim_hex_encode(en1, t->en1.b, t->en1.len);
	sim_conn_printf(&c->conn,
	    "{\"id\":null,\"method\":\"mining.set_extranonce\","
	    "\"params\":[\"%s\",%zu]}\n",
	    en1, t->en2_len);
}

static void
act_mask(struct client *c, const char *arg)
{
	c->seat.mask = c->seat.pool_mask = c->pool->opt.mask;
	sim_conn_printf(&c->conn,
	    "{\"id\":null,\"method\":\"mining.set_version_mask\","
	    "\"params\":[\"%08x\"]}\n",
	    c->pool->opt.mask);
}

static void
act_message(struct client *c, const char *arg)
{
	sim_conn_printf(&c->conn,
	    "{\"id\":null,\"method\":\"client.show_message\","
	    "\"params\":[\"%s\"]}\n",
	    arg);
}

/* arg: "HOST:PORT" (brackets are only for reading it), or nothing for "where
 * you are". */
static void
act_reconnect(struct client *c, const char *arg)
{
	const char *colon = strrchr(arg, ':'), *end = colon;

	if (colon == NULL) {
		sim_conn_printf(&c->conn,
		    "{\"id\":null,\"method\":\"client.reconnect\","
		    "\"params\":[]}\n");
		return;
	}
	if (*arg == '[' && end > arg && end[-1] == ']') {
		arg++;
		end--;
	}
	sim_conn_printf(&c->conn,
	    "{\"id\":null,\"method\":\"client.reconnect\","
	    "\"params\":[\"%.*s\",%s,0]}\n",
	    (int)(end - arg), arg, colon + 1);
}

static void
act_rst(struct client *c, const char *arg)
{
	act_raw(c, *arg != '\0' ? arg : c->pool->opt.last_words);
	sim_conn_reset(&c->conn);
}

static void
act_fin(struct client *c, const char *arg)
{
	sim_conn_finish(&c->conn);
}

static int
cmd_job(struct pool *p, const char *arg)
{
	pool_new_job(p, false);
	return (int)p->count.live;
}

static int
cmd_clean(struct pool *p, const char *arg)
{
	pool_new_job(p, true);
	return (int)p->count.live;
}

static int
cmd_difficulty(struct pool *p, const char *arg)
{
	double d = strtod(arg, NULL);

	if (!(d > 0))
		return -1;
	p->opt.difficulty = d;
	return each_client(p, act_difficulty, arg);
}

static int
cmd_mask(struct pool *p, const char *arg)
{
	if (sim_hex_u32(arg, strlen(arg), &p->opt.mask) == -1)
		return -1;
	return each_client(p, act_mask, arg);
}

static int
cmd_silent(struct pool *p, const char *arg)
{
	p->opt.silent = !strcmp(arg, "on");
	return (int)p->count.live;
}

static int
cmd_connections(struct pool *p, const char *arg)
{
	return (int)p->count.connections;
}

static int
cmd_lines(struct pool *p, const char *arg)
{
	return (int)p->count.lines;
}

/* A handler of its own, or what happens to each client. */
static const struct {
	const char *name;
	int (*handler)(struct pool *, const char *);
	void (*act)(struct client *, const char *);
} commands[] = {
	{ "notify", cmd_job, NULL },
	{ "clean", cmd_clean, NULL },
	{ "difficulty", cmd_difficulty, NULL },
	{ "mask", cmd_mask, NULL },
	{ "silent", cmd_silent, NULL },
	{ "connections", cmd_connections, NULL },
	{ "lines", cmd_lines, NULL },
	{ "extranonce", NULL, act_extranonce },
	{ "reconnect", NULL, act_reconnect },
	{ "message", NULL, act_message },
	{ "raw", NULL, act_raw },
	{ "rst", NULL, act_rst },
	{ "fin", NULL, act_fin },
};

static int
command(struct pool *p, const char *name, const char *arg)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name))
			continue;
		return commands[i].act != NULL ?
		    each_client(p, commands[i].act, arg) :
		    commands[i].handler(p, arg);
	}
	return -1;
}

static void
command_line(struct pool *p, char *line)
{
	char *arg = strchr(line, ' ');
	int n;

	if (arg != NULL)
		*arg++ = '\0';
	n = command(p, line, arg != NULL ? arg : "");
	if (n == -1)
		printf("error %s\n", line);
	else
		printf("ok %s %d\n", line, n);
	fflush(stdout);
}

static void
pool_on_stdin(evutil_socket_t fd, short what, void *arg)
{
	struct pool *p = arg;
	char *room = sim_buf_reserve(&p->input, 4096), *lf;
	ssize_t n = room != NULL ? read(fd, room, 4096) : 0;

	if (n <= 0) {
		event_del(&p->stdin_event);
		return;
	}
	p->input.len += (size_t)n;
	while (p->input.len &&
	    (lf = memchr(sim_buf_head(&p->input), '\n', p->input.len))) {
		*lf = '\0';
		command_line(p, sim_buf_head(&p->input));
		sim_buf_consume(&p->input,
		    (size_t)(lf - sim_buf_head(&p->input)) + 1);
	}
}

/* A background job may not read the terminal. */
void
pool_watch_stdin(struct pool *p)
{
	struct stat st;

	if (isatty(0) || fstat(0, &st) == -1 || S_ISREG(st.st_mode) ||
	    S_ISCHR(st.st_mode))
		return;
	event_assign(&p->stdin_event, p->base, 0, EV_READ | EV_PERSIST,
	    pool_on_stdin, p);
	event_add(&p->stdin_event, NULL);
}

void
pool_reconnect_all(struct pool *p)
{
	each_client(p, act_reconnect, p->opt.reconnect ? p->opt.reconnect : "");
}

void
pool_reset_all(struct pool *p)
{
	each_client(p, act_rst, "");
}
