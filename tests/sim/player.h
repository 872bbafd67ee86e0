/*
 * The player: a recorded conversation, spoken again by both of its ends with
 * a relay between them.  Every byte that arrives is compared with what the
 * other end sent.
 *
 *	player.c	options, start, the end, the summary
 *	player_script.c	reading the transcript, cutting it into chunks
 *	player_play.c	the sockets: who sends what when, and the comparison
 */
#ifndef SIM_PLAYER_H
#define SIM_PLAYER_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "tests/sim/sim_util.h"

#define SESSIONS_MAX 64

/* An end is named by who sits there; a stream by the end that sends it. */
enum side {
	MINER,
	POOL
};

struct record {
	double t; /* seconds since the start */
	int session;
	enum side from;
	size_t end; /* offset in its stream behind this record */
};

struct stream {
	char *bytes;
	size_t len, size;
};

struct script {
	struct record *records;
	size_t count;
	int sessions;
	int number[SESSIONS_MAX]; /* as the transcript names them */
	struct stream streams[SESSIONS_MAX][2];
};

enum chunking {
	AS_RECORDED,
	FIXED,
	RANDOM,
	LINES
};

struct end {
	struct pair *pair;
	int fd;
	struct event read, write;
	size_t sent; /* of this side's stream */
	size_t got;  /* of the other's */
	bool saw_fin;
};

struct pair {
	struct play *play;
	int session;
	struct end ends[2];
	uint16_t port; /* the miner's local port */
};

/* One copy of the whole transcript. */
struct play {
	struct player *player;
	int copy;
	const struct stream (*streams)[2]; /* the script's, or its own */
	struct stream own[SESSIONS_MAX][2];
	size_t cursor;    /* the record that is being sent */
	size_t chunk_end; /* offset at which the present chunk ends */
	struct pair *pairs;
	struct event timer;
	bool finished;
};

struct player {
	struct script script;
	const char *host, *port, *connect, *path, *mark;
	enum chunking chunking;
	size_t chunk, copies;
	double speed, timeout;
	bool lockstep;
	struct sim_rng rng;
	struct event_base *base;
	struct event accept, quiet, input;
	int listen_fd;
	struct sim_addr relay;
	struct play *plays;
	size_t opened, paired, open_ends, chunks, lines;
	uint64_t start_us, arrived[2], progress;
	int strays;
	bool ok;
	char error[512]; /* JSON members, empty when all is well */
};

/* player_script.c; both die on a transcript that cannot be used. */
void script_load(struct script *, const char *path, bool merge,
    struct sim_rng *);
/* Copies of the streams in which the last 8 characters of each occurrence of
 * mark are the copy's number in hex. */
void script_mark(const struct script *, struct stream own[SESSIONS_MAX][2],
    const char *mark, int copy);
void script_free(struct script *);
/* Where the chunk that begins at offset from ends; at most at end. */
size_t script_chunk_end(struct player *, const struct stream *, size_t from,
    size_t end);

/* player_play.c */
void play_open_all(struct player *);
void play_on_accept(evutil_socket_t, short, void *);
void play_close_all(struct player *);

/* player.c: ends the run; the members of a JSON object say why. */
void player_fail(struct player *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
