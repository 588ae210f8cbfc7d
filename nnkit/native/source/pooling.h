/* Pooling: each window of a channel reduced to one number.
 *
 * Max-pooling keeps the number of the largest entry of each window, counted along rows from the
 * upper left; among equal ones the first. It gets the whole gradient.
 */
#ifndef NNKIT_POOLING_H
#define NNKIT_POOLING_H

#include "images.h"

/* The largest of a window's entries, and its number; the first of equals. */
struct largest {
    vec value;
    mask entry;
};

INLINE struct largest larger(struct largest a, vec b, whole entry) {
    mask taken = (b > a.value) | (b != b); /* NaN becomes the largest */
    a.value = choose(taken, b, a.value);
    a.entry = (a.entry & ~taken) | (entry & taken);
    return a;
}

INLINE struct largest largest_of_four(vec a, vec b, vec c, vec d) {
    struct largest found = {a, {0}};
    found = larger(found, b, 1);
    found = larger(found, c, 2);
    return larger(found, d, 3);
}

#endif
