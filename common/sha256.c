/*
 * SHA-256: padding, the double hash, and the rounds in plain C.
 */
#include <stdbool.h>
#include <string.h>

#include "common/sha256.h"
#include "common/sha256_cpu.h"

static const uint32_t rounds[64] __attribute__((aligned(16))) = { 0x428a2f98,
	0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74,
	0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6,
	0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152,
	0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351,
	0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354,
	0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70,
	0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
	0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa,
	0xa4506ceb, 0xbef9a3f7, 0xc67178f2 };

static const uint32_t initial[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372,
	0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

static inline uint32_t
rotr(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

static inline uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static inline void
put32(uint8_t *p, uint32_t x)
{
	p[0] = (uint8_t)(x >> 24);
	p[1] = (uint8_t)(x >> 16);
	p[2] = (uint8_t)(x >> 8);
	p[3] = (uint8_t)x;
}

static void
schedule(uint32_t w[64], const uint8_t *p)
{
	uint32_t a, b;
	int i;

	for (i = 0; i < 16; i++)
		w[i] = get32(p + 4 * i);
	for (; i < 64; i++) {
		a = w[i - 15];
		b = w[i - 2];
		a = rotr(a, 7) ^ rotr(a, 18) ^ a >> 3;
		b = rotr(b, 17) ^ rotr(b, 19) ^ b >> 10;
		w[i] = w[i - 16] + a + w[i - 7] + b;
	}
}

/* s[0] to s[7] are a to h; they trade places instead of moving. */
static inline void
one_round(uint32_t s[8], int i, uint32_t kw)
{
	uint32_t *a = &s[(0 - i) & 7], *b = &s[(1 - i) & 7];
	uint32_t *c = &s[(2 - i) & 7], *d = &s[(3 - i) & 7];
	uint32_t *e = &s[(4 - i) & 7], *f = &s[(5 - i) & 7];
	uint32_t *g = &s[(6 - i) & 7], *h = &s[(7 - i) & 7];
	uint32_t t = *h + (rotr(*e, 6) ^ rotr(*e, 11) ^ rotr(*e, 25)) +
	    ((*e & *f) ^ (~*e & *g)) + kw;

	*d += t;
	*h = t + (rotr(*a, 2) ^ rotr(*a, 13) ^ rotr(*a, 22)) +
	    ((*a & *b) ^ (*a & *c) ^ (*b & *c));
}

static void
blocks_c(uint32_t h[8], const uint8_t *p, size_t n, const uint32_t k[64])
{
	uint32_t s[8], w[64];
	int i;

	for (; n > 0; n--, p += SHA256_BLOCK) {
		schedule(w, p);
		memcpy(s, h, sizeof(s));
#pragma GCC unroll 8
		for (i = 0; i < 64; i++)
			one_round(s, i, k[i] + w[i]);
		for (i = 0; i < 8; i++)
			h[i] += s[i];
	}
}

static sha256_blocks *blocks;

static inline void
take_blocks(uint32_t h[8], const uint8_t *p, size_t n)
{
	if (__builtin_expect(blocks == NULL, 0) &&
	    (blocks = sha256_cpu_blocks()) == NULL)
		blocks = blocks_c;
	blocks(h, p, n, rounds);
}

enum sha256_code
sha256_code(void)
{
	if (blocks == NULL && (blocks = sha256_cpu_blocks()) == NULL)
		blocks = blocks_c;
	return blocks == blocks_c ? SHA256_C : SHA256_CPU;
}

int
sha256_use(enum sha256_code code)
{
	sha256_blocks *want = code == SHA256_C ? blocks_c : sha256_cpu_blocks();

	if (want == NULL)
		return -1;
	blocks = want;
	return 0;
}

void
sha256_init(struct sha256 *s)
{
	memcpy(s->h, initial, sizeof(s->h));
	s->len = 0;
}

void
sha256_update(struct sha256 *s, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t have = s->len % SHA256_BLOCK, n;

	if (len == 0)
		return;
	s->len += len;
	if (have > 0) {
		n = SHA256_BLOCK - have < len ? SHA256_BLOCK - have : len;
		memcpy(s->buf + have, p, n);
		p += n;
		len -= n;
		if (have + n < SHA256_BLOCK)
			return;
		take_blocks(s->h, s->buf, 1);
	}
	if ((n = len / SHA256_BLOCK) > 0)
		take_blocks(s->h, p, n);
	memcpy(s->buf, p + n * SHA256_BLOCK, len % SHA256_BLOCK);
}

/* Behind whole blocks, in the buffer: 0x80, zeros, the length in bits. */
static void
finish(struct sha256 *s)
{
	size_t have = s->len % SHA256_BLOCK;

	s->buf[have++] = 0x80;
	if (have > SHA256_BLOCK - 8) {
		memset(s->buf + have, 0, SHA256_BLOCK - have);
		take_blocks(s->h, s->buf, 1);
		have = 0;
	}
	memset(s->buf + have, 0, SHA256_BLOCK - 8 - have);
	put32(s->buf + SHA256_BLOCK - 8, (uint32_t)(s->len >> 29));
	put32(s->buf + SHA256_BLOCK - 4, (uint32_t)(s->len << 3));
	take_blocks(s->h, s->buf, 1);
}

static void
put_state(const uint32_t h[8], uint8_t out[SHA256_LEN])
{
	int i;

	for (i = 0; i < 8; i++)
		put32(out + 4 * i, h[i]);
}

void
sha256_final(struct sha256 *s, uint8_t out[SHA256_LEN])
{
	finish(s);
	put_state(s->h, out);
}

/* The second hash, of the first one's state. */
static void
hash_again(const uint32_t h[8], uint8_t out[SHA256_LEN])
{
	uint8_t block[SHA256_BLOCK] = { [SHA256_LEN] = 0x80,
		[SHA256_BLOCK - 2] = 1 }; /* 256 bits */
	uint32_t again[8];

	put_state(h, block);
	memcpy(again, initial, sizeof(again));
	take_blocks(again, block, 1);
	put_state(again, out);
}

void
sha256d_final(struct sha256 *s, uint8_t out[SHA256_LEN])
{
	finish(s);
	hash_again(s->h, out);
}

void
sha256(const void *data, size_t len, uint8_t out[SHA256_LEN])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, data, len);
	sha256_final(&s, out);
}

/*
 * Two hashes of a Merkle tree, and a header, are nearly all that is hashed
 * here: their padding is always the same.
 */
static void
hash_64(const uint8_t data[64], uint8_t out[SHA256_LEN])
{
	static const uint8_t padding[SHA256_BLOCK] = { 0x80,
		[SHA256_BLOCK - 2] = 2 }; /* 512 bits */
	uint32_t h[8];

	memcpy(h, initial, sizeof(h));
	take_blocks(h, data, 1);
	take_blocks(h, padding, 1);
	hash_again(h, out);
}

static void
hash_80(const uint8_t data[80], uint8_t out[SHA256_LEN])
{
	uint8_t last[SHA256_BLOCK] = { [16] = 0x80,
		[SHA256_BLOCK - 2] = 2,
		[SHA256_BLOCK - 1] = 0x80 };
	uint32_t h[8];

	memcpy(last, data + SHA256_BLOCK, 16);
	memcpy(h, initial, sizeof(h));
	take_blocks(h, data, 1);
	take_blocks(h, last, 1);
	hash_again(h, out);
}

void
sha256d(const void *data, size_t len, uint8_t out[SHA256_LEN])
{
	struct sha256 s;

	if (len == 64) {
		hash_64(data, out);
	} else if (len == 80) {
		hash_80(data, out);
	} else {
		sha256_init(&s);
		sha256_update(&s, data, len);
		sha256d_final(&s, out);
	}
}
