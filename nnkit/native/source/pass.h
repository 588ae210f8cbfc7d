/* A pass through a program: what all of its layers need to know. */
#ifndef NNKIT_PASS_H
#define NNKIT_PASS_H

#include "program.h"
#include "team.h"
#include "tiles.h"

struct pass {
    const struct program *program;
    int64_t samples;
    int64_t training; /* whether dropout is active, and normalization uses the batch */
    int64_t draw;     /* the counter of random draws */
    int64_t is_prepared; /* whether an earlier pass of the same call has transformed the weights */
};

/* Vectors in rows, `step` numbers apart. */
struct rows {
    const real *first;
    int64_t step;
};

/* Whether a layer computes nothing, but stands for the input of a block. */
INLINE int begins_branch(const struct layer *l) {
    return l->kind == LAYER_SPLIT || l->kind == LAYER_BRANCH;
}

/* The input of a layer of vectors: the output of the layer before. */
SINGLE struct rows rows_into(const struct pass *pass, const struct layer *l) {
    const struct program *p = pass->program;
    while (l > p->layers && begins_branch(l - 1))
        l += l[-1].kind == LAYER_SPLIT ? -1 : l[-1].other - 1;
    if (l == p->layers) return (struct rows){p->input, p->input_row};
    return (struct rows){l[-1].output, padded(l[-1].outputs)};
}

/* The parameters at a place; NULL if there are none. */
INLINE real *params_at(const struct pass *pass, int64_t place) {
    return place < 0 ? 0 : (real *)pass->program->params + place;
}

/* The first row of a step of sequences (`sequences.h`). */
SINGLE int64_t start_of_step(const struct pass *pass, int64_t t) {
    const struct program *p = pass->program;
    return p->starts ? p->starts[t] : t * pass->samples;
}

/* The number of rows of a step. */
SINGLE int64_t rows_of_step(const struct pass *pass, int64_t t) {
    return start_of_step(pass, t + 1) - start_of_step(pass, t);
}

/* The sample of the n-th row of each step. */
SINGLE int64_t sample_of_row(const struct pass *pass, int64_t n) {
    return pass->program->starts ? pass->program->sorted[n] : n;
}

/* The rows of a layer's output: positions or samples. */
SINGLE int64_t rows_of(const struct pass *pass, const struct layer *l) {
    return l->by_position ? start_of_step(pass, pass->program->steps) : pass->samples;
}

#endif
