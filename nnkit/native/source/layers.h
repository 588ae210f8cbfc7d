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
    [LAYER_DENSE] = {
        .forward = dense_layer_forward, .inputs = dense_layer_inputs,
        .weights = dense_layer_weights},
    [LAYER_BLOCKS] = {.forward = blocks_layer_forward, .inputs = blocks_layer_inputs},
    [LAYER_FLATTEN] = {.forward = flatten_layer_forward, .inputs = flatten_layer_inputs},
    [LAYER_CONV] =
        {.forward = conv_layer_forward, .inputs = conv_layer_inputs, .weights = conv_layer_weights},
    [LAYER_MAX_POOL] = {.forward = pool_forward, .inputs = pool_inputs},
    [LAYER_AVERAGE_POOL] = {.forward = pool_forward, .inputs = pool_inputs},
    [LAYER_BATCH_NORM] = {
        .forward = batch_norm_forward, .inputs = batch_norm_inputs,
        .weights = batch_norm_weights, .remember = batch_norm_remember},
    [LAYER_DROPOUT] = {.forward = dropout_forward, .inputs = dropout_inputs},
    [LAYER_SPATIAL_DROPOUT] = {.forward = dropout_forward, .inputs = dropout_inputs},
    [LAYER_SPLIT] = {.forward = nothing_to_do, .inputs = split_inputs},
    [LAYER_BRANCH] = {.forward = nothing_to_do, .inputs = nothing_to_do},
    [LAYER_ADD] = {.forward = add_forward, .inputs = add_inputs},
    [LAYER_CONV_TRANSPOSE] =
        {.forward = conv_layer_forward, .inputs = conv_layer_inputs, .weights = conv_layer_weights},
    [LAYER_ACTIVATION] = {.forward = activation_layer_forward, .inputs = activation_layer_inputs},
    [LAYER_ZERO_PAD] = {.forward = pad_forward, .inputs = pad_inputs},
    [LAYER_REPEAT] = {.forward = up_sample_forward, .inputs = up_sample_inputs},
    [LAYER_INTERPOLATE] = {.forward = up_sample_forward, .inputs = up_sample_inputs},
    [LAYER_LAYER_NORM] =
        {.forward = layer_norm_forward, .inputs = layer_norm_inputs, .weights = layer_norm_weights},
    [LAYER_PRELU] = {.forward = prelu_forward, .inputs = prelu_inputs, .weights = prelu_weights},
    [LAYER_SOFTMAX] = {.forward = softmax_forward, .inputs = softmax_inputs},
    [LAYER_LOG_SOFTMAX] = {.forward = softmax_forward, .inputs = softmax_inputs},
    [LAYER_SEQUENCE] = {.forward = sequence_forward, .inputs = sequence_inputs},
    [LAYER_EMBEDDING] =
        {.forward = embedding_forward, .inputs = nothing_to_do, .weights = embedding_weights},
    [LAYER_ONE_HOT] = {.forward = one_hot_forward, .inputs = nothing_to_do},
    [LAYER_JOIN] = {.forward = join_forward, .inputs = join_inputs},
    [LAYER_RECURRENT] = {
        .forward = recurrent_forward, .inputs = rows_received,
        .weights = recurrent_layer_weights, .through_time = recurrent_through_time},
    [LAYER_ATTENTION] =
        {.forward = attention_forward, .inputs = attention_inputs, .weights = score_weights},
    [LAYER_ROOM] = {.forward = room_forward, .inputs = room_inputs},
#if REAL_BITS == 32
    [LAYER_WINOGRAD] = {.forward = winograd_layer_forward},
#endif
};

#endif
