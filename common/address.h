/*
 * Where an output pays to, as people write it: base58check for the older
 * scripts, bech32 (BIP 173) and bech32m (BIP 350) for witness programs.
 */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

#define ADDRESS_MAX 92 /* with the NUL; BIP 173 allows 90 characters */

enum address_net {
	ADDRESS_MAIN,
	ADDRESS_TEST, /* testnets and signet */
	ADDRESS_REGTEST,
	ADDRESS_NETS
};

enum address_type {
	ADDRESS_UNKNOWN, /* no address; a script that is not one of these */
	ADDRESS_P2PKH,
	ADDRESS_P2SH,
	ADDRESS_P2WPKH,
	ADDRESS_P2WSH,
	ADDRESS_P2TR,
	ADDRESS_WITNESS,   /* a version or length that is not in use yet */
	ADDRESS_P2PK,      /* a bare key; no address */
	ADDRESS_OP_RETURN, /* pays nobody; no address */
	ADDRESS_TYPES
};

/* The kind of a scriptPubKey, and its address, "" if there is none. */
enum address_type address_of_script(const uint8_t *script, size_t len,
    enum address_net, char out[ADDRESS_MAX]);

const char *address_type_name(enum address_type);
const char *address_net_name(enum address_net);

/*
 * Base58 of a version byte, the payload (at most 32 bytes) and its checksum.
 * -1 if it is too long.
 */
int address_base58(uint8_t version, const uint8_t *payload, size_t len,
    char out[ADDRESS_MAX]);
/*
 * A witness program: version 0 in bech32, 1 to 16 in bech32m.  -1 if it is
 * none (BIP 141: 2 to 40 bytes, of version 0 only 20 or 32).
 */
int address_segwit(const char *hrp, unsigned version, const uint8_t *program,
    size_t len, char out[ADDRESS_MAX]);

#endif
