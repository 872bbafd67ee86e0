/*
 * What the commands of hashscopectl share.
 */
#ifndef HASHSCOPECTL_CTL_H
#define HASHSCOPECTL_CTL_H

#include "common/act.h"
#include "hashscopectl/client.h"
#include "hashscopectl/grammar.h"
#include "hashscopectl/output.h"

enum exit_code {
	EXIT_OK = 0,
	EXIT_NO = 1,    /* the answer is no, not found, failed */
	EXIT_USAGE = 2, /* not understood */
	EXIT_AWAY = 3,  /* HashScope cannot be reached */
};

struct ctl {
	struct client client;
	struct output out;
	struct command cmd;
};

/* The program. */
int ctl_main(int argc, char *argv[]);

/* To stderr, with untrusted text escaped.  Return their exit code. */
int ctl_no(const char *text);
int ctl_away(const struct ctl *);

/* Rows of an answer, kept until it is complete: nobody has to wait in
 * HashScope while somebody reads slowly here. */
struct rows {
	struct mbuf *row;
	size_t n, room;
};

void rows_init(struct rows *);
void rows_clear(struct rows *);
int rows_add(struct rows *, const struct client_msg *);

/*
 * Asks and collects rows until the end.  An exit code; *end is valid with
 * EXIT_OK only.
 */
int ctl_query(struct ctl *, const struct query *, struct rows *,
    struct query_end *end);

/* How many rows are wanted, at most; and that there may be more. */
uint64_t ctl_wanted(const struct ctl *);
void ctl_tell_limit(const struct ctl *, uint64_t shown);
/* The session that the command names, by the beginning of its id. */
int ctl_find_session(struct ctl *, uint8_t id[16]);
/*
 * Where the next page begins: behind the last row, or where the lane stopped
 * for lack of time.  False when there is none.
 */
bool ctl_next_page(struct query *, const struct rows *,
    const struct query_end *, uint64_t last);
/*
 * Has an act done.  An exit code: what went wrong is said, and with EXIT_OK
 * *done is the answer, valid until the next message.
 */
int ctl_act(struct ctl *, const struct act *, struct act_done *done);
/* The same, and says that it was done. */
int ctl_act_say(struct ctl *, const struct act *);

/* Commands: exit codes. */
int show_summary(struct ctl *);
int show_sessions(struct ctl *);
int show_session(struct ctl *);
int show_messages(struct ctl *);
int show_message(struct ctl *);
int show_shares(struct ctl *);
int show_share(struct ctl *);
int show_workers(struct ctl *);
int show_jobs(struct ctl *);
int show_alerts(struct ctl *);
int ctl_active_alerts(struct ctl *, struct summary *);
int show_job(struct ctl *);
int show_stats(struct ctl *);
int show_processes(struct ctl *);
int show_relays(struct ctl *);
int show_agents(struct ctl *);
int key_show(struct ctl *);
int show_pools(struct ctl *);
int show_config(struct ctl *);
int monitor(struct ctl *);
int act_disconnect(struct ctl *);
int act_drain(struct ctl *);
int act_reload(struct ctl *);
int act_log(struct ctl *);
int act_replay(struct ctl *);
int act_replay_stop(struct ctl *);
int act_agents(struct ctl *);
int act_broadcast(struct ctl *);
int act_repeat_count(struct ctl *);
int act_auto_count(struct ctl *);
int act_auto_replay(struct ctl *);
int show_audit(struct ctl *);
int login_url(struct ctl *);
int user_add(struct ctl *);
int user_remove(struct ctl *);
int user_password(struct ctl *);
int user_role(struct ctl *);
int user_list(struct ctl *);
int token_create(struct ctl *);
int token_revoke(struct ctl *);
int token_list(struct ctl *);
/* Without HashScope. */
int export_messages(struct ctl *);
int verify(struct ctl *);

#endif
