/* Layers between vectors and images: blocks of images from rows, and flattening to rows. */
#ifndef NNKIT_BLOCK_LAYERS_H
#define NNKIT_BLOCK_LAYERS_H

#include "blocks.h"
#include "pass.h"
#include "layer_end.h"

/* Writes the images of a thread's blocks of samples from the samples' rows. */
static void read_rows(
    struct rows rows, int64_t samples, const struct image *images, struct member *me) {
    int64_t first, end;
    own_part(me, blocks_of(samples), 1, &first, &end);
    for (int64_t b = first; b < end; b++) {
        const real *found[BLOCK];
        int64_t count = samples_in(b, samples);
        for (int64_t n = 0; n < count; n++) found[n] = rows.first + (b * BLOCK + n) * rows.step;
        images_from_rows(found, count, images, b);
    }
}

static void write_rows(
    const struct image *images, int64_t samples, real *rows, int64_t step, struct member *me) {
    int64_t first, end;
    own_part(me, blocks_of(samples), 1, &first, &end);
    for (int64_t b = first; b < end; b++)
        rows_from_images(images, b, samples_in(b, samples), rows + b * BLOCK * step, step);
}

static void blocks_layer_forward(
    const struct pass *pass, const struct layer *l, struct member *me) {
    read_rows(rows_into(pass, l), pass->samples, &l->images, me);
}

static void blocks_layer_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    int64_t first, end;
    write_rows(&l->gradients, pass->samples, l[-1].gradient, padded(l->inputs), me);
    own_part(me, blocks_of(pass->samples), 1, &first, &end);
    end = end * BLOCK < pass->samples ? end * BLOCK : pass->samples;
    vectors_received(l - 1, first * BLOCK, end);
}

static void flatten_layer_forward(
    const struct pass *pass, const struct layer *l, struct member *me) {
    write_rows(&l[-1].images, pass->samples, l->output, padded(l->outputs), me);
}

static void flatten_layer_inputs(
    const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *dX = &l[-1].gradients;
    int64_t first, end;
    read_rows((struct rows){l->gradient, padded(l->outputs)}, pass->samples, dX, me);
    own_part(me, blocks_of(pass->samples), 1, &first, &end);
    for (int64_t b = first; b < end; b++)
        for (int64_t y = 0; y < dX->height; y++) images_received(l - 1, b, 0, dX->channels, y);
}

#endif
