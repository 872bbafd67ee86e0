/*
 * What the files of the WebSocket side share.
 *
 *	ws.c		clients: coming, reading, writing, going
 *	ws_mask.c	frames, before libwebsockets reads them
 *	ws_ring.c	what came lately, as JSON that is made once
 *	ws_live.c	captured's news into the rings, and on to clients
 *	ws_sub.c	subscriptions: what a client wants, and its frames
 *	ws_past.c	what it has missed, from the query process
 *	ws_poll.c	sessions and counters, which nobody announces
 *	ws_agents.c	agents, as nostrd tells of them
 */
#ifndef APID_WS_INT_H
#define APID_WS_INT_H

#include <libwebsockets.h>

#include "apid/ws.h"
#include "common/jtree.h"
#include "common/record_alert.h"
#include "common/record_share.h"

#define WS_TEXT_MAX  4096  /* of what a client may say */
#define WS_PARTS_MAX 64    /* fragments of it */
#define WS_FRAME     65536 /* a frame ends when it is that long */
#define WS_PLAIN_MS  5000  /* to subscribe, when there is no plain place */

/* A frame's bytes, which several clients may be sent. */
struct blob {
	unsigned refs;
	size_t len;
	unsigned char data[]; /* LWS_PRE bytes, then the text */
};
struct blob *blob_new(const char *text, size_t len);
void blob_free(struct blob *);

/* --- rings --- */

struct item {
	uint64_t seq; /* only grows; of messages it is the position */
	uint64_t pos;
	char *json; /* made when somebody wants it */
	uint32_t json_len;
	uint32_t len;
	uint8_t rec[]; /* message_rec or share_rec as it came */
};

struct ring {
	bool messages; /* else shares */
	struct item **v;
	unsigned cap, head, n;
	size_t bytes;
	uint64_t prev; /* all behind it and up to last is here */
	uint64_t last;
	struct json_out *out;
};
int ring_init(struct ring *, bool messages, struct json_out *);
void ring_free(struct ring *);
void ring_clear(struct ring *, uint64_t prev);
void ring_add(struct ring *, uint64_t seq, uint64_t pos, const void *, size_t);
/* Forget what is above. */
void ring_cut(struct ring *, uint64_t to);
/* The first behind seq: its index, n when there is none. */
unsigned ring_after(const struct ring *, uint64_t seq);
struct item *ring_at(const struct ring *, unsigned i);
struct item *ring_find(const struct ring *, uint64_t seq);
/* NULL without memory. */
const char *item_json(struct ring *, struct item *);

/* --- subscriptions --- */

enum topic {
	TOPIC_MESSAGES,
	TOPIC_SHARES,
	TOPIC_SESSIONS,
	TOPIC_ALERTS,
	TOPIC_STATS,
	TOPIC_AGENTS,
	TOPICS
};
const char *topic_name(unsigned);

struct ws_client;

struct ws_sub {
	struct ws_client *client;
	bool on;
	uint8_t topic;
	struct query filter; /* what of it holds for rows that come live */
	char *q;             /* the text, NULL none */
	uint32_t every;      /* ms between two frames; 0: as they come */
	int64_t next;        /* ms */
	uint64_t cursor;     /* all up to it has been sent or left out */
	unsigned epoch;      /* the captured that it was told by */
	/* Catching up: */
	bool past;      /* behind the ring */
	bool asked_old; /* whether it missed something is known */
	bool waits;     /* for the store to have more */
	struct ask *ask;
	uint64_t committed; /* when that was asked */
	uint64_t at;        /* how far it has come */
	bool open;          /* a frame is being made */
	unsigned rows;
	int64_t retry;  /* ms: not before */
	uint64_t first; /* of the frame that is being made */
	struct json_out frame;
};

enum ws_kind {
	WS_MESSAGES,
	WS_AGENTS
};

struct ws_frame {
	STAILQ_ENTRY(ws_frame) entry;
	struct blob *blob;
};

/* How far the frames of a client have been looked at. */
struct ws_track {
	uint64_t at; /* in the stream */
	uint8_t head[14];
	unsigned have;
	uint64_t payload; /* what is left of it */
};

struct ws_client {
	LIST_ENTRY(ws_client) entry;
	struct ws *ws;
	struct lws *wsi;
	int fd;
	struct sockaddr_storage addr;
	struct event *rd, *wr;
	struct ws_track track;
	struct identify identify; /* who it is, looked at again */
	int64_t identified;       /* ms */
	enum ws_kind kind;
	bool open, gone;
	bool plain;       /* gets bare objects */
	bool subscribed;  /* has said what it wants */
	bool agents_told; /* has had its init */
	bool has_session;
	uint8_t session[16];
	STAILQ_HEAD(, ws_frame) frames;
	size_t queued;
	int64_t since, moved; /* ms: opened; something was written */
	int64_t spoke;        /* ms: the last frame of ours */
	char in[WS_TEXT_MAX + 1];
	size_t in_len;
	unsigned parts;
	unsigned said; /* messages within this second */
	struct ws_sub sub[TOPICS];
};

struct ws {
	struct apid *api;
	struct lws_context *context;
	struct lws_vhost *vhost;
	LIST_HEAD(, ws_client) clients;
	unsigned n;
	struct event *serve, *due;
	struct ring messages, shares;
	struct json_out out;
	struct jtree tree;
	uint8_t peek[65536];
	/* The feed. */
	uint32_t wanted;
	bool hello;     /* captured has said where it is */
	unsigned epoch; /* how many of them there were */
	uint8_t store_id[16];
	bool has_store;
	uint64_t committed;
	uint64_t shares_seq;
	struct poll *poll;     /* ws_poll.c */
	struct agents *agents; /* ws_agents.c */
	unsigned fetching;     /* requests of plain clients' answers */
};

/* --- ws.c --- */
/* It has as much to read as it is given at a time. */
bool client_full(const struct ws_client *);
/* Queues a frame; takes a reference. */
void client_send(struct ws_client *, struct blob *);
void client_text(struct ws_client *, const char *text, size_t len);
/* What was written into ws->out. */
void client_json(struct ws_client *);
void client_end(struct ws_client *, enum lws_close_status);
void ws_serve(struct ws *); /* soon */

/* --- ws_mask.c --- */
/* NOSTATUS: nothing is wrong with what has come. */
enum lws_close_status track_look(struct ws_client *);
enum lws_close_status track_bytes(struct ws_track *, const uint8_t *, size_t);

/* --- ws_live.c --- */
/* Subscribes to what clients want now. */
void live_want(struct ws *);
/* Everything that may go on to clients. */
void live_push(struct ws *);
void live_drained(struct ws_client *);
void live_init(struct ws *);
void live_free(struct ws *);

/* --- ws_sub.c --- */
void sub_said(struct ws_client *); /* in[0…in_len) is a message */
void sub_push(struct ws_sub *);
void sub_clear(struct ws_sub *);
/* A frame of one object that is not of a ring; NULL session: any. */
bool sub_wants_message(const struct ws_sub *, const struct message_rec *);
bool sub_wants_share(const struct ws_sub *, const struct share_rec *);
void sub_reset(struct ws_sub *, uint64_t to);
/* {"type":topic,"first":…,"last":…,"data":[ … up to sub_close() */
void sub_open(struct ws_sub *, uint64_t first);
void sub_close(struct ws_sub *, uint64_t last);

/* --- ws_past.c --- */
void past_start(struct ws_sub *);
/* Shares behind this position; those that come live follow. */
void past_shares(struct ws_sub *, uint64_t pos);
void past_go_on(struct ws_sub *); /* the queue drained, or the store moved */

/* --- ws_poll.c --- */
int poll_init(struct ws *);
void poll_tick(struct ws *);
/* Sessions have other settings: they are looked at now. */
void poll_changed(struct ws *);
void poll_free(struct ws *);

/* --- ws_agents.c --- */
int agents_init(struct ws *);
void agents_tick(struct ws *);
void agents_free(struct ws *);
void agents_opened(struct ws_client *);

#endif
