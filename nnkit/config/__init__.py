"""Configs: YAML with source positions, and specs built on pydantic; independent of networks."""
