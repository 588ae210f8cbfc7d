/* Predictions: from inputs as a caller has them to outputs in rows, in one call.
 *
 * Inputs that the kernels cannot read where they are come into the batch first, by a few samples at
 * a time where threads divide them, so that they stay in the cache.
 */
#ifndef NNKIT_PREDICT_H
#define NNKIT_PREDICT_H

#include "walk.h"

struct prediction {
    struct pass pass;
    int64_t first;     /* the sample of the data set that the batch begins with */
    real *outputs;     /* of the batch, (samples, outputs) */
    int64_t checks;    /* whether to find out if inputs and outputs are finite */
    int64_t is_finite; /* whether all are, so far */
};

/* Whether the kernels read the data set where it is. Vectors must not read beyond its end, and would
 * be slower where they lie across cache lines. */
INLINE int reads_in_place(const struct pass *pass) {
    const struct program *p = pass->program;
    if (p->inputs_are_bytes || p->input_scale != 1 || p->layers[0].inputs % BLOCK != 0) return 0;
    int is_aligned = (uintptr_t)p->inputs % sizeof(vec) == 0;
    return is_aligned || uses_packed(pass, p->layers) || gathers_images(p);
}

static void check(struct prediction *now, const real *x, int64_t count) {
    if (now->checks && !are_finite(x, count))
        __atomic_store_n(&now->is_finite, 0, __ATOMIC_RELAXED);
}

/* Prepares the inputs of samples `from` to `from + count`; those that are not read in place come
 * into row `to` of the batch and the next ones, with zeros behind them. */
static void take_inputs(struct prediction *now, int64_t from, int64_t count, int64_t to) {
    const struct program *p = now->pass.program;
    int64_t sample = now->first + from, inputs = p->layers[0].inputs, row = padded(inputs);
    if (reads_in_place(&now->pass)) {
        check(now, (const real *)p->inputs + sample * inputs, count * inputs);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        real *X = (real *)p->batch + (to + i) * row;
        gather_inputs(p, sample + i, inputs, X);
        for (int64_t k = inputs; k < row; k++) X[k] = 0;
        if (!p->inputs_are_bytes) check(now, X, inputs);
    }
}

enum { WORTH_DIVIDING = 16 }; /* samples for each thread, so that it need not read all inputs */

/* Whether all layers are dense, and threads divide the samples rather than the units. */
INLINE int divides_samples(const struct pass *pass, const struct member *me) {
    const struct program *p = pass->program;
    if (pass->samples < WORTH_DIVIDING * me->count) return 0;
    for (int64_t i = 0; i < p->layer_count; i++)
        if (p->layers[i].kind != LAYER_DENSE) return 0;
    return 1;
}

/* The samples whose inputs a thread reads next. */
struct samples_ahead {
    const void *first;
    int64_t numbers; /* that would take as much memory */
};

/* Those after `count` samples from n on: of the same part, or else the first ones of the next batch,
 * which lies behind this one if a caller predicts a large array in parts. */
static struct samples_ahead samples_after(
    const struct pass *pass, const struct prediction *prediction, int64_t n, int64_t count,
    int64_t first, int64_t end) {
    const struct program *p = pass->program;
    int64_t next = n + count < end ? n + count : first + pass->samples;
    if (!prediction) {
        struct rows X = rows_into(pass, p->layers);
        return (struct samples_ahead){X.first + next * X.step, count * X.step};
    }
    int64_t inputs = p->layers[0].inputs, size = p->inputs_are_bytes ? 1 : sizeof(real);
    return (struct samples_ahead){
        inputs_of(p, prediction->first + next, inputs), count * inputs * size / (int64_t)sizeof(real)};
}

/* The outputs of dense layers. Each thread takes its samples through all layers, as many at a time as
 * fit into its cache, so that threads need not meet after each layer. What is between layers is not
 * kept, and neither are inputs that a prediction copies. */
SINGLE void forward_by_samples(
    const struct pass *pass, struct prediction *prediction, struct member *me) {
    const struct program *p = pass->program;
    int copies = prediction && !reads_in_place(pass), waits = 0;
    int64_t first, end, widest = 1;
    for (int64_t i = 0; i < p->layer_count; i++) {
        const struct layer *l = p->layers + i;
        if (uses_packed(pass, l) && !is_packed(pass)) {
            pack_layer(pass, l, me);
            waits = 1;
        }
        if (l->inputs > widest) widest = l->inputs;
    }
    own_part(me, pass->samples, PRODUCT_ROWS, &first, &end);
    int64_t most = samples_in_cache(widest, PRODUCT_ROWS) / PRODUCT_ROWS;
    for (int64_t n = first, count; n < end; n += count) {
        int64_t tiles = next_part(parts_of(end - n, PRODUCT_ROWS), most);
        count = smaller_of(end - n, tiles * PRODUCT_ROWS);
        struct samples_ahead ahead = samples_after(pass, prediction, n, count, first, end);
        if (prediction) take_inputs(prediction, n, count, first);
        for (int64_t i = 0; i < p->layer_count; i++) {
            const struct layer *l = p->layers + i;
            int is_first = i == 0, is_last = i == p->layer_count - 1;
            if (waits && uses_packed(pass, l)) { /* for the parts that others pack */
                wait_for_all(me);
                waits = 0;
            }
            dense_samples_forward(
                pass, l, count, is_first && !copies ? n : first, is_last ? n : first, ahead.first,
                is_first ? ahead.numbers : 0);
        }
    }
}

/* Writes a thread's part of the outputs, in multiples of `unit` samples. */
static void give_outputs(struct prediction *now, int64_t unit, struct member *me) {
    const struct program *p = now->pass.program;
    const struct layer *last = p->layers + p->layer_count - 1;
    int64_t first, end, outputs = last->outputs, row = padded(outputs);
    apply_head(&now->pass, unit, me);
    own_part(me, now->pass.samples, unit, &first, &end);
    for (int64_t n = first; n < end; n++)
        memcpy(now->outputs + n * outputs, (real *)last->output + n * row, outputs * sizeof(real));
    check(now, now->outputs + first * outputs, (end - first) * outputs);
}

/* A prediction of a part of the samples by one thread or several. */
static void predict(void *argument, struct member *me) {
    struct prediction *now = argument;
    int64_t first, end, samples = now->pass.samples;
    if (divides_samples(&now->pass, me)) {
        forward_by_samples(&now->pass, now, me);
        give_outputs(now, PRODUCT_ROWS, me); /* of the samples that are its own */
    } else {
        own_part(me, samples, 1, &first, &end);
        take_inputs(now, first, end - first, first);
        wait_for_all(me);
        forward(&now->pass, 0, me);
        give_outputs(now, 1, me);
    }
}

#endif
