/*
 * See nostr_pow.h.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/nostr_pow.h"
#include "common/sha256.h"

#define DIGITS 10
#define NAME   "[\"nonce\",\""

struct nostr_pow {
	struct nostr_nonce *nonce;
	struct mbuf text; /* what the id is the hash of */
	size_t at;        /* of the digits in it */
	struct sha256 before;
	uint64_t next;
	unsigned bits;
};

unsigned
nostr_pow_bits(const uint8_t id[32])
{
	unsigned n = 0, i;

	for (i = 0; i < 32 && id[i] == 0; i++)
		n += 8;
	for (unsigned bit = 0x80; i < 32 && (id[i] & bit) == 0; bit >>= 1)
		n++;
	return n;
}

/* "difficulty 12 is less than 20", "20 bits needed": the largest number
 * there is. */
unsigned
nostr_pow_wanted(const char *text)
{
	unsigned long most = 0, n;
	char *end;

	while (*text != '\0') {
		if (!isdigit((unsigned char)*text)) {
			text++;
			continue;
		}
		n = strtoul(text, &end, 10);
		if (n <= 256 && n > most)
			most = n;
		text = end;
	}
	return (unsigned)most;
}

static int
add_tag(struct nostr_event *e, struct nostr_nonce *n)
{
	const char *const words[] = { "nonce", n->value, n->bits };
	struct nostr_tag *t = &e->tag[e->ntags];

	if (e->ntags == NOSTR_TAGS || e->nitems + 3 > NOSTR_ITEMS)
		return -1;
	t->first = (uint16_t)e->nitems;
	t->n = 3;
	for (unsigned i = 0; i < 3; i++) {
		e->item[e->nitems].s = words[i];
		e->item[e->nitems++].len = strlen(words[i]);
	}
	e->ntags++;
	return 0;
}

struct nostr_pow *
nostr_pow_new(struct nostr_event *e, struct nostr_nonce *nonce, unsigned bits)
{
	struct nostr_pow *w = calloc(1, sizeof(*w));
	const char *found = NULL;

	if (w == NULL)
		return NULL;
	snprintf(nonce->value, sizeof(nonce->value), "%0*d", DIGITS, 0);
	snprintf(nonce->bits, sizeof(nonce->bits), "%u", bits & 0xff);
	w->nonce = nonce;
	w->bits = bits;
	if (add_tag(e, nonce) == 0) {
		nostr_event_serialise(e, &w->text);
		/* Within a string its quotes would have backslashes. */
		if (!w->text.bad)
			found = memmem(w->text.data, w->text.len, NAME,
			    strlen(NAME));
	}
	if (found == NULL) {
		nostr_pow_free(w);
		return NULL;
	}
	w->at = (size_t)(found + strlen(NAME) - (const char *)w->text.data);
	sha256_init(&w->before);
	sha256_update(&w->before, w->text.data, w->at);
	return w;
}

void
nostr_pow_free(struct nostr_pow *w)
{
	if (w == NULL)
		return;
	mbuf_free(&w->text);
	free(w);
}

bool
nostr_pow_try(struct nostr_pow *w, size_t bytes)
{
	const size_t rest = w->text.len - w->at;
	char *digits = (char *)w->text.data + w->at, value[24];
	uint8_t id[32];

	for (size_t done = 0; done < bytes; done += rest) {
		struct sha256 h = w->before;

		snprintf(value, sizeof(value), "%0*llu", DIGITS,
		    (unsigned long long)(w->next++ % 10000000000u));
		memcpy(digits, value, DIGITS);
		sha256_update(&h, digits, rest);
		sha256_final(&h, id);
		if (nostr_pow_bits(id) >= w->bits) {
			memcpy(w->nonce->value, value, DIGITS);
			return true;
		}
	}
	return false;
}
