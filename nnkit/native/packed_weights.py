"""The weights of dense layers in the order of their kernels, packed once for all predictions."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import addressof, c_void_p, pointer
from typing import Any

from numpy.typing import NDArray

from nnkit.memory import aligned_empty
from nnkit.native.layer_buffers import packed_numbers
from nnkit.native.library import Library
from nnkit.native.program_layer import ProgramLayer
from nnkit.native.structures import LayerStructure, PackingStructure, ProgramStructure

Array = NDArray[Any]


class PackedWeights:
    """Packed weights of a network of dense layers, which must not change any more.

    Programs that do not have them pack the weights in each pass, if it has many samples. Any number
    of programs may read them at once.
    """

    def __init__(self, library: Library, layers: Sequence[ProgramLayer], params: Array) -> None:
        """Packs the weights.

        Args:
            library: the compiled kernels.
            layers: the layers, all of them dense.
            params: all parameters, (P,).
        """
        self._packing = PackingStructure()
        self._arrays = [aligned_empty((packed_numbers(layer),), params.dtype) for layer in layers]
        structures = [
            LayerStructure(
                kind=layer.kind,
                inputs=layer.inputs,
                outputs=layer.outputs,
                weights=layer.weights,
                packed=array.ctypes.data,
            )
            for layer, array in zip(layers, self._arrays, strict=True)
        ]
        program = ProgramStructure(
            layers=(LayerStructure * len(layers))(*structures),
            layer_count=len(layers),
            params=params.ctypes.data,
            packing=pointer(self._packing),
        )
        library.function("pack", 8 * params.itemsize, None, c_void_p)(addressof(program))

    def bind(self, program: ProgramStructure) -> None:
        """Lets a program of the same layers use the packed weights, which must outlive it."""
        for i, array in enumerate(self._arrays):
            program.layers[i].packed = array.ctypes.data
        program.packing = pointer(self._packing)
