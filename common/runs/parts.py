"""The parts that `Config` is declared in: fields with defaults, help and marks that say what a field is, and rules."""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, get_type_hints

import tyro

from common.data.corruption import LABEL_RULES, RULES
from common.data.preprocessing import PREPROCESSING

Rule = tuple[str, bool, str]
"""A field, whether its rule holds, and what it must be."""


class Mark(enum.Enum):
    """What is true of a field and matters elsewhere; its type is annotated with it."""

    SEED = "Runs that differ in it alone are repetitions."
    CORRUPTION = "What is corrupted, and how much."
    FILE = "A file under `saved_models`, where it is given."
    AUGMENTATION = "Examples look different from one epoch to the next where it is on."
    REGULARIZER = "An explicit regularizer of Zhang et al. (2017, section 3), off at 0."
    NOISE = "A step draws random numbers where it is not 0."
    TORCH = "PyTorch alone has it; off in Keras."
    MODEL = "A network must know it, but where it is at its default, which does nothing."
    STOP = "Ends a run before its last epoch, where it is given."
    COST = "The time that an example takes depends on it most."


class Slug(NamedTuple):
    """A word of a run's name, at its place among such words, where the field is not at its default."""

    place: int
    word: str


class OfKind(NamedTuple):
    """The kind of inputs, in `common.data.inputs.KINDS`, that a field is for; others leave it at its default."""

    name: str


IMAGES, TOKENS = OfKind("images"), OfKind("tokens")


class Choice(NamedTuple):
    """All that a field may be."""

    names: tuple[str, ...]


def one_of(*names: str) -> tuple[Any, Choice]:
    """What annotates the type of a field that is one of these names, for the command line and for us."""
    return tyro.conf.arg(metavar="|".join(names)), Choice(names)


INITIALIZERS = one_of(
    *("glorot_uniform", "he_normal", "torch", "torch_manual_seed", "inception_v3", "cifar10_tutorial")
)


def in_brief(numbers: tuple[int, ...]) -> list[str]:
    """Numbers as help shows them: of many the first two and the last."""
    words = [*map(str, numbers)]
    return words if len(words) < 5 else [*words[:2], "...", words[-1]]


NUMBERS = tyro.constructors.PrimitiveConstructorSpec(
    nargs="*",
    metavar="[INT [INT ...]]",
    instance_from_str=lambda words: tuple(map(int, words)),
    is_instance=lambda value: isinstance(value, tuple),
    str_from_instance=in_brief,
)
"""Numbers on the command line, of which there may be many."""


@functools.cache
def field_types(part: Any) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """See `Part.types`."""
    plain, whole = get_type_hints(part), get_type_hints(part, include_extras=True)
    names = [field.name for field in dataclasses.fields(part)]
    return {name: (plain[name], getattr(whole[name], "__metadata__", ())) for name in names}


@functools.cache
def marked_fields(part: Any, mark: Mark) -> tuple[str, ...]:
    """See `Part.marked`."""
    return tuple(name for name, (_, marks) in field_types(part).items() if mark in marks)


@functools.cache
def annotated_fields(part: Any, kind: type) -> dict[str, Any]:
    """See `Part.annotated`."""
    every = ((name, mark) for name, (_, marks) in field_types(part).items() for mark in marks)
    return {name: mark for name, mark in every if isinstance(mark, kind)}


class Part:
    """Fields that belong together."""

    def rules(self) -> list[Rule]:
        """What must hold."""
        return []

    @classmethod
    def types(cls) -> dict[str, tuple[Any, tuple[Any, ...]]]:
        """The type of each field and what annotates it, by name, in the fields' order."""
        part: Any = cls
        return field_types(part)

    @classmethod
    def marked(cls, mark: Mark) -> tuple[str, ...]:
        """Names of the fields that bear the mark, in their order."""
        part: Any = cls
        return marked_fields(part, mark)

    @classmethod
    def annotated(cls, kind: type) -> dict[str, Any]:
        """The `Choice`, the `Slug` or the `OfKind` of each field that has one."""
        part: Any = cls
        return annotated_fields(part, kind)

    def any_of(self, mark: Mark) -> bool:
        """Whether one of the fields that bear the mark is on."""
        return any(getattr(self, name) for name in self.marked(mark))


@dataclass(frozen=True)
class Subject(Part):
    """What is trained on what, by which framework."""

    model: Annotated[str, Mark.COST] = "mlp3"
    """Architecture, by its name in `keras_models.MODELS` and `torch_models.MODELS`."""
    dataset: Annotated[str, Mark.COST] = "cifar10"
    """Data set, by its name in `common.data.datasets.DATASETS`, or one's own: an .npz, a folder of train/CLASS and
    test/CLASS, or an array on disk made of one, by its name in the data folder or its path."""
    framework: Annotated[str, *one_of("keras", "torch"), Mark.COST] = "keras"
    """Framework that trains."""


@dataclass(frozen=True)
class Data(Part):
    """Examples and their labels, before they are input."""

    train_size: int | None = None
    """Keep this many training examples, stratified by class; none keeps all."""
    test_size: int | None = None
    """Keep this many test examples, stratified by class; none keeps all."""
    balanced: bool = False
    """Subsets hold as many examples of each class, not the classes' shares."""
    downscale: Annotated[int, Mark.COST, IMAGES] = 1
    """Sides of images are divided by this; a pixel is the mean of the square of pixels that it stands for."""
    vocabulary: Annotated[int | None, Mark.COST, TOKENS] = None
    """Most frequent words of the training texts that are kept, others are read as unknown; none keeps all."""
    length: Annotated[int | None, Mark.COST, TOKENS] = None
    """Last tokens of each text that are kept; none keeps all."""
    validation_size: int = 0
    """Training examples (after `train_size`) held out from the network, for choosing layers and thresholds."""
    clean_validation: bool = False
    """Hold examples out before anything is corrupted, so that they stay clean."""
    unique_labels: Annotated[bool, Slug(3, "unique")] = False
    """A class of its own for each training example (Arpit et al. 2017, section 3.2); nothing is tested."""
    corruption: Annotated[str, *one_of(*RULES), Mark.CORRUPTION] = "none"
    """What is corrupted in the training set, once and for the whole run."""
    corruption_fraction: Annotated[float, Mark.CORRUPTION] = 0.0
    """Probability with which each example is corrupted, 0 to 1."""
    labels: Annotated[str | None, Mark.FILE, Slug(0, "relabelled")] = None
    """File of training labels under `saved_models` (.npy, one for each example of the set); none takes the set's own,
    corrupted as above."""
    gaussian_statistics: Annotated[str, *one_of("channel", "all"), IMAGES] = "channel"
    """Gaussian images match the mean and variance of each channel, or of all values."""

    def rules(self) -> list[Rule]:
        return [
            *super().rules(),
            ("train_size", self.train_size is None or self.train_size > 0, "positive"),
            ("test_size", self.test_size is None or self.test_size > 0, "positive"),
            ("downscale", self.downscale > 0, "positive"),
            ("vocabulary", self.vocabulary is None or self.vocabulary > 0, "positive"),
            ("length", self.length is None or self.length > 0, "positive"),
            ("validation_size", self.validation_size >= 0, "0 or more"),
            ("clean_validation", self.validation_size > 0 or not self.clean_validation, "off where none is held out"),
            ("unique_labels", not (self.unique_labels and self.validation_size), "off where examples are held out"),
            ("unique_labels", not (self.unique_labels and (self.labels or self.corruption in LABEL_RULES)),
             "off where labels are given or corrupted"),
            ("corruption_fraction", 0 <= self.corruption_fraction <= 1, "between 0 and 1"),
            ("corruption_fraction", self.corruption != "none" or self.corruption_fraction == 0,
             "0 where corruption is none (name a rule with --corruption)"),
        ]  # fmt: skip


@dataclass(frozen=True)
class Inputs(Part):
    """What a network is given of an example."""

    preprocessing: Annotated[str, *one_of(*PREPROCESSING), IMAGES] = "per_image"
    """Input scale: per image as TensorFlow standardises it, per channel, [-1, 1], [0, 1], or raw as 0-255."""
    crop: Annotated[int | None, Mark.COST, IMAGES] = 28
    """Side of the crop in pixels (Zhang et al., appendix A: 28); smaller images stay whole, none keeps all of
    square ones."""
    center_box: Annotated[float | None, Mark.TORCH, IMAGES] = None
    """Take the central box of this share of an image's sides and resize it to the crop's side (TensorFlow's Inception:
    0.875 and 299); none cuts the crop out of pixels as they are; PyTorch only."""

    def rules(self) -> list[Rule]:
        return [
            *super().rules(),
            ("crop", self.crop is None or self.crop > 0, "positive"),
            ("center_box", self.center_box is None or 0 < self.center_box <= 1, "above 0 and at most 1"),
            ("crop", self.crop is not None or self.center_box is None, "the side that a center_box is resized to"),
        ]


@dataclass(frozen=True)
class Augmentation(Inputs):
    """How an example looks from one epoch to the next."""

    random_crop: Annotated[bool, Mark.AUGMENTATION, Mark.REGULARIZER, Slug(4, "aug"), IMAGES] = False
    """Draw the crop's position for each example and epoch; tests keep the centre."""
    flip: Annotated[bool, Mark.AUGMENTATION, Mark.REGULARIZER, Slug(4, "aug"), IMAGES] = False
    """Mirror each example left to right with probability 1/2 in each epoch."""
    random_box: Annotated[bool, Mark.AUGMENTATION, Mark.REGULARIZER, Slug(4, "aug"), IMAGES] = False
    """Draw a box of each example in each epoch and resize it to the crop's side; tests keep the central one."""
    box_area: Annotated[tuple[float, float], IMAGES] = (0.05, 1.0)
    """Least and most of an image that such a box covers."""
    box_aspect: Annotated[tuple[float, float], IMAGES] = (0.75, 1.33)
    """Least and most of its width over its height, in pixels of the image before it was resized."""
    rotation: Annotated[float, Mark.AUGMENTATION, Mark.REGULARIZER, Slug(4, "aug"), IMAGES] = 0.0
    """Turn each example by an angle drawn from ± this many degrees in each epoch, before the crop."""
    random_window: Annotated[bool, Mark.AUGMENTATION, Mark.REGULARIZER, Slug(4, "aug"), TOKENS] = False
    """Draw which `length` tokens of a longer text are kept, in a row, for each epoch; tests keep the last."""
    word_dropout: Annotated[float, Mark.AUGMENTATION, Mark.REGULARIZER, Slug(4, "aug"), TOKENS] = 0.0
    """Share of tokens that are read as unknown in training, drawn anew in each epoch."""

    def rules(self) -> list[Rule]:
        return [
            *super().rules(),
            ("random_crop", not self.random_crop or self.crop is not None, "off where crop is none"),
            ("random_crop", not self.random_crop or self.center_box is None, "off where boxes are taken"),
            ("random_box", not self.random_box or self.center_box is not None, "off where tests have no center_box"),
            ("box_area", 0 < self.box_area[0] <= self.box_area[1] <= 1, "two shares in order, above 0 and at most 1"),
            ("box_aspect", 0 < self.box_aspect[0] <= self.box_aspect[1] < math.inf, "two positive ratios in order"),
            ("rotation", 0 <= self.rotation <= 180, "between 0 and 180 degrees"),
            ("word_dropout", 0 <= self.word_dropout < 1, "at least 0 and below 1"),
        ]

    @property
    def augmented(self) -> bool:
        """Whether an example looks different from one epoch to the next."""
        return self.any_of(Mark.AUGMENTATION)


@dataclass(frozen=True)
class Network(Part):
    """What is inside a network, what disturbs it in training, and its first weights."""

    width: Annotated[int | None, Mark.COST, Mark.MODEL] = None
    """Units of each hidden layer, or channels of each convolution, in models that have a choice (mlp2, cnn2,
    inception_v3, lstm, bilstm, text_cnn); none: as published."""
    embedding_width: Annotated[int | None, Mark.COST, Mark.MODEL, TOKENS] = None
    """Dimensions of the embedding of words; none: as many as an LSTM has units, in other models 64."""
    padding: Annotated[str, *one_of("valid", "same_stride_3", "same_stride_2"), Mark.MODEL] = "valid"
    """Padding of convolutions and stride of pooling, which Arpit et al. (2017) leave open: none and 3, or zeros at
    the borders of convolutions and 3, or those of pooling too and 2."""
    batch_norm: Annotated[bool, Mark.MODEL, Slug(2, "nobn")] = True
    """Batch norm, in models that have it."""
    batch_norm_momentum: float = 0.9
    """Share that the moving statistics of batch norm keep at each step; not in Zhang et al."""
    batch_norm_scale: Annotated[bool, Mark.MODEL] = False
    """Batch norm also scales, in models that have the choice; else it only shifts there."""
    batch_norm_group: Annotated[int | None, Mark.MODEL] = None
    """Examples that batch norm looks at together in training, in models that have the choice, whatever the size of a
    batch and in however many processes; none: the whole batch, in one process."""
    auxiliary_weight: Annotated[float, Mark.MODEL, Mark.TORCH] = 0.0
    """Weight of the loss of a second head in the middle of the network, in models that have it; PyTorch only."""
    dropout: Annotated[float, Mark.MODEL, Mark.REGULARIZER, Mark.NOISE] = 0.0
    """Share of units dropped in training: after hidden fully connected layers, or before the logits."""
    embedding_dropout: Annotated[float, Mark.MODEL, Mark.REGULARIZER, Mark.NOISE, TOKENS] = 0.0
    """Share of the embedding's dimensions dropped in training, of all words of a text alike."""
    input_dropout: Annotated[float, Mark.NOISE, Mark.TORCH, IMAGES] = 0.0
    """Share of input values dropped in training, of the others all are scaled up; PyTorch only."""
    input_noise: Annotated[float, Mark.NOISE, Mark.TORCH, IMAGES] = 0.0
    """Standard deviation of Gaussian noise added to inputs in training, in the model's input scale; PyTorch only."""
    hidden_noise: Annotated[float, Mark.MODEL, Mark.NOISE, Mark.TORCH] = 0.0
    """The same for outputs of hidden fully connected layers."""
    adversarial_weight: Annotated[float, Mark.NOISE, Mark.TORCH, IMAGES] = 0.0
    """Weight w of the loss where a search for critical samples ends: (1 - w) loss + w loss at these points, at all of
    them, whether or not they have another class, and batch norm's moving statistics see both; Arpit et al. leave the
    formula open; PyTorch only."""
    adversarial_iterations: int = 10
    """Steps of that search in each batch; the search's authors, and `Search` where it is not told, take 100."""
    initializer: Annotated[str, *INITIALIZERS] = "glorot_uniform"
    """Initial kernels; biases are 0, except that `torch` draws both as PyTorch does by default, and `torch_manual_seed`
    in the very numbers that it draws after `torch.manual_seed(seed)`. `inception_v3` and `cifar10_tutorial` draw as
    TensorFlow does for that network, and for the one of its tutorial on CIFAR-10."""
    initial_model: Annotated[str | None, Mark.FILE, Slug(1, "continued")] = None
    """Model file under `saved_models` whose weights training starts from; none draws them."""

    def rules(self) -> list[Rule]:
        return [
            *super().rules(),
            ("width", self.width is None or self.width > 0, "positive"),
            ("embedding_width", self.embedding_width is None or self.embedding_width > 0, "positive"),
            ("embedding_dropout", 0 <= self.embedding_dropout < 1, "at least 0 and below 1"),
            ("batch_norm_momentum", 0 <= self.batch_norm_momentum < 1, "at least 0 and below 1"),
            ("batch_norm_group", self.batch_norm_group is None or self.batch_norm_group > 1, "above 1"),
            ("auxiliary_weight", 0 <= self.auxiliary_weight < math.inf, "finite and 0 or more"),
            ("dropout", 0 <= self.dropout < 1, "at least 0 and below 1"),
            ("input_dropout", 0 <= self.input_dropout < 1, "at least 0 and below 1"),
            ("input_noise", 0 <= self.input_noise < math.inf, "finite and 0 or more"),
            ("hidden_noise", 0 <= self.hidden_noise < math.inf, "finite and 0 or more"),
            ("adversarial_weight", 0 <= self.adversarial_weight <= 1, "between 0 and 1"),
            ("adversarial_iterations", self.adversarial_iterations > 0, "positive"),
        ]

    @property
    def noisy(self) -> bool:
        """Whether a step draws random numbers, which are seeded at each epoch's start."""
        return self.any_of(Mark.NOISE)


@dataclass(frozen=True)
class Training(Part):
    """Steps and their order."""

    optimizer: Annotated[str, *one_of("sgd", "adam", "rmsprop")] = "sgd"
    """Optimizer; `rmsprop` is TensorFlow's, with a decay of 0.9 and an epsilon of 1, in PyTorch only."""
    learning_rate: float = 0.01
    """Learning rate of the first epoch."""
    momentum: float = 0.9
    """Momentum of SGD and RMSProp."""
    label_smoothing: Annotated[float, Mark.TORCH] = 0.0
    """Share of a label that is spread evenly over all classes in training; recorded losses are without it; PyTorch
    only."""
    weight_average: Annotated[float, Mark.TORCH] = 0.0
    """Decay of a moving average of weights and moving statistics, which is what is evaluated and saved; after n steps
    it is (1 + n) / (10 + n) where that is less, as in TensorFlow. 0: the weights themselves; PyTorch only."""
    weight_decay: Annotated[float, Mark.REGULARIZER, Slug(5, "wd")] = 0.0
    """L2 penalty: weight_decay / 2 times the sum of squared kernel entries is added to the loss; biases are free."""
    schedule: Annotated[str, *one_of("constant", "exponential", "steps")] = "exponential"
    """Learning rate over epochs: constant, times `decay` after each, or times `decay` at each of `decay_epochs`."""
    decay: float = 0.95
    """Factor of the schedule (Zhang et al., appendix A: 0.95 per epoch)."""
    decay_epochs: Annotated[tuple[int, ...], NUMBERS] = ()
    """Epochs after which the schedule `steps` multiplies by `decay`."""
    batch_size: int = 128
    """Examples per step; the last, smaller batch of an epoch is kept."""
    shuffle: bool = True
    """Draw a new order in each epoch; off keeps the data set's own order, as Ketha and Ramaswamy do."""

    def rules(self) -> list[Rule]:
        return [
            *super().rules(),
            ("learning_rate", 0 < self.learning_rate < math.inf, "positive and finite"),
            ("momentum", 0 <= self.momentum < 1, "at least 0 and below 1"),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "at least 0 and below 1"),
            ("weight_average", 0 <= self.weight_average < 1, "at least 0 and below 1"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "finite and 0 or more"),
            ("decay", 0 < self.decay <= 1, "above 0 and at most 1"),
            ("decay_epochs", (self.schedule == "steps") == bool(self.decay_epochs),
             "given with the schedule steps, and only there"),
            ("batch_size", self.batch_size > 0, "positive"),
        ]  # fmt: skip

    def learning_rate_at(self, epoch: int) -> float:
        """Learning rate of the given epoch, counted from 0."""
        if self.schedule == "exponential":
            return self.learning_rate * self.decay**epoch
        if self.schedule == "steps":
            return self.learning_rate * self.decay ** sum(epoch >= step for step in self.decay_epochs)
        return self.learning_rate


@dataclass(frozen=True)
class Stopping(Part):
    """When a run ends, not how it goes."""

    epochs: int = 60
    """Most epochs that are trained."""
    stop_accuracy: Annotated[float | None, Mark.STOP] = None
    """Stop after the epoch that reaches this training accuracy, 0 to 1."""
    stop_counted: Annotated[str, *one_of("after", "while_training")] = "after"
    """When `stop_accuracy` is counted: of the network after an epoch, or of each batch before its step, as the loops of
    Ketha and Ramaswamy do. Where examples come in the same order in every epoch the second may be far above the first.
    """
    stop_loss: Annotated[float | None, Mark.STOP] = None
    """Stop after the epoch that reaches this training cross-entropy."""
    patience: Annotated[int | None, Mark.STOP] = None
    """Stop when accuracy on held-out examples has not risen for this many epochs."""
    train_evaluation_every: int = 1
    """Epochs between measurements of the training set. In between it is measured only where the epoch's own loss and
    accuracy, taken while it trained, come near a criterion of stopping or fitting, and after the last; else null. Stop
    rules hold at measured epochs alone, so that a run may stop later than with 1, by fewer epochs than this."""
    train_evaluation_size: int | None = None
    """Measure this many training examples, stratified by class and the same in all epochs; none measures all. Stop
    rules and what is kept of each example are then about these; the epoch's own loss and accuracy are about all."""
    fit_accuracy: float = 0.99
    """Training accuracy at which the training set counts as fitted (`epochs_to_fit`)."""

    def rules(self) -> list[Rule]:
        return [
            *super().rules(),
            ("epochs", self.epochs >= 0, "0 or more"),
            ("stop_accuracy", self.stop_accuracy is None or 0 < self.stop_accuracy <= 1, "above 0 and at most 1"),
            ("stop_loss", self.stop_loss is None or 0 < self.stop_loss < math.inf, "positive and finite"),
            ("patience", self.patience is None or self.patience > 0, "positive"),
            ("train_evaluation_every", self.train_evaluation_every > 0, "positive"),
            ("train_evaluation_size", self.train_evaluation_size is None or self.train_evaluation_size > 0, "positive"),
            ("fit_accuracy", 0 < self.fit_accuracy <= 1, "above 0 and at most 1"),
        ]


@dataclass(frozen=True)
class Repetition(Part):
    """What a run is repeated with: number format, seeds, code."""

    precision: Annotated[str, *one_of("float32", "bfloat16"), Mark.COST] = "float32"
    """Number format of the matrix products in training; files and evaluation are float32."""
    seed: Annotated[int, Mark.SEED] = 0
    """Initial weights, order and augmentation."""
    data_seed: Annotated[int, Mark.SEED] = 0
    """Subset, held-out examples and corruption (the rule `ketha` has its own, fixed seed)."""
    recipe: int = 1
    """Version of the training procedure; raised when a change of code changes numbers."""

    def rules(self) -> list[Rule]:
        values = {"seed": self.seed, "data_seed": self.data_seed}
        seeds = [(name, 0 <= value < 2**32, "0 or more, and below 2**32") for name, value in values.items()]
        return [*super().rules(), *seeds]
