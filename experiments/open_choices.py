"""Do the findings hang on what the paper leaves open? Critical samples and loss-sensitivity, measured in other ways.

Claim:     Arpit et al. (2017): other radii "did not change results qualitatively"; how long the search is, which loss
           is differentiated and whether an example counts where it stands in that loss itself they do not say
Run:       python experiments/open_choices.py [--preset small] [--radius 0.15 0.3 0.6] [--loss batch] [--seeds 0 1 2]
Expected:  more critical samples for random inputs and labels than for real data, and a higher Gini coefficient on real
           data than on random inputs, in every row
Result:    two tables under results/open_choices/; lines in critical_samples.jsonl and sensitivity_choices.jsonl beside
           the runs, which are those of critical_sample_ratio.py and loss_sensitivity.py: train these first, since here
           no network on the way is kept
Time:      --preset small takes about ten minutes a seed on two cores where the runs are there
Deviations: those of critical_sample_ratio.py and loss_sensitivity.py
"""

from dataclasses import asdict, dataclass
from functools import partial
from itertools import product

import critical_sample_ratio
import loss_sensitivity
from common.analysis.loss_sensitivity import LOSSES, NORMS, Sensitivity, unrolled_sensitivity
from common.analysis.perturbations import CRITICAL, critical_run
from common.analysis.readout import measured_run
from common.cli import Preset, one_line_errors, parse
from common.papers.arpit.recipes import BASE, DATASETS, fields
from common.report.choices import search_table, unrolled_table
from common.report.sensitivity import mean_gini
from common.runs.config import Actions, Options
from common.runs.critical_points import Search
from common.study import Seeds, Study, with_progress

TITLE = "Open choices"
UNROLLED = "sensitivity_choices.jsonl"


@dataclass(frozen=True)
class Choices(Seeds):
    """Runs on real data, random inputs and random labels, and the ways in which they are measured."""

    radius: tuple[float, ...] = tuple(factor * Search.radius for factor in (0.5, 1, 2))
    """Radii of the search, in pixel units of 0-255."""
    iterations: tuple[int, ...] = (10, 20, 100)
    """Steps of the search."""
    noise: tuple[float, ...] = (0.0, Search.noise)
    """Noise in its steps."""
    loss: tuple[str, ...] = LOSSES
    """Losses that are differentiated through the training: train, batch."""
    direct: tuple[bool, ...] = (False, True)
    """Whether the gradient with an example where it stands in the loss itself is added."""

    def __post_init__(self):
        self.searches(), self.sensitivities(1)  # which refuse wrong values

    def searches(self):
        """All combinations of radius, iterations and noise."""
        combinations = product(self.radius, self.iterations, self.noise)
        return [Search(radius=radius, iterations=count, noise=noise) for radius, count, noise in combinations]

    def sensitivities(self, every):
        """All combinations of loss and direct term, with a checkpoint every so many steps."""
        return [Sensitivity(every, loss, direct) for loss, direct in product(self.loss, self.direct)]

    def rows(self, preset):
        searched = [fields("mlp2", DATASETS["mlp2"], preset, noise) for noise in ("none", "gaussian", "uniform")]
        return [*searched, *loss_sensitivity.Sensitivities(unique=(False,)).rows(preset)]


def unrolled(config):
    """Whether a run is one of loss_sensitivity.py."""
    return config.downscale == loss_sensitivity.TINY["downscale"]


def unrolled_run(config, options, settings, force=False):
    """A line for each of the settings of a finished run's loss-sensitivity: Gini coefficient and mean of l1 norms."""

    def measure(model, _, chosen):
        settings = Sensitivity(**{name: chosen[name] for name in asdict(Sensitivity())})
        arrays = unrolled_sensitivity(config, options, model, chosen["epoch"], settings)
        values = arrays["sensitivity"][NORMS.index("l1")]
        yield {"n": len(values), "gini": mean_gini(arrays, "l1"), "mean": float(values.mean())}

    return measured_run(config, options, UNROLLED, (), [asdict(each) for each in settings], measure, force)


def read(choices, configs, call):
    """Every run in every way; only its own study's search says in a run's arrays which examples are critical."""
    options = call.options
    for config in with_progress(configs):
        if unrolled(config):
            unrolled_run(config, options, choices.sensitivities(loss_sensitivity.every(config)), call.force)
            continue
        usual, size, _ = critical_sample_ratio.searches(config.validation_size)
        for search in choices.searches():
            critical_run(config, options, search, size=size, flags=search == usual, force=call.force)


def last_lines(record, store):
    """Lines of the last network's held-out examples, as many as the run's own study searches."""
    _, size, _ = critical_sample_ratio.searches(record["config"]["validation_size"])
    wanted = {"epoch": record["outcome"]["epochs"], "split": "validation", "size": size, "step": Search.step}
    return [line for line in store.lines(record["run_id"], CRITICAL) if wanted.items() <= line.items()]


def report(runs, call):
    """The two tables, of all that was measured of these runs."""
    records, store = [run.record for run in runs], call.store
    searched = {record["run_id"]: last_lines(record, store) for record in records}
    differentiated = {record["run_id"]: store.lines(record["run_id"], UNROLLED) for record in records}
    tables = (search_table, searched, "critical_samples"), (unrolled_table, differentiated, "loss_sensitivity")
    return {
        name: table([record for record in records if lines[record["run_id"]]], lines, f"{TITLE}: {name}")
        for table, lines, name in tables
    }


def check(config):
    """What the two studies ask of their runs."""
    (loss_sensitivity if unrolled(config) else critical_sample_ratio).STUDY.check(config)


def study(choices):
    """The study that measures in these ways."""
    return Study("open_choices", choices, BASE, report, read=partial(read, choices), check=check, stack=False)


STUDY = study(Choices())

if __name__ == "__main__":
    with one_line_errors():
        defaults = {"preset": Preset(), "config": BASE, "options": Options(), "actions": Actions()}
        flags = parse(__doc__, grid=STUDY.grid, **defaults)
    study(flags.grid).main(__doc__)
