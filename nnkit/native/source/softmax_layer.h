/* Softmax and its logarithm as layers, over the units of each sample.
 *
 *     y = softmax(x): dX = y ⊙ (dY − Σ dY · y)
 *     y = ln softmax(x): dX = dY − e^y Σ dY
 *
 * A softmax that is part of the loss is computed there.
 */
#ifndef NNKIT_SOFTMAX_LAYER_H
#define NNKIT_SOFTMAX_LAYER_H

#include "layer_end.h"
#include "losses.h"
#include "pass.h"

static void softmax_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    struct rows X = rows_into(pass, l);
    int64_t units = l->outputs, row = padded(units), first, end;
    own_part(me, rows_of(pass, l), 1, &first, &end);
    for (int64_t n = first; n < end; n++) {
        const real *x = X.first + n * X.step;
        real *y = (real *)l->output + n * row, largest = largest_number(x, units);
        real total = exponentials(x, largest, units, y);
        for (int64_t i = 0; i < units; i += LANES)
            if (l->kind == LAYER_SOFTMAX) store(y + i, load(y + i) / total);
            else store(y + i, load(x + i) - largest - (real)log(total));
    }
}

static void softmax_inputs(const struct pass *pass, const struct layer *l, struct member *me) {
    int is_log = l->kind == LAYER_LOG_SOFTMAX;
    int64_t units = l->outputs, row = padded(units), first, end;
    own_part(me, rows_of(pass, l), 1, &first, &end);
    for (int64_t n = first; n < end; n++) {
        const real *y = (const real *)l->output + n * row, *dY = (const real *)l->gradient + n * row;
        real *dX = (real *)l[-1].gradient + n * row;
        vec sum = {0};
        for (int64_t i = 0; i < units; i += LANES) {
            vec part = is_log ? load(dY + i) : load(dY + i) * load(y + i);
            sum += first_lanes(part, (whole)(units - i));
        }
        real total = sum_of_lanes(sum);
        for (int64_t i = 0; i < units; i += LANES) {
            vec d = load(dY + i);
            if (is_log) store(dX + i, d - exponential(load(y + i)) * total);
            else store(dX + i, load(y + i) * (d - total));
        }
    }
    vectors_received(l - 1, first, end);
}

#endif
