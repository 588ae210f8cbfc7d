/* PReLU: Y = max(0, X) + a · min(0, X), with a slope a trained for each channel, or one for all.
 *
 *     da = Σ dY · min(0, X), over samples and positions
 *
 * Its settings are its weights; `groups` is the number of slopes.
 */
#ifndef NNKIT_PRELU_LAYER_H
#define NNKIT_PRELU_LAYER_H

#include "layer_end.h"
#include "pace.h"
#include "pass.h"
#include "update.h"

/* The slopes of vectors' units from `i` on. */
INLINE vec slopes_at(const struct layer *l, const real *slopes, int64_t i) {
    if (l->groups == 1) return all(slopes[0]);
    return l->outputs - i >= LANES ? load(slopes + i) : load_part(slopes + i, l->outputs - i);
}

/* The slope of a channel of images. */
INLINE vec slope_of(const struct layer *l, const real *slopes, int64_t channel) {
    return all(slopes[l->groups == 1 ? 0 : channel]);
}

INLINE vec where_positive(vec x, vec a, vec b) { return choose(x > 0, a, b); }

static void prelu_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *x = &l[-1].images, *y = &l->images;
    const real *slopes = params_at(pass, l->weights);
    int64_t first, end;
    if (!is_image(l)) {
        struct rows X = rows_into(pass, l);
        own_part(me, pass->samples, 1, &first, &end);
        for (int64_t n = first; n < end; n++)
            for (int64_t i = 0; i < l->outputs; i += LANES) {
                vec z = load(X.first + n * X.step + i);
                real *to = (real *)l->output + n * padded(l->outputs) + i;
                store(to, where_positive(z, z, z * slopes_at(l, slopes, i)));
            }
        return;
    }
    own_part(me, blocks_of(pass->samples) * y->channels, 1, &first, &end);
    for (int64_t i = first * y->height; i < end * y->height; i++) {
        struct place p = place_of(y, i);
        const real *from = row_at(x, p);
        real *to = row_at(y, p);
        vec slope = slope_of(l, slopes, p.channel);
        for (int64_t k = 0; k < y->width * BLOCK; k += LANES) {
            vec z = load(from + k);
            store(to + k, where_positive(z, z, z * slope));
        }
    }
}

static void prelu_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    const struct image *x = &l[-1].images, *d = &l->gradients, *dX = &l[-1].gradients;
    const real *slopes = params_at(pass, l->weights);
    int64_t first, end;
    if (!is_image(l)) {
        struct rows X = rows_into(pass, l);
        own_part(me, pass->samples, 1, &first, &end);
        for (int64_t n = first; n < end; n++)
            for (int64_t i = 0; i < l->outputs; i += LANES) {
                int64_t at = n * padded(l->outputs) + i;
                vec dy = load((const real *)l->gradient + at);
                vec z = load(X.first + n * X.step + i);
                store(
                    (real *)l[-1].gradient + at,
                    where_positive(z, dy, dy * slopes_at(l, slopes, i)));
            }
        vectors_received(l - 1, first, end);
        return;
    }
    own_part(me, blocks_of(pass->samples) * d->channels, 1, &first, &end);
    for (int64_t i = first * d->height; i < end * d->height; i++) {
        struct place p = place_of(d, i);
        const real *from = row_at(x, p), *dY = row_at(d, p);
        real *to = row_at(dX, p);
        vec slope = slope_of(l, slopes, p.channel);
        for (int64_t k = 0; k < d->width * BLOCK; k += LANES)
            store(to + k, where_positive(load(from + k), load(dY + k), load(dY + k) * slope));
        images_received(l - 1, p.block, p.channel, p.channel + 1, p.y);
    }
}

/* Σ dY · min(0, X) over the samples and positions of a channel of images. */
static real slope_gradient_of_channel(
    const struct layer *l, int64_t samples, int64_t channel) {
    const struct image *x = &l[-1].images, *d = &l->gradients;
    vec sum = {0};
    FOR_EACH_ROW(d, samples, b, y) {
        const real *z = row_of(x, b, channel, y), *dY = row_of(d, b, channel, y);
        vec part = {0};
        for (int64_t k = 0; k < d->width * BLOCK; k += LANES)
            part = multiply_add(load(dY + k), where_positive(load(z + k), all(0), load(z + k)), part);
        sum += part;
    }
    return sum_of_lanes(sum);
}

/* The same for vectors' units from `i` on. */
static vec slope_gradients_of_units(
    const struct pass *pass, const struct layer *l, int64_t i) {
    struct rows X = rows_into(pass, l);
    vec sum = {0};
    for (int64_t n = 0; n < pass->samples; n++) {
        vec z = load(X.first + n * X.step + i);
        vec dy = load((const real *)l->gradient + n * padded(l->outputs) + i);
        sum = multiply_add(dy, where_positive(z, all(0), z), sum);
    }
    return l->outputs - i >= LANES ? sum : first_lanes(sum, (whole)(l->outputs - i));
}

static void prelu_weights(
    const struct pass *pass, const struct layer *l, const struct rates *rates, struct member *me) {
    real *da = (real *)pass->program->grads + l->weights;
    int64_t first, end, each = is_image(l) ? 1 : LANES; /* channels at a time */
    int64_t channels = is_image(l) ? l->images.channels : l->outputs;
    own_part(me, l->groups == 1 ? 1 : channels, BLOCK, &first, &end);
    if (first == end) return;
    if (l->groups == 1) end = channels;
    real shared = 0;
    for (int64_t c = first; c < end; c += each) {
        vec sum = is_image(l) ? all(slope_gradient_of_channel(l, pass->samples, c))
                              : slope_gradients_of_units(pass, l, c);
        if (l->groups == 1) shared += is_image(l) ? sum[0] : sum_of_lanes(sum);
        else memcpy(da + c, &sum, smaller_of(each, end - c) * sizeof *da);
    }
    if (l->groups == 1) *da = shared;
    int64_t count = l->groups == 1 ? 1 : end - first;
    update_parameters(pass->program, l, rates, 0, l->weights + first, count);
}

#endif
