/* Convolutions by Winograd's method, outside training: Y = f(pool(W ∗ X + b)).
 *
 * The weights are transformed once for each call. Threads divide the rows of tiles.
 */
#ifndef NNKIT_WINOGRAD_LAYER_H
#define NNKIT_WINOGRAD_LAYER_H

#include "conv_layer.h"
#include "winograd.h"

/* The outputs of a row of tiles; V and M are for a few of them. */
static void winograd_row(
    const struct layer *l, const struct epilogue *epilogue, int64_t block, int64_t y, real *V,
    real *M) {
    const struct image *in = &l[-1].images, *out = &l->images;
    const real *from = row_of(in, block, 0, 2 * y - l->top) - l->left * BLOCK;
    int64_t width = l->pooled ? out->width : parts_of(out->width, 2);
    for (int64_t x = 0, tiles; x < width; x += tiles) {
        tiles = next_part(width - x, TILES);
        transform_inputs(in, from + 2 * x * BLOCK, tiles, V);
        multiply_points(out->channels, in->channels, tiles, l->packed, V, M);
        transform_outputs(M, tiles, epilogue, (int)l->pooled, out, block, y, x);
    }
}

static void winograd_layer_forward(
    const struct pass *pass, const struct layer *l, struct member *me) {
    const struct program *p = pass->program;
    const struct image *out = &l->images;
    int64_t channels = l[-1].images.channels, filters = out->channels, first, end;
    if (!pass->is_prepared) {
        own_part(me, filters, 1, &first, &end);
        transform_weights(
            params_at(pass, l->weights), filters, channels, first, end, l->packed);
        wait_for_all(me);
    }
    struct epilogue epilogue = {
        .bias = params_at(pass, l->biases),
        .normalized = normalized_by(pass, l),
        .least = least_of(l)};
    struct member worker = *me; /* there is room for so many; other threads have nothing to do */
    worker.count = smaller_of(me->count, p->scratch_count);
    if (worker.index >= worker.count) return;
    real *V = (real *)p->scratch + me->index * p->scratch_size;
    real *M = V + POINTS * numbers_of_point(channels, TILES * BLOCK);
    int64_t height = l->pooled ? out->height : parts_of(out->height, 2);
    own_part(&worker, blocks_of(pass->samples) * height, 1, &first, &end);
    for (int64_t i = first; i < end; i++) {
        int64_t block = i / height, y = i % height, row = l->pooled ? y : 2 * y;
        winograd_row(l, &epilogue, block, y, V, M);
        if (l->activation == ACTIVATION_RELU) continue;
        activate_row(l, block, 0, filters, row);
        if (!l->pooled && row + 1 < out->height) activate_row(l, block, 0, filters, row + 1);
    }
}

#endif
