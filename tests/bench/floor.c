/*
 * floor: the least that a TCP relay can do, as the mark that relayd is held
 * against.
 *
 *	floor LISTENPORT POOLHOST POOLPORT
 *
 * One thread, raw epoll, level triggered: wait, read 16 KiB, write them to
 * the other side at once, keep only the unsent rest.  A FIN is passed on
 * after the last byte before it.  An error on one side resets the other; it
 * has no timers, no limits and no log, and is no product.  It prints "ready
 * PORT" when it listens (LISTENPORT 0: any).
 */

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CHUNK = 16384,
	EVENTS = 512,
	ACCEPTS = 64
};

/* One side of a session: its socket, and what still has to be written to it. */
struct side {
	struct session *s;
	int fd;
	uint32_t events; /* what epoll watches now */
	bool eof;        /* it sent its FIN */
	bool shut;       /* we sent ours */
	char *rest;      /* unsent bytes, NULL when there are none */
	size_t off, len;
};

struct session {
	struct side miner, pool;
	bool connected;
	bool dead; /* freed after the batch of events, which may name it */
	struct session *next;
};

static int ep = -1;
static int listener = -1;
static bool paused; /* the listener is out of epoll: no descriptors left */
static struct session *graveyard;
static struct sockaddr_storage pool_addr;
static socklen_t pool_len;
static char chunk[CHUNK];

static struct side *
peer_of(struct side *a)
{
	return (a == &a->s->miner ? &a->s->pool : &a->s->miner);
}

static void
watch_listener(bool on)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };

	epoll_ctl(ep, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listener, &ev);
	paused = !on;
}

/* A side is read while the other has nothing unsent: that is all the
 * back-pressure there is. */
static void
side_watch(struct side *a)
{
	struct side *b = peer_of(a);
	struct epoll_event ev = { .data.ptr = a };

	if (a->s->connected && !a->eof && b->rest == NULL)
		ev.events |= EPOLLIN;
	if (a->rest != NULL || (a == &a->s->pool && !a->s->connected))
		ev.events |= EPOLLOUT;
	if (ev.events == a->events)
		return;
	a->events = ev.events;
	epoll_ctl(ep, EPOLL_CTL_MOD, a->fd, &ev);
}

static void
side_close(struct side *a, bool reset)
{
	struct linger l = { .l_onoff = 1, .l_linger = 0 };

	if (reset)
		setsockopt(a->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(a->fd);
	free(a->rest);
	a->rest = NULL;
}

static void
session_end(struct session *s, bool reset)
{
	if (s->dead)
		return;
	side_close(&s->miner, reset);
	side_close(&s->pool, reset);
	s->dead = true;
	s->next = graveyard;
	graveyard = s;
	if (paused)
		watch_listener(true);
}

static void
bury(void)
{
	struct session *s;

	while ((s = graveyard) != NULL) {
		graveyard = s->next;
		free(s);
	}
}

/* Passes a FIN on when everything before it is written; both passed on:
 * the session is over. */
static void
side_fin(struct side *a)
{
	struct side *b = peer_of(a);

	if (a->eof && b->rest == NULL && !b->shut) {
		shutdown(b->fd, SHUT_WR);
		b->shut = true;
	}
	if (a->shut && b->shut)
		session_end(a->s, false);
}

/* Writes n bytes to b now and keeps the rest.  -1: b is broken. */
static int
side_write(struct side *b, const char *p, size_t n)
{
	ssize_t w = send(b->fd, p, n, MSG_NOSIGNAL);

	if (w == -1) {
		if (errno != EAGAIN && errno != EINTR)
			return (-1);
		w = 0;
	}
	if ((size_t)w == n)
		return (0);
	if ((b->rest = malloc(n - (size_t)w)) == NULL)
		return (-1);
	b->off = 0;
	b->len = n - (size_t)w;
	memcpy(b->rest, p + w, b->len);
	return (0);
}

static void
side_readable(struct side *a)
{
	struct side *b = peer_of(a);
	ssize_t n = recv(a->fd, chunk, sizeof(chunk), 0);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1 || (n > 0 && side_write(b, chunk, (size_t)n) == -1)) {
		session_end(a->s, true);
		return;
	}
	if (n > 0 && b->rest == NULL)
		return; /* the usual case changes nothing */
	if (n == 0) {
		a->eof = true;
		side_fin(a);
		if (a->s->dead)
			return;
	}
	side_watch(a);
	side_watch(b);
}

static void
side_writable(struct side *a)
{
	ssize_t w;

	if (a->rest == NULL)
		return;
	w = send(a->fd, a->rest + a->off, a->len - a->off, MSG_NOSIGNAL);
	if (w == -1) {
		if (errno != EAGAIN && errno != EINTR)
			session_end(a->s, true);
		return;
	}
	if ((a->off += (size_t)w) < a->len)
		return;
	free(a->rest);
	a->rest = NULL;
	side_fin(peer_of(a));
	if (a->s->dead)
		return;
	side_watch(a);
	side_watch(peer_of(a));
}

static void
pool_connected(struct session *s)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(s->pool.fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error != 0) {
		session_end(s, true);
		return;
	}
	s->connected = true;
	side_watch(&s->miner);
	side_watch(&s->pool);
}

static void
side_event(struct side *a, uint32_t events)
{
	if (a->s->dead)
		return;
	if (!a->s->connected) {
		if (a == &a->s->pool)
			pool_connected(a->s);
		else if (events & EPOLLERR)
			session_end(a->s, true);
		return;
	}
	if (events & EPOLLOUT)
		side_writable(a);
	if (a->s->dead)
		return;
	/* EPOLLHUP comes unasked, also while the other side is full. */
	if (!a->eof && peer_of(a)->rest == NULL &&
	    (events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
		side_readable(a);
	else if (a->eof && (events & EPOLLERR))
		session_end(a->s, true);
}

static int
side_init(struct side *a, struct session *s, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = a };
	int one = 1;

	a->s = s;
	a->fd = fd;
	a->events = events;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
}

static void
session_new(int miner)
{
	struct session *s = calloc(1, sizeof(*s));
	int pool = socket(pool_addr.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (s == NULL || pool == -1) {
		free(s);
		close(miner);
		if (pool != -1)
			close(pool);
		return;
	}
	if (side_init(&s->miner, s, miner, 0) == -1 ||
	    side_init(&s->pool, s, pool, EPOLLOUT) == -1 ||
	    (connect(pool, (struct sockaddr *)&pool_addr, pool_len) == -1 &&
		errno != EINPROGRESS))
		session_end(s, true);
}

/* Out of descriptors the listener is left alone until a session ends, so
 * that a level-triggered wait does not spin. */
static void
on_accept(void)
{
	int fd;

	for (int i = 0; i < ACCEPTS; i++) {
		fd = accept4(listener, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd != -1) {
			session_new(fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE)
			watch_listener(false);
		return;
	}
}

static void
loop(void)
{
	struct epoll_event ev[EVENTS];
	int n;

	for (;;) {
		if ((n = epoll_wait(ep, ev, EVENTS, -1)) == -1) {
			if (errno == EINTR)
				continue;
			err(1, "epoll_wait");
		}
		for (int i = 0; i < n; i++) {
			if (ev[i].data.ptr == NULL)
				on_accept();
			else
				side_event(ev[i].data.ptr, ev[i].events);
		}
		bury();
	}
}

static void
listen_on(const char *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int one = 1;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&sin, len) == -1 ||
	    listen(listener, 4096) == -1 ||
	    getsockname(listener, (struct sockaddr *)&sin, &len) == -1)
		err(1, "port %s", port);
	watch_listener(true);
	printf("ready %u\n", ntohs(sin.sin_port));
	fflush(stdout);
}

static void
pool_resolve(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *res;
	int rc;

	if ((rc = getaddrinfo(host, port, &hints, &res)) != 0)
		errx(1, "%s: %s", host, gai_strerror(rc));
	memcpy(&pool_addr, res->ai_addr, res->ai_addrlen);
	pool_len = res->ai_addrlen;
	freeaddrinfo(res);
}

int
main(int argc, char *argv[])
{
	struct rlimit rl;

	if (argc != 4)
		errx(1, "usage: floor LISTENPORT POOLHOST POOLPORT");
	/* Never outlive the benchmark that started us. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	if ((ep = epoll_create1(EPOLL_CLOEXEC)) == -1)
		err(1, "epoll_create1");
	pool_resolve(argv[2], argv[3]);
	listen_on(argv[1]);
	loop();
}
