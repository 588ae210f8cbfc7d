"""The structures of `source/program.h` and `source/pace.h`, field by field."""

from __future__ import annotations

from ctypes import POINTER, Structure, c_double, c_int64, c_uint64, c_void_p
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


class ActivationKind(IntEnum):
    """The activations after a layer; `SOFTMAX` only at the output, together with its loss."""

    IDENTITY = 0
    RELU = 1
    SIGMOID = 2
    TANH = 3
    SOFTMAX = 4
    HARD_SIGMOID = 5
    HARD_TANH = 6
    SCALED_TANH = 7
    RELU6 = 8
    LEAKY_RELU = 9
    ELU = 10
    SELU = 11
    CELU = 12
    SOFTSIGN = 13
    EXPONENTIAL = 14


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
    """The optimizer's rule; without one, gradients are stored."""

    NONE = 0
    SGD = 1
    MOMENTUM = 2
    ADAM = 3


class TargetCoding(IntEnum):
    """Whether targets are stored as numbers, or as classes to be coded."""

    NUMBERS = 0
    CLASSES = 1


class ImageStructure(Structure):
    """`struct image`."""

    _fields_ = (
        ("first", c_void_p),
        ("channels", c_int64),
        ("height", c_int64),
        ("width", c_int64),
        ("block", c_int64),
        ("channel", c_int64),
        ("row", c_int64),
    )


class NormalizationStructure(Structure):
    """`struct normalization`."""

    _fields_ = (
        ("mean", c_int64),
        ("variance", c_int64),
        ("scale", c_int64),
        ("shift", c_int64),
        ("eps", c_double),
        ("momentum", c_double),
        ("batch", c_void_p),
    )


class LayerStructure(Structure):
    """`struct layer`."""

    _fields_ = (
        ("kind", c_int64),
        ("inputs", c_int64),
        ("outputs", c_int64),
        ("activation", c_int64),
        ("a", c_double),
        ("b", c_double),
        ("weights", c_int64),
        ("biases", c_int64),
        ("packed", c_void_p),
        ("lr_factor", c_double),
        ("decays", c_int64),
        ("output", c_void_p),
        ("gradient", c_void_p),
        ("images", ImageStructure),
        ("gradients", ImageStructure),
        ("unpooled", ImageStructure),
        ("chosen", c_void_p),
        ("height", c_int64),
        ("width", c_int64),
        ("top", c_int64),
        ("left", c_int64),
        ("row_stride", c_int64),
        ("column_stride", c_int64),
        ("pooled", c_int64),
        ("normalization", NormalizationStructure),
        ("draw_key", c_uint64 * 2),
        ("dropped", c_int64),
    )


class PaceStructure(Structure):
    """`struct pace`."""

    _fields_ = (
        ("alone", c_double),
        ("together", c_double),
        ("until_trial", c_double),
    )


class ProgramStructure(Structure):
    """`struct program`."""

    _fields_ = (
        ("layers", POINTER(LayerStructure)),
        ("layer_count", c_int64),
        ("first_trained", c_int64),
        ("threads", c_int64),
        ("pace", POINTER(PaceStructure)),
        ("loss", c_int64),
        ("loss_a", c_double),
        ("loss_b", c_double),
        ("head", c_int64),
        ("share", c_double),
        ("params", c_void_p),
        ("grads", c_void_p),
        ("first", c_void_p),
        ("second", c_void_p),
        ("state", c_void_p),
        ("update", c_int64),
        ("beta1", c_double),
        ("beta2", c_double),
        ("momentum", c_double),
        ("decay", c_double),
        ("l2", c_double),
        ("input", c_void_p),
        ("input_row", c_int64),
        ("target", c_void_p),
        ("weight", c_void_p),
        ("batch", c_void_p),
        ("inputs", c_void_p),
        ("inputs_are_bytes", c_int64),
        ("input_scale", c_double),
        ("selected", c_void_p),
        ("targets", c_void_p),
        ("target_kind", c_int64),
        ("on", c_double),
        ("off", c_double),
        ("weights", c_void_p),
        ("draw", c_int64),
        ("drawn_before", c_int64),
        ("drawn_after", c_int64),
    )
