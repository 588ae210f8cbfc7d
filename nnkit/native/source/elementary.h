/* Elementary functions of vectors: exp and tanh to about one unit in the last place, logarithm and
 * error function to a few. */
#ifndef NNKIT_ELEMENTARY_H
#define NNKIT_ELEMENTARY_H

#include "vectors.h"

#if REAL_BITS == 32
#define ROUNDER 12582912.0f /* 1.5 · 2²³: adding it rounds to a whole number */
#define LEAST_EXPONENT -104.0f
#define LARGEST_EXPONENT 89.0f
#define LN2_HEAD 0.693359375f
#define LN2_REST -2.12194440e-4f
enum { EXPONENT_BIAS = 127, EXPONENT_SHIFT = 23, EXP_TERMS = 8, ATANH_TERMS = 8 };
#else
#define ROUNDER 6755399441055744.0
#define LEAST_EXPONENT -746.0
#define LARGEST_EXPONENT 710.0
#define LN2_HEAD 6.93145751953125e-1
#define LN2_REST 1.42860682030941723212e-6
enum { EXPONENT_BIAS = 1023, EXPONENT_SHIFT = 52, EXP_TERMS = 14, ATANH_TERMS = 17 };
#endif

INLINE vec power_of_two(mask n) { return (vec)((n + EXPONENT_BIAS) << EXPONENT_SHIFT); }

/* x = n ln 2 + r with |r| ≤ ½ ln 2: returns eʳ − 1 = r + r²/2! + r³/3! + …, and n. */
INLINE vec exp_of_rest(vec x, mask *n) {
    vec shifted = x * (real)1.4426950408889634 + ROUNDER;
    *n = (mask)shifted - (mask)all(ROUNDER);
    vec turns = shifted - ROUNDER;
    vec r = x - turns * LN2_HEAD - turns * LN2_REST, sum = all(1);
    UNROLLED for (int k = EXP_TERMS; k > 1; k--) sum = sum * r * (1 / (real)k) + 1;
    return sum * r;
}

/* One copy, rather than one for each use, in the variants that are kept small. */
#if REAL_BITS == 64 || defined(__OPTIMIZE_SIZE__)
#define EXPONENTIAL SINGLE
#else
#define EXPONENTIAL INLINE
#endif

INLINE vec within_range(vec x) { /* NaN stays NaN */
    return greater(all(LEAST_EXPONENT), lesser(all(LARGEST_EXPONENT), x));
}

EXPONENTIAL vec exponential(vec x) {
    mask n;
    vec rest = exp_of_rest(within_range(x), &n) + 1;
    mask half = n >> 1; /* two factors, each within the range of exponents */
    return rest * power_of_two(half) * power_of_two(n - half);
}

/* eˣ − 1, which loses no digits near 0. */
EXPONENTIAL vec exponential_minus_one(vec x) {
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

INLINE vec magnitude(vec x) { return (vec)((mask)x & ~(mask)all((real)-0.0)); }

/* ln(1 + t) = 2 artanh s = 2 (s + s³/3 + s⁵/5 + …) with s = t/(2 + t) ≤ ⅓, for 0 ≤ t ≤ 1. */
INLINE vec log_of_one_plus(vec t) {
    vec s = t / (t + 2), square = s * s, sum = all(0);
    UNROLLED for (int k = ATANH_TERMS; k > 0; k--)
        sum = (sum + 1 / (real)(2 * k + 1)) * square;
    return (sum * s + s) * 2;
}

/* ln(1 + eˣ) */
INLINE vec softplus(vec x) {
    return choose(x < 0, x * 0, x) + log_of_one_plus(exponential(-magnitude(x)));
}

/* (1 + 2x) e^(x²) erfc x as a Chebyshev series in (x − K)/(x + K), for x ≥ 0 (Shepherd & Laframboise
 * 1981); the coefficients are those of `nnkit/nn/special.py`. */
#define ERFC_CENTRE (real)3.75
#define ERFC_FARTHEST (real)6
static const real ERFC_SERIES[] = {
#if REAL_BITS == 32
    1.17757893f, -0.00459005458f, -0.0842491334f, 0.05920994f, -0.0266586684f, 0.00907499767f,
    -0.00241316354f, 0.000490775836f, -6.91697617e-05f, 4.13909117e-06f, 7.74813746e-07f,
    -2.2338597e-07f,
#else
    1.1775789345674013, -0.0045900545806473389, -0.084249133366517862, 0.05920993999819317,
    -0.026658668435303699, 0.0090749976707061968, -0.0024131635404180769, 0.00049077583652362006,
    -6.9169733026196601e-05, 4.1390279866757029e-06, 7.740383088437712e-07,
    -2.1886400900644754e-07, 1.0764999750553089e-08, 4.5219586478073559e-09,
    -7.7544044622956942e-10, -6.3180960463427027e-11, 2.8689828290850983e-11,
    1.9528823003156504e-13, -9.6331449761510868e-13, 3.2578106878844437e-14,
    3.4455945041589331e-14, -1.9845236565174673e-15,
#endif
};

INLINE vec error_function(vec x) {
    enum { LAST_OF_SERIES = sizeof ERFC_SERIES / sizeof *ERFC_SERIES - 1 };
    mask sign = (mask)x & (mask)all((real)-0.0);
    vec size = (vec)((mask)x ^ sign);
    size = choose(size > ERFC_FARTHEST, all(ERFC_FARTHEST), size);
    vec t = (size - ERFC_CENTRE) / (size + ERFC_CENTRE), sum = all(0), before = all(0);
    UNROLLED for (int k = LAST_OF_SERIES; k > 0; k--) { /* Clenshaw's recurrence */
        vec next = t * sum * 2 - before + ERFC_SERIES[k];
        before = sum;
        sum = next;
    }
    vec series = t * sum - before + ERFC_SERIES[0];
    vec tail = series * exponential(-(size * size)) / (size * 2 + 1);
    return (vec)((mask)(1 - tail) | sign);
}

#endif
