"""The data sources; to add one, write its module and add it to the union here."""

from __future__ import annotations

from typing import Annotated

from nnkit.config.spec import Tagged
from nnkit.data.sources.arrays import Idx, Npy, Npz
from nnkit.data.sources.csv import Csv
from nnkit.data.sources.image_folder import ImageFolder
from nnkit.data.sources.memory_source import Memory
from nnkit.data.sources.mnist import Mnist
from nnkit.data.sources.shards import Shards
from nnkit.data.sources.text import Pairs, PlainText, TaggedText

AnySource = Annotated[
    Mnist | Idx | Npy | Npz | Csv | ImageFolder | Shards | PlainText | Pairs | TaggedText | Memory,
    Tagged(),
]
