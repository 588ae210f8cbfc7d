"""The structures of the headers in `source`, field by field."""

from __future__ import annotations

from ctypes import POINTER, Structure, c_double, c_int64, c_uint64, c_void_p

MOST_STATE_VECTORS = 2  # of a recurrent cell


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
        ("column", c_int64),
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


class RecurrenceStructure(Structure):
    """`struct recurrence`."""

    _fields_ = (
        ("cell", c_int64),
        ("units", c_int64),
        ("gates", c_int64),
        ("reverse", c_int64),
        ("function", c_int64),
        ("a", c_double),
        ("b", c_double),
        ("c", c_double),
        ("input_weights", c_int64),
        ("state_weights", c_int64),
        ("biases", c_int64),
        ("product_biases", c_int64),
        ("initial", c_int64 * MOST_STATE_VECTORS),
        ("inputs_packed", c_void_p),
        ("states_packed", c_void_p),
        ("inputs_ordered", c_void_p),
        ("states_ordered", c_void_p),
        ("biases_packed", c_void_p),
        ("start", c_void_p),
        ("start_row", c_int64),
        ("sums", c_void_p),
        ("sums_row", c_int64),
        ("states", c_void_p),
        ("cells", c_void_p),
        ("tanh_cells", c_void_p),
        ("products", c_void_p),
        ("output", c_void_p),
        ("gradient", c_void_p),
        ("state_gradients", c_void_p),
        ("cell_gradients", c_void_p),
        ("row_gradients", c_void_p),
    )


class MemoryStructure(Structure):
    """`struct memory`."""

    _fields_ = (
        ("encoder", c_void_p),
        ("channels", c_int64),
        ("states", c_int64),
        ("source", c_int64),
        ("positions", c_int64),
        ("weights", c_int64),
        ("scale", c_double),
        ("lengths", c_void_p),
        ("values", c_void_p),
        ("keys", c_void_p),
        ("d_keys", c_void_p),
        ("scores", c_void_p),
        ("d_scores", c_void_p),
    )


class FeedingStructure(Structure):
    """`struct feeding`."""

    _fields_ = (
        ("weights", c_int64),
        ("biases", c_int64),
        ("transposed", c_void_p),
        ("joined", c_void_p),
        ("d_joined", c_void_p),
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
        ("c", c_double),
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
        ("row_dilation", c_int64),
        ("column_dilation", c_int64),
        ("groups", c_int64),
        ("counts_padding", c_int64),
        ("pooled", c_int64),
        ("normalization", NormalizationStructure),
        ("draw_key", c_uint64 * 2),
        ("dropped", c_int64),
        ("other", c_int64),
        ("by_position", c_int64),
        ("recurrences", POINTER(RecurrenceStructure)),
        ("directions", c_int64),
        ("merge", c_int64),
        ("takes_last", c_int64),
        ("memory", POINTER(MemoryStructure)),
        ("feeding", POINTER(FeedingStructure)),
    )


class PaceStructure(Structure):
    """`struct pace`."""

    _fields_ = (
        ("alone", c_double),
        ("together", c_double),
        ("until_trial", c_double),
        ("failed", c_double),
        ("waking", c_double),
    )


class MatrixProductStructure(Structure):
    """`struct matrix_product`."""

    _fields_ = (
        ("rows", c_int64),
        ("count", c_int64),
        ("columns", c_int64),
        ("A", c_void_p),
        ("A_row", c_int64),
        ("A_step", c_int64),
        ("B", c_void_p),
        ("B_row", c_int64),
        ("C", c_void_p),
        ("C_row", c_int64),
        ("pace", POINTER(PaceStructure)),
    )


MOST_STATES = 3  # vectors of an optimizer's state


class RatesStructure(Structure):
    """`struct rates`."""

    _fields_ = (
        ("lr", c_double),
        ("a", c_double),
        ("b", c_double),
        ("c", c_double),
        ("average", c_double),
    )


class PieceStructure(Structure):
    """`struct piece`."""

    _fields_ = (
        ("first", c_int64),
        ("count", c_int64),
        ("begin", c_int64),
        ("end", c_int64),
        ("lr_factor", c_double),
        ("decays", c_int64),
    )


class BoundedStructure(Structure):
    """`struct bounded`."""

    _fields_ = (
        ("first", c_int64),
        ("rows", c_int64),
        ("columns", c_int64),
        ("units", c_void_p),
    )


class UpdateStructure(Structure):
    """`struct update`."""

    _fields_ = (
        ("kind", c_int64),
        ("beta1", c_double),
        ("beta2", c_double),
        ("momentum", c_double),
        ("eps", c_double),
        ("decay", c_double),
        ("l2", c_double),
        ("l1", c_double),
        ("clipping", c_int64),
        ("limit", c_double),
        ("shrinkage", c_double),
        ("radius", c_double),
        ("max_norm", c_double),
        ("params", c_void_p),
        ("grads", c_void_p),
        ("state", c_void_p * MOST_STATES),
        ("average", c_void_p),
        ("factors", c_void_p),
        ("factor_count", c_int64),
        ("pieces", POINTER(PieceStructure)),
        ("piece_count", c_int64),
        ("bounded", POINTER(BoundedStructure)),
        ("bounded_count", c_int64),
        ("sums", c_void_p),
        ("unit_sums", c_void_p),
    )


class PackingStructure(Structure):
    """`struct packing`."""

    _fields_ = (
        ("is_kept", c_int64),
        ("is_finite", c_int64),
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
        ("state", c_void_p),
        ("update", POINTER(UpdateStructure)),
        ("input", c_void_p),
        ("input_row", c_int64),
        ("steps", c_int64),
        ("starts", c_void_p),
        ("sorted", c_void_p),
        ("slots", c_void_p),
        ("classes", c_void_p),
        ("losses", c_void_p),
        ("capacity", c_int64),
        ("scratch", c_void_p),
        ("scratch_size", c_int64),
        ("scratch_count", c_int64),
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
        ("packing", POINTER(PackingStructure)),
    )


class ResamplingStructure(Structure):
    """`struct resampling`."""

    _fields_ = (
        ("X", c_void_p),
        ("P", c_void_p),
        ("linear", c_void_p),
        ("offset", c_void_p),
        ("displacement", c_void_p),
        ("axis_stride", c_int64),
        ("image_stride", c_int64),
        ("row_stride", c_int64),
        ("images", c_int64),
        ("channels", c_int64),
        ("height", c_int64),
        ("width", c_int64),
        ("padded_height", c_int64),
        ("padded_width", c_int64),
        ("lows", c_double * 2),
        ("highs", c_double * 2),
    )
