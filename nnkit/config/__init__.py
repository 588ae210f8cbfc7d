"""Configs: YAML with positions, and specs built on pydantic; it knows nothing of networks."""
