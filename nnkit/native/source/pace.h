/* One thread or all of them: whichever has been faster lately.
 *
 * Results do not depend on the number of threads, so it may change between two spells of work. On a
 * busy machine a thread may be waiting for a processor while the others wait for it at every layer;
 * one thread alone is then many times faster.
 */
#ifndef NNKIT_PACE_H
#define NNKIT_PACE_H

#include <stdint.h>

/* How long a unit of work takes, such as a training step or a sample, in seconds. */
struct pace {
    double alone, together; /* by one thread and by all; 0 where not known yet */
    double until_trial;     /* seconds of work before the slower of the two is tried again */
    double failed;          /* trials of it since it became the slower */
    double waking;          /* seconds of the last spell that woke the threads; 0 if one was alone since */
};

/* The time in seconds, from a clock that never goes back. */
double seconds(void);

/* The number of threads for the next spell of work, of `threads`. */
int64_t threads_for_spell(const struct pace *pace, int64_t threads);

/* The units of a spell that is neither too short to be measured nor long to be mistaken in. */
int64_t units_of_spell(const struct pace *pace);

/* The seconds after which a spell by several threads should end, because it is going badly. */
double patience(const struct pace *pace, int64_t units);

/* Notes how long a spell took, and by how many threads. The first by several threads after one by a
 * single thread wakes the others, so that it is not measured; the second is. */
void note_spell(struct pace *pace, int64_t threads, int64_t units, double seconds);

#endif
