/*
 * Objects of JSON, one after the other or in an array: a transcript's reads
 * of sockets in the order of the file, HashScope's messages in that of their
 * ids.
 *
 * `show messages' writes the newest first, so a file of messages is gone
 * through twice: once to see in what order they are, then to hand them over.
 * Only those out of order need an index.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/json.h"
#include "hashscopectl/verify_input_int.h"

#define DEPTH 128 /* a message's 64 levels, in an object in an array */
#define T_MAX 1e10

/* Where a message is. */
struct place {
	uint64_t id, session, off, line;
	uint32_t len;
};

struct reader {
	struct input *in;
	struct jtree *tree;
	char *text;  /* the object */
	char *bytes; /* what it has in a string, which is not longer */
	size_t len, cap;
	uint64_t off, line; /* of the object */
	bool array, first;
	struct object o;
	/* Of a transcript. */
	struct keyed streams;
	unsigned side; /* who says what is being read */
	/* Of messages. */
	struct place *place;
	size_t n, room;
	bool sorted;
	uint64_t last; /* id */
};

/* A session of a transcript. */
struct stream {
	struct keyed_node node;
	char name[INPUT_NAME];
	struct line_cut cut[2]; /* FROM_MINER, FROM_POOL */
	bool deaf;              /* nobody wants more of it */
	int failed;
	struct reader *r;
	uint64_t at;
};

static int
fail(struct reader *r, const char *what)
{
	return input_fail(r->in, "", r->line, "%s", what);
}

/* --- objects out of the file --- */

static int
next_byte(struct reader *r)
{
	int c = source_byte(r->in);

	if (c == '\n')
		r->in->line++;
	return c;
}

static int
next_solid(struct reader *r)
{
	int c;

	do
		c = next_byte(r);
	while (c == ' ' || c == '\t' || c == '\r' || c == '\n');
	return c;
}

/* Room for one byte more, of an object that is not too long. */
static int
make_room(struct reader *r)
{
	size_t cap = r->cap == 0 ? 4096 : 2 * r->cap;
	char *text, *bytes;

	if (r->len < r->cap)
		return 0;
	if (r->len >= INPUT_OBJECT)
		return fail(r, "the object is longer than 4 MiB");
	if ((text = realloc(r->text, cap)) != NULL)
		r->text = text;
	if ((bytes = realloc(r->bytes, cap)) != NULL)
		r->bytes = bytes;
	if (text == NULL || bytes == NULL)
		return fail(r, "out of memory");
	r->cap = cap;
	return 0;
}

/* The rest of an object, behind its brace. */
static int
collect(struct reader *r)
{
	unsigned depth = 1;
	bool in_string = false, escaped = false;
	int c;

	r->len = 0;
	if (make_room(r) == -1)
		return -1;
	r->text[0] = '{';
	for (r->len = 1; depth > 0; r->text[r->len++] = (char)c) {
		if ((c = next_byte(r)) < 0)
			return c == -2 ? -1 : fail(r, "the object has no end");
		if (make_room(r) == -1)
			return -1;
		if (in_string) {
			in_string = escaped || c != '"';
			escaped = !escaped && c == '\\';
		} else if (c == '"')
			in_string = true;
		else if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
	}
	if (json_valid(r->text, r->len, DEPTH, NULL) == -1 ||
	    object_members(r->text, r->len, &r->o) == -1)
		return fail(r, "not valid JSON");
	r->in->info->items++;
	return 1;
}

/* Past what is between objects: the byte that follows it. */
static int
separator(struct reader *r)
{
	int c = next_solid(r);

	if (r->first && c == '[') {
		r->array = true;
		c = next_solid(r);
	} else if (r->array && !r->first && c == ',') {
		c = next_solid(r);
		if (c == ']')
			c = ',';
	} else if (r->array && !r->first && c == '{')
		c = 0;
	return c;
}

/* Takes up the next object: 1, 0 at the end, -1 with error. */
static int
next_object(struct reader *r)
{
	int c = separator(r);

	r->off = r->in->off - 1;
	r->line = r->in->line;
	r->first = false;
	if (c == '{')
		return collect(r);
	if (c == -2)
		return -1;
	if (r->array && c == ']' && (c = next_solid(r)) == -1)
		return 0;
	if (c == -1 && !r->array)
		return 0;
	if (c == -1)
		return fail(r, "the array has no end");
	r->line = r->in->line;
	return fail(r, "expected an object");
}

/* --- a transcript --- */

static void
hand_over(void *arg, const struct line *l)
{
	struct stream *s = arg;
	struct input *in = s->r->in;
	struct input_line il = { .session = s->name,
		.from = (uint8_t)s->r->side,
		.ts = l->ts_recv,
		.data = l->data,
		.len = l->len,
		.flags = l->flags,
		.at = s->at };
	int r;

	if (s->deaf || s->failed || l->flags & LINE_BLANK)
		return;
	r = in->h->line(in->h->arg, &il);
	s->deaf = r == 1;
	s->failed = r == -1;
}

static void
drop_stream(void *arg, void *thing)
{
	struct stream *s = thing;
	struct reader *r = arg;
	unsigned side = r->side;

	for (r->side = FROM_MINER; r->side <= FROM_POOL; r->side++)
		line_finish(&s->cut[r->side], s->cut[r->side].off, hand_over,
		    s);
	r->side = side;
	r->in->h->end(r->in->h->arg, s->name);
}

static struct stream *
find_stream(struct reader *r)
{
	const struct slice *name = &r->o.session;
	struct stream *s;
	bool fresh;

	if (name->s == NULL || name->len >= INPUT_NAME || name->s[0] == '{' ||
	    name->s[0] == '[')
		return NULL;
	s = keyed_get(&r->streams, name->s, name->len, &fresh);
	if (s == NULL || !fresh)
		return s;
	if (object_text(r->tree, name, s->name, sizeof(s->name)) < 0)
		memcpy(s->name, name->s, name->len);
	s->r = r;
	line_init(&s->cut[0], 0);
	line_init(&s->cut[1], 0);
	return s;
}

/* "miner_to_pool" and "hashscope_to_pool", which is a miner as well. */
static int
direction(struct reader *r)
{
	r->side = FROM_MINER;
	if (object_equals(&r->o.direction, "pool_to_miner"))
		r->side = FROM_POOL;
	else if (!object_equals(&r->o.direction, "miner_to_pool") &&
	    !object_equals(&r->o.direction, "hashscope_to_pool"))
		return fail(r, "the direction is missing or not known");
	return 0;
}

static int
read_seconds(struct reader *r, uint64_t *ns)
{
	double t;

	if (r->o.t.s == NULL ||
	    jtree_parse(r->tree, r->o.t.s, r->o.t.len) == -1 ||
	    jtree_double(r->tree, jtree_root(r->tree), &t) == -1 || t < 0 ||
	    t > T_MAX)
		return fail(r, "the time t is missing or no number");
	*ns = (uint64_t)(t * 1e9 + 0.5);
	return 0;
}

static int
transcript_object(struct reader *r)
{
	struct line_chunk c = { .data = r->bytes };
	struct stream *s;
	long len;

	if (direction(r) == -1 || read_seconds(r, &c.ts_recv) == -1)
		return -1;
	len = object_latin1(r->tree, &r->o.bytes, r->bytes, r->cap);
	if (len < 0)
		return fail(r, "bytes is missing or not Latin-1");
	if ((s = find_stream(r)) == NULL)
		return fail(r, "the session is missing or too long");
	c.len = (size_t)len;
	c.offset = s->cut[r->side].off;
	s->at = r->line;
	if (line_feed(&s->cut[r->side], &c, hand_over, s) == -1)
		return fail(r, "out of memory");
	return s->failed ? -1 : 0;
}

static int
read_transcript(struct reader *r)
{
	int n;

	keyed_init(&r->streams, sizeof(struct stream), INPUT_STREAMS,
	    drop_stream, r);
	do
		n = transcript_object(r) == -1 ? -1 : next_object(r);
	while (n == 1);
	keyed_clear(&r->streams);
	return n;
}

/* --- HashScope's messages --- */

static int
message_place(struct reader *r, struct place *p)
{
	p->off = r->off;
	p->line = r->line;
	p->len = (uint32_t)r->len;
	p->session = keyed_hash(r->o.session_id.s, r->o.session_id.len);
	if (object_position(&r->o.id, &p->id) == -1 || p->id == 0)
		return fail(r, "the message's id is missing or no position");
	return 0;
}

static int
remember(struct reader *r, const struct place *p)
{
	void *more;

	if (r->n == INPUT_MESSAGES)
		return r->sorted ?
		    0 :
		    fail(r, "too many messages that are not in order");
	if (r->n == r->room) {
		r->room = r->room == 0 ? 1024 : 2 * r->room;
		more = realloc(r->place, r->room * sizeof(*r->place));
		if (more == NULL)
			return fail(r, "out of memory");
		r->place = more;
	}
	r->place[r->n++] = *p;
	return 0;
}

static int
look_through(struct reader *r)
{
	struct place p;
	int n;

	r->sorted = true;
	do {
		if (message_place(r, &p) == -1)
			return -1;
		r->sorted = r->sorted && p.id > r->last;
		r->last = p.id;
		if (remember(r, &p) == -1)
			return -1;
	} while ((n = next_object(r)) == 1);
	return n;
}

static int
compare_places(const void *a, const void *b)
{
	const struct place *p = a, *q = b;

	if (p->id != q->id)
		return p->id < q->id ? -1 : 1;
	return p->session < q->session ? -1 : p->session > q->session;
}

static long
message_bytes(struct reader *r)
{
	long len = object_text(r->tree, &r->o.raw, r->bytes, r->cap);

	if (len < 0 || object_equals(&r->o.raw_encoding, "utf8"))
		return len;
	if (object_equals(&r->o.raw_encoding, "base64"))
		return object_base64(r->bytes, (size_t)len);
	return -1;
}

static int
message_object(struct reader *r)
{
	char name[INPUT_NAME];
	struct input_line l = { .session = name,
		.data = (const uint8_t *)r->bytes,
		.at = r->line };
	long len;
	int n;

	if (direction(r) == -1)
		return -1;
	l.from = (uint8_t)r->side;
	if (object_position(&r->o.id, &l.id) == -1 ||
	    object_time_ns(&r->o.ts_recv, &l.ts) == -1)
		return fail(r, "id or ts_recv is missing or cannot be read");
	if (object_time_ns(&r->o.ts_fwd, &l.ts_fwd) == -1)
		l.ts_fwd = 0;
	if (object_text(r->tree, &r->o.session_id, name, sizeof(name)) < 1)
		return fail(r, "session_id is missing or cannot be read");
	if ((len = message_bytes(r)) < 0)
		return fail(r, "raw or raw_encoding cannot be read");
	l.len = (size_t)len;
	if (object_true(&r->o.truncated) || l.len > LINE_KEEP)
		l.flags |= LINE_TRUNCATED;
	if (object_true(&r->o.after_gap))
		l.flags |= LINE_AFTER_GAP;
	if (object_true(&r->o.broken))
		l.flags |= LINE_BROKEN;
	r->in->info->gaps += (l.flags & LINE_AFTER_GAP) != 0;
	n = r->in->h->line(r->in->h->arg, &l);
	return n == -1 ? -1 : 0;
}

/* One message from where it is. */
static int
read_place(struct reader *r, const struct place *p)
{
	r->line = p->line;
	r->len = p->len;
	if (pread(r->in->fd, r->text, p->len, (off_t)p->off) !=
		(ssize_t)p->len ||
	    json_valid(r->text, r->len, DEPTH, NULL) == -1 ||
	    object_members(r->text, r->len, &r->o) == -1)
		return fail(r, "the file changed while it was read");
	return message_object(r);
}

static int
in_order_of_ids(struct reader *r)
{
	const struct place *p;
	size_t i;

	if (r->n > 0)
		qsort(r->place, r->n, sizeof(*r->place), compare_places);
	for (i = 0; i < r->n; i++) {
		p = &r->place[i];
		/* Two exports in one file may have the same message. */
		if (i > 0 && compare_places(p - 1, p) == 0)
			continue;
		if (read_place(r, p) == -1)
			return -1;
	}
	return 0;
}

static int
in_order_of_file(struct reader *r)
{
	uint64_t items = r->in->info->items;
	int n;

	r->first = true;
	r->array = false;
	if (source_rewind(r->in) == -1)
		return -1;
	while ((n = next_object(r)) == 1)
		if (message_object(r) == -1)
			return -1;
	r->in->info->items = items;
	return n;
}

static int
read_messages(struct reader *r)
{
	int seen, n;
	char saved[INPUT_ERROR];

	if (lseek(r->in->fd, 0, SEEK_CUR) == -1)
		return input_fail(r->in, "", 0,
		    "messages are read twice: not from a pipe");

	/* What is before an error is handed over all the same. */
	if ((seen = look_through(r)) == -1) {
		memcpy(saved, r->in->error, sizeof(saved));
		r->in->error[0] = '\0';
	}
	if (seen == 0 && r->sorted)
		n = in_order_of_file(r);
	else
		n = in_order_of_ids(r);
	if (seen == -1) {
		memcpy(r->in->error, saved, sizeof(saved));
		return -1;
	}
	return n;
}

/* --- */

static int
read_objects(struct reader *r)
{
	int n = next_object(r);

	if (n == -1)
		return -1;
	if (n == 0) {
		r->in->info->format = INPUT_HASHSCOPE;
		return 0;
	}
	if (r->o.bytes.s != NULL) {
		r->in->info->format = INPUT_TRANSCRIPT;
		return read_transcript(r);
	}
	if (r->o.raw.s == NULL)
		return fail(r,
		    "neither a transcript nor a message of "
		    "HashScope: there is no bytes and no raw");
	r->in->info->format = INPUT_HASHSCOPE;
	r->in->info->absolute = true;
	return read_messages(r);
}

int
read_json(struct input *in)
{
	struct reader r = { .in = in, .first = true };
	int n = -1;

	if ((r.tree = malloc(sizeof(*r.tree))) == NULL)
		input_fail(in, "", 0, "out of memory");
	else
		n = read_objects(&r);
	free(r.text);
	free(r.bytes);
	free(r.tree);
	free(r.place);
	return n;
}
