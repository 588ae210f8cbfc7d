/* Convolutions: Y = f(pool(W ∗ X + b)), divided among threads by rows of outputs. */
#ifndef NNKIT_CONV_LAYER_H
#define NNKIT_CONV_LAYER_H

#include "blocks.h"
#include "conv.h"
#include "conv_weights.h"
#include "pass.h"
#include "layer_end.h"
#include "update.h"

/* The normalization that a layer includes outside training. */
INLINE struct normalized normalized_by(const struct pass *pass, const struct layer *l) {
    const struct normalization *n = &l->normalization;
    if (n->mean < 0) return (struct normalized){0};
    const real *state = pass->program->state;
    return (struct normalized){
        state + n->mean, state + n->variance, params_at(pass, n->scale),
        params_at(pass, n->shift), (real)n->eps};
}

static void conv_layer_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *in = &l[-1].images, *out = &l->images;
    int64_t taps = l->height * l->width, first, end;
    struct kernel kernel = {
        params_at(pass, l->weights), in->channels * taps, taps, l->width, 1,
        l->height, l->width, l->top, l->left};
    struct epilogue epilogue = {
        .bias = params_at(pass, l->biases),
        .normalized = normalized_by(pass, l),
        .least = least_of(l)};
    own_part(me, blocks_of(pass->samples) * out->height, 1, &first, &end);
    for (int64_t i = first; i < end; i++) {
        int64_t block = i / out->height, y = i % out->height;
        if (l->pooled)
            conv_pool_row(&kernel, &epilogue, in, out, chosen_of(l, block, 0, y), block, y);
        else
            conv_row(&kernel, &epilogue, in, out, block, y);
        if (l->activation != ACTIVATION_RELU) activate_row(l, block, 0, out->channels, y);
    }
}

static void conv_layer_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *dZ = &l->unpooled, *dX = &l[-1].gradients;
    int64_t taps = l->height * l->width, first, end;
    struct kernel turned = {
        params_at(pass, l->weights) + taps - 1, taps, dX->channels * taps, -l->width, -1,
        l->height, l->width, l->height - 1 - l->top, l->width - 1 - l->left};
    struct epilogue epilogue = {.least = -INFINITE};
    own_part(me, blocks_of(pass->samples) * dX->height, 1, &first, &end);
    for (int64_t i = first; i < end; i++) {
        int64_t block = i / dX->height, y = i % dX->height;
        conv_row(&turned, &epilogue, dZ, dX, block, y);
        images_received(l - 1, block, 0, dX->channels, y);
    }
}

/* Σ dE/dZ over the positions of a channel and the samples. */
static real sum_of_channel(const struct image *d, int64_t blocks, int64_t channel) {
    vec sum = {0};
    for (int64_t b = 0; b < blocks; b++)
        for (int64_t y = 0; y < d->height; y++) {
            const real *row = row_of(d, b, channel, y);
            for (int64_t i = 0; i < d->width * BLOCK; i += LANES) sum += load(row + i);
        }
    return sum_of_lanes(sum);
}

/* Updates a thread's part of a layer's parameters. */
static void update_part(
    const struct pass *pass, const struct layer *l, const struct rates *rates, int64_t decays,
    int64_t place, int64_t count, struct member *me) {
    int64_t first, end;
    own_part(me, count, LANES, &first, &end);
    update_parameters(pass->program, l, rates, decays, place + first, end - first);
}

static void conv_layer_weights(
    const struct pass *pass, const struct layer *l, const struct rates *rates, struct member *me) {
    const struct program *p = pass->program;
    const struct image *x = &l[-1].images, *d = &l->unpooled;
    int64_t blocks = blocks_of(pass->samples), taps = l->height * l->width, first, end;
    int64_t channels = x->channels, filters = d->channels, height = l->height, row = x->row;
    real *grads = p->grads;
    if (taps == 1) { /* the channels of a kernel of a single tap are like rows of one channel */
        height = channels;
        row = x->channel;
    }
    int64_t parts = channels * taps / (height * l->width); /* of a filter */
    int64_t most = filters_of_tile(height, l->width), groups = parts_of(filters, most);
    own_part(me, groups * parts, 1, &first, &end);
    for (int64_t b = 0, count; b < blocks; b += count) {
        count = next_part(blocks - b, blocks_at_a_time(d, most));
        for (int64_t i = first; i < end; i++) {
            int64_t c = i % parts, group = i / parts;
            conv_weights(
                b, count, d, group * filters / groups, (group + 1) * filters / groups, x,
                row_of(x, 0, c, -l->top) - l->left * BLOCK, row, height, l->width,
                grads + l->weights + c * taps, channels * taps);
        }
    }
    if (l->biases >= 0) {
        own_part(me, filters, 1, &first, &end);
        for (int64_t f = first; f < end; f++)
            grads[l->biases + f] = sum_of_channel(&l->gradients, blocks, f);
    }
    if (!rates) return;
    wait_for_all(me);
    update_part(pass, l, rates, l->decays, l->weights, filters * channels * taps, me);
    if (l->biases >= 0) update_part(pass, l, rates, 0, l->biases, filters, me);
}

#endif
