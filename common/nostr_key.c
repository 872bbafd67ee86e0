/*
 * libsecp256k1, as little of it as is needed.
 */
#include <sys/random.h>

#include <stdlib.h>
#include <string.h>

#include <secp256k1.h>
#include <secp256k1_ecdh.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>

#include "common/nostr_key.h"

#define KEYS 16 /* parsed public keys that are kept */

struct nostr_key {
	secp256k1_context *ctx;
	secp256k1_keypair pair;
	uint8_t pubkey[32];
};

struct nostr_verifier {
	secp256k1_context *ctx;
	unsigned next;
	struct {
		bool used;
		uint8_t bytes[32];
		secp256k1_xonly_pubkey key;
	} known[KEYS];
};

static int
random_bytes(uint8_t *p, size_t n)
{
	ssize_t got;

	for (; n > 0; p += got, n -= (size_t)got)
		if ((got = getrandom(p, n, 0)) == -1)
			return -1;
	return 0;
}

struct nostr_key *
nostr_key_new(const uint8_t secret[32])
{
	struct nostr_key *k = calloc(1, sizeof(*k));
	secp256k1_xonly_pubkey pub;
	uint8_t seed[32];

	if (k == NULL)
		return NULL;
	k->ctx = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
	/* Blinding: what a listener to the power line would learn. */
	if (k->ctx == NULL || random_bytes(seed, 32) == -1 ||
	    !secp256k1_context_randomize(k->ctx, seed) ||
	    !secp256k1_keypair_create(k->ctx, &k->pair, secret) ||
	    !secp256k1_keypair_xonly_pub(k->ctx, &pub, NULL, &k->pair) ||
	    !secp256k1_xonly_pubkey_serialize(k->ctx, k->pubkey, &pub)) {
		nostr_key_free(k);
		return NULL;
	}
	return k;
}

void
nostr_key_free(struct nostr_key *k)
{
	if (k == NULL)
		return;
	if (k->ctx != NULL)
		secp256k1_context_destroy(k->ctx);
	explicit_bzero(k, sizeof(*k));
	free(k);
}

const uint8_t *
nostr_key_public(const struct nostr_key *k)
{
	return k->pubkey;
}

int
nostr_secret_make(uint8_t secret[32])
{
	do {
		if (random_bytes(secret, 32) == -1)
			return -1;
	} while (!secp256k1_ec_seckey_verify(secp256k1_context_static, secret));
	return 0;
}

int
nostr_key_sign_aux(struct nostr_key *k, const uint8_t *msg, size_t len,
    const uint8_t aux[32], uint8_t sig[64])
{
	secp256k1_schnorrsig_extraparams extra =
	    SECP256K1_SCHNORRSIG_EXTRAPARAMS_INIT;
	uint8_t copy[32];

	memcpy(copy, aux, 32);
	extra.ndata = copy;
	return secp256k1_schnorrsig_sign_custom(k->ctx, sig, msg, len, &k->pair,
		   &extra) ?
	    0 :
	    -1;
}

int
nostr_key_sign(struct nostr_key *k, const uint8_t id[32], uint8_t sig[64])
{
	uint8_t aux[32];

	if (random_bytes(aux, 32) == -1)
		return -1;
	return nostr_key_sign_aux(k, id, 32, aux, sig);
}

/* NIP-44 wants x itself, where the library would hash it. */
static int
only_x(unsigned char *out, const unsigned char *x32, const unsigned char *y32,
    void *data)
{
	memcpy(out, x32, 32);
	return 1;
}

int
nostr_key_shared(const struct nostr_key *k, const uint8_t pubkey[32],
    uint8_t x[32])
{
	uint8_t full[33] = { 2 }, secret[32];
	secp256k1_pubkey pub;
	int ok;

	memcpy(full + 1, pubkey, 32);
	ok = secp256k1_ec_pubkey_parse(k->ctx, &pub, full, sizeof(full)) &&
	    secp256k1_keypair_sec(k->ctx, secret, &k->pair) &&
	    secp256k1_ecdh(k->ctx, x, &pub, secret, only_x, NULL);
	explicit_bzero(secret, sizeof(secret));
	return ok ? 0 : -1;
}

struct nostr_verifier *
nostr_verifier_new(void)
{
	struct nostr_verifier *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->ctx = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
	if (v->ctx == NULL) {
		free(v);
		return NULL;
	}
	return v;
}

void
nostr_verifier_free(struct nostr_verifier *v)
{
	if (v == NULL)
		return;
	secp256k1_context_destroy(v->ctx);
	free(v);
}

static const secp256k1_xonly_pubkey *
parsed(struct nostr_verifier *v, const uint8_t pubkey[32])
{
	unsigned i;

	for (i = 0; i < KEYS; i++)
		if (v->known[i].used &&
		    memcmp(v->known[i].bytes, pubkey, 32) == 0)
			return &v->known[i].key;
	i = v->next;
	v->known[i].used = secp256k1_xonly_pubkey_parse(v->ctx,
			       &v->known[i].key, pubkey) == 1;
	if (!v->known[i].used)
		return NULL;
	memcpy(v->known[i].bytes, pubkey, 32);
	v->next = (i + 1) % KEYS;
	return &v->known[i].key;
}

bool
nostr_verify(struct nostr_verifier *v, const uint8_t pubkey[32],
    const uint8_t *msg, size_t len, const uint8_t sig[64])
{
	const secp256k1_xonly_pubkey *key = parsed(v, pubkey);

	return key != NULL &&
	    secp256k1_schnorrsig_verify(v->ctx, sig, msg, len, key) == 1;
}
