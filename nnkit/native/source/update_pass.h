/* The update of all parameters together, where something must be known of all gradients: norms.
 *
 * The order of operations is that of `nnkit/optim/update.py`. Threads divide the parameters by
 * pieces, which stay in the cache from one operation to the next.
 */
#ifndef NNKIT_UPDATE_PASS_H
#define NNKIT_UPDATE_PASS_H

#include "pieces.h"

INLINE int clips_norms(const struct update *u) {
    return u->clipping == CLIP_NORM || u->clipping == CLIP_GLOBAL_NORM;
}

/* Adds the gradients of the penalties, λ₂ · p + λ₁ · sign(p). */
static __attribute__((noinline)) void add_penalties(
    const real *restrict params, real *restrict grads, int64_t count, real l2, real l1) {
    if (l2 != 0)
        for (int64_t i = 0; i < count; i++) grads[i] += params[i] * l2;
    if (l1 != 0)
        for (int64_t i = 0; i < count; i++)
            grads[i] += (real)((params[i] > 0) - (params[i] < 0)) * l1;
}

static __attribute__((noinline)) void clip_values(real *grads, int64_t count, real limit) {
    for (int64_t i = 0; i < count; i++) { /* NaN stays NaN */
        grads[i] = grads[i] > limit ? limit : grads[i];
        grads[i] = grads[i] < -limit ? -limit : grads[i];
    }
}

/* Adds penalties, and clips each number or sums up the squares. */
static void prepare_gradients(const struct updating *now) {
    const struct update *u = now->update;
    FOR_EACH_PIECE(now, piece) {
        real *grads = grads_of(now, piece);
        int64_t count = piece->count;
        if (piece->decays)
            add_penalties(params_of(now, piece), grads, count, (real)u->l2, (real)u->l1);
        if (u->clipping == CLIP_VALUE) clip_values(grads, count, (real)u->limit);
        if (clips_norms(u)) sums_in(u, 0)[piece - u->pieces] = sum_of_squares(grads, count);
    }
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
    prepare_gradients(&now);
    if (clips_norms(u)) {
        wait_for_all(me);
        clip_norms(&now);
    }
    FOR_EACH_PIECE(&now, piece) {
        struct rule rule = rule_at(u, rates, piece->lr_factor, piece->decays);
        rule.l2 = 0; /* the gradients include the penalty */
        take_steps(&rule, piece->first, piece->count, grads_of(&now, piece));
    }
    if (u->kind == UPDATE_LAMB) take_scaled_steps(&now);
}

#endif
