/*
 * Addresses against the vectors of BIP 173 and BIP 350 and against addresses
 * that everybody knows; coinbases of real blocks and of no block.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/coinbase.h"
#include "common/hex.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

#define MAIN ADDRESS_MAIN
#define TEST ADDRESS_TEST
#define REG  ADDRESS_REGTEST

static const struct {
	const char *script;
	enum address_net net;
	enum address_type type;
	const char *address;
} scripts[] = {
	/* The first block's key, as it is paid to by its hash. */
	{ "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac", MAIN,
	    ADDRESS_P2PKH, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa" },
	{ "76a914000000000000000000000000000000000000000088ac", MAIN,
	    ADDRESS_P2PKH, "1111111111111111111114oLvT2" },
	{ "76a914243f1394f44554f4ce3fd68649c19adc483ce92488ac", TEST,
	    ADDRESS_P2PKH, "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn" },
	{ "76a914243f1394f44554f4ce3fd68649c19adc483ce92488ac", REG,
	    ADDRESS_P2PKH, "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn" },
	{ "a914f815b036d9bbbce5e9f2a00abd1bf3dc91e9551087", MAIN, ADDRESS_P2SH,
	    "3QJmV3qfvL9SuYo34YihAf3sRCW3qSinyC" },
	{ "a9144e9f39ca4688ff102128ea4ccda34105324305b087", TEST, ADDRESS_P2SH,
	    "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc" },
	/* BIP 173. */
	{ "0014751e76e8199196d454941c45d1b3a323f1433bd6", MAIN, ADDRESS_P2WPKH,
	    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4" },
	{ "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
	    TEST, ADDRESS_P2WSH,
	    "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7" },
	{ "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
	    TEST, ADDRESS_P2WSH,
	    "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy" },
	/* BIP 350. */
	{ "5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c"
	  "45d1b3a323f1433bd6",
	    MAIN, ADDRESS_WITNESS,
	    "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5"
	    "xw7kt5nd6y" },
	{ "6002751e", MAIN, ADDRESS_WITNESS, "bc1sw50qgdz25j" },
	{ "5210751e76e8199196d454941c45d1b3a323", MAIN, ADDRESS_WITNESS,
	    "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs" },
	{ "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
	    TEST, ADDRESS_P2TR,
	    "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c" },
	{ "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
	    MAIN, ADDRESS_P2TR,
	    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0" },
	/* Pay to anchor. */
	{ "51024e73", MAIN, ADDRESS_WITNESS, "bc1pfeessrawgf" },
	/* Those without an address. */
	{ "6a24aa21a9ed", MAIN, ADDRESS_OP_RETURN, "" },
	{ "6a", MAIN, ADDRESS_OP_RETURN, "" },
	{ "", MAIN, ADDRESS_UNKNOWN, "" },
	{ "51", MAIN, ADDRESS_UNKNOWN, "" },
	{ "0014751e76e8199196d454941c45d1b3a323f1433b", MAIN, ADDRESS_UNKNOWN,
	    "" },
	{ "0010751e76e8199196d454941c45d1b3a323", MAIN, ADDRESS_UNKNOWN, "" },
	{ "510100", MAIN, ADDRESS_UNKNOWN, "" },
	{ "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ad", MAIN,
	    ADDRESS_UNKNOWN, "" },
	{ "2102000000000000000000000000000000000000000000000000000000000000000"
	  "0ac",
	    MAIN, ADDRESS_P2PK, "" },
};

static void
test_scripts(void **state)
{
	uint8_t script[128];
	char out[ADDRESS_MAX];
	size_t i, len;

	for (i = 0; i < N(scripts); i++) {
		len = strlen(scripts[i].script);
		assert_int_equal(hex_bytes(scripts[i].script, len, script), 0);
		assert_int_equal(address_of_script(script, len / 2,
				     scripts[i].net, out),
		    scripts[i].type);
		assert_string_equal(out, scripts[i].address);
	}
}

static void
test_encoders(void **state)
{
	static const uint8_t zeros[41];
	char out[ADDRESS_MAX];
	size_t len;

	assert_int_equal(address_base58(0, zeros, 33, out), -1);
	assert_int_equal(address_base58(0x80, zeros, 32, out), 0);
	assert_string_equal(out,
	    "5HpHagT65TZzG1PH3CSu63k8DbpvD8s5ip4nEB3kEsreAbuatmU");
	assert_int_equal(address_segwit("bcrt", 0, zeros, 20, out), 0);
	assert_string_equal(out,
	    "bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202");
	assert_int_equal(address_segwit("bc", 17, zeros, 20, out), -1);
	for (len = 0; len <= 41; len++) {
		assert_int_equal(address_segwit("bc", 0, zeros, len, out),
		    len == 20 || len == 32 ? 0 : -1);
		assert_int_equal(address_segwit("bc", 5, zeros, len, out),
		    len >= 2 && len <= 40 ? 0 : -1);
	}
}

/* --- coinbases --- */

static struct coinbase cb;

static int
parse(const char *a, const char *b, int en, enum address_net net)
{
	static uint8_t one[2048], two[2048];
	size_t na = strlen(a), nb = strlen(b);

	assert_int_equal(hex_bytes(a, na, one), 0);
	assert_int_equal(hex_bytes(b, nb, two), 0);
	return coinbase_parse(&cb, one, na / 2, two, nb / 2, en, net);
}

#define IN                                                              \
	"0100000001000000000000000000000000000000000000000000000000000" \
	"0000000000000ffffffff"

static const char slush1[] = IN "20020862062f503253482f04b8864e5008";
static const char slush2[] = "072f736c7573682f000000000100f2052a0100000019"
			     "76a914d23fcdf86f7e756a64a7a9688ef9903327048ed9"
			     "88ac00000000";
static const char block1[] = IN "3d030f730d000469c19a67";
static const char block2[] =
    "9a67b6600000000000000a41706f6c6c6f192f6d696e65642062792032353620466f756e"
    "646174696f6e2fffffffff0275aac01200000000160014c64b1b9283ba1ea86bb9e7b696"
    "b0c8f68dad04000000000000000000266a24aa21a9edb395560ab72068c2afb1d7e6c7db"
    "26b813482089d2c4d2471b9036c5e826140600000000";

static void
test_coinbase_slush(void **state)
{
	int known;

	for (known = 0; known < 2; known++) {
		assert_int_equal(parse(slush1, slush2, known ? 8 : COINBASE_ANY,
				     TEST),
		    0);
		assert_int_equal(cb.extranonce_len, 8);
		assert_false(cb.ambiguous);
		assert_true(cb.in_script);
		/* It is older than BIP 34's third byte: 25096. */
		assert_int_equal(cb.height, 25096);
		assert_string_equal(cb.tag, "/P2SH/ /slush/");
		assert_int_equal(cb.outputs, 1);
		assert_true(cb.total == 5000000000);
		assert_string_equal(cb.output[0].address,
		    "mzgedZJgT6Yo1iwMpLN8X3HwQy2V4MggzD");
		assert_false(cb.has_commitment);
	}
}

static void
test_coinbase_block(void **state)
{
	char hex[65];

	assert_int_equal(parse(block1, block2, COINBASE_ANY, MAIN), 0);
	assert_int_equal(cb.extranonce_len, 8);
	assert_int_equal(cb.height, 881423);
	assert_string_equal(cb.tag, "Apollo /mined by 256 Foundation/");
	assert_int_equal(cb.outputs, 2);
	assert_true(cb.total == 314616437);
	assert_string_equal(cb.output[0].address,
	    "bc1qce93hy5rhg02s6aeu7mfdvxg76x66pqqtrvzs3");
	assert_int_equal(cb.output[1].type, ADDRESS_OP_RETURN);
	assert_true(cb.has_commitment);
	hex_text(cb.commitment, 32, hex);
	assert_string_equal(hex,
	    "b395560ab72068c2afb1d7e6c7db26b813482089d2c4"
	    "d2471b9036c5e8261406");
	/* Another length is not whole. */
	assert_int_equal(parse(block1, block2, 7, MAIN), -1);
	assert_true(cb.fault != COINBASE_SOUND);
}

static void
test_coinbase_faults(void **state)
{
	static const struct {
		const char *a, *b;
		int en;
		enum coinbase_fault fault;
	} v[] = {
		{ "", "", 0, COINBASE_BAD_INPUT },
		{ "", "", COINBASE_ANY, COINBASE_BAD_INPUT },
		{ "01000000", "", 8, COINBASE_BAD_INPUT },
		{ IN, "", 0, COINBASE_BAD_SCRIPT },
		{ IN "65", "00000000", 0, COINBASE_BAD_SCRIPT },
		{ IN "08", "", 8, COINBASE_BAD_END },
		{ IN "08", "ffffffff", 8, COINBASE_BAD_OUTPUT },
		{ IN "08", "ffffffff05", 8, COINBASE_BAD_OUTPUT },
		{ IN "08", "ffffffffffffffffffffffffff", 8,
		    COINBASE_BAD_OUTPUT },
		{ IN "08", "ffffffff01000000000000000009", 8,
		    COINBASE_BAD_OUTPUT },
		{ IN "08", "ffffffff00", 8, COINBASE_BAD_END },
		{ IN "08", "ffffffff0000000000", 8, COINBASE_SOUND },
		{ IN "08", "ffffffff000000000000", 8, COINBASE_BAD_END },
		{ IN "08", "ffffffff0000000000", 65, COINBASE_TOO_LONG },
	};
	size_t i;

	for (i = 0; i < N(v); i++) {
		parse(v[i].a, v[i].b, v[i].en, MAIN);
		assert_int_equal(cb.fault, v[i].fault);
		assert_int_equal(coinbase_fault_text(cb.fault)[0] == '\0',
		    cb.fault == COINBASE_SOUND);
	}
}

static void
test_coinbase_heights(void **state)
{
	static const struct {
		const char *script;
		int64_t height;
	} v[] = {
		{ "", -1 },
		{ "00", 0 },
		{ "51", 1 },
		{ "60", 16 },
		{ "0111", 17 },
		{ "020001", 256 },
		{ "03400d03", 200000 },
		{ "0400000001", 16777216 },
		{ "0181", -1 },
		{ "61", -1 },
		{ "0501", -1 },
		{ "03400d", -1 },
		{ "06010000000000", -1 },
	};
	char a[256];
	size_t i;

	for (i = 0; i < N(v); i++) {
		snprintf(a, sizeof(a), IN "%02zx%s", strlen(v[i].script) / 2,
		    v[i].script);
		assert_int_equal(parse(a, "ffffffff0000000000", 0, MAIN), 0);
		assert_int_equal(cb.height, v[i].height);
	}
}

/* All are counted, the first are kept; the tag is never more than its room. */
static void
test_coinbase_bounds(void **state)
{
	static char a[256], b[2 * 2048];
	size_t n;
	int i;

	n = (size_t)sprintf(b, "ffffffffc8");
	for (i = 0; i < 200; i++)
		n += (size_t)sprintf(b + n, "010000000000000000");
	sprintf(b + n, "00000000");
	assert_int_equal(parse(IN "08", b, COINBASE_ANY, MAIN), 0);
	assert_int_equal(cb.extranonce_len, 8);
	assert_int_equal(cb.outputs, 200);
	assert_int_equal(cb.kept, COINBASE_OUTPUTS_MAX);
	assert_true(cb.total == 200);
	/* With its witness marker, which pools should leave out. */
	snprintf(a, sizeof(a), "01000000000101%064dffffffff08", 0);
	snprintf(b, sizeof(b), "ffffffff000120%064d00000000", 0);
	assert_int_equal(parse(a, b, 8, MAIN), 0);
	assert_true(cb.witness);
	/* The extranonces in an output. */
	assert_int_equal(parse(IN "0151ffffffff01000000000000000004",
			     "00000000", COINBASE_ANY, MAIN),
	    0);
	assert_int_equal(cb.extranonce_len, 4);
	assert_false(cb.in_script);
	assert_int_equal(cb.height, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_encoders),
		cmocka_unit_test(test_coinbase_slush),
		cmocka_unit_test(test_coinbase_block),
		cmocka_unit_test(test_coinbase_faults),
		cmocka_unit_test(test_coinbase_heights),
		cmocka_unit_test(test_coinbase_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
