/*
 * 256-bit targets in words of 64 bits.
 */
#include <endian.h>
#include <math.h>
#include <string.h>

#include "common/hex.h"
#include "common/target.h"

#define WORDS 6 /* D1 times 2^86, and what a small difficulty adds */

struct u256
target_of_hash(const uint8_t hash[32])
{
	struct u256 t;
	int i;

	memcpy(&t, hash, sizeof(t));
	for (i = 0; i < 4; i++)
		t.w[i] = le64toh(t.w[i]);
	return t;
}

void
target_bytes(const struct u256 *t, uint8_t le[32])
{
	int i;

	for (i = 0; i < 32; i++)
		le[i] = (uint8_t)(t->w[i / 8] >> (8 * (i % 8)));
}

int
target_cmp(const struct u256 *a, const struct u256 *b)
{
	int i;

	for (i = 3; i >= 0; i--)
		if (a->w[i] != b->w[i])
			return a->w[i] < b->w[i] ? -1 : 1;
	return 0;
}

bool
target_is_zero(const struct u256 *t)
{
	return (t->w[0] | t->w[1] | t->w[2] | t->w[3]) == 0;
}

/* v * 2^shift, which fits, into cleared words. */
static void
put_shifted(uint64_t *w, uint64_t v, unsigned shift)
{
	w[shift / 64] = v << (shift % 64);
	if (shift % 64 != 0)
		w[shift / 64 + 1] = v >> (64 - shift % 64);
}

/* The words divided by d in place, the rest thrown away. */
static void
divide(uint64_t w[WORDS], uint64_t d)
{
	__extension__ unsigned __int128 rest = 0;
	int i;

	for (i = WORDS - 1; i >= 0; i--) {
		rest = rest << 64 | w[i];
		w[i] = (uint64_t)(rest / d);
		rest %= d;
	}
}

static void
shift_right(uint64_t w[4], unsigned n)
{
	unsigned words = n / 64, bits = n % 64, i;
	uint64_t hi, lo;

	for (i = 0; i < 4; i++) {
		lo = i + words < 4 ? w[i + words] : 0;
		hi = i + words + 1 < 4 ? w[i + words + 1] : 0;
		w[i] = bits == 0 ? lo : lo >> bits | hi << (64 - bits);
	}
}

/*
 * The difficulty is m * 2^e with integers m < 2^53 and e.  With e below zero
 * D1 is multiplied first; with e above, the quotient is cut afterwards, which
 * gives the same floor.
 */
int
target_of_difficulty(double difficulty, enum target_one one, struct u256 *out)
{
	uint64_t w[WORDS] = { 0 }, m;
	int e;

	if (!isfinite(difficulty) || difficulty <= 0)
		return -1;
	memset(out, 0xff, sizeof(*out));
	if (difficulty < 0x1p-33)
		return 0;
	m = (uint64_t)ldexp(frexp(difficulty, &e), 53);
	e -= 53;
	put_shifted(w, one == TARGET_BDIFF ? 0xffff : 0x10000,
	    208 + (e < 0 ? (unsigned)-e : 0));
	divide(w, m);
	if ((w[4] | w[5]) != 0)
		return 0;
	memcpy(out->w, w, sizeof(out->w));
	if (e > 0)
		shift_right(out->w, e < 256 ? (unsigned)e : 256);
	return 0;
}

double
target_difficulty(const struct u256 *t, enum target_one one)
{
	double v = ldexp((double)t->w[3], 192) + ldexp((double)t->w[2], 128) +
	    ldexp((double)t->w[1], 64) + (double)t->w[0];

	return (one == TARGET_BDIFF ? 0x0.ffffp224 : 0x1p224) / (v > 0 ? v : 1);
}

int
target_of_nbits(uint32_t nbits, struct u256 *out)
{
	uint64_t mantissa = nbits & 0x7fffff;
	unsigned exponent = nbits >> 24;

	memset(out, 0, sizeof(*out));
	if (nbits & 0x800000)
		return -1;
	if (exponent <= 3)
		mantissa >>= 8 * (3 - exponent);
	if (mantissa == 0 || exponent > 34 ||
	    (mantissa > 0xff && exponent > 33) ||
	    (mantissa > 0xffff && exponent > 32))
		return -1;
	if (exponent <= 3)
		out->w[0] = mantissa;
	else {
		uint64_t w[5] = { 0 };

		put_shifted(w, mantissa, 8 * (exponent - 3));
		memcpy(out->w, w, sizeof(out->w));
	}
	return 0;
}

void
target_hex(const struct u256 *t, char out[65])
{
	uint8_t le[32];

	target_bytes(t, le);
	hex_text_reversed(le, 32, out);
}

int
target_of_hex(const char *s, size_t len, struct u256 *t)
{
	uint8_t be[32], le[32];
	int i;

	if (len != 64 || hex_bytes(s, len, be) == -1)
		return -1;
	for (i = 0; i < 32; i++)
		le[i] = be[31 - i];
	*t = target_of_hash(le);
	return 0;
}
