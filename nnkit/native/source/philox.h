/* Random numbers: Philox 4×64 with 10 rounds (Salmon et al. 2011), as `numpy.random.Philox`. */
#ifndef NNKIT_PHILOX_H
#define NNKIT_PHILOX_H

#include <stdint.h>

/* The four numbers with index 4·i to 4·i + 3 of the stream with a key and a counter.
 *
 * NumPy advances the lowest word of the counter before each four numbers; the others say which
 * draw this is (`nnkit/random.py`).
 */
static inline void philox(const uint64_t key[2], uint64_t counter, uint64_t i, uint64_t out[4]) {
    uint64_t a = i + 1, b = counter, c = 0, d = 0, k = key[0], l = key[1];
    for (int round = 0; round < 10; round++) {
        unsigned __int128 x = (unsigned __int128)a * 0xD2E7470EE14C6C93u;
        unsigned __int128 y = (unsigned __int128)c * 0xCA5A826395121157u;
        a = (uint64_t)(y >> 64) ^ b ^ k;
        c = (uint64_t)(x >> 64) ^ d ^ l;
        b = (uint64_t)y;
        d = (uint64_t)x;
        k += 0x9E3779B97F4A7C15u;
        l += 0xBB67AE8584CAA73Bu;
    }
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
}

#endif
