/* Convolutions, vectorized over samples.
 *
 * Images lie in blocks of 16 samples, (channels, height, width, 16), so that each position of a
 * channel is one vector (or 2, or 4 narrower ones) whatever the sizes, and a filter's weight is one
 * number for all of it. Nothing is packed, and no patch is copied:
 *
 *     forward    Z[f][y][x] = b[f] + Σ_c Σ_i Σ_j W[f][c][i][j] X[c][y + i][x + j]
 *     inputs     dX[c][y][x] = Σ_f Σ_i Σ_j W[f][c][k−1−i][k−1−j] dZ[f][y + i][x + j]
 *
 * The second has the form of the first, with filters and channels exchanged and the kernel turned.
 * With a stride s, it is a convolution for each of the s × s residues of y and x, with the taps that
 * meet them. Padding is a frame of zeros around the image in memory (`struct image`).
 *
 * A tile is 6 filters × 4 positions of a row (4 × 3 where there are 16 registers). Before max-pooling
 * it is 6 (3) filters × the 2 × 2 positions of a window, of which only the largest is stored.
 */
#ifndef NNKIT_CONV_H
#define NNKIT_CONV_H

#include "activations.h"
#include "pooling.h"
#include "repeat.h"

/* The taps of a kernel along one axis: tap i of output y meets row y · stride + i · dilation − before
 * of the image; its weight is `first` + i · `step` numbers from the kernel's first. */
struct axis {
    int64_t taps, before, stride, dilation;
    int64_t first, step;
};

/* A kernel, and the steps between its weights for outputs and inputs. */
struct kernel {
    const real *weights;
    int64_t output, input;
    struct axis y, x;
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

/* The taps along an axis of length `size` that meet the image, for outputs from `at` on. */
struct span {
    int64_t first, end;
};

INLINE int64_t multiples_below(int64_t end, int64_t step) {
    return end > 0 ? (end + step - 1) / step : 0;
}

INLINE struct span span_at(const struct axis *a, int64_t size, int64_t at, int64_t outputs) {
    int64_t first = a->before - (at + outputs - 1) * a->stride;
    int64_t end = size + a->before - at * a->stride;
    if (a->dilation > 1) {
        first = multiples_below(first, a->dilation);
        end = multiples_below(end, a->dilation);
    }
    return (struct span){first > 0 ? first : 0, end < a->taps ? end : a->taps};
}

/* A tile of outputs: its taps, where its weights, inputs and outputs begin, and the steps to the
 * next row and column of taps, and to the next filter and position of outputs. */
struct tile {
    struct span rows, columns;
    int64_t inputs;
    const real *weights, *from;
    int64_t input, output, row, column; /* steps between weights */
    int64_t channel, tap_row, tap, right, below; /* steps in the input */
    real *to;
    int64_t filter, next;
    uint8_t *chosen; /* numbers of the largest entries, or NULL */
    int64_t map;     /* numbers of a filter's outputs */
};

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
#define ADDS(f, X)                       \
    {                                    \
        vec weight = all(w[f * output]); \
        REPEAT_##X(ADD, f)               \
    }

/* Runs `body` for each tap, with its weights at `w` and its input at `in`. */
#define FOR_EACH_TAP(body)                                                                     \
    int64_t output = t->output, right = t->right, below = t->below;                            \
    int64_t column = t->column, tap = t->tap;                                                  \
    int64_t columns = t->columns.end - t->columns.first, rows = t->rows.end - t->rows.first;   \
    const real *weights = t->weights, *from = t->from;                                         \
    for (int64_t c = t->inputs; c > 0; c--) {                                                  \
        const real *row_weights = weights, *row = from;                                        \
        for (int64_t i = rows; i > 0; i--) {                                                   \
            const real *w = row_weights, *in = row;                                            \
            for (int64_t j = columns; j > 0; j--, in += tap, w += column) {                    \
                body                                                                           \
            }                                                                                  \
            row_weights += t->row;                                                             \
            row += t->tap_row;                                                                 \
        }                                                                                      \
        weights += t->input;                                                                   \
        from += t->channel;                                                                    \
    }                                                                                          \
    (void)right, (void)below;

/* --- positions of a row ---------------------------------------------------------------------- */

#define READ(x, _)                         \
    vec x_##x = load(in + (x) * right);    \
    IN_REGISTER(x_##x);
#define WRITE(x, f) \
    store(to + f * filter + (x) * next, shifted(after, f, scaled(after, f, sum_##f##_##x)));
#define WRITES(f, X) REPEAT_##X(WRITE, f)

#define ROW_TILE(F, X)                                                              \
    static void conv_##F##_##X(const struct tile *t, const struct affine *after) {  \
        ROWS_##F(SUMS, X)                                                           \
        FOR_EACH_TAP(REPEAT_##X(READ, ) ROWS_##F(ADDS, X))                          \
        real *to = t->to;                                                           \
        int64_t filter = t->filter, next = t->next;                                 \
        ROWS_##F(WRITES, X)                                                         \
        (void)filter, (void)next;                                                   \
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

typedef void conv_tile(const struct tile *, const struct affine *);

#define ROW_FUNCTIONS(X) conv_1_##X, conv_2_##X, conv_3_##X, conv_4_##X
static conv_tile *const ROW_FUNCTION[ROW_COLUMNS][ROW_FILTERS] = {
#if MANY_REGISTERS
    {ROW_FUNCTIONS(1), conv_5_1, conv_6_1}, {ROW_FUNCTIONS(2), conv_5_2, conv_6_2},
    {ROW_FUNCTIONS(3), conv_5_3, conv_6_3}, {ROW_FUNCTIONS(4), conv_5_4, conv_6_4},
#else
    {ROW_FUNCTIONS(1)}, {ROW_FUNCTIONS(2)}, {ROW_FUNCTIONS(3)},
#endif
};

/* --- positions of a 2 × 2 window of max-pooling ---------------------------------------------- */

#define READ_WINDOW                                                                            \
    vec x_0 = load(in), x_1 = load(in + right);                                                \
    vec x_2 = load(in + below), x_3 = load(in + below + right);                                \
    IN_REGISTER(x_0); IN_REGISTER(x_1); IN_REGISTER(x_2); IN_REGISTER(x_3);
#define POOL(f, _)                                                                             \
    {                                                                                          \
        struct largest found = largest_of_four(                                                \
            scaled(after, f, sum_##f##_0), scaled(after, f, sum_##f##_1),                      \
            scaled(after, f, sum_##f##_2), scaled(after, f, sum_##f##_3));                     \
        store(t->to + f * t->filter, shifted(after, f, found.value));                          \
        if (t->chosen) store_bytes(t->chosen + f * t->map, found.entry);                       \
    }

#define POOL_TILE(F)                                                                           \
    static void conv_pool_##F(const struct tile *t, const struct affine *after) {              \
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

static conv_tile *const POOL_FUNCTION[POOL_FILTERS] = {
    conv_pool_1, conv_pool_2,
#if MANY_REGISTERS
    conv_pool_3, conv_pool_4, conv_pool_5, conv_pool_6,
#endif
};

/* --- rows ------------------------------------------------------------------------------------ */

/* Outputs of filters `first` to `end`, for one block: a row, or one after 2 × 2 max-pooling.
 *
 * `chosen` is where the numbers of the largest entries go for the row of filter 0, or NULL. The
 * weights of filter 0 are the kernel's first.
 */
SINGLE void conv_row(
    const struct kernel *k, const struct epilogue *epilogue, const struct image *in,
    const struct image *out, int64_t first, int64_t end, int64_t block, int64_t y, int pooled,
    uint8_t *chosen) {
    int64_t size = pooled ? 2 : 1, most_columns = pooled ? 1 : ROW_COLUMNS;
    int64_t most_filters = pooled ? POOL_FILTERS : ROW_FILTERS;
    struct tile t = {
        .rows = span_at(&k->y, in->height, y * size, size),
        .inputs = in->channels,
        .input = k->input, .output = k->output, .row = k->y.step, .column = k->x.step,
        .channel = in->channel, .tap_row = k->y.dilation * in->row,
        .tap = k->x.dilation * BLOCK,
        .right = k->x.stride * BLOCK, .below = k->y.stride * in->row,
        .filter = out->channel, .next = out->column,
        .map = out->height * out->width * BLOCK};
    const real *row = row_of(in, block, 0, y * size * k->y.stride - k->y.before) +
                      t.rows.first * t.tap_row;
    for (int64_t f = first, filters; f < end; f += filters) {
        filters = next_part(end - f, most_filters);
        const real *weights =
            k->weights + f * k->output + k->y.first + k->x.first + t.rows.first * t.row;
        struct affine after = affine_of(epilogue, f, filters);
        real *to = row_of(out, block, f, y);
        for (int64_t x = 0, columns; x < out->width; x += columns) {
            columns = next_part(out->width - x, most_columns);
            t.columns = span_at(&k->x, in->width, x * size, pooled ? size : columns);
            conv_tile *function =
                pooled ? POOL_FUNCTION[filters - 1] : ROW_FUNCTION[columns - 1][filters - 1];
            for (int64_t lane = 0; lane < BLOCK; lane += LANES) {
                t.weights = weights + t.columns.first * t.column;
                t.from = row + (x * size * k->x.stride - k->x.before) * BLOCK + lane +
                         t.columns.first * t.tap;
                t.to = to + x * out->column + lane;
                t.chosen = chosen ? chosen + f * t.map + x * BLOCK + lane : 0;
                function(&t, &after);
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
