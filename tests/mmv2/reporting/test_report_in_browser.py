"""The report in Chromium at two widths: nothing is broken, loaded, or wider than the page. Skipped without Chromium.

On Debian: ``apt-get install chromium``. What needs no browser is checked in test_report.py.
"""

import html
import json
import re
import shutil
import subprocess

import pytest

from mmv2.records import write_records
from mmv2.reporting.claims_page import render_claims
from mmv2.reporting.render import render_figure, render_table
from mmv2.reporting.report import render_report
from tests.golden.make_records_claims import world
from tests.mmv2.reporting.claims.evidence import PUBLISHED
from tests.mmv2.reporting.test_report import CLAIMS, run_folder

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path: apt-get install chromium")
TABLES = ("table01_persistent", "table04_ruler_qa_finetuned")
FIGURES = ("ruler_qa_over_length", "figure03_semantic_labels")
WIDTHS = (1200, 390)
MEASURE = """
<script>
const page = document.documentElement, found = {};
const inBox = element => element.parentElement.closest(".box");
const wide = [...document.body.querySelectorAll("*")].filter(
  element => !inBox(element) && element.getBoundingClientRect().right > page.clientWidth + 1);
found.width = page.clientWidth;
found.scroll = page.scrollWidth;
found.wide = wide.map(element => element.outerHTML.slice(0, 200));
found.boxes = document.querySelectorAll(".box").length;
found.drawings = [...document.querySelectorAll("figure svg")].map(svg => {
  const seen = svg.getBoundingClientRect();
  return {width: seen.width, height: seen.height, letters: [...svg.querySelectorAll("text")].map(
    text => parseFloat(getComputedStyle(text).fontSize) * seen.width / svg.viewBox.baseVal.width)};
});
found.broken = [...document.images].filter(image => !image.naturalWidth).length;
found.loaded = performance.getEntriesByType("resource").map(entry => entry.name);
found.letters = parseFloat(getComputedStyle(document.body).fontSize);
parent.document.getElementById("found").textContent = JSON.stringify(found);
</script>
"""
"""Runs inside a frame of one width: Chromium's windows are never narrower than 500 pixels."""


def seen(page, width, folder):
    """What the page measures of itself at a width, and what Chromium said on its console."""
    inner = html.escape(page.replace("</body>", MEASURE + "</body>"))
    frame = folder / f"frame-{width}.html"
    frame.write_text(
        f'<!DOCTYPE html><meta charset="utf-8"><pre id="found"></pre>'
        f'<iframe style="border: 0; width: {width}px; height: 900px" srcdoc="{inner}"></iframe>'
    )
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]
    options += [
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder}/profile",
        "--virtual-time-budget=5000",
    ]
    done = subprocess.run([CHROMIUM, *options, frame.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="found">(.+?)</pre>', done.stdout)
    assert found, f"the page did not measure itself: {done.stderr[-2000:]}"
    return json.loads(html.unescape(found[1])), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module")
def page(tmp_path_factory, golden_file):
    folder = tmp_path_factory.mktemp("report")
    write_records(folder / "records.jsonl", world(("transformer_tuned", "benchmarks", "facts", 0.5)))
    render_claims(CLAIMS, [folder / "records.jsonl"], folder / "claims", PUBLISHED)
    for name in TABLES:
        render_table(name, [golden_file], [], folder / name, PUBLISHED)
    for name in FIGURES:
        render_figure(name, [golden_file], [], folder / name)
    (folder / "decisions.md").write_text("# Decisions\n\n## Architecture\n\n### Alpha\n")
    render_report(
        "tiny",
        claims_file=folder / "claims.json",
        table_files=[folder / f"{name}.md" for name in TABLES],
        figure_files=[folder / f"{name}.svg" for name in FIGURES],
        run_folders=[run_folder(folder, "one", "mmv2"), run_folder(folder, "two.seed-2", "transformer")],
        decisions_file=folder / "decisions.md",
        output=folder / "report.html",
    )
    return (folder / "report.html").read_text()


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_broken_or_wider_than_the_page(page, width, tmp_path):
    found, console = seen(page, width, tmp_path)
    assert console == []
    assert found["width"] in range(width - 20, width + 1), "but for the scroll bar"
    assert found["scroll"] <= found["width"]
    assert found["wide"] == []
    assert found["loaded"] == []
    assert found["broken"] == 0
    assert len(found["drawings"]) == len(FIGURES)
    for drawing in found["drawings"]:
        assert drawing["width"] > 300
        assert drawing["height"] > 100
        assert len(drawing["letters"]) > 10
        assert min(drawing["letters"]) >= 8, "pixels: they can be read"
    assert found["letters"] >= 16


@pytest.mark.parametrize(
    ("damage", "key"),
    [
        ('<p style="width: 2000px">wide</p>', "wide"),
        ('<img src="data:image/png;base64,AAAA">', "broken"),
        ('<img src="http://nowhere.invalid/x.png">', "loaded"),
    ],
)
def test_the_check_sees_damage(page, tmp_path, damage, key):
    found, _ = seen(page.replace("</main>", damage + "</main>"), 390, tmp_path)
    assert found[key]


def test_the_check_sees_what_the_console_says(page, tmp_path):
    _, console = seen(page.replace("</main>", "<script>console.error('told')</script></main>"), 390, tmp_path)
    assert any("told" in line for line in console)
