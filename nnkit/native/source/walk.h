/* The walk through a network: forward, backward, and whole training steps.
 *
 * All threads run the same functions at once. Each computes its part of a layer, units or samples,
 * and waits for the others before the next. No sum is divided among threads, so results do not
 * depend on how many there are.
 */
#ifndef NNKIT_WALK_H
#define NNKIT_WALK_H

#include "activations.h"
#include "conv.h"
#include "dense.h"
#include "losses.h"
#include "team.h"



INLINE int64_t padded(int64_t count) { return (count + BLOCK - 1) / BLOCK * BLOCK; }

INLINE void forward(const struct program *p, int64_t samples, struct member *me) {
    const real *X = p->input;
    const real *params = p->params;
    int64_t row = p->input_row;
    for (int64_t i = 0; i < p->layer_count; i++) {
        const struct layer *l = p->layers + i;
        int64_t first, end, to = padded(l->outputs);
        own_part(me, l->outputs, BLOCK, &first, &end);
        dense_forward(
            samples, l->inputs, first, end, params + l->weights,
            l->biases < 0 ? 0 : params + l->biases, X, row, l->output, to);
        activate(l, samples, first, end, l->output, to);
        wait_for_all(me);
        X = l->output;
        row = to;
    }
}

/* The update of one block of parameters at a step; stores gradients if there is no update. */
INLINE struct rule rule_of(
    const struct program *p, const struct rates *rates, double lr_factor, int64_t decays) {
    struct rule rule = {.kind = UPDATE_NONE};
    if (!rates) return rule;
    rule.kind = p->update;
    rule.rate = (real)(rates->rate * lr_factor);
    rule.eps = (real)rates->eps;
    rule.beta1 = (real)p->beta1;
    rule.beta2 = (real)p->beta2;
    rule.momentum = (real)p->momentum;
    rule.keep = decays ? (real)(1 - rates->lr * lr_factor * p->decay) : 1;
    rule.l2 = decays ? (real)p->l2 : 0;
    rule.first = p->first;
    rule.second = p->second;
    return rule;
}

/* Backpropagates from the gradient of the last layer's output; updates parameters on the way. */
INLINE void backward(
    const struct program *p, int64_t samples, const struct rates *rates, struct member *me) {
    const struct rule to_memory = {.kind = UPDATE_NONE};
    real *params = p->params, *grads = p->grads;
    for (int64_t i = p->layer_count - 1; i >= p->first_trained; i--) {
        const struct layer *l = p->layers + i;
        int64_t row = padded(l->outputs), from, first, end;
        const real *dZ = l->gradient;
        if (i > p->first_trained) {
            own_part(me, samples, 1, &first, &end);
            product(
                l->outputs, dZ, 1, row, params + l->weights, l->inputs, l->inputs, first, end,
                &to_memory, 0, l[-1].gradient, 0, padded(l->inputs));
            activation_gradient(
                l - 1, first, end, l[-1].outputs, l[-1].output, l[-1].gradient,
                padded(l->inputs));
            wait_for_all(me); /* before the weights change, and for the next layer */
        }
        if (l->lr_factor == 0) continue;
        own_part(me, l->outputs, BLOCK, &first, &end);
        struct rule rule = rule_of(p, rates, l->lr_factor, l->decays);
        const real *X = i > 0 ? l[-1].output : p->input;
        int64_t input_row = i > 0 ? padded(l->inputs) : p->input_row;
        product(
            samples, dZ, row, 1, X, input_row, l->inputs, first, end, &rule, params, grads,
            l->weights, l->inputs);
        if (l->biases < 0) continue;
        rule = rule_of(p, rates, l->lr_factor, 0);
        for (from = first; from < end; from += LANES) {
            vec sum = {0};
            for (int64_t n = 0; n < samples; n++) sum += load(dZ + n * row + from);
            update_part(
                &rule, params, grads, l->biases + from, sum,
                end - from < LANES ? end - from : LANES);
        }
    }
}

/* The mean loss of the batch; writes dE/dZ of the last layer. */
INLINE double loss_of(const struct program *p, int64_t samples) {
    const struct layer *last = p->layers + p->layer_count - 1;
    int64_t row = padded(last->outputs);
    double loss = mean_loss(p, samples, last->outputs, last->output, row, last->gradient);
    activation_gradient(
        last, 0, samples, last->outputs, last->output, last->gradient, row);
    return loss;
}

/* Applies the output activation that the loss has left out, in place. */
INLINE void apply_head(const struct program *p, int64_t samples, struct member *me) {
    const struct layer *last = p->layers + p->layer_count - 1;
    int64_t first, end, row = padded(last->outputs);
    own_part(me, samples, 1, &first, &end);
    real *Z = (real *)last->output + first * row;
    if (p->head == ACTIVATION_SOFTMAX) softmax(end - first, last->outputs, Z, row);
    else {
        struct layer head = {.activation = p->head};
        activate(&head, end - first, 0, last->outputs, Z, row);
    }
}

/* Copies a thread's samples of a batch from the data set. */
INLINE void gather(
    const struct program *p, const int64_t *order, int64_t samples, struct member *me) {
    int64_t first, end, inputs = p->layers[0].inputs, row = padded(inputs);
    int64_t outputs = p->layers[p->layer_count - 1].outputs;
    real *X = p->batch, *T = p->target;
    own_part(me, samples, 1, &first, &end);
    for (int64_t n = first; n < end; n++) {
        int64_t i = order[n];
        memcpy(X + n * row, (const real *)p->inputs + i * inputs, inputs * sizeof *X);
        if (p->target_kind == TARGET_NUMBERS) {
            memcpy(T + n * outputs, (const real *)p->targets + i * outputs, outputs * sizeof *T);
        } else {
            int64_t class = ((const int64_t *)p->targets)[i];
            for (int64_t k = 0; k < outputs; k++)
                T[n * outputs + k] = (real)(k == class ? p->on : p->off);
        }
        if (p->weights) ((real *)p->weight)[n] = ((const real *)p->weights)[i];
    }
}

/* Asks for the samples of the next batch, which lie all over the data set. */
INLINE void prefetch(
    const struct program *p, const int64_t *order, int64_t samples, struct member *me) {
    int64_t first, end, inputs = p->layers[0].inputs;
    own_part(me, samples, 1, &first, &end);
    for (int64_t n = first; n < end; n++) {
        const char *row = (const char *)((const real *)p->inputs + order[n] * inputs);
        for (size_t at = 0; at < inputs * sizeof(real); at += 64) __builtin_prefetch(row + at);
    }
}

#endif
