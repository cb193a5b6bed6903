"""Tables, figures and page of the published runs, made from their records alone; trains nothing.

Run:       python experiments/published_report.py
Result:    results/published/tables/, figures/ and index.html, and the table in the README
Time:      seconds
"""

from common.cli import one_line_errors, parse
from common.files import write
from common.report import figures, html
from common.report.claims import load_targets
from common.report.comparison import comparison_table
from common.report.tables import FRAMEWORKS, FULL_EPOCHS, Number, Table, cell, published_table, setting_of
from common.runs.config import Options
from common.runs.store import PUBLISHED, ROOT, Store, all_records

MARKS = "<!-- made by experiments/published_report.py -->\n", "<!-- end -->"
LEAD = (
    "Every number here is computed from a committed record: results/published/runs/<run id>/run.json names its "
    "config, versions, hardware, commit and the checksum of its data."
)


def table_targets():
    """Published numbers of the tables; those of figures belong to sweeps."""
    return [target for target in load_targets("zhang_mlp") if target["source"].startswith("Table")]


def tables(records, readouts):
    """Every table by its file name."""
    return {
        "zhang_table_1_mlps": published_table(table_targets(), records),
        "frameworks": comparison_table(records, readouts),
        "precisions": comparison_table(records, readouts, "precision"),
    }


def curves(records, store):
    """Learning curves of each model: one run for each setting and framework, seed 0."""
    first = [r for r in records if r["config"]["seed"] == 0 and r["config"]["epochs"] >= FULL_EPOCHS]
    for model in sorted({record["config"]["model"] for record in first}):
        runs = {
            f"{setting_of(r['config']).replace('_', ' ')}, {FRAMEWORKS[r['config']['framework']]}": r["run_id"]
            for r in first
            if r["config"]["model"] == model
        }
        histories = {label: store.history(name) for label, name in runs.items()}
        yield f"{model}_learning_curves", figures.learning_curves(histories, f"{model} on CIFAR-10, seed 0")


def command(model, setting):
    """The script behind a row."""
    if setting == "random_labels_weight_decay":
        return f"`{model}_random_labels.py --weight-decay 1e-4`"
    return f"`{model}_{setting}.py`"


def readme_table(targets, records):
    """The same comparison, a row for each published number: source, command, published, measured in each framework."""
    rows = []
    for target in targets:
        table = published_table([target], records)
        found = {row[5]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
        measured = []
        for name in FRAMEWORKS.values():
            row = found.get(name)
            mean = row and Number(
                row["measured"].value, target["unit"], row["95 % interval"].low, row["95 % interval"].high
            )
            measured.append(f"{cell(mean)} ({row['n']}): {row['verdict']}" if row else "not measured")
        script = command(target["model"], target["setting"])
        rows.append([f"Z {target['source']}", script, target["quantity"].replace("_", " "), target["value"], *measured])
    columns = ["paper", "command", "quantity, %", "published", *FRAMEWORKS.values()]
    return Table("Z: Zhang et al. (2017), CIFAR-10", columns, rows, table.note)


def fill_readme(text, table):
    """The README with the table between its marks."""
    before, rest = text.split(MARKS[0])
    return before + MARKS[0] + table + MARKS[1] + rest.split(MARKS[1], 1)[1]


def report():
    """Make everything anew from the records under results/published."""
    store = Store(PUBLISHED)
    records = all_records(store)
    readouts = {record["run_id"]: store.readout(record["run_id"]) for record in records}
    made, pictures = tables(records, readouts), []
    for name, table in made.items():
        table.save(PUBLISHED / "tables" / name)
    for name, figure in curves(records, store):
        figures.save(figure, PUBLISHED / "figures" / f"{name}.png")
        pictures.append(html.Picture(figures.png(figure), f"Learning curves: {name}"))
    sections = [html.Section("MLPs of Zhang et al. (2017)", [made["zhang_table_1_mlps"], *pictures])]
    sections.append(html.Section("Keras and PyTorch", [made["frameworks"], made["precisions"]]))
    html.write(PUBLISHED / "index.html", html.page("Published results", LEAD, sections))
    readme = ROOT / "README.md"
    write(readme, fill_readme(readme.read_text(), readme_table(table_targets(), records).markdown()))
    print(PUBLISHED / "index.html")


def main():
    if parse(__doc__, options=Options()).options.list:
        print(f"no runs of its own; {len(all_records(Store(PUBLISHED)))} published records")
    else:
        report()


if __name__ == "__main__":
    with one_line_errors():
        main()
