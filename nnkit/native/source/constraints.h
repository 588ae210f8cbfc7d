/* What follows an update: constraints on the parameters, and their average over the steps. */
#ifndef NNKIT_CONSTRAINTS_H
#define NNKIT_CONSTRAINTS_H

#include "pieces.h"

/* p ← sign(p) · max(|p| - length, 0). */
static __attribute__((noinline)) void shrink(real *params, int64_t count, real length) {
    for (int64_t i = 0; i < count; i++) { /* NaN stays NaN */
        real p = params[i], reduced = (p < 0 ? -p : p) - length;
        reduced = reduced < 0 ? 0 : reduced;
        params[i] = p < 0 ? -reduced : reduced;
    }
}

/* The proximal step of the L1 penalty. */
static void shrink_weights(const struct updating *now) {
    FOR_EACH_PIECE(now, piece)
        if (piece->decays)
            shrink(
                params_of(now, piece), piece->count,
                (real)(lr_of(now, piece) * now->update->shrinkage));
}

/* Scales the penalized parameters to the ball that they must not leave. */
static void project(const struct updating *now) {
    const struct update *u = now->update;
    FOR_EACH_PIECE(now, piece)
        sums_in(u, 1)[piece - u->pieces] =
            piece->decays ? sum_of_squares(params_of(now, piece), piece->count) : 0;
    wait_for_all(now->me);
    double length = sqrt(total_of(sums_in(u, 1), 0, u->piece_count));
    if (!(length > u->radius)) return;
    FOR_EACH_PIECE(now, piece)
        if (piece->decays) scale(params_of(now, piece), piece->count, (real)(u->radius / length));
}

/* The factor that shortens weights to the largest norm, if theirs exceeds it. */
INLINE real bounding(const struct update *u, double squares) {
    double length = sqrt(squares);
    return (real)(length > u->max_norm ? u->max_norm / length : 1);
}

/* Bounds the norm of the weights into each unit. */
static void bound_units(const struct updating *now) {
    const struct update *u = now->update;
    wait_for_all(now->me); /* units are divided in another way than pieces */
    for (const struct bounded *W = u->bounded; W < u->bounded + u->bounded_count; W++) {
        real *rows = (real *)u->params + W->first;
        int64_t first, end, columns = W->columns;
        own_part(now->me, W->rows, 1, &first, &end);
        if (!W->units) {
            for (int64_t i = first; i < end; i++) {
                real *row = rows + i * columns;
                scale(row, columns, bounding(u, sum_of_squares(row, columns)));
            }
        } else if (now->me->index == 0) { /* units lie all over the block */
            for (int64_t i = 0; i < W->rows; i++) u->unit_sums[W->units[i]] = 0;
            for (int64_t i = 0; i < W->rows; i++)
                u->unit_sums[W->units[i]] += sum_of_squares(rows + i * columns, columns);
            for (int64_t i = 0; i < W->rows; i++)
                scale(rows + i * columns, columns, bounding(u, u->unit_sums[W->units[i]]));
        }
    }
    wait_for_all(now->me);
}

static __attribute__((noinline)) void move_towards(
    const real *restrict params, real *restrict average, int64_t count, real share) {
    for (int64_t i = 0; i < count; i++) average[i] += (params[i] - average[i]) * share;
}

static void move_average(const struct updating *now) {
    real share = (real)now->rates->average;
    FOR_EACH_PIECE(now, piece) {
        real *average = (real *)now->update->average + piece->first;
        const real *params = params_of(now, piece);
        if (share == 1) memcpy(average, params, piece->count * sizeof *average);
        else if (share != 0) move_towards(params, average, piece->count, share);
    }
}

/* Whether anything follows the update. */
INLINE int is_followed(const struct update *u) {
    return u->shrinkage != 0 || u->radius != 0 || u->bounded_count > 0 || u->average;
}

static void finish_update(const struct update *u, const struct rates *rates, struct member *me) {
    struct updating now = own_pieces(u, rates, me);
    if (u->shrinkage != 0) shrink_weights(&now);
    if (u->radius != 0) project(&now);
    if (u->bounded_count > 0) bound_units(&now);
    if (u->average) move_average(&now);
}

#endif
