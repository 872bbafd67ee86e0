/*
 * The handlers of route_table.c.
 */
#ifndef APID_GET_H
#define APID_GET_H

#include <stdbool.h>

struct request;
struct route;
struct query;

/* --- get_store.c --- */
void get_sessions(struct request *);
void get_session(struct request *);
void get_messages(struct request *);
void get_message(struct request *);
void get_shares(struct request *);
void get_share(struct request *);
void get_workers(struct request *);
void get_jobs(struct request *);
void get_job(struct request *);
void get_alerts(struct request *);
void get_stats(struct request *);
/* The filter of /api/messages, for exports too; -1: it was answered. */
int messages_filter(struct request *, struct query *);

/* --- get_system.c --- */
void get_health(struct request *);
void get_config(struct request *);
void get_processes(struct request *);
void get_pools(struct request *);
void get_metrics(struct request *);
void get_me(struct request *);

/* --- get_nostr.c --- */
void get_agents(struct request *);
void get_agent(struct request *);
void get_history(struct request *);
void get_relays(struct request *);

/* --- act.c --- */
/* route's arg: the act, and what goes with it. */
#define ACT_ARG(kind, on) ((unsigned)(kind) << 1 | (on))
/* Whether what a route does has its line in the audit log. */
bool act_is_audited(const struct route *);
void act_session(struct request *);
void act_setting(struct request *); /* reads what one set */
void act_replay(struct request *);
void act_agents(struct request *);
void act_plain(struct request *);

/* --- login.c --- */
void login_post(struct request *);
void login_out(struct request *);

#endif
