/* The sizes of tiles, whose sums are kept in registers. */
#ifndef NNKIT_TILES_H
#define NNKIT_TILES_H

#include "vectors.h"

enum { BLOCK = 16 }; /* samples of a block of images; also what rows of buffers are multiples of */

enum { TILE_ROWS = 4 };

/* The tiles of float64 are those of few registers on any processor, because each takes space. */
#if REAL_BITS == 32 && (VECTOR_BYTES == 64 || defined(__aarch64__))
#define MANY_REGISTERS 1 /* 32 */
enum { TILE_COLUMNS = 6, PRODUCT_ROWS = 8, PRODUCT_COLUMNS = 3 };
#else
#define MANY_REGISTERS 0 /* 16 */
enum { TILE_COLUMNS = 3, PRODUCT_ROWS = 4, PRODUCT_COLUMNS = 3 };
#endif

enum { CROWDED = 256 }; /* numbers; rows so far apart, or a multiple of it, share a cache's few sets */

/* The numbers from a row of a buffer to the next; as in `nnkit/native/row_sizes.py`. */
INLINE int64_t padded(int64_t count) {
    int64_t blocks = (count + BLOCK - 1) / BLOCK * BLOCK;
    return blocks % CROWDED == 0 ? blocks + BLOCK : blocks;
}

INLINE int64_t smaller_of(int64_t a, int64_t b) { return a < b ? a : b; }

/* The number of parts of a size that `count` takes. */
INLINE int64_t parts_of(int64_t count, int64_t size) { return (count + size - 1) / size; }

/* The size of the next of the parts that `count` is divided into, as even as possible. */
INLINE int64_t next_part(int64_t count, int64_t largest) {
    return parts_of(count, parts_of(count, largest));
}

#endif
