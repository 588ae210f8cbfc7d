/* Dense layers: Y = f(W X + b), divided among threads by units, or by samples for dE/dX. */
#ifndef NNKIT_DENSE_LAYER_H
#define NNKIT_DENSE_LAYER_H

#include "dense.h"
#include "layer_end.h"
#include "update.h"

static void dense_layer_forward(
    const struct pass *pass, const struct layer *l, struct member *me) {
    struct rows X = rows_into(pass, l);
    int64_t first, end, to = padded(l->outputs);
    own_part(me, l->outputs, BLOCK, &first, &end);
    dense_forward(
        pass->samples, l->inputs, first, end, params_at(pass, l->weights),
        params_at(pass, l->biases), X.first, X.step, l->output, to);
    activate(l, pass->samples, first, end, l->output, to);
}

static void dense_layer_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    int64_t first, end;
    own_part(me, pass->samples, 1, &first, &end);
    product(
        l->outputs, l->gradient, 1, padded(l->outputs), params_at(pass, l->weights), l->inputs,
        l->inputs, first, end, l[-1].gradient, padded(l->inputs));
    vectors_received(l - 1, first, end);
}

/* The units at a time, whose gradients and weights stay in the cache until the update. */
INLINE int64_t units_at_a_time(int64_t inputs) {
    enum { MOST = 16384 }; /* weights */
    int64_t tiles = MOST / (PRODUCT_ROWS * inputs);
    return PRODUCT_ROWS * (tiles < 1 ? 1 : tiles);
}

static void dense_layer_weights(
    const struct pass *pass, const struct layer *l, const struct rates *rates, struct member *me) {
    const struct program *p = pass->program;
    const real *dZ = l->gradient;
    real *grads = p->grads;
    struct rows X = rows_into(pass, l);
    int64_t samples = pass->samples, first, end, row = padded(l->outputs), inputs = l->inputs;
    own_part(me, l->outputs, BLOCK, &first, &end);
    for (int64_t u = first, units; u < end; u += units) {
        int64_t place = l->weights + u * inputs;
        units = smaller_of(end - u, units_at_a_time(inputs));
        product(
            samples, dZ + u, row, 1, X.first, X.step, inputs, 0, units, grads + place, inputs);
        use_gradients(p, l, rates, l->decays, place, units * inputs);
    }
    if (l->biases < 0) return;
    real *db = grads + l->biases;
    for (int64_t from = first; from < end; from += LANES) {
        vec sum = {0};
        for (int64_t n = 0; n < samples; n++) sum += load(dZ + n * row + from);
        memcpy(db + from, &sum, smaller_of(end - from, LANES) * sizeof *db);
    }
    use_gradients(p, l, rates, 0, l->biases + first, end - first);
}

#endif
