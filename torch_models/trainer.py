"""Trains one model in PyTorch; `keras_models/trainer.py` is its twin."""

import numpy as np
import torch
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from common.data.preprocessing import crop_side, minimum_std, pixel_scale
from common.errors import check_choice
from common.runs.config import ADAM, model_options
from common.runs.critical_points import Search, critical_points
from common.runs.trainers import Online
from torch_models import MODELS, files
from torch_models.derivatives import Derivatives
from torch_models.noise import disturbed
from torch_models.recorded import Recorded

EVALUATION_BATCH = 250  # eight times as many on a GPU
PREPARED_STEPS = 8


class Trainer(Recorded):
    """A model, its optimizer and its training set on one device; see `common.runs.trainers.Trainer`."""

    def __init__(self, config, image_shape, num_classes, statistics=None, device="auto"):
        self.config, self.num_classes = config, num_classes
        self.side = crop_side(image_shape, config.crop)
        self.device = find_device(device)
        self.model = make_model(config, image_shape, num_classes, self.device)
        self.reader = files.Reader(self.model, (self.side, self.side, image_shape[2]))
        self.optimizer = make_optimizer(config, self.model.parameters())
        self.loss, self.correct = torch.zeros((2, 1), dtype=torch.float64, device=self.device)
        self.recordings, self.given = {}, None
        if config.preprocessing == "per_channel":
            self.mean, self.std = (torch.tensor(v, dtype=torch.float32, device=self.device) for v in statistics)
        if config.adversarial_weight:
            self.derivatives, self.search = Derivatives(self.model), Search(iterations=config.adversarial_iterations)
            self.scale = self._tensor(pixel_scale(config.preprocessing, statistics))

    def put(self, images, labels):
        """Place the training set, uint8 or float32 (n, h, w, c) on the 0-255 scale and int64 (n,), on the device."""
        self.images, self.labels = (torch.from_numpy(array).to(self.device) for array in (images, labels))
        self.given = images

    def train_epoch(self, plan, learning_rate):
        """One pass over the training set in the plan's order."""
        set_learning_rate(self.optimizer, learning_rate)
        self.model.train()
        self.loss.zero_(), self.correct.zero_()
        if self.config.noisy:
            torch.manual_seed(plan.dropout_seed)
        self.steps(self.batches(plan))
        loss, share = (total.item() / len(plan.order) for total in (self.loss, self.correct))
        return Online(loss, share if self.config.augmented else None)

    def update(self, images, labels):
        """One step of the optimizer."""
        images = disturbed(images, self.config.input_dropout, self.config.input_noise)
        if weight := self.config.adversarial_weight:
            points = critical_points(self.derivatives, images, self.search, self.scale)
        logits = self.in_precision(images)
        loss = cross_entropy(logits, labels)
        self.loss += loss.detach() * len(labels)
        if weight:
            loss = (1 - weight) * loss + weight * cross_entropy(self.in_precision(points), labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if self.config.augmented:
            self.correct += (logits.argmax(1) == labels).sum()

    def in_precision(self, images):
        """float32 logits in training, from products in the config's precision."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            return self.model(images).float()

    def tensors(self):
        """What a step changes beside the optimizer's state: weights, moving statistics and counts."""
        return [*self.model.state_dict().values(), self.loss, self.correct]

    def batches(self, plan):
        """Model inputs and labels of each step of an epoch; several steps are prepared at once, in fewer calls."""
        parts = [self._tensor(array) for array in (plan.order, plan.offsets, plan.flips, plan.angles)]
        size = self.config.batch_size
        for start in range(0, len(plan.order), PREPARED_STEPS * size):
            part = slice(start, start + PREPARED_STEPS * size)
            chosen, *drawn = (None if array is None else array[part] for array in parts)
            images = self.prepare(self.images, *drawn, chosen=chosen)
            yield from zip(images.split(size), self.labels[chosen].split(size), strict=True)

    def prepare(self, images, offsets=None, flips=None, angles=None, chosen=None):
        """Model inputs from the chosen images as `common.data.preprocessing` defines: turn, crop, flip, standardize."""
        if angles is not None:
            images, chosen = rotate(images if chosen is None else images[chosen], angles), None
        n, height, width, channels = images.shape
        side, device = self.side, images.device
        chosen = torch.arange(n, device=device) if chosen is None else chosen
        top, left = ((height - side) // 2, (width - side) // 2) if offsets is None else offsets.T
        # All rows of `side` pixels as one overlapping view: a crop is a choice of rows, copied whole.
        rows = images.flatten().as_strided((n * height * width - side + 1, side * channels), (channels, 1))
        start = (chosen * height + top) * width + left
        images = rows[start[:, None] + torch.arange(side, device=device) * width].view(-1, side, side, channels)
        if flips is not None:
            images = torch.where(flips[:, None, None, None], images.flip(2), images)
        return self._standardize(images.float().div_(255))

    def _standardize(self, x):
        """In place: what it is given is a copy already."""
        if self.config.preprocessing == "zero_one":
            return x
        if self.config.preprocessing == "minus_one_one":
            return x.mul_(2).sub_(1)
        if self.config.preprocessing == "per_channel":
            return x.sub_(self.mean).div_(self.std)
        x.sub_(x.mean((1, 2, 3), keepdim=True))
        std = x.square().mean((1, 2, 3), keepdim=True).sqrt_()
        return x.div_(std.clamp_min_(float(minimum_std(x.shape[1:]))))

    def _tensor(self, array):
        return None if array is None else torch.from_numpy(array).to(self.device)

    def logits(self, images):
        """float32 (n, num_classes) of images on the 0-255 scale, centre crop."""
        return self.features(images, "logits")

    def features(self, images, layer):
        """float32 (n, d) of a named layer, flattened in NHWC order."""
        return np.concatenate([self.reader.features(x, layer) for x in self.inputs(images)])

    def inputs(self, images):
        """Model inputs of images on the 0-255 scale, centre crop, in batches for evaluation; `put` has placed some."""
        images = self.images if images is self.given else torch.from_numpy(images)
        for batch in images.split(self.evaluation_batch):
            yield self.prepare(batch.to(self.device))

    @property
    def evaluation_batch(self):
        """Examples that are evaluated at once."""
        return EVALUATION_BATCH * (1 if self.device.type == "cpu" else 8)

    def get_weights(self):
        """Arrays under canonical names."""
        return files.get_weights(self.model)

    def set_weights(self, weights):
        """Inverse of `get_weights`."""
        files.set_weights(self.model, weights)

    def get_optimizer_state(self):
        """Arrays that, with the weights, make a resumed run exact."""
        state = self.optimizer.state_dict()["state"]
        return {
            f"{index}/{name}": value.cpu().numpy().copy() for index in state for name, value in state[index].items()
        }

    def set_optimizer_state(self, arrays):
        """Inverse of `get_optimizer_state`."""
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        state = {}
        for key, array in arrays.items():
            index, name = key.split("/")
            value = torch.tensor(array)
            if value.ndim:  # a fused step walks memory: moments must lie there as their parameter does
                value = torch.empty_like(parameters[int(index)]).copy_(value)
            state.setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        self.recordings = {}

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


def rotate(images, angles):
    """Square NHWC images turned counterclockwise about their centre by degrees (n,): bilinear, 0 from outside."""
    cosine, sine, zero = torch.cos(angles.deg2rad()), torch.sin(angles.deg2rad()), torch.zeros_like(angles)
    matrices = torch.stack([cosine, -sine, zero, sine, cosine, zero], 1).view(-1, 2, 3)
    images = images.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
    grid = affine_grid(matrices, images.shape, align_corners=True)
    return grid_sample(images, grid, align_corners=True).permute(0, 2, 3, 1).contiguous()


def set_learning_rate(optimizer, learning_rate):
    """For the steps to come; recorded ones read it from the device."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(learning_rate)
        else:
            group["lr"] = learning_rate


def make_model(config, image_shape, num_classes, device):
    """The config's network for centre crops of images (h, w, c)."""
    check_choice("model", config.model, MODELS)
    build, side = MODELS[config.model], crop_side(image_shape, config.crop)
    return build((side, side, image_shape[2]), num_classes, **model_options(config, build)).to(device)


def make_optimizer(config, parameters, stacked=False):
    """SGD with momentum or Adam; the penalty on kernels is part of the gradient, biases have none.

    Parameters that are stacked have an axis of runs before their own.
    """
    parameters = list(parameters)
    kernels = [parameter for parameter in parameters if parameter.ndim - stacked > 1]
    others = [parameter for parameter in parameters if parameter.ndim - stacked <= 1]
    groups = [{"params": kernels, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    recorded = others[0].device.type == "cuda"
    rate = torch.tensor(config.learning_rate, device=others[0].device) if recorded else config.learning_rate
    if config.optimizer == "adam":
        betas = ADAM["beta_1"], ADAM["beta_2"]
        return torch.optim.Adam(groups, rate, betas, ADAM["epsilon"], fused=True, capturable=recorded)
    return torch.optim.SGD(groups, rate, config.momentum, fused=True)


def find_device(name):
    """The torch device, its convolutions made exact; asking for a GPU where there is none is an error."""
    check_choice("device", name, ("auto", "cpu", "cuda"))
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device must be cpu or auto: PyTorch finds no GPU here. Received: device='cuda'")
    torch.backends.cudnn.deterministic = True  # on a GPU too the same bits again
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # and float32 that is float32
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
