/* Input feeding: attention between the steps of a recurrent layer, whose output y is part of the next
 * step's input (Luong, Pham & Manning 2015, §3.3).
 *
 *     y = tanh(W_c [c; s] + b_c)
 *
 * The layer's output is y; its inputs end with y of the step before.
 */
#ifndef NNKIT_FEEDING_H
#define NNKIT_FEEDING_H

#include "attention.h"
#include "gate_functions.h"

/* The numbers of [c; s]. */
INLINE int64_t joined_numbers(const struct layer *l) {
    return l->memory->channels + l->memory->states;
}

/* The rows of the step that follows. */
SINGLE int64_t rows_after(const struct pass *pass, int64_t step) {
    return step + 1 < pass->program->steps ? rows_of_step(pass, step + 1) : 0;
}

/* Reads the sources of a thread's sequences, and transposes its share of W_c. */
static void begin_feeding(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct feeding *f = l->feeding;
    int64_t width = joined_numbers(l), row = padded(l->outputs);
    for (int64_t n = me->index; n < pass->samples; n += me->count) read_source(pass, l->memory, n);
    for (int64_t u = me->index * LANES; u < l->outputs; u += me->count * LANES)
        for (int64_t k = 0; k < width; k += LANES)
            copy_transposed(
                params_at(pass, f->weights) + u * width + k, width, l->outputs - u, width - k,
                (real *)f->transposed + k * row + u, row, smaller_of(width - k, LANES));
}

/* y of the rows `first` to `end` of a step, after their states; feeds it to the next step. */
SINGLE void feed(
    const struct pass *pass, const struct layer *l, int64_t step, int64_t first, int64_t end) {
    const struct feeding *f = l->feeding;
    int64_t start = start_of_step(pass, step), state_row = padded(l->memory->states);
    int64_t width = joined_numbers(l), row = padded(width), to = padded(l->outputs);
    int64_t next = start_of_step(pass, step + 1), running = rows_after(pass, step);
    int64_t inputs = padded(l->inputs);
    real *joined = (real *)f->joined + start * row, *Y = (real *)l->output + (start + first) * to;
    const real *S = (const real *)l->recurrences->states + start * state_row;
    const real *b = params_at(pass, f->biases);
    for (int64_t n = first; n < end; n++) {
        attend(l->memory, n, step, S + n * state_row, joined + n * row);
        memcpy(Y + (n - first) * to, b, l->outputs * sizeof *Y);
    }
    multiply(
        width, joined + first * row, 1, row, f->transposed, to, Y, to, end - first, l->outputs, 1);
    for (int64_t n = 0; n < end - first; n++)
        for (int64_t u = 0; u < l->outputs; u += LANES) {
            vec z = first_lanes(load(Y + n * to + u), (whole)(l->outputs - u)); /* not what follows */
            store(Y + n * to + u, gate_tanh(z));
        }
    real *fed = (real *)l[-1].output + next * inputs + l->inputs - l->outputs;
    for (int64_t n = first; n < smaller_of(end, running); n++, Y += to)
        memcpy(fed + n * inputs, Y, l->outputs * sizeof *Y);
}

/* dE/ds of rows `first` to `end` of a step, from dE/dY, which becomes dE/dZ, and what is fed. */
SINGLE void feed_back(
    const struct pass *pass, const struct layer *l, int64_t step, int64_t first, int64_t end) {
    const struct feeding *f = l->feeding;
    int64_t start = start_of_step(pass, step), state_row = padded(l->memory->states);
    int64_t width = joined_numbers(l), row = padded(width), to = padded(l->outputs);
    int64_t next = start_of_step(pass, step + 1), running = rows_after(pass, step);
    int64_t inputs = padded(l->inputs);
    real *dY = (real *)l->gradient + (start + first) * to;
    const real *fed = (const real *)l[-1].gradient + (next + first) * inputs + l->inputs - l->outputs;
    const real *Y = (const real *)l->output + (start + first) * to;
    for (int64_t n = 0; n < end - first; n++)
        for (int64_t u = 0; u < l->outputs; u += LANES) {
            vec d = load(dY + n * to + u);
            if (first + n < running)
                d += load_part(fed + n * inputs + u, smaller_of(l->outputs - u, LANES));
            store(dY + n * to + u, d * tanh_slope(load(Y + n * to + u)));
        }
    real *d_joined = (real *)f->d_joined + start * row;
    struct destination into = {.first = d_joined + first * row, .step = row};
    product(
        l->outputs, dY, 1, to, params_at(pass, f->weights), width, width, 0, end - first, &into);
    real *dS = (real *)l->recurrences->gradient + start * state_row;
    for (int64_t n = first; n < end; n++)
        attend_back(l->memory, n, step, d_joined + n * row, dS + n * state_row);
}

/* The gradients of the sources of rows `first` to `end`, after all steps. */
static void end_feeding(
    const struct pass *pass, const struct layer *l, int64_t first, int64_t end, struct member *me) {
    const struct memory *m = l->memory;
    struct sequence_rows at = scratch_rows(pass, m, me);
    for (int64_t n = first; n < end; n++) {
        int64_t steps = length_of_row(pass, n);
        divide_joined(pass, m, n, steps, l->feeding->joined, 0, at.S);
        divide_joined(pass, m, n, steps, l->feeding->d_joined, at.C, at.dS);
        source_gradients(pass, m, n, at);
    }
}

/* The gradients of W_c, b_c and W_a. */
static void feeding_weights(
    const struct pass *pass, const struct layer *l, const struct rates *rates, struct member *me) {
    const struct feeding *f = l->feeding;
    int64_t width = joined_numbers(l), rows = rows_of(pass, l), row = padded(l->outputs), first, end;
    struct rows joined = {f->joined, padded(width)};
    own_part(me, l->outputs, BLOCK, &first, &end);
    weights_of_rows(
        pass, l, rates, f->weights, rows, l->gradient, row, joined, width, first, end);
    biases_of_rows(pass, l, rates, f->biases, rows, l->gradient, row, first, end);
    score_weights(pass, l, rates, me);
}

/* A layer that makes room for what is fed: x, followed by zeros. */
static void room_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    int64_t first, end, row = padded(l->outputs), from = padded(l->inputs);
    own_part(me, rows_of(pass, l), 1, &first, &end);
    for (int64_t n = first; n < end; n++) {
        real *y = (real *)l->output + n * row;
        memcpy(y, (const real *)l[-1].output + n * from, l->inputs * sizeof *y);
        memset(y + l->inputs, 0, (row - l->inputs) * sizeof *y);
    }
}

static void room_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    int64_t first, end, row = padded(l->outputs), to = padded(l->inputs);
    own_part(me, rows_of(pass, l), 1, &first, &end);
    for (int64_t n = first; n < end; n++)
        memcpy(
            (real *)l[-1].gradient + n * to, (const real *)l->gradient + n * row,
            l->inputs * sizeof(real));
    vectors_received(l - 1, first, end);
}

#endif
