/*
 * The auth role.  It knows users, tokens and the sessions of the console,
 * and is the only way to act: apid and control ask it, and it asks whoever
 * does it, after having looked who asks, what they may, and after having
 * written that down.
 *
 * It holds one directory with its own three files, the audit log opened for
 * it, and channels.  A stranger's byte reaches it only as a field of a
 * message that apid has made; passwords it passes on to a process that has
 * nothing at all.
 */
#include <sys/random.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/hex.h"
#include "common/log.h"
#include "common/proc.h"
#include "hashscoped/auth.h"
#include "hashscoped/auth_int.h"

#define MEMORY (64u << 20)

static const struct timeval tick_every = { 1, 0 };

int64_t
auth_now(void)
{
	return clock_real_us() / 1000000;
}

int64_t
auth_ms(void)
{
	return clock_mono_ms();
}

static void
random_bytes(void *p, size_t n)
{
	if (getrandom(p, n, 0) != (ssize_t)n)
		fatal("getrandom");
}

void
auth_random(char secret[AUTH_SECRET], char id[AUTH_ID])
{
	uint8_t bytes[32];

	random_bytes(bytes, sizeof(bytes));
	auth_secret_text(bytes, secret);
	explicit_bzero(bytes, sizeof(bytes));
	if (id == NULL)
		return;
	random_bytes(bytes, (AUTH_ID - 1) / 2);
	hex_text(bytes, (AUTH_ID - 1) / 2, id);
}

uint32_t
auth_next_id(struct auth *auth)
{
	/* The upper half is the supervisor's, see acts.c. */
	auth->last_id = auth->last_id % 0x7fffffffu + 1;
	return auth->last_id;
}

void
auth_forget(struct auth *auth)
{
	struct ipc *ipc = auth->peers[ROLE_API].ipc;

	if (ipc != NULL && ipc_send_empty(ipc, MSG_FORGET, 0) == -1)
		log_warn("FORGET");
}

/* --- configuration --- */

static void
conf_begin(void *arg)
{
	struct auth *auth = arg;

	auth->have_next = false;
	if (auth->next_dir != -1)
		close(auth->next_dir);
	auth->next_dir = -1;
}

static void
on_conf_auth(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct auth *auth = arg;

	auth_conf_get(&m->cur, &auth->next);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	if (auth->next_dir != -1)
		close(auth->next_dir);
	auth->next_dir = msg_take_fd(m);
	auth->have_next = true;
}

static int
conf_prepare(void *arg, char *why, size_t size)
{
	struct auth *auth = arg;

	if (auth->dir != -1 || (auth->have_next && auth->next_dir != -1))
		return 0;
	snprintf(why, size, "no directory for users");
	return -1;
}

static void
conf_commit(void *arg)
{
	struct auth *auth = arg;

	if (auth->have_next)
		auth->conf = auth->next;
	auth->have_next = false;
	if (auth->dir == -1) {
		auth->dir = auth->next_dir;
		auth->next_dir = -1;
	}
	conf_begin(auth);
	/* Before serve() nothing is read: that is done without rights. */
	if (auth->tick == NULL)
		return;
	/* What somebody mended by hand. */
	auth_load(auth, false);
	auth_forget(auth);
}

static void
on_audit_file(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct auth *auth = arg;
	uint8_t index = msg_get_u8(&m->cur);

	if (msg_end(&m->cur) == -1 || m->fd == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	audit_file(&auth->audit, index, msg_take_fd(m));
	if (index == 0)
		auth->full_told = false;
}

/* --- the clock --- */

static void
save_dirty(struct auth *auth)
{
	char why[256];

	auth->saved_ms = auth_ms();
	for (unsigned i = 0; i < AUTH_FILES; i++) {
		if (auth->dirty[i] && !auth->broken[i] &&
		    auth_save(auth, (enum auth_file)i, why, sizeof(why)) == -1)
			log_warnx("%s", why);
	}
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct auth *auth = arg;
	struct auth_life life = { auth->conf.idle_s, auth->conf.age_s };

	auth_hash_tick(auth);
	auth_acts_tick(auth);
	if (auth->audit.npending > 0)
		audit_flush(&auth->audit);
	if (auth_ms() - auth->saved_ms < AUTH_SAVE_MS)
		return;
	if (auth_db_expire(&auth->db, &life, auth_now()) > 0)
		auth->dirty[AUTH_FILE_SESSIONS] = true;
	save_dirty(auth);
}

/* --- peers --- */

static void
on_peer_end(struct ipc *ipc, int err, void *arg)
{
	struct auth_peer *p = arg;
	enum role role = ipc_peer(ipc);

	if (p->ipc == ipc)
		p->ipc = NULL;
	ipc_free(ipc);
	auth_acts_fail(p->auth, role);
}

static const struct ipc_handler api_handlers[] = {
	{ MSG_WHO, auth_on_who },
	{ MSG_LOGIN, auth_on_login },
	{ MSG_LOGOUT, auth_on_logout },
	{ MSG_ACT, auth_on_act },
	{ MSG_NONE, NULL },
};

static const struct ipc_handler control_handlers[] = {
	{ MSG_ACT, auth_on_act },
	{ MSG_NONE, NULL },
};

static const struct ipc_handler doer_handlers[] = {
	{ MSG_DONE, auth_on_done },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops api_ops = {
	.handlers = api_handlers,
	.on_end = on_peer_end,
	.on_bad = proc_on_peer_bad,
};

static const struct ipc_ops control_ops = {
	.handlers = control_handlers,
	.on_end = on_peer_end,
	.on_bad = proc_on_peer_bad,
};

static const struct ipc_ops doer_ops = {
	.handlers = doer_handlers,
	.on_end = on_peer_end,
	.on_bad = proc_on_peer_bad,
};

static const struct ipc_ops *
ops_for(enum role role)
{
	if (role == ROLE_API)
		return &api_ops;
	if (role == ROLE_CONTROL)
		return &control_ops;
	return role == ROLE_CAPTURE || role == ROLE_REPLAY ||
		role == ROLE_NOSTR ?
	    &doer_ops :
	    NULL;
}

void
auth_peer(struct auth *auth, enum role role, uint32_t generation, int fd)
{
	struct auth_peer *p = &auth->peers[role];
	const struct ipc_ops *ops = ops_for(role);

	p->auth = auth;
	if (role == ROLE_PASSWORD) {
		auth_hash_peer(auth, generation, fd);
		return;
	}
	if (ops == NULL) {
		close(fd);
		return;
	}
	if (p->ipc != NULL)
		on_peer_end(p->ipc, 0, p);
	p->generation = generation;
	p->ipc = ipc_new(auth->base, fd, ROLE_AUTH, role, ops, p);
	if (p->ipc == NULL)
		log_warn("channel to %s", role_name(role));
}

static void
peer(struct proc *proc, enum role role, uint32_t generation, int fd, void *arg)
{
	struct auth *auth = arg;

	/* A peer may be introduced before the configuration is complete. */
	auth->base = proc_base(proc);
	auth_peer(auth, role, generation, fd);
}

/* --- the role --- */

static const struct ipc_handler supervisor_handlers[] = {
	{ MSG_CONF_AUTH, on_conf_auth },
	{ MSG_AUDIT_FILE, on_audit_file },
	{ MSG_DONE, auth_on_done },
	{ MSG_NONE, NULL },
};

static void
start(struct proc *proc, void *arg)
{
	struct auth *auth = arg;

	auth->base = proc_base(proc);
	auth->supervisor = proc_supervisor(proc);
}

static void
promises(struct sandbox *box, void *arg)
{
	struct auth *auth = arg;

	box->promises = SB_STDIO | SB_PASSFD | SB_RPATH | SB_WPATH | SB_CPATH;
	box->dir_fd = auth->dir;
	box->dir_rights = SB_PATH_READ | SB_PATH_WRITE;
	box->nofile = 96;
	box->memory = MEMORY;
}

/* Run by hand: whoever started it may come in. */
static void
send_url(struct auth *auth)
{
	char user[ACT_NAME], url[256];
	struct mbuf b;

	snprintf(user, sizeof(user), AUTH_UID_IS "%u", auth->conf.owner_uid);
	if (auth_url(auth, user, url, sizeof(url)) == -1)
		return;
	mbuf_init(&b);
	msg_put_str(&b, url);
	if (ipc_send(auth->supervisor, MSG_LOGIN_CODE, 0, -1, &b) == -1)
		log_warn("LOGIN_CODE");
	mbuf_free(&b);
	explicit_bzero(url, sizeof(url));
}

static void
serve(struct proc *proc, void *arg)
{
	struct auth *auth = arg;

	auth->tick = event_new(auth->base, -1, EV_PERSIST, on_tick, auth);
	if (auth->tick == NULL || event_add(auth->tick, &tick_every) == -1)
		fatal("timer");
	auth->saved_ms = auth_ms();
	auth_load(auth, true);
	if (auth->conf.print_url && !auth->conf.open)
		send_url(auth);
	else if (auth->db.nusers == 0 && !auth->broken[AUTH_FILE_USERS] &&
	    !auth->conf.open)
		log_info("no user yet: `hashscopectl login-url` prints a URL "
			 "that logs in once");
}

static void
stop(struct proc *proc, void *arg)
{
	struct auth *auth = arg;

	auth_acts_clear(auth);
	auth_hash_clear(auth);
	save_dirty(auth);
	audit_clear(&auth->audit);
	proc_exit(proc, 0);
}

static const struct proc_role role = {
	.role = ROLE_AUTH,
	.name = "auth",
	.handlers = supervisor_handlers,
	.create = auth_new,
	.conf_begin = conf_begin,
	.conf_prepare = conf_prepare,
	.conf_commit = conf_commit,
	.start = start,
	.sandbox = promises,
	.serve = serve,
	.peer = peer,
	.shutdown = stop,
};

const struct proc_role *
auth_role(void)
{
	return &role;
}

void *
auth_new(void)
{
	struct auth *auth = calloc(1, sizeof(*auth));
	uint8_t key[2][16];

	if (auth == NULL)
		return NULL;
	random_bytes(key, sizeof(key));
	/* The supervisor may still answer what our predecessor asked. */
	random_bytes(&auth->last_id, sizeof(auth->last_id));
	throttle_init(&auth->by_address, key[0], AUTH_SLOW_ADDRESS);
	throttle_init(&auth->by_user, key[1], AUTH_SLOW_USER);
	auth->dir = auth->next_dir = -1;
	audit_init(&auth->audit);
	TAILQ_INIT(&auth->hashes);
	TAILQ_INIT(&auth->acts);
	return auth;
}
