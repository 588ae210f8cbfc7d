/* The gradients of the parameters of recurrent layers: sums over the rows of all steps.
 *
 *     dU = Σ dE/da xᵀ    dW = Σ dE/da s(t−1)ᵀ    db = Σ dE/da
 *
 * Threads divide the rows of gates. Sums grow by stretches of rows that stay in the cache; where
 * these begin does not depend on the number of threads.
 */
#ifndef NNKIT_RECURRENT_WEIGHTS_H
#define NNKIT_RECURRENT_WEIGHTS_H

#include "recurrence.h"

enum { STRETCH = 128 }; /* rows whose gates stay in the cache */

/* Loads vectors of a row, the last of `lanes` numbers. */
INLINE void load_row(const real *from, int64_t vectors, int64_t lanes, vec *to) {
    for (int64_t j = 0; j < vectors - 1; j++) to[j] = load(from + j * LANES);
    from += (vectors - 1) * LANES;
    to[vectors - 1] = lanes == LANES ? load(from) : load_part(from, lanes);
}

INLINE void store_row(const vec *from, int64_t vectors, int64_t lanes, real *to) {
    for (int64_t j = 0; j < vectors - 1; j++) store(to + j * LANES, from[j]);
    to += (vectors - 1) * LANES;
    if (lanes == LANES) store(to, from[vectors - 1]);
    else store_part(to, from[vectors - 1], lanes);
}

/* C[i][j] = Σ_s a[s·step + i·stride] B[s][j], or += if `adds`; rows of B are readable up to the end
 * of their last vector. */
SINGLE void multiply(
    int64_t count, const real *a, int64_t step, int64_t stride, const real *B, int64_t row,
    real *C, int64_t to, int64_t rows, int64_t columns, int adds) {
    int64_t vectors = parts_of(columns, LANES);
    for (int64_t i = 0, some; i < rows; i += some) {
        some = power_up_to(rows - i, PRODUCT_ROWS);
        for (int64_t done = 0, width; done < vectors; done += width) {
            width = next_part(vectors - done, PRODUCT_COLUMNS);
            int64_t lanes = smaller_of(columns - (done + width - 1) * LANES, LANES);
            real *c = C + i * to + done * LANES;
            tile_sums sums[2];
            for (int64_t n = 0; adds && n < some; n++)
                load_row(c + n * to, width, lanes, sums[0][n]);
            product_tile_of(some, width)(
                count, a + i * stride, step, stride, B + done * LANES, row, sums, adds, B);
            for (int64_t n = 0; n < some; n++) store_row(sums[adds][n], width, lanes, c + n * to);
        }
    }
}

/* Neighbouring rows, of which none or all have a state before, also in neighbouring rows. */
struct stretch {
    int64_t first, count;
    int64_t slot;   /* the first, counted within its step */
    int64_t before; /* the row of the first state before; -1 if sequences start here */
};

/* The stretch from the n-th row of the i-th step on; moves both on to the next. */
static struct stretch next_stretch(
    const struct pass *pass, const struct recurrence *r, int64_t *i, int64_t *n) {
    struct step now = step_at(pass, r, *i);
    struct stretch found = {now.first + *n, 0, *n, -1};
    int64_t end = now.rows;
    if (*n < now.running) {
        found.before = now.before + *n;
        end = now.running;
    }
    found.count = smaller_of(end - *n, STRETCH);
    *n += found.count;
    if (*n == now.rows) {
        ++*i;
        *n = 0;
    }
    return found;
}

/* Adds up columns of rows, by four sums so that additions need not wait for each other, and asks for
 * the columns of the next block. */
SINGLE void add_up_rows(const real *a, int64_t step, int64_t count, real *to, int64_t units) {
    for (int64_t u = 0; u < units; u += LANES) {
        int64_t lanes = smaller_of(units - u, LANES), n = 0;
        vec sums[4] = {load_part(to + u, lanes)};
        for (; n + 4 <= count; n += 4)
            for (int i = 0; i < 4; i++) {
                sums[i] += load(a + (n + i) * step + u);
                __builtin_prefetch(a + (n + i) * step + u + BLOCK);
            }
        for (; n < count; n++) sums[0] += load(a + n * step + u);
        store_part(to + u, (sums[0] + sums[1]) + (sums[2] + sums[3]), lanes);
    }
}

/* A block of up to 16 rows of one gate. */
struct gate_block {
    int64_t units;       /* rows that there are */
    int64_t row;         /* the first, of U, W and b */
    int64_t column;      /* of the gradients of gates */
    int64_t product;     /* of those of the products of a GRU's candidate; -1 for other gates */
};

INLINE struct gate_block gate_block_at(const struct recurrence *r, int64_t b) {
    int64_t first = b / r->gates * BLOCK, gate = b % r->gates;
    return (struct gate_block){
        smaller_of(r->units - first, BLOCK), gate * r->units + first, b * BLOCK,
        r->cell == CELL_GRU && gate == 2 ? first : -1};
}

/* Adds the gradients of a stretch. */
static void add_stretch(
    const struct pass *pass, const struct layer *l, const struct recurrence *r,
    struct gate_block block, struct stretch at) {
    real *grads = pass->program->grads;
    struct rows X = rows_into(pass, l);
    int64_t inputs = l->inputs, units = r->units, row = padded(units), step = r->sums_row;
    const real *a = (const real *)r->sums + at.first * step + block.column;
    add_up_rows(a, step, at.count, grads + r->biases + block.row, block.units);
    multiply(
        at.count, a, step, 1, X.first + at.first * X.step, X.step,
        grads + r->input_weights + block.row * inputs, inputs, block.units, inputs, 1);
    if (block.product >= 0) {
        a = (const real *)r->products + at.first * row + block.product;
        step = row;
        add_up_rows(a, step, at.count, grads + r->product_biases + block.product, block.units);
    }
    if (at.before < 0 && !has_start(r)) return;
    const real *before = (const real *)r->start + at.slot * r->start_row;
    if (at.before >= 0) before = (const real *)r->states + at.before * row;
    multiply(
        at.count, a, step, 1, before, at.before < 0 ? r->start_row : row,
        grads + r->state_weights + block.row * units, units, block.units, units, 1);
}

/* Sets gradients to 0, or updates parameters by them. */
SINGLE void begin_or_end(
    const struct program *p, const struct layer *l, const struct rates *rates, int64_t decays,
    int64_t place, int64_t count, int begins) {
    if (begins) memset((real *)p->grads + place, 0, count * sizeof(real));
    else update_parameters(p, l, rates, decays, place, count);
}

/* The same for all parameters of a block of gates. */
static void begin_or_end_block(
    const struct program *p, const struct layer *l, const struct recurrence *r,
    const struct rates *rates, struct gate_block at, int begins) {
    int64_t inputs = l->inputs, units = r->units;
    begin_or_end(
        p, l, rates, l->decays, r->input_weights + at.row * inputs, at.units * inputs, begins);
    begin_or_end(
        p, l, rates, l->decays, r->state_weights + at.row * units, at.units * units, begins);
    begin_or_end(p, l, rates, 0, r->biases + at.row, at.units, begins);
    if (at.product >= 0)
        begin_or_end(p, l, rates, 0, r->product_biases + at.product, at.units, begins);
}

/* The gradients of the initial state: those that the first step has left for each sequence. */
static void initial_weights(
    const struct pass *pass, const struct layer *l, const struct recurrence *r,
    const struct rates *rates) {
    const struct program *p = pass->program;
    for (int i = 0; i < 2; i++) {
        if (r->initial[i] < 0) continue;
        const real *d = i ? r->cell_gradients : r->state_gradients;
        begin_or_end(p, l, rates, 0, r->initial[i], r->units, 1);
        add_up_rows(
            d, padded(r->units), pass->samples, (real *)p->grads + r->initial[i], r->units);
        begin_or_end(p, l, rates, 0, r->initial[i], r->units, 0);
    }
}

static void recurrent_weights(
    const struct pass *pass, const struct layer *l, const struct rates *rates, struct member *me) {
    const struct program *p = pass->program;
    for (int64_t d = 0; d < l->directions; d++) {
        const struct recurrence *r = l->recurrences + d;
        int64_t first, end;
        own_part(me, gate_numbers(r) / BLOCK, 1, &first, &end);
        for (int64_t b = first; b < end; b++)
            begin_or_end_block(p, l, r, rates, gate_block_at(r, b), 1);
        for (int64_t i = 0, n = 0; i < p->steps;) {
            struct stretch at = next_stretch(pass, r, &i, &n);
            for (int64_t b = first; at.count > 0 && b < end; b++)
                add_stretch(pass, l, r, gate_block_at(r, b), at);
        }
        for (int64_t b = first; b < end; b++)
            begin_or_end_block(p, l, r, rates, gate_block_at(r, b), 0);
        if (me->index == 0) initial_weights(pass, l, r, rates);
    }
}

#endif
