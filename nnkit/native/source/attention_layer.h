/* Attention at all positions at once: a layer whose output is [c; s], which a dense layer follows. */
#ifndef NNKIT_ATTENTION_LAYER_H
#define NNKIT_ATTENTION_LAYER_H

#include "attention.h"
#include "sequences.h"

static void attention_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    struct rows X = rows_into(pass, l);
    for (int64_t n = me->index; n < pass->samples; n += me->count) {
        read_source(pass, l->memory, n);
        for (int64_t t = 0; t < pass->program->steps && n < rows_of_step(pass, t); t++) {
            int64_t at = start_of_step(pass, t) + n;
            attend(
                l->memory, n, t, X.first + at * X.step,
                (real *)l->output + at * padded(l->outputs));
        }
    }
}

static void attention_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct program *p = pass->program;
    real *scratch = (real *)p->scratch + me->index * p->scratch_size;
    for (int64_t n = me->index; n < pass->samples; n += me->count) {
        for (int64_t t = 0; t < p->steps && n < rows_of_step(pass, t); t++) {
            int64_t at = start_of_step(pass, t) + n;
            attend_back(
                l->memory, n, t, (const real *)l->gradient + at * padded(l->outputs),
                (real *)l[-1].gradient + at * padded(l->inputs));
        }
        source_gradients(pass, l->memory, n, l->output, l->gradient, scratch);
    }
    wait_for_all(me);
    rows_received(pass, l, me);
}

#endif
