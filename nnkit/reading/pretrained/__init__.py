"""Networks that come with the package."""

from __future__ import annotations

from pathlib import Path

# Reads single digits, 28 × 28; `make pretrained` trains it by configs/digits.yaml.
DIGITS = Path(__file__).parent / "digits.safetensors"
# Tells whole digits from parts of them and from several; `make verifier` trains it.
VERIFIER = Path(__file__).parent / "whole.safetensors"
