"""Neural networks: parameters, activations, losses, initializers, layers and the model."""
