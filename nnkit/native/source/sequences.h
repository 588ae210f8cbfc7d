/* Sequences: the rows of all steps, and the layers between them and the rows of samples.
 *
 * Step t has a row for each sequence that is longer than t, from the longest to the shortest, so that
 * those which go on are the first rows of a step, and no row is padding. The rows of all steps lie
 * one after the other.
 */
#ifndef NNKIT_SEQUENCES_H
#define NNKIT_SEQUENCES_H

#include "layer_end.h"
#include "pass.h"

/* How a sample lies in its row: as (groups, steps, width), with (groups, width) features a step. */
struct sample_layout {
    int64_t groups, steps, width;
};

/* Copies the positions of a thread's samples from the rows of samples to those of steps. */
SINGLE void divide_samples(
    const struct pass *pass, struct sample_layout as, struct rows X, real *Y, int64_t row,
    struct member *me) {
    int64_t first, end, features = as.groups * as.width;
    own_part(me, pass->samples, 1, &first, &end);
    for (int64_t n = first; n < end; n++) {
        const real *x = X.first + sample_of_row(pass, n) * X.step;
        for (int64_t t = 0; t < as.steps && n < rows_of_step(pass, t); t++) {
            real *y = Y + (start_of_step(pass, t) + n) * row;
            for (int64_t c = 0; c < as.groups; c++)
                memcpy(
                    y + c * as.width, x + (c * as.steps + t) * as.width, as.width * sizeof *y);
            memset(y + features, 0, (row - features) * sizeof *y);
        }
    }
}

/* The same the other way round; what is after the end of a sequence becomes 0. */
SINGLE void join_samples(
    const struct pass *pass, struct sample_layout as, const real *Y, int64_t row, real *X,
    int64_t step, struct member *me) {
    int64_t first, end, features = as.groups * as.width;
    own_part(me, pass->samples, 1, &first, &end);
    for (int64_t n = first; n < end; n++) {
        real *x = X + sample_of_row(pass, n) * step;
        memset(x, 0, as.steps * features * sizeof *x);
        for (int64_t t = 0; t < as.steps && n < rows_of_step(pass, t); t++) {
            const real *y = Y + (start_of_step(pass, t) + n) * row;
            for (int64_t c = 0; c < as.groups; c++)
                memcpy(
                    x + (c * as.steps + t) * as.width, y + c * as.width, as.width * sizeof *x);
        }
    }
}

/* The layout of the samples that a layer divides into positions, or joins from them. */
INLINE struct sample_layout layout_of(const struct pass *pass, const struct layer *l) {
    return (struct sample_layout){l->groups, pass->program->steps, l->width};
}

/* dE/dZ of the layer before, once all threads have written dE/dY. */
static void rows_received(const struct pass *pass, const struct layer *l, struct member *me) {
    int64_t first, end;
    own_part(me, rows_of(pass, l - 1), 1, &first, &end);
    vectors_received(l - 1, first, end);
}

static void sequence_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    divide_samples(
        pass, layout_of(pass, l), rows_into(pass, l), l->output, padded(l->outputs), me);
}

static void sequence_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    join_samples(
        pass, layout_of(pass, l), l->gradient, padded(l->outputs), l[-1].gradient,
        padded(l->inputs), me);
    wait_for_all(me);
    rows_received(pass, l, me);
}

static void join_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    join_samples(
        pass, layout_of(pass, l), l[-1].output, padded(l->inputs), l->output, padded(l->outputs),
        me);
}

static void join_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    divide_samples(
        pass, layout_of(pass, l), (struct rows){l->gradient, padded(l->outputs)}, l[-1].gradient,
        padded(l->inputs), me);
    wait_for_all(me);
    rows_received(pass, l, me);
}

#endif
