/*
 * SHA-256's compression of two blocks at once: the miner's inner loop.
 */
#ifndef SIM_SHA_H
#define SIM_SHA_H

#include <stdint.h>

/* From state h over the blocks w[0] and w[1] (numbers, not bytes). */
void sim_sha_pair(const uint32_t h[8], const uint32_t w[2][16],
    uint32_t out[2][8]);

#endif
