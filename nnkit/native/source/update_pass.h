/* The update of all parameters together, where something must be known of all gradients: norms.
 *
 * The order of operations is that of `nnkit/optim/update.py`. Threads divide the parameters by
 * pieces, which stay in the cache from one operation to the next.
 */
#ifndef NNKIT_UPDATE_PASS_H
#define NNKIT_UPDATE_PASS_H

#include "pieces.h"

/* Adds penalties, and sums up the squares of the gradients. */
static void measure_gradients(const struct updating *now) {
    const struct update *u = now->update;
    FOR_EACH_PIECE(now, piece) {
        real *grads = grads_of(now, piece);
        if (piece->decays)
            add_penalties(
                params_of(now, piece), grads, piece->count, (real)u->l2, (real)u->l1);
        sums_in(u, 0)[piece - u->pieces] = sum_of_squares(grads, piece->count);
    }
    wait_for_all(now->me);
}

/* The factor that shortens the gradients of some pieces to the limit, if their norm exceeds it. */
INLINE double shortening(const struct update *u, int64_t begin, int64_t end) {
    double length = sqrt(total_of(sums_in(u, 0), begin, end));
    return length > u->limit ? u->limit / length : 1;
}

static void clip_norms(const struct updating *now) {
    const struct update *u = now->update;
    double factor = u->clipping == CLIP_GLOBAL_NORM ? shortening(u, 0, u->piece_count) : 1;
    FOR_EACH_PIECE(now, piece) {
        int is_next = piece == u->pieces + now->first || piece->begin == piece - u->pieces;
        if (u->clipping == CLIP_NORM && is_next)
            factor = shortening(u, piece->begin, piece->end);
        if (factor != 1) scale(grads_of(now, piece), piece->count, (real)factor);
    }
}

/* Takes LAMB's steps, which are as long as the weights of their block. */
static void take_scaled_steps(const struct updating *now) {
    const struct update *u = now->update;
    double *weights = sums_in(u, 1), *steps = sums_in(u, 2);
    FOR_EACH_PIECE(now, piece) {
        weights[piece - u->pieces] = sum_of_squares(params_of(now, piece), piece->count);
        steps[piece - u->pieces] = sum_of_squares(grads_of(now, piece), piece->count);
    }
    wait_for_all(now->me);
    FOR_EACH_PIECE(now, piece) {
        double weight = sqrt(total_of(weights, piece->begin, piece->end));
        double step = sqrt(total_of(steps, piece->begin, piece->end));
        double trust = weight > 0 && step > 0 ? weight / step : 1;
        real rate = (real)(lr_of(now, piece) * trust), *p = params_of(now, piece);
        const real *r = grads_of(now, piece);
        for (int64_t i = 0; i < piece->count; i++) p[i] -= r[i] * rate;
    }
}

/* Updates all parameters from the gradients in memory. */
static void update_all(const struct update *u, const struct rates *rates, struct member *me) {
    struct updating now = own_pieces(u, rates, me);
    struct update rest = *u; /* what remains to be done */
    if (clips_norms(u)) {
        measure_gradients(&now);
        clip_norms(&now);
        rest.l2 = rest.l1 = 0;
    }
    FOR_EACH_PIECE(&now, piece)
        update_parameters(
            &rest, rates, piece->lr_factor, piece->decays, piece->first, piece->count);
    if (u->kind == UPDATE_LAMB) take_scaled_steps(&now);
}

#endif
