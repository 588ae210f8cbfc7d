/* Layer normalization: Y = f(scale ⊙ (X − μ)/√(σ² + ε) + shift), over the units of each sample.
 *
 * With x̂ = (x − μ)/√(σ² + ε), g = scale ⊙ dZ, and means over a sample's units:
 *
 *     dX = (g − mean(g) − x̂ · mean(g ⊙ x̂))/√(σ² + ε),    dscale = Σ dZ · x̂,    dshift = Σ dZ
 *
 * Divided among threads by samples, or by units for the sums over samples.
 */
#ifndef NNKIT_LAYER_NORM_H
#define NNKIT_LAYER_NORM_H

#include "layer_end.h"
#include "pass.h"
#include "update.h"

/* What is remembered of each sample: its mean and 1/√(σ² + ε). */
struct sample_numbers {
    real mean, spread;
};

/* The lanes from unit `i` on that hold units, the others 0. */
INLINE vec of_units(vec x, int64_t units, int64_t i) {
    return units - i >= LANES ? x : first_lanes(x, (whole)(units - i));
}

INLINE vec load_or_all(const real *from, int64_t i, int64_t units, real value) {
    if (!from) return all(value);
    return units - i >= LANES ? load(from + i) : load_part(from + i, units - i);
}

static struct sample_numbers numbers_of_sample(const real *x, int64_t units, real eps) {
    vec sum = {0}, squares = {0};
    for (int64_t i = 0; i < units; i += LANES) sum += of_units(load(x + i), units, i);
    real mean = sum_of_lanes(sum) / (real)units;
    for (int64_t i = 0; i < units; i += LANES) {
        vec centred = of_units(load(x + i) - mean, units, i);
        squares = multiply_add(centred, centred, squares);
    }
    return (struct sample_numbers){
        mean, 1 / SQRT(sum_of_lanes(squares) / (real)units + eps)};
}

static void layer_norm_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    struct rows X = rows_into(pass, l);
    const struct normalization *n = &l->normalization;
    const real *scale = params_at(pass, n->scale), *shift = params_at(pass, n->shift);
    struct sample_numbers *numbers = n->batch;
    int64_t units = l->outputs, row = padded(units), first, end;
    own_part(me, pass->samples, 1, &first, &end);
    for (int64_t s = first; s < end; s++) {
        const real *x = X.first + s * X.step;
        real *y = (real *)l->output + s * row;
        struct sample_numbers found = numbers_of_sample(x, units, (real)n->eps);
        if (pass->training) numbers[s] = found;
        for (int64_t i = 0; i < units; i += LANES) {
            vec normalized = (load(x + i) - found.mean) * found.spread;
            store(
                y + i, normalized * load_or_all(scale, i, units, 1) +
                           load_or_all(shift, i, units, 0));
        }
    }
    activate(l, end - first, 0, units, (real *)l->output + first * row, row);
}

static void layer_norm_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    struct rows X = rows_into(pass, l);
    const real *scale = params_at(pass, l->normalization.scale);
    const struct sample_numbers *numbers = l->normalization.batch;
    int64_t units = l->outputs, row = padded(units), first, end;
    own_part(me, pass->samples, 1, &first, &end);
    for (int64_t s = first; s < end; s++) {
        const real *x = X.first + s * X.step, *dz = (const real *)l->gradient + s * row;
        real *dx = (real *)l[-1].gradient + s * row;
        real mean = numbers[s].mean, spread = numbers[s].spread;
        vec sum = {0}, product = {0};
        for (int64_t i = 0; i < units; i += LANES) {
            vec g = of_units(load(dz + i) * load_or_all(scale, i, units, 1), units, i);
            vec normalized = of_units((load(x + i) - mean) * spread, units, i);
            sum += g;
            product = multiply_add(g, normalized, product);
        }
        real along = sum_of_lanes(product) / (real)units, level = sum_of_lanes(sum) / (real)units;
        for (int64_t i = 0; i < units; i += LANES) {
            vec g = load(dz + i) * load_or_all(scale, i, units, 1);
            vec normalized = (load(x + i) - mean) * spread;
            store(dx + i, (g - level - normalized * along) * spread);
        }
    }
    vectors_received(l - 1, first, end);
}

static void layer_norm_weights(
    const struct pass *pass, const struct layer *l, const struct rates *rates, struct member *me) {
    const struct program *p = pass->program;
    struct rows X = rows_into(pass, l);
    const struct sample_numbers *numbers = l->normalization.batch;
    real *dscales = (real *)p->grads + l->normalization.scale;
    real *dshifts = (real *)p->grads + l->normalization.shift;
    int64_t units = l->outputs, row = padded(units), first, end;
    own_part(me, units, BLOCK, &first, &end);
    for (int64_t i = first; i < end; i += LANES) {
        vec dscale = {0}, dshift = {0};
        for (int64_t s = 0; s < pass->samples; s++) {
            vec dz = load((const real *)l->gradient + s * row + i);
            vec centred = load(X.first + s * X.step + i) - numbers[s].mean;
            dscale = multiply_add(dz, centred * numbers[s].spread, dscale);
            dshift += dz;
        }
        size_t part = smaller_of(end - i, LANES) * sizeof *dscales;
        memcpy(dscales + i, &dscale, part);
        memcpy(dshifts + i, &dshift, part);
    }
    update_parameters(p, l, rates, 0, l->normalization.scale + first, end - first);
    update_parameters(p, l, rates, 0, l->normalization.shift + first, end - first);
}

#endif
