/* The end of a layer: its activation, forward, and its activation and max-pooling, backward.
 *
 * The layer that follows passes back the part of dE/dY that it has just computed.
 */
#ifndef NNKIT_LAYER_END_H
#define NNKIT_LAYER_END_H

#include "activations.h"
#include "images.h"

#define INFINITE ((real)INFINITY)

/* ReLU is max(z, 0); for other activations, −∞. Kernels that write Z take the maximum at once. */
INLINE real least_of(const struct layer *l) {
    return l->activation == ACTIVATION_RELU ? 0 : -INFINITE;
}

/* dE/dZ of the samples `first` to `end`, in place. */
static void vectors_received(const struct layer *l, int64_t first, int64_t end) {
    activation_gradient(
        l, first, end, l->outputs, l->output, l->gradient, padded(l->outputs));
}

/* Gives dE/dY of a row of windows to the largest entry of each; none where Y ≤ `least`. */
static void give_to_largest(
    const real *Y, real least, real *dY, const uint8_t *chosen, int64_t width, real *upper,
    int64_t row) {
    for (int64_t i = 0; i < width * BLOCK; i += LANES) {
        real *first = upper + i / BLOCK * 2 * BLOCK + i % BLOCK;
        vec d = choose(load(Y + i) <= least, all(0), load(dY + i));
        mask entry = load_bytes(chosen + i);
        store(dY + i, d);
        store(first, choose(entry == 0, d, all(0)));
        store(first + BLOCK, choose(entry == 1, d, all(0)));
        store(first + row, choose(entry == 2, d, all(0)));
        store(first + row + BLOCK, choose(entry == 3, d, all(0)));
    }
}

/* f(Z) for a row of channels `first` to `end` of a block, in place. */
INLINE void activate_row(
    const struct layer *l, int64_t block, int64_t first, int64_t end, int64_t y) {
    for (int64_t c = first; c < end; c++)
        activate(l, 1, 0, l->images.width * BLOCK, row_of(&l->images, block, c, y), 0);
}

/* dE/dZ for a row of channels `first` to `end` of a block. */
static void images_received(
    const struct layer *l, int64_t block, int64_t first, int64_t end, int64_t y) {
    int64_t width = l->images.width;
    int rectifies = l->pooled && l->activation == ACTIVATION_RELU;
    for (int64_t c = first; c < end; c++) {
        real *dY = row_of(&l->gradients, block, c, y);
        const real *Y = row_of(&l->images, block, c, y);
        if (!rectifies) activation_gradient(l, 0, 1, width * BLOCK, Y, dY, 0);
        if (l->pooled)
            give_to_largest(
                Y, rectifies ? 0 : -INFINITE, dY, chosen_of(l, block, c, y), width,
                row_of(&l->unpooled, block, c, 2 * y), l->unpooled.row);
    }
}

#endif
