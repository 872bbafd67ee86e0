/*
 * NIP-44, version 2: what only the holder of one of two keys can read.
 * The conversation key comes from nostr_key_shared(); the cipher is ChaCha20
 * with an HMAC over it, the length is padded, the whole is base64.
 */
#ifndef COMMON_NOSTR_NIP44_H
#define COMMON_NOSTR_NIP44_H

#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"

#define NIP44_MIN 1u
#define NIP44_MAX 65535u /* bytes of plain text */

/* From the shared x coordinate; the same for both sides. */
int nip44_conversation(const uint8_t shared[32], uint8_t key[32]);
/* Bytes that a text of len is padded to. */
size_t nip44_padded(size_t len);
/* Appends base64.  The nonce must not be used twice.  0 or -1. */
int nip44_encrypt(const uint8_t key[32], const uint8_t nonce[32],
    const void *text, size_t len, struct mbuf *out);
/* Appends the text; -1: another version, damaged, or another's key. */
int nip44_decrypt(const uint8_t key[32], const char *payload, size_t len,
    struct mbuf *out);

#endif
