/* Losses: the mean over a batch, and its gradient at the end of the network.
 *
 * Y, Z and their gradients are (samples, outputs) in rows of `row` numbers; T is dense. The same
 * formulas as `nnkit/nn/losses.py`. A sample's share of the mean is 1/samples, or its weight
 * divided by the sum of weights.
 */
#ifndef NNKIT_LOSSES_H
#define NNKIT_LOSSES_H

#include "elementary.h"
#include "program.h"

/* The sum of weights, or the number of samples. */
static double total_weight(int64_t samples, const real *weights) {
    if (!weights) return samples;
    double total = 0;
    for (int64_t n = 0; n < samples; n++) total += weights[n];
    return total;
}

static real share_of(int64_t n, const real *weights, double total) {
    if (!weights) return (real)(1 / total);
    return total == 0 ? 0 : weights[n] / (real)total;
}

/* E = scale · Σ_k (y_k − t_k)². */
static double squared_error(
    int64_t samples, int64_t outputs, const real *Y, int64_t row, const real *T,
    const real *weights, double share_of_batch, double scale, real *dY) {
    double total = total_weight(samples, weights) / share_of_batch, loss = 0;
    for (int64_t n = 0; n < samples; n++) {
        real share = share_of(n, weights, total);
        double squares = 0;
        for (int64_t k = 0; k < outputs; k++) {
            real difference = Y[n * row + k] - T[n * outputs + k];
            squares += (double)difference * difference;
            dY[n * row + k] = difference * (real)(2 * scale) * share;
        }
        loss += squares * share;
    }
    return loss * scale;
}

/* E = −Σ_k t_k ln y_k for y = softmax(z), by the logarithm of the sum of exponentials. */
static double softmax_cross_entropy(
    int64_t samples, int64_t outputs, const real *Z, int64_t row, const real *T,
    const real *weights, double share_of_batch, real *dZ) {
    double total = total_weight(samples, weights) / share_of_batch, loss = 0;
    for (int64_t n = 0; n < samples; n++) {
        const real *z = Z + n * row, *t = T + n * outputs;
        real share = share_of(n, weights, total), *d = dZ + n * row, largest = z[0];
        for (int64_t k = 1; k < outputs; k++)
            if (!(z[k] <= largest)) largest = z[k]; /* NaN becomes the largest */
        double wanted = 0;
        vec sum = {0};
        for (int64_t k = 0; k < outputs; k += LANES) {
            vec e = first_lanes(exponential(load(z + k) - largest), (whole)(outputs - k));
            store(d + k, e);
            sum += e;
        }
        real exponentials = sum_of_lanes(sum), inverse = 1 / exponentials;
        for (int64_t k = 0; k < outputs; k++) {
            wanted += (double)t[k] * (z[k] - largest);
            d[k] = (d[k] * inverse - t[k]) * share;
        }
        loss += (log(exponentials) - wanted) * share;
    }
    return loss;
}

/* E = −Σ_k [t_k ln y_k + (1 − t_k) ln(1 − y_k)] for y = sigmoid(z). */
static double binary_cross_entropy(
    int64_t samples, int64_t outputs, const real *Z, int64_t row, const real *T,
    const real *weights, double share_of_batch, real *dZ) {
    double total = total_weight(samples, weights) / share_of_batch, loss = 0;
    for (int64_t n = 0; n < samples; n++) {
        real share = share_of(n, weights, total);
        double sum = 0;
        for (int64_t k = 0; k < outputs; k++) {
            double z = Z[n * row + k], t = T[n * outputs + k], e = exp(-fabs(z));
            double yes = (z >= 0 ? 1 : e) / (1 + e), no = (z >= 0 ? e : 1) / (1 + e);
            sum += log1p(e) + t * fmax(-z, 0) + (1 - t) * fmax(z, 0) + z * 0;
            dZ[n * row + k] = (real)((1 - t) * yes - t * no) * share;
        }
        loss += sum * share;
    }
    return loss;
}

/* y = softmax(z) of each row, in place. */
static void softmax(int64_t samples, int64_t outputs, real *Z, int64_t row) {
    for (int64_t n = 0; n < samples; n++) {
        real *z = Z + n * row, largest = z[0];
        for (int64_t k = 1; k < outputs; k++)
            if (!(z[k] <= largest)) largest = z[k];
        vec sum = {0};
        for (int64_t k = 0; k < outputs; k += LANES) {
            vec e = first_lanes(exponential(load(z + k) - largest), (whole)(outputs - k));
            store(z + k, e);
            sum += e;
        }
        real total = sum_of_lanes(sum);
        for (int64_t k = 0; k < outputs; k += LANES) store(z + k, load(z + k) / total);
    }
}

static double loss_and_gradient(
    const struct program *p, int64_t samples, int64_t outputs, const real *Y, int64_t row,
    real *dY) {
    const real *T = p->target, *weights = p->weight;
    switch (p->loss) {
        case LOSS_SOFTMAX_CROSS_ENTROPY:
            return softmax_cross_entropy(samples, outputs, Y, row, T, weights, p->share, dY);
        case LOSS_BINARY_CROSS_ENTROPY:
            return binary_cross_entropy(samples, outputs, Y, row, T, weights, p->share, dY);
        default:
            return squared_error(samples, outputs, Y, row, T, weights, p->share, p->loss_scale, dY);
    }
}

#endif
