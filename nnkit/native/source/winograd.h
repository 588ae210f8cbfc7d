/* Convolutions of 3 × 3 with stride 1 by Winograd's minimal filtering F(2×2, 3×3)
 * (Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1):
 *
 *     Y = Aᵀ [ Σ_c (G g Gᵀ) ⊙ (Bᵀ d B) ] A
 *
 * for a tile of 2 × 2 outputs Y, the kernel g of a filter and a channel c, and the 4 × 4 inputs d
 * around the tile. Each tile, filter and channel takes 16 multiplications instead of 36.
 *
 *     Bᵀ = 1  0 −1  0     G =  1   0   0     Aᵀ = 1  1  1  0
 *          0  1  1  0          ½   ½   ½          0  1 −1 −1
 *          0 −1  1  0          ½  −½   ½
 *          0  1  0 −1          0   0   1
 *
 * The sums over channels are a product of matrices for each of the 4 × 4 points, by the tiles of
 * `conv.h`. It takes a few tiles of a row of them at a time, so that V and M stay in the cache:
 *
 *     U[p][f][c] = G g Gᵀ,    V[p][c][t] = Bᵀ d B,    M[p][f][t] = Σ_c U[p][f][c] V[p][c][t]
 *
 * A sum over channels is always that of a sample's tile alone, so outputs depend neither on the other
 * samples nor on the threads.
 */
#ifndef NNKIT_WINOGRAD_H
#define NNKIT_WINOGRAD_H

#include "conv.h"

enum {
    POINTS = 16,
    TILES = ROW_COLUMNS, /* at a time; at most 4, as in `nnkit/native/winograd.py` */
    TAPS = 9,
};

/* The numbers from one point to the next, which do not share a cache's few sets. */
INLINE int64_t numbers_of_point(int64_t rows, int64_t columns) {
    return rows * columns + BLOCK;
}

/* --- weights --------------------------------------------------------------------------------- */

/* G g, for four vectors of which the last is written. */
INLINE void weights_to_points(vec g[4]) {
    vec sum = g[0] + g[2], middle = g[1];
    g[3] = g[2];
    g[1] = (sum + middle) * (real)0.5;
    g[2] = (sum - middle) * (real)0.5;
}

/* U of filters `first` to `end`, from W (filters, channels, 3, 3). Each vector holds channels; the
 * last one repeats some of the one before. */
static void transform_weights(
    const real *W, int64_t filters, int64_t channels, int64_t first, int64_t end, real *U) {
    int64_t point = numbers_of_point(filters, channels);
    for (int64_t f = first; f < end; f++)
        for (int64_t start = 0; start < channels; start += LANES) {
            int64_t c = smaller_of(start, channels - LANES);
            real taps[TAPS][LANES];
            for (int64_t lane = 0; lane < LANES; lane++)
                for (int64_t i = 0; i < TAPS; i++)
                    taps[i][lane] = W[(f * channels + c + lane) * TAPS + i];
            vec columns[4][4];
            UNROLLED for (int j = 0; j < 3; j++) {
                UNROLLED for (int i = 0; i < 3; i++) columns[j][i] = load(taps[3 * i + j]);
                weights_to_points(columns[j]);
            }
            UNROLLED for (int i = 0; i < 4; i++) {
                vec g[4] = {columns[0][i], columns[1][i], columns[2][i]};
                weights_to_points(g);
                UNROLLED for (int j = 0; j < 4; j++)
                    store(U + (4 * i + j) * point + f * channels + c, g[j]);
            }
        }
}

/* --- inputs ---------------------------------------------------------------------------------- */

/* Bᵀ d. */
INLINE void inputs_to_points(vec d[4]) {
    vec second = d[1];
    d[0] -= d[2];
    d[1] = second + d[2];
    d[2] -= second;
    d[3] = second - d[3];
}

/* Bᵀ d of the column d at `from`; asks for the same column of a channel further on. */
INLINE void read_column(const struct image *in, const real *from, vec d[4]) {
    UNROLLED for (int i = 0; i < 4; i++) {
        d[i] = load(from + i * in->row);
        __builtin_prefetch(from + i * in->row + 2 * in->channel);
    }
    inputs_to_points(d);
}

/* V of tiles of a row, whose inputs begin at `from`. Neighbours share two columns. */
static void transform_inputs(
    const struct image *in, const real *from, int64_t tiles, real *V) {
    int64_t point = numbers_of_point(in->channels, tiles * BLOCK);
    for (int64_t c = 0; c < in->channels; c++, from += in->channel)
        for (int64_t lane = 0; lane < BLOCK; lane += LANES) {
            vec columns[4][4];
            read_column(in, from + lane, columns[0]);
            read_column(in, from + lane + BLOCK, columns[1]);
            for (int64_t t = 0; t < tiles; t++) {
                const real *next = from + lane + (2 * t + 2) * BLOCK;
                real *to = V + (c * tiles + t) * BLOCK + lane;
                read_column(in, next, columns[2]);
                read_column(in, next + BLOCK, columns[3]);
                UNROLLED for (int i = 0; i < 4; i++) {
                    vec d[4] = {columns[0][i], columns[1][i], columns[2][i], columns[3][i]};
                    columns[0][i] = d[2];
                    columns[1][i] = d[3];
                    inputs_to_points(d);
                    UNROLLED for (int j = 0; j < 4; j++) store(to + (4 * i + j) * point, d[j]);
                }
            }
        }
}

/* --- products -------------------------------------------------------------------------------- */

/* M. To the tiles of `conv.h`, a channel is a column of taps. */
static void multiply_points(
    int64_t filters, int64_t channels, int64_t tiles, const real *U, const real *V, real *M) {
    const struct affine none = {.least = -(real)INFINITY};
    int64_t row = tiles * BLOCK;
    struct tile t = {
        .rows = {0, 1}, .columns = {0, channels}, .inputs = 1, .output = channels, .column = 1,
        .tap = row, .right = BLOCK, .filter = row, .next = BLOCK};
    for (int64_t p = 0; p < POINTS; p++) {
        for (int64_t f = 0, count; f < filters; f += count) {
            count = next_part(filters - f, ROW_FILTERS);
            t.weights = U + f * channels;
            for (int64_t lane = 0; lane < BLOCK; lane += LANES) {
                t.from = V + lane;
                t.to = M + f * row + lane;
                ROW_FUNCTION[tiles - 1][count - 1](&t, &none);
            }
        }
        U += numbers_of_point(filters, channels);
        V += numbers_of_point(channels, row);
        M += numbers_of_point(filters, row);
    }
}

/* --- outputs --------------------------------------------------------------------------------- */

/* Aᵀ m. */
INLINE void outputs_from_points(const vec m[4], vec y[2]) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] - m[3];
}

/* The outputs of a tile, row by row. */
INLINE void outputs_of_tile(const real *M, int64_t point, vec y[4]) {
    vec columns[4][2];
    UNROLLED for (int j = 0; j < 4; j++) {
        vec m[4];
        UNROLLED for (int i = 0; i < 4; i++) m[i] = load(M + (4 * i + j) * point);
        outputs_from_points(m, columns[j]);
    }
    UNROLLED for (int i = 0; i < 2; i++) {
        vec m[4] = {columns[0][i], columns[1][i], columns[2][i], columns[3][i]};
        outputs_from_points(m, y + 2 * i);
    }
}

/* Writes the outputs of tiles of row y, from tile x on, or the largest of each tile. */
static void transform_outputs(
    const real *M, int64_t tiles, const struct epilogue *epilogue, int pooled,
    const struct image *out, int64_t block, int64_t y, int64_t x) {
    int64_t point = numbers_of_point(out->channels, tiles * BLOCK);
    for (int64_t f = 0; f < out->channels; f++) {
        struct affine after = affine_of(epilogue, f, 1);
        real *pooled_row = row_of(out, block, f, y), *row = row_of(out, block, f, 2 * y);
        for (int64_t i = 0; i < tiles * BLOCK; i += LANES, M += LANES) {
            vec outputs[4];
            outputs_of_tile(M, point, outputs);
            for (int k = 0; k < 4; k++) outputs[k] = scaled(&after, 0, outputs[k]);
            if (pooled) {
                vec largest =
                    largest_of_four(outputs[0], outputs[1], outputs[2], outputs[3]).value;
                store(pooled_row + x * BLOCK + i, shifted(&after, 0, largest));
                continue;
            }
            int64_t column = 2 * (x + i / BLOCK);
            for (int k = 0; k < 4; k++) /* the last tile may reach beyond the image */
                if (2 * y + k / 2 < out->height && column + k % 2 < out->width)
                    store(
                        row + k / 2 * out->row + (column + k % 2) * BLOCK + i % BLOCK,
                        shifted(&after, 0, outputs[k]));
        }
    }
}

#endif
