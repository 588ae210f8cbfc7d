/* Vectors of numbers, as wide as the registers of the instruction set that is compiled for.
 *
 * A variant is compiled with -DREAL_BITS=32 or 64 and -DVECTOR_BYTES=16, 32 or 64. Apart from
 * products and roots, only GCC's and Clang's vector extensions are used, so the same source serves
 * every processor.
 */
#ifndef NNKIT_VECTORS_H
#define NNKIT_VECTORS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define SINGLE static __attribute__((noinline)) /* one copy of a large function */
#else
#define SINGLE static __attribute__((noinline, noclone))
#endif

/* Before a loop of few, constant steps, whose vectors then stay in registers; and before a short one
 * that is run often. GCC unrolls the first kind by itself. Clang would unroll nearly every loop, which
 * takes space, so it is told to unroll no others (`nnkit/native/platforms.py`). */
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED
#endif
#if defined(__clang__) && !defined(__OPTIMIZE_SIZE__)
#define UNROLLED_TWICE _Pragma("clang loop unroll_count(2)")
#else
#define UNROLLED_TWICE
#endif

#if REAL_BITS == 32
typedef float real;
typedef int32_t whole; /* an integer as wide as a number */
#define SQRT sqrtf
#define PRECISE(name) name##_ps
#else
typedef double real;
typedef int64_t whole;
#define SQRT sqrt
#define PRECISE(name) name##_pd
#endif

#define LANE_COUNT (VECTOR_BYTES / (REAL_BITS / 8))
enum { LANES = LANE_COUNT };

typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
typedef whole mask __attribute__((vector_size(VECTOR_BYTES))); /* in each lane 0 or -1 */
typedef real unaligned_vec __attribute__((vector_size(VECTOR_BYTES), aligned(REAL_BITS / 8), may_alias));

INLINE vec load(const real *from) { return *(const unaligned_vec *)from; }

/* The first `count` numbers, followed by 0; nothing behind them is read. */
INLINE vec load_part(const real *from, int64_t count) {
    vec x = {0};
    memcpy(&x, from, count * sizeof *from);
    return x;
}

INLINE void store(real *to, vec x) { *(unaligned_vec *)to = x; }

/* Stores the first `count` numbers. */
INLINE void store_part(real *to, vec x, int64_t count) { memcpy(to, &x, count * sizeof *to); }

INLINE vec all(real x) { return x - (vec){0}; }

/* a where the mask is set, else b. */
INLINE vec choose(mask where, vec a, vec b) {
    return (vec)(((mask)a & where) | ((mask)b & ~where));
}

/* a · b + c, rounded once where the processor can; only products use it, so that all else rounds as
 * NumPy does. Compilers do not reliably make one instruction of a loop over lanes. */
#if defined(__FMA__) && VECTOR_BYTES == 64
#define FUSED(a, b, c) PRECISE(_mm512_fmadd)(a, b, c)
#define ROOT(x) PRECISE(_mm512_sqrt)(x)
#elif defined(__FMA__) && VECTOR_BYTES == 32
#define FUSED(a, b, c) PRECISE(_mm256_fmadd)(a, b, c)
#define ROOT(x) PRECISE(_mm256_sqrt)(x)
#elif defined(__x86_64__)
#define FUSED(a, b, c) ((a) * (b) + (c))
#define ROOT(x) PRECISE(_mm_sqrt)(x)
#elif REAL_BITS == 32
#define FUSED(a, b, c) vfmaq_f32(c, a, b)
#define ROOT(x) vsqrtq_f32(x)
#else
#define FUSED(a, b, c) vfmaq_f64(c, a, b)
#define ROOT(x) vsqrtq_f64(x)
#endif

/* The smaller and the larger of two numbers; b if one of them is NaN. */
#if defined(__x86_64__) && VECTOR_BYTES == 64
#define SMALLER(a, b) PRECISE(_mm512_min)(a, b)
#define LARGER(a, b) PRECISE(_mm512_max)(a, b)
#elif defined(__x86_64__) && VECTOR_BYTES == 32
#define SMALLER(a, b) PRECISE(_mm256_min)(a, b)
#define LARGER(a, b) PRECISE(_mm256_max)(a, b)
#elif defined(__x86_64__)
#define SMALLER(a, b) PRECISE(_mm_min)(a, b)
#define LARGER(a, b) PRECISE(_mm_max)(a, b)
#else
#define SMALLER(a, b) choose((a) < (b), a, b)
#define LARGER(a, b) choose((a) > (b), a, b)
#endif

/* Keeps a vector in a register, where the compiler would rather load it again for each product. */
#if defined(__x86_64__)
#define IN_REGISTER(x) __asm__("" : "+v"(x))
#else
#define IN_REGISTER(x) __asm__("" : "+w"(x))
#endif

INLINE vec multiply_add(vec a, vec b, vec c) { return (vec)FUSED(a, b, c); }

INLINE vec lesser(vec a, vec b) { return (vec)SMALLER(a, b); }

INLINE vec greater(vec a, vec b) { return (vec)LARGER(a, b); }

INLINE vec root(vec x) { return (vec)ROOT(x); }

/* The numbers of the lanes, from 0. */
#if LANE_COUNT == 2
#define LANE_NUMBERS {0, 1}
#elif LANE_COUNT == 4
#define LANE_NUMBERS {0, 1, 2, 3}
#elif LANE_COUNT == 8
#define LANE_NUMBERS {0, 1, 2, 3, 4, 5, 6, 7}
#else
#define LANE_NUMBERS {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
#endif

/* The first `count` lanes of a vector, the others 0. */
INLINE vec first_lanes(vec x, whole count) {
    return (vec)((mask)x & ((mask)LANE_NUMBERS < count));
}

/* Lane i of the result is lane i ^ distance of x; the distance is a constant. */
#ifdef __clang__
#define LANE(i, distance) (((i) ^ (distance)) % LANES)
#define LANES_2(i, distance) LANE(i, distance), LANE(i + 1, distance)
#define LANES_4(i, distance) LANES_2(i, distance), LANES_2(i + 2, distance)
#define LANES_8(i, distance) LANES_4(i, distance), LANES_4(i + 4, distance)
#define LANES_16(i, distance) LANES_8(i, distance), LANES_8(i + 8, distance)
#if LANE_COUNT == 2
#define EXCHANGED(x, distance) __builtin_shufflevector(x, x, LANES_2(0, distance))
#elif LANE_COUNT == 4
#define EXCHANGED(x, distance) __builtin_shufflevector(x, x, LANES_4(0, distance))
#elif LANE_COUNT == 8
#define EXCHANGED(x, distance) __builtin_shufflevector(x, x, LANES_8(0, distance))
#else
#define EXCHANGED(x, distance) __builtin_shufflevector(x, x, LANES_16(0, distance))
#endif
INLINE vec exchange(vec x, whole distance) {
    switch (distance) {
        case 1: return EXCHANGED(x, 1);
        case 2: return EXCHANGED(x, 2);
        case 4: return EXCHANGED(x, 4);
        default: return EXCHANGED(x, 8);
    }
}
#else /* GCC before 12 has no __builtin_shufflevector */
INLINE vec exchange(vec x, whole distance) {
    return __builtin_shuffle(x, (mask)LANE_NUMBERS ^ distance);
}
#endif

/* Sums over pairs of lanes at a distance: those of a where the lane's bit is 0, else those of b. */
INLINE vec fold(vec a, vec b, whole distance) {
    mask first = ((mask)LANE_NUMBERS & distance) == 0;
    return choose(first, a, b) + exchange(choose(first, b, a), distance);
}

INLINE real sum_of_lanes(vec x) {
    UNROLLED for (int distance = 1; distance < LANES; distance *= 2)
        x += exchange(x, distance);
    return x[0];
}

/* Writes the sums over the lanes of two vectors next to each other. */
INLINE void store_sums_of_two(real *to, vec a, vec b) {
    vec sums = fold(a, b, 1);
    UNROLLED for (int distance = 2; distance < LANES; distance *= 2)
        sums += exchange(sums, distance);
    memcpy(to, &sums, 2 * sizeof *to);
}

/* Writes the sums over the lanes of four vectors next to each other. */
INLINE void store_sums_of_four(real *to, vec a, vec b, vec c, vec d) {
    vec ab = fold(a, b, 1), cd = fold(c, d, 1);
    if (LANES == 2) {
        memcpy(to, &ab, 2 * sizeof *to);
        memcpy(to + 2, &cd, 2 * sizeof *to);
        return;
    }
    vec sums = fold(ab, cd, 2);
    UNROLLED for (int distance = 4; distance < LANES; distance *= 2)
        sums += exchange(sums, distance);
    memcpy(to, &sums, 4 * sizeof *to);
}

#endif
