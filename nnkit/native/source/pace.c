#define _POSIX_C_SOURCE 200112L
#include "pace.h"

#include <math.h>
#if defined(_WIN32)
#include <windows.h>
#else
#include <time.h>
#endif

static const double SPELL = 1e-3;        /* seconds that a spell should take */
static const double LONGEST_SPELL = 3;   /* as a multiple of the time of one thread alone */
static const double TRIALS = 0.02;       /* the share of time that trials of the slower may cost */
static const double BETWEEN_TRIALS = 10; /* spells, at least */
static const double NEWEST = 0.25;       /* the weight of the newest spell in the mean */
static const double EARLY_TRIALS = 4;    /* each after half the time of the next */
static const double LONGEST_WAIT = 60;   /* seconds of work between trials of short spells */
static const double MOST_SPELLS = 1000;  /* of work between trials of long ones */

double seconds(void) {
#if defined(_WIN32) /* where compilers lack the function below, or have it in a library apart */
    LARGE_INTEGER count, frequency;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    return (double)count.QuadPart / frequency.QuadPart;
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
#endif
}

static int together_is_faster(const struct pace *pace) { return pace->together < pace->alone; }

int64_t threads_for_spell(const struct pace *pace, int64_t threads) {
    if (threads == 1 || pace->alone == 0) return 1;
    if (pace->together == 0) return threads;
    int is_trial = pace->until_trial <= 0;
    return together_is_faster(pace) != is_trial ? threads : 1;
}

int64_t units_of_spell(const struct pace *pace) {
    double each = pace->together > 0 ? fmin(pace->alone, pace->together) : pace->alone;
    double units = each > 0 ? SPELL / each : 1;
    return units < 1 ? 1 : units > 1e6 ? 1000000 : (int64_t)units;
}

double patience(const struct pace *pace, int64_t units) {
    return LONGEST_SPELL * pace->alone * units;
}

/* The seconds of work after a failed trial, in which a unit took `each` instead of `other`, and
 * waking threads `lost` seconds. If it went very badly, the first trials are repeated early: they
 * may have met something that is over soon, which must not keep long passes on one thread. However
 * long a trial took, there is another one some day: the process may have been stopped meanwhile. */
static double until_next_trial(
    const struct pace *pace, int64_t units, double each, double other, double lost) {
    double later = ((each - other) * units + lost) / TRIALS;
    if (each > LONGEST_SPELL * other) later *= exp2(fmin(pace->failed - 1 - EARLY_TRIALS, 0));
    later = fmin(later, fmax(LONGEST_WAIT, MOST_SPELLS * other * units));
    return fmax(later, BETWEEN_TRIALS * SPELL);
}

void note_spell(struct pace *pace, int64_t threads, int64_t units, double seconds) {
    double each = seconds / units, lost = threads > 1 ? pace->waking : 0;
    int wakes_threads = threads > 1 && pace->waking == 0;
    pace->waking = wakes_threads ? seconds : lost;
    if (wakes_threads) return;
    double *known = threads > 1 ? &pace->together : &pace->alone;
    double other = threads > 1 ? pace->alone : pace->together;
    if (*known == 0 || other == 0) {
        *known = each;
        pace->until_trial = BETWEEN_TRIALS * SPELL;
        return;
    }
    int was_faster = together_is_faster(pace), is_trial = was_faster != (threads > 1);
    /* A single spell that was held up must not change the choice. */
    double likely = fmin(each, LONGEST_SPELL * *known);
    *known = is_trial ? each : *known + NEWEST * (likely - *known);
    if (together_is_faster(pace) != was_faster) {
        pace->failed = 0;
        pace->until_trial = BETWEEN_TRIALS * SPELL;
    } else if (is_trial) {
        pace->failed++;
        pace->until_trial = until_next_trial(pace, units, each, other, lost);
    } else {
        pace->until_trial -= seconds;
    }
}
