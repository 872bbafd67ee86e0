/*
 * What the files of the watches share.
 */
#ifndef CAPTURED_WATCH_INT_H
#define CAPTURED_WATCH_INT_H

#include "captured/watch.h"

#define NS_MS        UINT64_C(1000000)
#define NS_S         UINT64_C(1000000000)
#define NS_HOUR      (3600 * NS_S)
#define NS_DAY       (24 * NS_HOUR)

#define RECENT_JOBS  32 /* of a payer */
#define SCRIPTS      16 /* that are followed */
#define LEARN_BLOCKS 3  /* what stayed so long is expected to stay */
#define LEARN_JOBS   3  /* of one block, likewise */
#define ADOPT_BLOCKS 144
#define TIP_POOLS    4

_Static_assert(KEYED_KEY > 1 + ALERT_POOL + 1 + 129, "names do not fit");

/* What each thing that is kept begins with. */
struct thing {
	struct keyed_node node; /* its name: a letter, then whose it is */
	TAILQ_ENTRY(thing) entry;
	bool dirty;
};
TAILQ_HEAD(things, thing);

/* An output's script, and the part of the coinbase that it got last. */
struct script {
	uint64_t hash;
	double part;
};
struct scripts {
	unsigned n;
	unsigned blocks; /* in which they all stayed */
	unsigned jobs;   /* of the present block */
	struct script s[SCRIPTS];
};

/* Whom the jobs of a pool pay, for one user: solo pools pay each his own. */
struct payer {
	struct thing t;
	uint8_t prevhash[32];
	struct scripts usual;
	struct scripts other; /* while they are paid instead */
	bool swapped;
	unsigned nrecent;
	uint64_t recent[RECENT_JOBS]; /* keys of jobs that were looked at */
};

/* So many of something within an hour. */
struct tally {
	uint64_t since;
	uint32_t n;
};

struct pool {
	struct thing t;
	uint32_t chain;
	int64_t height;   /* the highest */
	uint64_t behind;  /* since when its jobs are lower; 0 they are not */
	double network;   /* difficulty of its chain; 0 not known */
	uint64_t strayed; /* since when it is another; 0 it is not */
	struct tally accepts, rejects;
};

struct worker {
	struct thing t;
	uint64_t last;  /* share */
	uint64_t saved; /* the last that is kept */
	bool silent;    /* said so */
	uint64_t window;
	uint32_t shares[2], rejected[2]; /* this half of it, and before */
};

/* A previous block that jobs were built on. */
struct tip {
	uint8_t hash[32];
	uint32_t chain;
	uint64_t first, last;     /* handed out */
	uint64_t compared;        /* with the others, last */
	uint64_t pool[TIP_POOLS]; /* by whom; hashes of names, 0 none */
	char by[ALERT_POOL];      /* who was first */
};

struct watch {
	struct watch_conf conf;
	struct alerts alerts;
	bool begun;
	bool set;         /* the configuration, once */
	uint64_t ts;      /* of the last message */
	uint64_t checked; /* on the watches' clock */
	uint64_t clock_saved, tips_saved;
	bool clock_dirty, tips_dirty;
	struct keyed pools, payers, workers;
	struct things changed;
	struct mbuf gone; /* names, each a byte string */
	uint32_t last_chain;
	unsigned ntips;
	struct tip tip[WATCH_TIPS];
	struct coinbase cb;
	struct mbuf out;
};

/* How long an alert stays after it was raised last; 0: until it is ended. */
uint64_t watch_hold(const struct watch *, enum alert_kind);
/* The alert's own view of an event; "" becomes none. */
struct alert_at watch_subject(const struct watch_at *);
void watch_touch(struct watch *, void *thing);
/* The thing of a letter and one or two names, made if there is none. */
void *watch_get(struct watch *, struct keyed *, char letter, const char *a,
    const char *b, bool *fresh);
/* The same, if there is one; its place in the order stays. */
void *watch_peek(struct keyed *, char letter, const char *a);
/* Its name as text, behind the letter. */
const char *watch_name(const void *thing);
struct pool *watch_pool(struct watch *, const char *name);
/* A user: what comes before the first dot. */
void watch_user(const char *worker, char out[129]);

/* --- watch_session.c --- */
/* A share was made at this difficulty; what shares are made at is usual. */
void session_difficulty(struct watch *, const struct alert_at *,
    struct watch_session *, double difficulty);
void session_waiting(struct watch *, const struct watch_at *,
    const struct alert_at *, unsigned waiting);

/* --- watch_pool.c --- */
void pool_answer(struct watch *, const struct watch_at *,
    const struct watch_judged *);
/* Other payouts are named: what was said of the former ones is over. */
void watch_reset_payers(struct watch *);
void payer_pack(const struct payer *, struct mbuf *);
void payer_unpack(struct payer *, struct mcur *);
void pool_pack(const struct pool *, struct mbuf *);
void pool_unpack(struct pool *, struct mcur *);

/* --- watch_chain.c --- */
/* A job of this pool is built on that block. */
void chain_told(struct watch *, struct pool *, const struct watch_at *,
    const struct work_job *);
/* The network's difficulty, in a job that was not seen before. */
void chain_network(struct watch *, struct pool *, const struct watch_at *,
    const struct work_job *);
/* Whether a pool's chain is in dispute. */
bool chain_disputed(struct watch *, const struct pool *);
void tips_pack(const struct watch *, struct mbuf *);
void tips_unpack(struct watch *, struct mcur *);

/* --- watch_worker.c --- */
void watch_check_workers(struct watch *);
/* Anything that needs them is on. */
bool watch_has_workers(const struct watch_conf *);
/* The configuration is another one. */
void watch_reset_workers(struct watch *, bool was_on);
bool worker_listed(const struct watch_conf *, const char *worker);
void worker_pack(const struct worker *, struct mbuf *);
void worker_unpack(struct worker *, struct mcur *);
/* Before it is forgotten. */
void worker_gone(struct watch *, struct worker *);

#endif
