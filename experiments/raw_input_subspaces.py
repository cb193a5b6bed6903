"""What do class subspaces know where there is no network? Those of raw inputs, fitted on corrupted labels.

Claim:     Ketha & Ramaswamy (2025), arXiv 2501.14687, result files: 94 numbers that need no training, of subspaces of
           the raw images of MNIST, Fashion-MNIST and CIFAR-10 at all degrees of corruption and thresholds of variance,
           of their components, and of the share of labels that corruption leaves as they were
Run:       python experiments/raw_input_subspaces.py
Expected:  the published values: nothing is drawn but the labels, which the papers' own rule draws
Measured:  results/published/computations/raw_input_subspaces-*/record.json
Result:    records under results/computations/, a table under results/raw_input_subspaces/
Time:      a quarter of an hour on one core, most of it for CIFAR-10
"""

from functools import partial

from common.cli import one_line_errors, parse
from common.papers.decoding import raw_inputs
from common.runs.computation import carry_out, computation_id
from common.runs.config import Actions, Options
from common.runs.store import Store
from common.runs.threads import limit_threads
from common.study import save

SMOKE = [raw_inputs.RawInputs("digits", 0.8, ("masc", "masc_1pc"))]


def main() -> None:
    """Compute what is missing, or list it; save the table and print it."""
    arguments = parse(__doc__, options=Options(), actions=Actions())
    options, actions = arguments.options, arguments.actions
    store, cases = Store.of(options), SMOKE if actions.smoke else raw_inputs.cases()
    if actions.list:
        for case in cases:
            there = (store.computation(computation_id(case)) / "record.json").exists()
            print("done   " if there else "missing", computation_id(case), case)
        return
    limit_threads(options.threads)
    for case in cases:
        carry_out(case, partial(raw_inputs.compute, case, options), options, actions.force)
    made = raw_inputs.table(store)
    save(made, store.results / raw_inputs.RawInputs.slug / "raw_inputs")
    print(made.markdown())


if __name__ == "__main__":
    with one_line_errors():
        main()
