/* The update of parameters whose gradients are in memory, and what follows every update.
 *
 *     g ← g + l2 · p + l1 · sign(p)        penalties
 *     g ← clipped g                        by value or norm
 *     p ← (1 - lr · decay) · p             decoupled weight decay
 *     p ← a step by the optimizer's rule
 *     p ← shrunk, projected, bounded p     proximal L1 step, ball, norm of each unit's weights
 *     average ← average + share · (p - average)
 *
 * The order is that of `nnkit/optim/update.py`. Threads divide the parameters by pieces, which stay in
 * the cache from one operation to the next. A sum over several pieces adds up the sums of the
 * pieces, always in the same order, so no result depends on the number of threads.
 */
#ifndef NNKIT_UPDATE_PASS_H
#define NNKIT_UPDATE_PASS_H

#include "team.h"
#include "update.h"

/* --- the rule, for vectors in memory ---------------------------------------------------------- */

/* Steps for `count` parameters, a multiple of the lanes, whose results go to `to`. */
#define STEPS(name, states)                                                                   \
    static void name##_steps(                                                                 \
        const struct rule *rule, const real *params, const real *grads, real *to, int64_t count) { \
        const struct rule own = *rule; /* no store can change it */                           \
        for (int64_t i = 0; i < count; i += LANES) {                                          \
            vec s[states + 1], p = load(params + i) * own.keep;                               \
            for (int k = 0; k < states; k++) s[k] = load(own.state[k] + i);                   \
            store(to + i, name(&own, p, load(grads + i), s));                                 \
            for (int k = 0; k < states; k++) store(own.state[k] + i, s[k]);                   \
        }                                                                                     \
    }

STEPS(sgd, 0)
STEPS(momentum, 1)
STEPS(damped_momentum, 1)
STEPS(nesterov, 1)
STEPS(adagrad, 1)
STEPS(adadelta, 2)
STEPS(rmsprop, 1)
STEPS(rmsprop_momentum, 2)
STEPS(centered_rmsprop, 2)
STEPS(centered_rmsprop_momentum, 3)
STEPS(adam, 2)
STEPS(amsgrad, 3)
STEPS(adamax, 2)
STEPS(nadam, 2)
STEPS(radam, 2)
STEPS(lion, 1)
STEPS(lamb, 2)

static void (*const RULE_STEPS[])(
    const struct rule *, const real *, const real *, real *, int64_t) = {
    [UPDATE_SGD] = sgd_steps,
    [UPDATE_MOMENTUM] = momentum_steps,
    [UPDATE_ADAM] = adam_steps,
    [UPDATE_DAMPED_MOMENTUM] = damped_momentum_steps,
    [UPDATE_NESTEROV] = nesterov_steps,
    [UPDATE_ADAGRAD] = adagrad_steps,
    [UPDATE_ADADELTA] = adadelta_steps,
    [UPDATE_RMSPROP] = rmsprop_steps,
    [UPDATE_RMSPROP_MOMENTUM] = rmsprop_momentum_steps,
    [UPDATE_CENTERED_RMSPROP] = centered_rmsprop_steps,
    [UPDATE_CENTERED_RMSPROP_MOMENTUM] = centered_rmsprop_momentum_steps,
    [UPDATE_AMSGRAD] = amsgrad_steps,
    [UPDATE_ADAMAX] = adamax_steps,
    [UPDATE_NADAM] = nadam_steps,
    [UPDATE_RADAM] = radam_steps,
    [UPDATE_LION] = lion_steps,
    [UPDATE_LAMB] = lamb_steps,
};

/* Steps for any number of parameters, from the one at `first` on. */
static __attribute__((noinline)) void take_steps(
    struct rule rule, const real *params, const real *grads, real *to, int64_t first,
    int64_t count) {
    int64_t whole = count / LANES * LANES, end = first + whole;
    size_t rest = (count - whole) * sizeof *params;
    real p[LANES] = {0}, g[LANES] = {0}, state[MOST_STATES][LANES] = {{0}};
    real *all[MOST_STATES];
    for (int k = 0; k < MOST_STATES; k++) {
        all[k] = rule.state[k];
        if (all[k]) rule.state[k] = all[k] + first;
    }
    RULE_STEPS[rule.kind](&rule, params + first, grads + first, to + first, whole);
    if (rest == 0) return;
    memcpy(p, params + end, rest);
    memcpy(g, grads + end, rest);
    for (int k = 0; k < MOST_STATES; k++) {
        if (all[k]) memcpy(state[k], all[k] + end, rest);
        rule.state[k] = state[k];
    }
    RULE_STEPS[rule.kind](&rule, p, g, p, LANES);
    memcpy(to + end, p, rest);
    for (int k = 0; k < MOST_STATES; k++)
        if (all[k]) memcpy(all[k] + end, state[k], rest);
}

/* --- what may stand before and after it ------------------------------------------------------- */

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

static __attribute__((noinline)) void scale(real *x, int64_t count, real factor) {
    for (int64_t i = 0; i < count; i++) x[i] *= factor;
}

/* p ← sign(p) · max(|p| - length, 0). */
static __attribute__((noinline)) void shrink(real *params, int64_t count, real length) {
    for (int64_t i = 0; i < count; i++) {
        real p = params[i], reduced = (p < 0 ? -p : p) - length;
        reduced = reduced > 0 ? reduced : 0;
        params[i] = p < 0 ? -reduced : reduced;
    }
}

static __attribute__((noinline)) void move_average(
    const real *restrict params, real *restrict average, int64_t count, real share) {
    for (int64_t i = 0; i < count; i++) average[i] += (params[i] - average[i]) * share;
}

/* Σx², in double precision, by eight sums that the compiler may keep in a vector. */
static __attribute__((noinline)) double sum_of_squares(const real *x, int64_t count) {
    double sums[8] = {0}, total = 0;
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int k = 0; k < 8; k++) sums[k] += (double)x[i + k] * (double)x[i + k];
    for (; i < count; i++) sums[i % 8] += (double)x[i] * (double)x[i];
    for (int k = 0; k < 8; k++) total += sums[k];
    return total;
}

static double total_of(const double *sums, int64_t begin, int64_t end) {
    double total = 0;
    for (int64_t i = begin; i < end; i++) total += sums[i];
    return total;
}

/* --- the update of a thread's pieces ---------------------------------------------------------- */

/* A thread's part of an update, at one step. */
struct updating {
    const struct update *update;
    const struct rates *rates;
    struct member *me;
    int64_t first, end; /* its pieces */
};

#define FOR_EACH_PIECE(now, piece)                                          \
    for (const struct piece *piece = (now)->update->pieces + (now)->first;  \
         piece < (now)->update->pieces + (now)->end; piece++)

INLINE real *params_of(const struct updating *now, const struct piece *piece) {
    return (real *)now->update->params + piece->first;
}

INLINE real *grads_of(const struct updating *now, const struct piece *piece) {
    return (real *)now->update->grads + piece->first;
}

/* The place of a piece's sum, in one of three rows. */
INLINE double *sum_of(const struct updating *now, int64_t row, const struct piece *piece) {
    const struct update *u = now->update;
    return u->sums + row * u->piece_count + (piece - u->pieces);
}

INLINE int clips_norms(const struct update *u) {
    return u->clipping == CLIP_NORM || u->clipping == CLIP_GLOBAL_NORM;
}

static __attribute__((noinline)) void penalize(const struct updating *now, const struct piece *piece) {
    const struct update *u = now->update;
    if (piece->decays)
        add_penalties(
            params_of(now, piece), grads_of(now, piece), piece->count, (real)u->l2, (real)u->l1);
}

/* Adds penalties, and sums up the squares of the gradients. */
static void measure_gradients(const struct updating *now) {
    FOR_EACH_PIECE(now, piece) {
        penalize(now, piece);
        *sum_of(now, 0, piece) = sum_of_squares(grads_of(now, piece), piece->count);
    }
    wait_for_all(now->me);
}

/* The factor that shortens gradients to the limit, if their norm exceeds it; sums begin at `row`. */
INLINE double shortening(const struct update *u, int64_t begin, int64_t end) {
    double length = sqrt(total_of(u->sums, begin, end));
    return length > u->limit ? u->limit / length : 1;
}

/* Updates parameters from the gradients in memory. */
static void update_pieces(const struct updating *now) {
    const struct update *u = now->update;
    if (clips_norms(u)) measure_gradients(now);
    double factor = u->clipping == CLIP_GLOBAL_NORM ? shortening(u, 0, u->piece_count) : 1;
    int64_t known = -1; /* the first piece of the block that `factor` is of */
    FOR_EACH_PIECE(now, piece) {
        real *grads = grads_of(now, piece);
        if (!clips_norms(u)) penalize(now, piece);
        if (u->clipping == CLIP_VALUE) clip_values(grads, piece->count, (real)u->limit);
        if (u->clipping == CLIP_NORM && piece->begin != known) {
            factor = shortening(u, piece->begin, piece->end);
            known = piece->begin;
        }
        if (factor != 1) scale(grads, piece->count, (real)factor);
        struct rule rule = rule_at(u, now->rates, piece->lr_factor, piece->decays);
        if (u->kind != UPDATE_LAMB) {
            take_steps(rule, u->params, u->grads, u->params, piece->first, piece->count);
            continue;
        }
        rule.keep = 1; /* the decay is part of the step, which is scaled later */
        take_steps(rule, u->params, u->grads, u->grads, piece->first, piece->count);
        *sum_of(now, 1, piece) = sum_of_squares(params_of(now, piece), piece->count);
        *sum_of(now, 2, piece) = sum_of_squares(grads, piece->count);
    }
}

/* Takes LAMB's steps, as long as the weights of each block. */
static void take_scaled_steps(const struct updating *now) {
    const struct update *u = now->update;
    wait_for_all(now->me);
    FOR_EACH_PIECE(now, piece) {
        const double *params = u->sums + u->piece_count, *steps = params + u->piece_count;
        double weights = sqrt(total_of(params, piece->begin, piece->end));
        double step = sqrt(total_of(steps, piece->begin, piece->end));
        double trust = weights > 0 && step > 0 ? weights / step : 1;
        real rate = (real)(rates_for(u, now->rates, piece->lr_factor)->lr * trust);
        real *p = params_of(now, piece);
        const real *r = grads_of(now, piece);
        for (int64_t i = 0; i < piece->count; i++) p[i] -= r[i] * rate;
    }
}

/* --- what follows ----------------------------------------------------------------------------- */

/* Scales the penalized parameters to the ball that they must not leave. */
static void project(const struct updating *now) {
    const struct update *u = now->update;
    FOR_EACH_PIECE(now, piece)
        *sum_of(now, 1, piece) =
            piece->decays ? sum_of_squares(params_of(now, piece), piece->count) : 0;
    wait_for_all(now->me);
    double length = sqrt(total_of(u->sums + u->piece_count, 0, u->piece_count));
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
}

static void update_average(const struct updating *now) {
    const struct update *u = now->update;
    real share = (real)now->rates->average;
    FOR_EACH_PIECE(now, piece) {
        real *average = (real *)u->average + piece->first;
        if (share == 1) memcpy(average, params_of(now, piece), piece->count * sizeof *average);
        else move_average(params_of(now, piece), average, piece->count, share);
    }
}

/* Whether anything follows a fused update. */
INLINE int is_followed(const struct update *u) {
    return u->shrinkage != 0 || u->radius != 0 || u->bounded_count > 0 || u->average;
}

/* Updates all parameters once their gradients are known, or, after a fused update, the rest. */
static void finish_update(
    const struct update *u, const struct rates *rates, int fused, struct member *me) {
    struct updating now = {.update = u, .rates = rates, .me = me};
    own_part(me, u->piece_count, 1, &now.first, &now.end);
    if (!fused) update_pieces(&now);
    if (u->kind == UPDATE_LAMB) take_scaled_steps(&now);
    if (u->shrinkage != 0)
        FOR_EACH_PIECE(&now, piece) {
            double lr = rates_for(u, rates, piece->lr_factor)->lr;
            if (piece->decays)
                shrink(params_of(&now, piece), piece->count, (real)(lr * u->shrinkage));
        }
    if (u->radius != 0) project(&now);
    if (u->bounded_count > 0) {
        wait_for_all(me); /* units are divided in another way than pieces */
        bound_units(&now);
        wait_for_all(me);
    }
    if (u->average && rates->average != 0) update_average(&now);
}

#endif
