/* What this library is, and what of it this processor can run. */
#include "export.h"

#include <stdint.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* The digest of the sources, from `nnkit/native/platforms.py`. */
EXPORT uint64_t nnkit_sources_digest(void) { return SOURCES_DIGEST; }

#if defined(__x86_64__)
enum { AVX_STATE = 0x6, AVX512_STATE = 0xe6 }; /* of XCR0: registers that the system preserves */

static int has_all(unsigned found, unsigned wanted) { return (found & wanted) == wanted; }

/* Intel 64 and IA-32 Architectures Software Developer's Manual, vol. 1, §14.3 and §15.2. The
 * compilers' own function for it, __builtin_cpu_supports, finds nothing in what Zig compiles. */
static int64_t instruction_sets_of_x86(void) {
    unsigned eax, ebx, ecx, edx, preserved;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return 1;
    if (!has_all(ecx, bit_OSXSAVE | bit_FMA)) return 1;
    __asm__("xgetbv" : "=a"(preserved), "=d"(edx) : "c"(0));
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return 1;
    if (!has_all(ebx, bit_AVX2) || !has_all(preserved, AVX_STATE)) return 1;
    unsigned avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    return has_all(ebx, avx512) && has_all(preserved, AVX512_STATE) ? 3 : 2;
}
#endif

/* How many of `INSTRUCTION_SETS` in `nnkit/native/platforms.py` this processor has. */
EXPORT int64_t nnkit_instruction_sets(void) {
#if defined(__x86_64__)
    return instruction_sets_of_x86();
#else
    return 1;
#endif
}
