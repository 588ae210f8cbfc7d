/* Threads that spin for a bounded time between two calls, and between two meetings, then sleep.
 *
 * A hand-over to a sleeping thread takes longer than a training step of a small network; one that
 * spins answers within a fraction of a microsecond. On a busy machine spinning would only take time
 * from the thread that is waited for, so it ends early.
 */
#define _GNU_SOURCE
#include "team.h"

#include "arithmetic.h"
#include "pace.h"

#if defined(_WIN32) /* The threads below are POSIX threads; here the calling one works alone. */

int64_t run_together(void (*work)(void *, struct member *), void *argument, int64_t threads) {
    (void)threads;
    struct member me = {0, 1, 0, 0};
    work(argument, &me);
    return 1;
}

void wait_for_all(struct member *me) { (void)me; }

#else

#include <pthread.h>
#include <signal.h>

enum {
    MOST_THREADS = 64,
    STACK = 1 << 20, /* bytes; the default of some systems is a tenth of it */
    SPINS = 4000, /* about 20 to 200 µs */
};
static const double SHARED = 0.01; /* seconds; Python changes threads twice as often */

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* --- counters ------------------------------------------------------------------------------- */

/* A counter that threads can wait for. */
struct counter {
    int64_t value, sleepers;
    pthread_mutex_t lock;
    pthread_cond_t advanced;
};

#define NEW_COUNTER {0, 0, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER}

/* In one order for all threads, either this sees the sleeper or the sleeper sees the value. */
static void advance(struct counter *c) {
    __atomic_add_fetch(&c->value, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&c->sleepers, __ATOMIC_SEQ_CST) == 0) return;
    pthread_mutex_lock(&c->lock);
    pthread_cond_broadcast(&c->advanced);
    pthread_mutex_unlock(&c->lock);
}

/* Returns once the counter has reached a value. */
static void wait_until(struct counter *c, int64_t value) {
    for (int spin = 0; spin < SPINS; spin++) {
        if (__atomic_load_n(&c->value, __ATOMIC_SEQ_CST) >= value) return;
        relax();
    }
    pthread_mutex_lock(&c->lock);
    __atomic_add_fetch(&c->sleepers, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&c->value, __ATOMIC_SEQ_CST) < value)
        pthread_cond_wait(&c->advanced, &c->lock);
    __atomic_sub_fetch(&c->sleepers, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&c->lock);
}

/* Only while no thread waits for the counter. */
static void restart(struct counter *c) { __atomic_store_n(&c->value, 0, __ATOMIC_SEQ_CST); }

/* --- meetings ------------------------------------------------------------------------------- */

struct meeting {
    int64_t arrived;       /* threads that are at the current meeting */
    struct counter passed; /* meetings that all have reached */
};

void wait_for_all(struct member *me) {
    if (me->count == 1) return;
    struct meeting *meeting = me->meeting;
    me->rounds++;
    if (__atomic_add_fetch(&meeting->arrived, 1, __ATOMIC_SEQ_CST) == me->count) {
        __atomic_store_n(&meeting->arrived, 0, __ATOMIC_SEQ_CST);
        advance(&meeting->passed);
    } else {
        wait_until(&meeting->passed, me->rounds);
    }
}

/* --- the team ------------------------------------------------------------------------------- */

/* A thread that waits for work. */
struct server {
    int64_t index;
    struct counter calls; /* pieces of work handed to it */
};

struct team {
    pthread_mutex_t in_use;
    int64_t callers;      /* that have work for several threads now */
    double shared_until;  /* the time until which each works alone */
    int64_t started;      /* threads besides the calling one */
    int64_t most;         /* that can be started */
    struct counter ended; /* threads that have finished the current piece of work */
    struct meeting meeting;
    /* The current piece of work. */
    void (*work)(void *, struct member *);
    void *argument;
    int64_t count;        /* threads that share it */
    uint64_t arithmetic;  /* the calling thread's settings */
};

#define NEW_TEAM                                                                           \
    {                                                                                      \
        .in_use = PTHREAD_MUTEX_INITIALIZER, .most = MOST_THREADS - 1, .ended = NEW_COUNTER, \
        .meeting = {.passed = NEW_COUNTER}                                                 \
    }

static struct team team = NEW_TEAM;
static struct server servers[MOST_THREADS - 1];

static void *serve(void *argument) {
    struct server *self = argument;
    for (int64_t call = 1;; call++) {
        wait_until(&self->calls, call);
        struct member me = {self->index, team.count, &team.meeting, 0};
        set_arithmetic(team.arithmetic);
        team.work(team.argument, &me);
        advance(&team.ended);
    }
    return 0;
}

/* A child process has none of its parent's threads, but maybe their locks. */
static void forget_threads(void) { team = (struct team)NEW_TEAM; }

__attribute__((constructor)) static void prepare_for_fork(void) {
    if (pthread_atfork(0, 0, forget_threads) != 0) team.most = 0;
}

/* Starts threads until there are `wanted` besides the calling one, or as many as can be had. */
static void start_threads(int64_t wanted) {
    if (wanted > team.most) wanted = team.most;
    if (team.started >= wanted) return;
    sigset_t blocked, before; /* signals are for the threads of the program, except for faults */
    sigfillset(&blocked);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGFPE);
    sigdelset(&blocked, SIGILL);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    pthread_attr_t settings;
    pthread_attr_init(&settings);
    pthread_attr_setstacksize(&settings, STACK);
    pthread_attr_setdetachstate(&settings, PTHREAD_CREATE_DETACHED);
    while (team.started < wanted) {
        struct server *next = servers + team.started;
        *next = (struct server){team.started + 1, NEW_COUNTER};
        pthread_t thread;
        if (pthread_create(&thread, &settings, serve, next) != 0) {
            team.most = team.started; /* trying at each call would take time */
            break;
        }
        team.started++;
    }
    pthread_attr_destroy(&settings);
    pthread_sigmask(SIG_SETMASK, &before, 0);
}

/* Whether several threads of the program have had work at once, now or a short time ago. */
static int is_shared(int64_t callers) {
    double now = seconds(), until;
    if (callers > 1) {
        until = now + SHARED;
        __atomic_store(&team.shared_until, &until, __ATOMIC_RELAXED);
        return 1;
    }
    __atomic_load(&team.shared_until, &until, __ATOMIC_RELAXED);
    return now < until;
}

/* Runs work as the leader of the team, which it must have taken. */
static int64_t lead(void (*work)(void *, struct member *), void *argument, int64_t threads) {
    struct member me = {0, 1, &team.meeting, 0};
    start_threads(threads - 1);
    int64_t others = threads - 1 < team.started ? threads - 1 : team.started;
    me.count = others + 1;
    team.work = work;
    team.argument = argument;
    team.count = me.count;
    team.arithmetic = arithmetic();
    restart(&team.ended);
    restart(&team.meeting.passed);
    for (int64_t i = 0; i < others; i++) advance(&servers[i].calls);
    work(argument, &me);
    wait_until(&team.ended, others);
    pthread_mutex_unlock(&team.in_use);
    return me.count;
}

int64_t run_together(void (*work)(void *, struct member *), void *argument, int64_t threads) {
    struct member alone = {.count = 1};
    if (threads <= 1) {
        work(argument, &alone);
        return 1;
    }
    int64_t callers = __atomic_add_fetch(&team.callers, 1, __ATOMIC_RELAXED);
    if (is_shared(callers) || pthread_mutex_trylock(&team.in_use) != 0) {
        work(argument, &alone);
        threads = 1;
    } else {
        threads = lead(work, argument, threads);
    }
    __atomic_sub_fetch(&team.callers, 1, __ATOMIC_RELAXED);
    return threads;
}

#endif

void own_part(
    const struct member *me, int64_t total, int64_t unit, int64_t *first, int64_t *end) {
    int64_t units = (total + unit - 1) / unit;
    *first = me->index * units / me->count * unit;
    *end = (me->index + 1) * units / me->count * unit;
    if (*first > total) *first = total;
    if (*end > total) *end = total;
}
