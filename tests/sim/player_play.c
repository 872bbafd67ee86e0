/*
 * The player's sockets: pairs are opened one after the other, so that the
 * connection which arrives at the pool's end is known to be the one that the
 * miner's end just opened; then every copy speaks its part.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/player.h"

#define READ_SIZE 65536
#define SHOWN     16 /* bytes around a difference */

static void play_advance(struct play *);
static void open_next(struct player *);

static enum side
side_of(const struct end *e)
{
	return e == &e->pair->ends[MINER] ? MINER : POOL;
}

static const struct stream *
stream_of(const struct pair *p, enum side side)
{
	return &p->play->streams[p->session][side];
}

static const char *
direction(enum side from)
{
	return from == MINER ? "miner_to_pool" : "pool_to_miner";
}

static void
fail_at(const struct end *e, enum side from, size_t offset, const char *what)
{
	struct play *play = e->pair->play;

	player_fail(play->player,
	    "\"error\": \"%s\", \"copy\": %d, \"session\": %d, "
	    "\"direction\": \"%s\", \"offset\": %zu",
	    what, play->copy, play->player->script.number[e->pair->session],
	    direction(from), offset);
}

/* ---- what arrives ---- */

static void
fail_difference(const struct end *e, enum side from, size_t offset,
    const char *got, size_t n)
{
	const struct stream *st = stream_of(e->pair, from);
	char want_hex[2 * SHOWN + 1], got_hex[2 * SHOWN + 1], what[256];
	size_t left = offset < st->len ? st->len - offset : 0;

	sim_hex_encode(want_hex, (const uint8_t *)st->bytes + offset,
	    left < SHOWN ? left : SHOWN);
	sim_hex_encode(got_hex, (const uint8_t *)got, n < SHOWN ? n : SHOWN);
	snprintf(what, sizeof(what),
	    "bytes differ\", \"expected\": \"%s\", \"got\": \"%s", want_hex,
	    got_hex);
	fail_at(e, from, offset, what);
}

static void
compare(struct end *e, const char *got, size_t n)
{
	enum side from = side_of(e) == MINER ? POOL : MINER;
	const struct stream *st = stream_of(e->pair, from);
	struct player *p = e->pair->play->player;
	size_t same = 0;

	while (same < n && e->got + same < st->len &&
	    got[same] == st->bytes[e->got + same])
		same++;
	e->got += same;
	p->arrived[from] += same;
	p->progress++;
	if (same < n)
		fail_difference(e, from, e->got, got + same, n - same);
	else if (e->got > e->pair->ends[from].sent)
		fail_at(e, from, e->got, "arrived before it was sent");
}

static void
shut_end(struct end *e)
{
	if (shutdown(e->fd, SHUT_WR) == -1 && errno != ENOTCONN)
		fail_at(e, side_of(e), e->sent, strerror(errno));
}

/* The miner's end closes first; the pool's answers with its own FIN. */
static void
end_saw_fin(struct end *e)
{
	enum side side = side_of(e), from = side == MINER ? POOL : MINER;
	struct player *p = e->pair->play->player;

	if (!e->pair->play->finished) {
		fail_at(e, from, e->got, "closed early");
		return;
	}
	e->saw_fin = true;
	event_del(&e->read);
	p->progress++;
	if (side == POOL)
		shut_end(e);
	if (--p->open_ends == 0) {
		p->ok = true;
		event_base_loopbreak(p->base);
	}
}

static void
end_on_read(evutil_socket_t fd, short what, void *arg)
{
	static char buf[READ_SIZE];
	struct end *e = arg;
	ssize_t n = recv(fd, buf, sizeof(buf), 0);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1) {
		fail_at(e, side_of(e) == MINER ? POOL : MINER, e->got,
		    strerror(errno));
	} else if (n == 0) {
		end_saw_fin(e);
	} else {
		compare(e, buf, (size_t)n);
		play_advance(e->pair->play);
	}
}

/* ---- what is sent ---- */

/* False: it could not be written yet, or not at all. */
static bool
send_chunk(struct end *e, size_t chunk_end)
{
	const struct stream *st = stream_of(e->pair, side_of(e));
	struct player *p = e->pair->play->player;
	ssize_t n;

	while (e->sent < chunk_end) {
		n = send(e->fd, st->bytes + e->sent, chunk_end - e->sent,
		    MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			event_add(&e->write, NULL);
			return false;
		}
		if (n == -1) {
			fail_at(e, side_of(e), e->sent, strerror(errno));
			return false;
		}
		e->sent += (size_t)n;
		p->progress++;
	}
	return true;
}

static void
end_on_write(evutil_socket_t fd, short what, void *arg)
{
	play_advance(((struct end *)arg)->pair->play);
}

/* Has everything that was sent in this copy arrived? */
static bool
all_arrived(const struct play *play)
{
	for (int i = 0; i < play->player->script.sessions; i++) {
		const struct end *e = play->pairs[i].ends;

		if (e[POOL].got != e[MINER].sent ||
		    e[MINER].got != e[POOL].sent)
			return false;
	}
	return true;
}

/* In order: the record (in lockstep the chunk) before has arrived. In real
 * time: its moment has come. */
static bool
may_send(struct play *play, const struct record *r, const struct end *e)
{
	struct player *p = play->player;
	bool fresh = play->chunk_end == 0;
	struct timeval tv;
	uint64_t now, due;

	if (p->speed > 0) {
		now = sim_now_us() - p->start_us;
		due = (uint64_t)(r->t * 1e6 / p->speed);
		if (due > now) {
			tv = sim_timeval(due - now);
			evtimer_add(&play->timer, &tv);
			return false;
		}
	}
	if (p->lockstep || (p->speed <= 0 && fresh))
		return e->pair->ends[e == e->pair->ends ? POOL : MINER].got ==
		    e->sent &&
		    all_arrived(play);
	return true;
}

static void
play_finish(struct play *play)
{
	if (play->finished || !all_arrived(play))
		return;
	play->finished = true;
	for (int i = 0; i < play->player->script.sessions; i++)
		shut_end(&play->pairs[i].ends[MINER]);
}

static void
play_advance(struct play *play)
{
	struct player *p = play->player;
	const struct record *r;
	struct end *e;

	while (p->error[0] == '\0' && play->cursor < p->script.count) {
		r = &p->script.records[play->cursor];
		e = &play->pairs[r->session].ends[r->from];
		if (e->sent >= play->chunk_end) {
			if (!may_send(play, r, e))
				return;
			play->chunk_end = script_chunk_end(p,
			    stream_of(e->pair, r->from), e->sent, r->end);
			p->chunks++;
		}
		if (!send_chunk(e, play->chunk_end))
			return;
		if (e->sent == r->end) {
			play->cursor++;
			play->chunk_end = 0;
		}
	}
	if (p->error[0] == '\0')
		play_finish(play);
}

static void
play_on_timer(evutil_socket_t fd, short what, void *arg)
{
	play_advance(arg);
}

/* ---- opening ---- */

static void
start_playing(struct player *p)
{
	p->start_us = sim_now_us();
	for (size_t i = 0; i < p->copies; i++)
		play_advance(&p->plays[i]);
}

static void
end_start(struct end *e, int fd)
{
	struct event_base *base = e->pair->play->player->base;

	e->fd = fd;
	event_assign(&e->read, base, fd, EV_READ | EV_PERSIST, end_on_read, e);
	event_assign(&e->write, base, fd, EV_WRITE, end_on_write, e);
	event_add(&e->read, NULL);
}

static struct pair *
pair_at(struct player *p, size_t i)
{
	size_t s = (size_t)p->script.sessions;

	return &p->plays[i / s].pairs[i % s];
}

/* The next pair is opened when this one's other end is there. */
void
play_on_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct player *p = arg;
	int fd = sim_accept(lfd);

	if (fd == -1)
		return;
	if (p->paired == p->opened) {
		p->strays++;
		close(fd);
		return;
	}
	end_start(&pair_at(p, p->paired)->ends[POOL], fd);
	p->paired++;
	p->progress++;
	open_next(p);
}

static uint16_t
local_port(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		return 0;
	return ntohs(ss.ss_family == AF_INET ?
		((struct sockaddr_in *)&ss)->sin_port :
		((struct sockaddr_in6 *)&ss)->sin6_port);
}

static void
open_next(struct player *p)
{
	struct pair *pair;
	int fd;

	if (p->opened == p->copies * (size_t)p->script.sessions) {
		start_playing(p);
		return;
	}
	if ((fd = sim_connect(&p->relay)) == -1) {
		player_fail(p, "\"error\": \"connect: %s\"", strerror(errno));
		return;
	}
	pair = pair_at(p, p->opened++);
	pair->port = local_port(fd);
	end_start(&pair->ends[MINER], fd);
}

static void
play_init(struct player *p, struct play *play, int copy)
{
	play->player = p;
	play->copy = copy;
	play->streams = (const struct stream(*)[2])p->script.streams;
	if (p->mark != NULL) {
		script_mark(&p->script, play->own, p->mark, copy);
		play->streams = (const struct stream(*)[2])play->own;
	}
	evtimer_assign(&play->timer, p->base, play_on_timer, play);
	play->pairs = calloc((size_t)p->script.sessions, sizeof(struct pair));
	if (play->pairs == NULL)
		sim_die("out of memory");
	for (int i = 0; i < p->script.sessions; i++) {
		struct pair *pair = &play->pairs[i];

		pair->play = play;
		pair->session = i;
		pair->ends[MINER] = (struct end){ .pair = pair, .fd = -1 };
		pair->ends[POOL] = (struct end){ .pair = pair, .fd = -1 };
	}
}

void
play_open_all(struct player *p)
{
	if ((p->plays = calloc(p->copies, sizeof(struct play))) == NULL)
		sim_die("out of memory");
	for (size_t i = 0; i < p->copies; i++)
		play_init(p, &p->plays[i], (int)i);
	p->open_ends = 2 * p->copies * (size_t)p->script.sessions;
	open_next(p);
}

static void
end_close(struct end *e)
{
	if (e->fd == -1)
		return;
	event_del(&e->read);
	event_del(&e->write);
	close(e->fd);
}

void
play_close_all(struct player *p)
{
	for (size_t i = 0; p->plays != NULL && i < p->copies; i++) {
		struct play *play = &p->plays[i];

		event_del(&play->timer);
		for (int k = 0; k < p->script.sessions; k++) {
			end_close(&play->pairs[k].ends[MINER]);
			end_close(&play->pairs[k].ends[POOL]);
			free(play->own[k][MINER].bytes);
			free(play->own[k][POOL].bytes);
		}
		free(play->pairs);
	}
	free(p->plays);
}
