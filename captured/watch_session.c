/*
 * Where a pool sends its miners, the difficulty that it asks of a session,
 * and the answers that it owes one.
 */
#include <string.h>
#include <strings.h>

#include "captured/watch_int.h"

/* The last labels of a name that belong to one owner: two, or three below
 * something like co.uk. */
static const char *
domain_of(const char *host)
{
	const char *dot[4] = { NULL };
	unsigned n = 0, keep = 2;
	const char *p;

	for (p = host + strlen(host); p > host && n < 4; p--)
		if (p[-1] == '.')
			dot[n++] = p;
	if (n >= 2 && strlen(dot[0]) == 2 && dot[0] - dot[1] <= 4)
		keep = 3;
	return n >= keep ? dot[keep - 1] : host;
}

static bool
is_address(const char *host)
{
	return strchr(host, ':') != NULL ||
	    host[strspn(host, "0123456789.")] == '\0';
}

static bool
same_domain(const char *a, const char *b)
{
	if (strcasecmp(a, b) == 0)
		return true;
	return !is_address(a) && !is_address(b) &&
	    strcasecmp(domain_of(a), domain_of(b)) == 0;
}

/* host is name, or beneath it. */
static bool
is_beneath(const char *host, const char *name)
{
	size_t nh = strlen(host), nn = strlen(name);

	return nh >= nn && strcasecmp(host + nh - nn, name) == 0 &&
	    (nh == nn || (host[nh - nn - 1] == '.' && !is_address(name)));
}

/* peer is "address:port", "[address]:port". */
static bool
is_peer(const char *peer, const char *host)
{
	size_t n = strlen(host);

	peer += peer[0] == '[';
	return n > 0 && strncasecmp(peer, host, n) == 0 &&
	    (peer[n] == ':' || peer[n] == ']');
}

void
watch_reconnect(struct watch *w, const struct watch_at *at,
    const char *pool_host, const char *peer, const char *host)
{
	struct alert_at who = watch_subject(at);

	if (!w->conf.reconnect || host[0] == '\0' ||
	    same_domain(host, pool_host) || is_peer(peer, host))
		return;
	for (unsigned i = 0; i < w->conf.reconnects.n; i++)
		if (is_beneath(host, w->conf.reconnects.name[i]))
			return;
	/* However many miners are sent there. */
	who.worker = NULL;
	alert_raise(&w->alerts, ALERT_RECONNECT, &who,
	    watch_hold(w, ALERT_RECONNECT),
	    "%s sends miners to %s, which is not its own: they would mine "
	    "there and HashScope would see no more of them. Ask the pool; if "
	    "it does not know, point the miners elsewhere. If it is right, "
	    "name the host in reconnect-to.",
	    at->pool, host);
}

void
watch_difficulty(struct watch *w, const struct watch_at *at,
    struct watch_session *s, double difficulty)
{
	struct alert_at who = watch_subject(at);
	bool jumped = w->conf.difficulty != 0 && s->shares >= 16 &&
	    difficulty > s->usual * w->conf.difficulty;

	if (!jumped) {
		alert_end(&w->alerts,
		    alert_find(&w->alerts, ALERT_DIFFICULTY, &who));
		return;
	}
	alert_raise(&w->alerts, ALERT_DIFFICULTY, &who,
	    watch_hold(w, ALERT_DIFFICULTY),
	    "%s asks of %s for difficulty %.6g, %.0f times what it was mining "
	    "at: hardly a share will pass. Look at the pool's settings for "
	    "this worker, or let the miner connect again.",
	    at->pool, at->worker, difficulty, difficulty / s->usual);
}

/* What shares are made at becomes usual; a jump that lasts, too. */
void
session_difficulty(struct watch *w, const struct alert_at *who,
    struct watch_session *s, double difficulty)
{
	if (difficulty <= 0)
		return;
	if (s->shares++ == 0)
		s->usual = difficulty;
	s->usual += (difficulty - s->usual) / 16;
	if (w->alerts.of_kind[ALERT_DIFFICULTY] > 0 &&
	    difficulty <= s->usual * w->conf.difficulty)
		alert_end(&w->alerts,
		    alert_find(&w->alerts, ALERT_DIFFICULTY, who));
}

void
session_waiting(struct watch *w, const struct watch_at *at,
    const struct alert_at *who, unsigned waiting)
{
	unsigned most = w->conf.unanswered;

	if (most != 0 && waiting >= most)
		alert_raise(&w->alerts, ALERT_UNANSWERED, who,
		    watch_hold(w, ALERT_UNANSWERED),
		    "%u submits of %s wait for an answer of %s: the pool "
		    "takes them and says nothing. If it does not recover, "
		    "disconnect the session, and the miner tries again.",
		    waiting, at->worker, at->pool);
	else if (w->alerts.of_kind[ALERT_UNANSWERED] > 0 && waiting <= most / 2)
		alert_end(&w->alerts,
		    alert_find(&w->alerts, ALERT_UNANSWERED, who));
}

void
watch_session_end(struct watch *w, const struct watch_at *at)
{
	static const enum alert_kind kinds[] = { ALERT_DIFFICULTY,
		ALERT_UNANSWERED };
	struct alert *x, *next;

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (w->alerts.of_kind[kinds[i]] == 0)
			continue;
		for (x = TAILQ_FIRST(&w->alerts.active); x != NULL; x = next) {
			next = TAILQ_NEXT(x, entry);
			if (x->rec.kind == kinds[i] &&
			    memcmp(x->rec.session, at->session, 16) == 0)
				alert_end(&w->alerts, x);
		}
	}
}
