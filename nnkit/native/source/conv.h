/* Convolutions of stride 1, vectorized over samples.
 *
 * Images lie in blocks of 16 samples, (channels, height, width, 16), so that each position of a
 * channel is one vector (or 2, or 4 narrower ones) whatever the sizes, and a filter's weight is one
 * number for all of it. Nothing is packed, and no patch is copied:
 *
 *     forward    Z[f][y][x] = b[f] + Σ_c Σ_i Σ_j W[f][c][i][j] X[c][y + i][x + j]
 *     inputs     dX[c][y][x] = Σ_f Σ_i Σ_j W[f][c][k−1−i][k−1−j] dZ[f][y + i][x + j]
 *
 * The second has the form of the first, with filters and channels exchanged and the kernel turned.
 * Padding is a frame of zeros around the image in memory (`struct image`).
 *
 * A tile is 6 filters × 4 positions of a row (4 × 3 where there are 16 registers). Before max-pooling
 * it is 6 (3) filters × the 2 × 2 positions of a window, of which only the largest is stored.
 */
#ifndef NNKIT_CONV_H
#define NNKIT_CONV_H

#include "activations.h"
#include "pooling.h"
#include "repeat.h"

/* A kernel: where its weights lie, and where it stands for the first output.
 *
 * The steps are between the weights of outputs, inputs, rows and columns; `top` and `left` are the
 * rows above and the columns on the left of the image at the first output.
 */
struct kernel {
    const real *first;
    int64_t output, input, row, column;
    int64_t height, width, top, left;
};

/* Running means and the trained scale and shift of a normalization; NULL where there is none. */
struct normalized {
    const real *mean, *variance, *scale, *shift;
    real eps;
};

/* What follows the sums: bias and normalization, then max(y, least). */
struct epilogue {
    const real *bias;
    struct normalized normalized;
    real least; /* 0 for ReLU, −∞ for none */
};

/* The part of the kernel that meets the image, for the outputs of a tile. */
struct window {
    int64_t first_row, end_row, first_column, end_column;
};

INLINE struct window window_at(
    const struct kernel *k, const struct image *in, int64_t y, int64_t x, int64_t rows,
    int64_t columns) {
    struct window w = {k->top - (y + rows - 1), in->height + k->top - y,
                       k->left - (x + columns - 1), in->width + k->left - x};
    if (w.first_row < 0) w.first_row = 0;
    if (w.end_row > k->height) w.end_row = k->height;
    if (w.first_column < 0) w.first_column = 0;
    if (w.end_column > k->width) w.end_column = k->width;
    return w;
}

/* The epilogue for the outputs of a tile: y = max(scale · Σ + shift, least). */
enum { MOST_FILTERS = 6 };
struct affine {
    real scale[MOST_FILTERS], shift[MOST_FILTERS], least;
    int is_scaled;
};

INLINE struct affine affine_of(const struct epilogue *e, int64_t first, int64_t count) {
    const struct normalized *n = &e->normalized;
    struct affine a = {.least = e->least, .is_scaled = n->mean != 0};
    for (int64_t i = 0, f = first; i < count; i++, f++) {
        a.scale[i] = 1;
        a.shift[i] = e->bias ? e->bias[f] : 0;
        if (!n->mean) continue;
        a.scale[i] = (n->scale ? n->scale[f] : 1) / SQRT(n->variance[f] + n->eps);
        a.shift[i] = (a.shift[i] - n->mean[f]) * a.scale[i] + (n->shift ? n->shift[f] : 0);
    }
    return a;
}

INLINE vec scaled(const struct affine *a, int f, vec sum) {
    return a->is_scaled ? sum * a->scale[f] : sum;
}

INLINE vec shifted(const struct affine *a, int f, vec x) {
    return at_least(x + a->shift[f], a->least);
}

#define SUM(x, f) vec sum_##f##_##x = {0};
#define SUMS(f, X) REPEAT_##X(SUM, f)
#define ADD(x, f) sum_##f##_##x = multiply_add(weight, x_##x, sum_##f##_##x);
#define ADDS(f, X)                                \
    {                                             \
        vec weight = all(w[f * kernel->output]);  \
        REPEAT_##X(ADD, f)                        \
    }

/* Runs `body` for each tap, with its weights at `w` and its input at `in`. */
#define FOR_EACH_TAP(body)                                                                     \
    for (int64_t c = 0; c < inputs; c++)                                                       \
        for (int64_t i = window.first_row; i < window.end_row; i++) {                          \
            const real *w = weights + c * kernel->input + i * kernel->row +                    \
                            window.first_column * kernel->column;                              \
            const real *in = from + c * image->channel + i * image->row +                      \
                             window.first_column * BLOCK;                                      \
            for (int64_t j = window.first_column; j < window.end_column;                       \
                 j++, in += BLOCK, w += kernel->column) {                                      \
                body                                                                           \
            }                                                                                  \
        }

/* --- positions of a row ---------------------------------------------------------------------- */

#define READ(x, _)                       \
    vec x_##x = load(in + (x)*BLOCK);    \
    IN_REGISTER(x_##x);
#define WRITE(x, f) \
    store(to + f * out_channel + (x)*BLOCK, shifted(after, f, scaled(after, f, sum_##f##_##x)));
#define WRITES(f, X) REPEAT_##X(WRITE, f)

#define ROW_TILE(F, X)                                                                         \
    static void conv_##F##_##X(                                                                \
        const struct kernel *kernel, const real *weights, int64_t inputs,                      \
        struct window window, const struct image *image, const real *from,                     \
        const struct affine *after, real *to, int64_t out_channel) {                           \
        ROWS_##F(SUMS, X)                                                                      \
        FOR_EACH_TAP(REPEAT_##X(READ, ) ROWS_##F(ADDS, X))                                     \
        ROWS_##F(WRITES, X)                                                                    \
    }

#define ROW_TILES(X) ROW_TILE(1, X) ROW_TILE(2, X) ROW_TILE(3, X) ROW_TILE(4, X)
ROW_TILES(1) ROW_TILES(2) ROW_TILES(3)
#if MANY_REGISTERS
ROW_TILES(4)
ROW_TILE(5, 1) ROW_TILE(5, 2) ROW_TILE(5, 3) ROW_TILE(5, 4)
ROW_TILE(6, 1) ROW_TILE(6, 2) ROW_TILE(6, 3) ROW_TILE(6, 4)
enum { ROW_FILTERS = 6, ROW_COLUMNS = 4 };
#else
enum { ROW_FILTERS = 4, ROW_COLUMNS = 3 };
#endif

#define ROW_FUNCTIONS(X) conv_1_##X, conv_2_##X, conv_3_##X, conv_4_##X
static void (*const ROW_FUNCTION[ROW_COLUMNS][ROW_FILTERS])(
    const struct kernel *, const real *, int64_t, struct window, const struct image *,
    const real *, const struct affine *, real *, int64_t) = {
#if MANY_REGISTERS
    {ROW_FUNCTIONS(1), conv_5_1, conv_6_1}, {ROW_FUNCTIONS(2), conv_5_2, conv_6_2},
    {ROW_FUNCTIONS(3), conv_5_3, conv_6_3}, {ROW_FUNCTIONS(4), conv_5_4, conv_6_4},
#else
    {ROW_FUNCTIONS(1)}, {ROW_FUNCTIONS(2)}, {ROW_FUNCTIONS(3)},
#endif
};

/* One row of all filters' outputs for one block. */
static void conv_row(
    const struct kernel *kernel, const struct epilogue *epilogue, const struct image *in,
    const struct image *out, int64_t block, int64_t y) {
    int64_t inputs = in->channels;
    for (int64_t f = 0, filters; f < out->channels; f += filters) {
        filters = next_part(out->channels - f, ROW_FILTERS);
        const real *weights = kernel->first + f * kernel->output;
        struct affine after = affine_of(epilogue, f, filters);
        for (int64_t x = 0, columns; x < out->width; x += columns) {
            columns = next_part(out->width - x, ROW_COLUMNS);
            struct window window = window_at(kernel, in, y, x, 1, columns);
            for (int64_t lane = 0; lane < BLOCK; lane += LANES) {
                const real *from =
                    row_of(in, block, 0, y - kernel->top) + (x - kernel->left) * BLOCK + lane;
                real *to = row_of(out, block, f, y) + x * BLOCK + lane;
                ROW_FUNCTION[columns - 1][filters - 1](
                    kernel, weights, inputs, window, in, from, &after, to, out->channel);
            }
        }
    }
}

/* --- positions of a 2 × 2 window of max-pooling ---------------------------------------------- */

#define READ_WINDOW                                                                            \
    vec x_0 = load(in), x_1 = load(in + BLOCK);                                                \
    vec x_2 = load(in + image->row), x_3 = load(in + image->row + BLOCK);                      \
    IN_REGISTER(x_0); IN_REGISTER(x_1); IN_REGISTER(x_2); IN_REGISTER(x_3);
#define POOL(f, _)                                                                             \
    {                                                                                          \
        struct largest found = largest_of_four(                                                \
            scaled(after, f, sum_##f##_0), scaled(after, f, sum_##f##_1),                      \
            scaled(after, f, sum_##f##_2), scaled(after, f, sum_##f##_3));                     \
        store(to + f * out_channel, shifted(after, f, found.value));                           \
        if (chosen) store_bytes(chosen + f * chosen_channel, found.entry);                     \
    }

#define POOL_TILE(F)                                                                           \
    static void conv_pool_##F(                                                                 \
        const struct kernel *kernel, const real *weights, int64_t inputs,                      \
        struct window window, const struct image *image, const real *from,                     \
        const struct affine *after, real *to, int64_t out_channel, uint8_t *chosen,            \
        int64_t chosen_channel) {                                                              \
        ROWS_##F(SUMS, 4)                                                                      \
        FOR_EACH_TAP(READ_WINDOW ROWS_##F(ADDS, 4))                                            \
        REPEAT_##F(POOL, )                                                                     \
    }

POOL_TILE(1) POOL_TILE(2)
#if MANY_REGISTERS
POOL_TILE(3) POOL_TILE(4) POOL_TILE(5) POOL_TILE(6)
enum { POOL_FILTERS = 6 };
#else
enum { POOL_FILTERS = 2 };
#endif

static void (*const POOL_FUNCTION[POOL_FILTERS])(
    const struct kernel *, const real *, int64_t, struct window, const struct image *,
    const real *, const struct affine *, real *, int64_t, uint8_t *, int64_t) = {
    conv_pool_1, conv_pool_2,
#if MANY_REGISTERS
    conv_pool_3, conv_pool_4, conv_pool_5, conv_pool_6,
#endif
};

/* One row of all filters' outputs for one block, after max-pooling.
 *
 * `chosen` is where the numbers of the largest entries go for the row of the first filter, or NULL.
 */
static void conv_pool_row(
    const struct kernel *kernel, const struct epilogue *epilogue, const struct image *in,
    const struct image *out, uint8_t *chosen, int64_t block, int64_t y) {
    int64_t inputs = in->channels, map = out->height * out->width * BLOCK;
    for (int64_t f = 0, filters; f < out->channels; f += filters) {
        filters = next_part(out->channels - f, POOL_FILTERS);
        const real *weights = kernel->first + f * kernel->output;
        struct affine after = affine_of(epilogue, f, filters);
        for (int64_t x = 0; x < out->width; x++) {
            struct window window = window_at(kernel, in, 2 * y, 2 * x, 2, 2);
            for (int64_t lane = 0; lane < BLOCK; lane += LANES) {
                const real *from = row_of(in, block, 0, 2 * y - kernel->top) +
                                   (2 * x - kernel->left) * BLOCK + lane;
                real *to = row_of(out, block, f, y) + x * BLOCK + lane;
                uint8_t *which = chosen ? chosen + f * map + x * BLOCK + lane : 0;
                POOL_FUNCTION[filters - 1](
                    kernel, weights, inputs, window, in, from, &after, to, out->channel, which,
                    map);
            }
        }
    }
}

#undef SUM
#undef SUMS
#undef ADD
#undef ADDS
#undef READ
#undef WRITE
#undef WRITES

#endif
