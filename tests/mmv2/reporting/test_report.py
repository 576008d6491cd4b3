"""The report is one page that needs nothing else, and tells what the files tell."""

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import matplotlib
import pandas as pd
import pytest
from matplotlib.figure import Figure

from mmv2.errors import UserError
from mmv2.evaluation.statistics import Interval
from mmv2.records import write_records
from mmv2.registry import architecture, entries
from mmv2.reporting.claims_page import read_page, render_claims
from mmv2.reporting.report import SECTIONS, narrow, numbers, render_report, section
from mmv2.reporting.report_inputs import Table
from mmv2.reporting.writer import write_table
from tests.golden.make_records_claims import world
from tests.mmv2.reporting.claims.evidence import PUBLISHED

CLAIMS = ("persistent_parity", "ahead_at_training_length", "icl_semantic_rises", "parameters_and_flops_of_table2")
VOID = {"meta", "img"}


def run_folder(folder, name, arch, seconds=0.5, seed=7, weights="a"):
    """What the report reads of a trained run."""
    origin = {"run": name, "step": 20, "tokens_seen": 2000, "budget": 1.0, "seed": seed, "init_from": None}
    origin |= {"fingerprint": "0123456789abcdef", "corpus": "corpus-hash", "code_version": "abc", "device": "cpu"}
    content = {"arch": arch, "model": architecture(arch).tiny.model_dump(mode="json")}
    content |= {"provenance": {**origin, "environment": {"python": "3.11.7"}}}
    content |= {"weights_sha256": weights * 64, "tokenizer_sha256": "b" * 64}
    (folder / name / "final").mkdir(parents=True)
    (folder / name / "final" / "config.json").write_text(json.dumps(content))
    lines = [
        {
            "step": step,
            "loss": 20.0 - step,
            "learning_rate": 0.1,
            "tokens_seen": 100 * step,
            "tokens_per_second": 100 / seconds,
        }
        for step in range(1, 21)
    ]
    (folder / name / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder / name


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Arguments of ``render_report`` but for the output."""
    folder = tmp_path_factory.mktemp("suite")
    write_records(folder / "records.jsonl", world(("transformer_tuned", "benchmarks", "facts", 0.5)))
    render_claims(CLAIMS, [folder / "records.jsonl"], folder / "claims", PUBLISHED)
    table = pd.DataFrame(
        [
            {"model": "<b>|a</b>", "seed": 77777, "budget": "8", "x": Interval(44.31, 40.0, 48.55, 9)},
            {"model": "c", "seed": 77777, "budget": "1", "x": 3},
        ],
        dtype=object,
    )
    for name in ("table04_x", "table12_y", "another"):
        write_table(table, f"Title of {name}", "First.\n\nSecond <part>.", folder / name)
    for name in ("figure03_z", "figure04_z"):  # drawn alike: their parts have the same names
        figure = Figure(figsize=(8, 2))
        figure.subplots().plot([1, 2], marker="o", label="of data")
        figure.axes[0].set_xlabel("steps & more")
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "one"}):
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        (folder / f"{name}.txt").write_text("Title of figure. A caption & more.\n\na: run of figure\n")
    (folder / "decisions.md").write_text("# Decisions\n\n## Architecture\n\n### Alpha\nText.\n### Beta\n\n## Norms\n")
    return {
        "suite": "tiny",
        "claims_file": folder / "claims.json",
        "table_files": [folder / f"{name}.md" for name in ("table04_x", "table12_y", "another")],
        "figure_files": [folder / f"{name}.svg" for name in ("figure03_z", "figure04_z")],
        "run_folders": [run_folder(folder, "one", "mmv2"), run_folder(folder, "two", "transformer", 200.0)],
        "decisions_file": folder / "decisions.md",
    }


@pytest.fixture(scope="module")
def page(inputs, tmp_path_factory):
    output = tmp_path_factory.mktemp("report") / "report.html"
    render_report(**inputs, output=output)
    return output.read_text()


class Reader(HTMLParser):
    """Elements with their attributes, in order; a tag that is not closed where it should be is an error."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def of(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]


def texts(page):
    """The page as one line of text."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.partition("<body>")[2]).split())


def test_the_same_files_give_the_same_bytes(inputs, page, tmp_path):
    render_report(**inputs, output=tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text() == page


def test_it_is_one_file_without_network_and_script(page):
    found = Reader(page)
    assert not found.of("script", "link", "iframe", "object", "video", "img", "image")
    assert len(found.of("svg")) == 2
    assert found.of("use")
    assert all(drawn["xlink:href"].startswith("#") for drawn in found.of("use"))
    assert page.count("<style") == 1, "a sheet inside a figure would hold for the page"
    outside = [link["href"] for link in found.of("a") if not link["href"].startswith("#")]
    assert set(outside) == {"https://arxiv.org/abs/2507.03285"}
    assert all(name.startswith("#") for name in re.findall(r"url\(([^)]*)", page))
    assert "@import" not in page


def test_it_can_be_read_by_ear_and_by_keyboard(page):
    found = Reader(page)
    assert found.of("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in found.of("meta")
    drawn = [box["aria-label"] for box in found.of("div") if box.get("role") == "img"]
    assert drawn == ["Title of figure. A caption & more."] * 2
    levels = [int(tag[1]) for tag, _ in found.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
    assert all(cell.get("scope") in {"col", "row"} for cell in found.of("th"))
    anchors = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(set(anchors)) == len(anchors)
    links = {link["href"] for link in found.of("a")} | {drawn["xlink:href"] for drawn in found.of("use")}
    links |= set(re.findall(r"url\(([^)]*)", page))
    assert {link[1:] for link in links if link.startswith("#")} <= set(anchors)
    boxes = [box for box in found.of("div") if box.get("class") == "box"]
    assert len(boxes) == len(found.of("table", "figure")), "each table and figure scrolls in a box of its own"
    assert all(box["aria-label"] and box["tabindex"] == "0" for box in boxes)


def test_verdicts_come_first_by_word_and_sign(page, inputs):
    text = texts(page)
    assert (
        text.index("Verdicts Of 4 claims") < text.index("How to read it Sizes") < text.index("Where it comes from Env")
    )
    assert "3 reproduced , 1 not reproduced , 0 inconclusive ." in text
    assert "✗ not reproduced Level on persistent knowledge MMv2 minus transformer: 15.0 [" in text
    for claim in read_page(inputs["claims_file"]).claims:
        assert f'id="{claim.name}"' in page
        assert claim.verdict.status in text
        for told in (claim.rule, claim.statement, claim.verdict.reason, *claim.sources):
            assert told.replace("'", "&#39;") in text
        for one in claim.verdict.comparisons:
            assert one.numbers in text
    assert "the variance between trainings is NOT in their intervals" in text


def test_a_verdict_leads_to_its_tables_and_figures(page):
    """Those of the suite that its place in the paper names, and the claim's own comparisons."""
    (row,) = (part for part in page.split("<tr>") if 'href="#icl_semantic_rises"' in part)
    assert re.findall('href="#([^"]*)">', row) == ["icl_semantic_rises", "figure03_z", "icl_semantic_rises"]
    assert numbers("1 and 2") == [1, 2]
    assert numbers("3 to 5, 7") == [3, 4, 5, 7]


def test_text_of_a_figure_is_text(page):
    drawing = page.split("<svg")[1].split("</svg>")[0]
    assert re.search(r"<text[^>]*>steps &amp; more</text>", drawing)


def test_everything_stands_under_its_heading(page):
    text = texts(page)
    order = [
        "Persistent knowledge What a model",
        "New knowledge Questions",
        "Title of table04_x",
        "In-context learning Classes",
        "Title of figure.",
        "Ablations What",
        "Title of table12_y",
        "Further results Parameters",
        "Title of another",
        "Training and cost What was trained",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_every_table_and_figure_has_its_own_heading():
    """What is about several tasks may stand under Further results; a new one is added here or to SECTIONS."""
    found = {name: section(name) for name in {*entries("table"), *entries("figure")}}
    assert {name for name, title in found.items() if title == list(SECTIONS)[-1]} <= {
        *("table_bits_per_byte", "bits_per_byte_by_position", "figure12_accuracy_over_cost")
    }
    expected = {"table_many_shot": "In-context learning", "in_context_further": "In-context learning"}
    expected |= {"table_ruler_by_depth": "New knowledge", "ruler_by_depth": "New knowledge"}
    expected |= dict.fromkeys(("figure01_attention", "attention_on_needle", "memory_parameters"), "Where models look")
    assert expected.items() <= found.items()


def test_a_table_is_text_that_can_be_selected_and_no_markup(page):
    assert "&lt;b&gt;|a&lt;/b&gt;" in page
    assert "<b>" not in page
    assert '<td class="n">44.3 [40.0, 48.5]</td>' in page
    assert '<p class="note">Second &lt;part&gt;.</p>' in page
    assert ">budget<" in page
    assert "77777" not in page, "what a run is stands in the table of the runs"


def test_cost_is_counted_from_the_steps(page):
    text = texts(page)
    tiny = architecture("mmv2").tiny
    flops = 3 * 2000 * architecture("mmv2").flops_per_token(tiny, tiny.max_seq_len)
    assert f"20 2,000 0 min 10 s {flops:.2e} 0.500 7 cpu" in text
    assert "20 2,000 1 h 06 min" in text
    assert "one 0123456789abcdef corpus-hash aaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbb" in text
    assert "All 2 trainings 4,000 1 h 06 min" in text
    assert "one, two: python 3.11.7, device cpu, code abc" in text
    assert "Architecture : Alpha; Beta" in text


def test_training_seeds_share_a_row(inputs, tmp_path):
    seeds = [run_folder(tmp_path, f"one.seed-{seed}", "mmv2", seed=seed, weights=str(seed)) for seed in (1, 2)]
    render_report(**{**inputs, "run_folders": seeds}, output=tmp_path / "report.html")
    text = texts((tmp_path / "report.html").read_text())
    flops = 2 * 3 * 2000 * architecture("mmv2").flops_per_token(architecture("mmv2").tiny, 32)
    assert f"20 2,000 0 min 20 s {flops:.2e} 0.500 1, 2 cpu" in text
    assert "one 0123456789abcdef corpus-hash 1111111111111111 , 2222222222222222 bbbbbbbbbbbbbbbb" in text
    assert "All 2 trainings 4,000 0 min 20 s" in text
    assert ".seed-" not in text
    other = run_folder(tmp_path, "one.seed-3", "transformer", seed=3)
    twin = run_folder(tmp_path, "one", "mmv2", seed=2)
    for added in (other, twin):
        with pytest.raises(UserError, match="training seeds of one have the same seed or differ in more"):
            render_report(**{**inputs, "run_folders": [*seeds, added]}, output=tmp_path / "report.html")


def test_a_suite_without_claims_has_a_report_too(inputs, tmp_path):
    render_report(**{**inputs, "claims_file": None}, output=tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    Reader(text)
    assert "Verdicts" not in text
    assert "Title of table04_x" in text


@pytest.mark.parametrize(
    ("key", "file", "content", "message"),
    [
        ("table_files", "x.md", None, r"x\.md: no such file"),
        ("table_files", "x.md", "no table\n", r"x\.md: no table with a title"),
        ("table_files", "x.md", "## T\n\nc\n\n| a | b |\n| --- | --- |\n| 1 |\n", r"x\.md: no table with a title"),
        ("figure_files", "x.svg", None, r"x\.svg: no such file"),
        ("figure_files", "x.svg", "text", r"x\.svg: no SVG"),
        ("figure_files", "x.svg", "<a/>", r"x\.svg: no SVG"),
        ("claims_file", "x.json", None, r"x\.json: no such file"),
        ("decisions_file", "x.md", None, r"x\.md: no such file"),
        ("run_folders", "x", None, r"x/final/config\.json: no such file"),
    ],
)
def test_a_missing_or_damaged_input_is_told(inputs, tmp_path, key, file, content, message):
    path = tmp_path / file
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=message):
        render_report(**{**inputs, key: path if key.endswith("file") else [path]}, output=tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_report_of_no_run_is_none(inputs, tmp_path):
    with pytest.raises(UserError, match="report: no run"):
        render_report(**{**inputs, "run_folders": []}, output=Path(tmp_path) / "report.html")


@pytest.mark.parametrize(("sizes", "kept"), [(("80", "200"), ["model", "parameters"]), (("80", "80"), ["model"])])
def test_a_table_tells_the_size_where_models_of_one_name_differ_in_it(sizes, kept):
    rows = [["Transformer", size, "7"] for size in sizes]
    table = Table("t", "T", [], ["model", "parameters", "seed"], [False, True, True], rows)
    assert narrow(table).header == kept
