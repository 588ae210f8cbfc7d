"""The enumerations of the headers in `source`: kinds of layers, activations, losses, updates."""

from __future__ import annotations

from enum import IntEnum


class LayerKind(IntEnum):
    """The kinds of layers, by what they compute."""

    DENSE = 0
    BLOCKS = 1  # rows of samples, as images in blocks
    FLATTEN = 2  # images in blocks, as rows of samples
    CONV = 3
    MAX_POOL = 4
    AVERAGE_POOL = 5
    BATCH_NORM = 6
    DROPOUT = 7
    SPLIT = 8  # the input of a residual block, which two branches read
    BRANCH = 9  # the same again, for the second branch
    ADD = 10  # the sum of the branches
    ACTIVATION = 11
    CONV_TRANSPOSE = 12
    SPATIAL_DROPOUT = 13  # of whole channels
    ZERO_PAD = 14
    REPEAT = 15  # up-sampling by repetition
    INTERPOLATE = 16  # bilinear up-sampling
    LAYER_NORM = 17
    PRELU = 18
    SOFTMAX = 19
    LOG_SOFTMAX = 20
    SEQUENCE = 21  # rows of samples, as the positions of sequences, step by step
    JOIN = 22  # the positions of sequences, as rows of samples
    RECURRENT = 23
    EMBEDDING = 24
    ONE_HOT = 25
    WINOGRAD = 26  # a convolution, by other means, outside training
    ATTENTION = 27  # of a decoder to the outputs of an encoder
    ROOM = 28  # the same numbers, and room for an output that is fed to the next step


class CellKind(IntEnum):
    """The cells of recurrent layers."""

    RNN = 0
    LSTM = 1
    GRU = 2


class MergeKind(IntEnum):
    """The ways in which the outputs of two directions become one."""

    CONCAT = 0
    SUM = 1
    MEAN = 2
    PRODUCT = 3


class ActivationKind(IntEnum):
    """The activations after a layer.

    `SOFTMAX` only at the output, together with its loss; the last ones are layers of their own.
    """

    IDENTITY = 0
    RELU = 1
    SIGMOID = 2
    TANH = 3  # scaled or not
    SOFTMAX = 4
    HARD_SIGMOID = 5
    CLIP = 6  # of hard_tanh and relu6
    LEAKY_RELU = 7
    ELU = 8  # also SELU and CELU
    SOFTSIGN = 9
    EXPONENTIAL = 10
    GELU = 11  # from here on, the derivative is computed from the input rather than the output
    GELU_TANH = 12
    SILU = 13
    MISH = 14
    SOFTPLUS = 15
    HARD_SWISH = 16
    LOG_SOFTMAX = 17
    PRELU = 18


class LossKind(IntEnum):
    """The losses; cross-entropies and `POISSON` take logits."""

    SQUARED_ERROR = 0
    SOFTMAX_CROSS_ENTROPY = 1
    BINARY_CROSS_ENTROPY = 2
    ABSOLUTE_ERROR = 3
    HUBER = 4
    LOG_COSH = 5
    QUANTILE = 6
    HINGE = 7
    SQUARED_HINGE = 8
    PERCEPTRON = 9
    POISSON = 10
    CRAMMER_SINGER = 11
    WESTON_WATKINS = 12


class UpdateKind(IntEnum):
    """The optimizers' rules."""

    SGD = 1
    MOMENTUM = 2
    ADAM = 3
    DAMPED_MOMENTUM = 4  # also with the learning rate inside the velocity
    NESTEROV = 5
    ADAGRAD = 6
    ADADELTA = 7
    RMSPROP = 8
    RMSPROP_MOMENTUM = 9
    CENTERED_RMSPROP = 10
    CENTERED_RMSPROP_MOMENTUM = 11
    AMSGRAD = 12
    ADAMAX = 13
    NADAM = 14
    RADAM = 15
    LION = 16
    LAMB = 17


class ClippingKind(IntEnum):
    """The ways of clipping gradients before an update."""

    NONE = 0
    VALUE = 1
    NORM = 2  # of each block
    GLOBAL_NORM = 3


class TargetCoding(IntEnum):
    """Whether targets are stored as numbers, or as classes to be coded."""

    NUMBERS = 0
    CLASSES = 1
