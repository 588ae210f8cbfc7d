/* The update of all parameters, as Python describes it (`nnkit/native/program_update.py`).
 *
 * All fields take eight bytes, so that both sides agree on the layout without padding.
 */
#ifndef NNKIT_OPTIMIZER_H
#define NNKIT_OPTIMIZER_H

#include <stdint.h>

enum update_kind {
    UPDATE_NONE = 0,
    UPDATE_SGD = 1,
    UPDATE_MOMENTUM = 2,
    UPDATE_ADAM = 3,
    UPDATE_DAMPED_MOMENTUM = 4,
    UPDATE_NESTEROV = 5,
    UPDATE_ADAGRAD = 6,
    UPDATE_ADADELTA = 7,
    UPDATE_RMSPROP = 8,
    UPDATE_RMSPROP_MOMENTUM = 9,
    UPDATE_CENTERED_RMSPROP = 10,
    UPDATE_CENTERED_RMSPROP_MOMENTUM = 11,
    UPDATE_AMSGRAD = 12,
    UPDATE_ADAMAX = 13,
    UPDATE_NADAM = 14,
    UPDATE_RADAM = 15,
    UPDATE_LION = 16,
    UPDATE_LAMB = 17,
};
enum clipping_kind { CLIP_NONE = 0, CLIP_VALUE = 1, CLIP_NORM = 2, CLIP_GLOBAL_NORM = 3 };
enum { MOST_STATES = 3 }; /* vectors of an optimizer's state */

/* One step's scalars, for parameters with the same factor on the learning rate. */
struct rates {
    double lr;      /* the learning rate */
    double a, b, c; /* what the rule needs; see `rules.h` */
    double average; /* the fraction by which the average moves to the parameters */
};

/* Neighbouring parameters of one block, which one thread updates while they are in its cache. */
struct piece {
    int64_t first, count;
    int64_t begin, end; /* the pieces of the same block */
    double lr_factor;   /* never 0: frozen parameters have no pieces */
    int64_t decays;     /* whether weight decay and penalties apply */
};

/* Weights into units whose norm is bounded; `units` is the unit of each row, NULL if its number. */
struct bounded {
    int64_t first, rows, columns;
    const int64_t *units;
};

struct update {
    int64_t kind;
    double beta1, beta2, momentum, eps;
    double decay, l2, l1; /* decoupled weight decay; penalties that are part of the gradient */
    int64_t clipping;
    double limit;         /* of clipping */
    double shrinkage;     /* the L1 penalty of a proximal step */
    double radius;        /* of the ball in which penalized parameters stay; 0 if there is none */
    double max_norm;      /* of the weights into a unit; 0 if there is no bound */
    void *params, *grads; /* flat vectors */
    void *state[MOST_STATES];
    void *average;        /* of the parameters over the steps, or NULL */
    const double *factors; /* on the learning rate, one for each of a step's `struct rates` */
    int64_t factor_count;
    const struct piece *pieces;
    int64_t piece_count;
    const struct bounded *bounded;
    int64_t bounded_count;
    double *sums;         /* scratch, (3, pieces) */
    double *unit_sums;    /* scratch, as many as the largest number of units */
};

#endif
