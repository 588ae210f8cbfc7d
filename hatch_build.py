"""Build hook of hatchling: compiles the kernels, if there is a C compiler.

A wheel then holds the compiled library and is named for its platform; an editable installation gets
the library in the source tree. Without a compiler the wheel is for any platform, and nnkit computes
with NumPy.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging import tags


class KernelsBuildHook(BuildHookInterface):
    """Compiles the kernels into wheels and editable installations."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles the library before a wheel is written; `version` is `editable` or `standard`."""
        sys.path.insert(0, self.root)  # nnkit is not installed yet
        from nnkit.native.build import build
        from nnkit.native.platforms import FOLDER, BuildError, library_path

        editable = version == "editable"
        self._scratch = TemporaryDirectory()
        try:
            library = build(FOLDER if editable else Path(self._scratch.name))
        except BuildError as error:
            self.app.display_warning(f"no compiled kernels, nnkit will use NumPy: {error}")
            return
        if not editable:
            place = library_path(FOLDER).relative_to(self.root)
            build_data["force_include"][str(library)] = str(place)
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{platform_tag()}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Removes the library that the wheel now holds."""
        self._scratch.cleanup()


def platform_tag() -> str:
    """The wheel's tag for this platform.

    On Linux it is the general one, such as linux_x86_64, which `auditwheel repair` replaces by that
    of the oldest system on which the wheel runs.
    """
    target = os.environ.get("MACOSX_DEPLOYMENT_TARGET")
    if sys.platform == "darwin" and target:
        major, minor = map(int, f"{target}.0".split(".")[:2])
        return next(tags.mac_platforms((major, minor)))
    general = (tag for tag in tags.platform_tags() if not tag.startswith(("many", "musl")))
    return next(general)
