/* One variant of the kernels: for an instruction set and a precision. */
#include "export.h"
#include "pace.h"
#include "walk.h"

#define JOINED(name, variant) name##_##variant
#define NAMED(name, variant) JOINED(name, variant)

struct pass {
    const struct program *program;
    int64_t samples, wants_loss;
    double loss;
};

/* Runs a pass by one thread or all, whichever has been faster for this program. */
static void run_pass(void (*work)(void *, struct member *), struct pass *pass) {
    const struct program *p = pass->program;
    double began = seconds();
    int64_t threads = run_together(work, pass, threads_for_spell(p->pace, p->threads));
    note_spell(p->pace, threads, pass->samples, seconds() - began);
}

static void pass_forward(void *argument, struct member *me) {
    struct pass *pass = argument;
    forward(pass->program, pass->samples, me);
    if (pass->wants_loss && me->index == 0)
        pass->loss = loss_of(pass->program, pass->samples);
    if (pass->wants_loss) wait_for_all(me);
    apply_head(pass->program, pass->samples, me);
}

/* The outputs for the batch in `input`. */
EXPORT void NAMED(nnkit_forward, VARIANT)(const struct program *p, int64_t samples) {
    struct pass pass = {p, samples, 0, 0};
    run_pass(pass_forward, &pass);
}

/* The same, and the mean loss for the batch in `target`. */
EXPORT double NAMED(nnkit_evaluate, VARIANT)(const struct program *p, int64_t samples) {
    struct pass pass = {p, samples, 1, 0};
    run_pass(pass_forward, &pass);
    return pass.loss;
}

static void pass_gradient(void *argument, struct member *me) {
    struct pass *pass = argument;
    forward(pass->program, pass->samples, me);
    if (me->index == 0) pass->loss = loss_of(pass->program, pass->samples);
    wait_for_all(me);
    backward(pass->program, pass->samples, 0, me);
}

/* The mean loss of the batch in `input` and `target`; writes the gradients of the parameters. */
EXPORT double NAMED(nnkit_gradient, VARIANT)(const struct program *p, int64_t samples) {
    struct pass pass = {p, samples, 1, 0};
    run_pass(pass_gradient, &pass);
    return pass.loss;
}

struct training {
    const struct program *program;
    const int64_t *order;
    int64_t count, batch, first, end;
    const struct rates *rates;
    double *losses;
    double deadline; /* for several threads */
    int64_t taken;
};

static void train(void *argument, struct member *me) {
    struct training *t = argument;
    const struct program *p = t->program;
    for (int64_t step = t->first; step < t->end; step++) {
        int64_t at = step * t->batch, samples = smaller_of(t->count - at, t->batch);
        gather(p, t->order + at, samples, me);
        at += samples;
        prefetch(p, t->order + at, smaller_of(t->count - at, t->batch), me);
        wait_for_all(me);
        forward(p, samples, me);
        if (me->index == 0) {
            t->losses[step] = loss_of(p, samples);
            int stopped = p->stop && __atomic_load_n(p->stop, __ATOMIC_RELAXED);
            t->taken = stopped || !isfinite(t->losses[step]) ? step : step + 1;
            if (me->count > 1 && seconds() > t->deadline) t->end = step + 1;
        }
        wait_for_all(me);
        if (t->taken == step) return;
        backward(p, samples, t->rates + step, me);
        wait_for_all(me); /* before the next batch replaces this one */
    }
}

/* Takes steps, each with the next `batch` samples in `order`, the last maybe with fewer.
 *
 * Writes the loss of each step before its update, and returns the number of steps taken. A step
 * whose loss is not finite is not taken.
 */
EXPORT int64_t NAMED(nnkit_train, VARIANT)(
    const struct program *p, const int64_t *order, int64_t count, int64_t batch,
    const struct rates *rates, int64_t steps, double *losses, struct pace *pace) {
    struct training t = {
        .program = p, .order = order, .count = count, .batch = batch, .rates = rates,
        .losses = losses,
    };
    while (t.end < steps) {
        int64_t threads = threads_for_spell(pace, p->threads);
        t.first = t.end;
        t.end = p->threads == 1 ? steps : smaller_of(t.first + units_of_spell(pace), steps);
        double began = seconds();
        t.deadline = began + patience(pace, t.end - t.first);
        threads = run_together(train, &t, threads);
        if (t.taken < t.end) break;
        note_spell(pace, threads, t.end - t.first, seconds() - began);
    }
    return t.taken;
}
