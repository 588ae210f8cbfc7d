#define _POSIX_C_SOURCE 200112L
#include "pace.h"

#include <time.h>

#define SPELL 0.001 /* seconds that a spell should take */
enum { SPELLS_BETWEEN_TRIALS = 50 };

double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}

int64_t threads_for_spell(struct pace *pace, int64_t threads, int64_t *steps) {
    *steps = pace->steps > 0 ? pace->steps : 1;
    if (threads == 1 || pace->alone == 0) return 1;
    if (pace->together == 0) return threads;
    int together_is_faster = pace->together < pace->alone;
    if (++pace->spells >= SPELLS_BETWEEN_TRIALS) {
        pace->spells = 0;
        together_is_faster = !together_is_faster;
    }
    return together_is_faster ? threads : 1;
}

void note_spell(struct pace *pace, int64_t threads, int64_t steps, double seconds) {
    double each = seconds / steps;
    if (threads > 1) {
        pace->together = each;
        return;
    }
    pace->alone = each;
    /* The slower of the two may be slower by far, so its trials are short. */
    int64_t wanted = each > 0 ? (int64_t)(SPELL / each) : 1;
    pace->steps = wanted < 1 ? 1 : wanted > 2 * pace->steps + 1 ? 2 * pace->steps + 1 : wanted;
}
