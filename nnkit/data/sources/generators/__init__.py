"""Data that is computed: tasks on sequences from the literature, each with its source."""
