/*
 * The handlers of route_table.c.
 */
#ifndef APID_GET_H
#define APID_GET_H

struct request;
struct query;

/* --- get_store.c --- */
void get_sessions(struct request *);
void get_session(struct request *);
void get_messages(struct request *);
void get_message(struct request *);
/* The filter of /api/messages, for exports too; -1: it was answered. */
int messages_filter(struct request *, struct query *);

/* --- get_system.c --- */
void get_health(struct request *);
void get_config(struct request *);
void get_processes(struct request *);
void get_pools(struct request *);
void get_metrics(struct request *);
void get_nostr(struct request *); /* what nostrd knows */
void get_me(struct request *);

/* --- act.c --- */
void act_session(struct request *); /* route's arg: the act */
void act_setting(struct request *); /* reads one */
void act_replay(struct request *);
void act_plain(struct request *);
void act_login(struct request *);
void act_logout(struct request *);

#endif
