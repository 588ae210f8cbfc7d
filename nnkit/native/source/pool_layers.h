/* Max-pooling and average pooling, divided among threads by channels of blocks. */
#ifndef NNKIT_POOL_LAYERS_H
#define NNKIT_POOL_LAYERS_H

#include "pass.h"
#include "pooling.h"
#include "layer_end.h"

/* The entry of a window, as a step from its first. */
INLINE int64_t entry_at(const struct layer *l, const struct image *in, int64_t entry) {
    return entry / l->width * in->row + entry % l->width * BLOCK;
}

INLINE const real *windows_at(
    const struct layer *l, const struct image *in, int64_t block, int64_t channel, int64_t y) {
    return row_of(in, block, channel, y * l->row_stride);
}

static void max_pool_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *in = &l[-1].images, *out = &l->images;
    int64_t entries = l->height * l->width, first, end;
    own_part(me, blocks_of(pass->samples) * out->channels, 1, &first, &end);
    for (int64_t i = first * out->height; i < end * out->height; i++) {
        int64_t y = i % out->height, channel = i / out->height % out->channels;
        int64_t block = i / out->height / out->channels;
        const real *from = windows_at(l, in, block, channel, y);
        real *to = row_of(out, block, channel, y);
        uint8_t *chosen = chosen_of(l, block, channel, y);
        for (int64_t at = 0; at < out->width * BLOCK; at += LANES) {
            const real *window = from + at / BLOCK * l->column_stride * BLOCK + at % BLOCK;
            struct largest found = {load(window), {0}};
            for (int64_t e = 1; e < entries; e++)
                found = larger(found, load(window + entry_at(l, in, e)), (whole)e);
            store(to + at, found.value);
            if (chosen) store_bytes(chosen + at, found.entry);
        }
        activate_row(l, block, channel, channel + 1, y);
    }
}

static void average_pool_forward(
    const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *in = &l[-1].images, *out = &l->images;
    int64_t entries = l->height * l->width, first, end;
    real share = 1 / (real)entries;
    own_part(me, blocks_of(pass->samples) * out->channels, 1, &first, &end);
    for (int64_t i = first * out->height; i < end * out->height; i++) {
        int64_t y = i % out->height, channel = i / out->height % out->channels;
        int64_t block = i / out->height / out->channels;
        const real *from = windows_at(l, in, block, channel, y);
        real *to = row_of(out, block, channel, y);
        for (int64_t at = 0; at < out->width * BLOCK; at += LANES) {
            const real *window = from + at / BLOCK * l->column_stride * BLOCK + at % BLOCK;
            vec sum = {0};
            for (int64_t e = 0; e < entries; e++) sum += load(window + entry_at(l, in, e));
            store(to + at, sum * share);
        }
        activate_row(l, block, channel, channel + 1, y);
    }
}

/* Both gradients: a window's goes to its largest entry, or in equal shares to all. */
static void pool_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *d = &l->gradients, *dX = &l[-1].gradients;
    int64_t entries = l->height * l->width, first, end;
    int is_max = l->kind == LAYER_MAX_POOL;
    real share = is_max ? 1 : 1 / (real)entries;
    own_part(me, blocks_of(pass->samples) * d->channels, 1, &first, &end);
    for (int64_t i = first; i < end; i++) {
        int64_t block = i / d->channels, channel = i % d->channels;
        for (int64_t y = 0; y < dX->height; y++)
            memset(row_of(dX, block, channel, y), 0, dX->width * BLOCK * sizeof(real));
        for (int64_t y = 0; y < d->height; y++) {
            const real *dY = row_of(d, block, channel, y);
            const uint8_t *chosen = chosen_of(l, block, channel, y);
            real *to = row_of(dX, block, channel, y * l->row_stride);
            for (int64_t at = 0; at < d->width * BLOCK; at += LANES) {
                real *window = to + at / BLOCK * l->column_stride * BLOCK + at % BLOCK;
                vec given = load(dY + at) * share;
                for (int64_t e = 0; e < entries; e++) {
                    real *entry = window + entry_at(l, dX, e);
                    vec part = given;
                    if (is_max)
                        part = choose(load_bytes(chosen + at) == (whole)e, given, all(0));
                    store(entry, load(entry) + part);
                }
            }
        }
        for (int64_t y = 0; y < dX->height; y++)
            images_received(l - 1, block, channel, channel + 1, y);
    }
}

#endif
