/*
 * A request between its head and the end of its answer, and what handlers do
 * with it.  A handler answers at once, or asks somebody and answers from
 * the callback; http.c lets the connection wait meanwhile.
 */
#ifndef APID_REQUEST_H
#define APID_REQUEST_H

#include <microhttpd.h>

#include "apid/apid.h"
#include "apid/route.h"

#define REQUEST_IDS 2 /* {…} in a path */
#define REQUEST_HDR 8

struct http_conn {
	LIST_ENTRY(http_conn) entry;
	struct apid *api;
	struct MHD_Connection *conn;
	int fd;
	struct sockaddr_storage addr;
	char peer[64];
	int64_t since; /* ms: of the phase it is in */
	enum {
		CONN_IDLE,   /* between two requests */
		CONN_READS,  /* a request comes in */
		CONN_WORKS,  /* we make an answer */
		CONN_ANSWERS /* the client takes it */
	} phase;
	int64_t allowed_ms; /* for CONN_ANSWERS */
	bool used;          /* had a request: the door has seen the first */
};

struct request {
	struct apid *api;
	struct http_conn *hc;
	struct MHD_Connection *conn;
	const struct route *route;
	char *target;      /* as it came, cut at ? */
	size_t target_len; /* before that */
	const char *query; /* "" none */
	char *decoded;     /* the values of params point into it */
	const char *method;
	char id[REQUEST_IDS][160];
	struct param_value value[PARAMS_MAX];
	struct mbuf body;
	bool form;       /* what a form of a page can send */
	bool begun;      /* its head has been looked at */
	bool dispatched; /* a handler has it */
	bool suspended;
	bool answered; /* the answer is libmicrohttpd's */
	enum origin_kind origin;
	char origin_text[API_NAME];
	struct identify identify;
	struct act_identity me;
	struct ask *ask; /* for handlers; cancelled at the end */
	void *work;      /* a handler's own, and how it is freed */
	void (*work_free)(struct request *);
	struct json_out out;
	size_t charged; /* of api->memory */
	struct MHD_Response *answer;
	unsigned status;
	struct {
		const char *name;
		char *value;
	} header[REQUEST_HDR];
	unsigned nheaders;
};

/* --- http.c --- */
struct http *http_new(struct apid *);
void http_free(struct http *);
/* Takes fd over. */
void http_add(struct http *, int fd, const struct sockaddr_storage *,
    socklen_t);
void http_tick(struct http *);
unsigned http_connections(const struct http *);
/* Something may go on. */
void http_kick(struct http *);
/* The answer is there. */
void request_done(struct request *);
/* out grew: false when all answers together are too much. */
bool request_charge(struct request *);

/* --- reply.c --- */
/* What was written into r->out. */
void reply_json(struct request *, unsigned status);
void reply_error(struct request *, unsigned status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Bytes that stay where they are. */
void reply_static(struct request *, unsigned status, const char *type,
    const void *, size_t);
/* Bytes of malloc(). */
void reply_owned(struct request *, unsigned status, const char *type, void *,
    size_t);
void reply_empty(struct request *, unsigned status);
/* A stream; reader as in libmicrohttpd, its arg is the request. */
void reply_stream(struct request *, const char *type,
    MHD_ContentReaderCallback);
/* For the answer to come; name stays the caller's. */
void reply_header(struct request *, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What every answer has. */
void reply_common(struct request *, struct MHD_Response *);

/* --- route.c --- */
/* Finds the handler; answers itself when there is none. */
void route_request(struct request *);

#endif
