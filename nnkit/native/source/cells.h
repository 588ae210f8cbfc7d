/* The cells of recurrent layers: the state after a step, and the gradients of its gates.
 *
 * The formulas are those of `nnkit/nn/layers/rnn.py`, `lstm.py` and `gru.py`. A call computes some rows
 * of a step for one block of 16 units, of which all gates lie together.
 */
#ifndef NNKIT_CELLS_H
#define NNKIT_CELLS_H

#include "gate_functions.h"
#include "recurrence.h"

/* Where a block of units lies in the arrays of all steps, in the first row of a group. */
struct cell_rows {
    int64_t row, gates_row;      /* numbers from a row to the next */
    real *gates;                 /* (gates, 16) */
    real *state, *cell, *tanh_cell, *product;
    const real *state_before, *cell_before;
    int64_t before_row;          /* 0 if all rows have the same */
    const real *bias, *product_bias;
    real *d_state, *d_cell;      /* dE/ds and dE/dc: of the step, then of the one before */
    real *d_gates;               /* dE/d(W s) of a GRU, (gates, 16) */
    int64_t d_gates_row;
};

/* The derivative of σ and tanh, from their values. */
INLINE vec sigmoid_slope(vec y) { return (1 - y) * y; }
INLINE vec tanh_slope(vec y) { return 1 - y * y; }

/* --- LSTM: c = f ⊙ c′ + i ⊙ g, s = o ⊙ tanh c ------------------------------------------------ */

INLINE void lstm_advance(struct cell_rows *at, const real *sum, int64_t u) {
    const real *b = at->bias + u;
    real *a = at->gates + u;
    sum += u;
    vec i = gate_sigmoid(load(a) + load(sum) + load(b));
    vec f = gate_sigmoid(load(a + BLOCK) + load(sum + BLOCK) + load(b + BLOCK));
    vec o = gate_sigmoid(load(a + 2 * BLOCK) + load(sum + 2 * BLOCK) + load(b + 2 * BLOCK));
    vec g = gate_tanh(load(a + 3 * BLOCK) + load(sum + 3 * BLOCK) + load(b + 3 * BLOCK));
    vec c = f * load(at->cell_before + u) + i * g, tanh_c = gate_tanh(c);
    store(a, i);
    store(a + BLOCK, f);
    store(a + 2 * BLOCK, o);
    store(a + 3 * BLOCK, g);
    store(at->cell + u, c);
    store(at->tanh_cell + u, tanh_c);
    store(at->state + u, o * tanh_c);
}

INLINE void lstm_retreat(struct cell_rows *at, int64_t u) {
    real *a = at->gates + u;
    vec i = load(a), f = load(a + BLOCK), o = load(a + 2 * BLOCK), g = load(a + 3 * BLOCK);
    vec tanh_c = load(at->tanh_cell + u), ds = load(at->d_state + u);
    vec dc = load(at->d_cell + u) + tanh_slope(tanh_c) * o * ds;
    store(a, dc * g * sigmoid_slope(i));
    store(a + BLOCK, dc * load(at->cell_before + u) * sigmoid_slope(f));
    store(a + 2 * BLOCK, ds * tanh_c * sigmoid_slope(o));
    store(a + 3 * BLOCK, dc * i * tanh_slope(g));
    store(at->d_cell + u, dc * f);
}

/* --- GRU: h = W s′ + d, n = tanh(a + r ⊙ h), s = n + z ⊙ (s′ − n) ---------------------------- */

INLINE void gru_advance(struct cell_rows *at, const real *sum, int64_t u) {
    const real *b = at->bias + u;
    real *a = at->gates + u;
    sum += u;
    vec r = gate_sigmoid(load(a) + load(sum) + load(b));
    vec z = gate_sigmoid(load(a + BLOCK) + load(sum + BLOCK) + load(b + BLOCK));
    vec h = load(sum + 2 * BLOCK) + load(at->product_bias + u);
    vec n = gate_tanh(load(a + 2 * BLOCK) + load(b + 2 * BLOCK) + r * h);
    store(a, r);
    store(a + BLOCK, z);
    store(a + 2 * BLOCK, n);
    store(at->product + u, h);
    store(at->state + u, (load(at->state_before + u) - n) * z + n);
}

INLINE void gru_retreat(struct cell_rows *at, int64_t u) {
    real *a = at->gates + u, *d = at->d_gates + u;
    vec r = load(a), z = load(a + BLOCK), n = load(a + 2 * BLOCK), ds = load(at->d_state + u);
    vec dz = ds * (load(at->state_before + u) - n) * sigmoid_slope(z);
    vec dn = (ds - ds * z) * tanh_slope(n), dh = dn * r;
    vec dr = dn * load(at->product + u) * sigmoid_slope(r);
    store(a, dr);
    store(a + BLOCK, dz);
    store(a + 2 * BLOCK, dn);
    store(d, dr);
    store(d + BLOCK, dz);
    store(d + 2 * BLOCK, dh);
    store(at->product + u, dh);
    store(at->d_state + u, ds * z);
}

/* --- RNN: s = f(a), the gates are a alone ----------------------------------------------------- */

/* The function of an RNN, as that of a layer. */
INLINE struct layer function_of(const struct recurrence *r) {
    return (struct layer){.activation = r->function, .a = r->a, .b = r->b, .c = r->c};
}

static void rnn_advance(
    const struct recurrence *r, struct cell_rows at, int64_t rows, int64_t units, const real *sums,
    int64_t sums_row) {
    struct layer f = function_of(r);
    int is_tanh = r->function == ACTIVATION_TANH && r->a == 1 && r->b == 1;
    for (int64_t n = 0; n < rows; n++)
        for (int64_t u = 0; u < units; u += LANES) {
            real *s = at.state + n * at.row + u;
            vec a = load(s) + load(sums + n * sums_row + u) + load(at.bias + u);
            store(s, is_tanh ? gate_tanh(a) : a);
        }
    if (!is_tanh) activate(&f, rows, 0, units, at.state, at.row);
}

static void rnn_retreat(
    const struct recurrence *r, struct cell_rows at, int64_t rows, int64_t units) {
    struct layer f = function_of(r);
    activation_gradient(&f, 0, rows, units, at.state, at.d_state, at.row);
    for (int64_t n = 0; n < rows; n++)
        memcpy(at.gates + n * at.gates_row, at.d_state + n * at.row, units * sizeof(real));
}

/* --- rows and blocks ------------------------------------------------------------------------- */

/* The rows of a group; `slot` is the first of its rows among those of the step. */
INLINE struct cell_rows cell_rows_at(
    const struct recurrence *r, const struct group *at, int64_t slot, int64_t scratch, int64_t v) {
    int64_t row = padded(r->units), u = v * BLOCK, g = u * r->gates;
    int64_t place = at->first * row + u;
    return (struct cell_rows){
        .row = row, .gates_row = r->sums_row,
        .gates = (real *)r->sums + at->first * r->sums_row + g,
        .state = (real *)r->states + place, .cell = (real *)r->cells + place,
        .tanh_cell = (real *)r->tanh_cells + place, .product = (real *)r->products + place,
        .state_before = vector_before(r, at, 0) + u, .cell_before = vector_before(r, at, 1) + u,
        .before_row = at->before < 0 ? 0 : row,
        .bias = (real *)r->biases_packed + g,
        .product_bias = (real *)r->biases_packed + gate_numbers(r) + u,
        .d_state = (real *)r->state_gradients + slot * row + u,
        .d_cell = (real *)r->cell_gradients + slot * row + u,
        .d_gates = (real *)r->row_gradients + scratch * gate_numbers(r) + g,
        .d_gates_row = gate_numbers(r),
    };
}

INLINE void next_row(struct cell_rows *at) {
    at->gates += at->gates_row;
    at->state += at->row;
    at->cell += at->row;
    at->tanh_cell += at->row;
    at->product += at->row;
    at->state_before += at->before_row;
    at->cell_before += at->before_row;
    at->d_state += at->row;
    at->d_cell += at->row;
    at->d_gates += at->d_gates_row;
}

/* The next block of units of the same row. */
INLINE void next_block(struct cell_rows *at, int64_t gates) {
    at->gates += gates * BLOCK;
    at->d_gates += gates * BLOCK;
    at->state += BLOCK;
    at->cell += BLOCK;
    at->tanh_cell += BLOCK;
    at->product += BLOCK;
    at->state_before += BLOCK;
    at->cell_before += BLOCK;
    at->d_state += BLOCK;
    at->d_cell += BLOCK;
}

/* The states of some rows, from U x in the gates and W s of the rows, `sums_row` apart. */
static __attribute__((noinline)) void advance_rows(
    int64_t cell, struct cell_rows at, int64_t rows, const real *sums, int64_t sums_row) {
    for (int64_t n = 0; n < rows; n++, next_row(&at), sums += sums_row)
        for (int64_t u = 0; u < BLOCK; u += LANES)
            if (cell == CELL_LSTM) lstm_advance(&at, sums, u);
            else gru_advance(&at, sums, u);
}

/* The gradients of the gates of some rows, for all blocks of units from the first on. */
static __attribute__((noinline)) void retreat_rows(
    const struct recurrence *r, struct cell_rows at, int64_t rows) {
    int64_t blocks = parts_of(r->units, BLOCK);
    for (int64_t n = 0; n < rows; n++, next_row(&at)) {
        struct cell_rows here = at;
        for (int64_t v = 0; v < blocks; v++, next_block(&here, r->gates))
            for (int64_t u = 0; u < BLOCK; u += LANES)
                if (r->cell == CELL_LSTM) lstm_retreat(&here, u);
                else gru_retreat(&here, u);
    }
}

#endif
