/*
 * The transaction in which everything moves together: messages, sessions,
 * unfinished lines, and the watermark up to which relayd may forget.  And
 * what happens when it fails: nothing of it may ever reach the relay.
 *
 *	no space	what was collected is dropped and counted as gaps,
 *			copies are dropped until there is space again
 *	corrupt		the file is moved aside, all live sessions go into a
 *			new one
 *	anything else	tried again for a while, nothing is read meanwhile
 *			(relayd's ring holds it); then as without space
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captured/share.h"
#include "captured/watching.h"
#include "captured/worker.h"
#include "common/log.h"

#define BATCH_BYTES_MAX (2u << 20) /* collected; then it is written */
#define RETRY_NS        UINT64_C(100000000)
#define GIVE_UP_NS      UINT64_C(3000000000)
#define PAUSED_NS       UINT64_C(1000000000)

/* --- writing a session --- */

/*
 * A password in a line that is still half read must not reach the disk
 * either: its bytes so far are written anew, hidden.  The stars have the
 * same length, and the quote before them stays, so that what the rest of
 * the line says of it stays true.
 */
static int
write_hidden(struct ingest *in, struct session *s, unsigned d)
{
	const struct line_cut *cut = &s->flow[d].cut;
	struct stratum_range r[STRATUM_RANGES_MAX];
	size_t n, skip;

	n = stratum_redact_find(cut->buf, cut->len, r, STRATUM_RANGES_MAX);
	if (n == 0)
		return 0;
	memcpy(in->scratch, cut->buf, cut->len);
	for (size_t i = 0; i < n; i++) {
		skip = in->scratch[r[i].start] == '"';
		memset(in->scratch + r[i].start + skip, '*', r[i].len - skip);
	}
	return store_partial(in->store, s->sid, d, true, in->scratch,
		   cut->len) == -1 ?
	    -1 :
	    1;
}

static int
write_partial(struct ingest *in, struct session *s, unsigned d)
{
	const struct line_cut *cut = &s->flow[d].cut;
	struct line_state st;
	int r;

	if (s->whole)
		line_export(cut, &st);
	else if (!line_unsaved(cut, &st))
		return 0;
	/* Nothing was there and nothing is: the usual case. */
	if (st.add_len == 0 && (!st.fresh || cut->saved_len == 0))
		return 0;
	if (in->conf.redact && d == 0 && cut->len > 0) {
		r = write_hidden(in, s, d);
		if (r != 0)
			return r == -1 ? -1 : 0;
	}
	return store_partial(in->store, s->sid, d, st.fresh, st.add,
	    st.add_len);
}

static int
write_session(struct ingest *in, struct session *s)
{
	struct store_session row = { .sid = s->sid, .number = s->number };

	session_pack(s, &in->state);
	if (in->state.bad)
		return -1;
	memcpy(row.epoch, in->mark.epoch, sizeof(row.epoch));
	row.rec = s->rec;
	s->rates_going = s->facts ||
	    s->rec.account.rates.last_us / RATES_STEP_US !=
		s->rates_us / RATES_STEP_US;
	row.rates = s->rates_going;
	row.state = in->state.data;
	row.state_len = (uint32_t)in->state.len;
	if (store_session(in->store, &row, s->facts) == -1)
		return -1;
	if (s->ended)
		return 0;
	if (share_write(in, s) == -1)
		return -1;
	return write_partial(in, s, 0) == -1 || write_partial(in, s, 1) == -1 ?
	    -1 :
	    0;
}

static int
write_all(struct ingest *in)
{
	struct session *s;

	if (store_begin(in->store) == -1 || workers_write(in) == -1 ||
	    watching_write(in) == -1)
		return -1;
	TAILQ_FOREACH(s, &in->sessions.dirty, changed)
		if (write_session(in, s) == -1) {
			store_rollback(in->store);
			return -1;
		}
	return store_commit(in->store, &in->mark);
}

/* It is on the disk. */
static void
settle(struct ingest *in)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&in->sessions.dirty)) != NULL) {
		TAILQ_REMOVE(&in->sessions.dirty, s, changed);
		s->dirty = s->facts = s->whole = false;
		share_settle(s);
		if (s->rates_going) {
			s->rates_us = s->rec.account.rates.last_us;
			s->rec.account.open = 0;
		}
		for (unsigned d = 0; d < 2; d++) {
			line_mark(&s->flow[d].cut);
			s->flow[d].batch_rows = 0;
			s->flow[d].batch_bytes = 0;
		}
		if (s->ended)
			sessions_remove(&in->sessions, s);
	}
	workers_settle(in);
	watching_settle(in);
	in->changed = false;
}

/* --- when it cannot be written --- */

/* Positions above `last` were not written: nobody waits for them. */
static void
forget_above(struct flow *f, uint64_t last)
{
	struct unsent_list *l = &f->unsent;

	while (pair_newest(&f->pair) > last)
		pair_pop(&f->pair);
	while (l->n > 0 && l->e[l->head + l->n - 1].pos > last)
		l->n--;
	if (l->n == 0)
		unsent_clear(l);
}

/* The collected messages are given up: a gap in each session of theirs. */
static void
drop_collected(struct ingest *in)
{
	uint64_t last = store_committed(in->store);
	struct session *s;
	struct flow *f;

	in->n.dropped += store_drop(in->store);
	TAILQ_FOREACH(s, &in->sessions.dirty, changed) {
		for (unsigned d = 0; d < 2; d++) {
			f = &s->flow[d];
			forget_above(f, last);
			if (f->batch_rows == 0)
				continue;
			s->rec.gaps++;
			s->rec.gap_bytes += f->batch_bytes;
			in->n.gaps++;
			in->n.gap_bytes += f->batch_bytes;
			f->batch_rows = 0;
			f->batch_bytes = 0;
			f->after_gap = true;
		}
		share_forget_above(s, last);
		ingest_forget_pairs(in, s);
	}
}

void
ingest_pause(struct ingest *in, const char *why)
{
	if (in->phase == INGEST_PAUSED)
		return;
	in->phase = INGEST_PAUSED;
	in->retry_ns = clock_ns() + PAUSED_NS;
	in->paused_bytes = in->n.dropped_bytes;
	in->paused_rows = in->n.dropped;
	log_warnx("capture stops: %s; mining is not touched, messages are not "
		  "stored until that is over",
	    why);
	watching_paused(in, why);
}

/* Space is back, and the last try to write did not fail. */
static void
try_resume(struct ingest *in)
{
	if (in->phase != INGEST_PAUSED || in->failing_ns != 0 ||
	    !store_writable(in->store))
		return;
	in->phase = INGEST_OK;
	log_warnx("capture goes on; %llu messages and %llu bytes were not "
		  "stored",
	    (unsigned long long)(in->n.dropped - in->paused_rows),
	    (unsigned long long)(in->n.dropped_bytes - in->paused_bytes));
	watching_resumed(in);
}

/* A new file; what is known of the live sessions goes into it. */
static int
recover(struct ingest *in)
{
	char moved[CONF_PATH + 64], why[256];
	struct session *s;

	snprintf(why, sizeof(why), "%s", store_error(in->store));
	drop_collected(in);
	if (store_recover(in->store, moved, sizeof(moved)) == -1) {
		log_warnx("the store is corrupt (%s) and cannot be replaced: "
			  "%s",
		    why, store_error(in->store));
		return -1;
	}
	log_warnx("ALERT: the store is corrupt (%s); moved to %s, and a new "
		  "one begun",
	    why, moved);
	in->n.recovered++;
	workers_rewrite(in);
	watching_rewrite(in);
	watching_damaged(in, moved);
	TAILQ_FOREACH(s, &in->sessions.all, all) {
		s->facts = s->whole = s->verify_whole = true;
		session_dirty(&in->sessions, s);
		share_jobs_again(in, s);
		for (unsigned d = 0; d < 2; d++) {
			pair_clear(&s->flow[d].pair);
			unsent_clear(&s->flow[d].unsent);
			s->flow[d].after_gap = true;
		}
	}
	if (in->on_reset != NULL)
		in->on_reset(in->arg);
	return 0;
}

/* Any error but lack of space and corruption: it may pass. */
static void
try_later(struct ingest *in)
{
	uint64_t now = clock_ns();

	if (in->phase == INGEST_PAUSED)
		return;
	if (in->failing_ns == 0) {
		in->failing_ns = now;
		log_warnx("the store: %s; trying again",
		    store_error(in->store));
	}
	if (now - in->failing_ns >= GIVE_UP_NS) {
		drop_collected(in);
		ingest_pause(in, store_error(in->store));
		return;
	}
	in->phase = INGEST_RETRY;
	in->retry_ns = now + RETRY_NS;
}

/* True: worth a second try at once. */
static bool
failed(struct ingest *in)
{
	in->n.commits_failed++;
	switch (store_errno(in->store)) {
	case STORE_FULL:
		drop_collected(in);
		ingest_pause(in, "no space is left for the store");
		return true;
	case STORE_CORRUPT:
		return recover(in) == 0;
	case STORE_OK:
	case STORE_IO:
	case STORE_BUG:
	default:
		try_later(in);
		return false;
	}
}

static void
committed(struct ingest *in, uint64_t start, unsigned rows)
{
	uint64_t us = (clock_ns() - start) / 1000;

	settle(in);
	in->n.commits++;
	in->n.committed += rows;
	in->n.last_commit_rows = rows;
	in->n.last_commit_us = us;
	if (us > in->n.max_commit_us)
		in->n.max_commit_us = us;
	if (in->phase == INGEST_RETRY) {
		in->phase = INGEST_OK;
		log_info("the store works again; nothing was lost");
	}
	in->failing_ns = 0;
	try_resume(in);
}

int
ingest_commit(struct ingest *in)
{
	uint64_t start;
	unsigned rows;

	start = clock_ns();
	rows = store_batch_rows(in->store);
	in->retry_ns = start + PAUSED_NS;
	if (!in->changed && rows == 0) {
		try_resume(in);
		return 0;
	}
	if (write_all(in) == -1) {
		if (!failed(in))
			return -1;
		rows = store_batch_rows(in->store);
		if (write_all(in) == -1) {
			in->n.commits_failed++;
			try_later(in);
			return -1;
		}
	}
	committed(in, start, rows);
	return 0;
}

bool
ingest_ready(const struct ingest *in)
{
	return in->phase != INGEST_RETRY || clock_ns() >= in->retry_ns;
}

bool
ingest_due(const struct ingest *in, uint64_t now)
{
	if (in->phase != INGEST_OK)
		return now >= in->retry_ns;
	if (!in->changed)
		return false;
	return store_batch_rows(in->store) >= in->conf.commit_rows ||
	    store_batch_bytes(in->store) >= BATCH_BYTES_MAX ||
	    now - in->changed_ns >= in->conf.commit_ms * UINT64_C(1000000);
}

uint64_t
ingest_acked(const struct ingest *in)
{
	const struct store_mark *mark = store_mark(in->store);

	/* While copies are dropped, relayd need not hold them either. */
	if (in->phase == INGEST_PAUSED)
		return in->mark.seq;
	return memcmp(mark->epoch, in->mark.epoch, 16) == 0 ? mark->seq : 0;
}
