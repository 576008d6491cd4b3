"""README says what the files of our reference runs say, and those stay small."""

from pathlib import Path

import pytest

from mmv2.errors import UserError
from mmv2.files import write_json
from mmv2.readme import filled, suite_folder
from mmv2.records import write_records
from mmv2.reporting.claims_page import read_page, render_claims
from tests.golden.make_records_claims import world
from tests.mmv2.reporting.claims.evidence import PUBLISHED

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "results" / "measured"
MOST_BYTES = 5_000_000
"""Of one suite's results in the repository."""


def test_readme_says_what_the_files_say():
    text = (ROOT / "README.md").read_text()
    assert filled(text, suite_folder(MEASURED)) == text, "run python -m mmv2.readme"


@pytest.fixture
def page(tmp_path):
    """Of two claims, one of them with counts alone."""
    names = ("ahead_at_training_length", "parameters_and_flops_of_table2")
    write_records(tmp_path / "records.jsonl", world())
    render_claims(names, [tmp_path / "records.jsonl"], tmp_path / "claims", PUBLISHED)
    return read_page(tmp_path / "claims.json")


def test_a_place_is_filled_from_the_files(page, tmp_path):
    text = filled("before\n<!-- measured: claims -->\nold\n<!-- end -->\nafter\n", tmp_path)
    assert text.startswith("before\n<!-- measured: claims -->\nSuite")
    assert text.endswith("<!-- end -->\nafter\n")
    assert "\nold\n" not in text
    assert "2 claims and open questions of the paper: 2 reproduced." in text
    assert f"Of the comparisons {page.correction}\n" in text
    for claim in page.claims:
        row = f"| {claim.statement} | {claim.published} | reproduced | {claim.verdict.reason} |"
        assert row in text
    assert filled(text, tmp_path) == text


def test_a_bar_in_a_cell_does_not_end_it(page, tmp_path):
    claim = page.claims[0].model_copy(update={"statement": "A | B"})
    write_json(tmp_path / "claims.json", page.model_copy(update={"claims": (claim,)}).model_dump(mode="json"))
    assert "| A \\| B | MMv2 minus" in filled("<!-- measured: claims -->\n<!-- end -->\n", tmp_path)


def test_the_full_suite_comes_before_the_small_one(tmp_path):
    with pytest.raises(UserError, match=r"no claims\.json of laptop_full or laptop"):
        suite_folder(tmp_path)
    for name in ("laptop", "laptop_full"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "claims.json").touch()
        assert suite_folder(tmp_path).name == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no place", "needs <!-- measured"),
        ("<!-- measured: claims -->\nno end", "needs <!-- measured"),
        ("<!-- measured: claim -->\n<!-- end -->", "no measured place 'claim'; did you mean 'claims'"),
    ],
)
def test_a_wrong_place_is_told(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        filled(text, tmp_path)


@pytest.mark.parametrize(
    "folder", sorted(path for path in MEASURED.iterdir() if path.is_dir()), ids=lambda path: path.name
)
def test_measured_results_are_small(folder):
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) <= MOST_BYTES
