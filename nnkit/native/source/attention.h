/* Attention of a decoder to the outputs of an encoder, whose output is fed to the next step.
 *
 *     e_j = k_j·s    a = softmax(e)    c = Σ a_j v_j    y = tanh(W [c; s] + b)
 *
 * The formulas and arrays are those of `nnkit/nn/seq2seq/attention.py`; here they serve a few rows of
 * one step, between the steps of a recurrent layer. Gradients of W, b, K and V are computed there,
 * from what these functions leave behind.
 */
#ifndef NNKIT_ATTENTION_H
#define NNKIT_ATTENTION_H

#include "losses.h"
#include "recurrent_weights.h"

static const struct layer ATTENTION_END = {.activation = ACTIVATION_TANH, .a = 1, .b = 1};

/* The n-th row of a step in an array (steps, samples, padded numbers). */
INLINE real *attention_row(
    const struct attention *a, void *array, int64_t step, int64_t n, int64_t numbers) {
    return (real *)array + (step * a->samples + n) * padded(numbers);
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

/* y of the rows `first` to `end` of a step, after their states; feeds it to the next step. */
SINGLE void attend(
    const struct pass *pass, const struct layer *l, int64_t step, int64_t first, int64_t end) {
    const struct attention *a = l->attention;
    const struct recurrence *r = l->recurrences;
    int64_t width = a->channels + r->units, row = padded(r->units), outputs = padded(a->units);
    const real *S = (const real *)r->states + start_of_step(pass, step) * row;
    for (int64_t n = first; n < end; n++) {
        int64_t count = a->lengths[n];
        real *e = attention_row(a, a->scores, step, n, a->source);
        real *joined = attention_row(a, a->joined, step, n, width);
        memset(joined, 0, a->channels * sizeof *joined);
        memcpy(joined + a->channels, S + n * row, r->units * sizeof *joined);
        if (!count) continue;
        const real *K = (const real *)a->keys + n * a->source * row;
        const real *V = (const real *)a->values + n * a->source * padded(a->channels);
        products_with(K, row, count, S + n * row, r->units, e);
        softmax(1, count, e, 0);
        multiply(
            count, e, 1, 0, V, padded(a->channels), joined, padded(width), 1, a->channels, 0);
    }
    real *Y = attention_row(a, a->output, step, first, a->units);
    multiply(
        width, attention_row(a, a->joined, step, first, width), 1, padded(width), a->transposed,
        outputs, Y, outputs, end - first, outputs, 0);
    struct rows X = rows_into(pass, l);
    int64_t next = start_of_step(pass, step + 1), running = 0;
    if (step + 1 < pass->program->steps) running = rows_of_step(pass, step + 1);
    for (int64_t n = 0; n < end - first; n++)
        for (int64_t u = 0; u < outputs; u += LANES)
            store(Y + n * outputs + u, load(Y + n * outputs + u) + load((const real *)a->biases + u));
    activate(&ATTENTION_END, end - first, 0, outputs, Y, outputs);
    for (int64_t n = first; n < smaller_of(end, running); n++, Y += outputs)
        memcpy((real *)X.first + (next + n) * X.step + a->fed, Y, a->units * sizeof *Y);
}

/* dE/ds of one row of a step, from dE/d[c; s]. */
static void attention_retreat(
    const struct attention *a, const struct recurrence *r, int64_t step, int64_t n,
    const real *d_joined, real *ds) {
    int64_t count = a->lengths[n], row = padded(r->units);
    const real *K = (const real *)a->keys + n * a->source * row;
    const real *V = (const real *)a->values + n * a->source * padded(a->channels);
    const real *A = attention_row(a, a->scores, step, n, a->source);
    real *de = attention_row(a, a->d_scores, step, n, a->source);
    memcpy(
        attention_row(a, a->d_context, step, n, a->channels), d_joined,
        a->channels * sizeof *d_joined);
    memcpy(ds, d_joined + a->channels, r->units * sizeof *ds);
    products_with(V, padded(a->channels), count, d_joined, a->channels, de);
    softmax_retreat(A, de, count);
    if (count) multiply(count, de, 1, 0, K, row, ds, row, 1, r->units, 1);
}

/* dE/ds of rows `first` to `end` of a step, up to 8 of them, from dE/dY and what is fed of dE/dX. */
SINGLE void attend_back(
    const struct pass *pass, const struct layer *l, const real *dX, int64_t step, int64_t first,
    int64_t end, real *d_joined) {
    const struct attention *a = l->attention;
    const struct recurrence *r = l->recurrences;
    int64_t width = a->channels + r->units, inputs = padded(l->inputs), row = padded(r->units);
    int64_t next = start_of_step(pass, step + 1), running = 0;
    if (step + 1 < pass->program->steps) running = rows_of_step(pass, step + 1);
    for (int64_t n = first; n < end; n++) {
        const real *dY = attention_row(a, a->gradient, step, n, a->units);
        const real *fed = dX + (next + n) * inputs + a->fed;
        real *dZ = attention_row(a, a->d_sums, step, n, a->units);
        for (int64_t u = 0; u < a->units; u += LANES) {
            vec d = load(dY + u);
            store(dZ + u, n < running ? d + load(fed + u) : d);
        }
    }
    int64_t outputs = padded(a->units);
    real *dZ = attention_row(a, a->d_sums, step, first, a->units);
    activation_gradient(
        &ATTENTION_END, 0, end - first, a->units,
        attention_row(a, a->output, step, first, a->units), dZ, outputs);
    multiply(
        a->units, dZ, 1, outputs, a->weights,
        padded(width), d_joined, padded(width), end - first, padded(width), 0);
    real *dS = (real *)r->gradient + start_of_step(pass, step) * row;
    for (int64_t n = first; n < end; n++)
        attention_retreat(a, r, step, n, d_joined + (n - first) * padded(width), dS + n * row);
}

#endif
