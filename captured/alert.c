/*
 * See alert.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captured/alert.h"
#include "common/utf8.h"

void
alerts_init(struct alerts *a)
{
	memset(a, 0, sizeof(*a));
	TAILQ_INIT(&a->active);
	TAILQ_INIT(&a->over);
	a->next_id = 1;
}

static void
clear_list(struct alert_list *l)
{
	struct alert *x;

	while ((x = TAILQ_FIRST(l)) != NULL) {
		TAILQ_REMOVE(l, x, entry);
		free(x);
	}
}

void
alerts_clear(struct alerts *a)
{
	clear_list(&a->active);
	clear_list(&a->over);
	alerts_init(a);
}

bool
alert_by_session(enum alert_kind kind)
{
	return kind == ALERT_DIFFICULTY || kind == ALERT_UNANSWERED;
}

static bool
same_text(const char *have, const char *want)
{
	return strcmp(have, want == NULL ? "" : want) == 0;
}

struct alert *
alert_find(const struct alerts *a, enum alert_kind kind,
    const struct alert_at *at)
{
	struct alert *x;

	if (a->of_kind[kind] == 0)
		return NULL;
	TAILQ_FOREACH(x, &a->active, entry) {
		if (x->rec.kind != kind || !same_text(x->rec.pool, at->pool) ||
		    !same_text(x->rec.worker, at->worker))
			continue;
		if (!alert_by_session(kind) ||
		    (at->session != NULL &&
			memcmp(x->rec.session, at->session, 16) == 0))
			return x;
	}
	return NULL;
}

static void
insert(struct alerts *a, struct alert *x)
{
	TAILQ_INSERT_TAIL(&a->active, x, entry);
	a->n++;
	a->of_kind[x->rec.kind]++;
}

static void
copy(char *dst, size_t size, const char *src)
{
	if (src != NULL)
		snprintf(dst, size, "%s", src);
}

static struct alert *
begin(struct alerts *a, enum alert_kind kind, const struct alert_at *at)
{
	struct alert *x;

	if (a->n >= ALERTS_MAX || a->of_kind[kind] >= ALERTS_KIND_MAX ||
	    (x = calloc(1, sizeof(*x))) == NULL) {
		a->dropped++;
		return NULL;
	}
	x->rec.id = a->next_id++;
	x->rec.kind = (uint8_t)kind;
	x->rec.severity = (uint8_t)alert_kind_severity(kind);
	x->rec.first_us = a->real_us;
	x->rec.pos = at->pos;
	copy(x->rec.pool, sizeof(x->rec.pool), at->pool);
	copy(x->rec.worker, sizeof(x->rec.worker), at->worker);
	if (at->session != NULL) {
		x->rec.has_session = true;
		memcpy(x->rec.session, at->session, 16);
	}
	x->news = true;
	insert(a, x);
	a->started++;
	return x;
}

/* A cut may have left half a character. */
static void
trim_utf8(char *s)
{
	size_t len = strlen(s);

	while (len > 0 && !utf8_valid(s, len))
		s[--len] = '\0';
}

struct alert *
alert_raise(struct alerts *a, enum alert_kind kind, const struct alert_at *at,
    uint64_t hold, const char *fmt, ...)
{
	struct alert *x = alert_find(a, kind, at);
	va_list ap;

	if (x == NULL) {
		if ((x = begin(a, kind, at)) == NULL)
			return NULL;
		va_start(ap, fmt);
		vsnprintf(x->rec.text, sizeof(x->rec.text), fmt, ap);
		va_end(ap);
		trim_utf8(x->rec.text);
	}
	x->rec.last_us = a->real_us;
	x->rec.count++;
	x->seen = a->now;
	x->hold = hold;
	x->dirty = true;
	return x;
}

void
alert_end(struct alerts *a, struct alert *x)
{
	if (x == NULL)
		return;
	x->rec.ended_us = a->real_us != 0 ? a->real_us : x->rec.last_us;
	if (x->rec.ended_us == 0)
		x->rec.ended_us = 1;
	x->dirty = true;
	TAILQ_REMOVE(&a->active, x, entry);
	a->n--;
	a->of_kind[x->rec.kind]--;
	TAILQ_INSERT_TAIL(&a->over, x, entry);
	a->ended++;
}

void
alerts_expire(struct alerts *a)
{
	struct alert *x, *next;

	for (x = TAILQ_FIRST(&a->active); x != NULL; x = next) {
		next = TAILQ_NEXT(x, entry);
		if (x->hold != 0 && a->now - x->seen >= x->hold)
			alert_end(a, x);
	}
}

int
alert_restore(struct alerts *a, const struct alert_rec *rec, uint64_t hold)
{
	struct alert *x;

	if (rec->kind >= ALERT_KINDS || a->n >= ALERTS_MAX)
		return 0;
	if ((x = calloc(1, sizeof(*x))) == NULL)
		return -1;
	x->rec = *rec;
	x->seen = a->now;
	x->hold = hold;
	insert(a, x);
	return 0;
}

void
alert_forget(struct alerts *a, struct alert *x)
{
	TAILQ_REMOVE(&a->over, x, entry);
	free(x);
}
