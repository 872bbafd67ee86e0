/*
 * The player's script: a transcript in JSON lines (t, session, direction,
 * bytes) becomes one stream of bytes per session and side, and the order in
 * which they were sent.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/player.h"
#include "tests/sim/sim_json.h"

static int
find_session(struct script *s, int number)
{
	for (int i = 0; i < s->sessions; i++)
		if (s->number[i] == number)
			return i;
	if (s->sessions == SESSIONS_MAX)
		return -1;
	s->number[s->sessions] = number;
	return s->sessions++;
}

/* Room for n bytes at the stream's end. */
static char *
stream_room(struct stream *st, size_t n)
{
	if (st->len + n > st->size) {
		st->size = 2 * (st->len + n);
		if ((st->bytes = realloc(st->bytes, st->size)) == NULL)
			sim_die("out of memory");
	}
	return st->bytes + st->len;
}

/* The next record, or the one before it when that was of the same side and
 * chance says so: then a chunk may span what were two. */
static struct record *
next_record(struct script *s, int session, enum side from, bool merge,
    struct sim_rng *rng)
{
	struct record *last = s->count ? &s->records[s->count - 1] : NULL;

	if (merge && last != NULL && last->session == session &&
	    last->from == from && sim_rand(rng) % 2)
		return last;
	if ((s->count & (s->count - 1)) == 0) {
		size_t size = s->count ? 2 * s->count : 1;

		s->records = realloc(s->records, size * sizeof(struct record));
		if (s->records == NULL)
			sim_die("out of memory");
	}
	return &s->records[s->count++];
}

static int
read_record(struct script *s, const char *line, size_t len, bool merge,
    struct sim_rng *rng)
{
	struct sim_tok t[16];
	char direction[32];
	double when, number;
	struct stream *st;
	struct record *r;
	enum side from;
	int session, n;

	if (sim_json_parse(line, len, t, 16) == -1 ||
	    sim_json_num(t, sim_json_get(t, 0, "t"), &when) == -1 ||
	    sim_json_num(t, sim_json_get(t, 0, "session"), &number) == -1 ||
	    sim_json_str(t, sim_json_get(t, 0, "direction"), direction,
		sizeof(direction)) == -1)
		return -1;
	from = strcmp(direction, "pool_to_miner") ? MINER : POOL;
	if (from == MINER && strcmp(direction, "miner_to_pool"))
		return -1;
	if (!(number >= 0 && number < 1e9) ||
	    (session = find_session(s, (int)number)) == -1)
		return -1;
	st = &s->streams[session][from];
	n = sim_json_latin1(t, sim_json_get(t, 0, "bytes"),
	    stream_room(st, len), len);
	if (n < 1)
		return -1;
	st->len += (size_t)n;
	r = next_record(s, session, from, merge, rng);
	*r = (struct record){ .t = when,
		.session = session,
		.from = from,
		.end = st->len };
	return 0;
}

void
script_load(struct script *s, const char *path, bool merge, struct sim_rng *rng)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t size = 0, at = 0;
	ssize_t n;

	if (f == NULL)
		sim_die("%s: %s", path, strerror(errno));
	while ((n = getline(&line, &size, f)) > 0) {
		at++;
		if (read_record(s, line, (size_t)n, merge, rng) == -1)
			sim_die("%s:%zu: no record", path, at);
	}
	free(line);
	fclose(f);
	if (s->count == 0)
		sim_die("%s: nothing in it", path);
}

static void
copy_marked(const struct stream *from, struct stream *to, const char *mark,
    const char *number)
{
	size_t n = strlen(mark);
	char *p, *at;

	*to = *from;
	if ((to->bytes = malloc(from->len + 1)) == NULL)
		sim_die("out of memory");
	if (from->len)
		memcpy(to->bytes, from->bytes, from->len);
	p = to->bytes;
	while ((at = memmem(p, to->len - (size_t)(p - to->bytes), mark, n))) {
		memcpy(at + n - 8, number, 8);
		p = at + n;
	}
}

void
script_mark(const struct script *s, struct stream own[SESSIONS_MAX][2],
    const char *mark, int copy)
{
	char number[16];

	snprintf(number, sizeof(number), "%08x", (unsigned)copy);
	for (int i = 0; i < s->sessions; i++)
		for (int side = MINER; side <= POOL; side++)
			copy_marked(&s->streams[i][side], &own[i][side], mark,
			    number);
}

void
script_free(struct script *s)
{
	free(s->records);
	for (int i = 0; i < s->sessions; i++) {
		free(s->streams[i][MINER].bytes);
		free(s->streams[i][POOL].bytes);
	}
}

size_t
script_chunk_end(struct player *p, const struct stream *st, size_t from,
    size_t end)
{
	size_t n = end - from;
	const char *lf;

	switch (p->chunking) {
	case FIXED:
		n = p->chunk;
		break;
	case RANDOM:
		/* Any order of size is as likely as the other: 1 to 1024. */
		n = 1 + sim_rand(&p->rng) % (1U << sim_rand(&p->rng) % 11);
		break;
	case LINES:
		lf = memchr(st->bytes + from, '\n', n);
		if (lf != NULL)
			n = (size_t)(lf - (st->bytes + from)) + 1;
		break;
	case AS_RECORDED:
	default:
		break;
	}
	return n < end - from ? from + n : end;
}
