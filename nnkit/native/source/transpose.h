/* The transposition of a square of numbers in registers. */
#ifndef NNKIT_TRANSPOSE_H
#define NNKIT_TRANSPOSE_H

#include "vectors.h"

/* a, with each lane whose number has the bit `distance` from b, a lane at that distance. */
INLINE vec with_lower_lanes(vec a, vec b, whole distance) {
    mask lane = LANE_NUMBERS, later = (lane & distance) != 0;
#ifdef __clang__
    return choose(later, exchange(b, distance), a);
#else /* one instruction; GCC does not find it in the above */
    return __builtin_shuffle(a, b, (later & (LANES + (lane ^ distance))) | (~later & lane));
#endif
}

/* b, with each lane whose number lacks the bit `distance` from a, a lane at that distance. */
INLINE vec with_upper_lanes(vec a, vec b, whole distance) {
    mask lane = LANE_NUMBERS, later = (lane & distance) != 0;
#ifdef __clang__
    return choose(later, b, exchange(a, distance));
#else
    return __builtin_shuffle(a, b, (later & (LANES + lane)) | (~later & (lane ^ distance)));
#endif
}

/* Exchanges lanes at a distance between pairs of vectors at that distance. */
INLINE void exchange_between(vec x[LANES], int distance) {
    UNROLLED for (int i = 0; i < LANES; i++) {
        if (i & distance) continue;
        vec a = x[i], b = x[i + distance];
        x[i] = with_lower_lanes(a, b, distance);
        x[i + distance] = with_upper_lanes(a, b, distance);
    }
}

INLINE void transpose(vec x[LANES]) { /* without a loop, so that distances are constants */
    exchange_between(x, 1);
    if (LANES > 2) exchange_between(x, 2);
    if (LANES > 4) exchange_between(x, 4);
    if (LANES > 8) exchange_between(x, 8);
}

/* Copies a square of numbers transposed, to[k·step + u] = from[u·row + k], in rows k < `kept`.
 *
 * Zeros stand for rows u ≥ `rows` and columns k ≥ `columns`, which are not read.
 */
SINGLE void copy_transposed(
    const real *from, int64_t row, int64_t rows, int64_t columns, real *to, int64_t step,
    int64_t kept) {
    vec tile[LANES];
    for (int64_t u = 0; u < LANES; u++)
        if (u >= rows) tile[u] = all(0);
        else tile[u] = columns >= LANES ? load(from + u * row) : load_part(from + u * row, columns);
    transpose(tile);
    for (int64_t k = 0; k < kept; k++) store(to + k * step, tile[k]);
}

#endif
