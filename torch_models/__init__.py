"""PyTorch models by name, called as `MODELS[name](input_shape, num_classes)`: `forward(x, taps=())` on NHWC images."""

from torch_models.mlp import mlp1, mlp3, mlp4

MODELS = {"mlp1": mlp1, "mlp3": mlp3, "mlp4": mlp4}
