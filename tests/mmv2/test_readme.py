"""README says what the files of our reference runs say, and those stay small."""

from pathlib import Path

import pytest

from mmv2.errors import UserError
from mmv2.readme import filled, suite_folder

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "results" / "measured"
MOST_BYTES = 5_000_000
"""Of one suite's results in the repository."""
HEADER = "the paper,published,verdict,reason\n"


def test_readme_says_what_the_files_say():
    text = (ROOT / "README.md").read_text()
    assert filled(text, suite_folder(MEASURED)) == text, "run python -m mmv2.readme"


def test_a_place_is_filled_from_the_files(tmp_path):
    (tmp_path / "claims.csv").write_text(HEADER + "A | B,large 2,inconclusive,Open.\nC,8.8B,reproduced,All agree.\n")
    text = filled("before\n<!-- measured: claims -->\nold\n<!-- end -->\nafter\n", tmp_path)
    assert text.startswith("before\n<!-- measured: claims -->\nSuite")
    assert text.endswith("<!-- end -->\nafter\n")
    assert "old" not in text
    assert "2 claims and open questions of the paper: 1 inconclusive, 1 reproduced." in text
    assert "| A \\| B | large 2 | inconclusive | Open. |" in text
    assert "| C | 8.8B | reproduced | All agree. |" in text
    assert filled(text, tmp_path) == text


def test_the_full_suite_comes_before_the_small_one(tmp_path):
    with pytest.raises(UserError, match=r"no claims\.csv of laptop_full or laptop"):
        suite_folder(tmp_path)
    for name in ("laptop", "laptop_full"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "claims.csv").touch()
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
