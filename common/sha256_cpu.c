/*
 * SHA-256 with the processor's instructions: SHA-NI on amd64, the SHA2
 * extension of ARMv8 on arm64.  Compiled for every processor of the kind,
 * used where it is found at run time.
 */
#include "common/sha256_cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#define WITH_SHA __attribute__((target("sha,sse4.1")))

/* The instructions want the state as ABEF and CDGH. */
struct lane {
	__m128i abef, cdgh, w[4];
};

WITH_SHA static inline __m128i
load(const void *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

WITH_SHA static inline void
lane_state(struct lane *l, const uint32_t h[8])
{
	__m128i abcd = _mm_shuffle_epi32(load(h), 0xb1);
	__m128i efgh = _mm_shuffle_epi32(load(h + 4), 0x1b);

	l->abef = _mm_alignr_epi8(abcd, efgh, 8);
	l->cdgh = _mm_blend_epi16(efgh, abcd, 0xf0);
}

WITH_SHA static inline void
lane_words(struct lane *l, const uint8_t *p)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bll,
	    0x0405060700010203ll);
	int i;

	for (i = 0; i < 4; i++)
		l->w[i] = _mm_shuffle_epi8(load(p + 16 * i), swap);
}

/* Four rounds, and the four words that are needed sixteen rounds later. */
WITH_SHA static inline void
lane_rounds(struct lane *l, int i, const uint32_t *k4)
{
	__m128i *w = l->w, k, next;

	k = _mm_add_epi32(w[0], load(k4));
	l->cdgh = _mm_sha256rnds2_epu32(l->cdgh, l->abef, k);
	l->abef = _mm_sha256rnds2_epu32(l->abef, l->cdgh,
	    _mm_shuffle_epi32(k, 0x0e));
	if (i < 12) {
		next = _mm_add_epi32(_mm_sha256msg1_epu32(w[0], w[1]),
		    _mm_alignr_epi8(w[3], w[2], 4));
		next = _mm_sha256msg2_epu32(next, w[3]);
	} else
		next = w[0];
	w[0] = w[1];
	w[1] = w[2];
	w[2] = w[3];
	w[3] = next;
}

WITH_SHA static inline void
lane_store(const struct lane *l, uint32_t h[8])
{
	__m128i feba = _mm_shuffle_epi32(l->abef, 0x1b);
	__m128i dchg = _mm_shuffle_epi32(l->cdgh, 0xb1);

	_mm_storeu_si128((__m128i *)(void *)h,
	    _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((__m128i *)(void *)(h + 4),
	    _mm_alignr_epi8(dchg, feba, 8));
}

WITH_SHA static void
blocks_sha_ni(uint32_t h[8], const uint8_t *p, size_t n, const uint32_t k[64])
{
	struct lane l;
	__m128i abef, cdgh;

	lane_state(&l, h);
	for (; n > 0; n--, p += 64) {
		abef = l.abef;
		cdgh = l.cdgh;
		lane_words(&l, p);
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++)
			lane_rounds(&l, i, k + 4 * i);
		l.abef = _mm_add_epi32(l.abef, abef);
		l.cdgh = _mm_add_epi32(l.cdgh, cdgh);
	}
	lane_store(&l, h);
}

sha256_blocks *
sha256_cpu_blocks(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) ||
	    !(c & bit_SSSE3))
		return NULL;
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_SHA))
		return NULL;
	return blocks_sha_ni;
}

#elif defined(__aarch64__)
#include <arm_neon.h>
#include <sys/auxv.h>

#ifndef HWCAP_SHA2
#define HWCAP_SHA2 (1 << 6)
#endif

#ifdef __clang__
#define WITH_SHA __attribute__((target("sha2")))
#else
#define WITH_SHA __attribute__((target("+crypto")))
#endif

WITH_SHA static void
blocks_armv8(uint32_t h[8], const uint8_t *p, size_t n, const uint32_t k[64])
{
	uint32x4_t abcd = vld1q_u32(h), efgh = vld1q_u32(h + 4);
	uint32x4_t w[4], kw, old, abcd0, efgh0;
	int i;

	for (; n > 0; n--, p += 64) {
		abcd0 = abcd;
		efgh0 = efgh;
		for (i = 0; i < 4; i++)
			w[i] = vreinterpretq_u32_u8(
			    vrev32q_u8(vld1q_u8(p + 16 * i)));
#pragma GCC unroll 16
		for (i = 0; i < 16; i++) {
			kw = vaddq_u32(w[i & 3], vld1q_u32(k + 4 * i));
			if (i < 12)
				w[i & 3] = vsha256su1q_u32(
				    vsha256su0q_u32(w[i & 3], w[(i + 1) & 3]),
				    w[(i + 2) & 3], w[(i + 3) & 3]);
			old = abcd;
			abcd = vsha256hq_u32(abcd, efgh, kw);
			efgh = vsha256h2q_u32(efgh, old, kw);
		}
		abcd = vaddq_u32(abcd, abcd0);
		efgh = vaddq_u32(efgh, efgh0);
	}
	vst1q_u32(h, abcd);
	vst1q_u32(h + 4, efgh);
}

sha256_blocks *
sha256_cpu_blocks(void)
{
	return getauxval(AT_HWCAP) & HWCAP_SHA2 ? blocks_armv8 : NULL;
}

#else

sha256_blocks *
sha256_cpu_blocks(void)
{
	return NULL;
}

#endif
