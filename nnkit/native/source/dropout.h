/* Dropout: Y = M ⊙ X with a new mask M at each training step, 0 or 1/(1 − rate).
 *
 * A unit's draw is 16 bits of the stream of the layer and the step. Draws are numbered like an array
 * (channels, height, width, samples), or (channels, samples) if whole channels are dropped, so a block of samples takes those of one or two Philox blocks.
 */
#ifndef NNKIT_DROPOUT_H
#define NNKIT_DROPOUT_H

#include "pass.h"
#include "philox.h"
#include "layer_end.h"

/* Which of the 16 samples of a block are kept at one position, as bytes 0 or 1. */
INLINE void draw_block(
    const struct layer *l, int64_t draw, uint64_t number, uint8_t kept[BLOCK]) {
    uint16_t draws[2 * BLOCK];
    uint64_t words[4];
    int64_t offset = number % BLOCK;
    philox(l->draw_key, draw, number / BLOCK, words);
    memcpy(draws, words, sizeof words);
    if (offset > 0) {
        philox(l->draw_key, draw, number / BLOCK + 1, words);
        memcpy(draws + BLOCK, words, sizeof words);
    }
    for (int i = 0; i < BLOCK; i++) kept[i] = draws[offset + i] >= l->dropped;
}

INLINE void multiply_by_mask(
    const real *from, const uint8_t *kept, int64_t numbers, real scale, real *to) {
    for (int64_t i = 0; i < numbers; i += LANES)
        store(to + i, choose(load_bytes(kept + i) != 0, load(from + i) * scale, all(0)));
}

INLINE real scale_of_kept(const struct layer *l) {
    return (real)(65536.0 / (double)(65536 - l->dropped));
}

static void dropout_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *in = &l[-1].images, *out = &l->images;
    int64_t samples = pass->samples, first, end;
    int64_t drawn = pass->program->drawn_before + samples + pass->program->drawn_after;
    own_part(me, blocks_of(samples) * out->channels, 1, &first, &end);
    for (int64_t i = first * out->height; i < end * out->height; i++) {
        int64_t y = i % out->height, channel = i / out->height % out->channels;
        int64_t block = i / out->height / out->channels, width = out->width;
        const real *from = row_of(in, block, channel, y);
        real *to = row_of(out, block, channel, y);
        uint8_t *kept = chosen_of(l, block, channel, y);
        for (int64_t x = 0; pass->training && x < width; x++) {
            int64_t position = l->kind == LAYER_SPATIAL_DROPOUT
                                   ? channel
                                   : (channel * out->height + y) * width + x;
            int64_t number = position * drawn + pass->program->drawn_before + block * BLOCK;
            draw_block(l, pass->draw, number, kept + x * BLOCK);
        }
        if (pass->training) multiply_by_mask(from, kept, width * BLOCK, scale_of_kept(l), to);
        else memcpy(to, from, width * BLOCK * sizeof *to);
        activate_row(l, block, channel, channel + 1, y);
    }
}

static void dropout_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *d = &l->gradients, *dX = &l[-1].gradients;
    int64_t first, end;
    own_part(me, blocks_of(pass->samples) * d->channels, 1, &first, &end);
    for (int64_t i = first * d->height; i < end * d->height; i++) {
        int64_t y = i % d->height, channel = i / d->height % d->channels;
        int64_t block = i / d->height / d->channels;
        multiply_by_mask(
            row_of(d, block, channel, y), chosen_of(l, block, channel, y), d->width * BLOCK,
            scale_of_kept(l), row_of(dX, block, channel, y));
        images_received(l - 1, block, channel, channel + 1, y);
    }
}

#endif
