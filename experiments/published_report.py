"""Tables, figures and page of the published runs, made from their records alone; trains nothing.

Run:       python experiments/published_report.py
Result:    results/published/tables/, figures/, index.html and runs.csv, and the table in the README
Time:      a minute
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, product
from typing import TYPE_CHECKING, Any

import benchmark_probes
import benchmark_stacked
import benchmark_training
from common.analysis.examples import well_known
from common.cli import PRESETS, one_line_errors, parse
from common.files import write
from common.papers import arpit, decoding, zhang
from common.papers.arpit.targets import TARGETS as ARPIT
from common.papers.zhang.recipes import WIDE_RESNET
from common.papers.zhang.targets import NUMBERS
from common.report import benchmarks, figures
from common.report.claims import NOT_MEASURED
from common.report.comparison import comparison_table
from common.report.examples import agreement_table, joined, trained_on
from common.report.numbers import Number, cell
from common.report.page import Picture, Section, page
from common.report.published import published_table
from common.report.runs import FRAMEWORKS, Run, Runs, group_names, setting_text
from common.report.tables import Table, claims_table
from common.runs.config import CHOICES, Actions, Options, run_id
from common.runs.store import PUBLISHED, ROOT, Store
from common.study import Call, Seeds, Study, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Item = Any  # Table | Figure | str
Items = Mapping[str, Item]
MARKS = "<!-- made by experiments/published_report.py -->\n", "<!-- end -->"
LEAD = (
    "Every number here is computed from a committed record: results/published/runs/<run id>/run.json names its "
    "config, versions, hardware, commit and the checksum of its data; runs.csv has a row for each."
)
WINGS = {zhang: tuple(CHOICES["framework"]), decoding: tuple(CHOICES["framework"]), arpit: ("torch",)}
"""Frameworks in which the studies of each paper can be trained."""
BENCHMARKS = {
    "What an epoch costs": benchmark_training,
    "What many networks as one program cost": benchmark_stacked,
    "What subspaces cost": benchmark_probes,
}
MOST_SEEDS = range(10)


def report() -> None:
    """Make everything anew from the records under results/published."""
    runs = Runs.under(Store(PUBLISHED))
    items = sections(runs)
    remove_others(set(chain(*items.values())))
    shown = [Section(heading, [block(name, item) for name, item in part.items()]) for heading, part in items.items()]
    write(PUBLISHED / "index.html", page("Published results", LEAD, shown))
    write(PUBLISHED / "runs.csv", runs.csv())
    readme = ROOT / "README.md"
    write(readme, fill(readme.read_text(), readme_table(runs).markdown()))
    print(PUBLISHED / "index.html")


def remove_others(names: set[str]) -> None:
    """Tables and figures of runs or studies that are no more."""
    for path in (*PUBLISHED.glob("tables/*"), *PUBLISHED.glob("figures/*")):
        if path.stem not in names:
            path.unlink()


def block(name: str, item: Item) -> str | Table | Picture:
    """What stands in the page for a table, a figure, which it only links, or text; tables and figures are saved."""
    if isinstance(item, str):
        return item
    save(item, PUBLISHED / ("tables" if isinstance(item, Table) else "figures") / name)
    return item if isinstance(item, Table) else Picture(f"figures/{name}.png", name.replace("_", " "))


def sections(runs: Runs) -> dict[str, Items]:
    """{heading: {file name: table, figure or text}}."""
    claims = claims_table(zhang.statements(runs), "Zhang et al. (2017), CIFAR-10: statements")
    shown = dict(studies(runs))
    return {
        "Claims": {"zhang_claims": claims, "arpit_claims": arpit_statements(shown)},
        "Tables 1 and 4 of Zhang et al. (2017), and their first author's Wide ResNet": {
            "zhang_tables_1_and_4": published_table(NUMBERS, runs)
        },
        **shown,
        "Real MNIST digits over all runs": digits(trained_on(runs, "mnist")),
        "Learning curves of full-size runs": dict(curves(runs)),
        "Keras and PyTorch": {"frameworks": comparison_table(runs)},
        "float32 and bfloat16": {"precisions": comparison_table(runs, "precision")},
        **{heading: benchmark_tables(script, Store(PUBLISHED)) for heading, script in BENCHMARKS.items()},
    }


def benchmark_tables(script: Any, store: Store) -> Items:
    """The tables of a benchmark's records."""
    name = script.Benchmark.slug
    return {f"{name}_{key}": script.table(record) for key, record in benchmarks.records(store, name).items()}


def arpit_statements(shown: Mapping[str, Items]) -> Table:
    """Every statement of Arpit et al. and how often it has each verdict in the studies that are shown."""
    tables = [item for items in shown.values() for name, item in items.items() if "_claims" in name]
    tested = [dict(zip(table.columns, row, strict=True)) for table in tables for row in table.rows]
    rows = []
    for target in ARPIT.of("statements"):
        cited = target["source"], target["statement"]
        verdicts = Counter(row["verdict"] for row in tested if (row["source"], row["statement"]) == cited)
        rows.append([*cited, target["band_source"], ", ".join(counted(verdicts)) or NOT_MEASURED])
    note = (
        "Times are networks, kinds of noise, norms or thresholds: each has its row, with n, in the study's own section"
    )
    columns = ["source", "statement", "counts as confirmed", "verdict"]
    return Table("Arpit et al. (2017): all statements", columns, rows, note)


def counted(verdicts: Counter[str]) -> list[str]:
    """A verdict alone as it is, several with how often each."""
    if len(verdicts) == 1:
        return list(verdicts)
    return [f"{verdict} {'once' if count == 1 else f'{count} times'}" for verdict, count in verdicts.items()]


def studies(runs: Runs) -> Iterator[tuple[str, Items]]:
    """Each study at each size, in each framework and precision, where half of its runs of some seed are there."""
    known = {run.id: run for run in runs}
    for wing, frameworks in WINGS.items():
        for study, preset, framework, precision in product(wing.STUDIES, PRESETS, frameworks, CHOICES["precision"]):
            there, wanted = of_study(study, preset, {"framework": framework, "precision": precision}, known)
            if there:
                title = f"{study.name}_{preset}_{framework}_{precision}"
                shown = reported(study, preset, there)
                items = {f"{title}_{name}": item for name, item in shown.items() if shows(item)}
                if items:
                    note = f"{len(there)} of {wanted} runs: {there.run_on()}."
                    yield heading_of(study, preset, there), {"note": note, **items}


def of_study(study: Study, preset: str, fields: Mapping[str, str], known: Mapping[str, Run]) -> tuple[Runs, int]:
    """A study's runs that are there, and of how many; none where no seed has half of them."""
    base, seeds = replace(study.default, **fields), sorted({*MOST_SEEDS, *study.grid.seeds})  # type: ignore[arg-type]
    names = [[run_id(c) for c in study.configs(base, of_seeds(study.grid, [seed]), preset)] for seed in seeds]
    there = [Runs(known[name] for name in seed if name in known) for seed in names]
    size = len(set(names[0]))
    if not any(2 * len(seed) >= size for seed in there):
        return Runs(), 0
    return Runs(chain(*there)), size * sum(bool(seed) for seed in there)


def of_seeds(grid: Seeds, seeds: Sequence[int]) -> Seeds:
    """The grid with these seeds in place of its own."""
    return replace(grid, seeds=tuple(seeds))


def reported(study: Study, preset: str, runs: Runs) -> Items:
    """What a study shows of published runs."""
    seeds = sorted({*MOST_SEEDS, *study.grid.seeds})
    return study.report(runs, Call(preset, of_seeds(study.grid, seeds), Options(output_dir=PUBLISHED)))


def heading_of(study: Study, preset: str, runs: Runs) -> str:
    """Name of the study, and the size, framework and precision of its runs."""
    config = runs[0].config
    size = f"{runs[0].train_n} training examples, {FRAMEWORKS[config.framework]}, {config.precision}"
    size += f", images {config.downscale} times smaller" if config.downscale > 1 else ""
    return f"{study.name.replace('_', ' ').capitalize()}, preset {preset}: {size}"


def shows(item: Item) -> bool:
    """Whether there is anything in it: a figure, or a table with rows."""
    return not isinstance(item, Table) or bool(item.rows)


def digits(runs: Runs) -> Items:
    """How what these runs say of each example agrees."""
    table = well_known(joined(runs))
    note = f"{len(runs)} runs, {len(table['index'])} training examples: {runs.run_on()}."
    return {"note": note, "examples_mnist_agreement": agreement_table(table, f"Examples of mnist, {len(runs)} runs")}


def curves(runs: Runs) -> Iterator[tuple[str, Figure]]:
    """Learning curves of each model: one run for each setting and recipe, seed 0."""
    for model, first in runs.where(lambda run: run.full_size, seed=0, dataset="cifar10").by("model").items():
        labelled = {}
        for setting, group in first.grouped(lambda run: run.setting).items():
            recipes = group.recipes()
            for name, (run, *_) in zip(group_names(recipes), recipes, strict=True):
                labelled[f"{setting_text(setting)}, {name}"] = run.history
        yield f"{model}_learning_curves", figures.learning_curves(labelled, f"{model} on CIFAR-10, seed 0")


def command(model: str, setting: str) -> str:
    """The script behind a row."""
    if model == WIDE_RESNET.model:
        return "`wide_resnet_random_labels.py`"
    if setting.startswith("random_labels_"):
        return "`regularized_random_labels.py`"
    return f"`{model}_{setting}.py`"


def readme_table(runs: Runs) -> Table:
    """The measured ones of the published numbers: source, command, published, measured in each framework."""
    rows, machines, whole = [], set(), runs.where(lambda run: run.full_size)
    for target in NUMBERS:
        table = published_table([target], whole)
        measured = [dict(zip(table.columns, row, strict=True)) for row in table.rows if row[5]]
        if measured:
            machines |= {str(row["run on"]).split("; ")[0] for row in measured}
            published = target.get("statement") or target["value"]
            script, quantity = command(target["model"], target["setting"]), target["quantity"].replace("_", " ")
            cells = [measured_in(name, measured, target["unit"]) for name in FRAMEWORKS.values()]
            rows.append([f"Z {target['source']}", script, quantity, published, *cells])
    columns = ["paper", "command", "quantity, %", "published", *FRAMEWORKS.values()]
    total = len(NUMBERS)
    left = f"{total - len(rows)} of the {total} published numbers are not measured at full size yet"
    where = f"; the others were measured on {' and '.join(sorted(machines))}" if machines else ""
    return Table("Z: Zhang et al. (2017), CIFAR-10", columns, rows, f"{table.note} {left}{where}.")


def measured_in(framework: str, rows: Sequence[Mapping[str, Any]], unit: str) -> str:
    """What the rows of a published table give in a framework, with their recipes where there are several."""
    texts = []
    for row in rows:
        if row["framework"].startswith(framework):
            mean = Number(row["measured"].value, unit, row["95 % interval"].low, row["95 % interval"].high)
            texts.append(f"{cell(mean)} ({row['n']}): {row['verdict']}{row['framework'].removeprefix(framework)}")
    return "; ".join(texts) or "not measured"


def fill(text: str, table: str) -> str:
    """The README with the table between its marks."""
    before, rest = text.split(MARKS[0])
    return before + MARKS[0] + table + MARKS[1] + rest.split(MARKS[1], 1)[1]


def main() -> None:
    """Say how many records there are, or publish them."""
    if parse(__doc__, options=Options(), actions=Actions()).actions.list:
        print(f"no runs of its own; {len(Runs.under(Store(PUBLISHED)))} published records")
    else:
        report()


if __name__ == "__main__":
    with one_line_errors():
        main()
