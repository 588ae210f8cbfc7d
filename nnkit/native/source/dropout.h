/* Dropout: Y = M ⊙ X with a new mask M at each training step, 0 or 1/(1 − rate).
 *
 * A unit's draw is 16 bits of the stream of the layer and the step. Draws are numbered like an array
 * (channels, height, width, samples), or (channels, samples) if whole channels are dropped, so a block
 * of samples takes those of one or two Philox blocks. Those of sequences are numbered like an array
 * (channels, positions, samples), or (positions, channels, samples) if lengths differ.
 */
#ifndef NNKIT_DROPOUT_H
#define NNKIT_DROPOUT_H

#include "philox.h"
#include "sequences.h"

/* Which of the 16 samples of a block are kept at one position, as bytes 0 or 1. */
SINGLE void draw_block(
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

SINGLE void multiply_by_mask(
    const real *from, const uint8_t *kept, int64_t numbers, real scale, real *to) {
    for (int64_t i = 0; i < numbers; i += LANES)
        store(to + i, choose(load_bytes(kept + i) != 0, load(from + i) * scale, all(0)));
}

INLINE real scale_of_kept(const struct layer *l) {
    return (real)(65536.0 / (double)(65536 - l->dropped));
}

/* --- images ----------------------------------------------------------------------------------- */

static void images_dropout_forward(
    const struct pass *pass, const struct layer *l, struct member *me) {
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

static void images_dropout_inputs(
    const struct pass *pass, const struct layer *l, struct member *me) {
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

/* --- rows of steps ---------------------------------------------------------------------------- */

/* The number of the draws of a channel at a step, counted in the samples of a batch. */
INLINE int64_t number_of_draws(
    const struct pass *pass, const struct layer *l, int64_t t, int64_t channel) {
    const struct program *p = pass->program;
    if (l->kind == LAYER_SPATIAL_DROPOUT) return channel;
    return p->starts ? t * l->outputs + channel : channel * p->steps + t;
}

/* Drops units of the block of samples that begins with the given one, at step t. */
static void drop_in_step(
    const struct pass *pass, const struct layer *l, struct rows X, int64_t t, int64_t sample) {
    const struct program *p = pass->program;
    int64_t drawn = p->drawn_before + pass->samples + p->drawn_after, rows[BLOCK];
    int64_t row = padded(l->outputs), start = start_of_step(pass, t), count = 0, places[BLOCK];
    for (int64_t i = 0; i < smaller_of(pass->samples - sample, BLOCK); i++) {
        int64_t slot = p->starts ? p->slots[sample + i] : sample + i;
        if (slot >= rows_of_step(pass, t)) continue;
        places[count] = i;
        rows[count++] = start + slot;
    }
    for (int64_t c = 0; count > 0 && c < l->outputs; c++) {
        uint8_t kept[BLOCK];
        int64_t number = number_of_draws(pass, l, t, c) * drawn + p->drawn_before + sample;
        draw_block(l, pass->draw, number, kept);
        for (int64_t i = 0; i < count; i++) l->chosen[rows[i] * row + c] = kept[places[i]];
    }
    for (int64_t i = 0; i < count; i++)
        multiply_by_mask(
            X.first + rows[i] * X.step, l->chosen + rows[i] * row, row, scale_of_kept(l),
            (real *)l->output + rows[i] * row);
}

static void rows_dropout_forward(
    const struct pass *pass, const struct layer *l, struct member *me) {
    struct rows X = rows_into(pass, l);
    int64_t first, end, blocks = blocks_of(pass->samples), row = padded(l->outputs);
    own_part(me, pass->program->steps * blocks, 1, &first, &end);
    for (int64_t i = first; pass->training && i < end; i++)
        drop_in_step(pass, l, X, i / blocks, i % blocks * BLOCK);
    wait_for_all(me); /* they divide the rows in another way from here on */
    own_part(me, rows_of(pass, l), 1, &first, &end);
    real *Y = (real *)l->output + first * row;
    for (int64_t n = first; !pass->training && n < end; n++)
        memcpy(Y + (n - first) * row, X.first + n * X.step, row * sizeof *Y);
    activate(l, end - first, 0, l->outputs, Y, row);
}

static void rows_dropout_inputs(
    const struct pass *pass, const struct layer *l, struct member *me) {
    int64_t first, end, row = padded(l->outputs);
    own_part(me, rows_of(pass, l), 1, &first, &end);
    multiply_by_mask(
        (const real *)l->gradient + first * row, l->chosen + first * row, (end - first) * row,
        scale_of_kept(l), (real *)l[-1].gradient + first * row);
    vectors_received(l - 1, first, end);
}

static void dropout_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    if (is_image(l)) images_dropout_forward(pass, l, me);
    else rows_dropout_forward(pass, l, me);
}

static void dropout_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    if (is_image(l)) images_dropout_inputs(pass, l, me);
    else rows_dropout_inputs(pass, l, me);
}

#endif
