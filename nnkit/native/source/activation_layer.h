/* Activations as layers of their own, Y = f(X): those whose derivative is computed from X.
 *
 * Others are such layers only where they cannot follow another layer. Their derivative is computed
 * from Y at the end of the layer (`layer_end.h`), so that here nothing is left to do.
 */
#ifndef NNKIT_ACTIVATION_LAYER_H
#define NNKIT_ACTIVATION_LAYER_H

#include "layer_end.h"
#include "pass.h"

static void activation_layer_forward(
    const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *x = &l[-1].images, *y = &l->images;
    int64_t first, end, row = padded(l->outputs);
    if (!is_image(l)) {
        struct rows X = rows_into(pass, l);
        real *Y = l->output;
        own_part(me, rows_of(pass, l), 1, &first, &end);
        for (int64_t n = first; n < end; n++)
            memcpy(Y + n * row, X.first + n * X.step, l->outputs * sizeof *Y);
        activate(l, end - first, 0, l->outputs, Y + first * row, row);
        return;
    }
    own_part(me, blocks_of(pass->samples) * y->channels, 1, &first, &end);
    for (int64_t i = first * y->height; i < end * y->height; i++) {
        struct place p = place_of(y, i);
        memcpy(row_at(y, p), row_at(x, p), y->width * BLOCK * sizeof(real));
        activate_row(l, p.block, p.channel, p.channel + 1, p.y);
    }
}

static void activation_layer_inputs(
    const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *x = &l[-1].images, *d = &l->gradients, *dX = &l[-1].gradients;
    int64_t first, end, row = padded(l->outputs);
    if (!is_image(l)) {
        struct rows X = rows_into(pass, l);
        const real *dY = l->gradient;
        real *to = l[-1].gradient;
        own_part(me, rows_of(pass, l), 1, &first, &end);
        for (int64_t n = first; n < end; n++)
            times_derivative(l, l->outputs, X.first + n * X.step, dY + n * row, to + n * row);
        vectors_received(l - 1, first, end);
        return;
    }
    own_part(me, blocks_of(pass->samples) * d->channels, 1, &first, &end);
    for (int64_t i = first * d->height; i < end * d->height; i++) {
        struct place p = place_of(d, i);
        times_derivative(
            l, d->width * BLOCK, row_at(x, p), row_at(d, p), row_at(dX, p));
        images_received(l - 1, p.block, p.channel, p.channel + 1, p.y);
    }
}

#endif
