/* The walk through a network: forward, backward, and whole training steps.
 *
 * All threads run the same functions at once. Each computes its part of a layer, units or samples,
 * and waits for the others before the next. No sum is divided among threads, so results do not
 * depend on how many there are.
 */
#ifndef NNKIT_WALK_H
#define NNKIT_WALK_H

#include "layers.h"
#include "losses.h"

/* Computes the outputs of the layers from `first` on. */
INLINE void forward(const struct pass *pass, int64_t first, struct member *me) {
    const struct program *p = pass->program;
    for (int64_t i = first; i < p->layer_count; i++) {
        const struct layer *l = p->layers + i;
        LAYER_FUNCTIONS[l->kind].forward(pass, l, me);
        wait_for_all(me);
    }
}

/* Backpropagates from the gradient of the last layer's output; updates parameters on the way. */
INLINE void backward(const struct pass *pass, const struct rates *rates, struct member *me) {
    const struct program *p = pass->program;
    for (int64_t i = 0; i < p->layer_count; i++) {
        const struct layer *l = p->layers + i;
        if (LAYER_FUNCTIONS[l->kind].remember) LAYER_FUNCTIONS[l->kind].remember(pass, l, me);
    }
    for (int64_t i = p->layer_count - 1; i >= p->first_trained; i--) {
        const struct layer *l = p->layers + i;
        if (i > p->first_trained) {
            LAYER_FUNCTIONS[l->kind].inputs(pass, l, me);
            wait_for_all(me); /* before the weights change, and for the next layer */
        }
        if (l->lr_factor != 0) LAYER_FUNCTIONS[l->kind].weights(pass, l, rates, me);
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

/* Whether batches are gathered as images, so that the first layer has nothing to do. */
INLINE int gathers_images(const struct program *p) { return p->layers->kind == LAYER_BLOCKS; }

/* Copies a thread's samples of a batch from the data set. */
INLINE void gather(
    const struct program *p, const int64_t *order, int64_t samples, struct member *me) {
    int64_t first, end, inputs = p->layers[0].inputs, row = padded(inputs);
    int64_t outputs = p->layers[p->layer_count - 1].outputs;
    const real *data = p->inputs;
    real *X = p->batch, *T = p->target;
    if (gathers_images(p)) {
        own_part(me, blocks_of(samples), 1, &first, &end);
        for (int64_t b = first; b < end; b++) {
            const real *rows[BLOCK];
            int64_t count = samples_in(b, samples);
            for (int64_t n = 0; n < count; n++) rows[n] = data + order[b * BLOCK + n] * inputs;
            images_from_rows(rows, count, &p->layers[0].images, b);
        }
    }
    own_part(me, samples, 1, &first, &end);
    for (int64_t n = first; n < end; n++) {
        int64_t i = order[n];
        if (!gathers_images(p)) memcpy(X + n * row, data + i * inputs, inputs * sizeof *X);
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
