/* Residual blocks: Y = f(F(X) + S(X)), with layers F, and S the identity or a layer.
 *
 * A block is SPLIT, F, ADD if S is the identity, else SPLIT, S, BRANCH, F, ADD. SPLIT and BRANCH
 * stand for X: their output is that of the layer before the block, but they have gradients of their
 * own, of the layer that reads them. `other` leads from ADD to what it adds to F (SPLIT or S), from
 * BRANCH to SPLIT, and from SPLIT to the layer whose gradient is added to its own (ADD or BRANCH).
 */
#ifndef NNKIT_BRANCH_LAYERS_H
#define NNKIT_BRANCH_LAYERS_H

#include "layer_end.h"
#include "pass.h"

INLINE void add_rows(const real *a, const real *b, int64_t numbers, real *to) {
    for (int64_t i = 0; i < numbers; i += LANES) store(to + i, load(a + i) + load(b + i));
}

/* SPLIT and BRANCH forward; BRANCH backward. */
static void nothing_to_do(const struct pass *pass, const struct layer *l, struct member *me) {
    (void)pass, (void)l, (void)me;
}

static void add_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *a = &l[-1].images, *b = &l[l->other].images, *y = &l->images;
    int64_t first, end;
    if (!is_image(l)) {
        struct rows A = rows_into(pass, l), B = rows_into(pass, l + l->other + 1);
        real *Y = l->output;
        int64_t row = padded(l->outputs);
        own_part(me, pass->samples, 1, &first, &end);
        for (int64_t n = first; n < end; n++)
            add_rows(A.first + n * A.step, B.first + n * B.step, l->outputs, Y + n * row);
        activate(l, end - first, 0, l->outputs, Y + first * row, row);
        return;
    }
    own_part(me, blocks_of(pass->samples) * y->channels, 1, &first, &end);
    for (int64_t i = first * y->height; i < end * y->height; i++) {
        struct place p = place_of(y, i);
        add_rows(
            row_at(a, p), row_at(b, p), y->width * BLOCK, row_at(y, p));
        activate_row(l, p.block, p.channel, p.channel + 1, p.y);
    }
}

/* Passes dE/dZ of `l` on to another layer with an output of the same shape. */
static void give_gradient(
    const struct pass *pass, const struct layer *l, const struct layer *to, struct member *me) {
    const struct image *d = &l->gradients, *dX = &to->gradients;
    int64_t first, end, row = padded(l->outputs);
    if (!is_image(l)) {
        own_part(me, pass->samples, 1, &first, &end);
        memcpy(
            (real *)to->gradient + first * row, (const real *)l->gradient + first * row,
            (end - first) * row * sizeof(real));
        vectors_received(to, first, end);
        return;
    }
    own_part(me, blocks_of(pass->samples) * d->channels, 1, &first, &end);
    for (int64_t i = first * d->height; i < end * d->height; i++) {
        struct place p = place_of(d, i);
        memcpy(row_at(dX, p), row_at(d, p), d->width * BLOCK * sizeof(real));
        images_received(to, p.block, p.channel, p.channel + 1, p.y);
    }
}

static void add_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct layer *other = l + l->other;
    give_gradient(pass, l, l - 1, me);
    /* SPLIT takes this gradient itself; before the first layer that is trained, there is none. */
    int is_wanted = other->kind != LAYER_SPLIT && (other->gradient || other->gradients.first);
    if (is_wanted) give_gradient(pass, l, other, me);
}

static void split_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *a = &l->gradients, *b = &l[l->other].gradients, *dX = &l[-1].gradients;
    int64_t first, end;
    if (!is_image(l)) {
        const real *A = l->gradient, *B = l[l->other].gradient;
        int64_t row = padded(l->outputs);
        own_part(me, pass->samples, 1, &first, &end);
        add_rows(
            A + first * row, B + first * row, (end - first) * row,
            (real *)l[-1].gradient + first * row);
        vectors_received(l - 1, first, end);
        return;
    }
    own_part(me, blocks_of(pass->samples) * dX->channels, 1, &first, &end);
    for (int64_t i = first * dX->height; i < end * dX->height; i++) {
        struct place p = place_of(dX, i);
        add_rows(row_at(a, p), row_at(b, p), dX->width * BLOCK, row_at(dX, p));
        images_received(l - 1, p.block, p.channel, p.channel + 1, p.y);
    }
}

#endif
