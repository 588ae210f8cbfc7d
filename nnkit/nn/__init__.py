"""The numerics: parameters, activations, losses, initializers, layers, and their model."""
