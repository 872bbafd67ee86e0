/*
 * What the password role is asked: one question at a time, so that what
 * waits is ours to count and to give up.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "hashscoped/auth_int.h"
#include "hashscoped/password.h"

struct auth_hash_job {
	TAILQ_ENTRY(auth_hash_job) entry;
	uint32_t own;
	bool login, sent;
	unsigned tries;
	int64_t since;
	auth_hash_fn *fn;
	void *arg;
	char password[PASSWORD_MAX];
	char hash[AUTH_HASH]; /* "": make one */
};

static void
job_end(struct auth *auth, struct auth_hash_job *j, int result,
    const char *hash)
{
	TAILQ_REMOVE(&auth->hashes, j, entry);
	auth->nhashes--;
	auth->nlogins -= j->login;
	j->fn(auth, j->arg, result, hash);
	explicit_bzero(j, sizeof(*j));
	free(j);
}

/* The first in the queue is asked, if it is not already. */
static void
ask_next(struct auth *auth)
{
	struct auth_hash_job *j = TAILQ_FIRST(&auth->hashes);
	struct ipc *ipc = auth->peers[ROLE_PASSWORD].ipc;
	struct mbuf b;

	if (j == NULL || j->sent || ipc == NULL)
		return;
	mbuf_init(&b);
	msg_put_str(&b, j->password);
	msg_put_str(&b, j->hash);
	j->sent = ipc_send(ipc, MSG_HASH, j->own, -1, &b) == 0;
	j->tries += j->sent;
	if (b.data != NULL)
		explicit_bzero(b.data, b.len);
	mbuf_free(&b);
}

int
auth_hash_ask(struct auth *auth, const char *password, const char *hash,
    bool login, auth_hash_fn *fn, void *arg)
{
	struct auth_hash_job *j;

	if (auth->nhashes >= AUTH_HASHES ||
	    (login && auth->nlogins >= AUTH_LOGINS))
		return -1;
	j = calloc(1, sizeof(*j));
	if (j == NULL)
		return -1;
	j->own = auth_next_id(auth);
	j->login = login;
	j->since = auth_ms();
	j->fn = fn;
	j->arg = arg;
	strncpy(j->password, password, sizeof(j->password) - 1);
	if (hash != NULL)
		strncpy(j->hash, hash, sizeof(j->hash) - 1);
	TAILQ_INSERT_TAIL(&auth->hashes, j, entry);
	auth->nhashes++;
	auth->nlogins += login;
	ask_next(auth);
	return 0;
}

static void
on_hashed(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct auth_peer *p = arg;
	struct auth_hash_job *j = TAILQ_FIRST(&p->auth->hashes);
	char hash[AUTH_HASH];
	bool yes;

	yes = msg_get_bool(&m->cur);
	msg_get_str(&m->cur, hash, sizeof(hash));
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	/* Of one that was given up. */
	if (j == NULL || j->own != m->id)
		return;
	job_end(p->auth, j, yes, hash);
	ask_next(p->auth);
}

static void
on_end(struct ipc *ipc, int err, void *arg)
{
	struct auth_peer *p = arg;
	struct auth_hash_job *j = TAILQ_FIRST(&p->auth->hashes);

	if (p->ipc == ipc)
		p->ipc = NULL;
	ipc_free(ipc);
	/* Asked once more, of the next; a password that kills it twice is
	 * no password. */
	if (j == NULL || !j->sent)
		return;
	j->sent = false;
	if (j->tries > 1)
		job_end(p->auth, j, -1, "");
}

static const struct ipc_handler handlers[] = {
	{ MSG_HASHED, on_hashed },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops ops = {
	.handlers = handlers,
	.on_end = on_end,
};

void
auth_hash_peer(struct auth *auth, uint32_t generation, int fd)
{
	struct auth_peer *p = &auth->peers[ROLE_PASSWORD];

	if (p->ipc != NULL)
		on_end(p->ipc, 0, p);
	p->generation = generation;
	p->ipc = ipc_new(auth->base, fd, ROLE_AUTH, ROLE_PASSWORD, &ops, p);
	if (p->ipc == NULL)
		log_warn("no channel to password");
	ask_next(auth);
}

/* Who waits too long is told so. */
void
auth_hash_tick(struct auth *auth)
{
	struct auth_hash_job *j;

	while ((j = TAILQ_FIRST(&auth->hashes)) != NULL &&
	    auth_ms() - j->since > AUTH_HASH_MS)
		job_end(auth, j, -1, "");
	ask_next(auth);
}

void
auth_hash_clear(struct auth *auth)
{
	struct auth_hash_job *j;

	while ((j = TAILQ_FIRST(&auth->hashes)) != NULL)
		job_end(auth, j, -1, "");
}
