/* One direction of a recurrent layer: its steps, and its parameters in the order of the kernels. */
#ifndef NNKIT_RECURRENCE_H
#define NNKIT_RECURRENCE_H

#include "dense_packed.h"
#include "layer_end.h"
#include "sequences.h"

/* A step, and the one taken before it. */
struct step {
    int64_t first, rows;     /* its first row, and the number of its rows */
    int64_t before, running; /* the first row of the step before; the sequences that ran there */
};

/* Neighbouring rows of a step. */
struct group {
    int64_t first, count;
    int64_t slot;   /* the first, counted within its step */
    int64_t before; /* the first row of their states before; -1 if they start here */
};

/* The i-th step in the order in which a direction reads sequences. */
SINGLE struct step step_at(const struct pass *pass, const struct recurrence *r, int64_t i) {
    int64_t last = pass->program->steps - 1, t = r->reverse ? last - i : i;
    struct step now = {start_of_step(pass, t), rows_of_step(pass, t), 0, 0};
    if (i > 0) {
        int64_t before = r->reverse ? t + 1 : t - 1;
        now.before = start_of_step(pass, before);
        now.running = smaller_of(now.rows, rows_of_step(pass, before));
    }
    return now;
}

/* As many rows of a step, from the n-th on and before `end`, as fit into a tile and start alike. */
SINGLE struct group group_at(const struct step *now, int64_t n, int64_t end) {
    int goes_on = n < now->running;
    int64_t rows = (goes_on ? smaller_of(now->running, end) : end) - n;
    return (struct group){
        now->first + n, power_up_to(rows, PRODUCT_ROWS), n, goes_on ? now->before + n : -1};
}

/* Runs the statement that follows for the n-th row of each block of rows that a thread works on. */
#define FOR_OWN_BLOCKS(member, n, rows)                          \
    for (int64_t n = (member)->index * PRODUCT_ROWS; n < (rows); \
         n += (member)->count * PRODUCT_ROWS)

/* Panels have as many blocks of 16 units as make three vectors, or the gates of one block. */
INLINE int64_t most_blocks(const struct recurrence *r) {
    return r->gates == 1 ? parts_of(PRODUCT_COLUMNS * LANES, BLOCK) : 1;
}

/* The first block of the panel that block v is in. */
INLINE int64_t panel_of(const struct recurrence *r, int64_t v) {
    return v / most_blocks(r) * most_blocks(r);
}

/* The number of blocks of that panel. */
INLINE int64_t panel_width(const struct recurrence *r, int64_t v) {
    return smaller_of(parts_of(r->units, BLOCK) - panel_of(r, v), most_blocks(r));
}

/* The units, filled up to whole blocks. */
INLINE int64_t units_of_blocks(const struct recurrence *r) {
    return parts_of(r->units, BLOCK) * BLOCK;
}

/* The numbers of a row of gates. */
INLINE int64_t gate_numbers(const struct recurrence *r) { return r->gates * units_of_blocks(r); }

/* Whether the initial state may differ from 0. */
INLINE int has_start(const struct recurrence *r) { return r->initial[0] >= 0 || r->start_row; }

/* The state before the first row of a group, or the cell if `number` is 1. */
INLINE const real *vector_before(const struct recurrence *r, const struct group *at, int number) {
    int64_t row = padded(r->units);
    if (at->before < 0) return (const real *)r->start + at->slot * r->start_row + number * row;
    return (const real *)(number ? r->cells : r->states) + at->before * row;
}

/* --- parameters ------------------------------------------------------------------------------ */

/* Packs the weights (gates · units, inputs) of a block of units, transposed, into a panel. */
static void pack_block(
    const real *W, int64_t inputs, int64_t units, int64_t before, int64_t gates, real *to,
    int64_t row) {
    for (int64_t g = 0; g < gates; g++)
        for (int64_t u = 0; u < BLOCK; u += LANES)
            for (int64_t k = 0; k < inputs; k += LANES)
                copy_transposed(
                    W + (g * units + u) * inputs + k, inputs, units - before - u, inputs - k,
                    to + k * row + g * BLOCK + u, row, smaller_of(inputs - k, LANES));
}

/* Copies the rows of weights (gates · units, columns) of a block of units; other rows become 0. */
static void order_block(
    const real *W, int64_t columns, int64_t units, int64_t before, int64_t gates, real *to) {
    int64_t row = padded(columns);
    for (int64_t g = 0; g < gates; g++)
        for (int64_t u = 0; u < BLOCK; u++, to += row) {
            int64_t known = before + u < units ? columns : 0;
            if (known) memcpy(to, W + (g * units + u) * columns, known * sizeof *to);
            memset(to + known, 0, (row - known) * sizeof *to);
        }
}

/* Copies numbers of units, or none if there are none, and writes zeros up to the end of the row. */
SINGLE void copy_units(const real *from, int64_t units, real *to, int64_t row) {
    int64_t known = from ? units : 0;
    if (from) memcpy(to, from, known * sizeof *to);
    memset(to + known, 0, (row - known) * sizeof *to);
}

/* Copies the biases and the initial state. */
static void pack_vectors(const struct pass *pass, const struct recurrence *r) {
    int64_t units = r->units, row = padded(units), numbers = gate_numbers(r);
    real *biases = r->biases_packed;
    const real *b = params_at(pass, r->biases);
    for (int64_t v = 0; v < units; v += BLOCK)
        for (int64_t g = 0; g < r->gates; g++)
            copy_units(
                b + g * units + v, smaller_of(units - v, BLOCK), biases + v * r->gates + g * BLOCK,
                BLOCK);
    copy_units(params_at(pass, r->product_biases), units, biases + numbers, row);
    for (int i = 0; i < 2 && !r->start_row; i++)
        copy_units(params_at(pass, r->initial[i]), units, (real *)r->start + i * row, row);
}

/* Puts a thread's share of the parameters in order. */
static void pack_recurrence(
    const struct pass *pass, const struct recurrence *r, int64_t inputs, struct member *me) {
    int64_t units = r->units, gates = r->gates, blocks = parts_of(units, BLOCK), first, end;
    const real *U = params_at(pass, r->input_weights), *W = params_at(pass, r->state_weights);
    own_part(me, blocks, 1, &first, &end);
    for (int64_t v = first; v < end; v++) {
        /* Weights of gates lie `units` rows apart; those of this block begin at its first unit. */
        const real *U_v = U + v * BLOCK * inputs, *W_v = W + v * BLOCK * units;
        int64_t at = v * gates * BLOCK, panel = panel_of(r, v), width = panel_width(r, v);
        int64_t row = width * gates * BLOCK, within = (v - panel) * gates * BLOCK;
        real *to = (real *)r->inputs_packed + panel * gates * BLOCK * inputs + within;
        pack_block(U_v, inputs, units, v * BLOCK, gates, to, row);
        to = (real *)r->states_packed + panel * gates * BLOCK * units + within;
        pack_block(W_v, units, units, v * BLOCK, gates, to, row);
        if (!r->inputs_ordered) continue;
        to = (real *)r->inputs_ordered + at * padded(inputs);
        order_block(U_v, inputs, units, v * BLOCK, gates, to);
        to = (real *)r->states_ordered + at * padded(units);
        order_block(W_v, units, units, v * BLOCK, gates, to);
    }
    if (me->index == 0) pack_vectors(pass, r);
}

#endif
