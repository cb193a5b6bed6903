"""Between PyTorch's names and layouts and the canonical ones, which are Keras': "fc1/kernel", (in, out), HWIO."""

import numpy as np
import torch

KINDS = {"weight": "kernel", "bias": "bias"}
BATCH_NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def to_canonical(state_dict):
    """Arrays under canonical names from a state dict, copied."""
    return {
        canonical_name(name, state_dict): kernel_from_torch(tensor.detach().cpu().numpy())
        for name, tensor in state_dict.items()
    }


def from_canonical(weights, state_dict):
    """Tensors under the state dict's names, in its order, from canonical arrays."""
    return {name: torch.from_numpy(kernel_to_torch(weights[canonical_name(name, state_dict)])) for name in state_dict}


def canonical_name(name, state_dict):
    """What Keras calls it, which on its torch backend takes no dots; a layer with moving statistics is a batch norm."""
    layer, kind = name.rsplit(".", 1)
    kinds = BATCH_NORM if f"{layer}.running_mean" in state_dict else KINDS
    return f"{layer.replace('.', '-')}/{kinds[kind]}"


def kernel_from_torch(array):
    """(out, in) to (in, out), OIHW to HWIO; vectors stay."""
    return np.array(
        array.T if array.ndim == 2 else array.transpose(2, 3, 1, 0) if array.ndim == 4 else array, order="C"
    )


def kernel_to_torch(array):
    """(in, out) to (out, in), HWIO to OIHW; vectors stay."""
    return np.array(
        array.T if array.ndim == 2 else array.transpose(3, 2, 0, 1) if array.ndim == 4 else array, order="C"
    )
