/* One variant of the kernels: for an instruction set and a precision. */
#include "export.h"
#include "arithmetic.h"
#include "matrix_product.h"
#include "pace.h"
#include "predict.h"
#include "resample.h"

#define JOINED(name, variant) name##_##variant
#define NAMED(name, variant) JOINED(name, variant)

struct request {
    struct pass pass;
    int64_t wants_loss;
    double loss;
};

/* Runs a pass by one thread or all, whichever has been faster for this program. */
static void run_pass(
    void (*work)(void *, struct member *), void *argument, const struct pass *pass) {
    const struct program *p = pass->program;
    if (!is_packed(pass)) p->packing->is_finite = 1; /* until weights are packed that are not */
    double began = seconds();
    int64_t threads = run_together(work, argument, threads_for_spell(p->pace, p->threads));
    note_spell(p->pace, threads, pass->samples, seconds() - began);
}

static void evaluate(void *argument, struct member *me) {
    struct request *request = argument;
    const struct pass *pass = &request->pass;
    if (divides_samples(pass, me)) {
        forward_by_samples(pass, 0, me);
        wait_for_all(me);
    } else forward(pass, 0, me);
    if (request->wants_loss) {
        double loss = mean_loss_of(pass, me);
        if (me->index == 0) request->loss = loss;
    }
    apply_head(pass, 1, me);
}

/* The outputs for the batch in `input`. */
EXPORT void NAMED(nnkit_forward, VARIANT)(const struct program *p, int64_t samples) {
    struct request request = {{p, samples, 0, 0, 0}, 0, 0};
    run_pass(evaluate, &request, &request.pass);
}

/* Packs the weights of dense layers, which must not change from now on. */
EXPORT void NAMED(nnkit_pack, VARIANT)(const struct program *p) {
    struct pass pass = {p, 0, 0, 0, 0};
    struct member alone = {.count = 1};
    p->packing->is_finite = 1;
    for (int64_t i = 0; i < p->layer_count; i++)
        if (p->layers[i].kind == LAYER_DENSE && p->layers[i].packed)
            pack_layer(&pass, p->layers + i, &alone);
    p->packing->is_kept = 1;
}

/* Writes the outputs (samples, outputs) for inputs (samples, inputs), which are numbers or bytes and
 * are multiplied by a factor as the program says. Returns 0 if it `checks` and some of both are not
 * finite. */
EXPORT int64_t NAMED(nnkit_predict, VARIANT)(
    struct program *p, const void *inputs, int64_t samples, real *outputs, int64_t checks) {
    uint64_t before = arithmetic();
    set_arithmetic(flushing(before));
    p->inputs = inputs;
    p->selected = 0;
    int64_t is_finite = 1, width = p->layers[0].inputs;
    int64_t output_width = p->layers[p->layer_count - 1].outputs;
    for (int64_t at = 0, count; at < samples; at += count) {
        count = smaller_of(samples - at, p->capacity);
        struct prediction now = {
            {p, count, 0, 0, at > 0}, at, outputs + at * output_width, checks, 1};
        int in_place = reads_in_place(&now.pass);
        p->input = in_place ? inputs_of(p, at, width) : p->batch;
        p->input_row = in_place ? width : padded(width);
        run_pass(predict, &now, &now.pass);
        is_finite &= now.is_finite;
    }
    set_arithmetic(before);
    return is_finite;
}

/* The same, and the mean loss for the batch in `target`. */
EXPORT double NAMED(nnkit_evaluate, VARIANT)(const struct program *p, int64_t samples) {
    struct request request = {{p, samples, 0, 0, 0}, 1, 0};
    run_pass(evaluate, &request, &request.pass);
    return request.loss;
}

static void compute_gradient(void *argument, struct member *me) {
    struct request *request = argument;
    const struct pass *pass = &request->pass;
    forward(pass, 0, me);
    double loss = mean_loss_of(pass, me);
    if (me->index == 0) request->loss = loss;
    backward(pass, 0, me);
}

/* The mean loss of the batch in `input` and `target`; writes the gradients of the parameters. */
EXPORT double NAMED(nnkit_gradient, VARIANT)(const struct program *p, int64_t samples) {
    struct request request = {{p, samples, 1, p->draw, 0}, 1, 0};
    run_pass(compute_gradient, &request, &request.pass);
    return request.loss;
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
        struct pass pass = {p, samples, 1, p->draw + step, 0};
        gather(p, t->order + at, samples, me);
        at += samples;
        prefetch(p, t->order + at, smaller_of(t->count - at, t->batch), me);
        wait_for_all(me);
        forward(&pass, gathers_images(p), me);
        if (me->index == 0) {
            t->losses[step] = loss_of(p, samples);
            t->taken = isfinite(t->losses[step]) ? step + 1 : step;
            if (me->count > 1 && seconds() > t->deadline) t->end = step + 1;
        }
        wait_for_all(me);
        if (t->taken == step) return;
        learn(&pass, t->rates + step * p->update->factor_count, me);
        wait_for_all(me); /* before the next batch replaces this one */
    }
}

/* Updates the parameters once, from gradients in memory. */
EXPORT void NAMED(nnkit_update, VARIANT)(const struct update *u, const struct rates *rates) {
    struct member alone = {.count = 1};
    update_all(u, rates, &alone);
    finish_update(u, rates, &alone);
}

/* Takes steps, each with the next `batch` samples in `order`, the last maybe with fewer.
 *
 * Each step has `factor_count` rates. Writes the loss of each step before its update, and returns
 * the number of steps taken. A step whose loss is not finite is not taken.
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

struct walk {
    struct pass pass;
    int64_t is_backward;
};

static void walk(void *argument, struct member *me) {
    const struct walk *w = argument;
    const struct program *p = w->pass.program;
    if (!w->is_backward) {
        forward(&w->pass, 0, me);
        return;
    }
    const struct layer *last = p->layers + p->layer_count - 1;
    rows_received(&w->pass, last + 1, me);
    wait_for_all(me);
    backward(&w->pass, 0, me);
}

/* The outputs of a network over sequences; or the gradients of its parameters, from those of its last
 * layer's output. */
EXPORT void NAMED(nnkit_walk, VARIANT)(
    const struct program *p, int64_t samples, int64_t training, int64_t is_backward) {
    struct walk request = {{p, samples, training, p->draw, 0}, is_backward};
    int64_t rows = start_of_step(&request.pass, p->steps);
    double began = seconds();
    int64_t threads = run_together(walk, &request, threads_for_spell(p->pace, p->threads));
    note_spell(p->pace, threads, rows, seconds() - began);
}

/* A product of matrices, by up to so many threads. */
EXPORT void NAMED(nnkit_multiply, VARIANT)(const struct matrix_product *p, int64_t threads) {
    double began = seconds();
    threads = run_together(multiply_matrices, (void *)p, threads_for_spell(p->pace, threads));
    note_spell(p->pace, threads, p->rows, seconds() - began);
}

/* Moves the pixels of images. */
EXPORT void NAMED(nnkit_resample, VARIANT)(const struct resampling *r) { resample(r); }
