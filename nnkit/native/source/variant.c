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
    run_together(pass_forward, &pass, p->threads);
}

/* The same, and the mean loss for the batch in `target`. */
EXPORT double NAMED(nnkit_evaluate, VARIANT)(const struct program *p, int64_t samples) {
    struct pass pass = {p, samples, 1, 0};
    run_together(pass_forward, &pass, p->threads);
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
    run_together(pass_gradient, &pass, p->threads);
    return pass.loss;
}

struct training {
    const struct program *program;
    const int64_t *order;
    int64_t count, batch, first, end;
    const struct rates *rates;
    double *losses;
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
    struct training t = {p, order, count, batch, 0, 0, rates, losses, 0};
    while (t.end < steps) {
        int64_t spell, threads = threads_for_spell(pace, p->threads, &spell);
        t.first = t.end;
        t.end = smaller_of(t.first + spell, steps);
        double began = seconds();
        run_together(train, &t, threads);
        note_spell(pace, threads, t.end - t.first, seconds() - began);
        if (t.taken < t.end) break;
    }
    return t.taken;
}
