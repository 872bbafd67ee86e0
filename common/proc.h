/*
 * The one start-up order of every child:
 *
 *	1. log to fd 3, read HELLO (who am I, which rights go)
 *	2. configuration, descriptors and peers, until CONF_COMMIT
 *	3. role->start: allocate, open what is needed
 *	4. drop rights, sandbox
 *	5. role->serve, READY, loop
 *
 * A role is a struct of functions; main() is one call of proc_main().
 */
#ifndef COMMON_PROC_H
#define COMMON_PROC_H

#include <event2/event.h>

#include "common/ipc.h"
#include "common/sandbox.h"

struct proc;

/* The descriptor of the channel to the supervisor. */
#define PROC_FD 3

/* Body of HELLO: who the child is, and which rights it keeps. */
struct proc_hello {
	uint32_t role;
	uint32_t generation;
	uint32_t parent; /* the supervisor's pid */
	bool is_root;
	bool verbose;
	bool sandbox_log; /* development: nothing is refused, it is logged */
	bool sched_batch;
	uint32_t uid, gid;
	uint32_t ngroups; /* at most 4 */
	uint32_t groups[4];
	int32_t oom_score_adj;
	char chroot_dir[300]; /* "" none */
};
void proc_hello_put(struct mbuf *, const struct proc_hello *);
void proc_hello_get(struct mcur *, struct proc_hello *);

struct proc_role {
	enum role role;
	const char *name; /* of the process and in the log: "relayd" */
	bool keeps_files; /* works on files: no chroot */
	/* Its timers end within 0.1 ms, not within 4 to 8 (a kernel with 250
	 * ticks a second): one call more each time round the loop. */
	bool precise_timers;
	/* Its arg, made once HELLO has named the role; NULL is fatal. */
	void *(*create)(void);
	/* Messages beyond the ones that proc itself handles (HELLO, PEER,
	 * SHUTDOWN, LOG_LEVEL, PING, CONF_*): the CONF items and requests. */
	const struct ipc_handler *handlers;
	/* A new configuration begins: forget what was being prepared. */
	void (*conf_begin)(void *arg);
	/* All items are there: check them; -1 with why refuses. */
	int (*conf_prepare)(void *arg, char *why, size_t size);
	/* Apply what was prepared (at the start: before start()). */
	void (*conf_commit)(void *arg);
	/* Before rights are dropped; fatal() when it cannot work. */
	void (*start)(struct proc *, void *arg);
	/* Fills promises and paths of the sandbox. */
	void (*sandbox)(struct sandbox *, void *arg);
	/* With what rights are left, before READY; may be NULL. */
	void (*serve)(struct proc *, void *arg);
	/* A peer was introduced; the role owns ipc made from fd.  A newer
	 * generation replaces the older: close it first. */
	void (*peer)(struct proc *, enum role peer, uint32_t generation, int fd,
	    void *arg);
	/* SHUTDOWN or the end of the supervisor: finish, then proc_exit(). */
	void (*shutdown)(struct proc *, void *arg);
};

/* Runs until the end; returns the exit status.  roles ends with name NULL:
 * a binary may hold several, HELLO says which. */
int proc_main(int argc, char *argv[], const struct proc_role *roles);

/* For ipc_ops: says once for each channel that its peer sent nonsense; who
 * sends one such message sends many. */
void proc_on_peer_bad(struct ipc *, unsigned type, const char *why, void *arg);

struct event_base *proc_base(const struct proc *);
struct ipc *proc_supervisor(const struct proc *);
/* Leave the loop with this status. */
void proc_exit(struct proc *, int status);

#endif
