/* Max-pooling and average pooling, divided among threads by channels of blocks.
 *
 * Entries of a window outside the image count for nothing; for averages they may count as zeros.
 */
#ifndef NNKIT_POOL_LAYERS_H
#define NNKIT_POOL_LAYERS_H

#include "pass.h"
#include "pooling.h"
#include "layer_end.h"

/* The entries of a window, along one axis, that lie in an image of a size. */
struct entries {
    int64_t first, end;
};

INLINE struct entries entries_in(int64_t size, int64_t start, int64_t count) {
    return (struct entries){start < 0 ? -start : 0, size - start < count ? size - start : count};
}

/* A window: its entries in the image, its upper left entry, and what each counts in an average. */
struct window {
    struct entries rows, columns;
    int64_t start; /* from the first position of the channel */
    real share;
};

INLINE struct window window_at(
    const struct layer *l, const struct image *in, int64_t y, int64_t x) {
    int64_t row = y * l->row_stride - l->top, column = x * l->column_stride - l->left;
    struct window w = {
        entries_in(in->height, row, l->height), entries_in(in->width, column, l->width),
        row * in->row + column * BLOCK, 0};
    int64_t all_of_them = l->height * l->width;
    int64_t inside = (w.rows.end - w.rows.first) * (w.columns.end - w.columns.first);
    w.share = 1 / (real)(l->counts_padding ? all_of_them : inside);
    return w;
}

/* Runs the statement that follows for each entry e of a window w, `at` numbers from its first. */
#define FOR_EACH_ENTRY(l, image, w, e, at)                                                    \
    for (int64_t i = (w).rows.first; i < (w).rows.end; i++)                                   \
        for (int64_t j = (w).columns.first, e = i * (l)->width + j,                           \
                     at = i * (image)->row + j * BLOCK;                                       \
             j < (w).columns.end; j++, e++, at += BLOCK)

INLINE vec largest_entry(
    const struct layer *l, const struct image *in, struct window w, const real *from,
    uint8_t *chosen) {
    int64_t i = w.rows.first, j = w.columns.first;
    struct largest found = {
        load(from + i * in->row + j * BLOCK), (mask){0} + (whole)(i * l->width + j)};
    FOR_EACH_ENTRY(l, in, w, e, at) found = larger(found, load(from + at), (whole)e);
    if (chosen) store_bytes(chosen, found.entry);
    return found.value;
}

INLINE vec mean_of_entries(
    const struct layer *l, const struct image *in, struct window w, const real *from) {
    vec sum = {0};
    FOR_EACH_ENTRY(l, in, w, e, at) sum += load(from + at);
    return sum * w.share;
}

static void pool_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *in = &l[-1].images, *out = &l->images;
    int64_t first, end;
    own_part(me, blocks_of(pass->samples) * out->channels, 1, &first, &end);
    for (int64_t i = first * out->height; i < end * out->height; i++) {
        struct place p = place_of(out, i);
        const real *from = row_of(in, p.block, p.channel, 0);
        real *to = row_at(out, p);
        uint8_t *chosen = chosen_of(l, p.block, p.channel, p.y);
        for (int64_t at = 0; at < out->width * BLOCK; at += LANES) {
            struct window w = window_at(l, in, p.y, at / BLOCK);
            const real *first_entry = from + w.start + at % BLOCK;
            store(
                to + at, l->kind == LAYER_MAX_POOL
                             ? largest_entry(l, in, w, first_entry, chosen ? chosen + at : 0)
                             : mean_of_entries(l, in, w, first_entry));
        }
        activate_row(l, p.block, p.channel, p.channel + 1, p.y);
    }
}

/* Both gradients: a window's goes to its largest entry, or in equal shares to all. */
static void pool_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *d = &l->gradients, *dX = &l[-1].gradients;
    int is_max = l->kind == LAYER_MAX_POOL;
    int64_t first, end;
    own_part(me, blocks_of(pass->samples) * d->channels, 1, &first, &end);
    for (int64_t part = first; part < end; part++) {
        int64_t block = part / d->channels, channel = part % d->channels;
        for (int64_t y = 0; y < dX->height; y++)
            memset(row_of(dX, block, channel, y), 0, dX->width * BLOCK * sizeof(real));
        real *to = row_of(dX, block, channel, 0);
        for (int64_t y = 0; y < d->height; y++) {
            const real *dY = row_of(d, block, channel, y);
            const uint8_t *chosen = chosen_of(l, block, channel, y);
            for (int64_t k = 0; k < d->width * BLOCK; k += LANES) {
                struct window w = window_at(l, dX, y, k / BLOCK);
                real *first_entry = to + w.start + k % BLOCK;
                vec given = load(dY + k), part_of_each = given * w.share;
                FOR_EACH_ENTRY(l, dX, w, e, at) {
                    vec own = part_of_each;
                    if (is_max) own = choose(load_bytes(chosen + k) == (whole)e, given, all(0));
                    store(first_entry + at, load(first_entry + at) + own);
                }
            }
        }
        for (int64_t y = 0; y < dX->height; y++)
            images_received(l - 1, block, channel, channel + 1, y);
    }
}

#endif
