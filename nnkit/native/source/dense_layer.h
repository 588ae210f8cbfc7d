/* Dense layers: Y = f(W X + b), divided among threads by units, or by samples for dE/dX. */
#ifndef NNKIT_DENSE_LAYER_H
#define NNKIT_DENSE_LAYER_H

#include "dense.h"
#include "layer_end.h"

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
