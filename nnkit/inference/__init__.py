"""A trained model: saving and loading it, prediction, evaluation and reports."""
