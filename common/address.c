/*
 * Addresses from scripts.
 */
#include <string.h>

#include "common/address.h"
#include "common/bech32.h"
#include "common/sha256.h"

#define PAYLOAD_MAX 32
#define CHECK       4

#define OP_RETURN   0x6a
#define OP_1        0x51
#define OP_16       0x60
#define OP_CHECKSIG 0xac

static const struct {
	const char *name, *hrp;
	uint8_t p2pkh, p2sh;
} nets[ADDRESS_NETS] = {
	[ADDRESS_MAIN] = { "main", "bc", 0x00, 0x05 },
	[ADDRESS_TEST] = { "test", "tb", 0x6f, 0xc4 },
	[ADDRESS_REGTEST] = { "regtest", "bcrt", 0x6f, 0xc4 },
};

int
address_base58(uint8_t version, const uint8_t *payload, size_t len,
    char out[ADDRESS_MAX])
{
	static const char digits[] =
	    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
	uint8_t data[1 + PAYLOAD_MAX + SHA256_LEN], b58[64] = { 0 };
	size_t n = 0, zeros = 0, i, k;
	unsigned carry;

	if (len > PAYLOAD_MAX)
		return -1;
	data[0] = version;
	memcpy(data + 1, payload, len);
	sha256d(data, len + 1, data + len + 1);
	len += 1 + CHECK;
	while (zeros < len && data[zeros] == 0)
		zeros++;
	/* Digits of 58, the lowest first. */
	for (i = zeros; i < len; i++) {
		for (carry = data[i], k = 0; k < n || carry > 0; k++) {
			carry += 256u * b58[k];
			b58[k] = (uint8_t)(carry % 58);
			carry /= 58;
		}
		n = k;
	}
	memset(out, digits[0], zeros);
	for (i = 0; i < n; i++)
		out[zeros + i] = digits[b58[n - 1 - i]];
	out[zeros + n] = '\0';
	return 0;
}

int
address_segwit(const char *hrp, unsigned version, const uint8_t *program,
    size_t len, char out[ADDRESS_MAX])
{
	uint8_t group[1 + 64];
	size_t n;

	if (version > 16 || len < 2 || len > 40 || strlen(hrp) > 8 ||
	    (version == 0 && len != 20 && len != 32))
		return -1;
	group[0] = (uint8_t)version;
	n = 1 + bech32_groups(program, len, group + 1);
	bech32_encode(hrp, group, n, version == 0 ? BECH32_V1 : BECH32_M, out);
	return 0;
}

/* BIP 141: a number from 0 to 16, then one push of 2 to 40 bytes. */
static enum address_type
witness(const uint8_t *s, size_t len, const char *hrp, char out[ADDRESS_MAX])
{
	unsigned version;

	if (len < 4 || s[1] != len - 2 ||
	    (s[0] != 0 && (s[0] < OP_1 || s[0] > OP_16)))
		return ADDRESS_UNKNOWN;
	version = s[0] == 0 ? 0 : s[0] - OP_1 + 1u;
	if (address_segwit(hrp, version, s + 2, len - 2, out) == -1)
		return ADDRESS_UNKNOWN;
	if (version == 0)
		return len == 22 ? ADDRESS_P2WPKH : ADDRESS_P2WSH;
	return version == 1 && len == 34 ? ADDRESS_P2TR : ADDRESS_WITNESS;
}

static int
is_p2pkh(const uint8_t *s, size_t len)
{
	return len == 25 && memcmp(s, "\x76\xa9\x14", 3) == 0 &&
	    memcmp(s + 23, "\x88\xac", 2) == 0;
}

static int
is_p2sh(const uint8_t *s, size_t len)
{
	return len == 23 && s[0] == 0xa9 && s[1] == 20 && s[22] == 0x87;
}

static int
is_p2pk(const uint8_t *s, size_t len)
{
	return (len == 35 || len == 67) && s[0] == len - 2 &&
	    s[len - 1] == OP_CHECKSIG;
}

enum address_type
address_of_script(const uint8_t *s, size_t len, enum address_net net,
    char out[ADDRESS_MAX])
{
	out[0] = '\0';
	if (is_p2pkh(s, len)) {
		address_base58(nets[net].p2pkh, s + 3, 20, out);
		return ADDRESS_P2PKH;
	}
	if (is_p2sh(s, len)) {
		address_base58(nets[net].p2sh, s + 2, 20, out);
		return ADDRESS_P2SH;
	}
	if (len > 0 && s[0] == OP_RETURN)
		return ADDRESS_OP_RETURN;
	if (is_p2pk(s, len))
		return ADDRESS_P2PK;
	return witness(s, len, nets[net].hrp, out);
}

const char *
address_type_name(enum address_type t)
{
	static const char *const name[ADDRESS_TYPES] = { "unknown", "p2pkh",
		"p2sh", "p2wpkh", "p2wsh", "p2tr", "witness", "p2pk",
		"op_return" };

	return (unsigned)t < ADDRESS_TYPES ? name[t] : "";
}

const char *
address_net_name(enum address_net n)
{
	return (unsigned)n < ADDRESS_NETS ? nets[n].name : "";
}
