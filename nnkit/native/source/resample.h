/* Resampling: every pixel of an image is taken from another place, with bilinear interpolation.
 *
 * The place of pixel p = (row, column) in the padded image P is q = A p + t + d(p), limited to the
 * places that P has. With k the pixel above and to the left of q, and f the fractions that remain:
 *
 *     above = (P[k + right] − P[k]) f_x + P[k],  below the same one row further down,
 *     X[p] = (below − above) f_y + above.
 *
 * The operations and their order are those of `data/augment/resample.py`, so the bits are the same.
 * A tile is a vector of pixels of a row; the last one of a row overlaps the one before.
 */
#ifndef NNKIT_RESAMPLE_H
#define NNKIT_RESAMPLE_H

#include "pace.h"
#include "tiles.h"
#include "vectors.h"

/* N images of C channels, as Python describes them (`ResamplingStructure`). */
struct resampling {
    void *X;                  /* receives the images, (N, C, height, width) */
    const void *P;            /* the padded images, (C, N, padded height, padded width) */
    const void *linear;       /* A, (N, 2, 2); rows before columns */
    const void *offset;       /* t, (N, 2) */
    const void *displacement; /* d, (2, N, height, width), with the strides below; NULL for none */
    int64_t axis_stride, image_stride, row_stride;
    int64_t images, channels, height, width;
    int64_t padded_height, padded_width;
    double lows[2], highs[2]; /* the smallest and the largest places in P */
};

/* The places of a vector of pixels in P: the pixel above and to the left, and the fractions. */
struct places {
    whole pixel[LANES];
    vec y, x;
};

/* Limits places to a range; NaN becomes its lower end. */
INLINE vec limited(vec place, double low, double high) {
    place = choose(place > (real)low, place, all((real)low));
    return choose(place < (real)high, place, all((real)high));
}

/* Finds the places of `count` pixels of image n, from pixel (i, j) on. */
INLINE struct places find_places(
    const struct resampling *r, int64_t n, int64_t i, int64_t j, int64_t count) {
    const real *A = (const real *)r->linear + 4 * n, *t = (const real *)r->offset + 2 * n;
    vec column = __builtin_convertvector((mask)LANE_NUMBERS + (whole)j, vec);
    vec y = (A[0] * (real)i + t[0]) + A[1] * column;
    vec x = (A[2] * (real)i + t[1]) + A[3] * column;
    if (r->displacement) {
        const real *down = r->displacement;
        down += n * r->image_stride + i * r->row_stride + j;
        const real *right = down + r->axis_stride;
        y += count == LANES ? load(down) : load_part(down, count);
        x += count == LANES ? load(right) : load_part(right, count);
    }
    y = limited(y, r->lows[0], r->highs[0]);
    x = limited(x, r->lows[1], r->highs[1]);
    mask row = __builtin_convertvector(y, mask), left = __builtin_convertvector(x, mask);
    mask pixel = row * (whole)r->padded_width + left;
    struct places found = {
        .y = y - __builtin_convertvector(row, vec), .x = x - __builtin_convertvector(left, vec)};
    memcpy(found.pixel, &pixel, sizeof pixel);
    return found;
}

INLINE vec pixels_at(const real *plane, const whole *pixel) {
    real found[LANES];
    for (int lane = 0; lane < LANES; lane++) found[lane] = plane[pixel[lane]];
    return load(found);
}

/* Interpolates in a row of pixels between each pixel and its right neighbour. */
INLINE vec between(const real *plane, const struct places *at) {
    vec left = pixels_at(plane, at->pixel), right = pixels_at(plane + 1, at->pixel);
    return (right - left) * at->x + left;
}

static void resample(const struct resampling *r) {
    int64_t count = smaller_of(r->width, LANES), size = r->height * r->width;
    int64_t padded_size = r->padded_height * r->padded_width;
    for (int64_t n = 0; n < r->images; n++)
        for (int64_t i = 0; i < r->height; i++)
            for (int64_t at = 0; at < r->width; at += LANES) {
                int64_t j = smaller_of(at, r->width - count);
                struct places places = find_places(r, n, i, j, count);
                for (int64_t c = 0; c < r->channels; c++) {
                    const real *plane = (const real *)r->P + (c * r->images + n) * padded_size;
                    real *to = (real *)r->X + (n * r->channels + c) * size + i * r->width + j;
                    vec above = between(plane, &places);
                    vec below = between(plane + r->padded_width, &places);
                    vec found = (below - above) * places.y + above;
                    if (count == LANES)
                        store(to, found);
                    else
                        memcpy(to, &found, count * sizeof *to);
                }
            }
}

#endif
