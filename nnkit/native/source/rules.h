/* The optimizers' rules: the parameters p after a step along the gradient g.
 *
 * The same operations, in the same order, as `nnkit/optim/optimizers/`, so that both give the same
 * bits. `s` is the optimizer's state, which is updated.
 */
#ifndef NNKIT_RULES_H
#define NNKIT_RULES_H

#include "optimizer.h"
#include "vectors.h"

/* How parameters are updated at a step: vectors, and settings that are the same for neighbours. */
struct rule {
    int64_t kind;
    real *params, *to;        /* where parameters are read and written */
    real *state[MOST_STATES]; /* NULL where the optimizer has fewer vectors */
    real a, b, c;             /* scalars of the rule at this step */
    real beta1, beta2, momentum, eps;
    real rest1, rest2;        /* 1 - beta1, 1 - beta2 */
    real l2;                  /* of the penalty, part of the gradient */
    real keep;                /* factor of decoupled weight decay, 1 - lr · decay */
    real decay;               /* LAMB's, which is part of the step */
};

/* The larger of two numbers, as `numpy.maximum`: NaN if one of them is. */
INLINE vec maximum(vec x, vec y) { return choose((x >= y) | (x != x), x, y); }

INLINE vec absolute(vec x) { return (vec)((mask)x & ~(mask)all((real)-0.0)); }

INLINE vec sign_of(vec x) { return choose(x > 0, all(1), choose(x < 0, all(-1), x)); }

/* a is the learning rate. */
INLINE vec sgd(const struct rule *r, vec p, vec g, vec *s) {
    (void)s;
    return p - g * r->a;
}

/* a is the learning rate; s is the velocity. */
INLINE vec momentum(const struct rule *r, vec p, vec g, vec *s) {
    s[0] = s[0] * r->momentum + g;
    return p - s[0] * r->a;
}

/* b and c are factors on the gradient: the learning rate inside the velocity, and 1 - dampening. */
INLINE vec damped_momentum(const struct rule *r, vec p, vec g, vec *s) {
    return momentum(r, p, g * r->b * r->c, s);
}

/* b is the learning rate inside the velocity, c is a · momentum. */
INLINE vec nesterov(const struct rule *r, vec p, vec g, vec *s) {
    g *= r->b;
    s[0] = s[0] * r->momentum + g;
    return p - g * r->a - s[0] * r->c;
}

/* a is the learning rate; s is Σg². */
INLINE vec adagrad(const struct rule *r, vec p, vec g, vec *s) {
    s[0] += g * g;
    return p - g * r->a / (root(s[0]) + r->eps);
}

/* a is the learning rate; s holds the running means of g² and of squared steps. */
INLINE vec adadelta(const struct rule *r, vec p, vec g, vec *s) {
    s[0] = s[0] * r->beta2 + g * g * r->rest2;
    vec step = g * (root(s[1] + r->eps) / root(s[0] + r->eps));
    s[1] = s[1] * r->beta2 + step * step * r->rest2;
    return p - step * r->a;
}

INLINE vec rmsprop_step(const struct rule *r, vec g, vec *s, int centered) {
    s[0] = s[0] * r->beta2 + g * g * r->rest2;
    vec variance = s[0];
    if (centered) {
        s[1] = s[1] * r->beta2 + g * r->rest2;
        variance = maximum(s[0] - s[1] * s[1], all(0));
    }
    return g / (root(variance) + r->eps);
}

/* a is the learning rate; s holds running means of g² and, if centered, of g, then the velocity. */
INLINE vec rmsprop(const struct rule *r, vec p, vec g, vec *s) {
    return p - rmsprop_step(r, g, s, 0) * r->a;
}

INLINE vec rmsprop_momentum(const struct rule *r, vec p, vec g, vec *s) {
    return momentum(r, p, rmsprop_step(r, g, s, 0), s + 1);
}

INLINE vec centered_rmsprop(const struct rule *r, vec p, vec g, vec *s) {
    return p - rmsprop_step(r, g, s, 1) * r->a;
}

INLINE vec centered_rmsprop_momentum(const struct rule *r, vec p, vec g, vec *s) {
    return momentum(r, p, rmsprop_step(r, g, s, 1), s + 2);
}

/* a is the factor of the step, b is ε; s holds M = m/(1 - β₁) and V = v/(1 - β₂). */
INLINE vec adam(const struct rule *r, vec p, vec g, vec *s) {
    s[0] = s[0] * r->beta1 + g;
    s[1] = s[1] * r->beta2 + g * g;
    return p - s[0] / (root(s[1]) + r->b) * r->a;
}

INLINE vec amsgrad(const struct rule *r, vec p, vec g, vec *s) {
    s[0] = s[0] * r->beta1 + g;
    s[1] = s[1] * r->beta2 + g * g;
    s[2] = maximum(s[2], s[1]);
    return p - s[0] / (root(s[2]) + r->b) * r->a;
}

/* a is the factor of the step; s holds m and u. */
INLINE vec adamax(const struct rule *r, vec p, vec g, vec *s) {
    s[0] = s[0] * r->beta1 + g * r->rest1;
    s[1] = maximum(s[1] * r->beta2, absolute(g) + r->eps);
    return p - s[0] / s[1] * r->a;
}

INLINE void running_moments(const struct rule *r, vec g, vec *s) {
    s[0] = s[0] * r->beta1 + g * r->rest1;
    s[1] = s[1] * r->beta2 + g * g * r->rest2;
}

/* a and b are the factors of the gradient and of m, c is 1 - β₂ᵗ; s holds m and v. */
INLINE vec nadam(const struct rule *r, vec p, vec g, vec *s) {
    running_moments(r, g, s);
    return p - (g * r->a + s[0] * r->b) / (root(s[1] / r->c) + r->eps);
}

/* a is the factor of the step, c tells whether v is reliable; s holds m and v. */
INLINE vec radam(const struct rule *r, vec p, vec g, vec *s) {
    running_moments(r, g, s);
    vec step = s[0] * r->a;
    return p - (r->c != 0 ? step / (root(s[1]) + r->eps) : step);
}

/* a is the learning rate; s is m. */
INLINE vec lion(const struct rule *r, vec p, vec g, vec *s) {
    vec direction = sign_of(s[0] * r->beta1 + g * r->rest1);
    s[0] = s[0] * r->beta2 + g * r->rest2;
    return p - direction * r->a;
}

/* The step before it is scaled; b and c are 1 - β₁ᵗ and 1 - β₂ᵗ; s holds m and v. */
INLINE vec lamb(const struct rule *r, vec p, vec g, vec *s) {
    running_moments(r, g, s);
    return s[0] / r->b / (root(s[1] / r->c) + r->eps) + p * r->decay;
}

/* Steps for rows of `count` parameters, a multiple of the lanes.
 *
 * The first is the one at `place`; rows are `step` numbers apart, those of gradients `grads_step`.
 */
#define STEPS(name, states)                                                                   \
    static void name##_steps(                                                                 \
        const struct rule *rule, int64_t place, int64_t rows, int64_t step, int64_t count,    \
        const real *grads, int64_t grads_step) {                                              \
        const struct rule own = *rule; /* no store can change it */                           \
        for (int64_t row = 0; row < rows; row++, place += step, grads += grads_step)          \
            for (int64_t i = 0; i < count; i += LANES) {                                      \
                vec s[states + 1], p = load(own.params + place + i), g = load(grads + i);     \
                UNROLLED for (int k = 0; k < states; k++)                                     \
                    s[k] = load(own.state[k] + place + i);                                    \
                if (own.l2 != 0) g += p * own.l2;                                             \
                store(own.to + place + i, name(&own, p * own.keep, g, s));                    \
                UNROLLED for (int k = 0; k < states; k++)                                     \
                    store(own.state[k] + place + i, s[k]);                                    \
            }                                                                                 \
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
    const struct rule *, int64_t, int64_t, int64_t, int64_t, const real *, int64_t) = {
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

/* Asks for the parameters of a step, and for the optimizer's state, which may be far away. */
INLINE void prefetch_step(
    const struct rule *rule, int64_t place, int64_t rows, int64_t step, int64_t count) {
    for (int64_t row = 0; row < rows; row++, place += step)
        for (int64_t i = 0; i < count; i += LANES) {
            __builtin_prefetch(rule->params + place + i, 1);
            for (int k = 0; k < MOST_STATES && rule->state[k]; k++)
                __builtin_prefetch(rule->state[k] + place + i, 1);
        }
}

/* Steps for fewer parameters than a vector has lanes, which are copied. */
static __attribute__((noinline)) void take_last_step(
    const struct rule *rule, int64_t place, int64_t count, const real *grads) {
    size_t size = count * sizeof *grads;
    real p[LANES] = {0}, g[LANES] = {0}, state[MOST_STATES][LANES] = {{0}};
    struct rule own = *rule;
    own.params = own.to = p;
    memcpy(p, rule->params + place, size);
    memcpy(g, grads, size);
    for (int k = 0; k < MOST_STATES; k++) {
        if (rule->state[k]) memcpy(state[k], rule->state[k] + place, size);
        own.state[k] = state[k];
    }
    RULE_STEPS[rule->kind](&own, 0, 1, 0, LANES, g, 0);
    memcpy(rule->to + place, p, size);
    for (int k = 0; k < MOST_STATES; k++)
        if (rule->state[k]) memcpy(rule->state[k] + place, state[k], size);
}

/* Steps for any number of parameters. */
static void take_steps(
    const struct rule *rule, int64_t place, int64_t count, const real *grads) {
    int64_t whole = count / LANES * LANES;
    RULE_STEPS[rule->kind](rule, place, 1, 0, whole, grads, 0);
    if (whole < count) take_last_step(rule, place + whole, count - whole, grads + whole);
}

#endif
