/*
 * SHA-256's compression of two blocks at once.  One block leaves the
 * processor's SHA instructions waiting for each other half of the time; two
 * independent ones fill the gaps.  Elsewhere libcrypto does one after the
 * other.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/sha.h>
#include <stdbool.h>
#include <string.h>

#include "tests/sim/sim_sha.h"

static void
pair_libcrypto(const uint32_t h[8], const uint32_t w[2][16], uint32_t out[2][8])
{
	SHA256_CTX c;
	uint32_t block[16];

	SHA256_Init(&c);
	for (int lane = 0; lane < 2; lane++) {
		for (int i = 0; i < 16; i++)
			block[i] = __builtin_bswap32(w[lane][i]);
		for (int i = 0; i < 8; i++)
			c.h[i] = h[i];
		SHA256_Transform(&c, (const unsigned char *)block);
		for (int i = 0; i < 8; i++)
			out[lane][i] = c.h[i];
	}
}

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#define WITH_SHA __attribute__((target("sha,sse4.1")))

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

/* The instructions want the state as ABEF and CDGH. */
struct lane {
	__m128i abef, cdgh, w[4];
};

WITH_SHA static inline void
lane_load(struct lane *l, const uint32_t h[8], const uint32_t w[16])
{
	__m128i abcd = _mm_loadu_si128((const __m128i *)(const void *)h);
	__m128i efgh = _mm_loadu_si128((const __m128i *)(const void *)(h + 4));

	abcd = _mm_shuffle_epi32(abcd, 0xb1);
	efgh = _mm_shuffle_epi32(efgh, 0x1b);
	l->abef = _mm_alignr_epi8(abcd, efgh, 8);
	l->cdgh = _mm_blend_epi16(efgh, abcd, 0xf0);
	for (int i = 0; i < 4; i++)
		l->w[i] = _mm_loadu_si128(
		    (const __m128i *)(const void *)(w + 4 * i));
}

/* Four rounds, and the four words that are needed sixteen rounds later. */
WITH_SHA static inline void
lane_rounds(struct lane *l, int i)
{
	__m128i *w = l->w, k, next;

	k = _mm_add_epi32(w[0],
	    _mm_load_si128((const __m128i *)(const void *)(rounds + 4 * i)));
	l->cdgh = _mm_sha256rnds2_epu32(l->cdgh, l->abef, k);
	l->abef = _mm_sha256rnds2_epu32(l->abef, l->cdgh,
	    _mm_shuffle_epi32(k, 0x0e));
	next = _mm_add_epi32(_mm_sha256msg1_epu32(w[0], w[1]),
	    _mm_alignr_epi8(w[3], w[2], 4));
	next = _mm_sha256msg2_epu32(next, w[3]);
	w[0] = w[1];
	w[1] = w[2];
	w[2] = w[3];
	w[3] = next;
}

WITH_SHA static inline void
lane_store(const struct lane *l, const uint32_t h[8], uint32_t out[8])
{
	__m128i feba = _mm_shuffle_epi32(l->abef, 0x1b);
	__m128i dchg = _mm_shuffle_epi32(l->cdgh, 0xb1);

	_mm_storeu_si128((__m128i *)(void *)out,
	    _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((__m128i *)(void *)(out + 4),
	    _mm_alignr_epi8(dchg, feba, 8));
	for (int i = 0; i < 8; i++)
		out[i] += h[i];
}

WITH_SHA static void
pair_sha(const uint32_t h[8], const uint32_t w[2][16], uint32_t out[2][8])
{
	struct lane a, b;

	lane_load(&a, h, w[0]);
	lane_load(&b, h, w[1]);
#pragma GCC unroll 16
	for (int i = 0; i < 16; i++) {
		lane_rounds(&a, i);
		lane_rounds(&b, i);
	}
	lane_store(&a, h, out[0]);
	lane_store(&b, h, out[1]);
}

static bool
have_sha(void)
{
	unsigned a, b, c, d;
	bool sse;

	if (!__get_cpuid(1, &a, &b, &c, &d))
		return false;
	sse = c & bit_SSE4_1;
	return sse && __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_SHA;
}

void
sim_sha_pair(const uint32_t h[8], const uint32_t w[2][16], uint32_t out[2][8])
{
	static int have = -1;

	if (have == -1)
		have = have_sha();
	if (have)
		pair_sha(h, w, out);
	else
		pair_libcrypto(h, w, out);
}

#else

void
sim_sha_pair(const uint32_t h[8], const uint32_t w[2][16], uint32_t out[2][8])
{
	pair_libcrypto(h, w, out);
}

#endif
