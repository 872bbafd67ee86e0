/*
 * The map of hashscope-agent: shares come from Nostr and are submitted to one
 * pool, which stands in its own configuration and nowhere else.
 *
 *	agent_main.c	options, start, the end
 *	agent_conf.c	the configuration, its file and its variables
 *	agent_child.c	two children: the signer, the resolver
 *	agent_intake.c	what is believed of what relays send
 *	agent_relay.c	the relays: shares in, telemetry out
 *	agent_pool.c	the connection to the pool, submits
 *	agent_mine.c	shares of its own
 *	agent_stats.c	counters, rates, latency, the report
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/answer.h"
#include "common/nostr_frame.h"
#include "common/nostr_publish.h"
#include "common/nostr_share.h"
#include "common/nostr_ws.h"
#include "common/poolclient.h"
#include "common/record_agent.h"

#define AGENT_RELAYS 8
#define AGENT_TRUST  16

/* What a share of our own is meant to be. */
enum mine_kind {
	MINE_VALID,
	MINE_STALE,
	MINE_DUPLICATE,
	MINE_LOW,
	MINE_MALFORMED,
	MINE_KINDS
};

struct agent_conf {
	bool mine; /* else: what the events say */
	uint32_t mix[MINE_KINDS];
	char pool_host[256];
	uint16_t pool_port;
	char worker[129], password[129];
	bool authorized;
	char relay[AGENT_RELAYS][256];
	unsigned nrelays;
	uint8_t trust[AGENT_TRUST][32];
	unsigned ntrust;
	char run[65], id[AGENT_ID_MAX + 1];
	char key[256], ca[256], report[256];
	char group[256]; /* file of the group's secret key; "" none */
	bool encrypted;
	uint8_t conversation[AGENT_TRUST][32]; /* with each publisher */
	char secret[128];                      /* NOSTR_SK */
	uint64_t rate;                         /* submits a second */
	uint64_t total;                        /* 0: without a bound */
	uint64_t repeat; /* most that one share is submitted */
	uint64_t queue;  /* shares that may wait */
	uint64_t telemetry_ms, answer_ms, retry_ms, retry_max_ms;
	uint64_t kind_share, kind_batch, kind_telemetry, kind_control;
};

/* 0, or -1 when something was wrong, which has been said on stderr; whole:
 * also when something is missing. */
int agent_conf_read(struct agent_conf *, const char *path, char *const envp[],
    bool whole);

/* --- agent_intake.c: pure --- */

enum intake_fault {
	INTAKE_OK,
	INTAKE_MALFORMED,
	INTAKE_FOREIGN, /* kind, run, tags */
	INTAKE_STRANGER,
	INTAKE_TIME, /* old, of the future, expired */
	INTAKE_FORGED,
	INTAKE_REPEATED,
	INTAKE_FAULTS
};

struct intake;

struct intake_ops {
	/* A share that was not had before. */
	void (*share)(void *arg, const struct nostr_share *);
	/* The operator's word: stop, or go on. */
	void (*control)(void *arg, bool stop);
};

/* started_s: nothing of before is believed. */
struct intake *intake_new(const struct agent_conf *, int64_t started_s,
    const struct intake_ops *, void *arg);
void intake_free(struct intake *);
/* The event at node of the tree; what was wrong with it. */
enum intake_fault intake_event(struct intake *, const struct jtree *,
    uint32_t node, int64_t now_s);
uint64_t intake_refused(const struct intake *);
/* What to subscribe to. */
void intake_filter(const struct intake *, struct nostr_filter *);

/* --- agent_stats.c: pure --- */

#define STATS_BUCKETS 1024
struct agent_stats {
	uint64_t received; /* share events, as the original counts */
	uint64_t attempted, accepted, rejected, unanswered, dropped;
	uint64_t refused;    /* events */
	uint64_t last_us;    /* latency; 0 none */
	uint64_t second[61]; /* submits of each of the last seconds */
	uint64_t second_of[61];
	uint64_t bucket[STATS_BUCKETS]; /* of latency */
	uint64_t answers;
	uint64_t reason[ANSWER_REASONS];
	/* Of our own shares. */
	uint64_t made[MINE_KINDS], took[MINE_KINDS], wrong[MINE_KINDS];
	uint64_t late; /* valid ones whose job was withdrawn on their way */
};

void stats_submit(struct agent_stats *, uint64_t now_s);
void stats_answer(struct agent_stats *, uint64_t us);
/* Submits a second over the last n ≤ 60 whole seconds. */
double stats_rate(const struct agent_stats *, uint64_t now_s, unsigned n);
/* The latency that a part (0…1) of the answers did not exceed, µs; 0 none.
 * To 2 %. */
uint64_t stats_percentile(const struct agent_stats *, double part);
void stats_fill(const struct agent_stats *, uint64_t now_s, struct agent_rec *);
/* For people, and as JSON. */
void stats_report(const struct agent_stats *, const struct agent_conf *,
    double seconds, FILE *text, FILE *json);

/* --- agent_mine.c: pure --- */

/* The version bits that it asks to roll: BIP 320's. */
#define MINE_VERSION_MASK 0x1fffe000u

struct miner;
const char *mine_kind_name(unsigned);
struct miner *miner_new(const struct agent_conf *);
void miner_free(struct miner *);
/* A new session: nothing of the old holds. */
void miner_reset(struct miner *);
/* Something that the pool said; facts have it. */
void miner_notice(struct miner *, const struct poolclient_facts *,
    const char *method, const struct jtree *, uint32_t params);
/* Looks for the next share with at most so many hashes: 1 and its parameters,
 * or 0, not yet. */
int miner_next(struct miner *, unsigned hashes, char out[NOSTR_PARAMS_MAX],
    enum mine_kind *);
/* Grows when jobs are withdrawn. */
uint64_t miner_generation(const struct miner *);

/* --- the process --- */

struct pool;
struct feed;

struct agent {
	struct agent_conf conf;
	struct event_base *base;
	struct agent_stats stats;
	struct intake *intake;
	struct pool *pool;
	struct feed *feed;
	struct ipc *resolver;
	uint32_t resolve_id;
	struct signer_link *signer;
	struct event *signals[3];
	uint64_t began_ms;
	bool stopped; /* by the kill switch */
	bool ending;
	FILE *report;
};

uint64_t agent_now_ms(void);
uint64_t agent_now_ns(void);
int64_t agent_real_us(void);
/* The run is over: the report, and the end. */
void agent_end(struct agent *);
/* Asks for a name's addresses; 0: nobody is there. */
uint32_t agent_resolve(struct agent *, const char *host);
void agent_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- agent_child.c --- */
/* Forks it: its pid, and our end of the channel; -1. */
pid_t child_signer(struct agent *, const uint8_t secret[32], int *fd);
pid_t child_resolver(struct agent *, int *fd);
/* Our own rights go. */
int child_drop(unsigned promises);

/* --- agent_pool.c --- */
struct pool *pool_new(struct agent *);
void pool_free(struct pool *);
void pool_share(struct pool *, const struct nostr_share *);
/* The queue is thrown away. */
void pool_stop(struct pool *);
void pool_resolved(struct pool *, uint32_t id, struct mcur *, unsigned n,
    const char *why);
enum agent_state pool_state(const struct pool *);
const char *pool_error(const struct pool *);

/* --- agent_relay.c --- */
struct feed *feed_new(struct agent *, const void *ca, size_t calen);
void feed_start(struct feed *);
void feed_free(struct feed *);
void feed_resolved(struct feed *, uint32_t id, struct mcur *, unsigned n,
    const char *why);

#endif
