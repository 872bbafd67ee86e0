/*
 * NIP-44 with libcrypto.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/nostr_nip44.h"

#define VERSION 2
/* version, nonce, at least two and 32 bytes, MAC */
#define LEAST   (1 + 32 + 2 + 32 + 32)
#define MOST    (1 + 32 + 2 + 65536 + 32)

struct keys {
	uint8_t chacha[32];
	uint8_t nonce[12];
	uint8_t hmac[32];
};

static int
hmac(const uint8_t *key, size_t keylen, const void *data, size_t len,
    uint8_t out[32])
{
	unsigned n = 32;

	return HMAC(EVP_sha256(), key, (int)keylen, data, len, out, &n) ==
		NULL ?
	    -1 :
	    0;
}

int
nip44_conversation(const uint8_t shared[32], uint8_t key[32])
{
	static const uint8_t salt[] = "nip44-v2";

	return hmac(salt, sizeof(salt) - 1, shared, 32, key);
}

/* HKDF-Expand to 76 bytes, the nonce as its info. */
static int
derive(const uint8_t key[32], const uint8_t nonce[32], struct keys *k)
{
	uint8_t block[32 + 32 + 1], out[96];
	unsigned i;

	for (i = 0; i < 3; i++) {
		uint8_t *p = block;

		if (i > 0) {
			memcpy(p, out + (i - 1) * 32, 32);
			p += 32;
		}
		memcpy(p, nonce, 32);
		p[32] = (uint8_t)(i + 1);
		if (hmac(key, 32, block, (size_t)(p + 33 - block),
			out + i * 32) == -1)
			return -1;
	}
	memcpy(k->chacha, out, 32);
	memcpy(k->nonce, out + 32, 12);
	memcpy(k->hmac, out + 44, 32);
	OPENSSL_cleanse(out, sizeof(out));
	OPENSSL_cleanse(block, sizeof(block));
	return 0;
}

static int
chacha20(const struct keys *k, const uint8_t *in, size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t iv[16] = { 0 }; /* the counter, little-endian, begins at 0 */
	int n, ok;

	memcpy(iv + 4, k->nonce, 12);
	ok = ctx != NULL &&
	    EVP_EncryptInit_ex(ctx, EVP_chacha20(), NULL, k->chacha, iv) &&
	    EVP_EncryptUpdate(ctx, out, &n, in, (int)len) && n == (int)len;
	EVP_CIPHER_CTX_free(ctx);
	return ok ? 0 : -1;
}

/* Over the nonce and what is encrypted. */
static int
mac_of(const struct keys *k, const uint8_t *nonce_and_cipher, size_t len,
    uint8_t mac[32])
{
	return hmac(k->hmac, 32, nonce_and_cipher, len, mac);
}

size_t
nip44_padded(size_t len)
{
	size_t power = 32, chunk;

	if (len <= 32)
		return 32;
	while (power < len)
		power *= 2;
	chunk = power <= 256 ? 32 : power / 8;
	return chunk * ((len - 1) / chunk + 1);
}

int
nip44_encrypt(const uint8_t key[32], const uint8_t nonce[32], const void *text,
    size_t len, struct mbuf *out)
{
	size_t padded = nip44_padded(len), n = 2 + padded;
	uint8_t *plain, *all, *b64;
	struct keys k;
	int ok = -1;

	if (len < NIP44_MIN || len > NIP44_MAX)
		return -1;
	plain = calloc(1, n);
	all = malloc(33 + n + 32);
	b64 = malloc((33 + n + 32 + 2) / 3 * 4 + 1);
	if (plain != NULL && all != NULL && b64 != NULL &&
	    derive(key, nonce, &k) == 0) {
		plain[0] = (uint8_t)(len >> 8);
		plain[1] = (uint8_t)len;
		memcpy(plain + 2, text, len);
		all[0] = VERSION;
		memcpy(all + 1, nonce, 32);
		if (chacha20(&k, plain, n, all + 33) == 0 &&
		    mac_of(&k, all + 1, 32 + n, all + 33 + n) == 0)
			ok = 0;
	}
	if (ok == 0) {
		ok = EVP_EncodeBlock(b64, all, (int)(33 + n + 32));
		msg_put_raw(out, b64, (size_t)ok);
		ok = out->bad ? -1 : 0;
	}
	OPENSSL_cleanse(&k, sizeof(k));
	free(plain);
	free(all);
	free(b64);
	return ok;
}

/* Base64 with its padding, and nothing else in it; the length, or -1. */
static long
unbase64(const char *s, size_t len, uint8_t *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl"
				     "mnopqrstuvwxyz0123456789+/";
	const char *digit = digits;
	size_t pad = 0, i;
	int n;

	if (len == 0 || len % 4 != 0)
		return -1;
	while (pad < 2 && s[len - 1 - pad] == '=')
		pad++;
	/* The library skips white space and takes '=' anywhere. */
	for (i = 0; i < len - pad; i++)
		if (s[i] == '\0' || (digit = strchr(digits, s[i])) == NULL)
			return -1;
	/* The bits that the last digit has too many are 0: one payload, one
	 * text of it. */
	if ((digit - digits) % (1 << 2 * pad) != 0)
		return -1;
	n = EVP_DecodeBlock(out, (const uint8_t *)s, (int)len);
	return n < 0 ? -1 : n - (long)pad;
}

static int
open_it(const uint8_t key[32], const uint8_t *all, size_t n, uint8_t *plain,
    struct mbuf *out)
{
	size_t body = n - 1 - 32 - 32, len;
	struct keys k;
	uint8_t mac[32];

	if (all[0] != VERSION || derive(key, all + 1, &k) == -1 ||
	    mac_of(&k, all + 1, 32 + body, mac) == -1 ||
	    CRYPTO_memcmp(mac, all + n - 32, 32) != 0 ||
	    chacha20(&k, all + 33, body, plain) == -1)
		return -1;
	len = (size_t)plain[0] << 8 | plain[1];
	if (len < NIP44_MIN || body != 2 + nip44_padded(len))
		return -1;
	msg_put_raw(out, plain + 2, len);
	return out->bad ? -1 : 0;
}

int
nip44_decrypt(const uint8_t key[32], const char *payload, size_t len,
    struct mbuf *out)
{
	uint8_t *all, *plain;
	int ok = -1;
	long n;

	if (len < (LEAST + 2) / 3 * 4 || len > (MOST + 2) / 3 * 4 ||
	    payload[0] == '#')
		return -1;
	all = malloc(len / 4 * 3 + 1);
	plain = malloc(len / 4 * 3 + 1);
	if (all != NULL && plain != NULL &&
	    (n = unbase64(payload, len, all)) >= LEAST)
		ok = open_it(key, all, (size_t)n, plain, out);
	free(all);
	free(plain);
	return ok;
}
