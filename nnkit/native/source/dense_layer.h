/* Dense layers: Y = f(W X + b), divided among threads by units, or by samples for dE/dX and where a
 * thread takes its samples through all layers. */
#ifndef NNKIT_DENSE_LAYER_H
#define NNKIT_DENSE_LAYER_H

#include "dense_packed.h"
#include "layer_end.h"
#include "pace.h"

enum { CACHED = 1 << 18 }; /* bytes of inputs that stay in a core's cache beside weights */

/* The samples whose inputs fit into the cache, in whole tiles of `tile` samples. */
INLINE int64_t samples_in_cache(int64_t inputs, int64_t tile) {
    int64_t tiles = CACHED / (int64_t)sizeof(real) / inputs / tile;
    return tiles > 0 ? tiles * tile : tile;
}

static void dense_layer_forward(
    const struct pass *pass, const struct layer *l, struct member *me) {
    struct rows X = rows_into(pass, l);
    int64_t first, end, to = padded(l->outputs);
    own_part(me, l->outputs, BLOCK, &first, &end);
    dense_forward(
        rows_of(pass, l), l->inputs, first, end, params_at(pass, l->weights),
        params_at(pass, l->biases), X.first, X.step, l->output, to, X.first, 0);
    activate(l, rows_of(pass, l), first, end, l->output, to);
}

static void pack_layer(const struct pass *pass, const struct layer *l, const struct member *me) {
    if (!pack(l->inputs, l->outputs, params_at(pass, l->weights), l->packed, me))
        __atomic_store_n(&pass->program->packing->is_finite, 0, __ATOMIC_RELAXED);
}

/* Whether the weights of layers have been packed before this pass. */
INLINE int is_packed(const struct pass *pass) {
    return pass->is_prepared || pass->program->packing->is_kept;
}

/* Whether a layer's weights are used packed. */
INLINE int uses_packed(const struct pass *pass, const struct layer *l) {
    int is_kept = (int)pass->program->packing->is_kept;
    return l->packed && is_worth_packing(pass->samples, l->inputs, l->outputs, is_kept);
}

/* Writes zeros behind the outputs, up to the end of the last vector: packed weights of the next layer
 * multiply by 0 what is there. */
static void clear_ends(int64_t samples, int64_t outputs, real *Y, int64_t row) {
    for (int64_t n = 0; n < samples; n++)
        for (int64_t u = outputs; u % LANES; u++) Y[n * row + u] = 0;
}

/* Y of a few samples, from row `from` of the inputs, into row `to`; `numbers` numbers are read next. */
static void dense_samples_forward(
    const struct pass *pass, const struct layer *l, int64_t samples, int64_t from, int64_t to,
    const real *next, int64_t numbers) {
    struct rows X = rows_into(pass, l);
    int64_t row = padded(l->outputs);
    const real *b = params_at(pass, l->biases), *x = X.first + from * X.step;
    real *Y = (real *)l->output + to * row;
    if (uses_packed(pass, l))
        dense_forward_packed(
            samples, l->inputs, l->outputs, l->packed, b, x, X.step, Y, row,
            (int)pass->program->packing->is_finite, next, numbers);
    else {
        dense_forward(
            samples, l->inputs, 0, l->outputs, params_at(pass, l->weights), b, x, X.step, Y, row,
            next, numbers);
        clear_ends(samples, l->outputs, Y, row);
    }
    activate(l, samples, 0, l->outputs, Y, row);
}

static void dense_layer_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    int64_t first, end;
    struct destination dX = {.first = l[-1].gradient, .step = padded(l->inputs)};
    own_part(me, rows_of(pass, l), 1, &first, &end);
    product(
        l->outputs, l->gradient, 1, padded(l->outputs), params_at(pass, l->weights), l->inputs,
        l->inputs, first, end, &dX);
    vectors_received(l - 1, first, end);
}

/* dW = Σ dZ xᵀ over rows, or the update of weights at a place, for units `first` to `end`. */
SINGLE void weights_of_rows(
    const struct pass *pass, const struct layer *l, const struct rates *rates, int64_t place,
    int64_t count, const real *dZ, int64_t row, struct rows X, int64_t inputs, int64_t first,
    int64_t end) {
    const struct program *p = pass->program;
    struct destination dW = {.first = (real *)p->grads + place, .place = place, .step = inputs};
    struct rule rule;
    if (rates) {
        rule = rule_at(p->update, rates, l->lr_factor, l->decays);
        dW.rule = &rule;
    }
    product(count, dZ, row, 1, X.first, X.step, inputs, first, end, &dW);
}

/* db = Σ dZ, likewise. */
SINGLE void biases_of_rows(
    const struct pass *pass, const struct layer *l, const struct rates *rates, int64_t place,
    int64_t count, const real *dZ, int64_t row, int64_t first, int64_t end) {
    const struct program *p = pass->program;
    for (int64_t from = first; from < end; from += LANES) {
        vec sum = {0};
        for (int64_t n = 0; n < count; n++) sum += load(dZ + n * row + from);
        store_part((real *)p->grads + place + from, sum, smaller_of(end - from, LANES));
    }
    update_parameters(p, l, rates, 0, place + first, end - first);
}

static void dense_layer_weights(
    const struct pass *pass, const struct layer *l, const struct rates *rates, struct member *me) {
    int64_t samples = rows_of(pass, l), first, end, row = padded(l->outputs);
    own_part(me, l->outputs, BLOCK, &first, &end);
    weights_of_rows(
        pass, l, rates, l->weights, samples, l->gradient, row, rows_into(pass, l), l->inputs, first,
        end);
    if (l->biases >= 0)
        biases_of_rows(pass, l, rates, l->biases, samples, l->gradient, row, first, end);
}

#endif
