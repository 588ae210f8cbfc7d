"""Networks that come with the package, as `make pretrained` trains them."""

from __future__ import annotations

from pathlib import Path

# Reads single digits, 28 × 28; trained by configs/digits.yaml.
DIGITS = Path(__file__).parent / "digits.safetensors"
