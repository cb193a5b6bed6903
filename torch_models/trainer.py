"""Trains one model in PyTorch; `keras_models/trainer.py` is its twin."""

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from common.data.preprocessing import crop_side, minimum_std
from common.errors import check_choice
from common.runs.config import ADAM
from torch_models import MODELS, files
from torch_models.convert import from_canonical, to_canonical

EVALUATION_BATCH = 2000


class Trainer:
    """A model, its optimizer and its training set on one device; see `common.runs.training.Trainer`."""

    def __init__(self, config, image_shape, num_classes, statistics=None, device="auto"):
        check_choice("model", config.model, MODELS)
        self.config, self.num_classes, self.statistics = config, num_classes, statistics
        self.side = crop_side(image_shape, config.crop)
        self.device = find_device(device)
        self.model = MODELS[config.model]((self.side, self.side, image_shape[2]), num_classes).to(self.device)
        self.reader = files.Reader(self.model, (self.side, self.side, image_shape[2]))
        self.optimizer = make_optimizer(config, self.model)

    def put(self, images, labels):
        """Place the training set, uint8 or float32 (n, h, w, c) on the 0-255 scale and int64 (n,), on the device."""
        self.images, self.labels = (torch.from_numpy(array).to(self.device) for array in (images, labels))

    def train_epoch(self, plan, learning_rate):
        """One pass over the training set in the plan's order."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.model.train()
        order, offsets, flips = (self._tensor(array) for array in (plan.order, plan.offsets, plan.flips))
        for start in range(0, len(order), self.config.batch_size):
            part = slice(start, start + self.config.batch_size)
            chosen = order[part]
            images = self.prepare(
                self.images[chosen], None if offsets is None else offsets[part], None if flips is None else flips[part]
            )
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
                logits = self.model(images)
            self.optimizer.zero_grad()
            cross_entropy(logits.float(), self.labels[chosen]).backward()
            self.optimizer.step()

    def prepare(self, images, offsets=None, flips=None):
        """Model inputs from images: crop, flip, then standardize, as `common.data.preprocessing` defines them."""
        side = self.side
        if offsets is None:
            top, left = (images.shape[1] - side) // 2, (images.shape[2] - side) // 2
            images = images[:, top : top + side, left : left + side]
        else:
            # All rows of `side` pixels as one overlapping view: a crop is a choice of rows, copied whole.
            n, height, width, channels = images.shape
            rows = images.flatten().as_strided((n * height * width - side + 1, side * channels), (channels, 1))
            start = torch.arange(n, device=images.device) * height * width + offsets[:, 0] * width + offsets[:, 1]
            window = start[:, None] + torch.arange(side, device=images.device) * width
            images = rows[window].view(n, side, side, channels)
        if flips is not None:
            images = torch.where(flips[:, None, None, None], images.flip(2), images)
        return self._standardize(images.float() / 255)

    def _standardize(self, x):
        if self.config.preprocessing == "minus_one_one":
            return x * 2 - 1
        if self.config.preprocessing == "per_channel":
            mean, std = (torch.tensor(values, dtype=torch.float32, device=x.device) for values in self.statistics)
            return (x - mean) / std
        x = x - x.mean((1, 2, 3), keepdim=True)
        std = (x * x).mean((1, 2, 3), keepdim=True).sqrt()
        return x / std.clamp_min(float(minimum_std(x.shape[1:])))

    def _tensor(self, array):
        return None if array is None else torch.from_numpy(array).to(self.device)

    def logits(self, images):
        """float32 (n, num_classes) of images on the 0-255 scale, centre crop."""
        return self.features(images, "logits")

    def features(self, images, layer):
        """float32 (n, d) of a named layer, flattened in NHWC order."""
        return np.concatenate(
            [
                self.reader.features(self.prepare(self._tensor(images[start : start + EVALUATION_BATCH])), layer)
                for start in range(0, len(images), EVALUATION_BATCH)
            ]
        )

    def get_weights(self):
        """Arrays under canonical names."""
        return to_canonical(self.model.state_dict())

    def set_weights(self, weights):
        """Inverse of `get_weights`."""
        self.model.load_state_dict(from_canonical(weights, self.model.state_dict()))

    def get_optimizer_state(self):
        """Arrays that, with the weights, make a resumed run exact."""
        state = self.optimizer.state_dict()["state"]
        return {
            f"{index}/{name}": value.cpu().numpy().copy() for index in state for name, value in state[index].items()
        }

    def set_optimizer_state(self, arrays):
        """Inverse of `get_optimizer_state`."""
        state = {}
        for key, array in arrays.items():
            index, name = key.split("/")
            state.setdefault(int(index), {})[name] = torch.tensor(array)
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})

    def save(self, path, metadata):
        """Write the model file."""
        files.save(
            self.model,
            path,
            {**metadata, "input_shape": list(self.reader.input_shape), "num_classes": self.num_classes},
        )

    @property
    def parameters(self):
        """Number of trainable parameters."""
        return sum(parameter.numel() for parameter in self.model.parameters() if parameter.requires_grad)

    @property
    def description(self):
        """What the record says of the framework."""
        device = torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu"
        return {"framework_version": torch.__version__, "keras_backend": None, "device": device}


def make_optimizer(config, model):
    """SGD with momentum or Adam; the penalty on kernels is part of the gradient, biases have none."""
    kernels = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if config.optimizer == "adam":
        return torch.optim.Adam(
            groups, config.learning_rate, (ADAM["beta_1"], ADAM["beta_2"]), ADAM["epsilon"], fused=True
        )
    return torch.optim.SGD(groups, config.learning_rate, config.momentum, fused=True)


def find_device(name):
    """The torch device; asking for a GPU where there is none is an error."""
    check_choice("device", name, ("auto", "cpu", "cuda"))
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device must be cpu or auto: PyTorch finds no GPU here. Received: device='cuda'")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
