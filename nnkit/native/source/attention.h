/* Attention of a decoder to the outputs h of an encoder, for the rows of its steps.
 *
 *     k_j = W_a h_j (or scale h_j)    e_j = k_j·s    a = softmax(e)    c = Σ a_j h_j
 *
 * The formulas are those of `nnkit/nn/seq2seq/attention.py`. These functions compute [c; s] and its
 * gradients, one row at a time; sequences are independent of each other.
 */
#ifndef NNKIT_ATTENTION_H
#define NNKIT_ATTENTION_H

#include "dense_layer.h"
#include "losses.h"
#include "recurrent_weights.h"

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
SINGLE int64_t slot_in_encoder(const struct pass *pass, const struct memory *m, int64_t n) {
    int64_t sample = sample_of_row(pass, n);
    return m->encoder->starts ? m->encoder->slots[sample] : sample;
}

/* The steps that have an n-th row: the length of its sequence. */
SINGLE int64_t length_of_row(const struct pass *pass, int64_t n) {
    int64_t t = 0;
    while (t < pass->program->steps && n < rows_of_step(pass, t)) t++;
    return t;
}

/* Writes numbers, times a factor. */
SINGLE void scale_rows(const real *from, int64_t count, real factor, real *to) {
    for (int64_t i = 0; i < count; i += LANES) store(to + i, load(from + i) * factor);
}

/* Copies the outputs of the encoder for the sequence in the n-th rows, and computes their keys. */
SINGLE void read_source(const struct pass *pass, const struct memory *m, int64_t n) {
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
    if (m->weights >= 0)
        dense_forward(
            length, m->channels, 0, m->states, params_at(pass, m->weights), 0, H, row, K, key_row,
            H, 0);
    else scale_rows(H, length * row, (real)m->scale, K);
}

/* Σ_u B[j][u] x[u] of each row of B; these and x are readable up to the end of their last vector,
 * where 0 follows the rows of B. */
SINGLE void products_with(
    const real *B, int64_t row, int64_t count, const real *x, int64_t columns, real *to) {
    for (int64_t j = 0, some; j < count; j += some, B += some * row) {
        some = count - j >= 4 ? 4 : 1;
        vec sums[4] = {{0}};
        for (int64_t u = 0; u < columns; u += LANES) {
            vec x_u = first_lanes(load(x + u), (whole)(columns - u));
            for (int64_t i = 0; i < some; i++)
                sums[i] = multiply_add(load(B + i * row + u), x_u, sums[i]);
        }
        if (some == 4) store_sums_of_four(to + j, sums[0], sums[1], sums[2], sums[3]);
        else to[j] = sum_of_lanes(sums[0]);
    }
}

/* dE/de = a ⊙ (dE/da − Σ dE/da · a), in place of dE/da. */
static void softmax_retreat(const real *A, real *da, int64_t count) {
    vec sum = {0};
    for (int64_t j = 0; j < count; j += LANES)
        sum += first_lanes(load(A + j) * load(da + j), (whole)(count - j));
    real mean = sum_of_lanes(sum);
    for (int64_t j = 0; j < count; j += LANES)
        store(da + j, load(A + j) * (load(da + j) - mean));
}

/* [c; s] of the n-th row of a step, for its state s. */
SINGLE void attend(
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
SINGLE void attend_back(
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

/* The places in a thread's scratch memory of arrays (steps or source, padded numbers) of a sequence. */
struct sequence_rows {
    real *C, *S, *dS, *dH; /* c or dE/dc, s, dE/ds, dE/dh */
};

INLINE struct sequence_rows scratch_rows(
    const struct pass *pass, const struct memory *m, const struct member *me) {
    const struct program *p = pass->program;
    int64_t row = padded(m->channels), key_row = padded(m->states);
    real *C = (real *)p->scratch + me->index * p->scratch_size, *S = C + m->positions * row;
    return (struct sequence_rows){
        C, S, S + m->positions * key_row, S + 2 * m->positions * key_row};
}

/* Copies [c; s] of a sequence, or its gradients, from the n-th rows of all steps. */
SINGLE void divide_joined(
    const struct pass *pass, const struct memory *m, int64_t n, int64_t steps, const real *joined,
    real *C, real *S) {
    int64_t row = padded(m->channels), key_row = padded(m->states);
    for (int64_t t = 0; t < steps; t++) {
        const real *from =
            joined + (start_of_step(pass, t) + n) * padded(m->channels + m->states);
        if (C) memcpy(C + t * row, from, m->channels * sizeof *C);
        memcpy(S + t * key_row, from + m->channels, m->states * sizeof *S);
    }
}

/* dE/dk and dE/dh of a sequence's source, from s and dE/dc.
 *
 *     dk_j = Σ_t de_tj s_t    dh_j = W_aᵀ dk_j + Σ_t a_tj dc_t
 */
SINGLE void source_gradients(
    const struct pass *pass, const struct memory *m, int64_t n, struct sequence_rows at) {
    int64_t steps = length_of_row(pass, n), length = m->lengths[n], channels = m->channels;
    int64_t row = padded(channels), key_row = padded(m->states);
    real *dC = at.C, *S = at.S, *dH = at.dH, *dK = of_source(m, m->d_keys, n, m->states);
    memset(dK, 0, m->source * key_row * sizeof *dK);
    int64_t to_next = padded(m->source);
    multiply(
        steps, scores_at(m, m->d_scores, n, 0), to_next, 1, S, key_row, dK, key_row, length,
        m->states, 0);
    struct destination to = {.first = dH, .step = row};
    if (m->weights >= 0)
        product(
            m->states, dK, 1, key_row, params_at(pass, m->weights), channels, channels, 0, length,
            &to);
    else scale_rows(dK, length * row, (real)m->scale, dH);
    multiply(
        steps, scores_at(m, m->scores, n, 0), to_next, 1, dC, row, dH, row, length, channels, 1);
    struct pass of_encoder = encoder_pass(pass, m);
    int64_t slot = slot_in_encoder(pass, m, n);
    for (int64_t t = 0; t < length; t++)
        memcpy(
            (real *)encoder_output(m)->gradient + (start_of_step(&of_encoder, t) + slot) * row,
            dH + t * row, channels * sizeof *dH);
}

/* dW_a = Σ dE/dk hᵀ over the positions of all sources. */
SINGLE void score_weights(
    const struct pass *pass, const struct layer *l, const struct rates *rates, struct member *me) {
    const struct memory *m = l->memory;
    if (m->weights < 0) return;
    int64_t first, end;
    own_part(me, m->states, BLOCK, &first, &end);
    struct rows H = {m->values, padded(m->channels)};
    weights_of_rows(
        pass, l, rates, m->weights, pass->samples * m->source, m->d_keys, padded(m->states), H,
        m->channels, first, end);
}

#endif
