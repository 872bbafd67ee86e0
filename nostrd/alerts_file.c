/*
 * What was told of alerts and what some relay has not taken yet, on disk:
 * one file, replaced as a whole, with a checksum.  A file that is not as it
 * should be is none.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sha256.h"
#include "nostrd/alerts_int.h"

#define MAGIC    0x414c5431u
#define NAME     "alerts"
#define NAME_NEW "alerts.new"

static void
put_notes(const struct alerts *a, struct mbuf *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < NOTES; i++)
		n += a->note[i].serial != 0;
	msg_put_u32(m, n);
	for (unsigned i = 0; i < NOTES; i++) {
		const struct note *t = &a->note[i];

		if (t->serial == 0)
			continue;
		msg_put_u64(m, t->serial);
		msg_put_raw(m, t->id, 32);
		msg_put_u8(m, t->taken);
		msg_put_u8(m, (uint8_t)t->ndone);
		for (unsigned k = 0; k < t->ndone; k++)
			msg_put_u64(m, t->done[k]);
		msg_put_bytes(m, t->text, t->len);
	}
}

static void
put_known(const struct alerts *a, struct mbuf *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < a->nknown; i++)
		n += a->known[i].begun == STEP_TOLD;
	msg_put_raw(m, a->store, 16);
	msg_put_u64(m, a->floor);
	msg_put_u32(m, n);
	for (unsigned i = 0; i < a->nknown; i++) {
		if (a->known[i].begun != STEP_TOLD)
			continue;
		msg_put_u64(m, a->known[i].id);
		msg_put_u8(m, a->known[i].ended == STEP_TOLD);
	}
}

void
alerts_save(struct alerts *a)
{
	struct mbuf *m = &a->buf;
	uint8_t sum[32];
	int dir = a->nostrd->dir, fd;

	mbuf_reset(m);
	msg_put_u32(m, MAGIC);
	put_known(a, m);
	put_notes(a, m);
	if (!m->bad) {
		sha256(m->data, m->len, sum);
		msg_put_raw(m, sum, 8);
	}
	fd = openat(dir, NAME_NEW,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1 || m->bad ||
	    write(fd, m->data, m->len) != (ssize_t)m->len ||
	    renameat(dir, NAME_NEW, dir, NAME) == -1)
		log_warn("what was told of alerts could not be kept");
	if (fd != -1)
		close(fd);
}

static int
get_note(struct alerts *a, struct mcur *c, struct note *t)
{
	const uint8_t *text;

	t->serial = msg_get_u64(c);
	msg_get_raw(c, t->id, 32);
	t->taken = msg_get_bool(c);
	t->ndone = msg_get_u8(c);
	a->nnotes += t->serial != 0;
	if (c->bad || t->ndone > RELAYS_MAX || t->serial == 0)
		return -1;
	for (unsigned k = 0; k < t->ndone; k++)
		t->done[k] = msg_get_u64(c);
	text = msg_get_bytes(c, &t->len, NOTE_MAX);
	if (c->bad || t->len == 0 || (t->text = malloc(t->len)) == NULL)
		return -1;
	memcpy(t->text, text, t->len);
	return 0;
}

static int
parse(struct alerts *a, const uint8_t *p, size_t len)
{
	uint8_t sum[32];
	struct mcur c;
	uint32_t n;

	if (len < 8)
		return -1;
	sha256(p, len - 8, sum);
	if (memcmp(p + len - 8, sum, 8) != 0)
		return -1;
	mcur_init(&c, p, len - 8);
	if (msg_get_u32(&c) != MAGIC)
		return -1;
	msg_get_raw(&c, a->store, 16);
	a->floor = msg_get_u64(&c);
	if ((n = msg_get_u32(&c)) > KNOWN)
		return -1;
	for (a->nknown = 0; a->nknown < n; a->nknown++) {
		struct known *k = &a->known[a->nknown];

		k->id = msg_get_u64(&c);
		k->begun = STEP_TOLD;
		k->ended = msg_get_bool(&c) ? STEP_TOLD : STEP_NONE;
	}
	if ((n = msg_get_u32(&c)) > NOTES)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		if (get_note(a, &c, &a->note[i]) == -1)
			return -1;
		if (a->note[i].serial > a->serial)
			a->serial = a->note[i].serial;
	}
	return msg_end(&c);
}

static void
forget_all(struct alerts *a)
{
	for (unsigned i = 0; i < NOTES; i++)
		alerts_note_free(a, &a->note[i]);
	a->nknown = 0;
	a->floor = 0;
	a->first = true;
}

void
alerts_open(struct alerts *a)
{
	const size_t most = NOTES * (NOTE_MAX + 256) + KNOWN * 16;
	int fd = openat(a->nostrd->dir, NAME,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t *p = fd == -1 ? NULL : malloc(most);
	ssize_t n = p == NULL ? 0 : read(fd, p, most);

	a->first = false;
	if (n <= 0 || parse(a, p, (size_t)n) == -1)
		forget_all(a);
	free(p);
	if (fd != -1)
		close(fd);
}
