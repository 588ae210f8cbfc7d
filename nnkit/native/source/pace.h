/* One thread or all of them: whichever has been faster lately.
 *
 * Results do not depend on the number of threads, so it may change between two steps. On a busy
 * machine a thread may be waiting for a processor while the others wait for it at every layer; one
 * thread alone is then many times faster.
 */
#ifndef NNKIT_PACE_H
#define NNKIT_PACE_H

#include <stdint.h>

/* Steps are taken in spells; most of them by the faster of the two. */
struct pace {
    double alone, together; /* seconds a step; 0 where not known yet */
    int64_t spells;         /* since the slower one was tried */
    int64_t steps;          /* in a spell */
};

/* The time in seconds, from a clock that never goes back. */
double seconds(void);

/* The number of threads for the next spell, and its length in steps. */
int64_t threads_for_spell(struct pace *pace, int64_t threads, int64_t *steps);

/* Notes how long a spell took. */
void note_spell(struct pace *pace, int64_t threads, int64_t steps, double seconds);

static inline int64_t smaller_of(int64_t a, int64_t b) { return a < b ? a : b; }

#endif
