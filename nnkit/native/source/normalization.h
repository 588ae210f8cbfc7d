/* Batch normalization: Y = f(pool(scale · (X − μ)/√(σ² + ε) + shift)) for each channel.
 *
 * In training μ and σ² are those of the batch, over samples and positions; otherwise running means.
 * With m values of a channel and x̂ = (x − μ)/√(σ² + ε):
 *
 *     dshift = Σ dZ,    dscale = Σ dZ · x̂,
 *     dX = scale/√(σ² + ε) · (dZ − dshift/m − x̂ · dscale/m)
 *
 * A channel is computed by one thread, so that it stays in its cache from one sum to the next.
 */
#ifndef NNKIT_NORMALIZATION_H
#define NNKIT_NORMALIZATION_H

#include "blocks.h"
#include "pass.h"
#include "pooling.h"
#include "layer_end.h"
#include "update.h"

/* What is remembered of the last training batch for each channel. */
struct batch_numbers {
    real mean, variance, spread; /* spread is 1/√(σ² + ε) */
    real dscale, dshift;
};

INLINE struct batch_numbers *numbers_of(const struct layer *l, int64_t channel) {
    return (struct batch_numbers *)l->normalization.batch + channel;
}

/* The lanes of a row's position that hold samples, the others 0. */
INLINE vec present(vec x, int64_t count, int64_t i) {
    return count == BLOCK ? x : first_lanes(x, (whole)(count - i % BLOCK));
}

/* The mean over a channel's values; rows are added up first, which keeps more digits. */
static double mean_of_channel(const struct image *x, int64_t samples, int64_t c) {
    vec sum = {0};
    FOR_EACH_ROW(x, samples, b, y) {
        const real *row = row_of(x, b, c, y);
        int64_t count = samples_in(b, samples);
        vec part = {0};
        for (int64_t i = 0; i < x->width * BLOCK; i += LANES)
            part += present(load(row + i), count, i);
        sum += part;
    }
    return (double)sum_of_lanes(sum) / ((double)samples * x->height * x->width);
}

/* The mean of (x − μ)². */
static double variance_of_channel(const struct image *x, int64_t samples, int64_t c, real mean) {
    vec sum = {0};
    FOR_EACH_ROW(x, samples, b, y) {
        const real *row = row_of(x, b, c, y);
        int64_t count = samples_in(b, samples);
        vec part = {0};
        for (int64_t i = 0; i < x->width * BLOCK; i += LANES) {
            vec centred = present(load(row + i) - mean, count, i);
            part = multiply_add(centred, centred, part);
        }
        sum += part;
    }
    return (double)sum_of_lanes(sum) / ((double)samples * x->height * x->width);
}

/* y = max(factor · (x − mean) + shift, least). */
struct rescaling {
    real mean, factor, shift, least;
};

INLINE vec rescaled(vec x, const struct rescaling *r) {
    return multiply_add(x - r->mean, all(r->factor), all(r->shift));
}

static void normalize_row(
    const real *X, int64_t numbers, const struct rescaling *r, real *Y) {
    for (int64_t i = 0; i < numbers; i += LANES)
        store(Y + i, at_least(rescaled(load(X + i), r), r->least));
}

static void normalize_and_pool_row(
    const real *X, int64_t row, int64_t width, const struct rescaling *r, real *Y,
    uint8_t *chosen) {
    for (int64_t i = 0; i < width * BLOCK; i += LANES) {
        const real *window = X + i / BLOCK * 2 * BLOCK + i % BLOCK;
        struct largest found = largest_of_four(
            rescaled(load(window), r), rescaled(load(window + BLOCK), r),
            rescaled(load(window + row), r), rescaled(load(window + row + BLOCK), r));
        store(Y + i, at_least(found.value, r->least));
        if (chosen) store_bytes(chosen + i, found.entry);
    }
}

static void batch_norm_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *x = &l[-1].images, *y = &l->images;
    const struct normalization *n = &l->normalization;
    const real *scale = params_at(pass, n->scale), *shift = params_at(pass, n->shift);
    int64_t samples = pass->samples, first, end;
    own_part(me, x->channels, 1, &first, &end);
    for (int64_t c = first; c < end; c++) {
        real mean = ((const real *)pass->program->state)[n->mean + c];
        real variance = ((const real *)pass->program->state)[n->variance + c];
        if (pass->training) {
            mean = (real)mean_of_channel(x, samples, c);
            variance = (real)variance_of_channel(x, samples, c, mean);
        }
        real spread = 1 / SQRT(variance + (real)n->eps);
        struct rescaling r = {mean, (scale ? scale[c] : 1) * spread, shift ? shift[c] : 0,
                              least_of(l)};
        if (pass->training) *numbers_of(l, c) = (struct batch_numbers){mean, variance, spread, 0, 0};
        FOR_EACH_ROW(y, samples, b, i) {
            if (l->pooled)
                normalize_and_pool_row(
                    row_of(x, b, c, 2 * i), x->row, y->width, &r, row_of(y, b, c, i),
                    chosen_of(l, b, c, i));
            else
                normalize_row(row_of(x, b, c, i), y->width * BLOCK, &r, row_of(y, b, c, i));
            if (l->activation != ACTIVATION_RELU) activate_row(l, b, c, c + 1, i);
        }
    }
}

/* Moves the running means towards the last batch; called once the step is certain. */
static void batch_norm_remember(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct normalization *n = &l->normalization;
    real *means = (real *)pass->program->state + n->mean;
    real *variances = (real *)pass->program->state + n->variance;
    int64_t first, end, count = pass->samples * l[-1].images.height * l[-1].images.width;
    real momentum = (real)n->momentum, unbiased = (real)((double)count / (double)(count - 1));
    own_part(me, l->images.channels, BLOCK, &first, &end);
    for (int64_t c = first; c < end; c++) {
        const struct batch_numbers *found = numbers_of(l, c);
        means[c] += momentum * (found->mean - means[c]);
        if (count > 1) /* the variance of a single value is undefined */
            variances[c] += momentum * (found->variance * unbiased - variances[c]);
    }
}

/* dE/dscale and dE/dshift of a channel. */
static void sum_gradients(const struct layer *l, int64_t samples, int64_t c) {
    const struct image *x = &l[-1].images, *d = &l->unpooled;
    struct batch_numbers *numbers = numbers_of(l, c);
    vec dshift = {0}, dscale = {0};
    FOR_EACH_ROW(x, samples, b, y) {
        const real *X = row_of(x, b, c, y), *dZ = row_of(d, b, c, y);
        vec sum = {0}, product = {0};
        for (int64_t i = 0; i < x->width * BLOCK; i += LANES) {
            vec dz = load(dZ + i);
            sum += dz;
            product = multiply_add(dz, load(X + i) - numbers->mean, product);
        }
        dshift += sum;
        dscale += product;
    }
    numbers->dshift = sum_of_lanes(dshift);
    numbers->dscale = sum_of_lanes(dscale) * numbers->spread;
}

static void batch_norm_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *x = &l[-1].images, *d = &l->unpooled, *dX = &l[-1].gradients;
    const real *scale = params_at(pass, l->normalization.scale);
    int64_t samples = pass->samples, first, end;
    real values = (real)(samples * x->height * x->width);
    own_part(me, x->channels, 1, &first, &end);
    for (int64_t c = first; c < end; c++) {
        sum_gradients(l, samples, c);
        const struct batch_numbers *n = numbers_of(l, c);
        real factor = (scale ? scale[c] : 1) * n->spread, mean = n->dshift / values;
        real along = n->spread * n->dscale / values;
        FOR_EACH_ROW(x, samples, b, y) {
            const real *X = row_of(x, b, c, y), *dZ = row_of(d, b, c, y);
            real *to = row_of(dX, b, c, y);
            int64_t count = samples_in(b, samples);
            for (int64_t i = 0; i < x->width * BLOCK; i += LANES) {
                vec g = load(dZ + i) - mean - (load(X + i) - n->mean) * along;
                store(to + i, present(g * factor, count, i));
            }
            images_received(l - 1, b, c, c + 1, y);
        }
    }
}

static void batch_norm_weights(
    const struct pass *pass, const struct layer *l, const struct rates *rates, struct member *me) {
    const struct program *p = pass->program;
    const struct normalization *places = &l->normalization;
    real *grads = p->grads;
    int64_t first, end;
    own_part(me, l->images.channels, BLOCK, &first, &end);
    for (int64_t c = first; c < end; c++) {
        /* Nobody has asked for the gradient of the input of the first layer that is trained. */
        if (l == p->layers + p->first_trained) sum_gradients(l, pass->samples, c);
        const struct batch_numbers *n = numbers_of(l, c);
        grads[places->scale + c] = n->dscale;
        grads[places->shift + c] = n->dshift;
    }
    update_parameters(p, l, rates, 0, places->scale + first, end - first);
    update_parameters(p, l, rates, 0, places->shift + first, end - first);
}

#endif
