"""Decoding: from a decoder's step to its outputs, greedily, by beam search or by sampling."""

from __future__ import annotations

from typing import Annotated

from nnkit.config.tagged_union import Tagged
from nnkit.decoding.beam import Beam
from nnkit.decoding.greedy import Greedy
from nnkit.decoding.sampling import Sampling

AnyDecoding = Annotated[Greedy | Beam | Sampling, Tagged(default="beam")]
