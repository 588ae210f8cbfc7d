/* The functions of gates, σ and tanh, as fast as a step of a recurrent layer needs them.
 *
 * Both follow from eˣ − 1 by one division. Unlike in `elementary.h`, x is cut off where a single
 * factor 2ⁿ still represents eˣ, and sums are rounded once with their products.
 */
#ifndef NNKIT_GATE_FUNCTIONS_H
#define NNKIT_GATE_FUNCTIONS_H

#include "elementary.h"

#if REAL_BITS == 32
#define FARTHEST_SIGMOID 87
#define FARTHEST_TANH 10
static const real EXP_SERIES[] = {
    1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1,
};
#else
#define FARTHEST_SIGMOID 708
#define FARTHEST_TANH 20
static const real EXP_SERIES[] = {
    1.0 / 87178291200, 1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
    1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1,
};
#endif

/* eˣ − 1 = 2ⁿ (eʳ − 1) + 2ⁿ − 1 for x = n ln 2 + r, within the range of 2ⁿ. Writes 2ⁿ. */
INLINE vec exponential_less_power(vec x, vec *power) {
    enum { TERMS = sizeof EXP_SERIES / sizeof *EXP_SERIES };
    vec shifted = multiply_add(x, all((real)1.4426950408889634), all(ROUNDER));
    vec turns = shifted - ROUNDER;
    vec r = multiply_add(turns, all(-LN2_HEAD), x);
    r = multiply_add(turns, all(-LN2_REST), r);
    *power = (vec)(((mask)shifted << EXPONENT_SHIFT) + (mask)all(1));
    vec sum = all(EXP_SERIES[0]);
    UNROLLED for (int k = 1; k < TERMS; k++) sum = multiply_add(sum, r, all(EXP_SERIES[k]));
    return sum * r;
}

/* x within ±limit; NaN stays NaN. */
INLINE vec within(vec x, real limit) { return greater(all(-limit), lesser(all(limit), x)); }

/* σ(x) = 1/(1 + e⁻ˣ) */
INLINE vec gate_sigmoid(vec x) {
    vec power, rest = exponential_less_power(within(-x, FARTHEST_SIGMOID), &power);
    return 1 / (multiply_add(rest, power, power) + 1);
}

/* tanh x = t/(t + 2) with t = e²ˣ − 1, which loses no digits near 0. */
INLINE vec gate_tanh(vec x) {
    vec power, rest = exponential_less_power(within(x, FARTHEST_TANH) * 2, &power);
    vec t = multiply_add(rest, power, power - 1);
    return t / (t + 2);
}

/* The derivatives of σ and tanh, from their values. */
INLINE vec sigmoid_slope(vec y) { return (1 - y) * y; }
INLINE vec tanh_slope(vec y) { return 1 - y * y; }

#endif
