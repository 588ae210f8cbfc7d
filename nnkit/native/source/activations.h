/* Activations: f(Z) in place, and dE/dZ = dE/dY ⊙ f′, with f′ computed from Y.
 *
 * The formulas are those of `nnkit/nn/activations.py`; `a` and `b` are the activation's settings.
 */
#ifndef NNKIT_ACTIVATIONS_H
#define NNKIT_ACTIVATIONS_H

#include "elementary.h"
#include "program.h"

/* x within [low, high]; NaN stays NaN. */
INLINE vec clipped(vec x, real low, real high) {
    x = choose(x < low, all(low), x);
    return choose(x > high, all(high), x);
}

INLINE vec at_least(vec x, real least) {
    return choose(x < least, all(least), x); /* NaN stays NaN */
}

INLINE vec positive_part(vec x) { return choose(x < 0, all(0), x); }

INLINE vec magnitude(vec x) { return choose(x < 0, -x, x); }

/* max(0, z) + factor · (e^(min(0, z) · slope) − 1) */
INLINE vec exponential_unit(vec z, real slope, real factor) {
    vec below = choose(z < 0, z * slope, z * 0);
    return choose(z > 0, z, exponential_minus_one(below) * factor);
}

INLINE vec activated(int64_t kind, real a, real b, vec z) {
    switch (kind) {
        case ACTIVATION_RELU: return positive_part(z);
        case ACTIVATION_RELU6: return clipped(z, 0, 6);
        case ACTIVATION_LEAKY_RELU: return choose(z > 0, z, z * a);
        case ACTIVATION_SIGMOID: return sigmoid(z);
        case ACTIVATION_HARD_SIGMOID: return clipped(z * a + (real)0.5, 0, 1);
        case ACTIVATION_TANH: return hyperbolic_tangent(z);
        case ACTIVATION_HARD_TANH: return clipped(z, a, b);
        case ACTIVATION_SCALED_TANH: return hyperbolic_tangent(z * b) * a;
        case ACTIVATION_ELU: return exponential_unit(z, 1, a);
        case ACTIVATION_SELU: return exponential_unit(z, 1, a) * b;
        case ACTIVATION_CELU: return exponential_unit(z, 1 / a, a);
        case ACTIVATION_SOFTSIGN: return z / (magnitude(z) + 1);
        case ACTIVATION_EXPONENTIAL: return exponential(z);
        default: return z;
    }
}

INLINE vec derivative(int64_t kind, real a, real b, vec y) {
    vec one = all(1), zero = all(0);
    switch (kind) {
        case ACTIVATION_RELU: return choose(y > 0, one, zero);
        case ACTIVATION_RELU6: return choose((y > 0) & (y < 6), one, zero);
        case ACTIVATION_LEAKY_RELU: return choose(y > 0, one, all(a));
        case ACTIVATION_SIGMOID: return (1 - y) * y;
        case ACTIVATION_HARD_SIGMOID: return choose((y > 0) & (y < 1), all(a), zero);
        case ACTIVATION_TANH: return 1 - y * y;
        case ACTIVATION_HARD_TANH: return choose((y > a) & (y < b), one, zero);
        case ACTIVATION_SCALED_TANH: return (a - y * y / a) * b;
        case ACTIVATION_ELU: return choose(y > 0, one, y + a);
        case ACTIVATION_SELU: return choose(y > 0, all(b), y + a * b);
        case ACTIVATION_CELU: return choose(y > 0, one, y / a + 1);
        case ACTIVATION_SOFTSIGN: return (1 - magnitude(y)) * (1 - magnitude(y));
        case ACTIVATION_EXPONENTIAL: return y;
        default: return one;
    }
}

/* Each activation gets a loop of its own, so that the choice is made once. */
#define FOR_ALL_ACTIVATIONS(M)                                                              \
    M(RELU) M(RELU6) M(LEAKY_RELU) M(SIGMOID) M(HARD_SIGMOID) M(TANH) M(HARD_TANH)          \
    M(SCALED_TANH) M(ELU) M(SELU) M(CELU) M(SOFTSIGN) M(EXPONENTIAL)

/* Applies a layer's activation to columns `first` to `end` of rows of Z. Rows start at multiples of
 * `row` and may be read and written up to there. */
static void activate(
    const struct layer *l, int64_t samples, int64_t first, int64_t end, real *Z, int64_t row) {
    real a = (real)l->a, b = (real)l->b;
#define ACTIVATE(KIND)                                                              \
    case ACTIVATION_##KIND:                                                         \
        for (int64_t n = 0; n < samples; n++)                                       \
            for (int64_t i = n * row + first; i < n * row + end; i += LANES)        \
                store(Z + i, activated(ACTIVATION_##KIND, a, b, load(Z + i)));      \
        break;
    switch (l->activation) { FOR_ALL_ACTIVATIONS(ACTIVATE) }
}

/* Turns dE/dY into dE/dZ, for rows `from` to `to`. */
static void activation_gradient(
    const struct layer *l, int64_t from, int64_t to, int64_t end, const real *Y, real *dY,
    int64_t row) {
    real a = (real)l->a, b = (real)l->b;
#define MULTIPLY_BY_DERIVATIVE(KIND)                                                \
    case ACTIVATION_##KIND:                                                         \
        for (int64_t n = from; n < to; n++)                                         \
            for (int64_t i = n * row; i < n * row + end; i += LANES)                \
                store(                                                              \
                    dY + i,                                                         \
                    load(dY + i) * derivative(ACTIVATION_##KIND, a, b, load(Y + i))); \
        break;
    switch (l->activation) { FOR_ALL_ACTIVATIONS(MULTIPLY_BY_DERIVATIVE) }
}

#endif
