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
};

/* Vectors in rows, `step` numbers apart. */
struct rows {
    const real *first;
    int64_t step;
};

/* The input of a layer of vectors. */
INLINE struct rows rows_into(const struct pass *pass, const struct layer *l) {
    const struct program *p = pass->program;
    if (l == p->layers) return (struct rows){p->input, p->input_row};
    return (struct rows){l[-1].output, padded(l->inputs)};
}

/* The parameters at a place; NULL if there are none. */
INLINE real *params_at(const struct pass *pass, int64_t place) {
    return place < 0 ? 0 : (real *)pass->program->params + place;
}

#endif
