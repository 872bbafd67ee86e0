/*
 * Targets to the last bit, jobs out of anything, headers of real blocks.
 *
 * The expected targets were computed with unbounded integers, those of nbits
 * by Bitcoin's rule in the same way.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/hex.h"
#include "common/json.h"
#include "common/work.h"
#include "tests/unit/verifylib.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct jtree tree;

static void
check_target(const struct u256 *t, const char *want)
{
	char hex[65];

	target_hex(t, hex);
	assert_string_equal(hex, want);
}

/* --- targets --- */

static const struct {
	double difficulty;
	enum target_one one;
	const char *target;
} targets[] = {
	{ 1.0, TARGET_BDIFF,
	    "00000000ffff00000000000000000000"
	    "00000000000000000000000000000000" },
	{ 1.0, TARGET_PDIFF,
	    "00000001000000000000000000000000"
	    "00000000000000000000000000000000" },
	{ 0.001, TARGET_BDIFF,
	    "000003e7fc17fffffffa2405dc000000"
	    "08c9f735fffffff2d10d2f00000013c6" },
	{ 0.001, TARGET_PDIFF,
	    "000003e7fffffffffffa240000000000"
	    "08c9fffffffffff2d1000000000013c6" },
	{ 16383.75, TARGET_BDIFF,
	    "00000000000400000000000000000000"
	    "00000000000000000000000000000000" },
	{ 16383.75, TARGET_PDIFF,
	    "00000000000400040004000400040004"
	    "00040004000400040004000400040004" },
	{ 1000000.0, TARGET_BDIFF,
	    "00000000000010c6e6d9be4cd7492791"
	    "3e81450efdc9c4da9003eea209aaa3ad" },
	{ 1000000.0, TARGET_PDIFF,
	    "00000000000010c6f7a0b5ed8d36b4c7"
	    "f34938583621fafc8b0079a2834d26fa" },
	{ 0.002, TARGET_BDIFF,
	    "000001f3fe0bfffffffd1202ee000000"
	    "0464fb9afffffff968869780000009e3" },
	{ 0.002, TARGET_PDIFF,
	    "000001f3fffffffffffd120000000000"
	    "0464fffffffffff968800000000009e3" },
	{ 2.3283064365386963e-10, TARGET_BDIFF,
	    "ffff0000000000000000000000000000"
	    "00000000000000000000000000000000" },
	{ 2.3283064365386963e-10, TARGET_PDIFF,
	    "ffffffffffffffffffffffffffffffff"
	    "ffffffffffffffffffffffffffffffff" },
	{ 4.656612873077393e-10, TARGET_BDIFF,
	    "7fff8000000000000000000000000000"
	    "00000000000000000000000000000000" },
	{ 4.656612873077393e-10, TARGET_PDIFF,
	    "80000000000000000000000000000000"
	    "00000000000000000000000000000000" },
	{ 1.5e-09, TARGET_BDIFF,
	    "27bc5eee240000130a850c0f77915e75"
	    "2a274fd2ba19dfc1a0c72bd38b9c0d3c" },
	{ 1.5e-09, TARGET_PDIFF,
	    "27bc86aaaaaaaabdb542c15238e39758"
	    "c1801152cb6cab2e4bf577c9036510a1" },
	{ 126000000000000.0, TARGET_BDIFF,
	    "000000000000000000023be07f2f4a45"
	    "7bdd36a8dd5442e7a52b6cc72f46c821" },
	{ 126000000000000.0, TARGET_PDIFF,
	    "000000000000000000023be2bb120557"
	    "8134b7dd9531d8197d44ea0c1952e174" },
	{ 3e+67, TARGET_BDIFF,
	    "00000000000000000000000000000000"
	    "00000000000000000000000000000000" },
	{ 3e+67, TARGET_PDIFF,
	    "00000000000000000000000000000000"
	    "00000000000000000000000000000000" },
	{ 1e+70, TARGET_BDIFF,
	    "00000000000000000000000000000000"
	    "00000000000000000000000000000000" },
	{ 1e+70, TARGET_PDIFF,
	    "00000000000000000000000000000000"
	    "00000000000000000000000000000000" },
	{ 7.885781, TARGET_BDIFF,
	    "000000002076870b6867ce27a124ae5f"
	    "fa0dc22fd48c841b45ec38b219db868f" },
	{ 7.885781, TARGET_PDIFF,
	    "000000002076a7820fe9de117f362d96"
	    "27a3e9d3be60427b8867c119daf56185" },
	{ 65535.0, TARGET_BDIFF,
	    "00000000000100000000000000000000"
	    "00000000000000000000000000000000" },
	{ 65535.0, TARGET_PDIFF,
	    "00000000000100010001000100010001"
	    "00010001000100010001000100010001" },
	{ 0.9999847412109375, TARGET_BDIFF,
	    "00000001000000000000000000000000"
	    "00000000000000000000000000000000" },
	{ 0.9999847412109375, TARGET_PDIFF,
	    "00000001000100010001000100010001"
	    "00010001000100010001000100010001" },
};

static void
test_target_of_difficulty(void **state)
{
	static const double odd[] = { 0, -0.0, -1, NAN, INFINITY, -INFINITY };
	struct u256 t;
	size_t i;

	for (i = 0; i < N(targets); i++) {
		assert_int_equal(target_of_difficulty(targets[i].difficulty,
				     targets[i].one, &t),
		    0);
		check_target(&t, targets[i].target);
	}
	assert_int_equal(target_of_difficulty(5e-324, TARGET_BDIFF, &t), 0);
	assert_int_equal(t.w[3], UINT64_MAX);
	assert_int_equal(target_of_difficulty(1.7e308, TARGET_BDIFF, &t), 0);
	assert_true(target_is_zero(&t));
	for (i = 0; i < N(odd); i++)
		assert_int_equal(target_of_difficulty(odd[i], TARGET_BDIFF, &t),
		    -1);
}

/* There and back again gives the same to twelve digits and more. */
static void
test_difficulty_of_target(void **state)
{
	struct u256 t;
	double d, back;

	for (d = 1e-9; d < 1e40; d *= 1.37) {
		assert_int_equal(target_of_difficulty(d, TARGET_BDIFF, &t), 0);
		back = target_difficulty(&t, TARGET_BDIFF);
		assert_true(fabs(back / d - 1) < 1e-13);
		assert_int_equal(target_of_difficulty(d, TARGET_PDIFF, &t), 0);
		back = target_difficulty(&t, TARGET_PDIFF);
		assert_true(fabs(back / d - 1) < 1e-13);
	}
	memset(&t, 0, sizeof(t));
	assert_true(isfinite(target_difficulty(&t, TARGET_BDIFF)));
}

static void
test_target_of_nbits(void **state)
{
	static const struct {
		uint32_t nbits;
		const char *target;
		double difficulty;
	} v[] = {
		{ 0x1d00ffff,
		    "00000000ffff0000000000000000000000000000000000"
		    "000000000000000000",
		    1.0 },
		{ 0x1c2ac4af,
		    "000000002ac4af00000000000000000000000000000000"
		    "000000000000000000",
		    5.98565110032135 },
		{ 0x17029a8a,
		    "000000000000000000029a8a0000000000000000000000"
		    "000000000000000000",
		    108105433845147.16 },
		{ 0x1b0404cb,
		    "00000000000404cb000000000000000000000000000000"
		    "000000000000000000",
		    16307.420938523983 },
		{ 0x207fffff,
		    "7fffff0000000000000000000000000000000000000000"
		    "000000000000000000",
		    4.6565423739069247e-10 },
		{ 0x03123456,
		    "0000000000000000000000000000000000000000000000"
		    "000000000000123456",
		    2.2597230359107116e+61 },
		{ 0x02123456,
		    "0000000000000000000000000000000000000000000000"
		    "000000000000001234",
		    5.785308002362942e+63 },
		{ 0x01123456,
		    "0000000000000000000000000000000000000000000000"
		    "000000000000000012",
		    1.4977519606117395e+66 },
		{ 0x20123456,
		    "1234560000000000000000000000000000000000000000"
		    "000000000000000000",
		    3.2741322592383063e-09 },
		{ 0x21001234,
		    "1234000000000000000000000000000000000000000000"
		    "000000000000000000",
		    3.2743682900979284e-09 },
		{ 0x22000012,
		    "1200000000000000000000000000000000000000000000"
		    "000000000000000000",
		    3.3113186267049364e-09 },
		{ 0x01003456, NULL, 0 },
		{ 0x00000000, NULL, 0 },
		{ 0x04923456, NULL, 0 },
		{ 0x22000112, NULL, 0 },
		{ 0x21010000, NULL, 0 },
		{ 0x23000001, NULL, 0 },
		{ 0xff123456, NULL, 0 },
	};
	struct u256 t;
	size_t i;
	int r;

	for (i = 0; i < N(v); i++) {
		r = target_of_nbits(v[i].nbits, &t);
		assert_int_equal(r, v[i].target == NULL ? -1 : 0);
		if (r == -1)
			continue;
		check_target(&t, v[i].target);
		assert_true(
		    fabs(target_difficulty(&t, TARGET_BDIFF) / v[i].difficulty -
			1) < 1e-14);
	}
}

static void
test_target_hex(void **state)
{
	char hex[65], back[65];
	struct u256 t, u;
	uint8_t le[32];
	int i;

	for (i = 0; i < 64; i++)
		hex[i] = "0123456789abcdef"[(7 * i + i / 9) % 16];
	hex[64] = '\0';
	assert_int_equal(target_of_hex(hex, 64, &t), 0);
	target_hex(&t, back);
	assert_string_equal(back, hex);
	target_bytes(&t, le);
	u = target_of_hash(le);
	assert_int_equal(target_cmp(&t, &u), 0);
	u.w[0]++;
	assert_int_equal(target_cmp(&t, &u), -1);
	u.w[3]--;
	assert_int_equal(target_cmp(&t, &u), 1);
	assert_int_equal(target_of_hex(hex, 63, &t), -1);
	hex[5] = 'g';
	assert_int_equal(target_of_hex(hex, 64, &t), -1);
}

/* --- the blocks of tests/data --- */

static uint32_t
parse(const char *json, size_t len)
{
	assert_int_equal(jtree_parse(&tree, json, len), 0);
	return jtree_root(&tree);
}

static uint32_t
member(uint32_t node, const char *name)
{
	uint32_t m = jtree_member(&tree, node, name);

	assert_true(m != JTREE_NONE);
	return m;
}

static uint32_t
hex_param(uint32_t array, uint32_t i)
{
	size_t len;
	const char *s = jtree_plain(&tree, jtree_item(&tree, array, i), &len);
	uint32_t v;

	assert_non_null(s);
	assert_int_equal(hex_u32(s, len, &v), 0);
	return v;
}

static void
put_bytes(uint32_t node, struct work_bytes *b)
{
	size_t len;
	const char *s = jtree_plain(&tree, node, &len);

	assert_non_null(s);
	assert_int_equal(hex_bytes(s, len, b->b), 0);
	b->len = (uint8_t)(len / 2);
}

static void
check_hex(const uint8_t *bytes, size_t n, bool reversed, uint32_t node)
{
	char hex[2 * WORK_HEADER + 1], want[2 * WORK_HEADER + 1];

	(reversed ? hex_text_reversed : hex_text)(bytes, n, hex);
	assert_true(jtree_str(&tree, node, want, sizeof(want)) > 0);
	assert_string_equal(hex, want);
}

/* The header with each formula that the file has, its root and its hash. */
static void
check_block(const char *name)
{
	size_t len;
	char *data = vl_data(name, &len);
	struct work_store *store = work_store_new(1 << 20);
	uint32_t root, submit, computed, f, node, name_node = JTREE_NONE;
	struct work_bytes en1, en2;
	struct work_job *j;
	uint8_t merkle[32], header[WORK_HEADER], hash[32];
	struct u256 h;
	double d;

	assert_non_null(data);
	root = parse(data, len);
	submit = member(root, "submit_params");
	j = work_take(store, &tree, member(root, "notify_params"));
	assert_non_null(j);
	assert_int_equal(j->fault, WORK_SOUND);
	put_bytes(member(root, "extranonce1"), &en1);
	put_bytes(jtree_item(&tree, submit, 2), &en2);
	work_root(j, &en1, &en2, merkle);
	computed = member(root, "computed");
	while ((node = jtree_next(&tree, computed, &name_node)) != JTREE_NONE) {
		for (f = 0; f < WORK_FORMULAS; f++)
			if (jtree_equals(&tree, name_node,
				work_formula_name((enum work_formula)f)))
				break;
		assert_true(f < WORK_FORMULAS);
		work_header(j, merkle,
		    work_version((enum work_formula)f, j->version, 0x1fffe000,
			jtree_count(&tree, submit) > 5 ? hex_param(submit, 5) :
							 0),
		    hex_param(submit, 3), hex_param(submit, 4), header);
		sha256d(header, sizeof(header), hash);
		check_hex(merkle, 32, false, member(node, "merkle_root"));
		check_hex(header, sizeof(header), false,
		    member(node, "header"));
		check_hex(hash, 32, true, member(node, "hash"));
		h = target_of_hash(hash);
		assert_int_equal(jtree_double(&tree, member(node, "difficulty"),
				     &d),
		    0);
		assert_true(
		    fabs(target_difficulty(&h, TARGET_BDIFF) / d - 1) < 1e-7);
		assert_true(target_cmp(&h, &j->target) <= 0);
	}
	work_unref(store, j);
	assert_int_equal(work_store_jobs(store), 0);
	assert_int_equal(work_store_bytes(store), 0);
	work_store_free(store);
	free(data);
}

static void
test_blocks(void **state)
{
	check_block("slush-doc.json");
	check_block("block-881423.json");
}

/* --- notifies of all kinds --- */

#define H32  "00000000000000000000000000000000"
#define PREV "\"" H32 H32 "\""
#define TAIL "\"20000000\",\"1d00ffff\",\"5c000000\",true"

static void
test_faults(void **state)
{
	static const struct {
		const char *params;
		enum work_fault fault;
	} v[] = {
		{ "[\"a\"," PREV ",\"01\",\"02\",[]," TAIL "]", WORK_SOUND },
		{ "[7," PREV ",\"01\",\"02\",[]," TAIL "]", WORK_SOUND },
		{ "[\"a\"," PREV ",\"\",\"\",[]," TAIL "]", WORK_SOUND },
		{ "[\"\\u0061\"," PREV ",\"\",\"\",[" PREV "]," TAIL "]",
		    WORK_SOUND },
		{ "[]", WORK_BAD_PARAMS },
		{ "{\"a\":1}", WORK_BAD_PARAMS },
		{ "null", WORK_BAD_PARAMS },
		{ "[\"a\"," PREV ",\"01\",\"02\",[],\"20000000\",\"1d00ffff\"]",
		    WORK_BAD_PARAMS },
		{ "[null," PREV ",\"01\",\"02\",[]," TAIL "]", WORK_BAD_ID },
		{ "[[]," PREV ",\"01\",\"02\",[]," TAIL "]", WORK_BAD_ID },
		{ "[\"a\",\"00\",\"01\",\"02\",[]," TAIL "]",
		    WORK_BAD_PREVHASH },
		{ "[\"a\",1,\"01\",\"02\",[]," TAIL "]", WORK_BAD_PREVHASH },
		{ "[\"a\"," PREV ",\"0\",\"02\",[]," TAIL "]",
		    WORK_BAD_COINBASE },
		{ "[\"a\"," PREV ",\"0x\",\"02\",[]," TAIL "]",
		    WORK_BAD_COINBASE },
		{ "[\"a\"," PREV ",\"01\",\"zz\",[]," TAIL "]",
		    WORK_BAD_COINBASE },
		{ "[\"a\"," PREV ",\"01\",\"\\u0030\\u0030\",[]," TAIL "]",
		    WORK_BAD_COINBASE },
		{ "[\"a\"," PREV ",\"01\",\"02\",\"\"," TAIL "]",
		    WORK_BAD_BRANCHES },
		{ "[\"a\"," PREV ",\"01\",\"02\",[\"00\"]," TAIL "]",
		    WORK_BAD_BRANCHES },
		{ "[\"a\"," PREV ",\"01\",\"02\",[" PREV ",{}]," TAIL "]",
		    WORK_BAD_BRANCHES },
		{ "[\"a\"," PREV ",\"01\",\"02\",[],\"\",\"1d00ffff\","
		  "\"5c000000\",true]",
		    WORK_BAD_VERSION },
		{ "[\"a\"," PREV ",\"01\",\"02\",[],536870912,\"1d00ffff\","
		  "\"5c000000\",true]",
		    WORK_BAD_VERSION },
		{ "[\"a\"," PREV ",\"01\",\"02\",[],\"20000000\",\"1d00ffff0\","
		  "\"5c000000\",true]",
		    WORK_BAD_NBITS },
		{ "[\"a\"," PREV ",\"01\",\"02\",[],\"20000000\",\"1d00ffff\","
		  "\"-5c00000\",true]",
		    WORK_BAD_NTIME },
	};
	struct work_store *store = work_store_new(1 << 20);
	struct work_job *j;
	size_t i;

	for (i = 0; i < N(v); i++) {
		j = work_take(store, &tree,
		    parse(v[i].params, strlen(v[i].params)));
		assert_non_null(j);
		assert_int_equal(j->fault, v[i].fault);
		assert_true((work_fault_text(v[i].fault)[0] == '\0') ==
		    (v[i].fault == WORK_SOUND));
		work_unref(store, j);
	}
	assert_int_equal(work_store_jobs(store), 0);
	work_store_free(store);
}

/* A notify with that many branches and bytes of coinbase. */
static char *
big_notify(unsigned branches, size_t coinbase, size_t *len)
{
	char *s = malloc(200000);
	size_t n = 0, i;

	assert_non_null(s);
	n += (size_t)sprintf(s, "[\"big\"," PREV ",\"");
	for (i = 0; i < coinbase; i++)
		n += (size_t)sprintf(s + n, "%02x", (unsigned)i & 255);
	n += (size_t)sprintf(s + n, "\",\"\",[");
	for (i = 0; i < branches; i++)
		n += (size_t)sprintf(s + n, "%s" PREV, i > 0 ? "," : "");
	n += (size_t)sprintf(s + n, "]," TAIL "]");
	*len = n;
	return s;
}

static void
test_bounds(void **state)
{
	static const struct {
		unsigned branches;
		size_t coinbase;
		enum work_fault fault;
	} v[] = {
		{ 12, 200, WORK_SOUND },
		{ WORK_BRANCHES_MAX, WORK_COINBASE_MAX, WORK_SOUND },
		{ WORK_BRANCHES_MAX + 1, 100, WORK_BAD_BRANCHES },
		{ 900, 100, WORK_BAD_BRANCHES },
		{ 0, WORK_COINBASE_MAX + 1, WORK_BAD_COINBASE },
	};
	struct work_store *store = work_store_new(1 << 20), *small;
	struct work_job *j;
	size_t i, len;
	char *s;

	for (i = 0; i < N(v); i++) {
		s = big_notify(v[i].branches, v[i].coinbase, &len);
		j = work_take(store, &tree, parse(s, len));
		assert_non_null(j);
		assert_int_equal(j->fault, v[i].fault);
		assert_int_equal(work_store_bytes(store), j->size);
		work_unref(store, j);
		free(s);
	}
	/* A store that is full takes no more, and goes on. */
	s = big_notify(2, 20000, &len);
	small = work_store_new(90000);
	j = work_take(small, &tree, parse(s, len));
	assert_non_null(j);
	s[2] = 'B';
	assert_null(work_take(small, &tree, parse(s, len)));
	work_unref(small, j);
	j = work_take(small, &tree, parse(s, len));
	assert_non_null(j);
	work_unref(small, j);
	free(s);
	work_store_free(small);
	work_store_free(store);
}

/* The same job is there once, with clean_jobs or without. */
static void
test_shared(void **state)
{
	static const char clean[] =
	    "[\"a\"," PREV ",\"01\",\"02\",[],\"20000000\",\"1d00ffff\","
	    "\"5c000000\",true]";
	static const char other[] =
	    "[\"a\"," PREV ",\"01\",\"02\",[],\"20000000\",\"1d00ffff\","
	    "\"5c000000\",false]";
	static const char third[] =
	    "[\"a\"," PREV ",\"01\",\"02\",[],\"20000000\",\"1d00ffff\","
	    "\"5c000001\",false]";
	struct work_store *store = work_store_new(1 << 20);
	struct work_job *a, *b, *c;

	a = work_take(store, &tree, parse(clean, sizeof(clean) - 1));
	assert_int_equal(work_clean(&tree, jtree_root(&tree)), 1);
	b = work_take(store, &tree, parse(other, sizeof(other) - 1));
	assert_int_equal(work_clean(&tree, jtree_root(&tree)), 0);
	assert_ptr_equal(a, b);
	c = work_take(store, &tree, parse(third, sizeof(third) - 1));
	assert_ptr_not_equal(a, c);
	assert_int_equal(work_store_jobs(store), 2);
	assert_ptr_equal(work_find(store, c->key), c);
	work_unref(store, c);
	work_unref(store, c);
	assert_int_equal(work_store_jobs(store), 1);
	work_unref(store, b);
	assert_int_equal(work_store_jobs(store), 1);
	work_unref(store, a);
	assert_int_equal(work_store_jobs(store), 0);
	parse("[1,2,3,4,5,6,7,8]", 17);
	assert_int_equal(work_clean(&tree, jtree_root(&tree)), -1);
	work_store_free(store);
}

static void
test_pack(void **state)
{
	struct work_store *from = work_store_new(1 << 20);
	struct work_store *to = work_store_new(1 << 20);
	struct work_bytes en1 = { 4, { 1, 2, 3, 4 } }, en2 = { 2, { 5, 6 } };
	uint8_t a[32], b[32];
	struct work_job *j, *k;
	struct mbuf buf;
	struct mcur c;
	size_t len, cut;
	char *s = big_notify(5, 300, &len);

	j = work_take(from, &tree, parse(s, len));
	mbuf_init(&buf);
	work_pack(j, &buf);
	assert_false(buf.bad);
	mcur_init(&c, buf.data, buf.len);
	k = work_unpack(to, &c);
	assert_non_null(k);
	assert_int_equal(msg_end(&c), 0);
	assert_string_equal(k->id, "big");
	assert_int_equal(k->nbits, j->nbits);
	assert_int_equal(target_cmp(&k->target, &j->target), 0);
	work_root(j, &en1, &en2, a);
	work_root(k, &en1, &en2, b);
	assert_memory_equal(a, b, 32);
	/* The same text finds what was unpacked. */
	assert_ptr_equal(work_take(to, &tree, jtree_root(&tree)), k);
	work_unref(to, k);
	work_unref(to, k);
	assert_int_equal(work_store_jobs(to), 0);
	for (cut = 0; cut < buf.len; cut++) {
		mcur_init(&c, buf.data, cut);
		assert_null(work_unpack(to, &c));
		assert_true(c.bad);
	}
	work_unref(from, j);
	mbuf_free(&buf);
	work_store_free(from);
	work_store_free(to);
	free(s);
}

static void
test_formulas(void **state)
{
	const uint32_t mask = 0x1fffe000, bits = 0x0e596000;

	/* All agree while the job has no bit inside of the mask. */
	assert_int_equal(work_version(WORK_BIP310, 0x20000000, mask, bits),
	    0x2e596000);
	assert_int_equal(work_version(WORK_OR, 0x20000000, mask, bits),
	    0x2e596000);
	assert_int_equal(work_version(WORK_XOR, 0x20000000, mask, bits),
	    0x2e596000);
	assert_int_equal(work_version(WORK_NONE, 0x20000000, mask, bits),
	    0x20000000);
	assert_int_equal(work_version(WORK_BIP310, 0x20006000, mask, 0x4000),
	    0x20004000);
	assert_int_equal(work_version(WORK_OR, 0x20006000, mask, 0x4000),
	    0x20006000);
	assert_int_equal(work_version(WORK_XOR, 0x20006000, mask, 0x4000),
	    0x20002000);
}

/* --- the tree that all this is read from --- */

/* It takes what json_valid() takes, and nothing else. */
static void
test_tree_grammar(void **state)
{
	static const char *const v[] = { "", " ", "{}", "[]", "[1,2]", "[1,]",
		"[,1]", "{\"a\":1,}", "{\"a\"}", "{\"a\":}", "{1:2}", "nul",
		"null", "true", "false", "-", "-0", "01", "1.", "1.5e", "1e5",
		"1E+5", ".5", "+1", "\"a", "\"\\x\"", "\"\\u12\"",
		"\"\\u12g4\"", "\"\\ud800\"", "\"\t\"", "[[[]]]", "[[[]]",
		"{\"a\":{\"b\":[{}]}}", "[1 2]", "[1:2]", "{\"a\",1}", "]",
		"\"\\", "\"\\u", "[\"\\\"]", "tru", "[nulll]" };
	size_t i, len;
	int want;

	for (i = 0; i < N(v); i++) {
		len = strlen(v[i]);
		want = json_valid(v[i], len, JTREE_DEPTH, NULL);
		assert_int_equal(jtree_parse(&tree, v[i], len), want);
		assert_int_equal(jtree_root(&tree), want == 0 ? 1 : 0);
	}
}

static void
test_tree_bounds(void **state)
{
	char deep[2 * JTREE_DEPTH + 3], *many = malloc(2 * JTREE_MAX + 2);
	int i;

	for (i = 0; i <= JTREE_DEPTH; i++) {
		deep[i] = '[';
		deep[JTREE_DEPTH + 1 + i] = ']';
	}
	assert_int_equal(jtree_parse(&tree, deep, sizeof(deep) - 1), -1);
	assert_int_equal(jtree_parse(&tree, deep + 1, sizeof(deep) - 3), 0);
	/* Node 0 and the array itself are two of them. */
	for (i = 0; i < JTREE_MAX - 1; i++)
		memcpy(many + 1 + 2 * i, "1,", 2);
	many[0] = '[';
	many[2 * (JTREE_MAX - 2)] = ']';
	assert_int_equal(jtree_parse(&tree, many, 2 * JTREE_MAX - 3), 0);
	assert_int_equal(jtree_count(&tree, 1), JTREE_MAX - 2);
	many[2 * (JTREE_MAX - 2)] = ',';
	many[2 * (JTREE_MAX - 1)] = ']';
	assert_int_equal(jtree_parse(&tree, many, 2 * JTREE_MAX - 1), -1);
	assert_true(jtree_type(&tree, 1) == J_NONE);
	free(many);
}

static void
test_tree_values(void **state)
{
	static const char s[] =
	    "{\"a\":[1,-2.5,\"x\\n\\u00e9\\ud83d\\ude00\\ud800z\",{}],\"b\":9,"
	    "\"\\u0062\":1e400,\"c\":9223372036854775807} trailing";
	char buf[32];
	uint32_t a, name = JTREE_NONE;
	int64_t i;
	double d;
	size_t len;
	unsigned n = 0;

	parse(s, sizeof(s) - 1);
	assert_int_equal(tree.end, strlen(s) - strlen(" trailing"));
	assert_int_equal(jtree_count(&tree, 1), 4);
	a = jtree_member(&tree, 1, "a");
	assert_int_equal(jtree_count(&tree, a), 4);
	assert_int_equal(jtree_int(&tree, jtree_item(&tree, a, 0), &i), 0);
	assert_int_equal(i, 1);
	assert_int_equal(jtree_int(&tree, jtree_item(&tree, a, 1), &i), -1);
	assert_int_equal(jtree_double(&tree, jtree_item(&tree, a, 1), &d), 0);
	assert_true(d == -2.5);
	assert_int_equal(jtree_str(&tree, jtree_item(&tree, a, 2), buf,
			     sizeof(buf)),
	    12);
	assert_string_equal(buf, "x\n\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbdz");
	assert_int_equal(jtree_str(&tree, jtree_item(&tree, a, 2), buf, 12),
	    -1);
	assert_null(jtree_plain(&tree, jtree_item(&tree, a, 2), &len));
	assert_true(jtree_item(&tree, a, 4) == JTREE_NONE);
	/* The last of one name wins; what is not finite is no number. */
	assert_int_equal(jtree_double(&tree, jtree_member(&tree, 1, "b"), &d),
	    -1);
	assert_int_equal(jtree_int(&tree, jtree_member(&tree, 1, "c"), &i), 0);
	assert_true(i == INT64_MAX);
	while (jtree_next(&tree, 1, &name) != JTREE_NONE)
		n++;
	assert_int_equal(n, 4);
	assert_string_equal(jtree_raw(&tree, a, &len) + len,
	    strstr(s, ",\"b\""));
	assert_true(jtree_member(&tree, a, "a") == JTREE_NONE);
	assert_true(jtree_item(&tree, 1, 0) == JTREE_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_target_of_difficulty),
		cmocka_unit_test(test_difficulty_of_target),
		cmocka_unit_test(test_target_of_nbits),
		cmocka_unit_test(test_target_hex),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_pack),
		cmocka_unit_test(test_formulas),
		cmocka_unit_test(test_tree_grammar),
		cmocka_unit_test(test_tree_bounds),
		cmocka_unit_test(test_tree_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
