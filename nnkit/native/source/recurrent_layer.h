/* Recurrent layers: sweeps along the steps, forward and backward.
 *
 * Threads divide the sequences: each takes its rows through all steps without waiting for the others.
 * Gradients of weights are sums over all steps; `recurrent_weights.h` computes them after the sweep.
 */
#ifndef NNKIT_RECURRENT_LAYER_H
#define NNKIT_RECURRENT_LAYER_H

#include "cells.h"
#include "directions.h"
#include "feeding.h"

enum { PANEL = 4 * BLOCK }; /* the most numbers of a row of a panel: four gates of a block */

/* --- forward --------------------------------------------------------------------------------- */

/* The states of the rows of a group, for the panel that begins with block v. */
static void advance_panel(
    const struct recurrence *r, struct rows X, int64_t inputs, struct group at, int64_t v) {
    real sums[PRODUCT_ROWS * PANEL];
    int64_t units = panel_width(r, v) * BLOCK, columns = units * r->gates;
    int64_t from = v * BLOCK * r->gates;
    struct cell_rows rows = cell_rows_at(r, &at, 0, v);
    int is_rnn = r->cell == CELL_RNN;
    multiply(
        inputs, X.first + at.first * X.step, 1, X.step,
        (const real *)r->inputs_packed + from * inputs, columns, is_rnn ? rows.state : rows.gates,
        is_rnn ? rows.row : rows.gates_row, at.count, columns, 0);
    if (at.before >= 0 || has_start(r))
        multiply(
            r->units, vector_before(r, &at, 0), 1, rows.before_row,
            (const real *)r->states_packed + from * r->units, columns, sums, columns, at.count,
            columns, 0);
    else memset(sums, 0, at.count * columns * sizeof *sums);
    if (is_rnn) rnn_advance(r, rows, at.count, units, sums, columns);
    else advance_rows(r->cell, rows, at.count, sums, columns);
}

/* Copies the states of sequences that end with a step. */
static void take_last_states(
    const struct pass *pass, const struct recurrence *r, const struct step *now, int64_t going_on,
    struct member *me) {
    int64_t row = padded(r->units);
    FOR_OWN_BLOCKS(me, block, now->rows)
        for (int64_t n = block; n < smaller_of(block + PRODUCT_ROWS, now->rows); n++)
            if (n >= going_on)
                memcpy(
                    (real *)r->output + sample_of_row(pass, n) * row,
                    (const real *)r->states + (now->first + n) * row, row * sizeof(real));
}

/* The number of sequences that go on after the i-th step. */
INLINE int64_t going_on_after(const struct pass *pass, const struct recurrence *r, int64_t i) {
    return i + 1 < pass->program->steps ? step_at(pass, r, i + 1).running : 0;
}

static void sweep_forward(
    const struct pass *pass, const struct layer *l, const struct recurrence *r,
    struct member *me) {
    struct rows X = rows_into(pass, l);
    int64_t blocks = parts_of(r->units, BLOCK);
    for (int64_t i = 0; i < pass->program->steps; i++) {
        struct step now = step_at(pass, r, i);
        for (int64_t v = 0; v < blocks; v += panel_width(r, v))
            FOR_OWN_BLOCKS(me, block, now.rows) {
                int64_t end = smaller_of(block + PRODUCT_ROWS, now.rows);
                struct group at;
                for (int64_t n = block; n < end; n += at.count) {
                    at = group_at(&now, n, end);
                    advance_panel(r, X, l->inputs, at, v);
                }
            }
        if (l->takes_last) take_last_states(pass, r, &now, going_on_after(pass, r, i), me);
        if (l->feeding)
            FOR_OWN_BLOCKS(me, block, now.rows)
                feed(pass, l, i, block, smaller_of(block + PRODUCT_ROWS, now.rows));
    }
}

/* The last state of samples without positions is that before the first. */
static void take_first_states(const struct pass *pass, const struct recurrence *r) {
    int64_t row = padded(r->units);
    for (int64_t n = rows_of_step(pass, 0); n < pass->samples; n++)
        memcpy((real *)r->output + sample_of_row(pass, n) * row, r->start, row * sizeof(real));
}

static void recurrent_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    for (int64_t d = 0; d < l->directions; d++)
        pack_recurrence(pass, l->recurrences + d, l->inputs, me);
    if (l->feeding) begin_feeding(pass, l, me);
    wait_for_all(me);
    for (int64_t d = 0; d < l->directions; d++) {
        sweep_forward(pass, l, l->recurrences + d, me);
        if (l->takes_last && me->index == 0) take_first_states(pass, l->recurrences + d);
    }
    if (l->directions == 1) return;
    wait_for_all(me);
    merge_directions(pass, l, me);
}

/* --- backward -------------------------------------------------------------------------------- */

/* dE/ds and dE/dc of the n-th row of a step: those that the later step has left, and dE/dY. */
static void receive(
    const struct pass *pass, const struct layer *l, const struct recurrence *r,
    const struct step *now, int64_t going_on, int64_t n) {
    int64_t row = padded(r->units);
    real *ds = (real *)r->state_gradients + n * row, *dc = (real *)r->cell_gradients + n * row;
    if (n >= going_on && !r->start_row) {
        memset(ds, 0, row * sizeof *ds);
        if (r->cell == CELL_LSTM) memset(dc, 0, row * sizeof *dc);
    }
    if (l->takes_last ? n < going_on : n >= now->rows) return;
    int64_t from = l->takes_last ? sample_of_row(pass, n) : now->first + n;
    const real *dY = (const real *)r->gradient + from * row;
    for (int64_t u = 0; u < row; u += LANES)
        store(ds + u, load(ds + u) + first_lanes(load(dY + u), (whole)(r->units - u)));
}

/* The gradients of the gates of a group, then those of the states before, and of the inputs. */
static void retreat_group(
    const struct recurrence *r, struct group at, int64_t scratch, real *dX, int64_t inputs,
    int adds) {
    int64_t row = padded(r->units), gates = gate_numbers(r);
    struct cell_rows rows = cell_rows_at(r, &at, scratch, 0);
    const real *d_gates = (const real *)r->sums + at.first * r->sums_row;
    int64_t d_gates_row = r->sums_row;
    if (r->cell == CELL_RNN) rnn_retreat(r, rows, at.count, units_of_blocks(r));
    else retreat_rows(r, rows, at.count);
    if (dX)
        multiply(
            gates, d_gates, 1, d_gates_row, r->inputs_ordered, padded(inputs),
            dX + at.first * padded(inputs), padded(inputs), at.count, padded(inputs), adds);
    if (r->cell == CELL_GRU) {
        d_gates = (const real *)r->row_gradients + scratch * gates;
        d_gates_row = gates;
    }
    if (at.before >= 0 || has_start(r))
        multiply(
            gates, d_gates, 1, d_gates_row, r->states_ordered, row,
            (real *)r->state_gradients + at.slot * row, row, at.count, row, r->cell == CELL_GRU);
}

static void sweep_backward(
    const struct pass *pass, const struct layer *l, const struct recurrence *r, real *dX,
    int adds, struct member *me) {
    struct step none = {0, 0, 0, 0};
    for (int64_t n = rows_of_step(pass, 0); me->index == 0 && n < pass->samples; n++)
        receive(pass, l, r, &none, 0, n); /* of samples without positions */
    for (int64_t i = pass->program->steps - 1; i >= 0; i--) {
        struct step now = step_at(pass, r, i);
        int64_t going_on = going_on_after(pass, r, i);
        FOR_OWN_BLOCKS(me, block, now.rows) {
            int64_t end = smaller_of(block + PRODUCT_ROWS, now.rows);
            struct group at;
            if (l->feeding) feed_back(pass, l, i, block, end);
            for (int64_t n = block; n < end; n += at.count) {
                at = group_at(&now, n, end);
                for (int64_t k = 0; k < at.count; k++)
                    receive(pass, l, r, &now, going_on, n + k);
                retreat_group(r, at, me->index * PRODUCT_ROWS, dX, l->inputs, adds);
            }
        }
    }
    if (l->feeding)
        FOR_OWN_BLOCKS(me, block, pass->samples)
            end_feeding(pass, l, block, smaller_of(block + PRODUCT_ROWS, pass->samples), me);
}

static void recurrent_through_time(
    const struct pass *pass, const struct layer *l, struct member *me) {
    const struct program *p = pass->program;
    real *dX = l - p->layers > p->first_trained ? l[-1].gradient : 0;
    if (l->directions == 2) {
        divide_gradient(pass, l, me);
        wait_for_all(me);
    }
    for (int64_t d = 0; d < l->directions; d++)
        sweep_backward(pass, l, l->recurrences + d, dX, d > 0, me);
}

static void recurrent_layer_weights(
    const struct pass *pass, const struct layer *l, const struct rates *rates, struct member *me) {
    recurrent_weights(pass, l, rates, me);
    if (l->feeding) feeding_weights(pass, l, rates, me);
}

#endif
