/*
 * A connection that speaks lines, on plain libevent events: the pool's and
 * the miner's common part.  A connection is only ever destroyed from the
 * event loop, by its on_close, so that handlers may kill what they hold.
 */
#ifndef SIM_CONN_H
#define SIM_CONN_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/queue.h>

#include "tests/sim/sim_buf.h"
#include "tests/sim/sim_util.h"

#define SIM_LINE_MAX 65536
/* A peer that reads nothing is dropped when this much waits for it. */
#define SIM_OUT_MAX  (4 << 20)

struct sim_conn;

struct sim_conn_ops {
	/* One line without its LF or CRLF; not terminated. */
	void (*on_line)(struct sim_conn *, char *line, size_t len);
	/* More than SIM_LINE_MAX bytes without LF: dropped up to the LF. */
	void (*on_long_line)(struct sim_conn *);
	/* The last call: sim_conn_clear and free. why is an errno, 0 for FIN,
	 * -1 for killed by ourselves. */
	void (*on_close)(struct sim_conn *, int why);
	/* A connect of ours succeeded (only after sim_conn_start_connecting) */
	void (*on_connect)(struct sim_conn *);
};

struct sim_late {
	STAILQ_ENTRY(sim_late) entry;
	uint64_t since, due;
	size_t len;
	char bytes[];
};

struct sim_conn {
	int fd;
	const struct sim_conn_ops *ops;
	struct event read, write, timer, pace;
	struct sim_buf in, out;
	uint64_t bytes_in, bytes_out;
	/* What is sent waits this long first, in order. */
	uint64_t delay_us;
	uint64_t spread_us; /* and up to this longer */
	uint64_t last_due;
	struct sim_rng rng;
	/* How long each answer has waited, in microseconds, a line each. */
	FILE *late_log;
	STAILQ_HEAD(sim_lates, sim_late) late;
	/* Bytes a second to read, 0 without limit. */
	uint32_t read_rate;
	int why;
	bool connecting, corked, dead, skipping, closing, eof, rst;
};

/* The fd is the connection's from here on. */
void sim_conn_start(struct sim_conn *, struct event_base *, int fd,
    const struct sim_conn_ops *);
void sim_conn_start_connecting(struct sim_conn *, struct event_base *, int fd,
    const struct sim_conn_ops *);
/* Sends now what can be sent, keeps the rest. */
void sim_conn_send(struct sim_conn *, const void *, size_t);
void sim_conn_printf(struct sim_conn *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* on_close follows from the loop, at once. */
void sim_conn_kill(struct sim_conn *);
/* FIN once all is sent; what still comes is thrown away until the end. */
void sim_conn_finish(struct sim_conn *);
/* RST, but only when the peer's kernel has all that was sent. */
void sim_conn_reset(struct sim_conn *);
void sim_conn_clear(struct sim_conn *);

#endif
