"""The digits that the demo shows: a saved network is wrong and its layer right, or wrong labels learned by heart."""

import dataclasses

import numpy as np
import pytest

import demo
from common.analysis.readout import decode_run
from common.data.datasets import load
from common.report.runs import Runs
from common.runs.config import Options, run_id
from common.runs.store import Store
from common.runs.training import train

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_digits_are_those_that_the_saved_network_and_its_layer_tell_apart(tmp_path, framework):
    config = dataclasses.replace(demo.CONFIG, framework=framework, corruption="uniform", corruption_fraction=0.6)
    config, options = dataclasses.replace(config, epochs=4), Options(output_dir=tmp_path, threads=1)
    store = Store.of(options)
    record = train(config, options)
    layer = {line["layer"] for line in decode_run(config, options)} & {"fc1", "fc2", "fc3"}
    (run,) = Runs.of([record], store)
    better, by_heart = demo.digits_of(run, options)
    assert len(better) == len(by_heart) == demo.PICTURES
    data, arrays = load("digits"), store.arrays(run_id(config))
    test, train_ = (
        {name: arrays[f"{split}_{name}"] for name in ("indices", "labels", "true_labels", "predictions")}
        for split in ("test", "train")
    )
    wrong = np.flatnonzero(test["predictions"] != test["true_labels"])
    shown = {image.tobytes(): text for image, text in better}
    of_wrong = {data.x_test[test["indices"][place]].tobytes(): place for place in wrong}
    for image, text in shown.items():
        said = dict(line.split(": ") for line in text.split("\n"))
        (read,) = said.keys() - {"digit", "network"}
        place = of_wrong[image]
        assert read.removeprefix("layer ") in layer and said[read] == said["digit"] != said["network"]
        assert [int(said["digit"]), int(said["network"])] == [test["true_labels"][place], test["predictions"][place]]
    learned = (train_["labels"] != train_["true_labels"]) & (train_["predictions"] == train_["labels"])
    for place, (image, text) in zip(np.flatnonzero(learned)[: demo.PICTURES], by_heart, strict=True):
        assert (image == data.x_train[train_["indices"][place]]).all()
        true, label = train_["true_labels"][place], train_["labels"][place]
        assert text == f"digit: {true}\nlabel: {label}\nnetwork: {label}"
