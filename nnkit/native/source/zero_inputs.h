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
    LEAVES_ZEROS = REAL_BITS == 32 && (MANY_REGISTERS || VECTOR_BYTES > 16), /* others are kept small */
    MARK_BITS = 32,
    MOST_MARKS = 64,  /* of all tiles; those of more are not looked for */
    FULL_EIGHTHS = 7, /* a tile with more inputs is taken for full */
};

struct marks {
    int64_t each;      /* marks of a tile; 0 if all inputs are taken */
    mask of[MOST_MARKS];
};

/* Marks the inputs of a tile; returns how many are not 0. */
static int64_t mark_tile(int64_t inputs, const real *X, int64_t row, mask *marks) {
    int64_t vectors = parts_of(inputs, LANES), total = 0;
    mask count = {0}, bits = {0};
    for (int64_t m = 0; m < vectors; m++) {
        mask numbers = {0}; /* as integers: −0 counts as another number than 0 */
        for (int64_t n = 0; n < PRODUCT_ROWS; n++) numbers |= (mask)load(X + n * row + m * LANES);
        mask is_taken = numbers != 0, bit = (mask){0} + (whole)(1u << m % MARK_BITS);
        count -= is_taken;
        bits |= is_taken & bit;
        if ((m + 1) % MARK_BITS == 0 || m + 1 == vectors) {
            *marks++ = bits;
            bits = (mask){0};
        }
    }
    for (int64_t r = 0; r < LANES; r++) total += count[r];
    return total;
}

/* Marks the inputs of all whole tiles, unless the first one is full: then others are likely to be.
 * There are no marks at first. */
static void mark_inputs(
    int64_t samples, int64_t inputs, const real *X, int64_t row, struct marks *marks) {
    int64_t tiles = samples / PRODUCT_ROWS;
    int64_t each = parts_of(parts_of(inputs, LANES), MARK_BITS);
    if (!LEAVES_ZEROS || tiles * each > MOST_MARKS) return;
    for (int64_t i = 0; i < tiles; i++) {
        int64_t taken = mark_tile(inputs, X + i * PRODUCT_ROWS * row, row, marks->of + i * each);
        if (i == 0 && 8 * taken > FULL_EIGHTHS * inputs) return;
    }
    marks->each = each;
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
MARKED_TILE(8, 1) MARKED_TILE(8, 2) MARKED_TILE(8, 3)
#else
MARKED_TILE(4, 1) MARKED_TILE(4, 2) MARKED_TILE(4, 3)
#endif

typedef void marked_tile(
    int64_t count, const mask *marks, int64_t lane, const real *X, int64_t stride,
    const real *panel, tile_sums *sums, int64_t level, const real *ahead);

/* The tile of PRODUCT_ROWS samples and that many vectors. */
static marked_tile *marked_tile_of(int64_t columns) {
    static marked_tile *const tiles[PRODUCT_COLUMNS] = {marked_1, marked_2, marked_3};
    return tiles[columns - 1];
}

#endif
