/*
 * Files that verify reads: whatever they are, lines are bounded and come of
 * sessions that have names and not ended yet, and an error says what is
 * wrong.
 */
#include <sys/mman.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/line.h"
#include "hashscopectl/verify_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define REQUIRE(x)               \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

struct seen {
	uint64_t lines, ends;
	char ended[INPUT_NAME]; /* the latest */
	unsigned deaf;          /* after so many lines */
};

static int
on_line(void *arg, const struct input_line *l)
{
	struct seen *s = arg;
	volatile uint8_t sum = 0;
	size_t i;

	REQUIRE(l->session[0] != '\0' && strlen(l->session) < INPUT_NAME);
	REQUIRE(l->from <= FROM_OTHER && l->at > 0);
	REQUIRE(l->len <= LINE_KEEP || l->flags & LINE_TRUNCATED);
	for (i = 0; i < l->len; i++)
		sum = (uint8_t)(sum + l->data[i]);
	s->lines++;
	return s->deaf != 0 && s->lines % s->deaf == 0;
}

static void
on_end(void *arg, const char *session)
{
	struct seen *s = arg;

	REQUIRE(session[0] != '\0');
	s->ends++;
	snprintf(s->ended, sizeof(s->ended), "%s", session);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct seen s = { .deaf = len % 3 == 0 ? 5 : 0 };
	struct input_handler h = { .line = on_line, .end = on_end, .arg = &s };
	struct input_info info;
	char error[INPUT_ERROR], path[32];
	int fd = memfd_create("fuzz", MFD_CLOEXEC), r;

	REQUIRE(fd != -1);
	REQUIRE(write(fd, data, len) == (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = input_read(path, &h, &info, error);
	close(fd);
	REQUIRE(r == 0 || r == -1);
	REQUIRE((r == -1) == (error[0] != '\0'));
	REQUIRE(r == -1 || strlen(error) < INPUT_ERROR);
	REQUIRE(s.lines == 0 || info.items > 0);
	REQUIRE(info.skipped <= info.items);
	return 0;
}
