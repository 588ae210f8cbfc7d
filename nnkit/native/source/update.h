/* The optimizer's update of parameters, from gradients that are still in registers.
 *
 * The same operations, in the same order, as `nnkit/optim/optimizers.py` and
 * `nnkit/optim/regularization.py`.
 */
#ifndef NNKIT_UPDATE_H
#define NNKIT_UPDATE_H

#include "program.h"
#include "vectors.h"

/* The settings of an update of one block, the same for all its parameters. */
struct rule {
    int64_t kind;
    real rate, beta1, beta2, eps, momentum; /* scalars of the optimizer */
    real keep;                              /* factor of decoupled weight decay, 1 - lr * decay */
    real l2;                                /* strength of the L2 penalty */
    real *first, *second;                   /* the optimizer's state of this block */
};

/* The update of one block of parameters at a step; stores gradients if there is no update. */
INLINE struct rule rule_of(
    const struct program *p, const struct rates *rates, double lr_factor, int64_t decays) {
    struct rule rule = {.kind = UPDATE_NONE};
    if (!rates) return rule;
    rule.kind = p->update;
    rule.rate = (real)(rates->rate * lr_factor);
    rule.eps = (real)rates->eps;
    rule.beta1 = (real)p->beta1;
    rule.beta2 = (real)p->beta2;
    rule.momentum = (real)p->momentum;
    rule.keep = decays ? (real)(1 - rates->lr * lr_factor * p->decay) : 1;
    rule.l2 = decays ? (real)p->l2 : 0;
    rule.first = p->first;
    rule.second = p->second;
    return rule;
}

/* Updates the parameters p[i …] from their gradient g, or stores g as it is. */
INLINE void update(const struct rule *rule, real *params, real *grads, int64_t i, vec g) {
    if (rule->kind == UPDATE_NONE) {
        store(grads + i, g);
        return;
    }
    vec p = load(params + i);
    if (rule->l2 != 0) g += p * rule->l2;
    p *= rule->keep;
    if (rule->kind == UPDATE_ADAM) {
        vec m = load(rule->first + i) * rule->beta1 + g;
        vec v = load(rule->second + i) * rule->beta2 + g * g;
        store(rule->first + i, m);
        store(rule->second + i, v);
        p -= m / (root(v) + rule->eps) * rule->rate;
    } else if (rule->kind == UPDATE_MOMENTUM) {
        vec v = load(rule->first + i) * rule->momentum + g;
        store(rule->first + i, v);
        p -= v * rule->rate;
    } else {
        p -= g * rule->rate;
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
    real p[LANES] = {0}, m[LANES] = {0}, v[LANES] = {0};
    for (int64_t k = 0; k < count; k++) {
        p[k] = params[i + k];
        if (rule->first) m[k] = rule->first[i + k];
        if (rule->second) v[k] = rule->second[i + k];
    }
    struct rule own = *rule;
    own.first = m;
    own.second = v;
    update(&own, p, 0, 0, g);
    for (int64_t k = 0; k < count; k++) {
        params[i + k] = p[k];
        if (rule->first) rule->first[i + k] = m[k];
        if (rule->second) rule->second[i + k] = v[k];
    }
}

#endif
