/* What this library is, and what of it this processor can run. */
#include "export.h"

#include <stdint.h>

/* The digest of the sources, from `nnkit/native/platforms.py`. */
EXPORT uint64_t nnkit_sources_digest(void) { return SOURCES_DIGEST; }

/* How many of `INSTRUCTION_SETS` in `nnkit/native/platforms.py` this processor has. */
EXPORT int64_t nnkit_instruction_sets(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 1;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return 2;
    return 3;
#else
    return 1;
#endif
}
