/* Layers over ids, one number in each row: embedding, and unit vectors. */
#ifndef NNKIT_ID_LAYERS_H
#define NNKIT_ID_LAYERS_H

#include "recurrent_weights.h"

/* The id in a row of the input. */
INLINE int64_t id_in(struct rows X, int64_t n) { return (int64_t)X.first[n * X.step]; }

/* Y = W[id] */
static void embedding_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    struct rows X = rows_into(pass, l);
    const real *W = params_at(pass, l->weights);
    int64_t first, end, row = padded(l->outputs);
    own_part(me, rows_of(pass, l), 1, &first, &end);
    for (int64_t n = first; n < end; n++)
        memcpy(
            (real *)l->output + n * row, W + id_in(X, n) * l->outputs, l->outputs * sizeof *W);
}

/* dW[i] = Σ dE/dY over the rows of id i; threads divide the ids. */
static void embedding_weights(
    const struct pass *pass, const struct layer *l, const struct rates *rates, struct member *me) {
    struct rows X = rows_into(pass, l);
    const struct program *p = pass->program;
    int64_t first, end, units = l->outputs, row = padded(units), rows = rows_of(pass, l);
    own_part(me, l->groups, 1, &first, &end);
    real *dW = (real *)p->grads + l->weights;
    memset(dW + first * units, 0, (end - first) * units * sizeof *dW);
    for (int64_t n = 0; n < rows; n++) {
        int64_t id = id_in(X, n);
        if (id < first || id >= end) continue;
        add_up_rows((const real *)l->gradient + n * row, row, 1, dW + id * units, units);
    }
    update_parameters(p, l, rates, l->decays, l->weights + first * units, (end - first) * units);
}

/* Y[id] = 1 */
static void one_hot_forward(const struct pass *pass, const struct layer *l, struct member *me) {
    struct rows X = rows_into(pass, l);
    int64_t first, end, row = padded(l->outputs);
    own_part(me, rows_of(pass, l), 1, &first, &end);
    real *Y = l->output;
    memset(Y + first * row, 0, (end - first) * row * sizeof *Y);
    for (int64_t n = first; n < end; n++) Y[n * row + id_in(X, n)] = 1;
}

#endif
