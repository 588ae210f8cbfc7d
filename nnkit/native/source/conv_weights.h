/* Gradients of the weights of convolutions.
 *
 *     dW[f][c][i][j] = Σ_y Σ_x dZ[f][y][x] · X[c][y + i][x + j], summed over samples
 *
 * The same memory as in `conv.h`. A tile is 4 filters × 6 taps of a kernel (3 where there are 16
 * registers): columns of a row, or, where rows are short, of several; 3 filters × 9 taps of a 3 × 3
 * kernel.
 */
#ifndef NNKIT_CONV_WEIGHTS_H
#define NNKIT_CONV_WEIGHTS_H

#include "images.h"
#include "repeat.h"

#define SUM(f, t) vec sum_##f##_##t = {0};
#define SUMS(t, F) REPEAT_##F(SUM, t)
#define READ(f, _) vec d_##f = load(dz + f * d->channel);
#define ADD(f, t) sum_##f##_##t = multiply_add(d_##f, value, sum_##f##_##t);
#define TAP(t, F)                                                        \
    {                                                                    \
        vec value = load(in + (t) / COLUMNS * row + (t) % COLUMNS * BLOCK); \
        IN_REGISTER(value);                                              \
        REPEAT_##F(ADD, t)                                               \
    }
#define WRITE(f, t) store(sums + ((f)*TAPS + t) * LANES, sum_##f##_##t);
#define WRITES(t, F) REPEAT_##F(WRITE, t)

/* Steps in the input to the next row of outputs, and from the last lanes of one to the next. */
struct strides {
    int64_t row, past;
};

/* Sums for F filters and T taps, J of them in a row, over all positions of all blocks. */
#define WEIGHTS_TILE(F, T, J)                                                                  \
    static void conv_weights_##F##_##T##_##J(                                                  \
        int64_t blocks, const struct image *d, const real *dZ, const struct image *x,          \
        const real *X, int64_t row, struct strides s, real *sums) {                            \
        enum { TAPS = T, COLUMNS = J };                                                        \
        ROWS_##T(SUMS, F)                                                                      \
        for (int64_t b = 0; b < blocks; b++)                                                   \
            for (int64_t i = 0; i < d->height; i++) {                                          \
                const real *dz = dZ + b * d->block + i * d->row;                               \
                const real *in = X + b * x->block + i * s.row;                                 \
                const real *end = dz + d->width * BLOCK;                                       \
                for (int64_t k = 1; dz < end; k++) {                                           \
                    REPEAT_##F(READ, ) ROWS_##T(TAP, F)                                        \
                    dz += LANES;                                                               \
                    in += k % (BLOCK / LANES) == 0 ? s.past : LANES;                           \
                }                                                                              \
            }                                                                                  \
        (void)row;                                                                             \
        ROWS_##T(WRITES, F)                                                                    \
    }

typedef void weights_tile(
    int64_t blocks, const struct image *d, const real *dZ, const struct image *x, const real *X,
    int64_t row, struct strides s, real *sums);

#define WEIGHTS_TILES(T, J)                                                          \
    WEIGHTS_TILE(1, T, J) WEIGHTS_TILE(2, T, J) WEIGHTS_TILE(3, T, J) WEIGHTS_TILE(4, T, J)
#define FUNCTIONS(T, J)                                                              \
    {                                                                                \
        conv_weights_1_##T##_##J, conv_weights_2_##T##_##J, conv_weights_3_##T##_##J, \
            conv_weights_4_##T##_##J                                                 \
    }

WEIGHTS_TILES(1, 1) WEIGHTS_TILES(3, 1) WEIGHTS_TILES(2, 2) WEIGHTS_TILES(3, 3)
#if MANY_REGISTERS
WEIGHTS_TILES(6, 1) WEIGHTS_TILES(6, 2) WEIGHTS_TILES(4, 4) WEIGHTS_TILES(5, 5) WEIGHTS_TILES(6, 6)
WEIGHTS_TILE(1, 9, 3) WEIGHTS_TILE(2, 9, 3) WEIGHTS_TILE(3, 9, 3)
#endif

/* The tiles of `rows` × `columns` taps for 1 to `filters` filters, larger ones first. */
static const struct {
    int64_t rows, columns, filters;
    weights_tile *function[4];
} WEIGHTS_FUNCTION[] = {
#if MANY_REGISTERS
    {3, 3, 3, {conv_weights_1_9_3, conv_weights_2_9_3, conv_weights_3_9_3}},
    {6, 1, 4, FUNCTIONS(6, 1)},
    {3, 2, 4, FUNCTIONS(6, 2)},
    {1, 6, 4, FUNCTIONS(6, 6)},
    {1, 5, 4, FUNCTIONS(5, 5)},
    {1, 4, 4, FUNCTIONS(4, 4)},
#endif
    {3, 1, 4, FUNCTIONS(3, 1)},
    {1, 3, 4, FUNCTIONS(3, 3)},
    {1, 2, 4, FUNCTIONS(2, 2)},
    {1, 1, 4, FUNCTIONS(1, 1)},
};
enum { CACHE_BYTES = 1 << 18 };
enum { MOST_SUMS = 28 }; /* of a tile, a multiple of 4 */

#undef SUM
#undef SUMS
#undef READ
#undef ADD
#undef TAP
#undef WRITE
#undef WRITES
#undef FUNCTIONS

/* The largest tile for a number of columns that has no more rows. */
static int tile_for(int64_t rows, int64_t columns) {
    int tile = 0;
    while (WEIGHTS_FUNCTION[tile].columns != columns || WEIGHTS_FUNCTION[tile].rows > rows) tile++;
    return tile;
}

INLINE void add_lanes_of_four(const real *sums, real *totals) {
    store_sums_of_four(
        totals, load(sums), load(sums + LANES), load(sums + 2 * LANES), load(sums + 3 * LANES));
}

/* The filters of the largest tile for a kernel. */
static int64_t filters_of_tile(int64_t height, int64_t width) {
    return WEIGHTS_FUNCTION[tile_for(height, next_part(width, TILE_COLUMNS))].filters;
}

/* The blocks at a time, so that dZ of a tile's filters stays in the cache for all channels. */
static int64_t blocks_at_a_time(const struct image *d, int64_t filters) {
    int64_t of_one = filters * d->height * d->width * BLOCK * (int64_t)sizeof(real);
    return of_one < CACHE_BYTES ? CACHE_BYTES / of_one : 1;
}

/* The gradient of the weights of filters `first` to `end` for one input channel, over some blocks.
 *
 * X is the input at the kernel's first tap and the first output of block 0, `row` the step between
 * rows of the kernel in it. Weights are (filters, height, width) at `grads`, with a step of `filter`
 * numbers from one filter to the next. Block 0 replaces what is there, later blocks add to it.
 */
static void conv_weights(
    int64_t block, int64_t blocks, const struct image *d, int64_t first, int64_t end,
    const struct image *x, const real *X, int64_t row, struct strides s, int64_t height,
    int64_t width, real *grads, int64_t filter) {
    X += block * x->block;
    real sums[MOST_SUMS * LANES], totals[MOST_SUMS];
    for (int64_t i = 0, rows = 0; i < height; i += rows)
        for (int64_t j = 0, columns; j < width; j += columns) {
            columns = next_part(width - j, TILE_COLUMNS);
            int tile = tile_for(height - i, columns);
            rows = WEIGHTS_FUNCTION[tile].rows;
            for (int64_t f = first, filters; f < end; f += filters) {
                filters = next_part(end - f, WEIGHTS_FUNCTION[tile].filters);
                WEIGHTS_FUNCTION[tile].function[filters - 1](
                    blocks, d, row_of(d, block, f, 0), x, X + i * row + j * BLOCK, row, s, sums);
                for (int64_t i = 0; i < filters * rows * columns; i += 4)
                    add_lanes_of_four(sums + i * LANES, totals + i);
                for (int64_t a = 0; a < filters; a++)
                    for (int64_t t = 0; t < rows * columns; t++) {
                        real *to = grads + (f + a) * filter + (i + t / columns) * width + j +
                                   t % columns;
                        *to = totals[a * rows * columns + t] + (block > 0 ? *to : 0);
                    }
            }
        }
}

#endif
