"""How complex is what a network has learned? Shares of examples with a decision boundary nearby, over training.

Claim:     Arpit et al. (2017), section 4, Figures 7 to 9: more held-out examples are critical, with another predicted
           class within 0.3 of 255 of every pixel, the more of the training set is noise; with random labels validation
           accuracy peaks before the noise is fitted, then falls while this ratio rises. Krueger et al. (2017): the
           largest eigenvalue of the Hessian grows with noise
Run:       python experiments/critical_sample_ratio.py [--preset small] [--models cnn2] [--seeds 0 1 2]
Expected:  these orders; no numbers are published
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    figures, table and verdicts under results/critical_sample_ratio/; critical_samples.jsonl and sharpness.jsonl
           beside each run
Time:      made for a GPU; --preset small takes half an hour a seed on two cores
Deviations: held-out examples are clean; the small preset searches 500 of each kind, in 20 steps in place of 100
"""

from dataclasses import asdict, dataclass

from common.analysis.perturbations import CRITICAL, SHARPNESS, critical_run, sharpness_run
from common.data.preprocessing import pixel_scale
from common.errors import check_choice
from common.papers.arpit.recipes import BASE, DATASETS, HELD_OUT, KEPT, fields
from common.report.arpit import by_fields
from common.report.critical import critical_findings, critical_table, extremes_of, families, noise_figure, splits_figure
from common.report.tables import claims_table
from common.runs.critical_points import Search
from common.study import Seeds, Study, with_progress

TITLE = "Critical sample ratio"
SEARCHES = {"paper": (Search(), None, 1000), "small": (Search(iterations=20), 500, 200)}
"""Search, most examples of a split, and examples that the sharpness is of."""


@dataclass(frozen=True)
class Noises(Seeds):
    """A run for each combination of these values, and one on real data."""

    models: tuple[str, ...] = ("mlp2", "cnn2")
    """Architectures, mlp2 on MNIST and cnn2 on CIFAR-10."""
    noises: tuple[str, ...] = ("gaussian", "uniform")
    """Kinds of noise, as corruption rules."""
    fractions: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 1.0)
    """Shares of noise."""

    def rows(self, preset):
        for model in self.models:
            check_choice("model", model, DATASETS)
            yield fields(model, DATASETS[model], preset)
            for noise in self.noises:
                yield from (fields(model, DATASETS[model], preset, noise, fraction) for fraction in self.fractions)


def read(configs, call):
    """The ratio on held-out and on training examples at every epoch that is kept, and the sharpness at the end."""
    options = call.options
    for config in with_progress(configs):
        search, size, sharp_size = searches(config.validation_size)
        critical_run(config, options, search, KEPT, ("validation", "train"), size, force=call.force)
        sharpness_run(config, options, size=sharp_size, force=call.force)


def searches(validation_size):
    """What is measured of a run, by the examples that its preset holds out."""
    return SEARCHES["paper" if validation_size >= HELD_OUT["validation_size"] else "small"]


def kept_lines(record, store):
    """Lines of a run's critical samples and of its sharpness, those of other settings left out."""
    search, size, sharp_size = searches(record["config"]["validation_size"])
    wanted = asdict(search) | {"size": size}
    lines, sharp = (store.lines(record["run_id"], file) for file in (CRITICAL, SHARPNESS))
    return [line for line in lines if wanted.items() <= line.items()], [s for s in sharp if s["size"] == sharp_size]


def report(runs, call):
    """Figure 9 for each network, Figures 7 and 8 for each kind of noise, the numbers and the verdicts."""
    records, store = [run.record for run in runs], call.store
    histories, kept = store.histories(records), {record["run_id"]: kept_lines(record, store) for record in records}
    lines, sharp = ({name: both[place] for name, both in kept.items()} for place in (0, 1))
    records = [record for record in records if lines[record["run_id"]]]
    figures = {}
    for (model, _), runs in by_fields(records, "model", "width").items():
        figures[f"splits_{model}"] = splits_figure(extremes_of(runs), lines, f"{TITLE}, {model}")
    for name, shares in families(records).items():
        figures[name.replace(",", "").replace(" ", "_")] = noise_figure(name, shares, lines, histories)
    return {
        **figures,
        "ratios": critical_table(records, lines, sharp, histories, TITLE),
        "claims": claims_table(critical_findings(records, lines, sharp, histories), TITLE),
    }


def check(config):
    """Gradients of inputs are PyTorch's, and a radius in pixels needs a scale that images share."""
    pixel_scale(config.preprocessing, ([0.0], [1.0]))
    check_choice("framework", config.framework, ("torch",))


STUDY = Study("critical_sample_ratio", Noises(), BASE, report, KEPT, read, check)

if __name__ == "__main__":
    STUDY.main(__doc__)
