/* The samples of a batch, copied from all over the data set.
 *
 * Inputs are numbers, or bytes, which take a quarter of the time to read. Both are multiplied by
 * `input_scale`.
 */
#ifndef NNKIT_GATHER_H
#define NNKIT_GATHER_H

#include "blocks.h"
#include "program.h"
#include "team.h"

/* Whether batches are gathered as images, so that the first layer has nothing to do. */
INLINE int gathers_images(const struct program *p) { return p->layers->kind == LAYER_BLOCKS; }

/* Where the inputs of a sample begin. */
INLINE const char *inputs_of(const struct program *p, int64_t sample, int64_t inputs) {
    int64_t place = p->selected ? p->selected[sample] : sample;
    int64_t size = p->inputs_are_bytes ? 1 : sizeof(real);
    return (const char *)p->inputs + place * inputs * size;
}

/* Writes bytes as numbers. GCC makes vectors of this loop, but not of a conversion of vectors. */
static void scale_bytes(int64_t count, const uint8_t *restrict from, real scale, real *restrict to) {
    for (int64_t k = 0; k < count; k++) to[k] = from[k] * scale;
}

static void scale_numbers(int64_t count, const real *restrict from, real scale, real *restrict to) {
    for (int64_t k = 0; k < count; k++) to[k] = from[k] * scale;
}

/* Writes the inputs of a sample into a row. */
INLINE void gather_inputs(const struct program *p, int64_t sample, int64_t inputs, real *row) {
    const void *from = inputs_of(p, sample, inputs);
    if (p->inputs_are_bytes) scale_bytes(inputs, from, (real)p->input_scale, row);
    else if (p->input_scale != 1) scale_numbers(inputs, from, (real)p->input_scale, row);
    else memcpy(row, from, inputs * sizeof *row);
}

/* Writes the targets of a sample: the stored numbers, or its class as `on` among `off`. */
INLINE void gather_targets(const struct program *p, int64_t sample, int64_t outputs, real *row) {
    if (p->target_kind == TARGET_NUMBERS) {
        memcpy(row, (const real *)p->targets + sample * outputs, outputs * sizeof *row);
        return;
    }
    int64_t class = ((const int64_t *)p->targets)[sample];
    for (int64_t k = 0; k < outputs; k++) row[k] = (real)(k == class ? p->on : p->off);
}

/* Copies a thread's samples of a batch, in whole blocks. */
static void gather(
    const struct program *p, const int64_t *order, int64_t samples, struct member *me) {
    int64_t inputs = p->layers[0].inputs, outputs = p->layers[p->layer_count - 1].outputs;
    int64_t first, end, row = padded(inputs);
    real *X = p->batch, *T = p->target;
    own_part(me, samples, gathers_images(p) ? BLOCK : 1, &first, &end);
    for (int64_t n = first; n < end; n++) {
        gather_inputs(p, order[n], inputs, X + n * row);
        gather_targets(p, order[n], outputs, T + n * outputs);
        if (p->weights) ((real *)p->weight)[n] = ((const real *)p->weights)[order[n]];
    }
    if (!gathers_images(p)) return;
    for (int64_t n = first; n < end; n += BLOCK) {
        const real *rows[BLOCK];
        int64_t count = end - n < BLOCK ? end - n : BLOCK;
        for (int64_t i = 0; i < count; i++) rows[i] = X + (n + i) * row;
        images_from_rows(rows, count, &p->layers[0].images, n / BLOCK);
    }
}

/* Asks for the samples of the next batch, which lie all over the data set.
 *
 * Inlined always: GCC takes a function that only prefetches for one without effect, and drops calls.
 */
INLINE void prefetch(
    const struct program *p, const int64_t *order, int64_t samples, struct member *me) {
    int64_t first, end, inputs = p->layers[0].inputs;
    int64_t size = p->inputs_are_bytes ? inputs : inputs * (int64_t)sizeof(real);
    own_part(me, samples, 1, &first, &end);
    for (int64_t n = first; n < end; n++) {
        const char *row = inputs_of(p, order[n], inputs);
        for (int64_t at = 0; at < size; at += 64) __builtin_prefetch(row + at);
    }
}

#endif
