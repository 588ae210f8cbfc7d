/* The walk through a network: forward, backward, and whole training steps.
 *
 * All threads run the same functions at once. Each computes its part of a layer, units or samples,
 * and waits for the others before the next. No sum is divided among threads, so results do not
 * depend on how many there are.
 */
#ifndef NNKIT_WALK_H
#define NNKIT_WALK_H

#include "constraints.h"
#include "gather.h"
#include "layers.h"
#include "losses.h"
#include "update_pass.h"

/* Computes the outputs of the layers from `first` on. */
SINGLE void forward(const struct pass *pass, int64_t first, struct member *me) {
    const struct program *p = pass->program;
    for (int64_t i = first; i < p->layer_count; i++) {
        const struct layer *l = p->layers + i;
        LAYER_FUNCTIONS[l->kind].forward(pass, l, me);
        wait_for_all(me);
    }
}

/* Backpropagates from the gradient of the last layer's output; updates parameters on the way, or
 * writes their gradients if there are no rates. */
SINGLE void backward(const struct pass *pass, const struct rates *rates, struct member *me) {
    const struct program *p = pass->program;
    for (int64_t i = 0; i < p->layer_count; i++) {
        const struct layer *l = p->layers + i;
        if (LAYER_FUNCTIONS[l->kind].remember) LAYER_FUNCTIONS[l->kind].remember(pass, l, me);
    }
    for (int64_t i = p->layer_count - 1; i >= p->first_trained; i--) {
        const struct layer *l = p->layers + i;
        if (LAYER_FUNCTIONS[l->kind].through_time) {
            LAYER_FUNCTIONS[l->kind].through_time(pass, l, me);
            wait_for_all(me);
        }
        if (i > p->first_trained) {
            LAYER_FUNCTIONS[l->kind].inputs(pass, l, me);
            wait_for_all(me); /* before the weights change, and for the next layer */
        }
        if (l->lr_factor != 0) LAYER_FUNCTIONS[l->kind].weights(pass, l, rates, me);
    }
}

/* Backpropagates and updates the parameters. */
INLINE void learn(const struct pass *pass, const struct rates *rates, struct member *me) {
    const struct update *u = pass->program->update;
    backward(pass, is_local(u) ? rates : 0, me);
    if (is_local(u) && !is_followed(u)) return;
    wait_for_all(me);
    if (!is_local(u)) update_all(u, rates, me);
    finish_update(u, rates, me);
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

/* The mean loss, on the first thread; all are here when dE/dZ of the last layer is known. */
SINGLE double mean_loss_of(const struct pass *pass, struct member *me) {
    const struct program *p = pass->program;
    const struct layer *last = p->layers + p->layer_count - 1;
    if (!last->by_position) {
        double loss = me->index == 0 ? loss_of(p, pass->samples) : 0;
        wait_for_all(me);
        return loss;
    }
    int64_t first, end, rows = rows_of(pass, last);
    own_part(me, rows, 1, &first, &end);
    losses_of_rows(
        p, first, end, rows, last->outputs, last->output, padded(last->outputs), last->gradient);
    wait_for_all(me);
    return me->index == 0 ? total_of(p->losses, 0, rows) : 0;
}

/* Applies the output activation that the loss has left out, in place, to a thread's part of the rows
 * in multiples of `unit`. */
SINGLE void apply_head(const struct pass *pass, int64_t unit, struct member *me) {
    const struct program *p = pass->program;
    const struct layer *last = p->layers + p->layer_count - 1;
    int64_t first, end, row = padded(last->outputs);
    own_part(me, rows_of(pass, last), unit, &first, &end);
    real *Z = (real *)last->output + first * row;
    if (p->head == ACTIVATION_SOFTMAX) softmax(end - first, last->outputs, Z, row);
    else {
        struct layer head = {.activation = p->head};
        activate(&head, end - first, 0, last->outputs, Z, row);
    }
}

#endif
