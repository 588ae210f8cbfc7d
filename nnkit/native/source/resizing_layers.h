/* Zero padding and up-sampling, divided among threads by channels of blocks.
 *
 * Up-sampling by repetition or interpolation: position p of an axis that is enlarged s times lies at
 * (p + ½)/s − ½ among the old ones, between two neighbours with a share each. */
#ifndef NNKIT_RESIZING_LAYERS_H
#define NNKIT_RESIZING_LAYERS_H

#include "layer_end.h"
#include "pass.h"

/* X in the middle of zeros. */
static void pad_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *x = &l[-1].images, *y = &l->images;
    int64_t first, end;
    own_part(me, blocks_of(pass->samples) * y->channels, 1, &first, &end);
    for (int64_t i = first * y->height; i < end * y->height; i++) {
        struct place p = place_of(y, i);
        real *to = row_at(y, p);
        memset(to, 0, y->width * BLOCK * sizeof *to);
        int64_t from = p.y - l->top;
        if (from >= 0 && from < x->height)
            memcpy(
                to + l->left * BLOCK, row_of(x, p.block, p.channel, from),
                x->width * BLOCK * sizeof *to);
        activate_row(l, p.block, p.channel, p.channel + 1, p.y);
    }
}

static void pad_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *d = &l->gradients, *dX = &l[-1].gradients;
    int64_t first, end;
    own_part(me, blocks_of(pass->samples) * dX->channels, 1, &first, &end);
    for (int64_t i = first * dX->height; i < end * dX->height; i++) {
        struct place p = place_of(dX, i);
        memcpy(
            row_at(dX, p), row_of(d, p.block, p.channel, p.y + l->top) + l->left * BLOCK,
            dX->width * BLOCK * sizeof(real));
        images_received(l - 1, p.block, p.channel, p.channel + 1, p.y);
    }
}

/* The two old positions around a new one, and the share of the second. */
struct neighbours {
    int64_t first, second;
    real share;
};

INLINE struct neighbours neighbours_of(
    const struct layer *l, int64_t position, int64_t times, int64_t size) {
    if (l->kind == LAYER_REPEAT) return (struct neighbours){position / times, position / times, 0};
    double place = (position + 0.5) / (double)times - 0.5, below = floor(place);
    int64_t at = (int64_t)below;
    return (struct neighbours){at > 0 ? at : 0, at + 1 < size ? at + 1 : size - 1,
                               (real)(place - below)};
}

static void up_sample_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *x = &l[-1].images, *y = &l->images;
    int64_t first, end;
    own_part(me, blocks_of(pass->samples) * y->channels, 1, &first, &end);
    for (int64_t i = first * y->height; i < end * y->height; i++) {
        struct place p = place_of(y, i);
        struct neighbours rows = neighbours_of(l, p.y, l->height, x->height);
        const real *upper = row_of(x, p.block, p.channel, rows.first);
        const real *lower = row_of(x, p.block, p.channel, rows.second);
        real *to = row_at(y, p);
        for (int64_t k = 0; k < y->width * BLOCK; k += LANES) {
            struct neighbours columns = neighbours_of(l, k / BLOCK, l->width, x->width);
            int64_t a = columns.first * BLOCK + k % BLOCK, b = columns.second * BLOCK + k % BLOCK;
            vec above = load(upper + a), below = load(lower + a);
            above += (load(upper + b) - above) * columns.share;
            below += (load(lower + b) - below) * columns.share;
            store(to + k, above + (below - above) * rows.share);
        }
        activate_row(l, p.block, p.channel, p.channel + 1, p.y);
    }
}

INLINE void add_to(real *at, vec x) { store(at, load(at) + x); }

static void up_sample_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *d = &l->gradients, *dX = &l[-1].gradients;
    int64_t first, end;
    own_part(me, blocks_of(pass->samples) * dX->channels, 1, &first, &end);
    for (int64_t part = first; part < end; part++) {
        int64_t block = part / dX->channels, channel = part % dX->channels;
        for (int64_t y = 0; y < dX->height; y++)
            memset(row_of(dX, block, channel, y), 0, dX->width * BLOCK * sizeof(real));
        for (int64_t y = 0; y < d->height; y++) {
            struct neighbours rows = neighbours_of(l, y, l->height, dX->height);
            real *upper = row_of(dX, block, channel, rows.first);
            real *lower = row_of(dX, block, channel, rows.second);
            const real *dY = row_of(d, block, channel, y);
            for (int64_t k = 0; k < d->width * BLOCK; k += LANES) {
                struct neighbours columns = neighbours_of(l, k / BLOCK, l->width, dX->width);
                int64_t a = columns.first * BLOCK + k % BLOCK;
                int64_t b = columns.second * BLOCK + k % BLOCK;
                vec above = load(dY + k) * (1 - rows.share), below = load(dY + k) * rows.share;
                add_to(upper + a, above * (1 - columns.share));
                add_to(upper + b, above * columns.share);
                add_to(lower + a, below * (1 - columns.share));
                add_to(lower + b, below * columns.share);
            }
        }
        for (int64_t y = 0; y < dX->height; y++)
            images_received(l - 1, block, channel, channel + 1, y);
    }
}

#endif
