"""Scripts that keep the documentation up to date."""
