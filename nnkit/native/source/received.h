/* The end of a layer: its activation, forward, and its activation and max-pooling, backward.
 *
 * The layer that follows passes back the part of dE/dY that it has just computed.
 */
#ifndef NNKIT_RECEIVED_H
#define NNKIT_RECEIVED_H

#include "activations.h"
#include "images.h"

/* dE/dZ of the samples `first` to `end`, in place. */
static void vectors_received(const struct layer *l, int64_t first, int64_t end) {
    activation_gradient(
        l, first, end, l->outputs, l->output, l->gradient, padded(l->outputs));
}

/* Gives dE/dY of a row of windows to the largest entry of each. */
static void give_to_largest(
    const real *dY, const uint8_t *chosen, int64_t width, real *upper, int64_t row) {
    for (int64_t i = 0; i < width * BLOCK; i += LANES) {
        real *first = upper + i / BLOCK * 2 * BLOCK + i % BLOCK;
        vec d = load(dY + i);
        mask entry = load_bytes(chosen + i);
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
    int64_t width = l->images.width * BLOCK;
    for (int64_t c = first; c < end; c++) {
        real *dY = row_of(&l->gradients, block, c, y);
        activation_gradient(l, 0, 1, width, row_of(&l->images, block, c, y), dY, 0);
        if (l->pooled)
            give_to_largest(
                dY, chosen_of(l, block, c, y), l->images.width,
                row_of(&l->unpooled, block, c, 2 * y), l->unpooled.row);
    }
}

#endif
