"""Model files as other people write them: decoded with their own library's accuracy, or refused for a reason."""

import pickle
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import foreign
import numpy as np
import pytest

from common import frameworks
from common.analysis import evaluator
from common.runs.foreign import Declared

pytestmark = pytest.mark.slow

REASONS = {
    "PyTorch: the same MLP without --layout": "--layout nchw (channels first, as most PyTorch code) or nhwc",
    "PyTorch: colours in a row without --layout": "layout must be named, as the network takes both",
    "PyTorch: several outputs without --output": "output must be named of several: --output classes or mean",
    "PyTorch: state dict without --module": "it is a bare state dict; --module my_file.py:Net",
    "PyTorch: whole module without --module": "it is a whole module, user_net.Net; --module",
    "PyTorch: checkpoint without --module": "it is a checkpoint with a state dict under model_state_dict; --module",
    "PyTorch: pickle with code": "it holds more than tensors and plain values: posix.mkdir",
    "PyTorch: TorchScript that writes a file": "operations must be ones on tensors. Received: aten::save",
    "Keras 3: several outputs without --output": "output must be named of several: --output head or value",
    "Keras 3: weights alone without --module": "it holds weights alone; --module my_file.py:build",
    "Keras 3: own layer without --import": "a layer must be stock, or of a file that --import names. Received: Double",
    "Keras 3: Lambda": "a layer must be no code of the file's own. Received: a Lambda layer",
    "Keras 3: subclass of Model": "it must be a functional or sequential network. Received: one of the class OwnModel",
    "Keras 2: a function that no stock layer expresses": "Received: tf.sort (tf.sort)",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return foreign.tinted(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("kind", foreign.CASES)
def test_a_file_from_elsewhere_is_decoded_as_its_own_library_does_or_refused_in_one_line(kind, data, tmp_path):
    written = foreign.CASES[kind](tmp_path)
    before = written.path.read_bytes()
    outcome = foreign.read(written, data)
    assert outcome.accuracy == pytest.approx(written.accuracy, abs=1e-4), outcome.line
    assert written.accuracy is None or written.accuracy > 0.2
    if kind in REASONS:
        assert REASONS[kind] in outcome.line and "\n" not in outcome.line and str(written.path) in outcome.line
        assert not re.search("weights_only|safe_mode|trust", outcome.line)
    assert (kind in REASONS) == (written.accuracy is None)
    assert not (tmp_path / "executed").exists() and written.path.read_bytes() == before


def test_there_are_files_of_every_kind():
    counts = Counter(kind.split(":")[0] for kind in foreign.CASES)
    assert len(foreign.CASES) >= 30 and min(counts[name] for name in ("PyTorch", "Keras 3", "Keras 2")) >= 10


def user_net(folder):
    """A network that the user's code makes, and how that is named."""
    made, _, declared = foreign.net(folder)
    return made, declared


def test_files_from_before_batches_were_counted_and_with_more_around_the_network_fit(tmp_path):
    made, declared = user_net(tmp_path)
    state = {name: value for name, value in made.state_dict().items() if "num_batches" not in name}
    foreign.torch.save(
        {"ema": {}, "student.net": {f"a.b.{name}": value for name, value in state.items()}}, tmp_path / "m.pt"
    )
    model = evaluator.load(tmp_path / "m.pt", replace(declared, image_shape=(8, 8, 1), num_classes=10))
    x = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
    expected = made(foreign.torch.from_numpy(x.transpose(0, 3, 1, 2))).detach().numpy()
    np.testing.assert_allclose(model.logits(x), expected, atol=1e-5)


def test_of_several_networks_that_fit_the_trained_one_is_taken_by_its_name_or_none(tmp_path):
    made, declared = user_net(tmp_path)
    other = {name: value + 1 for name, value in made.state_dict().items()}

    def opened(content):
        foreign.torch.save(content, tmp_path / "m.pt")
        return evaluator.load(tmp_path / "m.pt", replace(declared, image_shape=(8, 8, 1), num_classes=10))

    x = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
    expected = made(foreign.torch.from_numpy(x.transpose(0, 3, 1, 2))).detach().numpy()
    trained = opened({"ema": other, "state_dict": made.state_dict()})
    np.testing.assert_allclose(trained.logits(x), expected, atol=1e-5)
    both = {f"{part}.{name}": value for part in ("online", "target") for name, value in made.state_dict().items()}
    for content, names in (({"ema": other, "weights": other}, "ema, weights"), (both, "online., target.")):
        with pytest.raises(ValueError, match=f"one network that fits; save it alone. Received: {names}"):
            opened(content)


@pytest.mark.parametrize(
    "edit, reason",
    [
        (lambda state: state.pop("fc1.bias"), "none for 1 that it has (fc1.bias ...)"),
        (lambda state: state.update(more=state["fc1.bias"]), "Unexpected key(s) in state_dict"),
        (lambda state: state.update({"fc1.bias": state["fc1.bias"][:3]}), "size mismatch for fc1.bias"),
        (lambda state: state.clear(), "it must hold weights. Received: no network's weights"),
    ],
)
def test_weights_that_do_not_fit_the_network_are_refused_with_the_reason(edit, reason, tmp_path):
    made, declared = user_net(tmp_path)
    state = made.state_dict()
    edit(state)
    foreign.torch.save(state, tmp_path / "m.pt")
    with pytest.raises(ValueError) as error:
        evaluator.load(tmp_path / "m.pt", replace(declared, image_shape=(8, 8, 1)))
    assert reason in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "spelling, reason",
    [
        ("net.py", "module must be FILE.py:NAME or PACKAGE.MODULE:NAME"),
        ("net.py:Net(width=x)", "with plain values as arguments if any"),
        ("net.py:Nett", "module must be one of Net, "),
        ("nope.py:Net", "nope.py must be Python code that runs. Received: [Errno 2]"),
        ("broken.py:Net", "broken must be Python code that runs. Received: division by zero"),
        (
            "net.py:Net(colour=3)",
            "Net must make a network when it is called. Received: Net.__init__",
        ),
        ("json:loads('3')", "--module must make a torch.nn.Module. Received: int"),
        ("no_such_package.models:Net", "no_such_package.models must be Python code that runs"),
    ],
)
def test_code_that_makes_no_network_is_refused_in_one_line(spelling, reason, tmp_path, monkeypatch):
    foreign.CASES["PyTorch: state dict, .pt"](tmp_path)
    (tmp_path / "broken.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as error:
        evaluator.load("model.pt", Declared(module=spelling, image_shape=(8, 8, 1)))
    assert reason in str(error.value) and "\n" not in str(error.value)


def test_arguments_of_the_users_network_are_plain_values_and_classes_are_offered(tmp_path):
    (tmp_path / "net.py").write_text(
        f"{foreign.NET}\nmade = Net(width=3)\n\n\ndef build(**options):\n    return Net(**options)\n"
    )
    for call, classes, width in (
        ("Net(1, width=4, num_classes=7)", 7, 4),
        ("build", 5, 8),
        ("Net", 5, 8),
        ("made", 10, 3),
    ):
        made = frameworks.user_object(f"{tmp_path / 'net.py'}:{call}", 5)
        assert (made.head.out_features, made.conv.out_channels) == (classes, width)


def test_large_layers_go_through_a_network_from_elsewhere_in_small_batches(tmp_path, monkeypatch):
    written = foreign.CASES["PyTorch: state dict, .pt"](tmp_path)
    model = evaluator.load(written.path, replace(written.declared, image_shape=(8, 8, 1), num_classes=10))
    x, sizes, read = np.random.default_rng(0).random((10, 8, 8, 1), np.float32), [], model._reader.outputs
    whole = model.logits(x)
    monkeypatch.setattr(model._reader, "outputs", lambda x, layers: sizes.append(len(x)) or read(x, layers))
    monkeypatch.setattr(evaluator, "LARGEST", 4 * 8 * 8 * 8)
    np.testing.assert_allclose(model.logits(x), whole, atol=1e-5)
    assert sizes == [4, 4, 2]
    with pytest.raises(ValueError, match="a .pt that the suite saved, for gradients"):
        model.derivatives("cpu")


UNUSUAL = """
import torch
from torch import nn

class Squeezed(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 1)
    def forward(self, x):
        return self.fc(x.flatten(1)).squeeze(1)

class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.input, self.output = nn.Linear(64, 5), nn.Linear(5, 10)
    def forward(self, x):
        return self.output(torch.relu(self.input(x.flatten(1)))).log_softmax(1)

class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 10)
    def forward(self, x):
        return self.fc(nn.functional.dropout(x.flatten(1)))

class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.bn, self.fc = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Linear(256, 10)
    def forward(self, x):
        out = self.bn(self.conv(x))
        out += x
        return self.fc(nn.functional.relu(out, inplace=True).flatten(1))

class Steps(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.fc = nn.Linear(64, 5), nn.Linear(5, 10)
    def forward(self, x):  # colours are time steps, which come first
        return self.fc(self.first(x.flatten(2).transpose(0, 1)).sum(0))
"""


def unusual(folder, name, channels):
    """A network of that code, and the suite's view of it."""
    file = foreign.user_file(folder, "unusual.py", UNUSUAL)
    made = getattr(frameworks.user_module(file), name)()
    foreign.torch.save(made.state_dict(), folder / "m.pt")
    declared = Declared(module=f"{file}:{name}", image_shape=(8, 8, channels), num_classes=2, layout="nchw")
    return made, evaluator.load(folder / "m.pt", declared)


def test_an_only_output_without_an_axis_tells_two_classes_apart(tmp_path):
    made, model = unusual(tmp_path, "Squeezed", 1)
    x = np.random.default_rng(0).random((5, 8, 8, 1), np.float32)
    expected = made(foreign.torch.from_numpy(x.transpose(0, 3, 1, 2))).detach().numpy()
    np.testing.assert_allclose(model.logits(x)[:, 0], expected, atol=1e-5)
    assert model.classes(model.logits(x) - 10, 2).tolist() == [0] * 5


def test_a_layer_of_the_inputs_or_outputs_name_is_told_from_it(tmp_path):
    made, model = unusual(tmp_path, "Named", 1)
    assert model.layers[0] == "input" and {"input (layer)", "output (layer)"} < {*model.layers}
    x = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
    np.testing.assert_allclose(model.features(x, "input"), x.reshape(3, -1))
    first = made.input(foreign.torch.from_numpy(x.reshape(3, -1)))
    np.testing.assert_allclose(model.features(x, "input (layer)"), first.detach(), atol=1e-5)
    np.testing.assert_allclose(model.features(x, "output (layer)"), made.output(first.relu()).detach(), atol=1e-5)


def saved_script(folder, name):
    """A traced network of that code, and the suite's view of it."""
    made = getattr(frameworks.user_module(foreign.user_file(folder, "unusual.py", UNUSUAL)), name)().eval()
    foreign.torch.jit.trace(made, foreign.torch.zeros(2, 1, 8, 8), check_trace=False).save(folder / "m.pt")
    return made, evaluator.load(folder / "m.pt", Declared(image_shape=(8, 8, 1), num_classes=10, layout="nchw"))


def test_what_is_random_or_of_a_batch_says_nothing_of_an_image(tmp_path):
    for open_it in (lambda: unusual(tmp_path, "Noisy", 1), lambda: saved_script(tmp_path, "Noisy")):
        with pytest.raises(ValueError, match=r"must say the same of an image at each call: save it after .eval\(\)"):
            open_it()
    made = foreign.torch.nn.Sequential(foreign.torch.nn.BatchNorm2d(1), foreign.torch.nn.Flatten())
    foreign.torch.jit.trace(made.train(), foreign.torch.rand(2, 1, 8, 8)).save(tmp_path / "m.pt")
    with pytest.raises(ValueError, match="must say the same of an image at each call"):
        evaluator.load(tmp_path / "m.pt", Declared(image_shape=(8, 8, 1), num_classes=64, layout="nchw"))


def test_layers_of_a_traced_network_are_what_they_were_before_they_are_overwritten(tmp_path):
    made, model = saved_script(tmp_path, "Residual")
    x = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
    images = foreign.torch.from_numpy(x.transpose(0, 3, 1, 2))
    normed = made.bn(made.conv(images))
    expected = {"batch_norm": normed, "add": normed + images, "relu": (normed + images).relu()}
    for name, values in expected.items():
        rows = values.detach().permute(0, 2, 3, 1).flatten(1)
        np.testing.assert_allclose(model.features(x, name), rows, atol=1e-5, err_msg=name)


def test_a_strangers_file_with_some_of_our_keys_is_a_strangers(tmp_path):
    made, _ = unusual(tmp_path, "Steps", 1)
    foreign.torch.save({"format": "pt", "metadata": {"a": 1}, "state_dict": made.state_dict()}, tmp_path / "m.pt")
    declared = Declared(module=f"{tmp_path / 'unusual.py'}:Steps", image_shape=(8, 8, 1), num_classes=10)
    assert evaluator.metadata(tmp_path / "m.pt") == {} and evaluator.load(tmp_path / "m.pt", declared).layers


@pytest.mark.parametrize("kind", ["gate", "activation"])
def test_the_hard_sigmoid_of_keras_2_keeps_its_slope(kind, tmp_path):
    keras2 = foreign.keras2
    hard = {"gate": lambda: keras2.layers.LSTM(4, recurrent_activation="hard_sigmoid"),
            "activation": lambda: keras2.layers.Activation("hard_sigmoid")}[kind]()  # fmt: skip
    layers = [keras2.Input((8, 8, 1)), keras2.layers.Reshape((8, 8)), hard, keras2.layers.Flatten()]
    made = keras2.Sequential([*layers, keras2.layers.Dense(10)])
    made.save(tmp_path / "m.h5")
    x = 4 * np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
    model = evaluator.load(tmp_path / "m.h5", Declared(image_shape=(8, 8, 1), num_classes=10))
    np.testing.assert_allclose(model.logits(x), made(x).numpy(), atol=1e-5)


@pytest.mark.parametrize("function, given", [
    ("nn.softmax", {"axis": 1}), ("nn.gelu", {"approximate": True}), ("cast", {"dtype": "int32"}),
])  # fmt: skip
def test_a_function_with_other_arguments_than_the_stock_layers_is_not_taken_for_it(function, given):
    from keras_models.keras2 import same_as

    assert same_as(function, given) is None
    assert same_as(function, {"dtype": "float32"})[0] == "Activation"


@pytest.mark.parametrize("kind", ["uint8", "int32"])
def test_the_layout_of_a_network_of_whole_numbers_is_asked_for_too(kind, tmp_path):
    keras = foreign.keras
    layers = [keras.Input((192,), dtype=kind), keras.layers.Rescaling(1 / 255), keras.layers.Dense(10)]
    keras.Sequential(layers).save(tmp_path / "whole.keras")
    with pytest.raises(ValueError, match="layout must be named, as the network takes both"):
        evaluator.load(tmp_path / "whole.keras", Declared(image_shape=(8, 8, 3), num_classes=10))


def test_layers_of_rows_with_channels_first_are_read_as_they_are(tmp_path):
    keras = foreign.keras
    pool = keras.layers.GlobalMaxPooling1D(data_format="channels_first")
    made = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Reshape((8, 8)), pool, keras.layers.Dense(10)])
    x = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
    expected = keras.ops.convert_to_numpy(made(x))
    made.save(tmp_path / "rows.keras")
    model = evaluator.load(tmp_path / "rows.keras", Declared(image_shape=(8, 8, 1), num_classes=10))
    np.testing.assert_allclose(model.logits(x), expected, atol=1e-5)


def test_what_has_another_axis_in_front_is_no_layer_of_images(tmp_path, monkeypatch):
    _, model = unusual(tmp_path, "Steps", 3)
    assert "first" not in model.layers and "fc" in model.layers
    x = np.zeros((4, 8, 8, 3), np.float32)
    monkeypatch.setattr(model._reader, "outputs", lambda batch, layers: [np.zeros((3, 10), np.float32)])
    with pytest.raises(ValueError, match="a layer must have one row for each input. Received: 3 of fc for 4"):
        model.features(x, "fc")


def test_the_shape_of_images_must_be_known_where_a_network_does_not_say_it(tmp_path):
    written = foreign.CASES["PyTorch: state dict, .pt"](tmp_path)
    with pytest.raises(ValueError, match="the shape of images must be declared"):
        evaluator.load(written.path, replace(written.declared, num_classes=10))


def test_the_table_of_files_has_a_row_for_each_kind_with_what_became_of_it():
    lines = (Path(foreign.__file__).parents[1] / "docs" / "foreign_files.md").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines if line.startswith("| ")][1:]
    assert [row[0] for row in rows] == list(foreign.CASES)
    for kind, own, here, *_ in rows:
        assert here.startswith("refused: ") if kind in REASONS else here == own


def test_a_bare_pickle_of_any_protocol_is_refused_without_a_warning(tmp_path, recwarn):
    for protocol in (2, 4, 5):
        (tmp_path / "m.pt").write_bytes(pickle.dumps(Path("nothing"), protocol))
        with pytest.raises(ValueError, match="must be a file of PyTorch's, whole and free of code"):
            evaluator.load(tmp_path / "m.pt")
    assert not recwarn.list
