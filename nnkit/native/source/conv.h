/* Convolutions of stride 1, vectorized over samples.
 *
 * Images lie in blocks of 16 samples, (channels, height, width, 16), so that each position of a
 * channel is one vector (or 2, or 4 narrower ones) whatever the sizes, and a filter's weight is one
 * number for all of it. Nothing is packed, and no patch is copied:
 *
 *     forward    Z[f][y][x] = b[f] + Σ_c Σ_i Σ_j W[f][c][i][j] X[c][y + i][x + j]
 *     weights    dW[f][c][i][j] = Σ_y Σ_x dZ[f][y][x] · X[c][y + i][x + j], summed over samples
 *     inputs     dX[c][y][x] = Σ_f Σ_i Σ_j W[f][c][k−1−i][k−1−j] dZ[f][y + i][x + j]
 *
 * The third has the form of the first, with filters and channels exchanged and the kernel turned.
 * Padding is a frame of zeros around the image in memory (`struct image`).
 *
 * A forward tile is 4 filters × 6 positions (3 where there are 16 registers), a weights tile is
 * 4 filters × 6 (3) columns of the kernel.
 */
#ifndef NNKIT_CONV_H
#define NNKIT_CONV_H

#include "repeat.h"
#include "tiles.h"
#include "update.h"

/* Where a kernel's weights lie: the steps between outputs, inputs, rows and columns. */
struct taps {
    const real *first;
    int64_t output, input, row, column;
};

#define C_SUM(f, x) vec sum_##f##_##x = {0};
#define C_SUMS(x, F) REPEAT_##F(C_SUM, x)
#define C_READ(x, _) vec x_##x = load(in + (x)*BLOCK);
#define C_WEIGHT(f, _) vec w_##f = all(w[f * taps->output]);
#define C_ADD(f, x) sum_##f##_##x = multiply_add(w_##f, x_##x, sum_##f##_##x);
#define C_ADDS(x, F) REPEAT_##F(C_ADD, x)
#define C_WRITE(f, x) store(to + f * out_channel + (x)*BLOCK, sum_##f##_##x);
#define C_WRITES(x, F) REPEAT_##F(C_WRITE, x)

#define CONV_TILE(F, X)                                                                        \
    static void conv_##F##_##X(                                                                \
        const struct taps *taps, const real *weights, int64_t inputs, int64_t height,          \
        int64_t width, const real *from, int64_t channel, int64_t row, real *to,               \
        int64_t out_channel) {                                                                 \
        ROWS_##X(C_SUMS, F)                                                                    \
        for (int64_t c = 0; c < inputs; c++)                                                   \
            for (int64_t i = 0; i < height; i++) {                                             \
                const real *w = weights + c * taps->input + i * taps->row;                     \
                const real *in = from + c * channel + i * row;                                 \
                for (int64_t j = 0; j < width; j++, in += BLOCK, w += taps->column) {          \
                    REPEAT_##X(C_READ, ) REPEAT_##F(C_WEIGHT, ) ROWS_##X(C_ADDS, F)            \
                }                                                                              \
            }                                                                                  \
        ROWS_##X(C_WRITES, F)                                                                  \
    }

#define CONV_TILES(X) CONV_TILE(1, X) CONV_TILE(2, X) CONV_TILE(3, X) CONV_TILE(4, X)
CONV_TILES(1) CONV_TILES(2) CONV_TILES(3)
#if MANY_REGISTERS
CONV_TILES(4) CONV_TILES(5) CONV_TILES(6)
#endif

#define CONV_CALL(F, X)                                                                       \
    conv_##F##_##X(                                                                           \
        taps, weights, inputs, height, width, from, in->channel, in->row, to, out->channel)
#define CONV_CASE(X)                                       \
    case X:                                                \
        switch (filters) {                                 \
            case 1: CONV_CALL(1, X); break;                \
            case 2: CONV_CALL(2, X); break;                \
            case 3: CONV_CALL(3, X); break;                \
            default: CONV_CALL(4, X);                      \
        }                                                  \
        break;

/* One row of all filters' outputs for one block. */
__attribute__((unused)) static void conv_row(
    const struct taps *taps, int64_t height, int64_t width, const struct image *in,
    const struct image *out, int64_t block, int64_t y) {
    int64_t inputs = in->channels;
    for (int64_t f = 0, filters; f < out->channels; f += filters) {
        filters = next_part(out->channels - f, TILE_ROWS);
        const real *weights = taps->first + f * taps->output;
        for (int64_t x = 0, columns; x < out->width; x += columns) {
            columns = next_part(out->width - x, TILE_COLUMNS);
            for (int64_t lane = 0; lane < BLOCK; lane += LANES) {
                const real *from =
                    (const real *)in->first + block * in->block + y * in->row + x * BLOCK + lane;
                real *to = (real *)out->first + block * out->block + f * out->channel +
                           y * out->row + x * BLOCK + lane;
                switch (columns) {
                    CONV_CASE(1) CONV_CASE(2) CONV_CASE(3)
#if MANY_REGISTERS
                    CONV_CASE(4) CONV_CASE(5) CONV_CASE(6)
#endif
                }
            }
        }
    }
}

/* --- weights --------------------------------------------------------------------------------- */

#define W_READ(f, _) vec d_##f = load(dz + f * d->channel);
#define W_ADD(f, j) sum_##f##_##j = multiply_add(d_##f, value, sum_##f##_##j);
#define W_ADDS(j, F)                                \
    {                                               \
        vec value = load(in + (j)*BLOCK);           \
        REPEAT_##F(W_ADD, j)                        \
    }
#define W_WRITE(f, j) sums[(f)*TILE_COLUMNS + j] = sum_of_lanes(sum_##f##_##j);
#define W_WRITES(j, F) REPEAT_##F(W_WRITE, j)

/* Sums for F filters and J columns of the kernel, over all positions of all blocks. */
#define WEIGHTS_TILE(F, J)                                                                     \
    static void conv_weights_##F##_##J(                                                        \
        int64_t blocks, const struct image *d, const real *dZ, const struct image *x,          \
        const real *X, real *sums) {                                                           \
        ROWS_##J(C_SUMS, F)                                                                    \
        for (int64_t b = 0; b < blocks; b++)                                                   \
            for (int64_t i = 0; i < d->height; i++) {                                          \
                const real *dz = dZ + b * d->block + i * d->row;                               \
                const real *in = X + b * x->block + i * x->row;                                \
                const real *end = dz + d->width * BLOCK;                                       \
                for (; dz < end; dz += LANES, in += LANES) {                                   \
                    REPEAT_##F(W_READ, ) ROWS_##J(W_ADDS, F)                                   \
                }                                                                              \
            }                                                                                  \
        ROWS_##J(W_WRITES, F)                                                                  \
    }

#define WEIGHTS_TILES(J) WEIGHTS_TILE(1, J) WEIGHTS_TILE(2, J) WEIGHTS_TILE(3, J) WEIGHTS_TILE(4, J)
WEIGHTS_TILES(1) WEIGHTS_TILES(2) WEIGHTS_TILES(3)
#if MANY_REGISTERS
WEIGHTS_TILES(4) WEIGHTS_TILES(5) WEIGHTS_TILES(6)
#endif

#define WEIGHTS_CALL(F, J) conv_weights_##F##_##J(blocks, d, dZ, x, X, sums)
#define WEIGHTS_CASE(J)                                       \
    case J:                                                   \
        switch (filters) {                                    \
            case 1: WEIGHTS_CALL(1, J); break;                \
            case 2: WEIGHTS_CALL(2, J); break;                \
            case 3: WEIGHTS_CALL(3, J); break;                \
            default: WEIGHTS_CALL(4, J);                      \
        }                                                     \
        break;

/* The gradient of all weights of one input channel, (filters, height, width) at `grads`, with a
 * step of `filter` numbers from one filter to the next. */
__attribute__((unused)) static void conv_weights(
    int64_t blocks, const struct image *d, const struct image *x, int64_t channel, int64_t height,
    int64_t width, real *grads, int64_t filter) {
    real sums[TILE_ROWS * TILE_COLUMNS];
    for (int64_t f = 0, filters; f < d->channels; f += filters) {
        filters = next_part(d->channels - f, TILE_ROWS);
        const real *dZ = (const real *)d->first + f * d->channel;
        for (int64_t i = 0; i < height; i++)
            for (int64_t j = 0, columns; j < width; j += columns) {
                columns = next_part(width - j, TILE_COLUMNS);
                const real *X =
                    (const real *)x->first + channel * x->channel + i * x->row + j * BLOCK;
                switch (columns) {
                    WEIGHTS_CASE(1) WEIGHTS_CASE(2) WEIGHTS_CASE(3)
#if MANY_REGISTERS
                    WEIGHTS_CASE(4) WEIGHTS_CASE(5) WEIGHTS_CASE(6)
#endif
                }
                for (int64_t a = 0; a < filters; a++)
                    for (int64_t b = 0; b < columns; b++)
                        grads[(f + a) * filter + i * width + j + b] = sums[a * TILE_COLUMNS + b];
            }
    }
}

#endif
