"""The page as a browser shows it: verdicts in sight, filters, order, curves, and nothing that moves sideways."""

from dataclasses import replace

import pytest
from browser import DESK, PHONE, WIDTHS, chromium, dead_links, inside, opened, widths
from made_up import a_run

from common.report import figures, overview
from common.report.charts import chart, runs_script
from common.report.claims import Finding, Statement, decide
from common.report.page import SHARED, Folded, Picture, Row, Section, page, save_shared
from common.report.runs import Run, Runs
from common.report.tables import Link

pytestmark = pytest.mark.slow

SAID = Statement("a", "A paper 2017", "Figure 1", "layers know better than the network does " * 3, "effect", "points",
                 (0.02, None))  # fmt: skip


def history(seed):
    return [{"epoch": e, "train_loss": 2 / (e + 1), "train_accuracy": 0.1 * e, "test_accuracy": 0.05 * e + 0.01 * seed}
            for e in range(9)]  # fmt: skip


def named_runs():
    """Runs of both frameworks at three fractions, with ids that name a folder."""
    made = [
        a_run(history(seed), {"epochs_to_fit": 3}, framework=framework, seed=seed, corruption_fraction=fraction,
              corruption="uniform" if fraction else "none")
        for fraction in (0.0, 0.5, 1.0) for framework in ("keras", "torch") for seed in (0, 1)
    ]  # fmt: skip
    return Runs(Run({**run.record, "run_id": f"run-{place}"}, run.source) for place, run in enumerate(made))


def findings(runs):
    effects = {
        "mlp": [0.05, 0.06, 0.07],
        "cnn": [-0.03, -0.02, -0.01],
        "alexnet": [0.05],
        "inception": [0.01, 0.05, 0.09],
    }
    made = []
    for place, (subject, values) in enumerate(effects.items()):
        effect, verdict = decide(values, SAID.band)
        some = runs.where(framework=("keras", "torch")[place % 2])
        made.append(Finding(SAID, subject, some, effect, "0.9 against 0.84 " * 9, verdict, study="masc_decoding"))
    number = Statement("n", "Another paper 2025", "Table 1", "accuracy", value=0.5, band=(0.4, 0.6))
    found = Finding(
        number, "mlp", runs[:1], decide([0.55], (0.4, 0.6))[0], verdict="in band", size="full size", is_number=True
    )
    return [*made, Finding(replace(SAID, id="b", evidence="b"), "", size="full size"), found]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A page of all kinds of parts."""
    folder, runs = tmp_path_factory.mktemp("page"), named_runs()
    for run in runs:
        (folder / "runs" / run.id).mkdir(parents=True)
        (folder / "runs" / run.id / "run.json").write_text("{}")
    made, (drawn, (axes,)) = findings(runs), figures.new_figure("Title", (9, 4))
    figures.draw_curve(axes, {0: [0.0, 1.0], 1: [2.0, 3.0]}, color="red")
    figures.save(drawn, folder / "figures" / "a.png")
    picture = Picture("figures/a.png", "curves", "PyTorch", *figures.looks(drawn))
    sections = [
        Section("Verdicts", [overview.matrix_table(made), overview.chance_text(made)]),
        Section("Findings", [overview.findings_table(made), Folded("How", [overview.criteria_table(made)])]),
        Section("Curves", [chart("Learning curves", runs, runs), Row([picture, picture])], "A paper"),
        Section("Costs", [overview.costs_table(runs)], "A paper"),
        Section("Study", [Link("Verdicts", "index.html?verdict=indicated#findings")], "A paper", "paper.html"),
    ]
    save_shared(folder)
    beside = ["assets/runs.js", *(f"assets/{name}" for name in SHARED)]
    (folder / "assets" / "runs.js").write_text(runs_script(runs))
    for address in ("index.html", "paper.html"):
        (folder / address).write_text(page("Published results", "Every number", sections, beside, address))
    return folder / "index.html"


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_verdicts_are_in_sight_and_nothing_moves_sideways(browser, path, width, scheme):
    with opened(browser, path, width, color_scheme=scheme) as shown:
        shown.wait_for_function("document.querySelectorAll('canvas').length === 1 || (scrollTo(0, 1e6), false)")
        seen, window = widths(shown)
        assert seen <= window == width
        last = "td:nth-child(13)" if width == DESK else "td:nth-child(n+4):has(a)"
        assert inside(shown, f".matrix tr:nth-child(1) {last}") and inside(shown, f".matrix tr:nth-child(2) {last}")
        assert inside(shown, ".findings td.confirmed") and inside(shown, ".findings td.in-band")
        assert inside(shown, "figure.chart") and inside(shown, ".picture .scroll")
        ground = shown.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 24, 29)")


def test_there_is_no_dead_link(browser, path):
    with opened(browser, path) as shown:
        assert dead_links(shown, path.parent) == []
        assert shown.locator("a[href^='runs/']").count() == 2 * 6 + 1  # of each set of runs once


def test_a_phone_names_each_verdict_as_the_heading_does(browser, path):
    with opened(browser, path, PHONE) as shown:
        heads = shown.locator(".matrix th").all_text_contents()
        labels = shown.evaluate("""[...document.querySelector('.matrix tbody tr').cells].map(cell =>
          getComputedStyle(cell, '::before').content)""")
        assert labels == ["none", "none", *(f'"{head} "' for head in heads[2:])]


def test_a_button_shows_the_records_of_a_finding_and_what_makes_them(browser, path):
    with opened(browser, path) as shown:
        button = shown.locator(".findings button").first
        records = shown.locator(f"#{button.get_attribute('popovertarget')}")
        assert not records.is_visible()
        button.click()
        assert records.is_visible() and records.locator("code").text_content().startswith("python experiments/")
        assert records.locator("a").count() == int(button.text_content().split()[0])
        shown.keyboard.press("Escape")
        assert not records.is_visible()


def rows(shown):
    return shown.locator(".findings tbody tr:visible").count()


def test_a_count_of_the_matrix_leads_to_its_findings(browser, path):
    with opened(browser, path) as shown:
        assert rows(shown) == 6 and shown.locator("output").text_content() == "6 of 6 findings"
        shown.locator(".matrix td a", has_text="4 of 5").click()
        assert rows(shown) == 4 and shown.url.endswith("#findings")
        shown.locator(".matrix tr:nth-child(2) td:nth-child(4) a").click()
        assert rows(shown) == 1 and shown.locator(".findings tr:visible td.confirmed").count() == 1
        shown.get_by_role("button", name="all").click()
        shown.wait_for_function("document.querySelector('output').textContent === '6 of 6 findings'")
        shown.get_by_label("framework").select_option("Keras")
        shown.get_by_label("verdict").select_option("indicated")
        assert rows(shown) == 1
        shown.get_by_label("framework").select_option("PyTorch")
        assert rows(shown) == 0 and shown.locator("output").text_content() == "0 of 6 findings"
        shown.get_by_role("button", name="all").click()
        shown.get_by_label("text").fill("BETTER cnn")
        assert rows(shown) == 1


def test_a_study_on_a_page_of_its_own_leads_to_its_findings(browser, path):
    with opened(browser, path.with_name("paper.html")) as shown:
        assert dead_links(shown, path.parent) == [] and shown.locator("select").count() == 0
        shown.get_by_text("Verdicts").last.click()
        assert shown.locator("output").text_content() == "1 of 6 findings" and inside(shown, "td.indicated")


def test_a_table_is_sorted_by_a_heading_as_numbers_or_words(browser, path):
    def column(shown, place):
        return [text for text in shown.locator(f".findings tbody td:nth-child({place})").all_text_contents() if text]

    with opened(browser, path) as shown:
        shown.locator(".findings th", has_text="measured").click()
        assert column(shown, 4) == [
            "-2.00 [-4.48, 0.48] points", "5.00 points", "5.00 [-4.94, 14.94] points", "6.00 [3.52, 8.48] points",
            "55.00 %",
        ]  # fmt: skip
        shown.locator(".findings th", has_text="measured").click()
        assert column(shown, 4)[0] == "55.00 %"
        shown.locator(".findings th").nth(2).press("Enter")
        assert column(shown, 3) == ["alexnet", "cnn", "inception", "mlp", "mlp"]


def test_a_point_of_a_curve_names_its_run(browser, path):
    with opened(browser, path) as shown:
        shown.locator("figure.chart").scroll_into_view_if_needed()
        over, tip = shown.locator(".u-over"), shown.locator(".tip")
        over.wait_for()
        shown.locator(".chart").get_by_label("measure").select_option("train_loss")
        assert shown.locator(".keys").inner_text().split("\n")[0].startswith("true labels")
        box = over.bounding_box()
        over.hover(position={"x": box["width"] - 2, "y": box["height"] - 20})
        assert "true labels: 0.222 at 8;" in tip.text_content() and "run-" in tip.text_content()
        shown.locator(".chart").get_by_label("over").select_option("corruption")
        shown.locator(".chart").get_by_label("measure").select_option("fit")
        over.hover(position={"x": box["width"] / 2, "y": box["height"] / 2})
        assert "uniform: 3 at 50 %;" in tip.text_content()
        with shown.context.expect_page() as record:
            over.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
        assert "/runs/run-" in record.value.url


def test_without_script_all_is_there(browser, path):
    with opened(browser, path, java_script_enabled=False) as shown:
        assert shown.locator("select").count() == 0
    assert DESK in WIDTHS and "select" not in path.read_text().split("<main>")[1].split("<script>")[0]
