/* Dense layers: Y = f(W X + b), divided among threads by units, or by samples for dE/dX and with
 * packed weights. */
#ifndef NNKIT_DENSE_LAYER_H
#define NNKIT_DENSE_LAYER_H

#include "dense_packed.h"
#include "layer_end.h"

enum { CACHED = 1 << 18 }; /* bytes of inputs that stay in a core's cache beside weights */

/* The samples whose inputs fit into the cache, in whole tiles of `tile` samples. */
INLINE int64_t samples_in_cache(int64_t inputs, int64_t tile) {
    int64_t tiles = CACHED / (int64_t)sizeof(real) / inputs / tile;
    return tiles > 0 ? tiles * tile : tile;
}

static void dense_layer_forward(
    const struct pass *pass, const struct layer *l, struct member *me) {
    struct rows X = rows_into(pass, l);
    int64_t first, end, to = padded(l->outputs), most = samples_in_cache(l->inputs, TILE_COLUMNS);
    own_part(me, l->outputs, BLOCK, &first, &end);
    for (int64_t n = 0, count; n < pass->samples; n += count) {
        count = next_part(pass->samples - n, most);
        real *Y = (real *)l->output + n * to;
        dense_forward(
            count, l->inputs, first, end, params_at(pass, l->weights), params_at(pass, l->biases),
            X.first + n * X.step, X.step, Y, to);
        activate(l, count, first, end, Y, to);
    }
}

static void pack_layer(const struct pass *pass, const struct layer *l, struct member *me) {
    pack(l->inputs, l->outputs, params_at(pass, l->weights), l->packed, me);
}

/* Y of a few samples by packed weights, from row `from` of the inputs, into row `to`. */
static void packed_layer_forward(
    const struct pass *pass, const struct layer *l, int64_t samples, int64_t from, int64_t to) {
    struct rows X = rows_into(pass, l);
    int64_t row = padded(l->outputs);
    real *Y = (real *)l->output + to * row;
    dense_forward_packed(
        samples, l->inputs, l->outputs, l->packed, params_at(pass, l->biases),
        X.first + from * X.step, X.step, Y, row);
    activate(l, samples, 0, l->outputs, Y, row);
}

static void dense_layer_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct rule to_memory = {.kind = UPDATE_NONE};
    int64_t first, end;
    own_part(me, pass->samples, 1, &first, &end);
    product(
        l->outputs, l->gradient, 1, padded(l->outputs), params_at(pass, l->weights), l->inputs,
        l->inputs, first, end, &to_memory, 0, l[-1].gradient, 0, padded(l->inputs));
    vectors_received(l - 1, first, end);
}

static void dense_layer_weights(
    const struct pass *pass, const struct layer *l, const struct rates *rates, struct member *me) {
    const struct program *p = pass->program;
    const real *dZ = l->gradient;
    struct rows X = rows_into(pass, l);
    int64_t samples = pass->samples, first, end, row = padded(l->outputs);
    own_part(me, l->outputs, BLOCK, &first, &end);
    struct rule rule = rule_of(p, rates, l->lr_factor, l->decays);
    product(
        samples, dZ, row, 1, X.first, X.step, l->inputs, first, end, &rule, p->params, p->grads,
        l->weights, l->inputs);
    if (l->biases < 0) return;
    rule = rule_of(p, rates, l->lr_factor, 0);
    for (int64_t from = first; from < end; from += LANES) {
        vec sum = {0};
        for (int64_t n = 0; n < samples; n++) sum += load(dZ + n * row + from);
        update_part(
            &rule, p->params, p->grads, l->biases + from, sum,
            end - from < LANES ? end - from : LANES);
    }
}

#endif
