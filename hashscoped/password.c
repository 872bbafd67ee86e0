/*
 * The password role.  Checking a password costs tens of milliseconds and
 * 16 MiB by design, which auth, who answers everybody's "who is this",
 * cannot spend.  A thread would share its memory, and a child forked by
 * auth could not be replaced once auth has given up the right to fork; so
 * it is a role like any other: started, watched and started again by the
 * supervisor, without files, network or a socket but the channel to auth,
 * and under SCHED_BATCH, so that a flood of logins does not take the
 * processor from the relay.
 *
 * It answers one question after another; who may ask how often is auth's to
 * decide.
 */
#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "hashscoped/password.h"

#define MEMORY (96u << 20)

struct password {
	struct ipc *auth;
};

int
password_make(const char *password, char hash[PASSWORD_HASH])
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	struct crypt_data *d;
	const char *made;
	int r = -1;

	/* Cost 0: what the library holds to be right. */
	if (crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof(setting)) ==
	    NULL)
		return -1;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return -1;
	made = crypt_rn(password, setting, d, sizeof(*d));
	if (made != NULL && strlen(made) < PASSWORD_HASH) {
		memcpy(hash, made, strlen(made) + 1);
		r = 0;
	}
	explicit_bzero(d, sizeof(*d));
	free(d);
	return r;
}

int
password_check(const char *password, const char *hash)
{
	volatile unsigned char differ = 0;
	struct crypt_data *d;
	const char *made;
	size_t n = strlen(hash);
	int same = 0;

	/* Nothing weaker, whatever the file says. */
	if (strncmp(hash, "$y$", 3) != 0)
		return 0;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return 0;
	made = crypt_rn(password, hash, d, sizeof(*d));
	if (made != NULL && strlen(made) == n) {
		for (size_t i = 0; i < n; i++)
			differ |= (unsigned char)(made[i] ^ hash[i]);
		same = differ == 0;
	}
	explicit_bzero(d, sizeof(*d));
	free(d);
	return same;
}

static void
on_hash(struct ipc *ipc, struct msg_in *m, void *arg)
{
	char password[PASSWORD_MAX], hash[PASSWORD_HASH];
	struct mbuf body;
	uint8_t result;

	msg_get_str(&m->cur, password, sizeof(password));
	msg_get_str(&m->cur, hash, sizeof(hash));
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	if (hash[0] == '\0')
		result = password_make(password, hash) == 0;
	else
		result = password_check(password, hash) == 1;
	explicit_bzero(password, sizeof(password));
	mbuf_init(&body);
	msg_put_u8(&body, result);
	msg_put_str(&body, hash);
	if (ipc_send(ipc, MSG_HASHED, m->id, -1, &body) == -1)
		log_warn("an answer could not be sent");
	mbuf_free(&body);
	explicit_bzero(hash, sizeof(hash));
}

static const struct ipc_handler auth_handlers[] = {
	{ MSG_HASH, on_hash },
	{ MSG_NONE, NULL },
};

static void
on_auth_end(struct ipc *ipc, int err, void *arg)
{
	struct password *p = arg;

	if (p->auth == ipc)
		p->auth = NULL;
	ipc_free(ipc);
}

static const struct ipc_ops auth_ops = {
	.handlers = auth_handlers,
	.on_end = on_auth_end,
};

static void
nothing(void *arg)
{
}

static int
agree(void *arg, char *why, size_t size)
{
	return 0;
}

static void
start(struct proc *proc, void *arg)
{
}

static void
promises(struct sandbox *box, void *arg)
{
	box->promises = SB_STDIO | SB_PASSFD;
	box->nofile = 32;
	box->memory = MEMORY;
}

static void
peer(struct proc *proc, enum role role, uint32_t generation, int fd, void *arg)
{
	struct password *p = arg;

	ipc_free(p->auth);
	p->auth = ipc_new(proc_base(proc), fd, ROLE_PASSWORD, role, &auth_ops,
	    p);
}

static const struct proc_role role = {
	.role = ROLE_PASSWORD,
	.name = "password",
	.create = password_new,
	.conf_begin = nothing,
	.conf_prepare = agree,
	.conf_commit = nothing,
	.start = start,
	.sandbox = promises,
	.peer = peer,
};

const struct proc_role *
password_role(void)
{
	return &role;
}

void *
password_new(void)
{
	return calloc(1, sizeof(struct password));
}
