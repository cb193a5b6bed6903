"""Tables, figures and page of the published runs, made from their records alone; trains nothing.

Run:       python experiments/published_report.py
Result:    results/published/tables/, figures/ and index.html, and the table in the README
Time:      seconds
"""

from collections import Counter
from dataclasses import replace
from itertools import chain, product

import benchmark_probes
import benchmark_stacked
import benchmark_training
import latent_generalization_dynamics
import masc_decoding
import masc_relabel_retraining
import masc_variance_threshold
import probe_baselines
import representation_similarity
import representation_statistics
import velpic_weight_transfer
from common.analysis.examples import well_known
from common.cli import PRESETS, one_line_errors, parse
from common.files import write
from common.groups import grouped
from common.papers import arpit, zhang
from common.papers.arpit.targets import TARGETS as ARPIT_TARGETS
from common.papers.zhang.recipes import WIDE_RESNET
from common.papers.zhang.targets import NUMBERS as TARGETS
from common.report import benchmarks, figures, page
from common.report.claims import NOT_MEASURED
from common.report.comparison import comparison_table
from common.report.examples import agreement_table, joined, trained_on
from common.report.numbers import Number, cell
from common.report.published import published_table
from common.report.records import by_recipe, full_size, group_names, run_on, setting_of, setting_text
from common.report.runs import FRAMEWORKS, Runs
from common.report.tables import Table, claims_table
from common.runs.config import CHOICES, Actions, Options, run_id
from common.runs.store import PUBLISHED, ROOT, Store, all_records
from common.study import Call, save

MARKS = "<!-- made by experiments/published_report.py -->\n", "<!-- end -->"
LEAD = (
    "Every number here is computed from a committed record: results/published/runs/<run id>/run.json names its "
    "config, versions, hardware, commit and the checksum of its data."
)
DECODING = (
    masc_decoding.STUDY,
    masc_variance_threshold.STUDY,
    probe_baselines.STUDY,
    latent_generalization_dynamics.STUDY,
    velpic_weight_transfer.STUDY,
    masc_relabel_retraining.STUDY,
    representation_statistics.STUDY,
    representation_similarity.STUDY,
)
BENCHMARKS = {
    "What an epoch costs": benchmark_training,
    "What many networks as one program cost": benchmark_stacked,
    "What subspaces cost": benchmark_probes,
}
SEEDS = range(10)


def sections(records, store):
    """{heading: {file name: table, figure or text}}."""
    claims = claims_table(zhang.statements(Runs.of(records, store)), "Zhang et al. (2017), CIFAR-10: statements")
    shown = dict(studies(records, store))
    return {
        "Claims": {"zhang_claims": claims, "arpit_claims": arpit_statements(shown)},
        "Tables 1 and 4 of Zhang et al. (2017), and their first author's Wide ResNet": {
            "zhang_tables_1_and_4": published_table(TARGETS, Runs.of(records, store))
        },
        **shown,
        "Real MNIST digits over all runs": digits(trained_on(Runs.of(records, store), "mnist")),
        "Learning curves of full-size runs": dict(curves(records, store)),
        "Keras and PyTorch": {"frameworks": comparison_table(Runs.of(records, store))},
        "float32 and bfloat16": {"precisions": comparison_table(Runs.of(records, store), "precision")},
        **{heading: measured(script, store) for heading, script in BENCHMARKS.items()},
    }


def measured(benchmark, store):
    """The tables of a benchmark's records."""
    name = benchmark.Benchmark.slug
    return {f"{name}_{key}": benchmark.table(record) for key, record in benchmarks.records(store, name).items()}


def arpit_statements(shown):
    """Every statement of Arpit et al. and how often it has each verdict in the studies that are shown."""
    tables = [item for made in shown.values() for name, item in made.items() if "_claims" in name]
    tested = [dict(zip(table.columns, row, strict=True)) for table in tables for row in table.rows]
    rows = []
    for target in ARPIT_TARGETS.of("statements"):
        cited = target["source"], target["statement"]
        found = Counter(row["verdict"] for row in tested if (row["source"], row["statement"]) == cited)
        rows.append([*cited, target["band_source"], ", ".join(verdicts_of(found)) or NOT_MEASURED])
    note = (
        "Times are networks, kinds of noise, norms or thresholds: each has its row, with n, in the study's own section"
    )
    return Table(
        "Arpit et al. (2017): all statements", ["source", "statement", "counts as confirmed", "verdict"], rows, note
    )


def verdicts_of(found):
    """A verdict alone as it is, several with how often each."""
    if len(found) == 1:
        return list(found)
    return [f"{verdict} {'once' if count == 1 else f'{count} times'}" for verdict, count in found.items()]


def studies(records, store):
    """Each study at each size, in each framework and precision, where half of its runs of some seed are there."""
    known = {record["run_id"]: record for record in records}
    both = product((*zhang.STUDIES, *DECODING), PRESETS, CHOICES["framework"], CHOICES["precision"])
    torch = product(arpit.STUDIES, PRESETS, ["torch"], CHOICES["precision"])
    for study, preset, framework, precision in chain(both, torch):
        base, seeds = replace(study.default, framework=framework, precision=precision), {*SEEDS, *study.grid.seeds}
        sets = [study.configs(base, replace(study.grid, seeds=(seed,)), preset) for seed in sorted(seeds)]
        names = [[run_id(config) for config in configs] for configs in sets]
        found = [[known[name] for name in dict.fromkeys(seed) if name in known] for seed in names]
        runs = [record for seed in found for record in seed]
        if any(2 * len(seed) >= len(set(names[0])) for seed in found):
            call = Call(preset, replace(study.grid, seeds=tuple(sorted(seeds))), Options(output_dir=PUBLISHED))
            title = f"{study.name}_{preset}_{framework}_{precision}"
            wanted = sum(len(set(names[0])) for seed in found if seed)
            size = f"{runs[0]['data']['train_n']} training examples, {FRAMEWORKS[framework]}, {precision}"
            smaller = runs[0]["config"]["downscale"]
            size += f", images {smaller} times smaller" if smaller > 1 else ""
            reported = study.report(Runs.of(runs, store), call).items()
            made = {f"{title}_{name}": item for name, item in reported if shows(item)}
            heading = f"{study.name.replace('_', ' ').capitalize()}, preset {preset}: {size}"
            if made:
                yield heading, {"note": f"{len(runs)} of {wanted} runs: {run_on(runs)}.", **made}


def shows(item):
    """Whether there is anything in it: a figure, or a table with rows."""
    return not isinstance(item, Table) or bool(item.rows)


def digits(runs):
    """How what these runs say of each example agrees."""
    table = well_known(joined(runs))
    title = f"Examples of mnist, {len(runs)} runs"
    note = f"{len(runs)} runs, {len(table['index'])} training examples: {runs.run_on()}."
    return {"note": note, "examples_mnist_agreement": agreement_table(table, title)}


def curves(records, store):
    """Learning curves of each model: one run for each setting and recipe, seed 0."""
    first = [r for r in records if (r["config"]["seed"], r["config"]["dataset"]) == (0, "cifar10") and full_size(r)]
    for model in sorted({record["config"]["model"] for record in first}):
        runs = {}
        here = [record for record in first if record["config"]["model"] == model]
        for setting, group in grouped(here, lambda record: setting_of(record["config"])).items():
            recipes = by_recipe(group)
            for name, (record, *_) in zip(group_names(recipes), recipes, strict=True):
                runs[f"{setting_text(setting)}, {name}"] = record["run_id"]
        histories = {label: store.history(name) for label, name in runs.items()}
        yield f"{model}_learning_curves", figures.learning_curves(histories, f"{model} on CIFAR-10, seed 0")


def command(model, setting):
    """The script behind a row."""
    if model == WIDE_RESNET.model:
        return "`wide_resnet_random_labels.py`"
    if setting.startswith("random_labels_"):
        return "`regularized_random_labels.py`"
    return f"`{model}_{setting}.py`"


def readme_table(targets, records):
    """The measured ones of the published numbers: source, command, published, measured in each framework."""
    rows, machines, whole = [], set(), [record for record in records if full_size(record)]
    for target in targets:
        table = published_table([target], Runs.of(whole, Store(PUBLISHED)))
        found = [dict(zip(table.columns, row, strict=True)) for row in table.rows if row[5]]
        if not found:
            continue
        machines |= {row["run on"].split("; ")[0] for row in found}
        measured = [measured_in(name, found, target["unit"]) for name in FRAMEWORKS.values()]
        published = target.get("statement") or target["value"]
        script = command(target["model"], target["setting"])
        rows.append([f"Z {target['source']}", script, target["quantity"].replace("_", " "), published, *measured])
    columns = ["paper", "command", "quantity, %", "published", *FRAMEWORKS.values()]
    left = f"{len(targets) - len(rows)} of the {len(targets)} published numbers are not measured at full size yet"
    where = f"; the others were measured on {' and '.join(sorted(machines))}" if machines else ""
    return Table("Z: Zhang et al. (2017), CIFAR-10", columns, rows, f"{table.note} {left}{where}.")


def measured_in(framework, rows, unit):
    """What the rows of a published table give in a framework, with their recipes where there are several."""
    found = []
    for row in rows:
        if row["framework"].startswith(framework):
            mean = Number(row["measured"].value, unit, row["95 % interval"].low, row["95 % interval"].high)
            of = row["framework"].removeprefix(framework)
            found.append(f"{cell(mean)} ({row['n']}): {row['verdict']}{of}")
    return "; ".join(found) or "not measured"


def fill_readme(text, table):
    """The README with the table between its marks."""
    before, rest = text.split(MARKS[0])
    return before + MARKS[0] + table + MARKS[1] + rest.split(MARKS[1], 1)[1]


def report():
    """Make everything anew from the records under results/published."""
    store = Store(PUBLISHED)
    records, shown = all_records(store), []
    made = sections(records, store)
    names = set(chain(*made.values()))
    for path in (*PUBLISHED.glob("tables/*"), *PUBLISHED.glob("figures/*")):
        if path.stem not in names:  # of runs or studies that are no more
            path.unlink()
    for heading, items in made.items():
        blocks = []
        for name, item in items.items():
            if isinstance(item, str):
                blocks.append(item)
                continue
            save(item, PUBLISHED / ("tables" if isinstance(item, Table) else "figures") / name)
            blocks.append(item if isinstance(item, Table) else page.Picture(figures.png(item), name.replace("_", " ")))
        shown.append(page.Section(heading, blocks))
    write(PUBLISHED / "index.html", page.page("Published results", LEAD, shown))
    readme = ROOT / "README.md"
    write(readme, fill_readme(readme.read_text(), readme_table(TARGETS, records).markdown()))
    print(PUBLISHED / "index.html")


def main():
    if parse(__doc__, options=Options(), actions=Actions()).actions.list:
        print(f"no runs of its own; {len(all_records(Store(PUBLISHED)))} published records")
    else:
        report()


if __name__ == "__main__":
    with one_line_errors():
        main()
