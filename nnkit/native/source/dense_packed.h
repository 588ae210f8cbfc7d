/* Dense layers for large batches: Z = X Wᵀ + b with the weights packed once for each pass.
 *
 * A panel holds up to three vectors of units: P[r][m][u] = W[u][m·LANES + r]. A tile is 8 (4) samples
 * × a panel, Σ_m X[n][m·LANES + r] P[r][m][u], one sum for each lane r of the vectors along k that
 * `dense.h` adds up. These sums are added in the same order as there, so that outputs are the same
 * to the last bit, packed or not, for any number of samples. Unlike there, only single numbers of X
 * are read, which need not be aligned.
 */
#ifndef NNKIT_DENSE_PACKED_H
#define NNKIT_DENSE_PACKED_H

#include "dense.h"
#include "team.h"
#include "transpose.h"

enum { LEVELS = LANES == 16 ? 4 : LANES == 8 ? 3 : LANES == 4 ? 2 : 1 }; /* log₂ LANES */

/* Runs the statement that follows for each panel: `width` vectors of units, from vector v on. */
#define FOR_EACH_PANEL(units, v, width)                                             \
    for (int64_t v = 0, width, vectors = parts_of(units, LANES);                    \
         v < vectors && (width = next_part(vectors - v, PRODUCT_COLUMNS), 1); v += width)

/* Packs a vector of units; zeros stand for units and inputs that there are not. */
static void pack_units(
    const real *W, int64_t inputs, int64_t units, real *panel, int64_t width) {
    int64_t each = parts_of(inputs, LANES);
    for (int64_t m = 0; m < each; m++)
        copy_transposed(
            W + m * LANES, inputs, units, inputs - m * LANES, panel + m * width * LANES,
            each * width * LANES, LANES);
}

/* Packs a thread's share of the panels of a layer. */
static void pack(
    int64_t inputs, int64_t units, const real *W, real *packed, const struct member *me) {
    int64_t panel = 0, each = parts_of(inputs, LANES) * LANES;
    FOR_EACH_PANEL(units, v, width) {
        if (panel++ % me->count != me->index) continue;
        for (int64_t j = v; j < v + width; j++)
            pack_units(
                W + j * LANES * inputs, inputs, units - j * LANES,
                packed + v * LANES * each + (j - v) * LANES, width);
    }
}

/* The level of the sums of lane r: it adds to those of the lane before if r is odd, to those of the
 * two lanes before if r / 2 is odd, and so on. */
INLINE int64_t level_of(int64_t r) {
    int64_t level = 0;
    while (r >> level & 1) level++;
    return level;
}

/* Asks for columns of the next tile's samples, a few at a time, which does not hold up the current
 * ones; rows begin at the start of a cache line, or are read as if they did. */
INLINE void prefetch_columns(int64_t rows, const real *X, int64_t row, int64_t from, int64_t to) {
    enum { NUMBERS = 64 / sizeof(real) }; /* in a cache line */
    for (int64_t n = 0; n < rows; n++)
        for (int64_t k = parts_of(from, NUMBERS) * NUMBERS; k < to; k += NUMBERS)
            __builtin_prefetch(X + n * row + k, 0, 2);
}

/* Z for one panel; the first finds X in memory, the others in the cache. */
static __attribute__((noinline)) void panel_forward(
    int64_t samples, int64_t inputs, const real *panel, int64_t width, const vec b[],
    const real *X, int64_t row, real *Z, int64_t to, int is_first) {
    int64_t each = parts_of(inputs, LANES), size = each * width * LANES;
    for (int64_t n = 0, rows; n < samples; n += rows) {
        rows = power_up_to(samples - n, PRODUCT_ROWS);
        product_tile *tile = product_tile_of(rows, width);
        tile_sums sums[LEVELS + 1];
        for (int64_t r = 0; r < LANES; r++) {
            if (is_first)
                prefetch_columns(rows, X + (n + rows) * row, row, r * each, (r + 1) * each);
            tile(
                each, X + n * row + r, LANES, row, panel + r * size, width * LANES, sums,
                level_of(r));
        }
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < width; j++)
                store(Z + (n + i) * to + j * LANES, sums[LEVELS][i][j] + b[j]);
    }
}

/* Z = X Wᵀ + b. Rows of X and Z are read and written up to the end of their last vector; what is
 * behind the inputs must be numbers, and is multiplied by 0. */
static void dense_forward_packed(
    int64_t samples, int64_t inputs, int64_t units, const real *packed, const real *b,
    const real *X, int64_t row, real *Z, int64_t to) {
    int64_t each = parts_of(inputs, LANES) * LANES;
    FOR_EACH_PANEL(units, v, width) {
        vec biases[PRODUCT_COLUMNS] = {{0}};
        for (int64_t j = 0; b && j < width; j++) {
            int64_t u = (v + j) * LANES;
            biases[j] = u + LANES <= units ? load(b + u) : load_part(b + u, units - u);
        }
        panel_forward(
            samples, inputs, packed + v * LANES * each, width, biases, X, row, Z + v * LANES, to,
            v == 0);
    }
}

#endif
