/* What each kind of layer computes, in one table.
 *
 * All threads of a team call the same function at once; each computes its own part.
 */
#ifndef NNKIT_LAYERS_H
#define NNKIT_LAYERS_H

#include "activation_layer.h"
#include "attention_layer.h"
#include "block_layers.h"
#include "branch_layers.h"
#include "conv_layer.h"
#include "dense_layer.h"
#include "dropout.h"
#include "id_layers.h"
#include "layer_norm.h"
#include "normalization.h"
#include "pool_layers.h"
#include "prelu_layer.h"
#include "recurrent_layer.h"
#include "resizing_layers.h"
#include "softmax_layer.h"
#if REAL_BITS == 32
#include "winograd_layer.h"
#endif

struct layer_functions {
    /* Y from the output of the layer before. */
    void (*forward)(const struct pass *, const struct layer *, struct member *);
    /* dE/dZ of the layer before, from dE/dZ of this one. */
    void (*inputs)(const struct pass *, const struct layer *, struct member *);
    /* The gradients of the parameters, and their update. */
    void (*weights)(
        const struct pass *, const struct layer *, const struct rates *, struct member *);
    /* Changes the running state once the loss is known to be finite. */
    void (*remember)(const struct pass *, const struct layer *, struct member *);
    /* The gradients of all steps of a recurrent layer, before those of inputs and parameters. */
    void (*through_time)(const struct pass *, const struct layer *, struct member *);
};

static const struct layer_functions LAYER_FUNCTIONS[] = {
    [LAYER_DENSE] = {dense_layer_forward, dense_layer_inputs, dense_layer_weights, 0},
    [LAYER_BLOCKS] = {blocks_layer_forward, blocks_layer_inputs, 0, 0},
    [LAYER_FLATTEN] = {flatten_layer_forward, flatten_layer_inputs, 0, 0},
    [LAYER_CONV] = {conv_layer_forward, conv_layer_inputs, conv_layer_weights, 0},
    [LAYER_MAX_POOL] = {pool_forward, pool_inputs, 0, 0},
    [LAYER_AVERAGE_POOL] = {pool_forward, pool_inputs, 0, 0},
    [LAYER_BATCH_NORM] =
        {batch_norm_forward, batch_norm_inputs, batch_norm_weights, batch_norm_remember},
    [LAYER_DROPOUT] = {dropout_forward, dropout_inputs, 0, 0},
    [LAYER_SPATIAL_DROPOUT] = {dropout_forward, dropout_inputs, 0, 0},
    [LAYER_SPLIT] = {nothing_to_do, split_inputs, 0, 0},
    [LAYER_BRANCH] = {nothing_to_do, nothing_to_do, 0, 0},
    [LAYER_ADD] = {add_forward, add_inputs, 0, 0},
    [LAYER_CONV_TRANSPOSE] = {conv_layer_forward, conv_layer_inputs, conv_layer_weights, 0},
    [LAYER_ACTIVATION] = {activation_layer_forward, activation_layer_inputs, 0, 0},
    [LAYER_ZERO_PAD] = {pad_forward, pad_inputs, 0, 0},
    [LAYER_REPEAT] = {up_sample_forward, up_sample_inputs, 0, 0},
    [LAYER_INTERPOLATE] = {up_sample_forward, up_sample_inputs, 0, 0},
    [LAYER_LAYER_NORM] = {layer_norm_forward, layer_norm_inputs, layer_norm_weights, 0},
    [LAYER_PRELU] = {prelu_forward, prelu_inputs, prelu_weights, 0},
    [LAYER_SOFTMAX] = {softmax_forward, softmax_inputs, 0, 0},
    [LAYER_LOG_SOFTMAX] = {softmax_forward, softmax_inputs, 0, 0},
    [LAYER_SEQUENCE] = {sequence_forward, sequence_inputs, 0, 0},
    [LAYER_EMBEDDING] = {embedding_forward, nothing_to_do, embedding_weights, 0},
    [LAYER_ONE_HOT] = {one_hot_forward, nothing_to_do, 0, 0},
    [LAYER_JOIN] = {join_forward, join_inputs, 0, 0},
    [LAYER_RECURRENT] =
        {recurrent_forward, rows_received, recurrent_layer_weights, 0, recurrent_through_time},
    [LAYER_ATTENTION] = {attention_forward, attention_inputs, score_weights, 0},
    [LAYER_ROOM] = {room_forward, room_inputs, 0, 0},
#if REAL_BITS == 32
    [LAYER_WINOGRAD] = {winograd_layer_forward, 0, 0, 0},
#endif
};

#endif
