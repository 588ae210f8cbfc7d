/* C = A B for layers that NumPy computes: many rows by a small matrix, or sums over many rows. */
#ifndef NNKIT_MATRIX_PRODUCT_H
#define NNKIT_MATRIX_PRODUCT_H

#include "recurrent_weights.h"

/* A matrix product, as Python describes it (`nnkit/native/matrix_product.py`). */
struct matrix_product {
    int64_t rows, count, columns; /* C is (rows, columns), a sum of `count` products */
    const real *A;
    int64_t A_row, A_step;   /* numbers from a row of A to the next, and from a column */
    const real *B;
    int64_t B_row;           /* rows are readable up to the end of their last vector */
    real *C;
    int64_t C_row;
    struct pace *pace;
};

/* A thread's rows of C. Long sums grow by stretches of B that stay in the cache. */
static void multiply_matrices(void *argument, struct member *me) {
    const struct matrix_product *p = argument;
    int64_t first, end;
    own_part(me, p->rows, PRODUCT_ROWS, &first, &end);
    for (int64_t s = 0; s < p->count; s += STRETCH)
        multiply(
            smaller_of(p->count - s, STRETCH), p->A + first * p->A_row + s * p->A_step, p->A_step,
            p->A_row, p->B + s * p->B_row, p->B_row, p->C + first * p->C_row, p->C_row,
            end - first, p->columns, s > 0);
}

#endif
