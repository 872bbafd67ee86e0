/*
 * Users, tokens, sessions: who is found, what expires, and the files that
 * they are kept in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hashscoped/auth_db.h"

#define HASH                            \
	"$y$j9T$hhygDqzVaSHyeGs8x/Qhx/" \
	"$UnCHR6zYHeEIzrzV2U5sU14JJ5CvzdLclzLmmLqP0vC"
#define HEX8  "0123456789abcdef"
#define HEX32 HEX8 HEX8 HEX8 HEX8
#define T1    "2026-11-21T12:00:00Z"
#define T2    "2026-11-21T12:00:01Z"
#define NOW   INT64_C(1795262400) /* T1 */

static struct auth_db *
new_db(void)
{
	struct auth_db *db = calloc(1, sizeof(*db));

	assert_non_null(db);
	return db;
}

static int
parse(struct auth_db *db, enum auth_file which, const char *text)
{
	unsigned line;

	return auth_db_parse(db, which, text, strlen(text), &line);
}

/* --- files --- */

static void
test_files(void **state)
{
	static const char *const texts[AUTH_FILES] = {
		"# HashScope's users, see hashscope-users(5).\n"
		"user ann admin " HASH " " T1 " " T2 "\n"
		"user b.ob@example.com-1 viewer " HASH " " T1 " " T1 "\n",
		"# HashScope's tokens, see hashscope-users(5).\n"
		"token 01234567 graf viewer " HEX32 " " T1 " - -\n"
		"token 89abcdef ops operator " HEX32 " " T1 " " T2 " " T2 "\n",
		"# HashScope's sessions, see hashscope-users(5).\n"
		"session 01234567 ann " HEX32 " " T1 " " T2 " [::1]:80\n"
		"session 01234568 uid:0 " HEX32 " " T1 " " T2 " -\n",
	};
	struct auth_db *db = new_db();
	struct mbuf b;

	for (unsigned i = 0; i < AUTH_FILES; i++) {
		assert_int_equal(parse(db, (enum auth_file)i, texts[i]), 0);
		mbuf_init(&b);
		auth_db_format(db, (enum auth_file)i, &b);
		assert_false(b.bad);
		assert_int_equal(b.len, strlen(texts[i]));
		assert_memory_equal(b.data, texts[i], b.len);
		mbuf_free(&b);
	}
	assert_int_equal(db->nusers, 2);
	assert_int_equal(auth_user_find(db, "ann")->role, ACT_ROLE_ADMIN);
	assert_int_equal(auth_user_find(db, "ann")->created, NOW);
	assert_int_equal(auth_token_find(db, "ops")->expires, NOW + 1);
	assert_ptr_equal(auth_token_find(db, "ops"),
	    auth_token_find(db, "89abcdef"));
	assert_int_equal(auth_token_find(db, "graf")->used, 0);
	free(db);
}

static void
test_lenient(void **state)
{
	struct auth_db *db = new_db();

	assert_int_equal(parse(db, AUTH_FILE_USERS, ""), 0);
	assert_int_equal(parse(db, AUTH_FILE_USERS,
			     "\n# by hand\n\tuser  ann\tviewer " HASH " " T1
			     "  " T1 "  \n"),
	    0);
	assert_int_equal(db->nusers, 1);
	free(db);
}

/* Whatever is odd refuses the file, and nothing of it is used. */
static void
test_refused(void **state)
{
	static const struct {
		enum auth_file which;
		const char *text;
	} tab[] = {
		/* half a line, and one without its end */
		{ AUTH_FILE_USERS, "user ann admin " HASH " " T1 "\n" },
		{ AUTH_FILE_USERS, "user ann admin " HASH " " T1 " " T1 },
		{ AUTH_FILE_USERS,
		    "user ann admin " HASH " " T1 " " T1 " more\n" },
		{ AUTH_FILE_USERS, "usr ann admin " HASH " " T1 " " T1 "\n" },
		{ AUTH_FILE_USERS, "user -a admin " HASH " " T1 " " T1 "\n" },
		{ AUTH_FILE_USERS, "user a:b admin " HASH " " T1 " " T1 "\n" },
		{ AUTH_FILE_USERS,
		    "user uid:0 admin " HASH " " T1 " " T1 "\n" },
		{ AUTH_FILE_USERS,
		    "user aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa admin " HASH " " T1
		    " " T1 "\n" },
		{ AUTH_FILE_USERS, "user ann root " HASH " " T1 " " T1 "\n" },
		{ AUTH_FILE_USERS, "user ann admin x " T1 " " T1 "\n" },
		{ AUTH_FILE_USERS, "user ann admin $1$x$y " T1 " " T1 "\n" },
		{ AUTH_FILE_USERS, "user ann admin $y$\001 " T1 " " T1 "\n" },
		{ AUTH_FILE_USERS, "user ann admin " HASH " now " T1 "\n" },
		{ AUTH_FILE_USERS,
		    "user ann admin " HASH " 2026-02-31T12:00:00Z " T1 "\n" },
		{ AUTH_FILE_USERS,
		    "user ann admin " HASH " 2026-11-21 12:00:00Z " T1 "\n" },
		{ AUTH_FILE_USERS,
		    "user ann admin " HASH " 2026-11-21T12:60:00Z " T1 "\n" },
		/* twice */
		{ AUTH_FILE_USERS,
		    "user ann admin " HASH " " T1 " " T1
		    "\nuser ann viewer " HASH " " T1 " " T1 "\n" },
		{ AUTH_FILE_TOKENS,
		    "token 0123456 graf viewer " HEX32 " " T1 " - -\n" },
		{ AUTH_FILE_TOKENS,
		    "token 01234567 graf viewer " HEX8 " " T1 " - -\n" },
		{ AUTH_FILE_TOKENS,
		    "token 01234567 graf viewer " HEX32 " - - -\n" },
		{ AUTH_FILE_TOKENS,
		    "token 01234567 a viewer " HEX32 " " T1 " - -\n"
		    "token 01234567 b viewer " HEX32 " " T1 " - -\n" },
		{ AUTH_FILE_SESSIONS,
		    "session 01234567 uid: " HEX32 " " T1 " " T1 " -\n" },
		{ AUTH_FILE_SESSIONS,
		    "session 01234567 uid:-1 " HEX32 " " T1 " " T1 " -\n" },
		{ AUTH_FILE_SESSIONS,
		    "session 01234567 uid:123456789012 " HEX32 " " T1 " " T1
		    " -\n" },
		{ AUTH_FILE_SESSIONS,
		    "session 01234567 ann " HEX32 " " T1 " " T1 "\n" },
	};
	struct auth_db *db = new_db();

	for (size_t i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		if (parse(db, tab[i].which, tab[i].text) != -1)
			fail_msg("taken: %s", tab[i].text);
		assert_int_equal(db->nusers + db->ntokens + db->nsessions, 0);
	}
	/* A NUL inside. */
	assert_int_equal(auth_db_parse(db, AUTH_FILE_USERS, "\0\n", 2,
			     &(unsigned){ 0 }),
	    -1);
	free(db);
}

static void
test_line_is_told(void **state)
{
	static const char text[] = "# one\nuser ann admin " HASH " " T1 " " T1
				   "\nnonsense\n";
	struct auth_db *db = new_db();
	unsigned line;

	assert_int_equal(auth_db_parse(db, AUTH_FILE_USERS, text,
			     sizeof(text) - 1, &line),
	    -1);
	assert_int_equal(line, 3);
	assert_int_equal(db->nusers, 0);
	free(db);
}

/* Full tables go into a file that is read again. */
static void
test_full(void **state)
{
	struct auth_db *db = new_db(), *again = new_db();
	char name[ACT_NAME];
	struct auth_session *s;
	struct auth_token *t;
	struct auth_user *u;
	unsigned line;
	struct mbuf b;

	for (unsigned i = 0; i < AUTH_USERS; i++) {
		snprintf(name, sizeof(name), "user-%026u", i);
		assert_non_null(u = auth_user_add(db, name));
		u->role = ACT_ROLE_OPERATOR;
		strcpy(u->hash, HASH);
		assert_non_null(t = auth_token_add(db));
		snprintf(t->id, sizeof(t->id), "%08x", i);
		memcpy(t->name, name, sizeof(name));
		t->role = ACT_ROLE_VIEWER;
		t->expires = t->used = NOW;
		s = auth_session_add(db, name);
		snprintf(s->id, sizeof(s->id), "%08x", i);
		memset(s->peer, 'x', sizeof(s->peer) - 1);
	}
	assert_null(auth_user_add(db, "more"));
	assert_null(auth_token_add(db));
	for (unsigned i = 0; i < AUTH_FILES; i++) {
		mbuf_init(&b);
		auth_db_format(db, (enum auth_file)i, &b);
		assert_false(b.bad);
		assert_true(b.len <= AUTH_FILE_MAX);
		assert_int_equal(auth_db_parse(again, (enum auth_file)i,
				     (const char *)b.data, b.len, &line),
		    0);
		/* One line more is refused. */
		msg_put_raw(&b, b.data + b.len - 1, 1);
		msg_put_raw(&b, "x\n", 2);
		assert_int_equal(auth_db_parse(again, (enum auth_file)i,
				     (const char *)b.data, b.len, &line),
		    -1);
		mbuf_free(&b);
	}
	free(db);
	free(again);
}

/* --- secrets --- */

static void
test_secrets(void **state)
{
	uint8_t zeros[32] = { 0 }, ones[32], digest[SHA256_LEN];
	char text[AUTH_SECRET];

	auth_secret_text(zeros, text);
	assert_string_equal(text,
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	memset(ones, 0xff, sizeof(ones));
	auth_secret_text(ones, text);
	assert_string_equal(text,
	    "__________________________________________8");
	for (unsigned i = 0; i < 32; i++)
		ones[i] = (uint8_t)(i * 7 + 1);
	auth_secret_text(ones, text);
	/* As Python's base64.urlsafe_b64encode() has it. */
	assert_string_equal(text,
	    "AQgPFh0kKzI5QEdOVVxjanF4f4aNlJuiqbC3vsXM09o");
	auth_digest("abc", digest);
	assert_int_equal(digest[0], 0xba);
	assert_true(auth_same(zeros, zeros, 32));
	assert_false(auth_same(zeros, ones, 32));
}

static void
test_names(void **state)
{
	static const char *const good[] = { "a", "Ann", "0", "a.b@c-d_e+f",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
	static const char *const bad[] = { "", ".a", "-", "a b", "a:b", "\xe4",
		"a\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a/b", "a\"" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(auth_name_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(auth_name_ok(bad[i]));
}

/* --- tokens and sessions --- */

static void
test_tokens(void **state)
{
	struct auth_db *db = new_db();
	struct auth_token *t = auth_token_add(db);

	strcpy(t->name, "graf");
	strcpy(t->id, "00000001");
	auth_digest("hst_secret", t->digest);
	t->expires = NOW;
	assert_ptr_equal(auth_token_of(db, "hst_secret", NOW - 1), t);
	assert_null(auth_token_of(db, "hst_secret", NOW));
	assert_null(auth_token_of(db, "hst_secre", NOW - 1));
	assert_null(auth_token_of(db, "", NOW - 1));
	t->expires = 0;
	assert_ptr_equal(auth_token_of(db, "hst_secret", NOW + NOW), t);
	strcpy(auth_token_add(db)->name, "other");
	auth_token_remove(db, auth_token_find(db, "graf"));
	assert_int_equal(db->ntokens, 1);
	assert_non_null(auth_token_find(db, "other"));
	assert_null(auth_token_of(db, "hst_secret", NOW));
	free(db);
}

static struct auth_session *
open_session(struct auth_db *db, const char *user, const char *secret,
    int64_t at)
{
	struct auth_session *s = auth_session_add(db, user);

	snprintf(s->id, sizeof(s->id), "%.8s", secret);
	auth_digest(secret, s->digest);
	s->created = s->used = at;
	return s;
}

static void
test_session_life(void **state)
{
	static const struct auth_life life = { .idle = 100, .age = 1000 };
	struct auth_db *db = new_db();
	struct auth_session *s = open_session(db, "ann", "secret01", NOW);

	assert_int_equal(auth_session_left(s, &life, NOW), 100);
	assert_ptr_equal(auth_session_of(db, "secret01", &life, NOW + 99), s);
	assert_null(auth_session_of(db, "secret01", &life, NOW + 100));
	assert_null(auth_session_of(db, "secret02", &life, NOW));
	/* Used, it lives on, but not for ever. */
	s->used = NOW + 950;
	assert_int_equal(auth_session_left(s, &life, NOW + 960), 40);
	assert_null(auth_session_of(db, "secret01", &life, NOW + 1000));
	/* A clock that was set back makes nobody live longer. */
	assert_int_equal(auth_session_left(s, &life, NOW - 5000), 50);
	auth_user_add(db, "ann");
	assert_int_equal(auth_db_expire(db, &life, NOW + 999), 0);
	assert_int_equal(auth_db_expire(db, &life, NOW + 1000), 1);
	assert_int_equal(db->nsessions, 0);
	/* Whose user is gone, but for a login URL's. */
	open_session(db, "bob", "secret01", NOW);
	open_session(db, "uid:0", "secret02", NOW);
	assert_int_equal(auth_db_expire(db, &life, NOW), 1);
	assert_int_equal(db->nsessions, 1);
	free(db);
}

static void
test_session_bounds(void **state)
{
	static const struct auth_life life = { .idle = 100, .age = 1000 };
	struct auth_db *db = new_db();
	char secret[16], user[16];

	/* The one that was used longest ago makes room. */
	for (int i = 0; i < AUTH_PER_USER + 1; i++) {
		snprintf(secret, sizeof(secret), "secret%02d", i);
		open_session(db, "ann", secret, NOW + i);
	}
	assert_int_equal(db->nsessions, AUTH_PER_USER);
	assert_null(auth_session_of(db, "secret00", &life, NOW + 20));
	assert_non_null(auth_session_of(db, "secret01", &life, NOW + 20));
	for (int i = 0; i < AUTH_SESSIONS; i++) {
		snprintf(secret, sizeof(secret), "s%07d", i);
		snprintf(user, sizeof(user), "user%d", i);
		open_session(db, user, secret, NOW + 50);
	}
	assert_int_equal(db->nsessions, AUTH_SESSIONS);
	assert_null(auth_session_of(db, "secret16", &life, NOW + 50));
	/* Of one user but for one. */
	open_session(db, "ann", "keep0000", NOW + 60);
	open_session(db, "ann", "gone0000", NOW);
	auth_sessions_drop(db, "ann",
	    auth_session_of(db, "keep0000", &life, NOW));
	assert_non_null(auth_session_of(db, "keep0000", &life, NOW));
	assert_null(auth_session_of(db, "gone0000", &life, NOW));
	auth_user_add(db, "ann");
	auth_user_remove(db, auth_user_find(db, "ann"));
	assert_null(auth_session_of(db, "keep0000", &life, NOW));
	free(db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_lenient),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_line_is_told),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_session_life),
		cmocka_unit_test(test_session_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
