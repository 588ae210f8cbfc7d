/* Activations: f(Z) in place, and dE/dZ = dE/dY ⊙ f′, computed from Y, in place. */
#ifndef NNKIT_ACTIVATIONS_H
#define NNKIT_ACTIVATIONS_H

#include "elementary.h"
#include "program.h"

INLINE vec activated(int64_t kind, vec z) {
    switch (kind) {
        case ACTIVATION_RELU: return choose(z < 0, all(0), z); /* NaN stays NaN */
        case ACTIVATION_SIGMOID: return sigmoid(z);
        case ACTIVATION_TANH: return hyperbolic_tangent(z);
        default: return z;
    }
}

INLINE vec derivative(int64_t kind, vec y) {
    switch (kind) {
        case ACTIVATION_RELU: return choose(y > 0, all(1), all(0));
        case ACTIVATION_SIGMOID: return (1 - y) * y;
        case ACTIVATION_TANH: return 1 - y * y;
        default: return all(1);
    }
}

/* Both for columns `first` to `end` of rows, which start at multiples of `row` and may be read and
 * written up to there. */
static void activate(
    int64_t kind, int64_t samples, int64_t first, int64_t end, real *Z, int64_t row) {
    if (kind == ACTIVATION_IDENTITY) return;
    for (int64_t n = 0; n < samples; n++)
        for (int64_t i = n * row + first; i < n * row + end; i += LANES)
            store(Z + i, activated(kind, load(Z + i)));
}

static void activation_gradient(
    int64_t kind, int64_t from, int64_t to, int64_t end, const real *Y, real *dY, int64_t row) {
    if (kind == ACTIVATION_IDENTITY) return;
    for (int64_t n = from; n < to; n++)
        for (int64_t i = n * row; i < n * row + end; i += LANES)
            store(dY + i, load(dY + i) * derivative(kind, load(Y + i)));
}

#endif
