/* Losses: the mean over a batch, and its gradient at the end of the network.
 *
 * Each function returns the loss of one sample and writes its derivatives into d, from the outputs
 * y (or logits z) and the targets t. The formulas are those of `nnkit/nn/losses/`; `a` and `b`
 * are the loss's settings.
 */
#ifndef NNKIT_LOSSES_H
#define NNKIT_LOSSES_H

#include "elementary.h"
#include "program.h"
#include "tiles.h"
#include "transpose.h"

/* 0, but NaN of NaN. */
INLINE real zero_of(real x) { return x == x ? 0 : x; }

/* A loss Σ_k ρ(y_k, t_k): its value for one output, and the derivative. */
INLINE double loss_of_output(int64_t kind, real y, real t, real a, real b, real *d) {
    real r = y - t, margin = y * t;
    switch (kind) {
        case LOSS_SQUARED_ERROR: /* a r² */
            *d = 2 * a * r;
            return (double)a * r * r;
        case LOSS_ABSOLUTE_ERROR:
            *d = (real)((r > 0) - (r < 0)) + r * 0;
            return fabs((double)r);
        case LOSS_HUBER: /* ½r² up to |r| = a, a (|r| − ½a) beyond */
            *d = r < -a ? -a : r > a ? a : r;
            return (double)*d * (r - *d / 2);
        case LOSS_LOG_COSH:
            *d = (real)tanh(r);
            return fabs((double)r) + log1p(exp(-2 * fabs((double)r))) - log(2);
        case LOSS_QUANTILE: /* of level a */
            *d = r < 0 ? -a : 1 - a;
            return (double)r * *d;
        case LOSS_HINGE:
            *d = margin < 1 ? -t : 0;
            return margin < 1 ? 1 - margin : zero_of(margin);
        case LOSS_SQUARED_HINGE: {
            real lacking = margin < 1 ? 1 - margin : zero_of(margin);
            *d = -2 * lacking * t;
            return (double)lacking * lacking;
        }
        case LOSS_PERCEPTRON:
            *d = margin <= 0 ? -t : 0;
            return margin < 0 ? -margin : zero_of(margin);
        case LOSS_POISSON: { /* e^z − t z */
            double rate = exp(y);
            *d = (real)(rate - t);
            return rate - (double)t * y;
        }
        default: { /* LOSS_BINARY_CROSS_ENTROPY of σ(z); a is the weight of yes, b the smoothing */
            double z = y, target = t * (1 - b) + b / 2, e = exp(-fabs(z)), yes = a * target;
            double p = (z >= 0 ? 1 : e) / (1 + e), q = (z >= 0 ? e : 1) / (1 + e);
            double softplus = log1p(e); /* of −|z| */
            *d = (real)((1 - target) * p - yes * q);
            return yes * (softplus + fmax(-z, 0)) + (1 - target) * (softplus + fmax(z, 0)) + zero_of(y);
        }
    }
}

/* The largest number; a NaN may be taken for it. Vectors may read beyond the last one. */
SINGLE real largest_number(const real *z, int64_t count) {
    vec largest = all(z[0]);
    for (int64_t k = 0; k < count; k += LANES) {
        vec x = choose((mask)LANE_NUMBERS < (whole)(count - k), load(z + k), all(z[0]));
        largest = choose(x <= largest, largest, x);
    }
    UNROLLED for (int distance = 1; distance < LANES; distance *= 2) {
        vec x = exchange(largest, distance);
        largest = choose(x <= largest, largest, x);
    }
    return largest[0];
}

/* Writes e^(z − largest) into e, up to the end of the last vector, and returns the sum. */
INLINE real exponentials(const real *z, real largest, int64_t count, real *e) {
    vec sum = {0};
    for (int64_t k = 0; k < count; k += LANES) {
        vec x = first_lanes(exponential(load(z + k) - largest), (whole)(count - k));
        store(e + k, x);
        sum += x;
    }
    return sum_of_lanes(sum);
}

/* −Σ_k t_k ln softmax(z)_k, with t smoothed by b. */
INLINE double softmax_cross_entropy(
    int64_t outputs, const real *z, const real *t, real b, real *d) {
    real largest = largest_number(z, outputs);
    real total = exponentials(z, largest, outputs, d), inverse = 1 / total;
    double wanted = 0;
    for (int64_t k = 0; k < outputs; k++) {
        real target = t[k] * (1 - b) + b / outputs;
        wanted += (double)target * (z[k] - largest);
        d[k] = d[k] * inverse - target;
    }
    return log(total) - wanted;
}

/* The same for one class, with the others' targets 0 before they are smoothed. */
INLINE double class_cross_entropy(
    int64_t outputs, const real *z, int64_t class, real b, real share, real *d) {
    real largest = largest_number(z, outputs), each = b / outputs;
    real total = exponentials(z, largest, outputs, d), factor = share / total;
    double wanted = (double)(1 - b) * (z[class] - largest);
    for (int64_t k = 0; each != 0 && k < outputs; k++) wanted += (double)each * (z[k] - largest);
    for (int64_t k = 0; k < outputs; k += LANES)
        store(d + k, load(d + k) * factor - each * share);
    d[class] -= (1 - b) * share;
    return log(total) - wanted;
}

/* The excess over the margin a of the outputs of other classes: the largest, or their sum. */
SINGLE double multiclass_hinge(
    int64_t outputs, const real *y, const real *t, real a, int all_of_them, real *d) {
    int64_t right = 0, worst = -1;
    for (int64_t k = 1; k < outputs; k++)
        if (t[k] > t[right]) right = k;
    real most = 0;
    double loss = 0;
    for (int64_t k = 0; k < outputs; k++) {
        real excess = y[k] - y[right] + a;
        d[k] = 0;
        if (k == right || excess <= 0) continue;
        if (all_of_them) {
            loss += excess;
            d[k] = 1;
        } else if (most == most && !(excess <= most)) { /* NaN becomes the largest, and stays it */
            most = excess;
            worst = k;
        }
    }
    if (all_of_them) {
        d[right] = 0;
        for (int64_t k = 0; k < outputs; k++)
            if (k != right) d[right] -= d[k];
        return loss;
    }
    if (worst >= 0) {
        d[worst] = 1;
        d[right] = -1;
    }
    return most;
}

INLINE double loss_of_sample(
    const struct program *p, int64_t outputs, const real *y, const real *t, real *d) {
    real a = (real)p->loss_a, b = (real)p->loss_b;
    switch (p->loss) {
        case LOSS_SOFTMAX_CROSS_ENTROPY: return softmax_cross_entropy(outputs, y, t, b, d);
        case LOSS_CRAMMER_SINGER: return multiclass_hinge(outputs, y, t, a, 0, d);
        case LOSS_WESTON_WATKINS: return multiclass_hinge(outputs, y, t, a, 1, d);
    }
    double loss = 0;
    for (int64_t k = 0; k < outputs; k++) loss += loss_of_output(p->loss, y[k], t[k], a, b, d + k);
    return loss;
}

/* The mean loss; rows of Y and dY are `row` numbers apart, those of the targets are dense.
 *
 * A sample counts as 1/samples, or as its weight divided by the sum of weights.
 */
static double mean_loss(
    const struct program *p, int64_t samples, int64_t outputs, const real *Y, int64_t row,
    real *dY) {
    const real *T = p->target, *weights = p->weight;
    double total = samples, loss = 0;
    if (weights) {
        total = 0;
        for (int64_t n = 0; n < samples; n++) total += weights[n];
    }
    for (int64_t n = 0; n < samples; n++) {
        real *d = dY + n * row;
        double counts = weights ? (total == 0 ? 0 : weights[n] / total) : 1 / total;
        /* Rounded, so that a loss beyond the range of numbers is infinite, as on NumPy. */
        double own = (real)loss_of_sample(p, outputs, Y + n * row, T + n * outputs, d);
        real share = (real)(counts * p->share);
        loss += counts == 0 ? 0 : own * (counts * p->share);
        for (int64_t k = 0; k < outputs; k++) d[k] *= share;
    }
    return loss;
}

/* y = softmax(z) of up to LANES rows of up to BLOCK numbers, in place, with a lane for each row.
 *
 * The order of sums is that of `sum_of_lanes`. */
static void softmax_tile(int64_t rows, int64_t outputs, real *Z, int64_t row) {
    vec e[BLOCK];
    for (int64_t k = 0; k < BLOCK; k += LANES) {
        for (int64_t i = 0; i < LANES; i++) e[k + i] = i < rows ? load(Z + i * row + k) : all(0);
        transpose(e + k);
    }
    vec largest = e[0];
    for (int64_t k = 1; k < outputs; k++)
        largest = choose(e[k] <= largest, largest, e[k]); /* NaN becomes the largest */
    vec sums[LANES] = {{0}};
    for (int64_t k = 0; k < BLOCK; k++) {
        e[k] = k < outputs ? exponential(e[k] - largest) : all(0);
        sums[k % LANES] += e[k];
    }
    for (int64_t distance = 1; distance < LANES; distance *= 2)
        for (int64_t k = 0; k < LANES; k += 2 * distance) sums[k] += sums[k + distance];
    for (int64_t k = 0; k < outputs; k++) e[k] /= sums[0];
    for (int64_t k = 0; k < BLOCK; k += LANES) {
        transpose(e + k);
        for (int64_t i = 0; i < rows; i++) store(Z + i * row + k, e[k + i]);
    }
}

/* The losses of some rows of classes, each times its share, and their gradients. */
static void losses_of_rows(
    const struct program *p, int64_t first, int64_t end, int64_t rows, int64_t outputs,
    const real *Y, int64_t row, real *dY) {
    const real *weights = p->weight;
    double total = weights ? 0 : rows;
    for (int64_t n = 0; weights && n < rows; n++) total += weights[n];
    for (int64_t n = first; n < end; n++) {
        double counts = (weights ? (total == 0 ? 0 : weights[n] / total) : 1 / total) * p->share;
        double own = class_cross_entropy(
            outputs, Y + n * row, p->classes[n], (real)p->loss_b, (real)counts, dY + n * row);
        p->losses[n] = counts == 0 ? 0 : (real)own * counts;
    }
}

/* y = softmax(z) of each row, in place. */
SINGLE void softmax(int64_t samples, int64_t outputs, real *Z, int64_t row) {
    enum { WORTH_A_TILE = 4 }; /* rows */
    int64_t n = 0;
    for (; outputs <= BLOCK && n + WORTH_A_TILE <= samples; n += LANES)
        softmax_tile(smaller_of(samples - n, LANES), outputs, Z + n * row, row);
    for (; n < samples; n++) {
        real *z = Z + n * row, total = exponentials(z, largest_number(z, outputs), outputs, z);
        for (int64_t k = 0; k < outputs; k += LANES) store(z + k, load(z + k) / total);
    }
}

#endif
