/* The update of parameters whose gradients are still in registers, by the simplest rules. */
#ifndef NNKIT_UPDATE_H
#define NNKIT_UPDATE_H

#include "program.h"
#include "rules.h"

/* Whether gradients go from registers into the update: nothing looks at them in between. */
INLINE int is_fused(const struct update *u) {
    return u->kind <= UPDATE_ADAM && u->clipping == CLIP_NONE && u->l1 == 0;
}

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
        .keep = decays ? (real)(1 - own->lr * u->decay) : 1,
        .decay = decays ? (real)u->decay : 0,
        .l2 = decays ? (real)u->l2 : 0,
        .l1 = decays ? (real)u->l1 : 0};
    for (int i = 0; i < MOST_STATES; i++) rule.state[i] = u->state[i];
    return rule;
}

/* The same for a layer's parameters; stores their gradients if the step has no rates. */
INLINE struct rule rule_of(
    const struct program *p, const struct rates *rates, double lr_factor, int64_t decays) {
    if (!rates) return (struct rule){.kind = UPDATE_NONE};
    return rule_at(p->update, rates, lr_factor, decays);
}

/* Updates the parameters p[i …] from their gradient g, or stores g as it is. */
INLINE void update(const struct rule *rule, real *params, real *grads, int64_t i, vec g) {
    if (rule->kind == UPDATE_NONE) {
        store(grads + i, g);
        return;
    }
    vec p = load(params + i), s[2];
    if (rule->l2 != 0) g += p * rule->l2;
    p *= rule->keep;
    if (rule->kind == UPDATE_ADAM) {
        s[0] = load(rule->state[0] + i);
        s[1] = load(rule->state[1] + i);
        p = adam(rule, p, g, s);
        store(rule->state[0] + i, s[0]);
        store(rule->state[1] + i, s[1]);
    } else if (rule->kind == UPDATE_MOMENTUM) {
        s[0] = load(rule->state[0] + i);
        p = momentum(rule, p, g, s);
        store(rule->state[0] + i, s[0]);
    } else {
        p = sgd(rule, p, g, s);
    }
    store(params + i, p);
}

/* The same for the first `count` lanes; the lanes behind them belong to other parameters. */
static __attribute__((noinline)) void update_part(
    const struct rule *rule, real *params, real *grads, int64_t i, vec g, int64_t count) {
    if (rule->kind == UPDATE_NONE) {
        for (int64_t k = 0; k < count; k++) grads[i + k] = g[k];
        return;
    }
    real p[LANES] = {0}, state[2][LANES] = {{0}};
    struct rule own = *rule;
    for (int64_t k = 0; k < count; k++) p[k] = params[i + k];
    for (int s = 0; s < 2; s++) {
        own.state[s] = state[s];
        for (int64_t k = 0; rule->state[s] && k < count; k++) state[s][k] = rule->state[s][i + k];
    }
    update(&own, p, 0, 0, g);
    for (int64_t k = 0; k < count; k++) params[i + k] = p[k];
    for (int s = 0; s < 2; s++)
        for (int64_t k = 0; rule->state[s] && k < count; k++) rule->state[s][i + k] = state[s][k];
}

#endif
