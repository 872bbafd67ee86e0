/*
 * The start and the end: taking up from the store what another captured
 * left there, so that nobody can tell that it was away.
 */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captured/map.h"
#include "captured/share.h"
#include "captured/store_setting.h"
#include "captured/watching.h"
#include "captured/worker.h"
#include "common/log.h"

/* Sessions by the store's number, while items are taken up. */
struct by_sid {
	uint64_t sid;
	struct session *s;
};

struct restoring {
	struct ingest *in;
	struct map by_sid;
};

/* What of a miner's first bytes is in its first, unfinished line. */
static void
restore_first(struct session *s)
{
	const struct line_cut *cut = &s->flow[0].cut;

	if (s->decided || cut->off == 0)
		return;
	if (cut->start != 0 || cut->len == 0 || cut->len > STRATUM_FIRST_MAX ||
	    (s->first = malloc(STRATUM_FIRST_MAX)) == NULL) {
		s->decided = true;
		return;
	}
	memcpy(s->first, cut->buf, cut->len);
	s->first_len = (uint16_t)cut->len;
}

static int
restore_session(void *arg, const struct store_session *row)
{
	struct restoring *re = arg;
	struct ingest *in = re->in;
	struct by_sid *ref = map_put(&re->by_sid, row->sid);
	struct session *s;

	s = ref == NULL ? NULL :
			  sessions_add(&in->sessions, row->number, row->sid);
	if (s == NULL)
		return -1;
	ref->s = s;
	s->rec = row->rec;
	if (session_unpack(s, row) == -1) {
		s->rec.gaps++;
		in->n.gaps++;
	}
	restore_first(s);
	return share_restore(in, s);
}

/* The first byte is the direction, then what put it there has packed. */
static int
restore_item(void *arg, uint64_t sid, enum store_item kind, uint64_t pos,
    const void *data, size_t len)
{
	struct restoring *re = arg;
	const struct by_sid *ref = map_get(&re->by_sid, sid);
	const uint8_t *p = data;
	uint64_t end, dropped;
	struct flow *f;

	if (ref == NULL || len < 1 || p[0] > 1)
		return 0;
	f = &ref->s->flow[p[0]];
	if (kind == ITEM_UNANSWERED) {
		pair_unpack(&f->pair, pos, p + 1, len - 1);
	} else if (kind == ITEM_UNSENT && len == 9) {
		memcpy(&end, p + 1, 8);
		unsent_push(&f->unsent, pos, end, &dropped);
	} else if (kind == ITEM_JOB) {
		share_restore_job(re->in, ref->s, pos, p, len);
	}
	return 0;
}

static int
restore(struct ingest *in)
{
	struct restoring re = { .in = in };
	int r;

	map_init(&re.by_sid, sizeof(struct by_sid));
	r = store_load_sessions(in->store, restore_session, &re);
	if (r == 0)
		r = store_load_items(in->store, restore_item, &re);
	share_restored(in);
	map_free(&re.by_sid);
	return r;
}

static void
release(struct ingest *in)
{
	sessions_clear(&in->sessions);
	watching_close(in);
	settings_free(&in->settings);
	shares_close(in);
	stratum_parser_free(in->parser);
	free(in->scratch);
	mbuf_free(&in->state);
	store_close(in->store);
	memset(in, 0, sizeof(*in));
}

int
ingest_open(struct ingest *in, const struct capture_conf *conf, char *err,
    size_t errlen)
{
	char moved[CONF_PATH + 64];

	memset(in, 0, sizeof(*in));
	sessions_init(&in->sessions);
	settings_init(&in->settings);
	in->settings.broadcast = conf->broadcast;
	mbuf_init(&in->state);
	in->conf = *conf;
	in->parser = stratum_parser_new();
	in->scratch = malloc(LINE_KEEP);
	if (watching_open(in) == -1 || shares_open(in) == -1 ||
	    in->parser == NULL || in->scratch == NULL) {
		snprintf(err, errlen, "out of memory");
		goto fail;
	}
	if (store_open(&in->store, conf, moved, sizeof(moved), err, errlen) ==
	    -1)
		goto fail;
	if (moved[0] != '\0')
		log_warnx("ALERT: the store was not sound; moved to %s, and a "
			  "new one begun",
		    moved);
	if (restore(in) == -1 || watching_restore(in) == -1 ||
	    store_load_settings(in->store, &in->settings) == -1) {
		snprintf(err, errlen, "%s", store_error(in->store));
		goto fail;
	}
	in->mark = *store_mark(in->store);
	in->first_committed = in->last_pos = store_committed(in->store);
	/* Whoever followed them does so no more, or says it again. */
	workers_unfollow(in);
	workers_apply(in);
	if (moved[0] != '\0')
		watching_damaged(in, moved);
	return 0;
fail:
	release(in);
	return -1;
}

void
ingest_close(struct ingest *in)
{
	if (in->store != NULL)
		ingest_commit(in);
	release(in);
}

void
ingest_conf(struct ingest *in, const struct capture_conf *conf)
{
	in->conf = *conf;
	in->settings.broadcast = conf->broadcast;
	if (in->store == NULL)
		return;
	store_conf(in->store, conf);
	workers_apply(in);
}

static uint64_t
file_bytes(const struct ingest *in)
{
	char path[CONF_PATH + 32];
	struct stat sb;

	snprintf(path, sizeof(path), "%s/%s", in->conf.dir, STORE_FILE);
	return stat(path, &sb) == -1 ? 0 : (uint64_t)sb.st_size;
}

void
ingest_stats(const struct ingest *in, struct stats *st)
{
	const struct ingest_count *n = &in->n;
	uint64_t now = clock_ns();
	const struct {
		const char *name;
		uint64_t value;
	} all[] = {
		{ "messages_seen", n->seen },
		{ "messages_committed", n->committed },
		{ "messages_dropped", n->dropped },
		{ "bytes", n->bytes },
		{ "bytes_dropped", n->dropped_bytes },
		{ "parse_errors", n->parse_errors },
		{ "gaps", n->gaps },
		{ "gap_bytes", n->gap_bytes },
		{ "skipped_bytes", n->skipped },
		{ "lines_truncated", n->truncated },
		{ "lines_blank", n->blank },
		{ "sessions_seen", n->sessions },
		{ "sessions_live", in->sessions.live },
		{ "unanswered_dropped", n->pair_dropped },
		{ "shares", n->shares },
		{ "shares_disputed", n->disputed },
		{ "shares_accepted", n->accepted },
		{ "shares_rejected", n->rejected },
		{ "jobs_known", work_store_jobs(in->jobs) },
		{ "jobs_bytes", work_store_bytes(in->jobs) },
		{ "commits", n->commits },
		{ "commits_failed", n->commits_failed },
		{ "last_commit_us", n->last_commit_us },
		{ "last_commit_rows", n->last_commit_rows },
		{ "max_commit_us", n->max_commit_us },
		{ "tap.seq", in->mark.seq },
		{ "tap.acked", ingest_acked(in) },
		{ "tap.idle_us",
		    in->last_ts == 0 ? 0 : (now - in->last_ts) / 1000 },
		{ "tap.lag_us", n->lag_us },
		{ "tap.unknown", n->unknown },
		{ "tap.malformed", n->malformed },
		{ "tap.lost_bytes", n->relay_lost },
		{ "store.paused", in->phase == INGEST_PAUSED },
		{ "store.failing", in->failing_ns != 0 },
		{ "store.recovered", n->recovered },
		{ "store.bytes", file_bytes(in) },
		{ "store.wal_bytes", store_wal_bytes(in->store) },
		{ "positions.last", in->last_pos },
		{ "positions.committed", store_committed(in->store) },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		stats_add(st, all[i].name, all[i].value);
	watching_stats(in, st);
	store_stats(in->store, st);
}
