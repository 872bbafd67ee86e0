/*
 * The auth role between apid, control and those who do things, all of them
 * played by this test over socketpairs.  Passwords are really hashed.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hashscoped/auth.h"
#include "hashscoped/auth_int.h"
#include "hashscoped/password.h"

#define DEADLINE_MS 10000
#define PASSWORD    "correct horse"

struct world {
	struct auth *auth;
	struct event_base *base;
	struct ipc_ops supervisor_ops;
	int supervisor, api, control, capture, password; /* the far ends */
	char dir[32];
	int log;
};

static unsigned got_type;
static uint32_t got_id, last_id;
static struct mbuf got;

static int
make_peer(struct world *w, enum role role, uint32_t generation)
{
	int fds[2];

	assert_int_equal(ipc_pair(fds), 0);
	auth_peer(w->auth, role, generation, fds[0]);
	return fds[1];
}

static void
load(struct world *w)
{
	w->auth->base = w->base;
	w->auth->dir = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(w->auth->dir != -1);
	w->auth->conf = (struct auth_conf){ .idle_s = 3600,
		.age_s = 86400,
		.audit_bytes = 1u << 20,
		.console = "http://127.0.0.1:8000" };
	audit_file(&w->auth->audit, 0,
	    openat(w->auth->dir, "log", O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC,
		0600));
	auth_load(w->auth, true);
}

static void
connect_all(struct world *w)
{
	int fds[2];

	assert_int_equal(ipc_pair(fds), 0);
	w->supervisor_ops.handlers = auth_role()->handlers;
	w->auth->supervisor = ipc_new(w->base, fds[0], ROLE_AUTH,
	    ROLE_SUPERVISOR, &w->supervisor_ops, w->auth);
	w->supervisor = fds[1];
	w->api = make_peer(w, ROLE_API, 1);
	w->control = make_peer(w, ROLE_CONTROL, 1);
	w->capture = make_peer(w, ROLE_CAPTURE, 1);
	w->password = make_peer(w, ROLE_PASSWORD, 1);
}

static void
let_go(struct world *w)
{
	auth_acts_clear(w->auth);
	auth_hash_clear(w->auth);
	audit_clear(&w->auth->audit);
	for (unsigned i = 0; i < ROLE_MAX; i++)
		ipc_free(w->auth->peers[i].ipc);
	ipc_free(w->auth->supervisor);
	close(w->supervisor);
	close(w->api);
	close(w->control);
	close(w->capture);
	close(w->password);
	close(w->auth->dir);
	free(w->auth);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	strcpy(w->dir, "/tmp/hs-auth-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->base = event_base_new();
	w->auth = auth_new();
	assert_non_null(w->base);
	assert_non_null(w->auth);
	load(w);
	connect_all(w);
	mbuf_init(&got);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const names[] = { "users", "tokens", "sessions",
		"log" };
	struct world *w = *state;
	char path[64];

	let_go(w);
	event_base_free(w->base);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(w->dir), 0);
	mbuf_free(&got);
	free(w);
	return 0;
}

/* As after kill -9: what is in memory is gone. */
static void
restart(struct world *w)
{
	let_go(w);
	w->auth = auth_new();
	assert_non_null(w->auth);
	load(w);
	connect_all(w);
}

static void
tell(struct world *w, int fd, enum msg_type type, uint32_t id,
    const struct mbuf *b)
{
	assert_int_equal(ipc_write_blocking(fd, type, id, b), 0);
	event_base_loop(w->base, EVLOOP_NONBLOCK);
}

static bool
is_there(int fd, int ms)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, ms) == 1;
}

/* The password role's work, when there is any; how much. */
static unsigned
hash_all(struct world *w)
{
	char password[PASSWORD_MAX], hash[PASSWORD_HASH];
	struct mbuf in, out;
	unsigned type, n = 0;
	struct mcur c;
	uint32_t id;
	bool yes;
	int fd;

	mbuf_init(&in);
	for (; is_there(w->password, 0); n++) {
		assert_int_equal(ipc_read_blocking(w->password, ROLE_PASSWORD,
				     ROLE_AUTH, &in, &type, &id, &fd),
		    0);
		assert_int_equal(type, MSG_HASH);
		mcur_init(&c, in.data, in.len);
		msg_get_str(&c, password, sizeof(password));
		msg_get_str(&c, hash, sizeof(hash));
		assert_int_equal(msg_end(&c), 0);
		yes = hash[0] == '\0' ? password_make(password, hash) == 0 :
					password_check(password, hash) == 1;
		mbuf_init(&out);
		msg_put_u8(&out, yes);
		msg_put_str(&out, hash);
		tell(w, w->password, MSG_HASHED, id, &out);
		mbuf_free(&out);
	}
	mbuf_free(&in);
	return n;
}

static void
receive(struct world *w, int fd, enum role self, unsigned type)
{
	int passed;

	for (int ms = 0; ms < DEADLINE_MS; ms += 5) {
		event_base_loop(w->base, EVLOOP_NONBLOCK);
		hash_all(w);
		if (!is_there(fd, ms == 0 ? 0 : 5))
			continue;
		assert_int_equal(ipc_read_blocking(fd, self, ROLE_AUTH, &got,
				     &got_type, &got_id, &passed),
		    0);
		if (got_type == MSG_FORGET && type != MSG_FORGET)
			continue;
		assert_string_equal(msg_info(got_type)->name,
		    msg_info(type)->name);
		return;
	}
	fail_msg("no %s", msg_info(type)->name);
}

/* --- asking as apid --- */

static struct act_identity
identity(struct world *w)
{
	struct act_identity i;
	struct mcur c;

	receive(w, w->api, ROLE_API, MSG_IDENTITY);
	assert_int_equal(got_id, last_id);
	mcur_init(&c, got.data, got.len);
	act_identity_get(&c, &i);
	assert_int_equal(msg_end(&c), 0);
	return i;
}

static void
send_login(struct world *w, const char *user, const char *password,
    const char *code, const char *peer)
{
	struct act_login l;
	struct mbuf b;

	memset(&l, 0, sizeof(l));
	snprintf(l.user, sizeof(l.user), "%s", user);
	snprintf(l.password, sizeof(l.password), "%s", password);
	snprintf(l.code, sizeof(l.code), "%s", code);
	snprintf(l.peer, sizeof(l.peer), "%s", peer);
	mbuf_init(&b);
	act_login_put(&b, &l);
	tell(w, w->api, MSG_LOGIN, ++last_id, &b);
	mbuf_free(&b);
}

static struct act_identity
login(struct world *w, const char *user, const char *password, const char *peer)
{
	send_login(w, user, password, "", peer);
	return identity(w);
}

static struct act_identity
who_is(struct world *w, enum act_credential by, const char *secret)
{
	struct act_who who = { .credential = (uint8_t)by };
	struct mbuf b;

	snprintf(who.secret, sizeof(who.secret), "%s", secret);
	mbuf_init(&b);
	act_who_put(&b, &who);
	tell(w, w->api, MSG_WHO, ++last_id, &b);
	mbuf_free(&b);
	return identity(w);
}

/* --- having things done --- */

static void
send_act(struct world *w, int fd, const struct act *a)
{
	struct mbuf b;

	mbuf_init(&b);
	act_put(&b, a);
	tell(w, fd, MSG_ACT, ++last_id, &b);
	mbuf_free(&b);
}

static struct act_done
acted(struct world *w, int fd)
{
	struct act_done d;
	struct mcur c;

	receive(w, fd, fd == w->api ? ROLE_API : ROLE_CONTROL, MSG_ACTED);
	assert_int_equal(got_id, last_id);
	mcur_init(&c, got.data, got.len);
	act_done_get(&c, &d);
	assert_int_equal(msg_end(&c), 0);
	return d;
}

static struct act
by_uid(enum act_kind kind, bool may_act)
{
	struct act a = { .kind = (uint8_t)kind };

	a.who.credential = ACT_UID;
	a.who.uid = 1000;
	a.who.may_act = may_act;
	snprintf(a.who.peer, sizeof(a.who.peer), "hashscopectl");
	return a;
}

static struct act
by_cookie(enum act_kind kind, const char *secret)
{
	struct act a = { .kind = (uint8_t)kind };

	a.who.credential = ACT_COOKIE;
	snprintf(a.who.secret, sizeof(a.who.secret), "%s", secret);
	snprintf(a.who.peer, sizeof(a.who.peer), "192.0.2.9:1");
	return a;
}

static struct act
with(struct act a, const char *name, enum act_role role, const char *text)
{
	snprintf(a.name, sizeof(a.name), "%s", name);
	a.role = (uint8_t)role;
	a.text = text;
	a.text_len = (uint32_t)strlen(text);
	return a;
}

static unsigned
do_act(struct world *w, int fd, struct act a)
{
	send_act(w, fd, &a);
	return acted(w, fd).status;
}

static void
add_user(struct world *w, const char *name, enum act_role role)
{
	assert_int_equal(do_act(w, w->control,
			     with(by_uid(ACT_USER_ADD, true), name, role,
				 PASSWORD)),
	    200);
}

static const char *
log_text(struct world *w)
{
	static char text[65536];
	ssize_t n = pread(w->auth->audit.fd, text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

/* How often something stands in the audit log. */
static unsigned
logged(struct world *w, const char *what)
{
	const char *p = log_text(w);
	unsigned n = 0;

	for (; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

/* --- who somebody is --- */

static void
test_login(void **state)
{
	struct world *w = *state;
	struct act_identity i, me;

	add_user(w, "ann", ACT_ROLE_OPERATOR);
	i = login(w, "ann", PASSWORD, "192.0.2.1:1000");
	assert_int_equal(i.status, 200);
	assert_int_equal(i.role, ACT_ROLE_OPERATOR);
	assert_string_equal(i.user, "ann");
	assert_int_equal(strlen(i.secret), AUTH_SECRET - 1);
	assert_int_equal(i.lives_s, 3600);
	me = who_is(w, ACT_COOKIE, i.secret);
	assert_int_equal(me.status, 200);
	assert_int_equal(me.role, ACT_ROLE_OPERATOR);
	assert_string_equal(me.user, "ann");
	assert_string_equal(me.secret, "");
	/* A cookie is no token. */
	assert_int_equal(who_is(w, ACT_BEARER, i.secret).status, 401);
	assert_int_equal(who_is(w, ACT_COOKIE, "").status, 401);
	assert_int_equal(who_is(w, ACT_NOBODY, "").status, 401);
	assert_int_equal(who_is(w, ACT_OPEN, "").status, 401);
	assert_int_equal(who_is(w, ACT_UID, "").status, 401);
	assert_int_equal(login(w, "ann", "wrong", "192.0.2.2:1").status, 401);
	assert_int_equal(login(w, "bob", PASSWORD, "192.0.2.3:1").status, 401);
	assert_int_equal(login(w, "", "", "192.0.2.4:1").status, 401);
	assert_int_equal(logged(w, "\"event\":\"login\""), 4);
	assert_int_equal(logged(w, PASSWORD), 0);
	assert_int_equal(logged(w, i.secret), 0);
}

static void
test_sessions_survive(void **state)
{
	struct world *w = *state;
	struct act_identity i;

	add_user(w, "ann", ACT_ROLE_VIEWER);
	i = login(w, "ann", PASSWORD, "192.0.2.1:1");
	restart(w);
	assert_int_equal(who_is(w, ACT_COOKIE, i.secret).status, 200);
	assert_string_equal(who_is(w, ACT_COOKIE, i.secret).user, "ann");
}

static void
test_logout(void **state)
{
	struct world *w = *state;
	struct act_identity i, j;
	struct act_who who = { .credential = ACT_COOKIE };
	struct mbuf b;

	add_user(w, "ann", ACT_ROLE_VIEWER);
	i = login(w, "ann", PASSWORD, "192.0.2.1:1");
	j = login(w, "ann", PASSWORD, "192.0.2.1:1");
	memcpy(who.secret, i.secret, sizeof(who.secret));
	mbuf_init(&b);
	act_who_put(&b, &who);
	tell(w, w->api, MSG_LOGOUT, ++last_id, &b);
	mbuf_free(&b);
	receive(w, w->api, ROLE_API, MSG_FORGET);
	assert_int_equal(who_is(w, ACT_COOKIE, i.secret).status, 401);
	assert_int_equal(who_is(w, ACT_COOKIE, j.secret).status, 200);
	restart(w);
	assert_int_equal(who_is(w, ACT_COOKIE, i.secret).status, 401);
}

static void
test_open(void **state)
{
	struct world *w = *state;
	struct act a = { .kind = ACT_USERS };

	w->auth->conf.open = true;
	assert_int_equal(who_is(w, ACT_OPEN, "").role, ACT_ROLE_ADMIN);
	/* control does not know it. */
	a.who.credential = ACT_OPEN;
	assert_int_equal(do_act(w, w->api, a), 200);
	assert_int_equal(do_act(w, w->control, a), 401);
	/* And apid knows no uids. */
	assert_int_equal(do_act(w, w->api, by_uid(ACT_USERS, true)), 401);
}

/* --- guessing --- */

/* More of the same: then it is slowed for longer than we take for anything. */
static void
guesses_on(struct world *w, const char *user, const char *peer)
{
	for (unsigned n = 0; n < 6; n++)
		auth_charge(w->auth, user, peer);
}

static void
test_guessing_is_slowed(void **state)
{
	struct world *w = *state;
	struct act_identity i;

	add_user(w, "ann", ACT_ROLE_ADMIN);
	for (unsigned n = 0; n < THROTTLE_FREE; n++) {
		i = login(w, "ann", "wrong", "192.0.2.1:1");
		assert_int_equal(i.status, 401);
	}
	send_login(w, "ann", "wrong", "", "192.0.2.1:2");
	guesses_on(w, "ann", "192.0.2.1:2");
	i = identity(w);
	assert_int_equal(i.status, 401);
	assert_true(i.retry_s > 0);
	i = login(w, "ann", PASSWORD, "192.0.2.1:3");
	assert_int_equal(i.status, 429);
	assert_true(i.retry_s > 0);
	/* So is the user from elsewhere, and the address for others. */
	assert_int_equal(login(w, "ann", PASSWORD, "192.0.2.2:1").status, 429);
	assert_int_equal(login(w, "bob", PASSWORD, "192.0.2.1:1").status, 429);
	/* A name that does not exist is treated alike. */
	for (unsigned n = 0; n < THROTTLE_FREE + 1; n++)
		assert_int_equal(login(w, "bob", "x", "192.0.2.3:1").status,
		    401);
	guesses_on(w, "bob", "192.0.2.3:1");
	assert_int_equal(login(w, "bob", "x", "192.0.2.4:1").status, 429);
}

/* A stranger cannot lock out who is logged in already. */
static void
test_who_is_known_gets_in(void **state)
{
	struct world *w = *state;

	add_user(w, "ann", ACT_ROLE_ADMIN);
	assert_int_equal(login(w, "ann", PASSWORD, "192.0.2.1:1").status, 200);
	for (unsigned n = 0; n < THROTTLE_FREE + 1; n++)
		assert_int_equal(login(w, "ann", "x", "192.0.2.9:1").status,
		    401);
	guesses_on(w, "ann", "192.0.2.9:1");
	assert_int_equal(login(w, "ann", PASSWORD, "192.0.2.7:1").status, 429);
	assert_int_equal(login(w, "ann", PASSWORD, "192.0.2.1:7").status, 200);
}

/* Many at once: few are looked at, and WHO is answered at once. */
static void
test_a_flood(void **state)
{
	struct world *w = *state;
	unsigned looked = 0, refused = 0;
	struct act_identity i;
	struct mcur c;
	char peer[32];

	add_user(w, "ann", ACT_ROLE_ADMIN);
	for (unsigned n = 0; n < 1000; n++) {
		snprintf(peer, sizeof(peer), "192.0.2.%u:1", n % 250);
		send_login(w, "ann", "wrong", "", peer);
		while (is_there(w->api, 0)) {
			receive(w, w->api, ROLE_API, MSG_IDENTITY);
			mcur_init(&c, got.data, got.len);
			act_identity_get(&c, &i);
			refused += i.status == 429;
			looked += i.status == 401;
		}
	}
	/* Those few are with the password role, of which we hear nothing
	 * while somebody else is answered. */
	assert_true(w->auth->nhashes <= AUTH_LOGINS);
	assert_true(looked <= AUTH_LOGINS + THROTTLE_FREE);
	assert_true(refused >= 980);
	while (w->auth->nhashes > 0)
		receive(w, w->api, ROLE_API, MSG_IDENTITY);
	/* Nor does the audit log grow by a line each. */
	assert_true(logged(w, "\"event\":\"login\"") <= AUDIT_BURST);
}

static void
test_password_role_dies(void **state)
{
	struct world *w = *state;
	int old;

	add_user(w, "ann", ACT_ROLE_ADMIN);
	send_login(w, "ann", PASSWORD, "", "192.0.2.1:1");
	/* Its question is asked again, of the next. */
	old = w->password;
	w->password = make_peer(w, ROLE_PASSWORD, 2);
	close(old);
	assert_int_equal(identity(w).status, 200);
	/* Twice, and it is given up. */
	for (unsigned n = 0; n < 2; n++) {
		if (n == 0)
			send_login(w, "ann", PASSWORD, "", "192.0.2.1:1");
		old = w->password;
		w->password = make_peer(w, ROLE_PASSWORD, 3 + n);
		close(old);
	}
	assert_int_equal(identity(w).status, 503);
	assert_int_equal(login(w, "ann", PASSWORD, "192.0.2.1:1").status, 200);
}

/* --- one-time URLs --- */

static void
get_url(struct world *w, struct act a, char code[AUTH_SECRET])
{
	struct act_done d;
	const char *p;

	send_act(w, a.who.credential == ACT_UID ? w->control : w->api, &a);
	d = acted(w, a.who.credential == ACT_UID ? w->control : w->api);
	assert_int_equal(d.status, 200);
	p = memmem(d.result, d.result_len, "/#login=", 8);
	assert_non_null(p);
	memcpy(code, p + 8, AUTH_SECRET - 1);
	code[AUTH_SECRET - 1] = '\0';
}

static void
test_login_url(void **state)
{
	struct world *w = *state;
	char code[AUTH_SECRET];
	struct act_identity i;

	get_url(w, by_uid(ACT_LOGIN_URL, true), code);
	assert_int_equal(logged(w, code), 0);
	send_login(w, "", "", code, "192.0.2.1:1");
	i = identity(w);
	assert_int_equal(i.status, 200);
	assert_int_equal(i.role, ACT_ROLE_ADMIN);
	assert_string_equal(i.user, "uid:1000");
	assert_int_equal(who_is(w, ACT_COOKIE, i.secret).role, ACT_ROLE_ADMIN);
	/* Once. */
	send_login(w, "", "", code, "192.0.2.1:1");
	assert_int_equal(identity(w).status, 401);
	/* Not for ever. */
	get_url(w, by_uid(ACT_LOGIN_URL, true), code);
	for (unsigned n = 0; n < AUTH_CODES; n++)
		w->auth->codes[n].until -= AUTH_CODE_S * 1000;
	send_login(w, "", "", code, "192.0.2.1:1");
	assert_int_equal(identity(w).status, 401);
	restart(w);
	assert_string_equal(who_is(w, ACT_COOKIE, i.secret).user, "uid:1000");
}

/* A user's URL logs in as that user, while it exists. */
static void
test_login_url_of_a_user(void **state)
{
	struct world *w = *state;
	char code[AUTH_SECRET];
	struct act_identity i;

	add_user(w, "ann", ACT_ROLE_ADMIN);
	i = login(w, "ann", PASSWORD, "192.0.2.1:1");
	get_url(w, by_cookie(ACT_LOGIN_URL, i.secret), code);
	send_login(w, "", "", code, "192.0.2.2:1");
	assert_string_equal(identity(w).user, "ann");
	get_url(w, by_cookie(ACT_LOGIN_URL, i.secret), code);
	assert_int_equal(do_act(w, w->control,
			     with(by_uid(ACT_USER_REMOVE, true), "ann",
				 ACT_ROLE_NONE, "")),
	    200);
	send_login(w, "", "", code, "192.0.2.2:1");
	assert_int_equal(identity(w).status, 401);
}

/* --- users and tokens --- */

static void
test_users(void **state)
{
	static const struct {
		const char *name;
		enum act_role role;
		const char *password;
		unsigned status;
	} tab[] = {
		{ "ann", ACT_ROLE_ADMIN, PASSWORD, 200 },
		{ "ann", ACT_ROLE_ADMIN, PASSWORD, 409 },
		{ "", ACT_ROLE_ADMIN, PASSWORD, 422 },
		{ "uid:0", ACT_ROLE_ADMIN, PASSWORD, 422 },
		{ "bob", ACT_ROLE_NONE, PASSWORD, 422 },
		{ "bob", ACT_ROLE_VIEWER, "short", 422 },
		{ "bob", ACT_ROLE_VIEWER, "long enough\n", 422 },
		{ "bob", ACT_ROLE_VIEWER, PASSWORD, 200 },
	};
	struct world *w = *state;
	struct act_identity i;
	struct stat st;

	for (size_t n = 0; n < sizeof(tab) / sizeof(tab[0]); n++)
		assert_int_equal(do_act(w, w->control,
				     with(by_uid(ACT_USER_ADD, true),
					 tab[n].name, tab[n].role,
					 tab[n].password)),
		    tab[n].status);
	assert_int_equal(fstatat(w->auth->dir, "users", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	restart(w);
	i = login(w, "bob", PASSWORD, "192.0.2.1:1");
	assert_int_equal(i.role, ACT_ROLE_VIEWER);
	/* Another role holds at once, and apid is told. */
	assert_int_equal(do_act(w, w->control,
			     with(by_uid(ACT_USER_ROLE, true), "bob",
				 ACT_ROLE_OPERATOR, "")),
	    200);
	receive(w, w->api, ROLE_API, MSG_FORGET);
	assert_int_equal(who_is(w, ACT_COOKIE, i.secret).role,
	    ACT_ROLE_OPERATOR);
	assert_int_equal(do_act(w, w->control,
			     with(by_uid(ACT_USER_REMOVE, true), "bob",
				 ACT_ROLE_NONE, "")),
	    200);
	assert_int_equal(who_is(w, ACT_COOKIE, i.secret).status, 401);
	assert_int_equal(login(w, "bob", PASSWORD, "192.0.2.1:1").status, 401);
	assert_int_equal(do_act(w, w->control,
			     with(by_uid(ACT_USER_REMOVE, true), "bob",
				 ACT_ROLE_NONE, "")),
	    404);
}

static void
test_passwords(void **state)
{
	struct world *w = *state;
	struct act_identity a, b;

	add_user(w, "ann", ACT_ROLE_VIEWER);
	add_user(w, "root", ACT_ROLE_ADMIN);
	a = login(w, "ann", PASSWORD, "192.0.2.1:1");
	b = login(w, "ann", PASSWORD, "192.0.2.1:1");
	/* One's own, by the old one. */
	assert_int_equal(do_act(w, w->api,
			     with(by_cookie(ACT_USER_PASSWORD, a.secret), "",
				 ACT_ROLE_NONE, "wrong\nanother pass")),
	    403);
	assert_int_equal(do_act(w, w->api,
			     with(by_cookie(ACT_USER_PASSWORD, a.secret), "",
				 ACT_ROLE_NONE, "another pass")),
	    400);
	assert_int_equal(do_act(w, w->api,
			     with(by_cookie(ACT_USER_PASSWORD, a.secret),
				 "root", ACT_ROLE_NONE, "another pass")),
	    403);
	assert_int_equal(do_act(w, w->api,
			     with(by_cookie(ACT_USER_PASSWORD, a.secret), "",
				 ACT_ROLE_NONE, PASSWORD "\nanother pass")),
	    200);
	/* Whoever else is logged in is so no more. */
	assert_int_equal(who_is(w, ACT_COOKIE, a.secret).status, 200);
	assert_int_equal(who_is(w, ACT_COOKIE, b.secret).status, 401);
	assert_int_equal(login(w, "ann", PASSWORD, "192.0.2.2:1").status, 401);
	assert_int_equal(login(w, "ann", "another pass", "192.0.2.3:1").status,
	    200);
	/* An admin's word alone. */
	assert_int_equal(do_act(w, w->control,
			     with(by_uid(ACT_USER_PASSWORD, true), "ann",
				 ACT_ROLE_NONE, "third pass")),
	    200);
	assert_int_equal(who_is(w, ACT_COOKIE, a.secret).status, 401);
	assert_int_equal(do_act(w, w->control,
			     with(by_uid(ACT_USER_PASSWORD, true), "",
				 ACT_ROLE_NONE, "a\nb")),
	    400);
	assert_int_equal(logged(w, "pass\""), 0);
}

static void
test_tokens(void **state)
{
	struct world *w = *state;
	struct act a = with(by_uid(ACT_TOKEN_CREATE, true), "graf",
	    ACT_ROLE_VIEWER, "");
	char token[64] = "";
	struct act_done d;
	int64_t before;
	const char *p;

	send_act(w, w->control, &a);
	d = acted(w, w->control);
	assert_int_equal(d.status, 200);
	p = memmem(d.result, d.result_len, AUTH_TOKEN_IS, 4);
	assert_non_null(p);
	memcpy(token, p, 4 + AUTH_SECRET - 1);
	assert_int_equal(who_is(w, ACT_BEARER, token).role, ACT_ROLE_VIEWER);
	assert_string_equal(who_is(w, ACT_BEARER, token).user, "graf");
	assert_int_equal(who_is(w, ACT_BEARER, token).lives_s, 0);
	assert_int_equal(who_is(w, ACT_COOKIE, token).status, 401);
	assert_int_equal(logged(w, token), 0);
	assert_int_equal(do_act(w, w->control, a), 409);
	/* It takes its role, and no more. */
	a = by_cookie(ACT_USERS, token);
	a.who.credential = ACT_BEARER;
	assert_int_equal(do_act(w, w->api, a), 403);
	restart(w);
	assert_int_equal(who_is(w, ACT_BEARER, token).status, 200);
	assert_int_equal(do_act(w, w->control,
			     with(by_uid(ACT_TOKEN_REVOKE, true), "graf",
				 ACT_ROLE_NONE, "")),
	    200);
	assert_int_equal(who_is(w, ACT_BEARER, token).status, 401);
	/* One that ends. */
	a = with(by_uid(ACT_TOKEN_CREATE, true), "brief", ACT_ROLE_ADMIN, "");
	a.n = 60;
	before = auth_now();
	assert_int_equal(do_act(w, w->control, a), 200);
	assert_in_range(w->auth->db.token[0].expires, before + 60,
	    auth_now() + 60);
}

/* --- files that are not to be had --- */

static void
test_broken_files(void **state)
{
	struct world *w = *state;
	int fd;

	add_user(w, "ann", ACT_ROLE_ADMIN);
	fd = openat(w->auth->dir, "users", O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, "half a li", 9), 9);
	close(fd);
	restart(w);
	assert_int_equal(login(w, "ann", PASSWORD, "192.0.2.1:1").status, 401);
	/* It is not overwritten. */
	assert_int_equal(do_act(w, w->control,
			     with(by_uid(ACT_USER_ADD, true), "bob",
				 ACT_ROLE_ADMIN, PASSWORD)),
	    503);
	fd = openat(w->auth->dir, "users", O_RDWR | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - 9), 0);
	close(fd);
	/* Mended, it is read at a reload. */
	auth_load(w->auth, false);
	assert_int_equal(login(w, "ann", PASSWORD, "192.0.2.2:1").status, 200);
}

/* --- acting --- */

static const uint8_t session[16] = "a session's id!";

static struct act
disconnect_by(struct act a)
{
	a.has_session = true;
	memcpy(a.session, session, sizeof(session));
	return a;
}

static void
get_do(struct world *w, int fd, enum role self, struct act *a)
{
	struct mcur c;

	receive(w, fd, self, MSG_DO);
	mcur_init(&c, got.data, got.len);
	act_get(&c, a);
	assert_int_equal(msg_end(&c), 0);
}

static void
send_done(struct world *w, int fd, uint32_t id, uint16_t status,
    const char *detail)
{
	struct act_done d = { .status = status };
	struct mbuf b;

	snprintf(d.detail, sizeof(d.detail), "%s", detail);
	mbuf_init(&b);
	act_done_put(&b, &d);
	tell(w, fd, MSG_DONE, id, &b);
	mbuf_free(&b);
}

static void
test_act(void **state)
{
	struct world *w = *state;
	struct act_identity i;
	struct act_done d;
	struct act a, out;
	uint32_t id;

	add_user(w, "ann", ACT_ROLE_OPERATOR);
	i = login(w, "ann", PASSWORD, "192.0.2.1:1");
	a = disconnect_by(by_cookie(ACT_DISCONNECT, i.secret));
	send_act(w, w->api, &a);
	/* Written before it is passed on. */
	assert_int_equal(logged(w,
			     "\"event\":\"asked\",\"act\":\"disconnect\","
			     "\"who\":\"ann\",\"by\":\"cookie\""),
	    1);
	assert_int_equal(logged(w, "\"act\":\"disconnect\""), 1);
	get_do(w, w->supervisor, ROLE_SUPERVISOR, &out);
	id = got_id;
	assert_int_equal(out.kind, ACT_DISCONNECT);
	assert_memory_equal(out.session, session, sizeof(session));
	assert_string_equal(out.who.user, "ann");
	assert_string_equal(out.who.secret, "");
	assert_false(is_there(w->api, 0));
	/* Another's answer to it is none. */
	send_done(w, w->capture, id, 200, "");
	assert_false(is_there(w->api, 0));
	send_done(w, w->supervisor, id, 404, "no such session");
	d = acted(w, w->api);
	assert_int_equal(d.status, 404);
	assert_string_equal(d.detail, "no such session");
	assert_int_equal(logged(w, "\"status\":404,\"detail\":\"no such"), 1);
	/* Again: nothing waits for it any more. */
	send_done(w, w->supervisor, id, 200, "");
	assert_false(is_there(w->api, 0));
}

static void
test_who_may_not(void **state)
{
	struct world *w = *state;
	struct act_identity i;

	add_user(w, "vic", ACT_ROLE_VIEWER);
	i = login(w, "vic", PASSWORD, "192.0.2.1:1");
	assert_int_equal(do_act(w, w->api,
			     disconnect_by(
				 by_cookie(ACT_DISCONNECT, i.secret))),
	    403);
	assert_int_equal(do_act(w, w->api,
			     disconnect_by(by_cookie(ACT_DISCONNECT, "x"))),
	    401);
	assert_int_equal(do_act(w, w->control, by_uid(ACT_RELOAD, false)), 403);
	assert_int_equal(do_act(w, w->control, by_uid(ACT_USERS, false)), 403);
	assert_int_equal(logged(w, "\"event\":\"refused\""), 3);
	assert_false(is_there(w->supervisor, 0));
	/* Nor what makes no sense. */
	assert_int_equal(do_act(w, w->control, by_uid(ACT_DISCONNECT, true)),
	    400);
	assert_int_equal(do_act(w, w->control, by_uid(ACT_AUDIT, true)), 422);
	assert_false(is_there(w->supervisor, 0));
}

/* Who does it is away, dies, or never answers. */
static void
test_nobody_does_it(void **state)
{
	struct world *w = *state;
	struct act a = disconnect_by(by_uid(ACT_BROADCAST, true));
	struct act_done d;
	struct act out;

	send_act(w, w->control, &a);
	get_do(w, w->capture, ROLE_CAPTURE, &out);
	close(w->capture);
	d = acted(w, w->control);
	assert_int_equal(d.status, 503);
	assert_non_null(strstr(d.detail, "not known"));
	w->capture = make_peer(w, ROLE_CAPTURE, 2);
	assert_int_equal(do_act(w, w->control, by_uid(ACT_REPLAY_STOP, true)),
	    503);
	send_act(w, w->control, &a);
	get_do(w, w->capture, ROLE_CAPTURE, &out);
	TAILQ_FIRST(&w->auth->acts)->since -= AUTH_DO_MS + 1;
	auth_acts_tick(w->auth);
	assert_int_equal(acted(w, w->control).status, 503);
	assert_int_equal(w->auth->nacts, 0);
	assert_int_equal(logged(w, "\"event\":\"asked\""),
	    logged(w, "\"event\":\"done\""));
}

/* An act of an apid that has gone is done, noted, and told to nobody. */
static void
test_who_asked_goes(void **state)
{
	struct world *w = *state;
	struct act_identity i;
	struct act a, out;

	add_user(w, "ann", ACT_ROLE_OPERATOR);
	i = login(w, "ann", PASSWORD, "192.0.2.1:1");
	a = disconnect_by(by_cookie(ACT_DISCONNECT, i.secret));
	send_act(w, w->api, &a);
	get_do(w, w->supervisor, ROLE_SUPERVISOR, &out);
	close(w->api);
	w->api = make_peer(w, ROLE_API, 2);
	send_done(w, w->supervisor, got_id, 200, "disconnected");
	assert_false(is_there(w->api, 0));
	assert_int_equal(logged(w, "\"detail\":\"disconnected\""), 1);
}

/* Without a line in the log nothing is done. */
static void
test_no_audit(void **state)
{
	struct world *w = *state;
	struct act a = disconnect_by(by_uid(ACT_DISCONNECT, true));
	struct act_done d;
	int fd = w->auth->audit.fd;

	w->auth->audit.fd = open("/dev/full", O_RDWR | O_APPEND | O_CLOEXEC);
	send_act(w, w->control, &a);
	d = acted(w, w->control);
	assert_int_equal(d.status, 503);
	assert_non_null(strstr(d.detail, "No space left"));
	assert_false(is_there(w->supervisor, 0));
	assert_int_equal(do_act(w, w->control,
			     with(by_uid(ACT_USER_ADD, true), "ann",
				 ACT_ROLE_ADMIN, PASSWORD)),
	    503);
	assert_int_equal(w->auth->db.nusers, 0);
	/* Looking is not acting. */
	assert_int_equal(do_act(w, w->control, by_uid(ACT_USERS, true)), 200);
	close(w->auth->audit.fd);
	w->auth->audit.fd = fd;
	send_act(w, w->control, &a);
	get_do(w, w->supervisor, ROLE_SUPERVISOR, &a);
	/* Full now: the outcome is told, and noted later. */
	w->auth->audit.fd = open("/dev/full", O_RDWR | O_APPEND | O_CLOEXEC);
	send_done(w, w->supervisor, got_id, 200, "disconnected");
	assert_int_equal(acted(w, w->control).status, 200);
	close(w->auth->audit.fd);
	w->auth->audit.fd = fd;
	assert_int_equal(logged(w, "\"event\":\"done\""), 0);
	assert_int_equal(audit_flush(&w->auth->audit), 0);
	assert_int_equal(logged(w, "\"event\":\"done\""), 1);
}

static void
test_no_more_than_so_many(void **state)
{
	struct world *w = *state;
	struct act a = disconnect_by(by_uid(ACT_DISCONNECT, true));

	for (unsigned n = 0; n < AUTH_ACTS; n++)
		send_act(w, w->control, &a);
	assert_int_equal(do_act(w, w->control, a), 503);
	assert_int_equal(w->auth->nacts, AUTH_ACTS);
}

/* What comes in is escaped, and a long text is cut. */
static void
test_audit_is_escaped(void **state)
{
	struct world *w = *state;
	struct act a = by_uid(ACT_REPEAT_COUNT, true), out;
	char text[4000];

	a.n = 5;
	snprintf(a.worker, sizeof(a.worker), "x\"}\n{\xff\"n\":1");
	send_act(w, w->control, &a);
	get_do(w, w->capture, ROLE_CAPTURE, &out);
	assert_int_equal(logged(w, "\"worker\":\"x\\\"}\\n{\xef\xbf\xbd\\\""),
	    1);
	memset(text, 'a', sizeof(text));
	a = by_uid(ACT_REPLAY, true);
	a.text = text;
	a.text_len = sizeof(text);
	assert_int_equal(do_act(w, w->control, a), 503);
	assert_int_equal(logged(w, "\"text_bytes\":4000"), 1);
	assert_int_equal(logged(w, "aaaa"), 1024 - 3);
}

static void
test_full_log_is_changed(void **state)
{
	struct world *w = *state;
	struct act a = disconnect_by(by_uid(ACT_DISCONNECT, true)), out;

	w->auth->conf.audit_bytes = 10;
	send_act(w, w->control, &a);
	receive(w, w->supervisor, ROLE_SUPERVISOR, MSG_AUDIT_FULL);
	get_do(w, w->supervisor, ROLE_SUPERVISOR, &out);
	/* Once is enough. */
	send_done(w, w->supervisor, got_id, 200, "");
	assert_int_equal(acted(w, w->control).status, 200);
	assert_false(is_there(w->supervisor, 0));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_login),
		T(test_sessions_survive),
		T(test_logout),
		T(test_open),
		T(test_guessing_is_slowed),
		T(test_who_is_known_gets_in),
		T(test_a_flood),
		T(test_password_role_dies),
		T(test_login_url),
		T(test_login_url_of_a_user),
		T(test_users),
		T(test_passwords),
		T(test_tokens),
		T(test_broken_files),
		T(test_act),
		T(test_who_may_not),
		T(test_nobody_does_it),
		T(test_who_asked_goes),
		T(test_no_audit),
		T(test_no_more_than_so_many),
		T(test_audit_is_escaped),
		T(test_full_log_is_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
