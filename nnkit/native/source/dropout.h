/* Dropout: Y = M ⊙ X with a new mask M at each step, from the draws of `nnkit/nn/layers/dropout.py`.
 *
 * M is 1/(1 − rate) with probability 1 − rate, else 0. Draw f·N + n, a 16-bit part of the stream,
 * decides about unit f of sample n of N.
 */
#ifndef NNKIT_DROPOUT_H
#define NNKIT_DROPOUT_H

#include "philox.h"
#include "vectors.h"

enum { DRAWS = 16 }; /* in four numbers of the stream */

/* Writes the masks of units `first` to `end`; `first` is a multiple of 16. */
static void dropout_masks(
    const uint64_t key[2], uint64_t counter, uint64_t dropped, real scale, int64_t samples,
    int64_t first, int64_t end, real *mask, int64_t row) {
    uint64_t numbers[4], draw = first * samples;
    for (int64_t f = first; f < end; f++)
        for (int64_t n = 0; n < samples; n++, draw++) {
            if (draw % DRAWS == 0) philox(key, counter, draw / DRAWS, numbers);
            uint64_t value = numbers[draw / 4 % 4] >> draw % 4 * 16 & 0xFFFF;
            mask[n * row + f] = value >= dropped ? scale : 0;
        }
}

#endif
