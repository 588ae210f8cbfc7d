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

/* Z for one panel. */
static __attribute__((noinline)) void panel_forward(
    int64_t samples, int64_t inputs, const real *panel, int64_t width, const vec b[],
    const real *X, int64_t row, real *Z, int64_t to, struct ahead *ahead) {
    int64_t each = parts_of(inputs, LANES), size = each * width * LANES;
    for (int64_t n = 0, rows; n < samples; n += rows) {
        rows = power_up_to(samples - n, PRODUCT_ROWS);
        product_tile *tile = product_tile_of(rows, width);
        tile_sums sums[LEVELS + 1];
        for (int64_t r = 0; r < LANES; r++) {
            tile(
                each, X + n * row + r, LANES, row, panel + r * size, width * LANES, sums,
                level_of(r), lines_for_tile(ahead));
        }
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < width; j++)
                store(Z + (n + i) * to + j * LANES, sums[LEVELS][i][j] + b[j]);
    }
}

/* The same sums for few inputs, where those of a tile's lanes stay in registers: four samples × a
 * vector of units. */
struct four {
    vec a, b, c, d;
};

INLINE struct four sums_of_lane(
    int64_t each, const real *X, int64_t row, const real *P, int64_t step) {
    struct four sum = {{0}, {0}, {0}, {0}};
    for (int64_t m = 0; m < each; m++, X += LANES, P += step) {
        vec w = load(P);
        sum.a = multiply_add(w, all(X[0]), sum.a);
        sum.b = multiply_add(w, all(X[row]), sum.b);
        sum.c = multiply_add(w, all(X[2 * row]), sum.c);
        sum.d = multiply_add(w, all(X[3 * row]), sum.d);
    }
    return sum;
}

INLINE struct four added(struct four x, struct four y) {
    return (struct four){x.a + y.a, x.b + y.b, x.c + y.c, x.d + y.d};
}

#define LANE_SUM_1(r) sums_of_lane(each, X + (r), row, panel + (r) * size, width * LANES)
#define LANE_SUM_2(r) added(LANE_SUM_1(r), LANE_SUM_1((r) + 1))
#define LANE_SUM_4(r) added(LANE_SUM_2(r), LANE_SUM_2((r) + 2))
#define LANE_SUM_8(r) added(LANE_SUM_4(r), LANE_SUM_4((r) + 4))
#define LANE_SUM_16(r) added(LANE_SUM_8(r), LANE_SUM_8((r) + 8))
#if LANE_COUNT == 2
#define SUM_OF_LANES LANE_SUM_2(0)
#elif LANE_COUNT == 4
#define SUM_OF_LANES LANE_SUM_4(0)
#elif LANE_COUNT == 8
#define SUM_OF_LANES LANE_SUM_8(0)
#else
#define SUM_OF_LANES LANE_SUM_16(0)
#endif

enum { FEW_INPUTS = 16 * LANES, FEW_SAMPLES = 4 };

/* Z for one vector of units of a panel of that width; the last samples may be computed twice. */
static __attribute__((noinline)) void few_inputs_forward(
    int64_t samples, int64_t inputs, const real *panel, int64_t width, vec b, const real *X,
    int64_t row, real *Z, int64_t to) {
    int64_t each = parts_of(inputs, LANES), size = each * width * LANES;
    const real *first = X;
    for (int64_t n = 0; n < samples; n += FEW_SAMPLES) {
        n = smaller_of(n, samples - FEW_SAMPLES);
        X = first + n * row;
        struct four sum = SUM_OF_LANES;
        store(Z + n * to, sum.a + b);
        store(Z + (n + 1) * to, sum.b + b);
        store(Z + (n + 2) * to, sum.c + b);
        store(Z + (n + 3) * to, sum.d + b);
    }
}

/* Whether packing the weights of a layer takes less time than it saves. */
INLINE int is_worth_packing(int64_t samples, int64_t inputs, int64_t units) {
    enum { MANY_SAMPLES = 128, INPUTS_PER_SAMPLE = 2 };
    if (inputs <= FEW_INPUTS) return samples * INPUTS_PER_SAMPLE >= inputs;
    return samples >= MANY_SAMPLES && units > LANES;
}

/* Z = X Wᵀ + b for at least 4 samples. Rows of X and Z are read and written up to the end of their
 * last vector; what is behind the inputs must be numbers, and is multiplied by 0. */
static void dense_forward_packed(
    int64_t samples, int64_t inputs, int64_t units, const real *packed, const real *b,
    const real *X, int64_t row, real *Z, int64_t to, const real *next, int64_t numbers) {
    int64_t each = parts_of(inputs, LANES) * LANES, vectors = parts_of(units, LANES);
    int64_t panels = parts_of(vectors, PRODUCT_COLUMNS);
    struct ahead ahead =
        ahead_of(next, numbers, parts_of(samples, PRODUCT_ROWS) * LANES * panels);
    int is_short = inputs <= FEW_INPUTS && samples >= FEW_SAMPLES;
    FOR_EACH_PANEL(units, v, width) {
        vec biases[PRODUCT_COLUMNS] = {{0}};
        const real *panel = packed + v * LANES * each;
        for (int64_t j = 0; j < width; j++) {
            int64_t u = (v + j) * LANES;
            if (b) biases[j] = u + LANES <= units ? load(b + u) : load_part(b + u, units - u);
            if (is_short)
                few_inputs_forward(
                    samples, inputs, panel + j * LANES, width, biases[j], X, row, Z + u, to);
        }
        if (!is_short)
            panel_forward(
                samples, inputs, panel, width, biases, X, row, Z + v * LANES, to, &ahead);
    }
}

#endif
