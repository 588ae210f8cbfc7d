/* Dense layers: the three products of Z = X Wᵀ + b, on rows as they lie in memory.
 *
 * X is (samples, inputs), W is (units, inputs), Z is (samples, units). Every product reads and
 * writes along rows, so nothing is packed or transposed:
 *
 *     forward    Z[n][u] = b[u] + Σ_k W[u][k] X[n][k]    vectors along k, summed at the end
 *     weights    dW[u][k] = Σ_n dZ[n][u] X[n][k]         vectors along k
 *     inputs     dX[n][k] = Σ_u dZ[n][u] W[u][k]         vectors along k
 *
 * A forward tile is 4 units × 6 samples (3 where there are 16 registers), one vector for each sum;
 * the others are 8 (4) rows × 3 vectors. Weights are updated from each tile of their gradients.
 *
 * Forward, the samples of a tile stay in the first cache while a block of weights passes through,
 * and the block in the second while all samples do.
 *
 * Rows of X and Z start at multiples of `padded(…)`. Vectors may read beyond the end of a row, never
 * beyond the vector that follows it; what they read there does not count.
 */
#ifndef NNKIT_DENSE_H
#define NNKIT_DENSE_H

#include "repeat.h"
#include "tiles.h"
#include "update.h"

/* --- forward: a tile of sums over the inputs ------------------------------------------------- */

#define SUM(u, n) vec sum_##u##_##n = {0};
#define SUMS(n, U) REPEAT_##U(SUM, n)
#define READ_X(n, _) vec x_##n = load(X + n * row + k);
#define READ_W(u, _) vec w_##u = load(W + u * inputs + k);
#define READ_X_END(n, _) vec x_##n = first_lanes(load(X + n * row + k), inputs - k);
#define READ_W_END(u, _) vec w_##u = first_lanes(load(W + u * inputs + k), inputs - k);
#define ADD(u, n) sum_##u##_##n = multiply_add(w_##u, x_##n, sum_##u##_##n);
#define ADDS(n, U) REPEAT_##U(ADD, n)
#define WRITE_1(n, _) Z[n * to] = sum_of_lanes(sum_0_##n);
#define WRITE_2(n, _) store_sums_of_two(Z + n * to, sum_0_##n, sum_1_##n);
#define WRITE_4(n, _) \
    store_sums_of_four(Z + n * to, sum_0_##n, sum_1_##n, sum_2_##n, sum_3_##n);

#if MANY_REGISTERS
#define FORWARD_LOOP
#else /* tiles are so small that counting takes a tenth of the time */
#define FORWARD_LOOP UNROLLED_TWICE
#endif

#define FORWARD_TILE(U, N)                                                                      \
    static void forward_##U##_##N(                                                              \
        int64_t inputs, const real *W, const real *X, int64_t row, real *Z, int64_t to,         \
        const real *ahead) {                                                                    \
        ROWS_##N(SUMS, U)                                                                       \
        int64_t k = 0;                                                                          \
        FORWARD_LOOP for (; k + LANES <= inputs; k += LANES) {                                  \
            __builtin_prefetch(ahead + k);                                                      \
            REPEAT_##N(READ_X, ) REPEAT_##U(READ_W, ) ROWS_##N(ADDS, U)                         \
        }                                                                                       \
        if (k < inputs) {                                                                       \
            REPEAT_##N(READ_X_END, ) REPEAT_##U(READ_W_END, ) ROWS_##N(ADDS, U)                 \
        }                                                                                       \
        REPEAT_##N(WRITE_##U, )                                                                 \
    }

FORWARD_TILE(1, 1)
FORWARD_TILE(2, 1) FORWARD_TILE(2, 2) FORWARD_TILE(2, 3)
FORWARD_TILE(4, 1) FORWARD_TILE(4, 2) FORWARD_TILE(4, 3)
#if MANY_REGISTERS
FORWARD_TILE(2, 4) FORWARD_TILE(2, 5) FORWARD_TILE(2, 6)
FORWARD_TILE(4, 4) FORWARD_TILE(4, 5) FORWARD_TILE(4, 6)
#endif

#undef SUM
#undef SUMS
#undef ADD
#undef ADDS
#undef FORWARD_LOOP

typedef void forward_tile(
    int64_t inputs, const real *W, const real *X, int64_t row, real *Z, int64_t to,
    const real *ahead);

/* The tile of 2 or 4 units and that many samples. */
static forward_tile *forward_tile_of(int64_t units, int64_t samples) {
    static forward_tile *const tiles[][TILE_COLUMNS] = {
#if MANY_REGISTERS
        {forward_2_1, forward_2_2, forward_2_3, forward_2_4, forward_2_5, forward_2_6},
        {forward_4_1, forward_4_2, forward_4_3, forward_4_4, forward_4_5, forward_4_6},
#else
        {forward_2_1, forward_2_2, forward_2_3},
        {forward_4_1, forward_4_2, forward_4_3},
#endif
    };
    return tiles[units == TILE_ROWS][samples - 1];
}

enum { CACHED_WEIGHTS = 400 << 10 }; /* bytes of a block of weights */

/* The units of a block, in whole tiles. */
INLINE int64_t units_in_cache(int64_t inputs) {
    int64_t tiles = CACHED_WEIGHTS / (int64_t)sizeof(real) / inputs / TILE_ROWS;
    return tiles > 0 ? tiles * TILE_ROWS : TILE_ROWS;
}

/* Memory that is read next. Each tile asks for some of it, a line with each of its vectors: many
 * lines at once would hold up what follows. */
struct ahead {
    const real *first;
    int64_t step; /* numbers from the first line of a tile to that of the next tile */
};

/* So many numbers, by the time that so many tiles are computed. */
INLINE struct ahead ahead_of(const real *first, int64_t numbers, int64_t tiles) {
    return (struct ahead){first, tiles > 0 ? numbers / tiles : 0};
}

INLINE const real *lines_for_tile(struct ahead *ahead) {
    const real *first = ahead->first;
    ahead->first += ahead->step;
    return first;
}

static void add_biases(
    int64_t samples, int64_t first, int64_t end, const real *b, real *Z, int64_t to) {
    for (int64_t u = first, lanes; u < end; u += lanes) {
        lanes = smaller_of(end - u, LANES);
        vec biases = lanes == LANES ? load(b + u) : load_part(b + u, lanes);
        for (int64_t n = 0; n < samples; n++)
            if (lanes == LANES) store(Z + n * to + u, load(Z + n * to + u) + biases);
            else store_part(Z + n * to + u, load_part(Z + n * to + u, lanes) + biases, lanes);
    }
}

/* Z = X Wᵀ + b for units `first` to `end`, a block. */
static void dense_forward_block(
    int64_t samples, int64_t inputs, int64_t first, int64_t end, const real *W, const real *b,
    const real *X, int64_t row, real *Z, int64_t to, struct ahead *ahead) {
    for (int64_t n = 0, columns; n < samples; n += columns) {
        columns = next_part(samples - n, TILE_COLUMNS);
        const real *x = X + n * row;
        real *z = Z + n * to;
        int64_t u = first;
        for (int64_t units; u + 2 <= end; u += units) {
            units = u + TILE_ROWS <= end ? TILE_ROWS : 2;
            forward_tile_of(units, columns)(
                inputs, W + u * inputs, x, row, z + u, to, lines_for_tile(ahead));
        }
        for (int64_t i = 0; u < end && i < columns; i++)
            forward_1_1(inputs, W + u * inputs, x + i * row, row, z + i * to + u, to, x);
        if (b) add_biases(columns, first, end, b, z, to);
    }
}

/* Z = X Wᵀ + b for units `first` to `end`. Asks for `numbers` numbers that are read next. */
SINGLE void dense_forward(
    int64_t samples, int64_t inputs, int64_t first, int64_t end, const real *W, const real *b,
    const real *X, int64_t row, real *Z, int64_t to, const real *next, int64_t numbers) {
    int64_t tiles = parts_of(samples, TILE_COLUMNS) * parts_of(end - first, TILE_ROWS);
    struct ahead ahead = ahead_of(next, numbers, tiles);
    for (int64_t u = first, units; u < end; u += units) {
        units = smaller_of(end - u, units_in_cache(inputs));
        dense_forward_block(samples, inputs, u, u + units, W, b, X, row, Z, to, &ahead);
    }
}

/* --- weights and inputs: a tile of vectors, Σ_s a[s·step + i·stride] B[s][j] ----------------- */

/* The sums of a tile. Level l + 1 adds up twice as many products as level l. */
typedef vec tile_sums[PRODUCT_ROWS][PRODUCT_COLUMNS];

#define ZERO(j, i) vec sum_##i##_##j = {0};
#define ZEROS(i, J) REPEAT_##J(ZERO, i)
#define READ_B(j, _) vec b_##j = load(B + s * row + j * LANES);
#define MULTIPLY(j, i) sum_##i##_##j = multiply_add(a_##i, b_##j, sum_##i##_##j);
#define MULTIPLIES(i, J)                       \
    {                                          \
        vec a_##i = all(a[s * step + i * stride]); \
        REPEAT_##J(MULTIPLY, i)                \
    }
#define ADD_LOWER(j, i) sum_##i##_##j += sums[l][i][j];
#define ADD_LOWERS(i, J) REPEAT_##J(ADD_LOWER, i)
#define WRITE_SUM(j, i) sums[level][i][j] = sum_##i##_##j;
#define WRITE_SUMS(i, J) REPEAT_##J(WRITE_SUM, i)

#define FINISH_SUMS(I, J)                                                                       \
    for (int64_t l = 0; l < level; l++) { ROWS_##I(ADD_LOWERS, J) }                             \
    ROWS_##I(WRITE_SUMS, J)

/* Writes the sums of I rows of J vectors at a level, with those of the lower levels. Asks for a line
 * `ahead` with each product. */
#define PRODUCT_TILE(I, J)                                                                      \
    static void product_##I##_##J(                                                              \
        int64_t count, const real *a, int64_t step, int64_t stride, const real *B, int64_t row, \
        tile_sums *sums, int64_t level, const real *ahead) {                                    \
        ROWS_##I(ZEROS, J)                                                                      \
        for (int64_t s = 0; s < count; s++) {                                                   \
            __builtin_prefetch(ahead + s * LANES);                                              \
            REPEAT_##J(READ_B, ) ROWS_##I(MULTIPLIES, J)                                        \
        }                                                                                       \
        FINISH_SUMS(I, J)                                                                       \
    }
#define PRODUCT_TILES(I) PRODUCT_TILE(I, 1) PRODUCT_TILE(I, 2) PRODUCT_TILE(I, 3)

PRODUCT_TILES(1)
PRODUCT_TILES(2)
PRODUCT_TILES(4)
#if MANY_REGISTERS
PRODUCT_TILES(8)
#endif

typedef void product_tile(
    int64_t count, const real *a, int64_t step, int64_t stride, const real *B, int64_t row,
    tile_sums *sums, int64_t level, const real *ahead);

#define OF_ROWS(I) {product_##I##_1, product_##I##_2, product_##I##_3}

/* The tile of `rows` rows, a power of two, and `columns` vectors. */
static product_tile *product_tile_of(int64_t rows, int64_t columns) {
    static product_tile *const tiles[][PRODUCT_COLUMNS] = {
        OF_ROWS(1), OF_ROWS(2), OF_ROWS(4),
#if MANY_REGISTERS
        OF_ROWS(8),
#endif
    };
    return tiles[rows == 8 ? 3 : rows / 2][columns - 1];
}

/* The largest power of two up to `count` and `largest`, which is one itself. */
INLINE int64_t power_up_to(int64_t count, int64_t largest) {
    while (largest > count) largest /= 2;
    return largest;
}

/* The last, incomplete vector of a row. */
static __attribute__((noinline)) vec product_end(
    int64_t count, const real *a, int64_t step, const real *B, int64_t row, int64_t lanes) {
    vec sum = {0};
    if (count == 0) return sum;
    UNROLLED_TWICE for (int64_t s = 0; s < count - 1; s++)
        sum = multiply_add(all(a[s * step]), load(B + s * row), sum);
    /* Behind the last row of weights, other threads may be updating the next parameters. */
    const real *last = B + (count - 1) * row;
    return multiply_add(all(a[(count - 1) * step]), load_part(last, lanes), sum);
}

/* Where a product goes: to memory, or, as the gradient of parameters, into their update. */
struct destination {
    real *first;             /* in memory */
    const struct rule *rule; /* of the update; NULL if the product is stored */
    int64_t place;           /* the first parameter */
    int64_t step;            /* from a row to the next, in memory or of parameters */
};

/* Rows `first` to `end` of C[i][j] = Σ_s a[s·step + i·stride] B[s][j]. */
SINGLE void product(
    int64_t count, const real *a, int64_t step, int64_t stride, const real *B, int64_t row,
    int64_t columns, int64_t first, int64_t end, const struct destination *to) {
    enum { TILE_STEP = PRODUCT_COLUMNS * LANES };
    const struct rule *rule = to->rule;
    int64_t vectors = columns / LANES;
    for (int64_t i = first, rows; i < end; i += rows) {
        rows = power_up_to(end - i, PRODUCT_ROWS);
        for (int64_t done = 0, width; done < vectors; done += width) {
            width = next_part(vectors - done, PRODUCT_COLUMNS);
            int64_t at = i * to->step + done * LANES, place = to->place + at;
            tile_sums sums; /* stay in the cache */
            if (rule) prefetch_step(rule, place, rows, to->step, width * LANES);
            product_tile_of(rows, width)(
                count, a + i * stride, step, stride, B + done * LANES, row, &sums, 0, B);
            if (rule)
                RULE_STEPS[rule->kind](
                    rule, place, rows, to->step, width * LANES, (const real *)sums, TILE_STEP);
            else
                for (int64_t r = 0; r < rows; r++)
                    memcpy(to->first + at + r * to->step, sums[r], width * sizeof(vec));
        }
    }
    int64_t j = vectors * LANES, lanes = columns - j;
    for (int64_t i = first; lanes > 0 && i < end; i++) {
        int64_t at = i * to->step + j;
        vec C = product_end(count, a + i * stride, step, B + j, row, lanes);
        if (rule) take_last_step(rule, to->place + at, lanes, (const real *)&C);
        else store_part(to->first + at, C, lanes);
    }
}

#endif
