"""An error of a setting, as pydantic finds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nnkit.config.spec import Spec
from nnkit.errors import SettingPath


@dataclass(frozen=True, slots=True)
class Fault:
    """A pydantic error, with the setting that it is about.

    Attributes:
        item: the pydantic error.
        path: path of the setting, as in the resolved config.
        holder: the spec to which the last part of the path belongs, or would belong.
        branch: if the path passes an untagged union: its path, and the member tried.
    """

    item: Mapping[str, Any]
    path: SettingPath
    holder: type[Spec] | None
    branch: tuple[SettingPath, str] | None
