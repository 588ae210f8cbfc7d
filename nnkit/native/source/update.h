/* The update of neighbouring parameters from their gradients in memory.
 *
 *     g ← g + l2 · p + l1 · sign(p)     penalties
 *     g ← clipped g                     if it is clipped number by number
 *     p ← (1 - lr · decay) · p          decoupled weight decay
 *     p ← a step by the optimizer's rule
 *
 * Layers call it for a few parameters at a time, which are still in the cache. What needs all
 * gradients, or follows the step, is in `update_pass.h`.
 */
#ifndef NNKIT_UPDATE_H
#define NNKIT_UPDATE_H

#include "program.h"
#include "rules.h"

INLINE int clips_norms(const struct update *u) {
    return u->clipping == CLIP_NORM || u->clipping == CLIP_GLOBAL_NORM;
}

/* Whether parameters can be updated before all gradients are known. */
INLINE int is_local(const struct update *u) { return u->kind != UPDATE_LAMB && !clips_norms(u); }

/* The scalars of a step for a factor on the learning rate. */
INLINE const struct rates *rates_for(
    const struct update *u, const struct rates *rates, double lr_factor) {
    int64_t i = 0;
    while (i < u->factor_count - 1 && u->factors[i] != lr_factor) i++;
    return rates + i;
}

/* The settings of parameters' update at a step. */
INLINE struct rule rule_at(
    const struct update *u, const struct rates *rates, double lr_factor, int64_t decays) {
    const struct rates *own = rates_for(u, rates, lr_factor);
    struct rule rule = {
        .kind = u->kind, .a = (real)own->a, .b = (real)own->b, .c = (real)own->c,
        .beta1 = (real)u->beta1, .beta2 = (real)u->beta2, .momentum = (real)u->momentum,
        .eps = (real)u->eps, .rest1 = (real)(1 - u->beta1), .rest2 = (real)(1 - u->beta2),
        .keep = decays && u->kind != UPDATE_LAMB ? (real)(1 - own->lr * u->decay) : 1,
        .decay = decays ? (real)u->decay : 0};
    for (int i = 0; i < MOST_STATES; i++) rule.state[i] = u->state[i];
    return rule;
}

/* Adds the gradients of the penalties. */
static __attribute__((noinline)) void add_penalties(
    const real *restrict params, real *restrict grads, int64_t count, real l2, real l1) {
    if (l2 != 0)
        for (int64_t i = 0; i < count; i++) grads[i] += params[i] * l2;
    if (l1 != 0)
        for (int64_t i = 0; i < count; i++)
            grads[i] += (real)((params[i] > 0) - (params[i] < 0)) * l1;
}

/* Clips each number. */
static __attribute__((noinline)) void clip_values(real *grads, int64_t count, real limit) {
    for (int64_t i = 0; i < count; i++) { /* NaN stays NaN */
        grads[i] = grads[i] > limit ? limit : grads[i];
        grads[i] = grads[i] < -limit ? -limit : grads[i];
    }
}

/* Updates `count` parameters from the one at `first` on. */
static __attribute__((noinline)) void update_parameters(
    const struct update *u, const struct rates *rates, double lr_factor, int64_t decays,
    int64_t first, int64_t count) {
    struct rule rule = rule_at(u, rates, lr_factor, decays);
    real *params = (real *)u->params + first, *grads = (real *)u->grads + first;
    if (decays) add_penalties(params, grads, count, (real)u->l2, (real)u->l1);
    if (u->clipping == CLIP_VALUE) clip_values(grads, count, (real)u->limit);
    void *to = u->kind == UPDATE_LAMB ? u->grads : u->params;
    take_steps(rule, u->params, u->grads, to, first, count);
}

/* Updates parameters of a layer whose gradients have just been computed; keeps the gradients if the
 * update has to wait for others, or if there is none. */
INLINE void use_gradients(
    const struct program *p, const struct layer *l, const struct rates *rates, int64_t decays,
    int64_t first, int64_t count) {
    if (rates) update_parameters(p->update, rates, l->lr_factor, decays, first, count);
}

#endif
