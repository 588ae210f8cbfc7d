/* Flushing denormals to zero in the calling thread, for code outside the kernels. */
#include "arithmetic.h"
#include "export.h"

/* Returns the settings from before, which `nnkit_set_arithmetic` restores. */
EXPORT uint64_t nnkit_flush_denormals(void) {
    uint64_t before = arithmetic();
    set_arithmetic(flushing(before));
    return before;
}

EXPORT void nnkit_set_arithmetic(uint64_t settings) { set_arithmetic(settings); }
