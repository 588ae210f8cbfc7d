/* The settings of a thread's floating-point arithmetic: the register MXCSR of x86-64, FPCR of arm64. */
#ifndef NNKIT_ARITHMETIC_H
#define NNKIT_ARITHMETIC_H

#include <stdint.h>

#if defined(__x86_64__)
enum { FLUSH_TO_ZERO = 1 << 15, DENORMALS_ARE_ZERO = 1 << 6 }; /* of MXCSR: results, operands */
#endif

static inline uint64_t arithmetic(void) {
#if defined(__x86_64__)
    return __builtin_ia32_stmxcsr();
#elif defined(__aarch64__)
    uint64_t settings;
    __asm__ volatile("mrs %0, fpcr" : "=r"(settings));
    return settings;
#else
    return 0;
#endif
}

static inline void set_arithmetic(uint64_t settings) {
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr((unsigned)settings);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(settings));
#else
    (void)settings;
#endif
}

/* The settings by which denormals are taken as 0 on x86-64, where they are slow, and kept on arm64. */
static inline uint64_t flushing(uint64_t settings) {
#if defined(__x86_64__)
    return settings | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO;
#else
    return settings;
#endif
}

#endif
