/* Attention at all positions at once: a layer whose output is [c; s], which a dense layer follows.
 *
 * Threads divide the sequences; the products of a sequence take all of its steps together.
 */
#ifndef NNKIT_ATTENTION_LAYER_H
#define NNKIT_ATTENTION_LAYER_H

#include "attention.h"
#include "sequences.h"

static void attention_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct memory *m = l->memory;
    struct rows X = rows_into(pass, l);
    struct sequence_rows at = scratch_rows(pass, m, me);
    int64_t row = padded(m->channels), key_row = padded(m->states), to_next = padded(m->source);
    for (int64_t n = me->index; n < pass->samples; n += me->count) {
        read_source(pass, m, n);
        int64_t steps = length_of_row(pass, n), length = m->lengths[n];
        real *A = scores_at(m, m->scores, n, 0);
        const real *K = of_source(m, m->keys, n, m->states);
        for (int64_t t = 0; t < steps; t++)
            products_with(
                K, key_row, length, X.first + (start_of_step(pass, t) + n) * X.step, m->states,
                A + t * to_next);
        if (length) softmax(steps, length, A, to_next);
        multiply(
            length, A, 1, to_next, of_source(m, m->values, n, m->channels), row, at.C, row, steps,
            m->channels, 0);
        for (int64_t t = 0; t < steps; t++) {
            int64_t place = start_of_step(pass, t) + n;
            real *joined = (real *)l->output + place * padded(l->outputs);
            memcpy(joined, at.C + t * row, m->channels * sizeof *joined);
            memcpy(joined + m->channels, X.first + place * X.step, m->states * sizeof *joined);
        }
    }
}

static void attention_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct memory *m = l->memory;
    struct sequence_rows at = scratch_rows(pass, m, me);
    int64_t row = padded(m->channels), key_row = padded(m->states), to_next = padded(m->source);
    for (int64_t n = me->index; n < pass->samples; n += me->count) {
        int64_t steps = length_of_row(pass, n), length = m->lengths[n];
        real *de = scores_at(m, m->d_scores, n, 0);
        divide_joined(pass, m, n, steps, l->output, 0, at.S);
        divide_joined(pass, m, n, steps, l->gradient, at.C, at.dS);
        for (int64_t t = 0; t < steps; t++) {
            products_with(
                of_source(m, m->values, n, m->channels), row, length, at.C + t * row, m->channels,
                de + t * to_next);
            softmax_retreat(scores_at(m, m->scores, n, t), de + t * to_next, length);
        }
        multiply(
            length, de, 1, to_next, of_source(m, m->keys, n, m->states), key_row, at.dS, key_row,
            steps, m->states, 1);
        for (int64_t t = 0; t < steps; t++)
            memcpy(
                (real *)l[-1].gradient + (start_of_step(pass, t) + n) * padded(l->inputs),
                at.dS + t * key_row, m->states * sizeof(real));
        source_gradients(pass, m, n, at);
    }
    wait_for_all(me);
    rows_received(pass, l, me);
}

#endif
