/*
 * The configuration as a whole, and the pairs of tests/conf: NAME.in
 * (with the variables of NAME.env, if there is one) must come out as NAME.ok,
 * the canonical form, or with the errors of NAME.err.  HS_CONF_DIR says where
 * the pairs are when this is not run from the top of the tree.
 */
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "hashscoped/conf_int.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const char *
conf_dir(void)
{
	const char *dir = getenv("HS_CONF_DIR");

	return dir != NULL ? dir : "tests/conf";
}

/* Names in errors shall not depend on where the pairs are. */
static int
open_pair(void *arg, const char *path, char *why, size_t whylen)
{
	char full[PATH_MAX];

	if (snprintf(full, sizeof(full), "%s/%s", conf_dir(), path) >=
	    (int)sizeof(full)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(full, O_RDONLY | O_CLOEXEC);
}

static const struct conf_io pair_io = { open_pair, NULL };

/* A file of the directory as a string; NULL when there is none. */
static char *
read_pair(const char *name, const char *suffix)
{
	char path[PATH_MAX], *text, *ended;
	struct conf_why why;
	size_t len;
	int fd;

	snprintf(path, sizeof(path), "%s%s", name, suffix);
	fd = open_pair(NULL, path, NULL, 0);
	if (fd == -1)
		return NULL;
	assert_int_equal(conf_slurp(fd, &text, &len, &why), 0);
	close(fd);
	ended = realloc(text, len + 1);
	assert_non_null(ended);
	ended[len] = '\0';
	return ended;
}

static char *
print_string(const struct config *c,
    int (*print)(const struct config *, FILE *))
{
	char *text = NULL;
	size_t len = 0;
	FILE *fp;

	fp = open_memstream(&text, &len);
	assert_non_null(fp);
	assert_int_equal(print(c, fp), 0);
	fclose(fp);
	return text;
}

static char *
errors_string(const struct conf_errors *errs)
{
	char *text = NULL;
	size_t len = 0, i;
	FILE *fp;

	fp = open_memstream(&text, &len);
	assert_non_null(fp);
	for (i = 0; i < errs->n; i++)
		fprintf(fp, "%s\n", errs->text[i]);
	fclose(fp);
	return text;
}

/* The lines of text as an environment; cuts text up. */
static void
split_env(char *text, char *envp[64])
{
	size_t n = 0;

	while (text != NULL && *text != '\0' && n < 63)
		envp[n++] = strsep(&text, "\n");
	envp[n] = NULL;
}

static void
parse_text_ok(struct config *c, const char *text)
{
	struct conf_errors errs;
	char *seen;

	conf_errors_init(&errs);
	conf_parse_buf(c, "text", text, strlen(text), NULL, &errs);
	conf_check(c, &errs);
	seen = errors_string(&errs);
	assert_string_equal(seen, "");
	free(seen);
}

/* What is printed must parse, and print the same again. */
static void
assert_parses_back(const char *printed)
{
	struct config *c = conf_default();
	char *again;

	assert_non_null(c);
	parse_text_ok(c, printed);
	again = print_string(c, conf_print);
	assert_string_equal(again, printed);
	free(again);
	conf_free(c);
}

/* Parse, override and check a pair; what came out, canonical or errors. */
static char *
run_pair(const char *name, int *ok)
{
	struct config *c = conf_default();
	struct conf_errors errs;
	char path[PATH_MAX], *env, *envp[64], *out;

	assert_non_null(c);
	conf_errors_init(&errs);
	snprintf(path, sizeof(path), "%s.in", name);
	conf_parse(c, path, &pair_io, &errs);
	env = read_pair(name, ".env");
	split_env(env, envp);
	conf_env(c, envp, &errs);
	free(env);
	conf_check(c, &errs);
	*ok = errs.n == 0;
	out = *ok ? print_string(c, conf_print) : errors_string(&errs);
	conf_errors_clear(&errs);
	conf_free(c);
	return out;
}

static void
check_pair(const char *name)
{
	char *expected, *seen;
	int ok;

	seen = run_pair(name, &ok);
	expected = read_pair(name, ok ? ".ok" : ".err");
	if (expected == NULL || strcmp(seen, expected) != 0)
		print_error("%s: %s is\n%s", name, ok ? ".ok" : ".err", seen);
	assert_non_null(expected);
	assert_string_equal(seen, expected);
	if (ok)
		assert_parses_back(seen);
	free(expected);
	free(seen);
}

static void
test_pairs(void **state)
{
	struct dirent *d;
	size_t pairs = 0;
	DIR *dir;

	dir = opendir(conf_dir());
	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL) {
		size_t len = strlen(d->d_name);
		char name[NAME_MAX + 1];

		if (len < 4 || strcmp(d->d_name + len - 3, ".in") != 0)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)len - 3, d->d_name);
		check_pair(name);
		pairs++;
	}
	closedir(dir);
	assert_true(pairs >= 15);
}

/* The example that is installed must be right, and say the defaults. */
static void
test_example(void **state)
{
	struct config *c = conf_default(), *d = conf_default();
	struct conf_errors errs;
	char path[PATH_MAX], *text, *seen, *def;

	snprintf(path, sizeof(path), "../../etc/hashscope.conf.example");
	text = read_pair(path, "");
	assert_non_null(text);
	parse_text_ok(c, text);
	assert_true(c->listen[0].npools > 0);
	/* Apart from its pools it changes nothing. */
	c->listen[0].npools = c->listen[1].npools = 0;
	conf_errors_init(&errs);
	assert_int_equal(conf_check(d, &errs), 0);
	seen = print_string(c, conf_print);
	def = print_string(d, conf_print);
	assert_string_equal(seen, def);
	free(seen);
	free(def);
	free(text);
	conf_free(c);
	conf_free(d);
}

/* Whatever can be set stands in the manual, in the section of its block. */
static void
test_manual(void **state)
{
	const struct conf_block *b;
	char word[96], *text, *section;
	size_t i, j;

	text = read_pair("../../man/hashscope.conf.5", "");
	assert_non_null(text);
	for (i = 0; (b = conf_block_at(i)) != NULL; i++) {
		snprintf(word, sizeof(word), "\n.Ic %s { Ar", b->name);
		section = i == 0 ? text : strstr(text, word);
		if (section == NULL)
			fail_msg("%s is not in the manual", b->name);
		for (j = 0; j < b->nkeys; j++) {
			const struct conf_key *k = &b->keys[j];

			if (k->word == NULL)
				continue;
			snprintf(word, sizeof(word), "\n.It Ic %s%s%s ",
			    k->word, k->sub != NULL ? " " : "",
			    k->sub != NULL ? k->sub : "");
			if (strstr(section, word) == NULL)
				fail_msg("%s%s is not in the manual", b->name,
				    word + 6);
		}
	}
	free(text);
}

/* The secret of the environment is kept, and shown by nothing. */
static void
test_secrets(void **state)
{
	static const char key[] = "00000000000000000000000000000000"
				  "000000000000000000000000deadbeef";
	char good[96], *envp[] = { good, NULL }, *text;
	struct config *c = conf_default();
	struct conf_errors errs;

	snprintf(good, sizeof(good), "NOSTR_SK=%s", key);
	conf_errors_init(&errs);
	assert_int_equal(conf_env(c, envp, &errs), 0);
	assert_string_equal(c->nostr.secret, key);
	parse_text_ok(c, "replay { password \"sesame\" }");
	text = print_string(c, conf_print);
	assert_null(strstr(text, "deadbeef"));
	assert_non_null(strstr(text, "sesame"));
	free(text);
	text = print_string(c, conf_print_public);
	assert_null(strstr(text, "deadbeef"));
	assert_null(strstr(text, "sesame"));
	free(text);

	good[strlen(good) - 1] = '\0';
	assert_int_equal(conf_env(c, envp, &errs), -1);
	assert_int_equal(errs.n, 1);
	assert_int_equal(strncmp(errs.text[0], "NOSTR_SK: ", 10), 0);
	assert_null(strstr(errs.text[0], "deadbee"));
	conf_errors_clear(&errs);
	conf_free(c);
}

static void
test_empty_variable_is_unset(void **state)
{
	char host[] = "POOL_HOST=", port[] = "LISTEN_PORT=";
	char longer[] = "POOL_HOST_X=a", run[] = "RUN_ID=";
	char *envp[] = { longer, host, port, run, NULL };
	struct config *c = conf_default();
	struct conf_errors errs;

	conf_errors_init(&errs);
	assert_int_equal(conf_env(c, envp, &errs), 0);
	assert_int_equal(conf_env(c, NULL, &errs), 0);
	assert_int_equal(c->nlisten, 2);
	assert_int_equal(c->listen[0].npools, 0);
	assert_string_equal(c->nostr.run, "");
	conf_free(c);
}

/* A text made of n times the same line, for what is bounded. */
static char *
many(const char *before, const char *fmt, size_t n, const char *after)
{
	char *text = NULL;
	size_t len = 0, i;
	FILE *fp;

	fp = open_memstream(&text, &len);
	assert_non_null(fp);
	fputs(before, fp);
	for (i = 1; i <= n; i++) {
		char line[128], num[16];
		const char *at = strchr(fmt, '@');

		snprintf(num, sizeof(num), "%zu", i);
		snprintf(line, sizeof(line), "%.*s%s%s", (int)(at - fmt), fmt,
		    num, at + 1);
		fputs(line, fp);
	}
	fputs(after, fp);
	fclose(fp);
	return text;
}

static void
test_bounds(void **state)
{
	static const struct {
		const char *before, *fmt, *after;
		size_t most;
	} t[] = {
		{ "", "listen on 127.0.0.1 port @\n", "", CONF_MAX_LISTEN },
		{ "listen on ::1 port 9 {\n", "pool a:@\n", "}\n",
		    CONF_MAX_POOLS },
		{ "listen on ::1 port 9 {\n", "proxy from 10.0.0.@\n", "}\n",
		    CONF_MAX_NETS },
		{ "console {\n", "listen on ::1 port @\n", "}\n",
		    CONF_MAX_CONSOLE },
		{ "console {\n", "host h@\n", "}\n", CONF_MAX_NAMES },
		{ "nostr {\n", "relay \"ws://r@\"\n", "}\n", CONF_MAX_RELAYS },
	};
	struct conf_errors errs;
	struct config *c;
	size_t i;
	char *text;

	for (i = 0; i < N(t); i++) {
		c = conf_default();
		conf_errors_init(&errs);
		text = many(t[i].before, t[i].fmt, t[i].most, t[i].after);
		parse_text_ok(c, text);
		conf_free(c);
		free(text);

		c = conf_default();
		text = many(t[i].before, t[i].fmt, t[i].most + 1, t[i].after);
		assert_int_equal(conf_parse_buf(c, "text", text, strlen(text),
				     NULL, &errs),
		    -1);
		assert_int_equal(errs.n, 1);
		assert_non_null(strstr(errs.text[0], "too many"));
		conf_errors_clear(&errs);
		conf_free(c);
		free(text);
	}
}

static void
test_errors_are_bounded(void **state)
{
	struct config *c = conf_default();
	struct conf_errors errs;
	char *text = many("", "nonsense@\n", 250, "");

	conf_errors_init(&errs);
	assert_int_equal(conf_parse_buf(c, "text", text, strlen(text), NULL,
			     &errs),
	    -1);
	assert_int_equal(errs.n, CONF_MAX_ERRORS);
	assert_int_equal(errs.more, 250 - CONF_MAX_ERRORS);
	assert_string_equal(errs.text[99],
	    "text:100: unknown statement \"nonsense100\"");
	conf_errors_clear(&errs);
	assert_int_equal(errs.n, 0);
	free(text);
	conf_free(c);
}

/* Files. */

struct dir {
	char path[64];
};

static void
dir_make(struct dir *d)
{
	snprintf(d->path, sizeof(d->path), "/tmp/hs-conf-XXXXXX");
	assert_non_null(mkdtemp(d->path));
}

/* Write a file of the directory and give its path. */
static void
dir_write(const struct dir *d, char path[PATH_MAX], const char *name,
    const char *text, size_t len)
{
	int fd;

	snprintf(path, PATH_MAX, "%s/%s", d->path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

/* Parse a file as the supervisor would; the errors, to be freed. */
static char *
parse_path(const char *path, int *missing)
{
	struct config *c = conf_default();
	struct conf_errors errs;
	char *text;

	conf_errors_init(&errs);
	conf_parse(c, path, NULL, &errs);
	*missing = errs.missing;
	text = errors_string(&errs);
	conf_errors_clear(&errs);
	conf_free(c);
	return text;
}

static void
assert_refused(const char *path, const char *because)
{
	char *seen, expected[PATH_MAX + 64];
	int missing;

	seen = parse_path(path, &missing);
	snprintf(expected, sizeof(expected), "%s: %s\n", path, because);
	assert_string_equal(seen, expected);
	assert_int_equal(missing, 0);
	free(seen);
}

static void
test_missing_file(void **state)
{
	char path[PATH_MAX], *seen;
	struct dir d;
	int missing;

	dir_make(&d);
	snprintf(path, sizeof(path), "%s/none", d.path);
	seen = parse_path(path, &missing);
	assert_int_equal(missing, 1);
	assert_non_null(strstr(seen, "No such file"));
	free(seen);
	/* A missing include is an error of the file that is there. */
	dir_write(&d, path, "top", "include \"none\"\n", 15);
	seen = parse_path(path, &missing);
	assert_int_equal(missing, 0);
	assert_non_null(strstr(seen, "/top:1: include \"none\": No such file"));
	free(seen);
	unlink(path);
	rmdir(d.path);
}

static void
test_file_kinds(void **state)
{
	char path[PATH_MAX];
	struct dir d;

	dir_make(&d);
	assert_refused(d.path, "not a regular file");
	snprintf(path, sizeof(path), "%s/fifo", d.path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused(path, "not a regular file");
	unlink(path);
	rmdir(d.path);
}

static void
test_file_of_root(void **state)
{
	char path[PATH_MAX], *seen;
	struct dir d;
	int missing;

	if (geteuid() != 0)
		skip();
	dir_make(&d);
	dir_write(&d, path, "conf", "site a\n", 7);
	seen = parse_path(path, &missing);
	assert_string_equal(seen, "");
	free(seen);
	assert_int_equal(chmod(path, 0620), 0);
	assert_refused(path, "writable by its group or by others");
	assert_int_equal(chmod(path, 0602), 0);
	assert_refused(path, "writable by its group or by others");
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(chown(path, 65534, 0), 0);
	assert_refused(path, "not owned by root");
	unlink(path);
	rmdir(d.path);
}

static void
test_file_size(void **state)
{
	char path[PATH_MAX], *text, *seen;
	struct dir d;
	int missing;

	dir_make(&d);
	text = malloc(CONF_MAX_FILE + 1);
	assert_non_null(text);
	memset(text, '\n', CONF_MAX_FILE + 1);
	dir_write(&d, path, "conf", text, CONF_MAX_FILE);
	seen = parse_path(path, &missing);
	assert_string_equal(seen, "");
	free(seen);
	dir_write(&d, path, "conf", text, CONF_MAX_FILE + 1);
	assert_refused(path, "larger than 1048576 bytes");
	free(text);
	unlink(path);
	rmdir(d.path);
}

/* Each include reads the same file again: depth is not the only bound. */
static void
test_many_includes(void **state)
{
	char path[PATH_MAX], one[PATH_MAX], *text, *seen;
	struct dir d;
	int missing;

	dir_make(&d);
	dir_write(&d, one, "one", "", 0);
	text = many("", "include one #@\n", CONF_MAX_INCLUDES, "");
	dir_write(&d, path, "conf", text, strlen(text));
	seen = parse_path(path, &missing);
	assert_string_equal(seen, "");
	free(seen);
	free(text);
	text = many("", "include one #@\n", CONF_MAX_INCLUDES + 1, "");
	dir_write(&d, path, "conf", text, strlen(text));
	seen = parse_path(path, &missing);
	assert_non_null(strstr(seen, "/conf:65: too many includes"));
	free(seen);
	free(text);
	unlink(one);
	unlink(path);
	rmdir(d.path);
}

static void
test_defaults(void **state)
{
	struct config *c = conf_default();
	struct conf_errors errs;

	conf_errors_init(&errs);
	assert_int_equal(conf_check(c, &errs), 0);
	assert_int_equal(c->nlisten, 2);
	assert_string_equal(c->listen[0].addr.text, "0.0.0.0:3333");
	assert_string_equal(c->listen[1].addr.text, "[::]:3333");
	assert_string_equal(c->console.listen[0].text, "127.0.0.1:8000");
	assert_string_equal(c->state_dir, "/var/lib/hashscope");
	assert_string_equal(c->run_dir, "/run/hashscope");
	assert_int_equal(c->capture.messages, 1000000);
	assert_int_equal(c->capture.per_session, 100000);
	assert_int_equal(c->capture.age_ms, 30 * 86400000ULL);
	assert_int_equal(c->capture.size, 2147483648);
	assert_int_equal(c->capture.redact, 1);
	assert_int_equal(c->limits.per_address, 0);
	assert_int_equal(c->nostr.enabled, 0);
	assert_int_equal(c->console.auth, 1);
	assert_int_equal(c->tap_ring, 67108864);
	/* A second time changes nothing. */
	assert_int_equal(conf_check(c, &errs), 0);
	assert_int_equal(c->nlisten, 2);
	conf_free(c);
	conf_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_empty_variable_is_unset),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_errors_are_bounded),
		cmocka_unit_test(test_missing_file),
		cmocka_unit_test(test_file_kinds),
		cmocka_unit_test(test_file_of_root),
		cmocka_unit_test(test_file_size),
		cmocka_unit_test(test_many_includes),
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_pairs),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
