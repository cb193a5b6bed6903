"""AlexNet (Krizhevsky, arXiv 1404.5997): torchvision's on 224x224 images, Ketha & Ramaswamy's on smaller ones."""

from common.data.arrays import Shape
from torch_models.cnn import ConvNet

# By the images' sides; the kernels and paddings of the code of arXiv 2501.14687, from 64x64 on torchvision's.
TORCHVISION: tuple[Shape, ...] = (64, 11, 4, 2, 3), (192, 5, 1, 2, 3)
FIRST: dict[Shape, tuple[Shape, ...]] = {
    (32, 32): ((64, 3, 2, 1, 3), (192, 3, 1, 1, 3)),
    (64, 64): TORCHVISION,
    (224, 224): TORCHVISION,
}
OTHERS = (384, 3, 1, 1, 0), (256, 3, 1, 1, 0), (256, 3, 1, 1, 3)


def alexnet_large(input_shape: Shape, num_classes: int, dropout: float = 0.0) -> ConvNet:
    """Five convolutions down to 1x1x256, of 224x224 to 6x6x256, two layers of 4,096, logits; no response normalization.

    20,495,268 parameters on 32x32x3 with 100 classes, 21,123,080 on 64x64x3 with 200, 61,100,840 on 224x224x3 with
    1,000. ValueError for other sizes.
    """
    if tuple(input_shape[:2]) not in FIRST:
        raise ValueError(
            "crop must be 32, 64 or 224, or none for square images of such a side. "
            f"Received: images of {input_shape[0]} x {input_shape[1]} pixels"
        )
    convolutions = FIRST[tuple(input_shape[:2])] + OTHERS
    return ConvNet(input_shape, num_classes, convolutions, (4096, 4096), dropout=dropout)
