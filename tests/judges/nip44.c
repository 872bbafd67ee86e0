/*
 * HashScope's NIP-44 for judges that share no code with it: each line of
 * stdin is answered by one of stdout, all of it hex.
 *
 *	e SECRET PUBLIC NONCE TEXT	the payload, as text
 *	d SECRET PUBLIC PAYLOAD		the text in hex, or "refused"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "common/nostr_key.h"
#include "common/nostr_nip44.h"

#define LINE 400000

static char line[LINE + 64], *word[5];
static uint8_t text[LINE];

static int
conversation(uint8_t key[32])
{
	uint8_t secret[32], public[32], shared[32];
	struct nostr_key *k;
	int ok;

	if (hex_bytes(word[1], 64, secret) == -1 ||
	    hex_bytes(word[2], 64, public) == -1 ||
	    (k = nostr_key_new(secret)) == NULL)
		return -1;
	ok = nostr_key_shared(k, public, shared) == 0 ?
	    nip44_conversation(shared, key) :
	    -1;
	nostr_key_free(k);
	return ok;
}

static int
answer(struct mbuf *out)
{
	uint8_t key[32], nonce[32];
	size_t len;

	if (conversation(key) == -1)
		return -1;
	if (word[0][0] == 'd')
		return nip44_decrypt(key, word[3], strlen(word[3]), out);
	len = strlen(word[4]) / 2;
	if (hex_bytes(word[3], 64, nonce) == -1 ||
	    hex_bytes(word[4], 2 * len, text) == -1)
		return -1;
	return nip44_encrypt(key, nonce, text, len, out);
}

/* The words of the line; how many. */
static unsigned
split(void)
{
	unsigned n = 0;

	for (char *w = strtok(line, " \n"); w != NULL && n < 5;
	     w = strtok(NULL, " \n"))
		word[n++] = w;
	for (unsigned i = n; i < 5; i++)
		word[i] = &line[LINE - 1];
	return n;
}

int
main(void)
{
	struct mbuf out;

	mbuf_init(&out);
	while (fgets(line, LINE, stdin) != NULL) {
		if (split() < 4)
			return 1;
		mbuf_reset(&out);
		if (answer(&out) == -1)
			printf("refused");
		else if (word[0][0] == 'e')
			printf("%.*s", (int)out.len, (char *)out.data);
		for (size_t i = 0; word[0][0] == 'd' && i < out.len; i++)
			printf("%02x", out.data[i]);
		printf("\n");
		fflush(stdout);
	}
	mbuf_free(&out);
	return 0;
}
