/* Attention of a decoder to the outputs of an encoder, at all positions at once.
 *
 *     k_j = W h_j (or scale h_j)    e_j = k_j·s    a = softmax(e)    c = Σ a_j h_j
 *
 * The output is [c; s]; the dense layer of tanh(W_c [c; s] + b_c) follows. Sequences are independent of
 * each other, so each thread takes some of them.
 */
#ifndef NNKIT_ATTENTION_LAYER_H
#define NNKIT_ATTENTION_LAYER_H

#include "attention.h"
#include "dense_layer.h"

/* The place of the n-th sample's array (source, padded numbers) among those of all. */
INLINE real *of_source(const struct memory *m, void *array, int64_t n, int64_t numbers) {
    return (real *)array + n * m->source * padded(numbers);
}

/* The weights or the gradients of the scores of the n-th row of a step. */
INLINE real *scores_at(const struct memory *m, void *array, int64_t n, int64_t step) {
    return (real *)array + (n * m->positions + step) * padded(m->source);
}

/* The encoder's pass, and its last layer, whose outputs are read. */
INLINE struct pass encoder_pass(const struct pass *pass, const struct memory *m) {
    return (struct pass){.program = m->encoder, .samples = pass->samples};
}

INLINE const struct layer *encoder_output(const struct memory *m) {
    return m->encoder->layers + m->encoder->layer_count - 1;
}

/* The place among the encoder's rows of a step of the sample in the n-th rows of the decoder's. */
INLINE int64_t slot_in_encoder(const struct pass *pass, const struct memory *m, int64_t n) {
    int64_t sample = sample_of_row(pass, n);
    return m->encoder->starts ? m->encoder->slots[sample] : sample;
}

/* The steps that have an n-th row: the length of its sequence. */
INLINE int64_t length_of_row(const struct pass *pass, int64_t n) {
    int64_t t = 0;
    while (t < pass->program->steps && n < rows_of_step(pass, t)) t++;
    return t;
}

/* Copies the outputs of the encoder for a sequence, and computes their keys. */
SINGLE void read_source(
    const struct pass *pass, const struct memory *m, int64_t weights, int64_t n) {
    struct pass of_encoder = encoder_pass(pass, m);
    const struct layer *from = encoder_output(m);
    int64_t slot = slot_in_encoder(pass, m, n), length = length_of_row(&of_encoder, slot);
    int64_t row = padded(m->channels), key_row = padded(m->states);
    real *H = of_source(m, m->values, n, m->channels), *K = of_source(m, m->keys, n, m->states);
    memset(H, 0, m->source * row * sizeof *H);
    memset(K, 0, m->source * key_row * sizeof *K);
    m->lengths[n] = length;
    for (int64_t t = 0; t < length; t++)
        memcpy(
            H + t * row, (const real *)from->output + (start_of_step(&of_encoder, t) + slot) * row,
            m->channels * sizeof *H);
    if (weights >= 0)
        dense_forward(
            length, m->channels, 0, m->states, params_at(pass, weights), 0, H, row, K, key_row);
    else
        for (int64_t i = 0; i < length * row; i += LANES)
            store(K + i, load(H + i) * (real)m->scale);
}

/* [c; s] of the n-th row of a step, for its state s. */
SINGLE void attend_to_source(
    const struct memory *m, int64_t n, int64_t step, const real *s, real *joined) {
    int64_t length = m->lengths[n], row = padded(m->states);
    real *A = scores_at(m, m->scores, n, step);
    memset(joined, 0, m->channels * sizeof *joined);
    memcpy(joined + m->channels, s, m->states * sizeof *joined);
    if (!length) return;
    products_with(of_source(m, m->keys, n, m->states), row, length, s, m->states, A);
    softmax(1, length, A, 0);
    multiply(
        length, A, 1, 0, of_source(m, m->values, n, m->channels), padded(m->channels), joined, 0, 1,
        m->channels, 0);
}

/* dE/ds of the n-th row of a step, and dE/de, from dE/d[c; s]. */
SINGLE void attend_to_source_back(
    const struct memory *m, int64_t n, int64_t step, const real *d_joined, real *ds) {
    int64_t length = m->lengths[n], row = padded(m->states);
    real *de = scores_at(m, m->d_scores, n, step);
    memcpy(ds, d_joined + m->channels, m->states * sizeof *ds);
    if (!length) return;
    products_with(
        of_source(m, m->values, n, m->channels), padded(m->channels), length, d_joined, m->channels,
        de);
    softmax_retreat(scores_at(m, m->scores, n, step), de, length);
    multiply(length, de, 1, 0, of_source(m, m->keys, n, m->states), row, ds, 0, 1, m->states, 1);
}

/* dE/dk and dE/dh of a sequence's source, from the rows of [c; s] and their gradients.
 *
 *     dk_j = Σ_t de_tj s_t    dh_j = Wᵀ dk_j + Σ_t a_tj dc_t
 */
SINGLE void source_gradients(
    const struct pass *pass, const struct memory *m, int64_t weights, int64_t n,
    const real *joined, const real *d_joined, real *scratch) {
    int64_t steps = length_of_row(pass, n), length = m->lengths[n], channels = m->channels;
    int64_t row = padded(channels), key_row = padded(m->states), width = padded(channels + m->states);
    real *dC = scratch, *S = dC + m->positions * row, *dH = S + m->positions * key_row;
    real *dK = of_source(m, m->d_keys, n, m->states);
    for (int64_t t = 0; t < steps; t++) {
        int64_t at = (start_of_step(pass, t) + n) * width;
        memcpy(dC + t * row, d_joined + at, channels * sizeof *dC);
        memcpy(S + t * key_row, joined + at + channels, m->states * sizeof *S);
    }
    memset(dK, 0, m->source * key_row * sizeof *dK);
    int64_t to_next = padded(m->source);
    multiply(
        steps, scores_at(m, m->d_scores, n, 0), to_next, 1, S, key_row, dK, key_row, length,
        m->states, 0);
    struct destination to = {.first = dH, .step = row};
    if (weights >= 0)
        product(
            m->states, dK, 1, key_row, params_at(pass, weights), channels, channels, 0, length, &to);
    else
        for (int64_t i = 0; i < length * row; i += LANES)
            store(dH + i, load(dK + i) * (real)m->scale);
    multiply(
        steps, scores_at(m, m->scores, n, 0), to_next, 1, dC, row, dH, row, length, channels, 1);
    struct pass of_encoder = encoder_pass(pass, m);
    int64_t slot = slot_in_encoder(pass, m, n);
    for (int64_t t = 0; t < length; t++)
        memcpy(
            (real *)encoder_output(m)->gradient + (start_of_step(&of_encoder, t) + slot) * row,
            dH + t * row, channels * sizeof *dH);
}

static void attention_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct memory *m = l->memory;
    struct rows X = rows_into(pass, l);
    for (int64_t n = me->index; n < pass->samples; n += me->count) {
        read_source(pass, m, l->weights, n);
        for (int64_t t = 0; t < pass->program->steps && n < rows_of_step(pass, t); t++) {
            int64_t at = start_of_step(pass, t) + n;
            attend_to_source(
                m, n, t, X.first + at * X.step, (real *)l->output + at * padded(l->outputs));
        }
    }
}

static void attention_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct memory *m = l->memory;
    const struct program *p = pass->program;
    int64_t workers = smaller_of(me->count, p->scratch_count); /* that there is room for */
    int64_t end = me->index < workers ? pass->samples : 0;
    real *scratch = (real *)p->scratch + me->index * p->scratch_size;
    for (int64_t n = me->index; n < end; n += workers) {
        for (int64_t t = 0; t < p->steps && n < rows_of_step(pass, t); t++) {
            int64_t at = start_of_step(pass, t) + n;
            attend_to_source_back(
                m, n, t, (const real *)l->gradient + at * padded(l->outputs),
                (real *)l[-1].gradient + at * padded(l->inputs));
        }
        source_gradients(pass, m, l->weights, n, l->output, l->gradient, scratch);
    }
    wait_for_all(me);
    rows_received(pass, l, me);
}

/* dW = Σ dE/dk hᵀ over the positions of all sources */
static void attention_weights(
    const struct pass *pass, const struct layer *l, const struct rates *rates, struct member *me) {
    const struct memory *m = l->memory;
    int64_t first, end;
    own_part(me, m->states, BLOCK, &first, &end);
    struct rows H = {m->values, padded(m->channels)};
    weights_of_rows(
        pass, l, rates, pass->samples * m->source, m->d_keys, padded(m->states), H, m->channels,
        first, end);
}

#endif
