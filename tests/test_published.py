"""What is published comes from committed records, and is what those records say today."""

import csv
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from browser import DESK, PHONE, chromium, dead_links, inside, opened, widths
from made_up import a_run

import decode_layers
import published_report as report
from common import publishing
from common.report import figures
from common.report.claims import Finding, Statement
from common.report.page import ASSETS, INDEX, SHARED
from common.report.runs import Run, Runs
from common.report.tables import Table
from common.runs import store
from common.runs.archive import files_of, pack
from common.runs.computation import Computation, Result, carry_out
from common.runs.config import Config, Options, as_dict, run_id
from common.runs.store import PUBLISHED, Store
from common.study import Call, ComputedStudy, Seeds, Study

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
ZHANG = next(iter(publishing.WINGS))
ARCHIVED = "7c06e15e622aad36ea1ad5598e153d96e9cb214a"  # ran from an archive, unpacked and not touched
of_the_page = pytest.mark.xdist_group("page")  # which is made once


@pytest.fixture(scope="module")
def runs():
    return Runs.under(Store(PUBLISHED))


def test_every_record_is_of_clean_code_and_under_its_own_id(runs):
    for run in runs:
        assert as_dict(run.config) == run.fields and run_id(run.config) == run.id
        code = run.record["code"]
        assert code["commit"] and (code["dirty"] is False or code == {"commit": ARCHIVED, "dirty": None})
        assert run.history[-1]["epoch"] == run.outcome["epochs"]


def test_beside_every_number_outside_its_band_stands_its_cause_as_far_as_it_was_found():
    with (PUBLISHED / "tables" / "findings.csv").open() as file:
        missed = [row for row in csv.DictReader(file) if row["verdict"] == "outside band"]
    assert missed and all("Cause: " in row["from"] for row in missed)


def test_everything_is_what_the_records_say(runs):
    texts, drawn = publishing.made_of(runs, report.benchmark_tables(Store(PUBLISHED)))
    different = [str(path) for path, text in texts.items() if not path.exists() or path.read_text() != text]
    assert different == []
    assert {path for path in texts if path.parent.name == "tables"} == set((PUBLISHED / "tables").iterdir())
    assert set(drawn) == set((PUBLISHED / "figures").iterdir())
    assert all((PUBLISHED / "assets" / name).read_bytes() == (ASSETS / name).read_bytes() for name in SHARED)
    assert texts[PUBLISHED / "runs.csv"].count("\n") == len(runs) + 1


def test_an_archive_is_taken_in_before_the_report_is_made(runs, monkeypatch, tmp_path, capsys):
    path, made = tmp_path / "runs.tar", []
    computation = next(PUBLISHED.glob("computations/raw_input_subspaces-*")).name
    pack(path, files_of(Store(PUBLISHED), [runs[0].config], [computation]))
    monkeypatch.setattr(
        sys, "argv", ["published_report.py", "--import", str(path), "--output-dir", str(tmp_path / "own")]
    )
    monkeypatch.setattr(report, "PUBLISHED", tmp_path / "published")
    monkeypatch.setattr(report, "report", lambda: made.append(Store(report.PUBLISHED).record(runs[0].id)))
    report.main()
    assert capsys.readouterr().out == f"1 runs, 0 begun runs, 1 computations of {path}\n" and made == [runs[0].record]
    record = json.dumps({**runs[0].record, "model": {**runs[0].record["model"], "sha256": "0"}})
    (tmp_path / "published" / "runs" / runs[0].id / "run.json").write_text(record)
    report.main()
    told = capsys.readouterr().out.splitlines()[1:]
    assert told == [f"stays as it is: {runs[0].id} in {tmp_path / 'published'}, of another network"]
    monkeypatch.setattr(store, "PUBLISHED", tmp_path / "published")
    report.publish_runs(Store(PUBLISHED), [runs[0].record])
    assert capsys.readouterr().out.splitlines() == told and made[-1] == json.loads(record)


@pytest.mark.parametrize("script, words", [(report, ()), (decode_layers, ("a.pt",))])
def test_what_cannot_be_cut_has_no_time_limit(monkeypatch, script, words):
    monkeypatch.setattr(sys, "argv", ["script.py", *words, "--time-limit", "1m"])
    with pytest.raises(ValueError, match="time-limit"):
        script.main()


@pytest.mark.parametrize("flag", ["smoke", "force", "decode"])
def test_flags_of_what_trains_are_refused(monkeypatch, flag):
    monkeypatch.setattr(report, "report", lambda: pytest.fail("made"))
    monkeypatch.setattr(sys, "argv", ["published_report.py", f"--{flag}"])
    with pytest.raises(ValueError, match=f"^{flag} must be off where nothing is trained. Received: {flag}=True$"):
        report.main()


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*.html")), ids=lambda path: path.stem)
def test_a_page_is_light_and_as_a_reader_needs_it(path):
    assert "base64" not in path.read_text() and path.stat().st_size < 1.5e6
    with chromium() as browser:
        for width in (DESK, PHONE):
            with opened(browser, path, width) as shown:
                seen, window = widths(shown)
                assert seen <= window == width
                if path.name == INDEX:
                    assert inside(shown, ".matrix tr:nth-child(1) td:nth-child(3)")
                    assert all(inside(shown, f".findings tbody td:nth-child({place})") for place in (2, 9, 10))
                assert dead_links(shown, PUBLISHED) == []
                for chart in shown.locator("figure.chart").all():
                    chart.scroll_into_view_if_needed()
                    chart.locator("canvas").wait_for()
                assert shown.evaluate("document.documentElement.scrollHeight") < 75_000


class Grid(Seeds):
    def rows(self, preset):
        return [{"corruption": "none"}, {"corruption": "uniform", "corruption_fraction": 1.0}]


def judge(runs, call):
    said = Statement("arpit-gini", "A paper", "Figure 1", "it grows")
    return [Finding(said, f"{len(runs)} at {call.preset}", runs, verdict="indicated"), Finding(said, "none")]


STUDY = Study(
    "demo",
    Grid(),
    Config(epochs=3),
    lambda runs, call: {
        "table": Table("Title", ["seed"], [[run.config.seed] for run in runs], "A note."),
        "empty": Table("Empty", ["seed"], []),
        "curves": figures.new_figure("Title", (4, 4))[0],
    },
    findings=judge,
)


def known(*seeds, fractions=(0.0, 1.0), **fields):
    """Published runs of the study, by id."""
    rules = [{"corruption_fraction": share, "corruption": "uniform" if share else "none"} for share in fractions]
    made = [a_run([], epochs=3, seed=seed, **rule, **fields) for seed in seeds for rule in rules]
    named = [Run({**run.record, "run_id": run_id(run.config)}, run.source) for run in made]
    return {run.id: run for run in named}


def of_study(there, framework="torch", precision="float32"):
    return publishing.of_study(STUDY, "paper", framework, precision, there)


def test_a_study_is_shown_with_all_seeds_where_one_has_half_of_its_runs():
    group = of_study({**known(0), **known(7, fractions=[0.0])})
    assert (len(group.runs), group.wanted, group.kind, group.label) == (3, 4, ("torch", "float32"), "PyTorch, float32")
    assert group.call.preset == "paper" and group.call.grid.seeds == tuple(range(10))
    assert (list(group.tables), list(group.figures)) == (["table"], ["curves"])
    for other in (of_study(known(0), "keras"), of_study(known(0), precision="bfloat16"), of_study({})):
        assert (len(other.runs), other.wanted) == (0, 0)


def test_runs_differ_from_a_study_in_its_free_fields_alone():
    there, free = known(0, train_evaluation_every=2), replace(STUDY, free=("train_evaluation_every",))

    def found(study, there):
        return [run.id for run in publishing.of_study(study, "paper", "torch", "float32", there).runs]

    assert found(STUDY, there) == [] and found(free, known(0, batch_size=7)) == []
    assert found(free, there) == [*there] and found(free, {**there, **known(0)}) == [*known(0)]
    draw = known(0, data_seed=1, train_evaluation_every=2)  # another draw of the labels
    assert found(free, {**known(0), **draw}) == [*known(0), *draw] and found(STUDY, {**known(0), **draw}) == [*known(0)]


@pytest.mark.parametrize(
    ("there", "expected"),
    [({}, False), ({"mlp1": 2}, True), ({"mlp1": 1}, False), ({"mlp1": 1, "mlp2": 2}, False), ({"mlp2": 4}, True)],
)
def test_a_seed_is_enough_that_has_half_of_its_runs_or_all_of_one_models(there, expected):
    def runs(numbers):
        return [a_run([], model=model, seed=place) for model, number in numbers.items() for place in range(number)]

    wanted = [run.config for run in runs({"mlp1": 2, "mlp2": 5})]
    assert publishing.enough(Runs(runs(there)), wanted) is expected


def test_frameworks_of_a_study_stand_side_by_side_in_one_section():
    both = {**known(0), **known(0, 1, framework="keras")}
    groups = [of_study(both), of_study(both, "keras")]
    made = publishing.Page(Runs(both.values()))
    findings = [found for group in groups for found in STUDY.judged(group.runs, group.call)]
    section = made.study(groups, findings, ZHANG)
    assert (section.heading, section.group) == ("Demo", ZHANG)
    assert list(made.figures) == ["demo_paper_torch_float32_curves", "demo_paper_keras_float32_curves"]
    assert made.tables["demo_paper_table"] == Table(
        "Title", ["in", "seed"],
        [*[["PyTorch, float32", 0]] * 2, *[["Keras, float32", seed] for seed in (0, 0, 1, 1)]], "A note.",
    )  # fmt: skip
    text = section.html()
    assert text.count("<h3>Preset paper: 50,000 training examples</h3>") == 1
    assert "The phenomenon in minutes" in text and "Zhang et al. (2017), Figure 1: an MLP fits" in text
    assert text.count('<div class="row">') == 2 and "Verdicts: 2 indicated" in text and 'class="chart"' in text
    assert "python experiments/demo.py --framework torch\npython experiments/demo.py --framework keras" in text
    assert "Keras, float32: 4 of 4 runs; Processor; 012345678." in text
    assert "Title (6 rows)" in text and publishing.together({"one": made.tables["demo_paper_table"]}).columns[0] == "in"


@dataclass(frozen=True)
class Sum(Computation):
    slug = "gradient_descent_minimum_norm"
    n: int = 3


def test_a_study_of_computations_has_a_section_where_there_are_any(tmp_path, monkeypatch):
    def findings(computed):
        return judge(Runs(), Call("paper", None, Options()))

    def report(computed):
        sums = Table("Sums", ["sum"], [[one.outcome["sum"]] for one in computed])
        return {"sums": sums, "curve": figures.new_figure("Title", (4, 4))[0]}

    study = ComputedStudy(Sum.slug, Sum(), lambda preset: [{}], {}, None, report, findings=findings)
    monkeypatch.setattr(publishing, "COMPUTED", {ZHANG: (study,)})
    assert publishing.computations_of(Store(tmp_path)) == {ZHANG: [(study, [])]}
    carry_out(Sum(), lambda: Result({"sum": 6}), Options(output_dir=tmp_path))
    ((of_study, computed),) = publishing.computations_of(Store(tmp_path))[ZHANG]
    made = publishing.Page(Runs())
    section = made.computations(of_study, computed, study.judged(computed), ZHANG)
    assert (section.heading, section.group, section.address) == ("Gradient descent minimum norm", ZHANG, "zhang.html")
    assert list(made.tables) == [f"{Sum.slug}_sums"] and list(made.figures) == [f"{Sum.slug}_curve"]
    text = section.html()
    assert "python experiments/gradient_descent_minimum_norm.py" in text
    assert '"index.html?study=gradient+descent+minimum+norm#findings">Verdicts: 1 indicated' in text
    assert study.judged([]) == [] and study.judged(computed)[0].study == Sum.slug


def test_accuracy_by_class_is_of_true_labels():
    runs = Runs([a_run(), a_run(corruption="uniform", corruption_fraction=1.0), a_run(dataset="mnist")])
    assert list(publishing.true_labels(runs)) == [runs[0]]


def test_sizes_are_said():
    small = Runs([a_run(train_n=100, downscale=2)])
    assert publishing.size_text([publishing.Group(STUDY, "small", small, 1)]) == (
        "Preset small: 100 training examples, images 2 times smaller"
    )


def test_statements_that_no_study_measured_are_there_once(monkeypatch):
    wing = publishing.arpit
    monkeypatch.setattr(publishing, "WINGS", {"Arpit": (wing, ("torch",))})
    monkeypatch.setattr(wing, "numbers", lambda runs: [f"numbers of {len(runs)}"])
    said = {target["id"] for target in wing.TARGETS.of("statements")}
    there = known(0)
    measured, *missing, numbers = publishing.all_findings(Runs(there.values()), {"Arpit": [of_study(there)]}, {})
    assert (measured.subject, measured.study, measured.size) == ("2 at paper", "demo", "full size")
    assert {found.statement.id for found in missing} == said - {"arpit-gini"} and len(missing) == len(said) - 1
    assert {(found.verdict, found.size) for found in missing} == {("not measured", "full size")}
    assert numbers == "numbers of 2"
    monkeypatch.setattr(wing, "STUDIES", (STUDY,))
    assert [len(group.runs) for group in publishing.groups_of(Runs(there.values()))["Arpit"]] == [2, 2]  # either preset


def test_a_benchmarks_tables_are_made_from_its_records(tmp_path):
    record = {
        "benchmark": {"model": "alexnet", "repeats": 2},
        "examples": 256,
        "seconds": {
            "usual epoch workers 0": [3.0, 1.0],
            "usual epoch workers 2": [4.0, 2.0],
            "torch epoch": [1.0, 1.0],
            "torch epoch bfloat16": [2.0, 2.0],
        },
        "memory": {"torch": 1.5},
        "threads": 2,
        "waiting": "",
        "hardware": "a processor",
        "code": {"commit": "0123456789", "dirty": True},
    }
    (tmp_path / "benchmark_training").mkdir()
    (tmp_path / "benchmark_training" / "alexnet.json").write_text(json.dumps(record))
    outcome = {name: record[name] for name in ("examples", "seconds", "memory", "waiting")}
    settings = record["benchmark"] | {"hardware": "another processor", "threads": 4}
    computed = {"settings": settings, "outcome": outcome, "code": record["code"]}
    folder = tmp_path / "computations" / "benchmark_training-0123abcd"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps(computed))
    tables = report.benchmark_tables(Store(tmp_path))
    assert list(tables) == list(report.BENCHMARKS)
    found = tables["What an epoch costs"]
    assert list(found) == ["benchmark_training_alexnet", "benchmark_training_0123abcd"]
    text, newer = (table.markdown() for table in found.values())
    assert newer == text.replace("a processor", "another processor").replace("2 threads", "4 threads") != text
    assert (
        "| usual epoch workers 0 / torch epoch | 2.00 [1.00, 3.00] | 1.00 [1.00, 1.00] | 2.00 | at least 1 | yes |"
        in text
    )
    assert "a processor; 012345678+, 2 threads" in text
