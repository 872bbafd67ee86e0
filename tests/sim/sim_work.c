/*
 * Stratum V1 work: from a notify and a submit to the header, its hash and
 * its difficulty.  SHA256_Transform is deprecated in libcrypto 3 and is still
 * the only way there to a midstate.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <endian.h>
#include <math.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/sim_sha.h"
#include "tests/sim/sim_util.h"
#include "tests/sim/sim_work.h"

int
sim_formula_parse(const char *s, enum sim_formula *out)
{
	if (!strcmp(s, "bip310"))
		*out = SIM_BIP310;
	else if (!strcmp(s, "or"))
		*out = SIM_OR;
	else if (!strcmp(s, "xor"))
		*out = SIM_XOR;
	else
		return -1;
	return 0;
}

uint32_t
sim_version(enum sim_formula f, uint32_t job, uint32_t mask, uint32_t bits)
{
	switch (f) {
	case SIM_OR:
		return job | bits;
	case SIM_XOR:
		return job ^ bits;
	case SIM_BIP310:
	default:
		return (job & ~mask) | (bits & mask);
	}
}

static int
parse_hex(const struct sim_tok *t, int i, uint8_t *out, size_t size)
{
	if (i < 0 || t[i].type != SIM_STRING)
		return -1;
	return sim_hex_decode(out, size, t[i].raw + 1, t[i].len - 2);
}

static int
parse_u32(const struct sim_tok *t, int i, uint32_t *out)
{
	if (i < 0 || t[i].type != SIM_STRING)
		return -1;
	return sim_hex_u32(t[i].raw + 1, t[i].len - 2, out);
}

static int
parse_branches(struct sim_job *j, const struct sim_tok *t, int arr)
{
	if (arr < 0 || t[arr].type != SIM_ARRAY ||
	    t[arr].count > SIM_BRANCHES_MAX)
		return -1;
	j->branches = t[arr].count;
	for (int i = 0; i < j->branches; i++)
		if (parse_hex(t, sim_json_at(t, arr, i), j->branch[i], 32) !=
		    32)
			return -1;
	return 0;
}

int
sim_job_parse(struct sim_job *j, const struct sim_tok *t, int p)
{
	int n1, n2;

	memset(j, 0, sizeof(*j));
	if (sim_json_str(t, sim_json_at(t, p, 0), j->id, sizeof(j->id)) < 1 ||
	    parse_hex(t, sim_json_at(t, p, 1), j->prevhash, 32) != 32)
		return -1;
	n1 = parse_hex(t, sim_json_at(t, p, 2), j->coinb1, SIM_COINB_MAX);
	n2 = parse_hex(t, sim_json_at(t, p, 3), j->coinb2, SIM_COINB_MAX);
	if (n1 == -1 || n2 == -1 ||
	    parse_branches(j, t, sim_json_at(t, p, 4)) == -1 ||
	    parse_u32(t, sim_json_at(t, p, 5), &j->version) == -1 ||
	    parse_u32(t, sim_json_at(t, p, 6), &j->nbits) == -1 ||
	    parse_u32(t, sim_json_at(t, p, 7), &j->ntime) == -1)
		return -1;
	j->coinb1_len = (size_t)n1;
	j->coinb2_len = (size_t)n2;
	j->clean = sim_json_true(t, sim_json_at(t, p, 8));
	return 0;
}

size_t
sim_job_print(const struct sim_job *j, bool clean, char *buf, size_t size)
{
	static char c1[2 * SIM_COINB_MAX + 1], c2[2 * SIM_COINB_MAX + 1];
	char hex[65];
	FILE *f = fmemopen(buf, size, "w");
	long n;

	if (f == NULL)
		return 0;
	sim_hex_encode(hex, j->prevhash, 32);
	sim_hex_encode(c1, j->coinb1, j->coinb1_len);
	sim_hex_encode(c2, j->coinb2, j->coinb2_len);
	fprintf(f, "[\"%s\",\"%s\",\"%s\",\"%s\",[", j->id, hex, c1, c2);
	for (int i = 0; i < j->branches; i++) {
		sim_hex_encode(hex, j->branch[i], 32);
		fprintf(f, "%s\"%s\"", i ? "," : "", hex);
	}
	fprintf(f, "],\"%08x\",\"%08x\",\"%08x\",%s]", j->version, j->nbits,
	    j->ntime, clean ? "true" : "false");
	n = ftell(f);
	fclose(f);
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

void
sim_sha256d(const void *data, size_t len, uint8_t out[32])
{
	uint8_t once[32];

	SHA256(data, len, once);
	SHA256(once, 32, out);
}

static void
merkle_root(const struct sim_job *j, const struct sim_try *w, uint8_t pair[64])
{
	SHA256_CTX c;
	uint8_t once[32];

	SHA256_Init(&c);
	SHA256_Update(&c, j->coinb1, j->coinb1_len);
	SHA256_Update(&c, w->en1.b, w->en1.len);
	SHA256_Update(&c, w->en2.b, w->en2.len);
	SHA256_Update(&c, j->coinb2, j->coinb2_len);
	SHA256_Final(once, &c);
	SHA256(once, 32, pair);
	for (int i = 0; i < j->branches; i++) {
		memcpy(pair + 32, j->branch[i], 32);
		sim_sha256d(pair, 64, pair);
	}
}

static void
put_le32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, 4);
}

void
sim_header(const struct sim_job *j, const struct sim_try *w, uint8_t out[80])
{
	uint8_t pair[64];

	put_le32(out, w->version);
	for (int i = 0; i < 32; i++)
		out[4 + i] = j->prevhash[i ^ 3];
	merkle_root(j, w, pair);
	memcpy(out + 36, pair, 32);
	put_le32(out + 68, w->ntime);
	put_le32(out + 72, j->nbits);
	put_le32(out + 76, w->nonce);
}

void
sim_midstate(const uint8_t header[80], struct sim_mid *m)
{
	SHA256_CTX c;

	SHA256_Init(&c);
	SHA256_Transform(&c, header);
	for (int i = 0; i < 8; i++)
		m->h[i] = c.h[i];
	memcpy(m->tail, header + 64, 16);
}

/* The second block of the header, and the block of the second hash: all but
 * the nonce and the first hash is padding that never changes. */
static void
prepare_blocks(const struct sim_mid *m, uint32_t a[16], uint32_t b[16])
{
	memset(a, 0, 16 * sizeof(*a));
	memcpy(a, m->tail, 16);
	for (int i = 0; i < 4; i++)
		a[i] = be32toh(a[i]);
	a[4] = 0x80000000;
	a[15] = 640;
	memset(b, 0, 16 * sizeof(*b));
	b[8] = 0x80000000;
	b[15] = 256;
}

static bool
state_below(const uint32_t state[8], const uint8_t target[32])
{
	uint8_t hash[32];

	for (int i = 0; i < 8; i++) {
		uint32_t v = htobe32(state[i]);

		memcpy(hash + 4 * i, &v, 4);
	}
	return sim_below(hash, target);
}

bool
sim_search(const struct sim_mid *m, const uint8_t target[32], uint32_t *nonce,
    uint32_t n)
{
	static const uint32_t initial[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372,
		0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	uint32_t a[2][16], b[2][16], once[2][8], twice[2][8], top;

	for (int lane = 0; lane < 2; lane++)
		prepare_blocks(m, a[lane], b[lane]);
	memcpy(&top, target + 28, 4);
	top = le32toh(top);
	for (uint32_t i = 0; i < n; i += 2) {
		a[0][3] = __builtin_bswap32(*nonce + i);
		a[1][3] = __builtin_bswap32(*nonce + i + 1);
		sim_sha_pair(m->h, a, once);
		memcpy(b[0], once[0], sizeof(once[0]));
		memcpy(b[1], once[1], sizeof(once[1]));
		sim_sha_pair(initial, b, twice);
		for (uint32_t lane = 0; lane < 2; lane++) {
			if (__builtin_bswap32(twice[lane][7]) > top ||
			    !state_below(twice[lane], target))
				continue;
			*nonce += i + lane;
			return true;
		}
	}
	*nonce += n + (n & 1);
	return false;
}

/* Puts the integer v * 2^shift, rounded down, as a little-endian number. */
static void
put_shifted(uint64_t v, int shift, uint8_t out[32])
{
	memset(out, 0, 32);
	if (shift < 0) {
		v = shift > -64 ? v >> -shift : 0;
		shift = 0;
	}
	for (int bit = 0; bit < 64; bit++) {
		int at = bit + shift;

		if (!(v >> bit & 1))
			continue;
		if (at >= 256) {
			memset(out, 0xff, 32);
			return;
		}
		out[at / 8] |= (uint8_t)(1 << at % 8);
	}
}

void
sim_target(double difficulty, uint8_t target[32])
{
	int e;
	double m;

	if (!(difficulty > 0)) {
		memset(target, 0xff, 32);
		return;
	}
	m = frexp(65535.0 / difficulty, &e);
	if (!isfinite(m)) {
		memset(target, 0xff, 32);
		return;
	}
	put_shifted((uint64_t)ldexp(m, 53), e - 53 + 208, target);
}

void
sim_target_nbits(uint32_t nbits, uint8_t target[32])
{
	put_shifted(nbits & 0x7fffff, 8 * ((int)(nbits >> 24) - 3), target);
}

double
sim_difficulty(const uint8_t hash[32])
{
	double v = 0;

	for (int i = 31; i >= 0; i--)
		v = v * 256 + hash[i];
	return v > 0 ? ldexp(65535.0, 208) / v : INFINITY;
}

bool
sim_below(const uint8_t hash[32], const uint8_t target[32])
{
	for (int i = 31; i >= 0; i--)
		if (hash[i] != target[i])
			return hash[i] < target[i];
	return true;
}

void
sim_hash_print(const uint8_t hash[32], char out[65])
{
	uint8_t rev[32];

	for (int i = 0; i < 32; i++)
		rev[i] = hash[31 - i];
	sim_hex_encode(out, rev, 32);
}
