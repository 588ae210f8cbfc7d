/* The outputs of the two directions of a recurrent layer as one, and their gradients.
 *
 * Rows are positions, or samples if only the last output counts; both directions have the same.
 */
#ifndef NNKIT_DIRECTIONS_H
#define NNKIT_DIRECTIONS_H

#include "sequences.h"

/* Y = [A, B], A + B, (A + B)/2 or A ⊙ B. */
static void merge_directions(const struct pass *pass, const struct layer *l, struct member *me) {
    int64_t units = l->recurrences->units, row = padded(units), to = padded(l->outputs), first, end;
    own_part(me, rows_of(pass, l), 1, &first, &end);
    for (int64_t n = first; n < end; n++) {
        real *Y = (real *)l->output + n * to;
        const real *A = (const real *)l->recurrences[0].output + n * row;
        const real *B = (const real *)l->recurrences[1].output + n * row;
        if (l->merge == MERGE_CONCAT) {
            memcpy(Y, A, units * sizeof *Y);
            memcpy(Y + units, B, units * sizeof *Y);
            continue;
        }
        for (int64_t u = 0; u < row; u += LANES) {
            vec a = load(A + u), b = load(B + u);
            if (l->merge == MERGE_PRODUCT) store(Y + u, a * b);
            else store(Y + u, l->merge == MERGE_SUM ? a + b : (a + b) / 2);
        }
    }
}

/* The gradient of each direction's output. */
static void divide_gradient(const struct pass *pass, const struct layer *l, struct member *me) {
    int64_t units = l->recurrences->units, row = padded(units), from = padded(l->outputs);
    int64_t first, end;
    own_part(me, rows_of(pass, l), 1, &first, &end);
    for (int64_t n = first; n < end; n++)
        for (int d = 0; d < 2; d++) {
            const real *dY = (const real *)l->gradient + n * from;
            const real *other = (const real *)l->recurrences[1 - d].output + n * row;
            real *to = (real *)l->recurrences[d].gradient + n * row;
            if (l->merge == MERGE_CONCAT) memcpy(to, dY + d * units, units * sizeof *to);
            else
                for (int64_t u = 0; u < row; u += LANES) {
                    vec dy = load(dY + u);
                    if (l->merge == MERGE_PRODUCT) dy *= load(other + u);
                    store(to + u, l->merge == MERGE_MEAN ? dy / 2 : dy);
                }
        }
}

#endif
