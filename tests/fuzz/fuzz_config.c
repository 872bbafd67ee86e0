/*
 * The configuration: what stands before a line "---" is the file, the lines
 * behind it are variables of the environment.  Every include opens the file
 * itself once more.  What was accepted must print, parse back and print the
 * same; what was refused must say why.
 */
#include <sys/mman.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hashscoped/conf.h"

#define MAX_VARS 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct input {
	const char *text;
	size_t len;
};

static void
require(int ok)
{
	if (!ok)
		abort();
}

static int
open_again(void *arg, const char *path, char *why, size_t whylen)
{
	const struct input *in = arg;
	int fd;

	fd = memfd_create("include", MFD_CLOEXEC);
	require(fd >= 0);
	require(write(fd, in->text, in->len) == (ssize_t)in->len);
	require(lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

static char *
print(const struct config *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *fp;

	fp = open_memstream(&text, &len);
	require(fp != NULL);
	require(conf_print(c, fp) == 0);
	fclose(fp);
	return text;
}

/* The configuration of a text; NULL, with errors, when it is refused. */
static struct config *
load(struct input *in, const struct conf_io *io, char *const envp[])
{
	struct conf_errors errs;
	struct config *c;
	int bad;

	conf_errors_init(&errs);
	c = conf_default();
	require(c != NULL);
	bad = conf_parse_buf(c, "fuzz", in->text, in->len, io, &errs) == -1;
	bad |= conf_env(c, envp, &errs) == -1;
	bad |= conf_check(c, &errs) == -1;
	require(bad == (errs.n > 0));
	conf_errors_clear(&errs);
	if (!bad)
		return c;
	conf_free(c);
	return NULL;
}

static void
check_print(const struct config *c)
{
	char *no_env[] = { NULL }, *first, *second;
	struct config *again;
	struct input in;

	first = print(c);
	in.text = first;
	in.len = strlen(first);
	again = load(&in, NULL, no_env);
	require(again != NULL);
	second = print(again);
	require(strcmp(first, second) == 0);
	free(first);
	free(second);
	conf_free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *copy, *rest, *envp[MAX_VARS + 1];
	struct input in;
	struct conf_io io = { open_again, &in };
	struct config *c;
	size_t n = 0;

	copy = malloc(len + 1);
	require(copy != NULL);
	memcpy(copy, data, len);
	copy[len] = '\0';
	in.text = copy;
	in.len = len;
	rest = memmem(copy, len, "\n---\n", 5);
	if (rest != NULL) {
		in.len = (size_t)(rest - copy) + 1;
		rest += 5;
	}
	while (rest != NULL && n < MAX_VARS)
		envp[n++] = strsep(&rest, "\n");
	envp[n] = NULL;
	c = load(&in, &io, envp);
	if (c != NULL)
		check_print(c);
	conf_free(c);
	free(copy);
	return 0;
}
