"""PyTorch models by name: `MODELS[name](input_shape, num_classes)`, some with batch norm or dropout as keywords.

They take NHWC images, `forward(x, taps=())`, and those that read texts rows of ids, and how many `ids` there are;
those from "cnn" on have no twin in Keras.
"""

from collections.abc import Callable

from torch import nn

from torch_models.alexnet import AlexNet
from torch_models.alexnet_large import alexnet_large
from torch_models.cnn import cnn
from torch_models.cnn2 import CNN2
from torch_models.hinges import Hinges
from torch_models.inception import Inception
from torch_models.inception_v3 import InceptionV3
from torch_models.mlp import mlp1, mlp2, mlp3, mlp4
from torch_models.resnet import ResNet18
from torch_models.texts import bilstm, bow, lstm, text_cnn
from torch_models.wide_resnet import wide_resnet_28_1, wide_resnet_28_10

MODELS: dict[str, Callable[..., nn.Module]] = {
    "mlp1": mlp1,
    "mlp2": mlp2,
    "mlp3": mlp3,
    "mlp4": mlp4,
    "alexnet": AlexNet,
    "inception": Inception,
    "lstm": lstm,
    "bilstm": bilstm,
    "bow": bow,
    "text_cnn": text_cnn,
    "cnn": cnn,
    "cnn2": CNN2,
    "alexnet_large": alexnet_large,
    "resnet18": ResNet18,
    "wide_resnet_28_1": wide_resnet_28_1,
    "wide_resnet_28_10": wide_resnet_28_10,
    "inception_v3": InceptionV3,
}
CONSTRUCTED: dict[str, Callable[..., nn.Module]] = {"hinges": Hinges}
"""Networks whose weights are computed: files of them are opened as others are, and nothing trains them."""
