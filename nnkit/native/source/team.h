/* A team of threads that run one function together, each with a number of its own. */
#ifndef NNKIT_TEAM_H
#define NNKIT_TEAM_H

#include <stdint.h>

/* What a thread of a team knows: its number, how many there are, and where they meet. */
struct member {
    int64_t index, count;
    struct meeting *meeting;
    int64_t rounds; /* meetings so far */
};

/* Runs `work` on as many threads as wanted, the calling thread among them, and waits for all.
 *
 * Returns the number of threads. The calling thread works alone if other threads of the program have
 * work for the team too, or had some a short time ago: they keep the processors busy, and a team
 * would wait for those of its threads that get none. It also does if no threads can be started.
 */
int64_t run_together(void (*work)(void *, struct member *), void *argument, int64_t threads);

/* Returns once all threads of the team are here; what they wrote before is then visible. */
void wait_for_all(struct member *me);

/* A thread's part of `total` things, in multiples of `unit`. */
void own_part(
    const struct member *me, int64_t total, int64_t unit, int64_t *first, int64_t *end);

#endif
