/* Elementary functions of vectors: exp and tanh, to about one unit in the last place. */
#ifndef NNKIT_ELEMENTARY_H
#define NNKIT_ELEMENTARY_H

#include "vectors.h"

#if REAL_BITS == 32
#define ROUNDER 12582912.0f /* 1.5 · 2²³: adding it rounds to a whole number */
#define LEAST_EXPONENT -104.0f
#define LARGEST_EXPONENT 89.0f
#define LN2_HEAD 0.693359375f
#define LN2_REST -2.12194440e-4f
enum { EXPONENT_BIAS = 127, EXPONENT_SHIFT = 23, EXP_TERMS = 8 };
#else
#define ROUNDER 6755399441055744.0
#define LEAST_EXPONENT -746.0
#define LARGEST_EXPONENT 710.0
#define LN2_HEAD 6.93145751953125e-1
#define LN2_REST 1.42860682030941723212e-6
enum { EXPONENT_BIAS = 1023, EXPONENT_SHIFT = 52, EXP_TERMS = 14 };
#endif

INLINE vec power_of_two(mask n) { return (vec)((n + EXPONENT_BIAS) << EXPONENT_SHIFT); }

/* x = n ln 2 + r with |r| ≤ ½ ln 2: returns eʳ − 1 = r + r²/2! + r³/3! + …, and n. */
INLINE vec exp_of_rest(vec x, mask *n) {
    vec shifted = x * (real)1.4426950408889634 + ROUNDER;
    *n = (mask)shifted - (mask)all(ROUNDER);
    vec turns = shifted - ROUNDER;
    vec r = x - turns * LN2_HEAD - turns * LN2_REST, sum = all(1);
    for (int k = EXP_TERMS; k > 1; k--) sum = sum * r * (1 / (real)k) + 1;
    return sum * r;
}

INLINE vec within_range(vec x) { /* NaN stays NaN */
    x = choose(x < LEAST_EXPONENT, all(LEAST_EXPONENT), x);
    return choose(x > LARGEST_EXPONENT, all(LARGEST_EXPONENT), x);
}

INLINE vec exponential(vec x) {
    mask n;
    vec rest = exp_of_rest(within_range(x), &n) + 1;
    mask half = n >> 1; /* two factors, each within the range of exponents */
    return rest * power_of_two(half) * power_of_two(n - half);
}

/* eˣ − 1, which loses no digits near 0. */
INLINE vec exponential_minus_one(vec x) {
    mask n;
    vec rest = exp_of_rest(within_range(x), &n);
    mask half = n >> 1;
    vec first = power_of_two(half), second = power_of_two(n - half);
    return rest * first * second + (first * second - 1);
}

/* tanh |x| = −t/(2 + t) with t = e^(−2|x|) − 1, which loses no digits near 0. */
INLINE vec hyperbolic_tangent(vec x) {
    mask sign = (mask)x & (mask)all((real)-0.0);
    vec t = exponential_minus_one((vec)((mask)x ^ sign) * -2);
    return (vec)((mask)(-t / (t + 2)) | sign);
}

INLINE vec sigmoid(vec x) { return 1 / (exponential(-x) + 1); }

#endif
