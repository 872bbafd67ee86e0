/*
 * Where answers go: a writer for people, a writer for programs, behind one
 * table of functions.
 */
#ifndef HASHSCOPECTL_OUTPUT_H
#define HASHSCOPECTL_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "common/json.h"
#include "common/record.h"
#include "common/record_agent.h"
#include "common/record_alert.h"
#include "common/record_share.h"
#include "common/record_stat.h"
#include "hashscopectl/client.h"
#include "hashscopectl/table.h"

enum listing {
	LIST_SESSIONS,
	LIST_MESSAGES,
	LIST_PROCESSES,
	LIST_SHARES,
	LIST_WORKERS,
	LIST_JOBS,
	LIST_STATS,
	LIST_ALERTS,
	LIST_RELAYS,
	LIST_AGENTS,
	LIST_MONITOR /* messages, without an end */
};

#define SUMMARY_ALERTS 8

/* What show summary has gathered. */
struct summary {
	const struct client *client;
	struct stats relay, capture;
	char relay_error[256]; /* "" when its counters came */
	char capture_error[256];
	unsigned nalerts; /* that are active, the newest first */
	struct alert_rec alert[SUMMARY_ALERTS];
};

struct output {
	const struct writer *w;
	FILE *fp;
	bool colour;
	unsigned width; /* of the terminal; 0: it is none */
	int64_t now_us;
	/* The people's. */
	struct table table;
	/* The programs'. */
	struct json_out json;
	enum listing listing;
	bool first;
};

struct writer {
	/* A list: begin, items and flushes, end. */
	void (*begin)(struct output *, enum listing);
	/* n sessions at once: their ids are cut where they still differ. */
	void (*sessions)(struct output *, const struct session_rec *, size_t n);
	void (*message)(struct output *, const struct message_rec *);
	void (*process)(struct output *, const struct process_rec *);
	void (*share)(struct output *, const struct share_rec *);
	void (*worker)(struct output *, const struct worker_rec *);
	void (*job)(struct output *, const struct job_rec *);
	void (*stat)(struct output *, const struct stat_rec *);
	void (*alert)(struct output *, const struct alert_rec *);
	void (*relay)(struct output *, const struct nostr_relay_rec *);
	void (*agent)(struct output *, const struct agent_rec *);
	void (*flush)(struct output *);
	void (*end)(struct output *);
	/* One object. */
	void (*one_session)(struct output *, const struct session_rec *);
	/* share: what it submits, or NULL. */
	void (*one_message)(struct output *, const struct message_rec *,
	    const struct share_rec *share);
	void (*one_share)(struct output *, const struct share_rec *);
	void (*one_job)(struct output *, const struct job_rec *);
	void (*summary)(struct output *, const struct summary *);
	void (*config)(struct output *, const char *text, size_t len);
	/* Something was done; text is what was answered, maybe "". */
	void (*done)(struct output *, const char *text);
};

const struct writer *writer_text(void);
const struct writer *writer_json(void);

/* To stdout; colour when that is a terminal and NO_COLOR is not set. */
void output_init(struct output *, bool json, int64_t now_us);
/* Prints the object in o->json, safe for a terminal. */
void output_object(struct output *);
/* 0, or -1 when stdout took not everything. */
int output_finish(struct output *);

#endif
