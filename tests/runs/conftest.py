"""What the tests of runs share."""

import hashlib

import h5py
import pytest
import torch


@pytest.fixture(scope="session")
def weights_sha256():
    """A function that hashes the names and bytes of a model file's weights, whatever else is in the file."""

    def tensors(path):
        if path.suffix == ".pt":
            state = torch.load(path, weights_only=True)["state_dict"]
            return {name: tensor.numpy() for name, tensor in state.items()}
        found = {}
        with h5py.File(path) as file:
            group = file["model_weights"]
            group.visititems(
                lambda name, node: found.update({name: node[()]} if isinstance(node, h5py.Dataset) else {})
            )
        return found

    def digest(path):
        arrays = tensors(path)
        assert sum(array.size for array in arrays.values()) > 1000
        text = hashlib.sha256()
        for name in sorted(arrays):
            text.update(name.encode() + arrays[name].tobytes())
        return text.hexdigest()

    return digest
