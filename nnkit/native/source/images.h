/* Positions in blocks of images. */
#ifndef NNKIT_IMAGES_H
#define NNKIT_IMAGES_H

#include "program.h"
#include "tiles.h"

INLINE int64_t blocks_of(int64_t samples) { return (samples + BLOCK - 1) / BLOCK; }

/* The samples of a block, at most 16. */
INLINE int64_t samples_in(int64_t block, int64_t samples) {
    return samples - block * BLOCK < BLOCK ? samples - block * BLOCK : BLOCK;
}

/* Runs the statement that follows for each row y of each block b of a channel. */
#define FOR_EACH_ROW(image, samples, b, y)                   \
    for (int64_t b = 0; b < blocks_of(samples); b++)         \
        for (int64_t y = 0; y < (image)->height; y++)

/* The first position of a row. */
INLINE real *row_of(const struct image *image, int64_t block, int64_t channel, int64_t y) {
    return (real *)image->first + block * image->block + channel * image->channel +
           y * image->row;
}

/* A row of a channel of a block. */
struct place {
    int64_t block, channel, y;
};

/* The place of row `i` of all rows of an image's blocks. */
INLINE struct place place_of(const struct image *image, int64_t i) {
    int64_t channel = i / image->height;
    return (struct place){
        channel / image->channels, channel % image->channels, i % image->height};
}

INLINE real *row_at(const struct image *image, struct place p) {
    return row_of(image, p.block, p.channel, p.y);
}

/* Whether a layer's output is an image rather than a vector. */
INLINE int is_image(const struct layer *l) { return l->images.channels > 0; }

/* The bytes of a row of a layer's output, which have no frame; NULL if there are none. */
INLINE uint8_t *chosen_of(const struct layer *l, int64_t block, int64_t channel, int64_t y) {
    const struct image *out = &l->images;
    if (!l->chosen) return 0;
    return l->chosen +
           (((block * out->channels + channel) * out->height + y) * out->width) * BLOCK;
}

/* A vector's worth of entries' numbers, one byte each. */
typedef uint8_t unaligned_bytes __attribute__((vector_size(LANE_COUNT), aligned(1), may_alias));

INLINE mask load_bytes(const uint8_t *from) {
    return __builtin_convertvector(*(const unaligned_bytes *)from, mask);
}

INLINE void store_bytes(uint8_t *to, mask x) {
    *(unaligned_bytes *)to = __builtin_convertvector(x, unaligned_bytes);
}

#endif
