"""The choice of a decoding method for one use of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from nnkit.config.node import Mark, Node, node_of
from nnkit.config.spec import Spec
from nnkit.config.validation import validate
from nnkit.config.yaml import parse_yaml
from nnkit.decoding import AnyDecoding
from nnkit.decoding.beam import Beam
from nnkit.decoding.method import Decoding
from nnkit.decoding.sampling import Sampling
from nnkit.errors import UsageError

DecodingLike = AnyDecoding | str | Mapping[str, Any]  # a method, or what a config may contain


class LoneDecoding(Spec):
    """A document that holds nothing but a decoding method."""

    decoding: AnyDecoding


def decoding_from(value: DecodingLike, name: str = "decoding") -> AnyDecoding:
    """A decoding method that is written as in a config.

    Args:
        value: the method, or its settings, as values or in YAML: `greedy`, `{beam: {width: 5}}`.
        name: what contains it, for messages.

    Raises:
        ConfigError: the method or one of its settings does not exist.
    """
    if isinstance(value, Decoding):
        return value
    place = Mark(name)
    document = parse_yaml(value, name) if isinstance(value, str) else node_of(dict(value), place)
    return validate(LoneDecoding, Node({"decoding": document}, place, place)).decoding


def with_beam(method: AnyDecoding, width: int) -> AnyDecoding:
    """Beam search of this width, with the other settings of a method where they apply."""
    if isinstance(method, Beam):
        return _changed(method, width=width)
    shared = {name: getattr(method, name) for name in Decoding.model_fields if name != "kind"}
    return Beam(**shared, width=width)


def with_options(
    method: AnyDecoding,
    n_best: int | None = None,
    temperature: float | None = None,
    seed: int | None = None,
    max_length: int | None = None,
) -> AnyDecoding:
    """A decoding method with some of its settings changed.

    Args:
        method: the method.
        n_best: outputs for each text; None for those of the method.
        temperature: the temperature of sampling.
        seed: the seed of sampling.
        max_length: symbols of an output at most.

    Raises:
        UsageError: the method has no such setting, or not this value.
    """
    changes: dict[str, Any] = {}
    if n_best is not None:
        if isinstance(method, Beam):
            changes["n_best"] = n_best
        elif isinstance(method, Sampling):
            changes["samples"] = n_best
        elif n_best != 1:
            raise UsageError(
                f"--n-best {n_best}: greedy decoding finds a single text; add --beam "
                f"{max(5, n_best)}, or --decoding sample"
            )
    of_sampling = {"temperature": temperature, "seed": seed}
    for name, value in of_sampling.items():
        if value is None:
            continue
        if not isinstance(method, Sampling):
            raise UsageError(f"--{name} is for sampling; add --decoding sample")
        changes[name] = value
    if max_length is not None:
        changes["max_length"] = {"constant": max_length}
    return _changed(method, **changes) if changes else method


def _changed(method: AnyDecoding, **changes: Any) -> Any:
    try:
        return type(method).model_validate({**method.model_dump(), **changes})
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"the decoding method '{method.tag()}': {reason}") from None
