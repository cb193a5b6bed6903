import pytest
from made_up import mean_lines, seed_lines
from matplotlib.colors import to_hex

from common.papers.decoding.transfer import edited_training
from common.report.figures import BLACK, BLUE, GREY, ORANGE, SKY, png
from common.report.peaks import curves, layers_over_epochs
from common.report.profiles import OWN, PROFILES, layer_profiles, over_fractions
from common.report.readouts import in_chosen_layer, own
from common.report.runs import Runs


def shown(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


def points(axes, **look):
    """The points of the one line with this look that is not a seed's, rounded."""
    (line,) = [
        line
        for line in mean_lines(axes)
        if all(getattr(line, f"get_{name}")() == value for name, value in look.items())
    ]
    return [(float(x), round(float(y), 6)) for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def legend_colours(figure):
    return {line.get_label(): to_hex(line.get_color()) for line in figure.legends[0].get_lines()}


def test_layer_profiles_with_both_controls(decoding):
    lines = decoding.read_out({"fc1": (0.1, 0.4), "fc2": (0.1, 0.6)}) + decoding.read_out({"fc2": (0.1, 0.9)}, "qda")
    lines += decoding.read_out({"fc1": (0.1, 0.7), "fc2": (0.1, 0.8)}, fitted_on="true_labels")
    lines += decoding.read_out({"fc1": (0.1, 0.5), "fc2": (0.1, 0.3)}, epoch=0)
    other = {0.8: decoding.read_out({"fc1": (0.1, 0.95), "fc2": (0.1, 0.85)})}
    clean = decoding.run(lines, 0.97, other=other, corruption="none", corruption_fraction=0.0)
    second = decoding.read_out({"fc1": (0.1, 0.6), "fc2": (0.1, 0.6)})
    runs = [decoding.run(lines, 0.2), decoding.run(second, 0.4, seed=1), clean]
    figure = layer_profiles(Runs([*runs, decoding.run(lines, dataset="fashion_mnist")]), "Title")
    fashion, first, noisy = shown(figure)  # no clean network on the other data set: its panel is hidden
    assert [axes.get_title() for axes in (first, noisy, fashion)] == [
        "mnist, 0 %",
        "mnist, 80 %",
        "fashion mnist, 80 %",
    ]
    colours = {name: style["color"] for name, (_, style) in PROFILES.items()}
    assert points(noisy, color=colours["corrupted_labels"]) == [(0, 50), (1, 60)]
    seeds = [list(line.get_ydata()) for line in seed_lines(noisy) if line.get_color() == colours["corrupted_labels"]]
    assert seeds == [pytest.approx([40, 60]), pytest.approx([60, 60])]
    assert points(noisy, color=colours["true_labels"]) == [(0, 70), (1, 80)]
    assert points(noisy, color=colours["untrained"]) == [(0, 50), (1, 30)]
    assert points(noisy, color=colours["clean"]) == [(0, 95), (1, 85)]
    assert [y for _, y in points(noisy, **{name: OWN[name] for name in ("color", "linestyle")})] == [30, 30]
    assert points(first, color=BLACK)[0][1] == 97
    assert all(line.get_color() != colours["clean"] for axes in (first, fashion) for line in axes.lines)
    assert [text.get_text() for text in noisy.get_xticklabels()] == ["fc1", "fc2"]
    assert (first.get_ylabel(), noisy.get_ylabel()) == ("test accuracy (%)", "")
    assert legend(figure) == [
        "subspaces of corrupted labels", "subspaces of true labels", "untrained network, corrupted labels",
        "trained on true labels, corrupted subspaces", "the network's own output",
    ]  # fmt: skip
    assert png(figure).startswith(b"\x89PNG")


def test_measures_over_corruption(decoding):
    lines = decoding.read_out({"fc1": (0.1, 0.9), "fc2": (0.9, 0.7)})
    runs = [
        decoding.run(lines, test, corruption_fraction=p, seed=seed, **kind)
        for kind in ({}, {"model": "cnn"}, {"framework": "keras"}, {"dataset": "fashion_mnist"})
        for p, *tests in ((0.8, 0.3, 0.5), (0.0, 0.9, 0.9))
        for seed, test in enumerate(tests)
    ]  # fmt: skip
    figure = over_fractions({"network": own, "chosen layer": in_chosen_layer}, runs, "Title")
    assert [axes.get_title() for axes in shown(figure)] == [
        "cnn, mnist, PyTorch", "mlp4, fashion mnist, PyTorch", "mlp4, mnist, Keras", "mlp4, mnist, PyTorch"
    ]  # fmt: skip
    assert len(figure.axes) == 6
    for axes in shown(figure):
        assert points(axes, color=BLUE) == [(0, 90), (80, 40)]
        assert points(axes, color=ORANGE) == [(0, 70), (80, 70)]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("corrupted labels (%)", "test accuracy (%)")
    assert {label: colour.upper() for label, colour in legend_colours(figure).items()} == {
        "network": BLUE, "chosen layer": ORANGE
    }  # fmt: skip


def over_epochs(decoding, layers, epochs=(0, 1, 3), **changes):
    """A run whose layers know 60, 61 and 63 % and its network 10, 11, 12 and 13 %; its best epoch is 2."""
    lines = [x for e in epochs for x in decoding.read_out(dict.fromkeys(layers, (0.5, 0.6 + e / 100)), epoch=e)]
    history = decoding.history([0.1, 0.2, 0.4, 0.3], test=[0.1, 0.11, 0.12, 0.13])
    return decoding.run(lines, 0.13, history, epochs=3, **changes)


def test_network_and_layers_over_the_epochs_that_all_seeds_were_read_out_at(decoding):
    runs = [over_epochs(decoding, ["fc1", "fc2"]), over_epochs(decoding, ["fc1", "fc2"], (0, 2, 3), seed=1)]
    figure = curves([*runs, over_epochs(decoding, ["fc1"], dataset="fashion_mnist")], "Title")
    other, axes = shown(figure)
    colours = legend_colours(figure)
    assert points(axes, color=BLACK, linestyle="-") == [(0, 10), (3, 13)]
    assert points(other, color=BLACK, linestyle="-") == [(0, 10), (1, 11), (3, 13)]
    drawn = {to_hex(line.get_color()): line for line in axes.lines if line.get_marker() == "o"}
    assert list(drawn) == [colours["MASC, fc1"], colours["MASC, fc2"]]
    assert list(drawn[colours["MASC, fc2"]].get_ydata()) == pytest.approx([60, 63])
    assert [list(x.get_xdata()) for x in axes.lines if x.get_linestyle() == ":"] == [[2, 2]] * 2
    assert [x.get_title() for x in (other, axes)] == ["mlp4 fashion mnist 80 % PyTorch", "mlp4 mnist 80 % PyTorch"]
    assert legend(figure) == [
        "the network's own output", "MASC, fc1", "MASC, fc2", "best epoch on held-out examples"
    ]  # fmt: skip
    assert len(curves([*runs, *[over_epochs(decoding, ["fc1"], model=m) for m in ("cnn", "mlp3")]], "").axes) == 4


@pytest.mark.parametrize("count", [5, 10])
def test_a_layer_has_one_colour_in_every_panel_and_none_is_left_out(decoding, count):
    names = [f"fc{i}" for i in range(count)]
    figure = curves([over_epochs(decoding, names), over_epochs(decoding, ["flatten", *names[:3]], model="cnn")], "")
    colours = {label.removeprefix("MASC, "): colour for label, colour in legend_colours(figure).items()}
    assert len(set(colours.values()) - {BLACK}) == count + 1 == len(colours) - 2
    for axes, layers in zip(shown(figure), (["flatten", *names[:3]], names), strict=True):
        assert [to_hex(x.get_color()) for x in axes.lines if x.get_marker() == "o"] == [colours[x] for x in layers]


def test_heat_map_of_one_run(decoding):
    run = over_epochs(decoding, ["fc1", "fc2"])
    run.readout += decoding.read_out({"fc2": (0.1, 0.2)}, "velpic", epoch=1)
    figure = layers_over_epochs(run, "Title")
    axes, bar = figure.axes
    assert axes.images[0].get_array().tolist() == [pytest.approx([0.6, 0.61, 0.63])] * 2
    assert axes.images[0].get_clim() == (0, 1) and bar.get_ylabel() == "test accuracy (%)"
    assert [text.get_text() for text in bar.get_yticklabels()][-1] == "100"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "1", "3"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["fc1", "fc2"]
    values = layers_over_epochs(run, "Title", "velpic").axes[0].images[0].get_array()
    assert values.filled(-1).tolist() == [[-1, -1, -1], [-1, 0.2, -1]]  # not measured is blank


def test_training_of_edited_networks(decoding):
    def pair(after, redrawn=False, **changes):
        run = decoding.run(history=decoding.history([0] * 3, test=[0.1, 0.9, 0.5], train=[0.1, 0.3, 0.8]), **changes)
        history = decoding.history([0] * 2, test=[0.7, after], train=[0.2, 0.25])
        edits = {"velpic": [{**line, "epoch": line["epoch"] + 1} for line in history], "redrawn": []}
        return run, edits | ({"redrawn": decoding.history([0] * 2, test=[0.3, 0.4])} if redrawn else {})

    figure = edited_training(
        [pair(0.75), pair(0.1, seed=1), *[pair(0.6, model=m) for m in ("cnn", "mlp3", "mlp1")]], ""
    )
    assert [axes.get_title() for axes in shown(figure)] == [f"{m} mnist 80 %" for m in ("cnn", "mlp1", "mlp3", "mlp4")]
    axes = shown(figure)[-1]
    assert points(axes, color=BLACK, linestyle="-") == [(0, 10), (1, 90), (2, 50)]
    assert points(axes, color=BLACK, linestyle=":") == [(0, 10), (1, 30), (2, 80)]
    assert points(axes, color=ORANGE, linestyle="-") == [(1, 70), (2, 75)]  # of the first seed
    assert points(axes, color=ORANGE, linestyle=":") == [(1, 20), (2, 25)]
    assert legend(figure) == ["unedited", "edited, then trained on", "on test labels", "on training labels"]
    controlled = edited_training([pair(0.75), pair(0.75, True, model="cnn")], "")
    assert points(shown(controlled)[0], color=GREY, linestyle="-") == [(0, 30), (1, 40)]
    assert legend(controlled)[:3] == ["unedited", "edited, then trained on", "output layer drawn anew, then trained on"]
    run, edits = pair(0.75)
    started = edited_training([(run, edits | {"start": run.history[:2]})], "")
    assert points(shown(started)[0], color=SKY, linestyle="-") == [(0, 10), (1, 90)]
    assert legend(started)[:3] == ["unedited", "edited, then trained on", "edited untrained, then trained"]
    assert png(edited_training([], "Title")).startswith(b"\x89PNG")
