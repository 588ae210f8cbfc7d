/* Repetition of code, for tiles of vectors that must stay in registers.
 *
 * A loop over an array of vectors leaves the array in memory with some compilers. REPEAT_3(M, a)
 * expands to M(0, a) M(1, a) M(2, a), so that each vector of a tile is a variable of its own.
 */
#ifndef NNKIT_REPEAT_H
#define NNKIT_REPEAT_H

#define REPEAT_1(M, a) M(0, a)
#define REPEAT_2(M, a) REPEAT_1(M, a) M(1, a)
#define REPEAT_3(M, a) REPEAT_2(M, a) M(2, a)
#define REPEAT_4(M, a) REPEAT_3(M, a) M(3, a)
#define REPEAT_5(M, a) REPEAT_4(M, a) M(4, a)
#define REPEAT_6(M, a) REPEAT_5(M, a) M(5, a)

/* The same for the outer of two nested repetitions: a macro does not expand inside itself. */
#define ROWS_1(M, a) M(0, a)
#define ROWS_2(M, a) ROWS_1(M, a) M(1, a)
#define ROWS_3(M, a) ROWS_2(M, a) M(2, a)
#define ROWS_4(M, a) ROWS_3(M, a) M(3, a)
#define ROWS_5(M, a) ROWS_4(M, a) M(4, a)
#define ROWS_6(M, a) ROWS_5(M, a) M(5, a)
#define ROWS_8(M, a) ROWS_6(M, a) M(6, a) M(7, a)
#define ROWS_9(M, a) ROWS_6(M, a) M(6, a) M(7, a) M(8, a)

#endif
