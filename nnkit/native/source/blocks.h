/* Rows of samples to images in blocks of 16 samples, and back: X[n][p] ↔ B[p][n].
 *
 * A tile is as many samples as a vector has lanes, by as many positions.
 */
#ifndef NNKIT_BLOCKS_H
#define NNKIT_BLOCKS_H

#include "images.h"
#include "transpose.h"

/* The image as lines of positions that lie next to each other: a single one without a frame. */
INLINE struct image lines_of(const struct image *image) {
    struct image lines = *image;
    if (lines.row == lines.width * BLOCK) {
        lines.width *= lines.height;
        lines.height = 1;
        if (lines.channel == lines.width * BLOCK) {
            lines.width *= lines.channels;
            lines.channels = 1;
        }
    }
    return lines;
}

/* The first position of the next tile; the last tile of a line repeats some of the one before. */
INLINE int64_t tile_at(int64_t start, int64_t width) {
    return start > 0 && start + LANES > width ? width - LANES : start;
}

/* Writes a block of images from the rows of its samples; samples that are missing become zeros. */
static void images_from_rows(
    const real *const rows[], int64_t samples, const struct image *to, int64_t block) {
    struct image lines = lines_of(to);
    int64_t width = lines.width, count = lines.channels * lines.height;
    for (int64_t line = 0; line < count; line++) {
        real *at = row_of(&lines, block, line / lines.height, line % lines.height);
        for (int64_t start = 0; start < width; start += LANES) {
            int64_t x = tile_at(start, width), from = line * width + x;
            int64_t columns = width < LANES ? width : LANES;
            for (int64_t first = 0; first < BLOCK; first += LANES) {
                vec tile[LANES];
                for (int i = 0; i < LANES; i++) {
                    if (first + i >= samples) tile[i] = all(0);
                    else if (columns == LANES) tile[i] = load(rows[first + i] + from);
                    else tile[i] = load_part(rows[first + i] + from, columns);
                }
                transpose(tile);
                for (int64_t i = 0; i < columns; i++) store(at + (x + i) * BLOCK + first, tile[i]);
            }
        }
    }
}

/* Writes the rows of a block's samples, at multiples of `step` numbers. */
static void rows_from_images(
    const struct image *from, int64_t block, int64_t samples, real *rows, int64_t step) {
    struct image lines = lines_of(from);
    int64_t width = lines.width, count = lines.channels * lines.height;
    for (int64_t line = 0; line < count; line++) {
        const real *at = row_of(&lines, block, line / lines.height, line % lines.height);
        for (int64_t start = 0; start < width; start += LANES) {
            int64_t x = tile_at(start, width), to = line * width + x;
            int64_t columns = width < LANES ? width : LANES;
            for (int64_t first = 0; first < samples; first += LANES) {
                vec tile[LANES];
                for (int i = 0; i < LANES; i++)
                    tile[i] = i < columns ? load(at + (x + i) * BLOCK + first) : all(0);
                transpose(tile);
                for (int64_t i = 0; i < LANES && first + i < samples; i++) {
                    real *row = rows + (first + i) * step + to;
                    if (columns == LANES) store(row, tile[i]);
                    else store_part(row, tile[i], columns);
                }
            }
        }
    }
}

#endif
