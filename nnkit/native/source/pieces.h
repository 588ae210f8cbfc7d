/* The pieces of the parameters that a thread works on, and sums over all of them.
 *
 * A sum over several pieces adds up the sums of the pieces, always in the same order, so that it does
 * not depend on the number of threads.
 */
#ifndef NNKIT_PIECES_H
#define NNKIT_PIECES_H

#include "team.h"
#include "update.h"

/* A thread's part of an update, at one step. */
struct updating {
    const struct update *update;
    const struct rates *rates;
    struct member *me;
    int64_t first, end; /* its pieces */
};

INLINE struct updating own_pieces(
    const struct update *u, const struct rates *rates, struct member *me) {
    struct updating now = {.update = u, .rates = rates, .me = me};
    own_part(me, u->piece_count, 1, &now.first, &now.end);
    return now;
}

#define FOR_EACH_PIECE(now, piece)                                         \
    for (const struct piece *piece = (now)->update->pieces + (now)->first; \
         piece < (now)->update->pieces + (now)->end; piece++)

INLINE real *params_of(const struct updating *now, const struct piece *piece) {
    return (real *)now->update->params + piece->first;
}

INLINE real *grads_of(const struct updating *now, const struct piece *piece) {
    return (real *)now->update->grads + piece->first;
}

/* The learning rate of a piece. */
INLINE double lr_of(const struct updating *now, const struct piece *piece) {
    return rates_for(now->update, now->rates, piece->lr_factor)->lr;
}

/* A row of sums, one for each piece: row 0 is of gradients, rows 1 and 2 are of parameters and steps. */
INLINE double *sums_in(const struct update *u, int64_t row) {
    return u->sums + row * u->piece_count;
}

INLINE double total_of(const double *sums, int64_t begin, int64_t end) {
    double total = 0;
    for (int64_t i = begin; i < end; i++) total += sums[i];
    return total;
}

/* Σx², in double precision, by eight sums that the compiler may keep in a vector. */
static __attribute__((noinline)) double sum_of_squares(const real *x, int64_t count) {
    double sums[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        UNROLLED for (int k = 0; k < 8; k++) sums[k] += (double)x[i + k] * (double)x[i + k];
    for (; i < count; i++) sums[i % 8] += (double)x[i] * (double)x[i];
    return total_of(sums, 0, 8);
}

static __attribute__((noinline)) void scale(real *x, int64_t count, real factor) {
    for (int64_t i = 0; i < count; i++) x[i] *= factor;
}

#endif
