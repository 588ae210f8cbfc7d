"""Pictures convolved with classic filters, and with the filters that a network learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from nnkit.data.dataset import Array
from nnkit.data.pictures import open_picture, spread
from nnkit.errors import UsageError
from nnkit.inference.trained_model import TrainedModel
from nnkit.inspection.sheet import Sheet
from nnkit.nn.layers import Conv

LONGEST = 200  # longer side, in pixels, of the filtered picture
COLUMNS = 4
GREY = 127.5  # grey level of a zero response, for filters whose weights sum to 0

# Gonzalez & Woods, *Digital Image Processing*, ch. 3; emboss is the difference along a diagonal.
CLASSIC: dict[str, list[list[float]]] = {
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "edges": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "Sobel, left to right": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "Sobel, top to bottom": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "box blur": [[1 / 25] * 5] * 5,
    "Gaussian blur": [[a * b / 256 for a in (1, 4, 6, 4, 1)] for b in (1, 4, 6, 4, 1)],
    "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
}


def filtered(path: Path, model: TrainedModel | None = None) -> Sheet:
    """Applies the classic filters, and those of a network's first layer, to a grey picture.

    Filters whose weights sum to 0 have positive and negative responses, drawn lighter and darker
    than a middle grey. The response of a learned filter is scaled by its largest value.

    Args:
        path: the picture.
        model: the model whose first layer is shown, if any.

    Raises:
        DataError: the file is not a picture.
        UsageError: the model does not begin with a convolution of grey pictures.
    """
    grey = open_picture(path, spread).convert("L")
    grey.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    pixels = np.asarray(grey, dtype=np.float64)
    shown, captions = [], []
    for name, weights in CLASSIC.items():
        (found,) = correlated(pixels, np.array(weights)[None])
        shown.append(found if round(np.sum(weights), 6) else found / 2 + GREY)
        captions.append(name)
    if model is not None:
        for number, found in enumerate(correlated(pixels, first_filters(model))):
            found -= np.median(found)
            shown.append(found * (GREY / max(np.abs(found).max(), 1e-12)) + GREY)
            captions.append(f"learned {number}")
    levels = [np.clip(np.rint(each), 0, 255).astype(np.uint8) for each in shown]
    return Sheet([Image.fromarray(each) for each in levels], captions, COLUMNS)


def first_filters(model: TrainedModel) -> Array:
    """The weights (filters, height, width) of a network's first convolution of grey pictures.

    Raises:
        UsageError: the network has no such convolution.
    """
    views = model.model.layout.views(model.model.params)
    first = next(s for s in model.model.stages if s.parameters)
    if isinstance(first.spec, Conv) and first.input_shape[0] == 1 and first.spec.table is None:
        W = views[f"{first.name}.W"]  # (filters, 1, height, width), or (filters, 1, length)
        return np.asarray(W, dtype=np.float64).reshape(len(W), -1, W.shape[-1])
    raise UsageError(
        "the first layer of this network is not a convolution of grey pictures; "
        "configs/lenet.yaml trains a network with one"
    )


def correlated(pixels: Array, filters: Array) -> Array:
    """Correlates a picture (h, w) with filters (n, rows, columns): (n, h, w), edges replicated."""
    rows, columns = filters.shape[1:]
    ahead = (rows - 1) // 2, (columns - 1) // 2
    behind = rows - 1 - ahead[0], columns - 1 - ahead[1]
    padded = np.pad(pixels, ((ahead[0], behind[0]), (ahead[1], behind[1])), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (rows, columns))
    return np.einsum("yxij,nij->nyx", windows, filters, optimize=True)
