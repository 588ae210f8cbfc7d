/* Activations: f(Z) in place, and dE/dZ = dE/dY ⊙ f′, with f′ computed from Y if possible.
 *
 * The formulas are those of `nnkit/nn/activations/`; `a`, `b` and `c` are the activation's settings.
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

/* The distribution function Φ(z) of GELU, or its approximation, and the derivative of that. */
INLINE vec normal_distribution(int64_t kind, vec z, vec *density) {
    if (kind == ACTIVATION_GELU) {
        *density = exponential(z * z * (real)-0.5) * (real)0.3989422804014327; /* 1/√(2π) */
        return (error_function(z * (real)0.7071067811865476) + 1) * (real)0.5;
    }
    z = clipped(z, -1000, 1000); /* so that the cube does not overflow */
    const real c = (real)0.7978845608028654, d = (real)0.044715; /* √(2/π) */
    vec t = hyperbolic_tangent((z + z * z * z * d) * c);
    *density = (1 - t * t) * (real)0.5 * ((z * z * (3 * d) + 1) * c);
    return (t + 1) * (real)0.5;
}

INLINE vec activated(int64_t kind, real a, real b, real c, vec z) {
    vec density;
    switch (kind) {
        case ACTIVATION_RELU: return positive_part(z);
        case ACTIVATION_LEAKY_RELU: return choose(z > 0, z, z * a);
        case ACTIVATION_SIGMOID: return sigmoid(z);
        case ACTIVATION_HARD_SIGMOID: return clipped(z * a + (real)0.5, 0, 1);
        case ACTIVATION_CLIP: return clipped(z, a, b);
        case ACTIVATION_TANH: return hyperbolic_tangent(z * b) * a;
        case ACTIVATION_ELU: /* c · z above 0, c · a (e^(b z) − 1) below */
            return choose(z > 0, z, exponential_minus_one(choose(z < 0, z * b, z * 0)) * a) * c;
        case ACTIVATION_SOFTSIGN: return z / (magnitude(z) + 1);
        case ACTIVATION_EXPONENTIAL: return exponential(z);
        case ACTIVATION_GELU:
        case ACTIVATION_GELU_TANH: return z * normal_distribution(kind, z, &density);
        case ACTIVATION_SILU: return z * sigmoid(z * a);
        case ACTIVATION_MISH: return z * hyperbolic_tangent(softplus(z));
        case ACTIVATION_SOFTPLUS: return softplus(z * a) / a;
        case ACTIVATION_HARD_SWISH: return z * clipped(z / 6 + (real)0.5, 0, 1);
        default: return z;
    }
}

INLINE vec derivative(int64_t kind, real a, real b, real c, vec y) {
    vec one = all(1), zero = all(0);
    switch (kind) {
        case ACTIVATION_RELU: return choose(y > 0, one, zero);
        case ACTIVATION_LEAKY_RELU: return choose(y > 0, one, all(a));
        case ACTIVATION_SIGMOID: return (1 - y) * y;
        case ACTIVATION_HARD_SIGMOID: return choose((y > 0) & (y < 1), all(a), zero);
        case ACTIVATION_CLIP: return choose((y > a) & (y < b), one, zero);
        case ACTIVATION_TANH: return (a - y * y / a) * b;
        case ACTIVATION_ELU: return choose(y > 0, all(c), (y + a * c) * b);
        case ACTIVATION_SOFTSIGN: return (1 - magnitude(y)) * (1 - magnitude(y));
        case ACTIVATION_EXPONENTIAL: return y;
        default: return one;
    }
}

/* f′ of the other activations, computed from z. */
INLINE vec derivative_at(int64_t kind, real a, vec z) {
    vec density, s, t;
    switch (kind) {
        case ACTIVATION_GELU:
        case ACTIVATION_GELU_TANH:
            t = normal_distribution(kind, z, &density);
            return z * density + t;
        case ACTIVATION_SILU:
            s = sigmoid(z * a);
            return ((1 - s) * (z * a) + 1) * s;
        case ACTIVATION_MISH:
            t = hyperbolic_tangent(softplus(z));
            return (1 - t * t) * sigmoid(z) * z + t;
        case ACTIVATION_SOFTPLUS: return sigmoid(z * a);
        case ACTIVATION_HARD_SWISH:
            return choose(z <= -3, all(0), choose(z >= 3, all(1), z / 3 + (real)0.5));
        default: return all(1);
    }
}

/* Each activation gets a loop of its own, so that the choice is made once. */
#define FOR_ACTIVATIONS_OF_Y(M) \
    M(RELU) M(LEAKY_RELU) M(SIGMOID) M(HARD_SIGMOID) M(CLIP) M(TANH) M(ELU) M(SOFTSIGN) M(EXPONENTIAL)
#define FOR_ACTIVATIONS_OF_Z(M) M(GELU) M(GELU_TANH) M(SILU) M(MISH) M(SOFTPLUS) M(HARD_SWISH)

/* Applies a layer's activation to columns `first` to `end` of rows of Z. Rows start at multiples of
 * `row` and may be read and written up to there. */
SINGLE void activate(
    const struct layer *l, int64_t samples, int64_t first, int64_t end, real *Z, int64_t row) {
    real a = (real)l->a, b = (real)l->b, c = (real)l->c;
#define ACTIVATE(KIND)                                                              \
    case ACTIVATION_##KIND:                                                         \
        for (int64_t n = 0; n < samples; n++)                                       \
            for (int64_t i = n * row + first; i < n * row + end; i += LANES)        \
                store(Z + i, activated(ACTIVATION_##KIND, a, b, c, load(Z + i)));      \
        break;
    switch (l->activation) { FOR_ACTIVATIONS_OF_Y(ACTIVATE) FOR_ACTIVATIONS_OF_Z(ACTIVATE) }
}

/* Turns dE/dY into dE/dZ, for rows `from` to `to`, if Y is enough to do so. */
SINGLE void activation_gradient(
    const struct layer *l, int64_t from, int64_t to, int64_t end, const real *Y, real *dY,
    int64_t row) {
    real a = (real)l->a, b = (real)l->b, c = (real)l->c;
#define MULTIPLY_BY_DERIVATIVE(KIND)                                                \
    case ACTIVATION_##KIND:                                                         \
        for (int64_t n = from; n < to; n++)                                         \
            for (int64_t i = n * row; i < n * row + end; i += LANES)                \
                store(                                                              \
                    dY + i,                                                         \
                    load(dY + i) * derivative(ACTIVATION_##KIND, a, b, c, load(Y + i))); \
        break;
    switch (l->activation) { FOR_ACTIVATIONS_OF_Y(MULTIPLY_BY_DERIVATIVE) }
}

/* dE/dZ of an activation that needs Z; for others, the gradient is dE/dZ already. */
SINGLE void times_derivative(
    const struct layer *l, int64_t count, const real *Z, const real *dY, real *dZ) {
    real a = (real)l->a;
#define MULTIPLY_BY_DERIVATIVE_AT(KIND)                                             \
    case ACTIVATION_##KIND:                                                         \
        for (int64_t i = 0; i < count; i += LANES)                                  \
            store(dZ + i, load(dY + i) * derivative_at(ACTIVATION_##KIND, a, load(Z + i))); \
        break;
    switch (l->activation) {
        FOR_ACTIVATIONS_OF_Z(MULTIPLY_BY_DERIVATIVE_AT)
        default: memcpy(dZ, dY, count * sizeof *dZ);
    }
}

#endif
