/*
 * The connection to the control role of hashscoped.
 */
#ifndef HASHSCOPECTL_CLIENT_H
#define HASHSCOPECTL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/childconf.h"
#include "common/record.h"

struct client {
	int fd;
	uint32_t last_id;
	struct mbuf body; /* of the message read last */
	char error[256];  /* why a function returned -1 */
	/* From CTL_WELCOME: */
	bool full; /* may act, not only look */
	char version[24];
	int64_t started_us;
	unsigned nminer;
	char miner[CONTROL_MINERS][CONTROL_URL];
	char console[96];
};

/* A message that came; cur reads its body until the next is read. */
struct client_msg {
	unsigned type;
	uint32_t id;
	struct mcur cur;
};

/*
 * Connects and says hello.  path NULL: HASHSCOPE_RUN_DIR, ./run when the
 * socket there is the caller's, /run/hashscope.  0, or -1 with error.
 */
int client_open(struct client *, const char *path);
void client_close(struct client *);

/* Sends a request; its number, or 0 with error. */
uint32_t client_ask(struct client *, enum msg_type, const struct mbuf *body);
uint32_t client_query(struct client *, const struct query *);
/*
 * Waits for the next message; wait_ms -1 for ever.  0; 1 when wait_ms
 * passed; -1 with error when the connection is gone.
 */
int client_next(struct client *, struct client_msg *, int wait_ms);
/*
 * The same for an answer to that request; others are skipped.  It comes
 * within half a minute or not at all.
 */
int client_wait(struct client *, uint32_t id, struct client_msg *);
/* Reads a REPLY: whether it says yes; its text is in error. */
bool client_reply(struct client *, struct client_msg *);

#endif
