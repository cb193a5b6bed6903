"""A page in Chromium, at the widths of a desk and of a phone."""

import shutil
from contextlib import contextmanager

import pytest

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
DESK, PHONE = WIDTHS = 1280, 390


@contextmanager
def chromium():
    """The browser of this machine; without one tests are skipped."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        message = f"none of {', '.join(NAMES)} is installed: apt-get install chromium"
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@contextmanager
def opened(browser, path, width=DESK, **options):
    """The page of a file; it must say nothing on the console and ask for nothing that is not there."""
    wrong = []
    context = browser.new_context(viewport={"width": width, "height": 844}, **options)
    page = context.new_page()
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.goto(path.absolute().as_uri())
    yield page
    context.close()
    assert wrong == []


def widths(page):
    """Of what is shown and of the window."""
    return page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")


def inside(page, selector):
    """Whether the whole width of the first such element can be seen."""
    box = page.locator(selector).first.bounding_box()
    return box is not None and box["x"] >= 0 and box["x"] + box["width"] <= page.viewport_size["width"]


def dead_links(page, folder):
    """Links to files that are not there, and to anchors that are not in the page or in the file."""
    links = page.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))")
    texts = {"": page.content()}

    def leads_nowhere(link):
        file, _, anchor = link.partition("#")
        file = file.partition("?")[0]
        if file and not (folder / file).exists():
            return True
        if anchor and file not in texts:
            texts[file] = (folder / file).read_text()
        return bool(anchor) and f'id="{anchor}"' not in texts[file]

    return list(filter(leads_nowhere, dict.fromkeys(links)))
