/*
 * The map of the supervisor: the only process that holds everything, and
 * that parses nothing a stranger has sent.
 *
 *	supervisor.c	options, start, signals, the end
 *	children.c	starting, introducing, restarting
 *	confsend.c	each child's part of the configuration
 *	ports.c		listening sockets, the control socket
 *	console.c	apid's sockets, pack and part of the configuration
 *	places.c	directories, uids
 *	reload.c	a new configuration, parsed by a process without rights
 *	requests.c	what the control role asks for
 *	acts.c		what auth has passed on to be done
 *	audit.c		the files of the audit log
 *	nostr.c		what nostrd and its signer are handed
 *	replay.c	pool connections for the replay role
 *	logger.c	the only writer of logs
 *	notify.c	systemd
 */
#ifndef HASHSCOPED_SUPERVISOR_H
#define HASHSCOPED_SUPERVISOR_H

#include <sys/queue.h>
#include <sys/types.h>

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/ipc.h"
#include "common/log.h"
#include "common/record.h"
#include "hashscoped/conf.h"

struct supervisor;

enum child_state {
	CHILD_DOWN,     /* waiting to be started */
	CHILD_STARTING, /* has its configuration, not yet READY */
	CHILD_READY,
	CHILD_STOPPED /* the end: not started again */
};

struct child {
	struct supervisor *sup;
	enum role role;
	const char *name;    /* argv[0], and in the log */
	const char *program; /* file below libexec, or NULL: ourselves */
	const char *user;    /* account; its uid falls back to a number */
	enum child_state state;
	uid_t uid;
	gid_t gid;
	pid_t pid;
	bool reaped; /* pid may be somebody else's by now */
	uint32_t generation;
	struct ipc *ipc;     /* NULL once either end is closed */
	struct event *timer; /* until it is started again */
	unsigned backoff_ms;
	uint64_t started_ms;
	uint64_t logs_dropped;
	char last_exit[64];
	bool conf_pending; /* a reload waits for its PREPARED, or its DONE */
};

#define CHILDREN 13

/* A listening socket; kept here so that the port answers while relayd is
 * started anew. */
struct port {
	uint64_t id; /* of struct conf_addr */
	int fd;
	bool wanted;
};

struct reload;

struct supervisor {
	struct event_base *base;
	struct config *conf;
	char conf_path[256];
	bool conf_path_given;
	char **env; /* as we were started; overrides the file at each load */
	struct child child[CHILDREN];
	struct port port[CONF_MAX_LISTEN + CONF_MAX_CONSOLE];
	unsigned nports;
	int control_fd;
	int auth_fd;  /* auth's directory; -1: there is none */
	int audit_fd; /* that of the audit log, our own */
	int run_lock, state_lock;
	char
	    run_id[65]; /* of Nostr, when none is configured; "" not made yet */
	char libexec[512];
	char self[512];
	char empty_dir[300]; /* the children's root, when we are root */
	bool is_root;
	bool sandbox_log;
	bool verbose;    /* -v, whatever the file says */
	bool foreground; /* -d */
	bool stopping;
	bool ready_told;
	uint64_t started_ms;
	int64_t started_us;
	struct event *signals[4];
	struct event *deadline; /* of the end */
	struct reload *reload;
	/* What relayd was asked to connect for the replay role. */
	TAILQ_HEAD(, pending) replays;
	unsigned nreplays;
	int status;
};

/* --- children.c --- */
int children_init(struct supervisor *);
void children_start(struct supervisor *);
/* After a reload: starts those that are wanted now, ends those that are
 * not. */
void children_fit(struct supervisor *);
struct child *child_by_role(struct supervisor *, enum role);
void children_reap(struct supervisor *);
/* SHUTDOWN in order; calls supervisor_done() when the last has gone. */
void children_stop(struct supervisor *);
void children_kill(struct supervisor *);
void children_log_level(struct supervisor *);
void child_fill(const struct child *, struct process_rec *);

/* --- confsend.c --- */
/* BEGIN, items, END; -1 when the channel does not take it. */
int conf_send(struct supervisor *, struct child *, const struct config *,
    uint32_t id);

/* --- console.c --- */
/* Where the console is to listen: as configured, or on loopback when that is
 * beyond it and insecure-http is not set.  How many. */
size_t console_addrs(const struct config *, struct conf_addr[CONF_MAX_CONSOLE]);
/* Says once where it is, or why it is not where it was asked to be. */
void console_tell(struct supervisor *);
/* "" when nobody listens. */
void console_url(const struct supervisor *, const struct config *, char *url,
    size_t size);
int console_send(struct supervisor *, struct child *, const struct config *);

/* --- ports.c --- */
/* Opens what conf names and is not open yet; errors are added. */
int ports_open(struct supervisor *, const struct config *,
    struct conf_errors *);
/* Closes what conf does not name. */
void ports_keep(struct supervisor *, const struct config *);
int port_fd(const struct supervisor *, const struct conf_addr *);
/* What to type into a miner to reach this listener; false when it is not
 * open, or there is no address that another machine could use. */
bool port_for_people(const struct supervisor *, const struct conf_addr *,
    char *out, size_t size);
int control_socket_open(struct supervisor *);
void control_socket_close(struct supervisor *);

/* --- places.c --- */
/* Run and state directory, locks; fatal with what to do about it. */
void places_make(struct supervisor *);
/* The accounts of the children; says once if numbers have to serve. */
void places_uids(struct supervisor *);
/* Whether what belongs to uid may be taken for this child's, NULL: ours. */
bool place_is_ours(const struct supervisor *, const struct child *, uid_t);
bool group_id(const char *name, gid_t *);

/* --- nostr.c --- */
/* The key, when it is not ready yet, and what may be signed with it. */
int nostr_send_signer(struct supervisor *, struct child *,
    const struct config *, struct mbuf *);
int nostr_send(struct supervisor *, struct child *, const struct config *,
    struct mbuf *);
/* As configured, or the one that was made here. */
const char *nostr_run(struct supervisor *, const struct config *);

/* --- reload.c --- */
/* requester: the id to answer to, 0 for SIGHUP. */
void reload_begin(struct supervisor *, uint32_t requester);
void reload_on_prepared(struct supervisor *, struct child *, uint32_t serial,
    bool ok, const char *why);
void reload_on_done(struct supervisor *, struct child *, uint32_t serial);
void reload_on_child_gone(struct supervisor *, struct child *);
bool reload_on_exit(struct supervisor *, pid_t, int status);
/* Reads file and environment; NULL when there were errors. */
struct config *conf_load(const char *path, bool must_exist, char **env,
    struct conf_errors *);

/* --- requests.c --- */
void request_reply(struct supervisor *, uint32_t id, bool ok, const char *text);
void request_on_processes(struct ipc *, struct msg_in *, void *);
void request_on_config(struct ipc *, struct msg_in *, void *);
void request_for_relay(struct ipc *, struct msg_in *, void *);
void request_answer(struct ipc *, struct msg_in *, void *);

/* --- acts.c --- */
/* requester as in reload_begin(): the number of auth's DO. */
void acts_done(struct supervisor *, uint32_t requester, unsigned status,
    const char *detail);
void acts_on_do(struct ipc *, struct msg_in *, void *);
/* relayd's REPLY; false when it is not to one of ours. */
bool acts_on_reply(struct supervisor *, struct msg_in *);
void acts_on_login_code(struct ipc *, struct msg_in *, void *);

/* --- audit.c --- */
/* Its directory, and auth's; what is wrong is said. */
/* A directory of that child below the state directory, open; -1. */
int place_own(struct supervisor *, const char *name, const struct child *);
void audit_places(struct supervisor *);
/* Hands the files over to auth. */
void audit_send(struct supervisor *, struct child *);
void audit_on_full(struct ipc *, struct msg_in *, void *);
/* --- replay.c --- */
void replay_on_open(struct ipc *, struct msg_in *, void *);
/* False when relayd answers somebody else. */
bool replay_on_reply(struct supervisor *, struct msg_in *);
void replay_child_gone(struct supervisor *, const struct child *);

/* --- logger.c --- */
enum log_target {
	LOG_TO_STDERR,
	LOG_TO_SYSLOG
};
void logger_init(enum log_target, bool json);
void logger_set_json(bool);
/* From here on lines that wait are tried again without a new one. */
int logger_attach(struct event_base *);
void logger_write(enum log_level, const char *process, pid_t,
    const uint8_t *session, const char *text);
uint64_t logger_dropped(void);
/* At the very end: waits this long for a reader to take what is left. */
void logger_finish(unsigned ms);

/* --- notify.c --- */
void notify_init(void);
void notify_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Half the interval that systemd asked for; 0 none. */
uint64_t notify_watchdog_ms(void);

/* --- supervisor.c --- */
int supervisor_main(int argc, char *argv[], char *envp[]);
void supervisor_ready(struct supervisor *);
void supervisor_done(struct supervisor *);
uint64_t now_ms(void);

#endif
