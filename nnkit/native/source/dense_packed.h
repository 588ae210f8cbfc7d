/* Dense layers for large batches: Z = X Wᵀ + b with packed weights. They are packed in each pass, or
 * once if they do not change any more; then they serve smaller batches, too.
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
#include "zero_inputs.h"

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

/* Whether all numbers are finite: 0 times any other is not a number. */
static int are_finite(const real *x, int64_t count) {
    vec sums[4] = {{0}}, zero = {0};
    int64_t i = 0;
    for (; i + 4 * LANES <= count; i += 4 * LANES)
        UNROLLED for (int j = 0; j < 4; j++)
            sums[j] = multiply_add(load(x + i + j * LANES), zero, sums[j]);
    for (int64_t lanes; i < count; i += lanes) {
        lanes = smaller_of(count - i, LANES);
        sums[0] = multiply_add(load_part(x + i, lanes), zero, sums[0]);
    }
    return sum_of_lanes((sums[0] + sums[1]) + (sums[2] + sums[3])) == 0;
}

/* Packs a thread's share of the vectors of units of a layer; returns whether all weights of these are
 * finite. */
static int pack(
    int64_t inputs, int64_t units, const real *W, real *packed, const struct member *me) {
    int64_t each = parts_of(inputs, LANES) * LANES, first, end;
    int is_finite = 1;
    own_part(me, parts_of(units, LANES), 1, &first, &end);
    FOR_EACH_PANEL(units, v, width) {
        for (int64_t j = 0; j < width; j++) {
            if (v + j < first || v + j >= end) continue;
            int64_t u = (v + j) * LANES;
            const real *from = W + u * inputs;
            is_finite &= are_finite(from, smaller_of(units - u, LANES) * inputs);
            pack_units(from, inputs, units - u, packed + v * LANES * each + j * LANES, width);
        }
    }
    return is_finite;
}

/* The level of the sums of lane r: it adds to those of the lane before if r is odd, to those of the
 * two lanes before if r / 2 is odd, and so on. */
INLINE int64_t level_of(int64_t r) {
    int64_t level = 0;
    while (r >> level & 1) level++;
    return level;
}

/* Z for one panel. The first one finds out which inputs are 0; if few are in the first tile, no others
 * are looked for. */
static __attribute__((noinline)) void panel_forward(
    int64_t samples, int64_t inputs, const real *panel, int64_t width, const vec b[],
    const real *X, int64_t row, real *Z, int64_t to, struct marks *marks, int is_first,
    struct ahead *ahead) {
    int64_t each = parts_of(inputs, LANES), size = each * width * LANES;
    for (int64_t n = 0, rows; n < samples; n += rows) {
        rows = power_up_to(samples - n, PRODUCT_ROWS);
        int is_marked = LEAVES_ZEROS && rows == PRODUCT_ROWS && marks->each > 0;
        mask *of_tile = marks->of + n / PRODUCT_ROWS * marks->each;
        if (is_marked && is_first && mark_inputs(inputs, X + n * row, row, of_tile) && n == 0)
            marks->each = is_marked = 0;
        product_tile *tile = product_tile_of(rows, width);
        marked_tile *marked = marked_tile_of(width);
        tile_sums sums[LEVELS + 1];
        for (int64_t r = 0; r < LANES; r++) {
            const real *x = X + n * row + r, *p = panel + r * size, *lines = lines_for_tile(ahead);
            if (is_marked)
                marked(marks->each, of_tile, r, x, row, p, sums, level_of(r), lines);
            else
                tile(each, x, LANES, row, p, width * LANES, sums, level_of(r), lines);
        }
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < width; j++)
                store(Z + (n + i) * to + j * LANES, sums[LEVELS][i][j] + b[j]);
    }
}

enum { FEW_SAMPLES = 4, FEW_INPUTS = REAL_BITS == 32 ? 16 * LANES : 0 }; /* float64 is kept small */

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

/* Whether packed weights of a layer save time, and more than it takes to pack them if they are not
 * kept. */
INLINE int is_worth_packing(int64_t samples, int64_t inputs, int64_t units, int is_kept) {
    enum { MANY_SAMPLES = 128, KEPT_SAMPLES = 16, INPUTS_PER_SAMPLE = 2 };
    if (is_kept) return samples >= KEPT_SAMPLES && (inputs <= FEW_INPUTS || units > LANES);
    if (inputs <= FEW_INPUTS) return samples * INPUTS_PER_SAMPLE >= inputs;
    return samples >= MANY_SAMPLES && units > LANES;
}

/* Z = X Wᵀ + b for at least 4 samples. Rows of X and Z are read and written up to the end of their
 * last vector; what is behind the inputs must be numbers, and is multiplied by 0. */
static void dense_forward_packed(
    int64_t samples, int64_t inputs, int64_t units, const real *packed, const real *b,
    const real *X, int64_t row, real *Z, int64_t to, int leaves_zeros, const real *next,
    int64_t numbers) {
    int64_t each = parts_of(inputs, LANES) * LANES, vectors = parts_of(units, LANES);
    int64_t tiles = parts_of(samples, PRODUCT_ROWS) * LANES;
    int is_short = inputs <= FEW_INPUTS && samples >= FEW_SAMPLES;
    struct marks marks;
    marks.each = leaves_zeros && vectors > 1 ? marks_of_tile(samples, inputs) : 0;
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
        int64_t end = v + width;
        struct ahead ahead = ahead_of(next, numbers, tiles);
        if (end < vectors)
            ahead = ahead_of(
                packed + end * LANES * each,
                next_part(vectors - end, PRODUCT_COLUMNS) * LANES * each, tiles);
        if (!is_short)
            panel_forward(
                samples, inputs, panel, width, biases, X, row, Z + v * LANES, to, &marks,
                v == 0, &ahead);
    }
}

#endif
