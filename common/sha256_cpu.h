/*
 * What sha256.c and the code for one kind of processor share.
 */
#ifndef COMMON_SHA256_CPU_H
#define COMMON_SHA256_CPU_H

#include <stddef.h>
#include <stdint.h>

/* Takes n blocks of 64 bytes into the state; k are the rounds' constants. */
typedef void sha256_blocks(uint32_t h[8], const uint8_t *, size_t n,
    const uint32_t k[64]);

/* That of this processor, NULL if it has no instructions for it. */
sha256_blocks *sha256_cpu_blocks(void);

#endif
