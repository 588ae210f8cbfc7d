/* Convolutions and transposed convolutions: Y = f(pool(W ∗ X + b)), or Y = f(Wᵀ ∗ X + b).
 *
 * A transposed convolution goes forward like the gradient of a convolution's input, from few
 * positions to many, and backward like a convolution. Both are divided among threads by rows. W is
 * (channels on the side of few positions, channels of a group on the other side, height, width).
 */
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

/* Channels `first` and on, as an image of their own. */
INLINE struct image channels_from(const struct image *image, int64_t first, int64_t count) {
    struct image part = *image;
    part.first = row_of(image, 0, first, 0);
    part.channels = count;
    return part;
}

/* One row of a convolution's outputs, from many positions to few. */
static void convolve_row(
    const struct layer *l, const real *W, const struct epilogue *epilogue,
    const struct image *many, const struct image *few, int64_t block, int64_t y,
    uint8_t *chosen) {
    int64_t channels = many->channels / l->groups, filters = few->channels / l->groups;
    int64_t taps = l->height * l->width;
    struct kernel kernel = {
        W, channels * taps, taps,
        {l->height, l->top, l->row_stride, l->row_dilation, 0, l->width},
        {l->width, l->left, l->column_stride, l->column_dilation, 0, 1}};
    for (int64_t g = 0; g < l->groups; g++) {
        struct image in = channels_from(many, g * channels, channels);
        conv_row(
            &kernel, epilogue, &in, few, g * filters, (g + 1) * filters, block, y,
            l->pooled && few == &l->images, chosen);
    }
}

INLINE int64_t greatest_common_divisor(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The taps that meet positions p, p + s, p + 2s, … when few positions, s apart, are spread to many.
 *
 * Tap i of a position few leads to many = few · s + i · d − before. Those that lead to p have the
 * residue of p; they are taken in reverse, so that the positions they come from increase.
 */
static struct axis axis_to(
    int64_t p, int64_t taps, int64_t before, int64_t s, int64_t d, int64_t step) {
    int64_t common = greatest_common_divisor(s, d), every = s / common, first = 0;
    while (first < every && (p + before - first * d) % s != 0) first++;
    int64_t count = first < every && first < taps ? (taps - first + every - 1) / every : 0;
    int64_t from = count > 0 ? (p + before - first * d) / s : 0; /* the division leaves no rest */
    int64_t dilation = d / common;
    return (struct axis){count, (count - 1) * dilation - from, 1, dilation,
                         (first + (count - 1) * every) * step, -every * step};
}

/* One row of what a convolution's transpose makes of few positions. */
static void spread_row(
    const struct layer *l, const real *W, const struct epilogue *epilogue,
    const struct image *few, const struct image *many, int64_t block, int64_t y) {
    int64_t channels = many->channels / l->groups, filters = few->channels / l->groups;
    int64_t taps = l->height * l->width, s = l->column_stride;
    struct kernel kernel = {
        0, taps, channels * taps,
        axis_to(y % l->row_stride, l->height, l->top, l->row_stride, l->row_dilation, l->width),
        {0}};
    struct image out = *many; /* every s-th column of one row */
    out.column = s * BLOCK;
    for (int64_t x = 0; x < s && x < many->width; x++) {
        kernel.x = axis_to(x, l->width, l->left, s, l->column_dilation, 1);
        kernel.y.before -= y / l->row_stride; /* row 0 of `out` is row y */
        out.first = row_of(many, 0, 0, y) + x * BLOCK;
        out.width = (many->width - x + s - 1) / s;
        for (int64_t g = 0; g < l->groups; g++) {
            struct image in = channels_from(few, g * filters, filters);
            kernel.weights = W + g * (filters - 1) * channels * taps;
            conv_row(
                &kernel, epilogue, &in, &out, g * channels, (g + 1) * channels, block, 0, 0, 0);
        }
        kernel.y.before += y / l->row_stride;
    }
}

static void conv_layer_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *out = &l->images;
    const real *W = params_at(pass, l->weights);
    int64_t first, end;
    struct epilogue epilogue = {
        .bias = params_at(pass, l->biases),
        .normalized = normalized_by(pass, l),
        .least = least_of(l)};
    own_part(me, blocks_of(pass->samples) * out->height, 1, &first, &end);
    for (int64_t i = first; i < end; i++) {
        int64_t block = i / out->height, y = i % out->height;
        if (l->kind == LAYER_CONV)
            convolve_row(
                l, W, &epilogue, &l[-1].images, out, block, y, chosen_of(l, block, 0, y));
        else spread_row(l, W, &epilogue, &l[-1].images, out, block, y);
        if (l->activation != ACTIVATION_RELU) activate_row(l, block, 0, out->channels, y);
    }
}

static void conv_layer_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *dZ = &l->unpooled, *dX = &l[-1].gradients;
    const real *W = params_at(pass, l->weights);
    const struct epilogue epilogue = {.least = -INFINITE};
    int64_t first, end;
    own_part(me, blocks_of(pass->samples) * dX->height, 1, &first, &end);
    for (int64_t i = first; i < end; i++) {
        int64_t block = i / dX->height, y = i % dX->height;
        if (l->kind == LAYER_CONV) spread_row(l, W, &epilogue, dZ, dX, block, y);
        else convolve_row(l, W, &epilogue, dZ, dX, block, y, 0);
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

/* Which of a kernel's taps are computed together, as `height` × `width` of one map.
 *
 * Mostly they are those of a channel. The channels of a kernel of a single tap are like rows of one
 * channel; and if columns are dilated, those of a row are like rows of one column.
 */
struct taps {
    int64_t height, width, row; /* the step in the input from one row to the next */
    int64_t parts;              /* of the taps of a filter */
};

static struct taps taps_of(const struct layer *l, const struct image *x, int64_t channels) {
    if (l->height * l->width == 1) return (struct taps){channels, 1, x->channel, 1};
    if (l->column_dilation > 1 && l->width > 1)
        return (struct taps){l->width, 1, l->column_dilation * BLOCK, channels * l->height};
    return (struct taps){l->height, l->width, l->row_dilation * x->row, channels};
}

static void conv_layer_weights(
    const struct pass *pass, const struct layer *l, const struct rates *rates, struct member *me) {
    const struct program *p = pass->program;
    int is_transposed = l->kind == LAYER_CONV_TRANSPOSE;
    const struct image *few = is_transposed ? &l[-1].images : &l->unpooled;
    const struct image *many = is_transposed ? &l->gradients : &l[-1].images;
    int64_t blocks = blocks_of(pass->samples), first, end;
    int64_t channels = many->channels / l->groups, filters = few->channels / l->groups;
    int64_t of_filter = channels * l->height * l->width;
    real *grads = (real *)p->grads + l->weights;
    struct taps taps = taps_of(l, many, channels);
    struct strides strides = {l->row_stride * many->row, (l->column_stride - 1) * BLOCK + LANES};
    int64_t most = filters_of_tile(taps.height, taps.width), tiles = parts_of(filters, most);
    int64_t parts_of_channel = taps.parts / channels;
    own_part(me, l->groups * tiles * taps.parts, 1, &first, &end);
    for (int64_t b = 0, count; b < blocks; b += count) {
        count = next_part(blocks - b, blocks_at_a_time(few, most));
        for (int64_t i = first; i < end; i++) {
            int64_t part = i % taps.parts, tile = i / taps.parts % tiles;
            int64_t group = i / taps.parts / tiles, channel = group * channels, row = 0;
            if (parts_of_channel > 0) {
                channel += part / parts_of_channel;
                row = part % parts_of_channel * l->row_dilation;
            }
            int64_t filter = group * filters;
            conv_weights(
                b, count, few, filter + tile * filters / tiles,
                filter + (tile + 1) * filters / tiles, many,
                row_of(many, 0, channel, row - l->top) - l->left * BLOCK, taps.row, strides,
                taps.height, taps.width, grads + part * taps.height * taps.width, of_filter);
        }
    }
    if (l->biases >= 0) {
        int64_t outputs = l->gradients.channels;
        own_part(me, outputs, 1, &first, &end);
        for (int64_t c = first; c < end; c++)
            ((real *)p->grads)[l->biases + c] = sum_of_channel(&l->gradients, blocks, c);
    }
    if (!rates) return;
    wait_for_all(me);
    update_part(pass, l, rates, l->decays, l->weights, few->channels * of_filter, me);
    if (l->biases >= 0) update_part(pass, l, rates, 0, l->biases, l->gradients.channels, me);
}

#endif
