/* The program of a network: its layers, as Python describes them (`nnkit/native/program.py`).
 *
 * All fields take eight bytes, so that both sides agree on the layout without padding.
 */
#ifndef NNKIT_PROGRAM_H
#define NNKIT_PROGRAM_H

#include "optimizer.h"

enum layer_kind {
    LAYER_DENSE = 0,
    LAYER_BLOCKS = 1,  /* rows of samples, as images in blocks */
    LAYER_FLATTEN = 2, /* images in blocks, as rows of samples */
    LAYER_CONV = 3,
    LAYER_MAX_POOL = 4,
    LAYER_AVERAGE_POOL = 5,
    LAYER_BATCH_NORM = 6,
    LAYER_DROPOUT = 7,
    LAYER_SPLIT = 8,  /* the input of a residual block, which two branches read */
    LAYER_BRANCH = 9, /* the same again, for the second branch */
    LAYER_ADD = 10,   /* the sum of the branches */
    LAYER_ACTIVATION = 11,
    LAYER_CONV_TRANSPOSE = 12,
    LAYER_SPATIAL_DROPOUT = 13, /* of whole channels */
    LAYER_ZERO_PAD = 14,
    LAYER_REPEAT = 15,      /* up-sampling by repetition */
    LAYER_INTERPOLATE = 16, /* bilinear up-sampling */
    LAYER_LAYER_NORM = 17, /* layer normalization */
    LAYER_PRELU = 18,
    LAYER_SOFTMAX = 19,
    LAYER_LOG_SOFTMAX = 20,
    LAYER_SEQUENCE = 21,  /* rows of samples, as the positions of sequences, step by step */
    LAYER_JOIN = 22,      /* the positions of sequences, as rows of samples */
    LAYER_RECURRENT = 23,
    LAYER_EMBEDDING = 24,
    LAYER_ONE_HOT = 25,
    LAYER_WINOGRAD = 26, /* a convolution, by other means, outside training */
    LAYER_ATTENTION = 27, /* [c; s] of a decoder's state s and what it reads of the encoder */
    LAYER_ROOM = 28,      /* the same numbers, and room for the output that is fed (`feeding.h`) */
};
enum activation_kind {
    ACTIVATION_IDENTITY = 0,
    ACTIVATION_RELU = 1,
    ACTIVATION_SIGMOID = 2,
    ACTIVATION_TANH = 3, /* a tanh(b z) */
    ACTIVATION_SOFTMAX = 4, /* as a head only; elsewhere it is a layer */
    ACTIVATION_HARD_SIGMOID = 5,
    ACTIVATION_CLIP = 6, /* hard_tanh and relu6 */
    ACTIVATION_LEAKY_RELU = 7,
    ACTIVATION_ELU = 8, /* also SELU and CELU */
    ACTIVATION_SOFTSIGN = 9,
    ACTIVATION_EXPONENTIAL = 10,
    ACTIVATION_GELU = 11, /* from here on, the derivative is computed from z rather than f(z) */
    ACTIVATION_GELU_TANH = 12,
    ACTIVATION_SILU = 13,
    ACTIVATION_MISH = 14,
    ACTIVATION_SOFTPLUS = 15,
    ACTIVATION_HARD_SWISH = 16,
};
enum loss_kind {
    LOSS_SQUARED_ERROR = 0,
    LOSS_SOFTMAX_CROSS_ENTROPY = 1,
    LOSS_BINARY_CROSS_ENTROPY = 2,
    LOSS_ABSOLUTE_ERROR = 3,
    LOSS_HUBER = 4,
    LOSS_LOG_COSH = 5,
    LOSS_QUANTILE = 6,
    LOSS_HINGE = 7,
    LOSS_SQUARED_HINGE = 8,
    LOSS_PERCEPTRON = 9,
    LOSS_POISSON = 10,
    LOSS_CRAMMER_SINGER = 11,
    LOSS_WESTON_WATKINS = 12,
};
enum cell_kind { CELL_RNN = 0, CELL_LSTM = 1, CELL_GRU = 2 };
enum merge_kind { MERGE_CONCAT = 0, MERGE_SUM = 1, MERGE_MEAN = 2, MERGE_PRODUCT = 3 };
enum target_kind { TARGET_NUMBERS = 0, TARGET_CLASSES = 1 };

/* Images in blocks of 16 samples, (blocks, channels, height, width, 16).
 *
 * The steps count numbers. A frame of zeros around each channel may lie between two of them.
 */
struct image {
    void *first;              /* the upper left position of the first channel */
    int64_t channels, height, width;
    int64_t block, channel, row; /* steps to the next block, channel and row */
    int64_t column;              /* step to the next column: 16, or more for every second, … */
};

/* Batch normalization: of a layer of its own, or of a convolution that includes it at inference. */
struct normalization {
    int64_t mean, variance;   /* the first running means; -1 if the layer does not normalize */
    int64_t scale, shift;     /* the first parameters; -1 if there are none */
    double eps, momentum;
    void *batch;              /* what is known of the last training batch, or of its samples */
};

/* One direction of a recurrent layer, over the rows of all steps (`sequences.h`).
 *
 * Rows of gates lie in blocks of 16 units: all gates of units 0 to 15, then those of 16 to 31, …
 * The parameters of each gate lie together, in the order i, f, o, g of an LSTM and r, z, n of a GRU.
 */
struct recurrence {
    int64_t cell, units, gates;
    int64_t reverse;          /* whether sequences are read from their ends */
    int64_t function;         /* of an RNN, with its settings */
    double a, b, c;
    int64_t input_weights, state_weights, biases; /* their first parameters */
    int64_t product_biases;   /* d of a GRU */
    int64_t initial[2];       /* the trained initial state; -1 where it is 0 */
    /* Copies of the parameters in the order of the kernels, made anew in each pass. */
    void *inputs_packed, *states_packed; /* U and W by panels of units, (inputs or units, gates) */
    void *inputs_ordered, *states_ordered; /* U and W, (gates, inputs or units), for gradients */
    void *biases_packed;      /* b, (gates,), then d, (units,) */
    void *start;              /* the initial state, (2, units), or that of each row of a step */
    int64_t start_row;        /* numbers from one of them to the next; 0 if all rows begin alike */
    /* Arrays of all steps. */
    void *sums;               /* U x + W s + b, then the gates, then dE/da */
    int64_t sums_row;         /* numbers from a row to the next */
    void *states, *cells, *tanh_cells;
    void *products;           /* W s + d of a GRU's candidate, then its gradient */
    void *output;             /* the states, or the last of each sample */
    void *gradient;           /* dE/dY, the same shape */
    /* Rows of one step. */
    void *state_gradients, *cell_gradients; /* dE/ds and dE/dc, (samples, units); where each row has
                                 its own initial state, those after the last step on entry */
    void *row_gradients;      /* dE/d(W s) of the rows that a thread works on, of a GRU */
};

/* The outputs h of an encoder, as the attention of a decoder reads them (`attention.h`).
 *
 * Samples are in the order of the decoder's rows.
 */
struct memory {
    const struct program *encoder; /* h is the output of its last layer */
    int64_t channels, states;  /* numbers of h, and of s and a key */
    int64_t source, positions; /* of the longest source and the longest target */
    int64_t weights;           /* the first parameter of W_a; -1 if keys are h itself */
    double scale;              /* of these */
    int64_t *lengths;          /* of the source of each sample */
    void *values, *keys, *d_keys; /* h, k and dE/dk, (samples, source, padded numbers), else 0 */
    void *scores, *d_scores;   /* a and dE/de, (samples, positions, padded source) */
};

/* What follows the attention between the steps of a recurrent layer (`feeding.h`). */
struct feeding {
    int64_t weights, biases;   /* the first parameters of W_c and b_c */
    void *transposed;          /* W_c, in padded rows */
    void *joined, *d_joined;   /* [c; s] of the rows of all steps, and its gradient */
};

/* A layer, followed by max-pooling over 2 × 2 windows if it is pooled, then by its activation.
 *
 * Its output is either vectors or images. Gradients are not needed for inference.
 */
struct layer {
    int64_t kind;
    int64_t inputs, outputs;  /* numbers of a sample */
    int64_t activation;
    double a, b, c;           /* settings of the activation */
    int64_t weights, biases;  /* their first parameters; biases is -1 if there are none */
    void *packed;             /* room for packed or transformed weights, or NULL */
    double lr_factor;         /* of the weights and biases; 0 if they are frozen */
    int64_t decays;           /* whether weight decay and penalties apply to the weights */
    void *output;             /* Y of vectors, (samples, padded outputs) */
    void *gradient;           /* dE/dY, then dE/dZ, the same shape */
    struct image images;      /* Y of images */
    struct image gradients;   /* dE/dY, then its part that passes the activation */
    struct image unpooled;    /* dE/dZ of a layer that is pooled, else the same as `gradients` */
    uint8_t *chosen;          /* the largest entry of each window, or whether dropout keeps a unit:
                                 (blocks, channels, height, width, 16) without frame, or NULL */
    int64_t height, width;    /* of the kernel or window */
    int64_t top, left;        /* the padding above and on the left */
    int64_t row_stride, column_stride; /* distance between windows */
    int64_t row_dilation, column_dilation; /* distance between entries of a window */
    int64_t groups;           /* of channels and filters; of PReLU, the number of slopes */
    int64_t counts_padding;   /* whether padding counts in an average */
    int64_t pooled;
    struct normalization normalization;
    uint64_t draw_key[2];     /* of dropout's draws */
    int64_t dropped;          /* of 65536 units, on average */
    int64_t other;            /* steps to the other layer of a block (`branch_layers.h`) */
    int64_t by_position;      /* whether the output has a row for each position of each sequence */
    struct recurrence *recurrences;
    int64_t directions;       /* 1 or 2 */
    int64_t merge;            /* how the outputs of two directions become one */
    int64_t takes_last;       /* whether only the last output of each sequence counts */
    const struct memory *memory; /* that attention reads, or NULL */
    const struct feeding *feeding; /* of a recurrent layer with attention between its steps */
};

/* What is known of the packed weights of a program (`dense_packed.h`). */
struct packing {
    int64_t is_kept;   /* whether the weights have been packed for good, because they do not change */
    int64_t is_finite; /* whether all of them are, so that 0 times any is 0 */
};

struct program {
    struct layer *layers;
    int64_t layer_count;
    int64_t first_trained;   /* the first layer whose parameters are trained */
    int64_t threads;
    struct pace *pace;       /* of single passes, in seconds a sample */
    int64_t loss;
    double loss_a, loss_b;   /* settings of the loss */
    int64_t head;            /* the output activation that follows the loss, or identity */
    double share;            /* of the batch in a larger one, a factor on loss and gradient */
    void *params, *grads;    /* flat vectors */
    void *state;             /* the flat vector of running means */
    const struct update *update; /* that training makes, or NULL */
    const void *input;       /* the batch, (samples, inputs) in rows of `input_row` numbers */
    int64_t input_row;
    int64_t steps;           /* the positions of the longest sequence */
    const int64_t *starts;   /* the first row of each step, and the number of rows, (steps + 1,);
                                NULL if all sequences have `steps` positions */
    const int64_t *sorted;   /* the samples from the longest to the shortest sequence */
    const int64_t *slots;    /* the place of each sample among them */
    const int64_t *classes;  /* the class of each row, if the loss is taken by position */
    double *losses;          /* of these rows */
    int64_t capacity;        /* the samples that the buffers have room for */
    void *scratch;           /* room of `scratch_size` numbers for each of some threads, or NULL */
    int64_t scratch_size, scratch_count;
    void *target;            /* its targets, (samples, outputs) */
    void *weight;            /* its sample weights, or NULL */
    /* The data set that training and predictions take batches from, if need be into `batch`. */
    void *batch;             /* (samples, padded inputs) */
    const void *inputs;      /* (n, inputs), numbers or bytes */
    int64_t inputs_are_bytes;
    double input_scale;      /* the factor on inputs */
    const int64_t *selected; /* the place of each sample in `inputs`; NULL if it is its number */
    const void *targets;     /* (n, outputs), or classes (n,) of int64 */
    int64_t target_kind;
    double on, off;          /* what stands for the sample's class and for the others */
    const void *weights;     /* sample weights (n,), or NULL */
    int64_t draw;            /* the counter of random draws, of the first step */
    int64_t drawn_before, drawn_after; /* samples of other processes in the same draws */
    struct packing *packing; /* of dense layers; NULL of programs that never pack */
};

#endif
