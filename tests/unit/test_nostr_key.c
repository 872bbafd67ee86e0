/*
 * Keys against the vectors of BIP-340 (the final table), of NIP-19 and of
 * NIP-44.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/hex.h"
#include "common/nostr_key.h"
#include "common/nostr_name.h"
#include "common/nostr_nip44.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* --- BIP-340 --- */

#define PK1  "DFF1D77F2A671C5F36183726DB2341BE58FEAE1DA2DECED843240F7B502BA659"
#define MSG1 "243F6A8885A308D313198A2E03707344A4093822299F31D0082EFA98EC4E6C89"
#define R5   "6CFF5C3BA86C69EA4B7376F31A9BCB4F74C1976089B2D9963DA2E5543E177769"
#define S5   "69E89B4C5564D00349106B8497785DD7D1D713A8AE82B32FA79D5F7FC407D39B"
#define SK15 "0340034003400340034003400340034003400340034003400340034003400340"
#define PK15 "778CAA53B4393AC467774D09497A87224BF9FAB6F6E68B23086497324D6FD117"
#define ZERO32 \
	"0000000000000000000000000000000000000000000000000000000000000000"
#define TEN99 "99999999999999999999"

static const struct {
	const char *secret, *key, *aux, *msg, *sig;
	bool good;
} bip340[] = {
	{ "0000000000000000000000000000000000000000000000000000000000000003",
	    "F9308A019258C31049344F85F89D5229B531C845836F99B08601F113BCE036F9",
	    ZERO32, ZERO32,
	    "E907831F80848D1069A5371B402410364BDF1C5F8307B0084C55F1CE2DCA8215"
	    "25F66A4A85EA8B71E482A74F382D2CE5EBEEE8FDB2172F477DF4900D310536C0",
	    true },
	{ "B7E151628AED2A6ABF7158809CF4F3C762E7160F38B4DA56A784D9045190CFEF",
	    PK1,
	    "0000000000000000000000000000000000000000000000000000000000000001",
	    MSG1,
	    "6896BD60EEAE296DB48A229FF71DFE071BDE413E6D43F917DC8DCF8C78DE3341"
	    "8906D11AC976ABCCB20B091292BFF4EA897EFCB639EA871CFA95F6DE339E4B0A",
	    true },
	{ "C90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B14E5C9",
	    "DD308AFEC5777E13121FA72B9CC1B7CC0139715309B086C960E18FD969774EB8",
	    "C87AA53824B4D7AE2EB035A2B5BBBCCC080E76CDC6D1692C4B0B62D798E6D906",
	    "7E2D58D8B3BCDF1ABADEC7829054F90DDA9805AAB56C77333024B9D0A508B75C",
	    "5831AAEED7B44BB74E5EAB94BA9D4294C49BCF2A60728D8B4C200F50DD313C1B"
	    "AB745879A5AD954A72C45A91C3A51D3C7ADEA98D82F8481E0E1E03674A6F3FB7",
	    true },
	{ "0B432B2677937381AEF05BB02A66ECD012773062CF3FA2549E44F58ED2401710",
	    "25D1DFF95105F5253C4022F628A996AD3A0D95FBF21D468A1B33F8C160D8F517",
	    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
	    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
	    "7EB0509757E246F19449885651611CB965ECC1A187DD51B64FDA1EDC9637D5EC"
	    "97582B9CB13DB3933705B32BA982AF5AF25FD78881EBB32771FC5922EFC66EA3",
	    true },
	{ NULL,
	    "D69C3509BB99E412E68B0FE8544E72837DFA30746D8BE2AA65975F29D22DC7B9",
	    NULL,
	    "4DF3C3F68FCC83B27E9D42C90431A72499F17875C81A599B566C9889B9696703",
	    "00000000000000000000003B78CE563F89A0ED9414F5AA28AD0D96D6795F9C63"
	    "76AFB1548AF603B3EB45C9F8207DEE1060CB71C04E80F593060B07D28308D7F4",
	    true },
	/* No point has this x. */
	{ NULL,
	    "EEFDEA4CDB677750A420FEE807EACF21EB9898AE79B9768766E4FAA04A2D4A34",
	    NULL, MSG1, R5 S5, false },
	/* R has an odd y. */
	{ NULL, PK1, NULL, MSG1,
	    "FFF97BD5755EEEA420453A14355235D382F6472F8568A18B2F057A1460297556"
	    "3CC27944640AC607CD107AE10923D9EF7A73C643E166BE5EBEAFA34B1AC553E2",
	    false },
	/* The message, then s, negated. */
	{ NULL, PK1, NULL, MSG1,
	    "1FA62E331EDBC21C394792D2AB1100A7B432B013DF3F6FF4F99FCB33E0E1515F"
	    "28890B3EDB6E7189B630448B515CE4F8622A954CFE545735AAEA5134FCCDB2BD",
	    false },
	{ NULL, PK1, NULL, MSG1,
	    R5
	    "961764B3AA9B2FFCB6EF947B6887A226E8D7C93E00C5ED0C1834FF0D0C2E6DA6",
	    false },
	/* sG - eP is infinite. */
	{ NULL, PK1, NULL, MSG1,
	    ZERO32
	    "123DDA8328AF9C23A94C1FEECFD123BA4FB73476F0D594DCB65C6425BD186051",
	    false },
	{ NULL, PK1, NULL, MSG1,
	    "0000000000000000000000000000000000000000000000000000000000000001"
	    "7615FBAF5AE28864013C099742DEADB4DBA87F11AC6754F93780D5A1837CF197",
	    false },
	/* r is no x of the curve; the field's size; s is the order. */
	{ NULL, PK1, NULL, MSG1,
	    "4A298DACAE57395A15D0795DDBFD1DCB564DA82B0F269BC70A74F8220429BA1D" S5,
	    false },
	{ NULL, PK1, NULL, MSG1,
	    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F" S5,
	    false },
	{ NULL, PK1, NULL, MSG1,
	    R5
	    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141",
	    false },
	/* The key is above the field's size. */
	{ NULL,
	    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC30",
	    NULL, MSG1, R5 S5, false },
	/* Messages of other lengths. */
	{ SK15, PK15, ZERO32, "",
	    "71535DB165ECD9FBBC046E5FFAEA61186BB6AD436732FCCC25291A55895464CF"
	    "6069CE26BF03466228F19A3A62DB8A649F2D560FAC652827D1AF0574E427AB63",
	    true },
	{ SK15, PK15, ZERO32, "11",
	    "08A20A0AFEF64124649232E0693C583AB1B9934AE63B4C3511F3AE1134C6A303"
	    "EA3173BFEA6683BD101FA5AA5DBC1996FE7CACFC5A577D33EC14564CEC2BACBF",
	    true },
	{ SK15, PK15, ZERO32, "0102030405060708090A0B0C0D0E0F1011",
	    "5130F39A4059B43BC7CAC09A19ECE52B5D8699D1A71E3C52DA9AFDB6B50AC370"
	    "C4A482B77BF960F8681540E25B6771ECE1E5A37FD80E5A51897C5566A97EA5A5",
	    true },
	{ SK15, PK15, ZERO32,
	    TEN99 TEN99 TEN99 TEN99 TEN99 TEN99 TEN99 TEN99 TEN99 TEN99,
	    "403B12B0D8555A344175EA7EC746566303321E5DBFA8BE6F091635163ECA79A8"
	    "585ED3E3170807E7C03B720FC54C7B23897FCBA0E9D0B4A06894CFD249F22367",
	    true },
};

static size_t
hex(const char *text, uint8_t *out)
{
	size_t len = strlen(text);

	assert_int_equal(hex_bytes(text, len, out), 0);
	return len / 2;
}

static void
check_signing(size_t i, const uint8_t *msg, size_t len, const uint8_t key[32],
    const uint8_t sig[64])
{
	uint8_t secret[32], aux[32], got[64];
	struct nostr_key *k;

	hex(bip340[i].secret, secret);
	hex(bip340[i].aux, aux);
	assert_non_null(k = nostr_key_new(secret));
	assert_memory_equal(nostr_key_public(k), key, 32);
	assert_int_equal(nostr_key_sign_aux(k, msg, len, aux, got), 0);
	assert_memory_equal(got, sig, 64);
	nostr_key_free(k);
}

static void
test_bip340(void **state)
{
	struct nostr_verifier *v = nostr_verifier_new();
	uint8_t key[32], msg[128], sig[64];
	size_t i, len;

	assert_non_null(v);
	for (i = 0; i < N(bip340); i++) {
		hex(bip340[i].key, key);
		len = hex(bip340[i].msg, msg);
		hex(bip340[i].sig, sig);
		assert_int_equal(nostr_verify(v, key, msg, len, sig),
		    bip340[i].good);
		if (bip340[i].secret != NULL)
			check_signing(i, msg, len, key, sig);
	}
	nostr_verifier_free(v);
}

/* Fresh randomness: two signatures of one id differ, and both are good. */
static void
test_sign(void **state)
{
	struct nostr_verifier *v = nostr_verifier_new();
	uint8_t secret[32], id[32] = { 7 }, a[64], b[64];
	struct nostr_key *k;
	unsigned i;

	assert_non_null(v);
	/* More keys than are kept parsed. */
	for (i = 0; i < 40; i++) {
		assert_int_equal(nostr_secret_make(secret), 0);
		assert_non_null(k = nostr_key_new(secret));
		assert_int_equal(nostr_key_sign(k, id, a), 0);
		assert_int_equal(nostr_key_sign(k, id, b), 0);
		assert_memory_not_equal(a, b, 64);
		assert_true(nostr_verify(v, nostr_key_public(k), id, 32, a));
		assert_true(nostr_verify(v, nostr_key_public(k), id, 32, b));
		b[i] ^= 1;
		assert_false(nostr_verify(v, nostr_key_public(k), id, 32, b));
		nostr_key_free(k);
	}
	nostr_verifier_free(v);
	memset(secret, 0, 32);
	assert_null(nostr_key_new(secret));
	memset(secret, 0xff, 32);
	assert_null(nostr_key_new(secret));
}

/* --- NIP-19 --- */

#define NPUB "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
#define NSEC "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
#define PUB  "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"
#define SEC  "67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa"

static void
test_names(void **state)
{
	static const char *const bad[] = { "", "npub1", "npub", PUB "0",
		"7E7E9C42A91BFEF19FA929E5FDA1B72E0EBC1A4C1141673E2794234D86ADDFZZ",
		"npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjpth",
		"Npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg",
		"npub1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq",
		"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", NSEC };
	uint8_t key[32], want[32];
	char out[NOSTR_NAME], upper[NOSTR_NAME];
	size_t i;

	hex(PUB, want);
	assert_int_equal(nostr_public_parse(NPUB, key), 0);
	assert_memory_equal(key, want, 32);
	assert_int_equal(nostr_public_parse(PUB, key), 0);
	assert_memory_equal(key, want, 32);
	nostr_npub(want, out);
	assert_string_equal(out, NPUB);
	for (i = 0; i <= strlen(NPUB); i++)
		upper[i] = NPUB[i] >= 'a' ? (char)(NPUB[i] - 32) : NPUB[i];
	assert_int_equal(nostr_public_parse(upper, key), 0);
	assert_memory_equal(key, want, 32);
	hex(SEC, want);
	assert_int_equal(nostr_secret_parse(NSEC, key), 0);
	assert_memory_equal(key, want, 32);
	nostr_nsec(want, out);
	assert_string_equal(out, NSEC);
	assert_int_equal(nostr_secret_parse(NPUB, key), -1);
	for (i = 0; i < N(bad); i++)
		assert_int_equal(nostr_public_parse(bad[i], key), -1);
}

/* --- NIP-44 --- */

#define PAYLOAD                                                          \
	"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABee0G5VSK0/9YypIObA" \
	"tDKfYEAjD35uVkHyB0F4DwrcNaCXlCWZKaArsGrY6M9wnuTMxWfp1RTN9Xga8"  \
	"no+kF5Vsb"

static void
conversation(uint8_t mine, uint8_t theirs, uint8_t key[32])
{
	uint8_t a[32] = { 0 }, b[32] = { 0 }, x[32], y[32];
	struct nostr_key *ka, *kb;

	a[31] = mine;
	b[31] = theirs;
	assert_non_null(ka = nostr_key_new(a));
	assert_non_null(kb = nostr_key_new(b));
	assert_int_equal(nostr_key_shared(ka, nostr_key_public(kb), x), 0);
	assert_int_equal(nostr_key_shared(kb, nostr_key_public(ka), y), 0);
	assert_memory_equal(x, y, 32);
	assert_int_equal(nip44_conversation(x, key), 0);
	memset(y, 0xff, 32);
	assert_int_equal(nostr_key_shared(ka, y, x), -1);
	nostr_key_free(ka);
	nostr_key_free(kb);
}

static void
test_nip44_vector(void **state)
{
	uint8_t key[32], want[32], nonce[32] = { 0 };
	struct mbuf m;

	conversation(1, 2, key);
	hex("c41c775356fd92eadc63ff5a0dc1da211b268cbea22316767095b2871ea1412d",
	    want);
	assert_memory_equal(key, want, 32);
	nonce[31] = 1;
	mbuf_init(&m);
	assert_int_equal(nip44_encrypt(key, nonce, "a", 1, &m), 0);
	assert_int_equal(m.len, strlen(PAYLOAD));
	assert_memory_equal(m.data, PAYLOAD, m.len);
	mbuf_reset(&m);
	assert_int_equal(nip44_decrypt(key, PAYLOAD, strlen(PAYLOAD), &m), 0);
	assert_int_equal(m.len, 1);
	assert_memory_equal(m.data, "a", 1);
	mbuf_free(&m);
}

/* The same bytes in another base64 are another payload. */
static void
test_nip44_base64(void **state)
{
	uint8_t key[32] = { 1 }, nonce[32] = { 2 };
	struct mbuf m, back;
	char *s;

	mbuf_init(&m);
	mbuf_init(&back);
	/* 1 + 32 + 34 + 32 bytes need no padding, 2 + 64 one, 2 + 96 two. */
	for (size_t len = 1; len <= 96; len += 32) {
		static const char text[96] = "a";

		mbuf_reset(&m);
		assert_int_equal(nip44_encrypt(key, nonce, text, len, &m), 0);
		assert_int_equal(nip44_decrypt(key, (char *)m.data, m.len,
				     &back),
		    0);
		s = (char *)m.data + m.len - 1;
		if (*s != '=')
			continue;
		while (*s == '=')
			s--;
		*s = *s == '/' || *s == '9' ? '8' : (char)(*s + 1);
		assert_int_equal(nip44_decrypt(key, (char *)m.data, m.len,
				     &back),
		    -1);
	}
	mbuf_free(&m);
	mbuf_free(&back);
}

static void
test_nip44_padding(void **state)
{
	static const size_t v[][2] = { { 1, 32 }, { 16, 32 }, { 32, 32 },
		{ 33, 64 }, { 37, 64 }, { 64, 64 }, { 65, 96 }, { 100, 128 },
		{ 111, 128 }, { 200, 224 }, { 250, 256 }, { 320, 320 },
		{ 383, 384 }, { 384, 384 }, { 400, 448 }, { 500, 512 },
		{ 512, 512 }, { 515, 640 }, { 700, 768 }, { 800, 896 },
		{ 900, 1024 }, { 1020, 1024 }, { 65536, 65536 } };
	size_t i;

	for (i = 0; i < N(v); i++)
		assert_int_equal(nip44_padded(v[i][0]), v[i][1]);
}

/* All lengths around the edges; no bit may be changed. */
static void
test_nip44_round(void **state)
{
	static const size_t lens[] = { 1, 2, 31, 32, 33, 64, 65, 1000, 65535 };
	static char text[65536];
	uint8_t key[32], nonce[32] = { 9 };
	struct mbuf m, back;
	size_t i, k;

	conversation(3, 4, key);
	mbuf_init(&m);
	mbuf_init(&back);
	memset(text, 'x', sizeof(text));
	for (i = 0; i < N(lens); i++) {
		mbuf_reset(&m);
		mbuf_reset(&back);
		assert_int_equal(nip44_encrypt(key, nonce, text, lens[i], &m),
		    0);
		assert_int_equal(nip44_decrypt(key, (char *)m.data, m.len,
				     &back),
		    0);
		assert_int_equal(back.len, lens[i]);
		assert_memory_equal(back.data, text, lens[i]);
	}
	assert_int_equal(nip44_encrypt(key, nonce, text, 0, &m), -1);
	assert_int_equal(nip44_encrypt(key, nonce, text, 65536, &m), -1);
	for (k = 0; k < strlen(PAYLOAD); k++) {
		char bad[] = PAYLOAD;

		conversation(1, 2, key);
		bad[k] = bad[k] == 'A' ? 'B' : 'A';
		assert_int_equal(nip44_decrypt(key, bad, strlen(bad), &back),
		    -1);
		assert_int_equal(nip44_decrypt(key, PAYLOAD, k, &back), -1);
	}
	mbuf_free(&m);
	mbuf_free(&back);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bip340),
		cmocka_unit_test(test_sign),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_nip44_vector),
		cmocka_unit_test(test_nip44_base64),
		cmocka_unit_test(test_nip44_padding),
		cmocka_unit_test(test_nip44_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
