import re
import shutil
import sys
from pathlib import Path

import pytest

from mmv2 import paper_items
from mmv2.errors import UserError
from mmv2.paper_items import ITEMS, PAGE, PUBLISHED_ONLY, items, main, page

ROOT = Path(__file__).parents[2]


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with two reference results, to write the page in."""
    for folder in (paper_items.SUITES, paper_items.FOLDER):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file in ("a/tables/table04_ruler_qa_finetuned.csv", "b/tables/table04_ruler_qa_finetuned.csv"):
        (tmp_path / paper_items.MEASURED / file).parent.mkdir(parents=True)
        (tmp_path / paper_items.MEASURED / file).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["paper_items", *arguments])
    main()


def test_every_table_and_figure_of_the_paper_has_a_module_and_the_page_is_up_to_date():
    found = items(ROOT)
    assert {(item.kind, item.number) for item in found} == {(kind, n) for kind, all_of in ITEMS.items() for n in all_of}
    assert (ROOT / PAGE).read_text() == page(ROOT), "run python -m mmv2.paper_items"


def test_every_link_of_the_page_leads_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / PAGE).read_text())
    assert len(links) > 27
    assert [link for link in links if not (ROOT / PAGE.parent / link).is_file()] == []


def test_what_was_measured_is_named_by_its_suite(repository):
    (row,) = [line for line in page().splitlines() if line.startswith("| Table 4:")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    file = "tables/table04_ruler_qa_finetuned.csv"
    assert cells[3] == f"[a](../results/measured/a/{file}), [b](../results/measured/b/{file})"
    assert cells[1] == "[table04_ruler_qa_finetuned.py](../mmv2/reporting/tables/table04_ruler_qa_finetuned.py)"
    assert cells[2].startswith("[table04_ruler_qa_finetuned_32k.csv](../results/published/")
    assert {"paper", "laptop"} <= set(cells[4].split(", "))
    (figure,) = [line for line in page().splitlines() if line.startswith("| Figure 2:")]
    assert "| only a picture | not yet |" in figure
    (printed,) = [line for line in page().splitlines() if line.startswith("| Figure 3:")]
    assert "| [figures_printed.csv](../results/published/figures_printed.csv) | not yet |" in printed


def test_published_facts_are_marked(repository):
    assert len([line for line in page().splitlines() if "published fact only: " in line]) == len(PUBLISHED_ONLY)


def test_an_item_without_a_module_is_told(monkeypatch):
    monkeypatch.setitem(ITEMS, "table", range(1, 15))
    with pytest.raises(UserError, match=r"mmv2/reporting/tables: no module table14_\*; the paper's table 14 needs one"):
        page(ROOT)


def test_an_item_that_no_suite_asks_for_is_marked(repository):
    for file in (repository / paper_items.SUITES).glob("*.yaml"):
        file.write_text(file.read_text().replace("- figure11_masks", "- training_curves"))
    (row,) = [line for line in page().splitlines() if line.startswith("| Figure 11:")]
    assert row.endswith("| none yet |")


def test_the_check_fails_where_the_page_is_missing_or_stale(repository, monkeypatch):
    with pytest.raises(SystemExit, match=r"error: docs/paper_items\.md: is not what the repository holds"):
        call(monkeypatch, "--check")
    call(monkeypatch)
    call(monkeypatch, "--check")
    (repository / paper_items.MEASURED / "b/tables/table04_ruler_qa_finetuned.csv").unlink()
    with pytest.raises(SystemExit, match=r"run python -m mmv2\.paper_items"):
        call(monkeypatch, "--check")
