/* Inputs of dense layers that are 0 for all samples of a tile, such as the black margin of images.
 *
 * For each tile, a bit for each input says whether any of its samples has another number there, and
 * the packed products of `dense_packed.h` take these inputs only. To leave out a product with 0
 * changes no sum, as long as the weight is finite. Bit m % 32 of lane r of mark m / 32 stands for
 * input m · LANES + r.
 */
#ifndef NNKIT_ZERO_INPUTS_H
#define NNKIT_ZERO_INPUTS_H

#include "dense.h"

enum {
    /* The variants of float64 and for few processors are kept small. */
    LEAVES_ZEROS = REAL_BITS == 32 && (MANY_REGISTERS || VECTOR_BYTES > 16),
    MARK_BITS = 32,
    MOST_MARKS = 64,  /* of all tiles; those of more are not looked for */
    FULL_EIGHTHS = 7, /* a tile with more inputs is full */
};

struct marks {
    int64_t each; /* marks of a tile; 0 if all inputs are taken */
    mask of[MOST_MARKS];
};

/* The marks of a tile, or 0 if there is no room for those of all tiles. */
INLINE int64_t marks_of_tile(int64_t samples, int64_t inputs) {
    int64_t each = parts_of(parts_of(inputs, LANES), MARK_BITS);
    return samples / PRODUCT_ROWS * each <= MOST_MARKS ? each : 0;
}

/* Marks the inputs of a tile; returns whether it is full. */
SINGLE int mark_inputs(int64_t inputs, const real *X, int64_t row, mask *marks) {
    int64_t vectors = parts_of(inputs, LANES), total = 0;
    mask taken = {0}, one = (mask){0} + 1, bits = {0};
    for (int64_t m = 0; m < vectors; m++, X += LANES) {
        mask numbers = {0}; /* as integers: −0 counts as another number than 0 */
        for (int64_t n = 0; n < PRODUCT_ROWS; n++) numbers |= (mask)load(X + n * row);
        mask is_other = numbers != 0;
        taken -= is_other;
        bits |= is_other & one << (whole)(m % MARK_BITS);
        marks[m / MARK_BITS] = bits;
        if (m % MARK_BITS == MARK_BITS - 1) bits = (mask){0};
    }
    for (int64_t r = 0; r < LANES; r++) total += taken[r];
    return 8 * total > FULL_EIGHTHS * inputs;
}

#define MULTIPLY_NEXT(i, J)    \
    {                          \
        vec a_##i = all(*a);   \
        a += stride;           \
        REPEAT_##J(MULTIPLY, i) \
    }

/* The sums of `product` for one lane of the inputs of a tile, over those that are marked. */
#define MARKED_TILE(I, J)                                                                       \
    static void marked_##J(                                                                     \
        int64_t count, const mask *marks, int64_t lane, const real *X, int64_t stride,          \
        const real *panel, tile_sums *sums, int64_t level, const real *ahead) {                 \
        enum { row = J * LANES };                                                               \
        ROWS_##I(ZEROS, J)                                                                      \
        for (int64_t i = 0; i < count; i++) {                                                   \
            const real *x = X + i * MARK_BITS * LANES, *B = panel + i * MARK_BITS * row;        \
            for (uint32_t bits = marks[i][lane]; bits != 0; bits &= bits - 1) {                 \
                int64_t s = __builtin_ctz(bits);                                                \
                const real *a = x + s * LANES;                                                  \
                __builtin_prefetch(ahead);                                                      \
                ahead += LANES;                                                                 \
                REPEAT_##J(READ_B, ) ROWS_##I(MULTIPLY_NEXT, J)                                 \
            }                                                                                   \
        }                                                                                       \
        FINISH_SUMS(I, J)                                                                       \
    }
#if MANY_REGISTERS
MARKED_TILE(8, 2) MARKED_TILE(8, 3)
#else
MARKED_TILE(4, 2) MARKED_TILE(4, 3)
#endif

typedef void marked_tile(
    int64_t count, const mask *marks, int64_t lane, const real *X, int64_t stride,
    const real *panel, tile_sums *sums, int64_t level, const real *ahead);

/* The tile of PRODUCT_ROWS samples and that many vectors. */
INLINE marked_tile *marked_tile_of(int64_t columns) { return columns == 2 ? marked_2 : marked_3; }

#endif
