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
 * the others are 4 rows × 6 (3) vectors. Weights are updated from each tile of their gradients.
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
#define WRITE_4(n, _) \
    store_sums_of_four(Z + n * to, sum_0_##n, sum_1_##n, sum_2_##n, sum_3_##n);

#define FORWARD_TILE(U, N)                                                                      \
    static void forward_##U##_##N(                                                              \
        int64_t inputs, const real *W, const real *X, int64_t row, real *Z, int64_t to) {       \
        ROWS_##N(SUMS, U)                                                                       \
        int64_t k = 0;                                                                          \
        for (; k + LANES <= inputs; k += LANES) {                                               \
            REPEAT_##N(READ_X, ) REPEAT_##U(READ_W, ) ROWS_##N(ADDS, U)                         \
        }                                                                                       \
        if (k < inputs) {                                                                       \
            REPEAT_##N(READ_X_END, ) REPEAT_##U(READ_W_END, ) ROWS_##N(ADDS, U)                 \
        }                                                                                       \
        REPEAT_##N(WRITE_##U, )                                                                 \
    }

FORWARD_TILE(1, 1) FORWARD_TILE(1, 2) FORWARD_TILE(1, 3)
FORWARD_TILE(4, 1) FORWARD_TILE(4, 2) FORWARD_TILE(4, 3)
#if MANY_REGISTERS
FORWARD_TILE(1, 4) FORWARD_TILE(1, 5) FORWARD_TILE(1, 6)
FORWARD_TILE(4, 4) FORWARD_TILE(4, 5) FORWARD_TILE(4, 6)
#endif

#define FORWARD_CASE(N)                                                      \
    case N:                                                                  \
        if (rows == TILE_ROWS) forward_4_##N(inputs, w, x, row, z, to);      \
        else forward_1_##N(inputs, w, x, row, z, to);                        \
        break;

/* Z = X Wᵀ + b for units `first` to `end`. */
static __attribute__((noinline)) void dense_forward(
    int64_t samples, int64_t inputs, int64_t first, int64_t end, const real *W, const real *b,
    const real *X, int64_t row, real *Z, int64_t to) {
    for (int64_t u = first, rows; u < end; u += rows) {
        rows = end - u >= TILE_ROWS ? TILE_ROWS : 1;
        const real *w = W + u * inputs;
        for (int64_t n = 0, columns; n < samples; n += columns) {
            columns = next_part(samples - n, TILE_COLUMNS);
            const real *x = X + n * row;
            real *z = Z + n * to + u;
            switch (columns) {
                FORWARD_CASE(1) FORWARD_CASE(2) FORWARD_CASE(3)
#if MANY_REGISTERS
                FORWARD_CASE(4) FORWARD_CASE(5) FORWARD_CASE(6)
#endif
            }
        }
    }
    if (b)
        for (int64_t n = 0; n < samples; n++)
            for (int64_t u = first; u < end; u++) Z[n * to + u] += b[u];
}

/* --- weights and inputs: a tile of vectors, Σ_s a[s·step + i·stride] B[s][j] ----------------- */

#define FACTOR(i, _) vec a_##i = all(a[s * step + i * stride]);
#define MULTIPLY(i, j) sum_##i##_##j = multiply_add(a_##i, b, sum_##i##_##j);
#define MULTIPLIES(j, I)                           \
    {                                              \
        vec b = load(B + s * row + j * LANES);     \
        REPEAT_##I(MULTIPLY, j)                    \
    }
#define WRITE(i, j) store(C + i * to + j * LANES, sum_##i##_##j);
#define WRITES(j, I) REPEAT_##I(WRITE, j)

#define PRODUCT_TILE(I, J)                                                                      \
    static void product_##I##_##J(                                                              \
        int64_t count, const real *a, int64_t step, int64_t stride, const real *B, int64_t row, \
        real *C, int64_t to) {                                                                  \
        ROWS_##J(SUMS, I)                                                                       \
        for (int64_t s = 0; s < count; s++) { REPEAT_##I(FACTOR, ) ROWS_##J(MULTIPLIES, I) }    \
        ROWS_##J(WRITES, I)                                                                     \
    }

PRODUCT_TILE(1, 1) PRODUCT_TILE(1, 2) PRODUCT_TILE(1, 3)
PRODUCT_TILE(4, 1) PRODUCT_TILE(4, 2) PRODUCT_TILE(4, 3)
#if MANY_REGISTERS
PRODUCT_TILE(1, 4) PRODUCT_TILE(1, 5) PRODUCT_TILE(1, 6)
PRODUCT_TILE(4, 4) PRODUCT_TILE(4, 5) PRODUCT_TILE(4, 6)
#endif

/* The last, incomplete vector of a row. */
static __attribute__((noinline)) vec product_end(
    int64_t count, const real *a, int64_t step, const real *B, int64_t row, int64_t lanes) {
    vec sum = {0};
    for (int64_t s = 0; s < count - 1; s++)
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

#define PRODUCT_CASE(J)                                                                        \
    case J:                                                                                    \
        if (rows == TILE_ROWS)                                                                 \
            product_4_##J(count, a + i * stride, step, stride, B + j, row, C, C_step);         \
        else                                                                                   \
            product_1_##J(count, a + i * stride, step, stride, B + j, row, C, C_step);         \
        break;

/* Rows `first` to `end` of C[i][j] = Σ_s a[s·step + i·stride] B[s][j]. */
static __attribute__((noinline)) void product(
    int64_t count, const real *a, int64_t step, int64_t stride, const real *B, int64_t row,
    int64_t columns, int64_t first, int64_t end, const struct destination *to) {
    enum { TILE_STEP = TILE_COLUMNS * LANES };
    real tile[TILE_ROWS * TILE_STEP] __attribute__((aligned(64))); /* stays in the cache */
    const struct rule *rule = to->rule;
    int64_t vectors = columns / LANES, C_step = rule ? TILE_STEP : to->step;
    for (int64_t i = first, rows; i < end; i += rows) {
        rows = end - i >= TILE_ROWS ? TILE_ROWS : 1;
        for (int64_t done = 0, part; done < vectors; done += part) {
            part = next_part(vectors - done, TILE_COLUMNS);
            int64_t j = done * LANES, place = to->place + i * to->step + j;
            real *C = rule ? tile : to->first + i * to->step + j;
            if (rule) prefetch_step(rule, place, rows, to->step, part * LANES);
            switch (part) {
                PRODUCT_CASE(1) PRODUCT_CASE(2) PRODUCT_CASE(3)
#if MANY_REGISTERS
                PRODUCT_CASE(4) PRODUCT_CASE(5) PRODUCT_CASE(6)
#endif
            }
            if (rule)
                RULE_STEPS[rule->kind](rule, place, rows, to->step, part * LANES, C, C_step);
        }
        int64_t j = vectors * LANES, lanes = columns - j;
        for (int64_t r = i; lanes > 0 && r < i + rows; r++) {
            int64_t at = r * to->step + j;
            vec C = product_end(count, a + r * stride, step, B + j, row, lanes);
            if (rule) take_last_step(rule, to->place + at, lanes, (const real *)&C);
            else store_part(to->first + at, C, lanes);
        }
    }
}

#endif
