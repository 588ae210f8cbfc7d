/* The update of a layer's parameters as soon as their gradients are known.
 *
 *     g ← g + l2 · p              penalty
 *     p ← (1 - lr · decay) · p    decoupled weight decay
 *     p ← a step by the optimizer's rule
 *
 * What needs all gradients is in `update_pass.h`, what follows the step in `constraints.h`.
 */
#ifndef NNKIT_UPDATE_H
#define NNKIT_UPDATE_H

#include "program.h"
#include "rules.h"

/* Whether parameters can be updated before all gradients are known. */
INLINE int is_local(const struct update *u) {
    return u->kind != UPDATE_LAMB && u->clipping == CLIP_NONE && u->l1 == 0;
}

/* The scalars of a step for a factor on the learning rate. */
INLINE const struct rates *rates_for(
    const struct update *u, const struct rates *rates, double lr_factor) {
    int64_t i = 0;
    while (i < u->factor_count - 1 && u->factors[i] != lr_factor) i++;
    return rates + i;
}

/* How parameters with the same settings are updated at a step. */
static __attribute__((noinline)) struct rule rule_at(
    const struct update *u, const struct rates *rates, double lr_factor, int64_t decays) {
    const struct rates *own = rates_for(u, rates, lr_factor);
    double decay = decays ? u->decay : 0;
    int is_lamb = u->kind == UPDATE_LAMB; /* its steps replace the gradients, to be scaled */
    struct rule rule = {
        .kind = u->kind, .params = u->params, .to = is_lamb ? u->grads : u->params,
        .a = (real)own->a, .b = (real)own->b, .c = (real)own->c,
        .beta1 = (real)u->beta1, .beta2 = (real)u->beta2, .momentum = (real)u->momentum,
        .eps = (real)u->eps, .rest1 = (real)(1 - u->beta1), .rest2 = (real)(1 - u->beta2),
        .l2 = decays ? (real)u->l2 : 0,
        .keep = is_lamb ? 1 : (real)(1 - own->lr * decay),
        .decay = (real)decay};
    for (int i = 0; i < MOST_STATES; i++) rule.state[i] = u->state[i];
    return rule;
}

/* Updates parameters of a layer whose gradients are in memory, unless the step has no rates. */
static void update_parameters(
    const struct program *p, const struct layer *l, const struct rates *rates, int64_t decays,
    int64_t place, int64_t count) {
    if (!rates) return;
    struct rule rule = rule_at(p->update, rates, l->lr_factor, decays);
    take_steps(&rule, place, count, (const real *)p->grads + place);
}

#endif
