/*
 * The configuration: hashscope.conf(5), the environment variables that
 * override it, the checks across both, and the canonical form.
 *
 * A pure library: it opens files only through struct conf_io, never logs,
 * never exits, and resolves no names.  A struct config is plain memory
 * without pointers: it may be copied by assignment.
 *
 * The order is conf_default, conf_parse (or conf_parse_buf), conf_env,
 * conf_check.  Every step adds what it finds wrong to one struct
 * conf_errors and goes on, so that the operator sees all errors at once;
 * the result may be used when errs.n is 0.
 */
#ifndef HASHSCOPED_CONF_H
#define HASHSCOPED_CONF_H

#include <sys/socket.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONF_MAX_LISTEN   64
#define CONF_MAX_POOLS    16 /* per listener */
#define CONF_MAX_NETS     64 /* per listener */
#define CONF_MAX_CONSOLE  8  /* addresses of the console */
#define CONF_MAX_NAMES    64 /* host, cors, payout, trust: each */
#define CONF_MAX_RELAYS   16
#define CONF_MAX_PATTERNS 64 /* broadcast worker */

#define CONF_MAX_FILE     (1024 * 1024) /* bytes in one file */
#define CONF_MAX_DEPTH    8             /* includes within includes */
#define CONF_MAX_INCLUDES 64            /* in all */
#define CONF_MAX_ERRORS   100

#define CONF_NAME_LEN     256 /* host names, paths, URLs, with the NUL */
#define CONF_WHERE_LEN    192

/* The place of an address that nobody wrote down. */
#define CONF_BY_DEFAULT   "default"

#define CONF_FILE         "/etc/hashscope/hashscope.conf"
#define CONF_STATE_DIR    "/var/lib/hashscope"
#define CONF_RUN_DIR      "/run/hashscope"
#define CONF_POOL_PORT    3333
#define CONF_MINER_PORT   3333
#define CONF_CONSOLE_PORT 8000

/* A pool, as configured: a name or an address (IPv6 without brackets). */
struct conf_pool {
	char host[CONF_NAME_LEN];
	uint16_t port;
};

/* A network which may send PROXY headers; the host bits are zero. */
struct conf_net {
	int family;       /* AF_INET or AF_INET6 */
	uint8_t addr[16]; /* network order; 4 or 16 bytes count */
	uint8_t bits;     /* length of the prefix */
};

/* An address to bind.  IPv6 means IPV6_V6ONLY: "*" became two of these. */
struct conf_addr {
	struct sockaddr_storage ss;
	socklen_t ss_len;
	uint16_t port; /* host order */
	char text[64]; /* "0.0.0.0:3333", "[::]:3333" */
	/* Of family, address and port, never 0: the same across reloads, so
	 * that old and new can be matched. */
	uint64_t id;
	char where[CONF_WHERE_LEN]; /* "file:line" or a variable's name */
};

struct conf_listen {
	struct conf_addr addr;
	size_t npools; /* 0: miners are turned away */
	struct conf_pool pools[CONF_MAX_POOLS];
	size_t nnets;
	struct conf_net nets[CONF_MAX_NETS];
};

/* Bounds of the store; 0 is without a bound. */
struct conf_capture {
	int off; /* enabled no: bytes are relayed and not copied */
	uint64_t messages;
	uint64_t per_session; /* messages */
	uint64_t age_ms;
	uint64_t minutes_ms, hours_ms; /* roll-ups */
	uint64_t size;                 /* bytes */
	int chain;                     /* enum address_net */
	int redact;                    /* passwords are replaced by asterisks */
};

struct conf_limits {
	uint64_t sessions;       /* 0: as many as there are descriptors */
	uint64_t per_address;    /* 0: off */
	uint64_t session_buffer; /* unsent bytes held for each leg */
};

/* In ms, but for the count; 0 is off where the comment says so. */
struct conf_timers {
	uint64_t keepalive_idle; /* whole seconds, as TCP takes them */
	uint64_t keepalive_interval;
	uint64_t keepalive_count;
	uint64_t idle;       /* 0: off */
	uint64_t half_close; /* 0: off */
	uint64_t proxy_header;
	uint64_t connect;    /* each attempt at a pool */
	uint64_t pool_retry; /* until the first pool is tried again */
	uint64_t drain;
	uint64_t reset; /* last bytes before an RST, and FIN before RST */
	uint64_t tap_flush;
	uint64_t ack;
	uint64_t commit;
	uint64_t restart_min;
	uint64_t restart_max;
	uint64_t restart_reset; /* a child that lived this long is well */
};

struct conf_console {
	size_t nlisten;
	struct conf_addr listen[CONF_MAX_CONSOLE];
	int insecure_http;
	int auth; /* 0: API_AUTH=none, which holds on loopback only */
	uint64_t session_idle; /* ms; both in whole seconds */
	uint64_t session_age;
	size_t nhosts;
	char hosts[CONF_MAX_NAMES][CONF_NAME_LEN];
	size_t ncors;
	char cors[CONF_MAX_NAMES][CONF_NAME_LEN];
};

/* What the console's port bears; times in ms. */
struct conf_api {
	uint64_t connections;
	uint64_t per_address;
	uint64_t waiting;  /* for their first request */
	uint64_t requests; /* a second, of one address */
	uint64_t websockets;
	uint64_t plain;     /* of them: that get bare objects */
	uint64_t queue;     /* bytes; past it a WebSocket gets nothing new */
	uint64_t queue_max; /* past it it goes */
	uint64_t head, body, idle, answer, stuck, ping, recheck;
};

struct conf_audit {
	uint64_t size;  /* bytes of a file, until the next is begun */
	uint64_t files; /* that are kept, the current one among them */
};

struct conf_watch {
	size_t npayouts;
	char payouts[CONF_MAX_NAMES][CONF_NAME_LEN];
	size_t nusers;
	char users[CONF_MAX_NAMES][CONF_NAME_LEN];
	size_t nreconnects; /* hosts that miners may be sent to */
	char reconnects[CONF_MAX_NAMES][CONF_NAME_LEN];
	int payout_change; /* these are yes or no */
	int reconnect;
	int height;
	int foreign;
	int capture;
	/* In all that follow 0 is off, but for forget, window and shares. */
	uint64_t silent_ms;
	uint64_t forget_ms;
	uint64_t rejects_bp; /* hundredths of a percent */
	uint64_t rejects_window_ms;
	uint64_t rejects_shares;
	uint64_t prevhash_ms;
	uint64_t difficulty; /* times */
	uint64_t disputes;   /* shares */
	uint64_t unanswered; /* submits */
};

enum conf_nostr_format {
	CONF_NOSTR_BATCH,
	CONF_NOSTR_COMPAT,
	CONF_NOSTR_BOTH
};

/* Workers whose name it matches; the first that does counts. */
struct conf_pattern {
	char pattern[129];
	int on;
};

struct conf_nostr {
	int enabled; /* a nostr block in the file turns it on */
	size_t nrelays;
	char relays[CONF_MAX_RELAYS][CONF_NAME_LEN]; /* ws:// or wss:// */
	char run[CONF_NAME_LEN]; /* "": made once and kept */
	int format;              /* enum conf_nostr_format */
	int broadcast;           /* the default of new workers */
	size_t npatterns;
	struct conf_pattern patterns[CONF_MAX_PATTERNS];
	uint64_t kind_share;
	uint64_t kind_batch;
	uint64_t kind_telemetry;
	uint64_t kind_control;
	int trust_any;     /* agents that nobody vouched for are shown */
	int miner_address; /* published too */
	uint64_t rate;     /* events a second, to each relay */
	uint64_t burst;
	uint64_t flush;  /* ms, how long shares are collected */
	uint64_t outbox; /* bytes on disk */
	uint64_t answer, connect, retry, retry_max, pause, refused; /* ms */
	char ca[CONF_NAME_LEN];     /* "": the system's */
	char group[CONF_NAME_LEN];  /* encrypt to: npub or hex; "" nobody */
	char alerts[CONF_NAME_LEN]; /* whom alerts are told; "" nobody */
	uint64_t alerts_pause;      /* ms, between messages after a burst */
	uint64_t pow; /* most bits of proof of work that an event gets */
	char key[CONF_NAME_LEN]; /* "": nostr.key in the state directory */
	size_t ntrust;
	char trust[CONF_MAX_NAMES][CONF_NAME_LEN]; /* npub or hex */
	char secret[CONF_NAME_LEN]; /* NOSTR_SK: never printed, by anything */
};

struct conf_replay {
	char worker[CONF_NAME_LEN]; /* "": the worker of the share */
	char password[CONF_NAME_LEN];
	uint64_t rate;   /* submits a second */
	uint64_t answer; /* ms that a pool has to answer */
	uint64_t idle;   /* ms until an unused connection is closed */
};

struct config {
	char site[CONF_NAME_LEN]; /* "": the host's name */
	char state_dir[CONF_NAME_LEN];
	char run_dir[CONF_NAME_LEN];
	int log_json;
	int log_verbose;
	uint64_t tap_ring; /* bytes */
	size_t nlisten;
	struct conf_listen listen[CONF_MAX_LISTEN];
	struct conf_capture capture;
	struct conf_limits limits;
	struct conf_timers timers;
	struct conf_console console;
	struct conf_api api;
	struct conf_audit audit;
	struct conf_watch watch;
	struct conf_nostr nostr;
	struct conf_replay replay;
};

/* What is wrong: "file:line: message", or "VARIABLE: message". */
struct conf_errors {
	size_t n;    /* how many there are in text */
	size_t more; /* how many there were beyond CONF_MAX_ERRORS */
	int missing; /* the top file does not exist (ENOENT) */
	char *text[CONF_MAX_ERRORS];
};

void conf_errors_init(struct conf_errors *);
void conf_errors_clear(struct conf_errors *);
void conf_error(struct conf_errors *, const char *where, const char *fmt, ...)
    __attribute__((__format__(printf, 3, 4)));

/*
 * How files are opened, for the top file and for every include.  open
 * returns a descriptor or -1; then errno says why, or, when it wrote into
 * why (of whylen bytes), that text does.
 */
struct conf_io {
	int (*open)(void *arg, const char *path, char *why, size_t whylen);
	void *arg;
};

/*
 * The open of a caller with rights: a regular file; as root it must be
 * root's and not writable by its group or by others.  The arg is not used.
 */
int conf_open_checked(void *arg, const char *path, char *why, size_t whylen);

/* The defaults of the manual, yet without listeners (conf_check adds those);
 * NULL without memory. */
struct config *conf_default(void);
void conf_free(struct config *); /* overwrites the secret */

/*
 * Read a file and what it includes into c.  A relative include is relative
 * to the directory of the file that names it.  io NULL is conf_open_checked.
 * 0, or -1 when errors were added.
 */
int conf_parse(struct config *c, const char *path, const struct conf_io *io,
    struct conf_errors *errs);
/* The same of a text in memory, called name in errors; includes by io
 * (NULL: include is an error). */
int conf_parse_buf(struct config *c, const char *name, const char *text,
    size_t len, const struct conf_io *io, struct conf_errors *errs);

/*
 * Override by environment variables.  An empty one counts as unset; unknown
 * ones are not looked at.  0 or -1.
 *
 * POOL_HOST replaces the pools of every listener; a port in it wins over
 * POOL_PORT.  LISTEN_HOST and LISTEN_PORT replace the listeners by one with
 * the pools and networks of the first; LISTEN_PORT alone keeps their
 * addresses.  API_HOST and API_PORT: the same for the console.
 */
int conf_env(struct config *c, char *const envp[], struct conf_errors *errs);

/*
 * Add the listeners that are there by default, then the checks which need
 * everything: overlapping addresses, ranges that depend on each other.
 * 0 or -1.
 */
int conf_check(struct config *c, struct conf_errors *errs);

/*
 * The canonical form, which parses back to itself.  conf_print_public is
 * for show config and the API: passwords are asterisks.  The Nostr secret
 * is in neither.  0, or -1 when fp had an error.
 */
int conf_print(const struct config *c, FILE *fp);
int conf_print_public(const struct config *c, FILE *fp);

#endif
