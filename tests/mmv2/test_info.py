"""``mmv2 info``: exact counts, Table 2 to the printed digit, and what the command says."""

import csv
import dataclasses
from pathlib import Path

import pytest

from mmv2 import info
from mmv2.errors import UserError
from mmv2.info import PUBLISHED_TABLE_2, compare_with_table_2, in_billions, main, named_sizes, table_2
from mmv2.registry import architectures
from mmv2.runs import load_run

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def cells(text):
    return [line.split() for line in text.splitlines()]


def test_the_six_numbers_of_table_2_come_out():
    comparisons = compare_with_table_2()
    assert len(comparisons) == 6
    assert all(one.agrees for one in comparisons), [one for one in comparisons if not one.agrees]


def test_every_row_of_the_published_table_is_compared():
    with PUBLISHED_TABLE_2.open(newline="") as file:
        assert [row["model"] for row in csv.DictReader(file)] == list(table_2())


def test_a_number_that_differs_is_told(tmp_path, monkeypatch, capsys):
    text = PUBLISHED_TABLE_2.read_text()
    assert text.count("16.7B") == 1
    (tmp_path / PUBLISHED_TABLE_2).parent.mkdir(parents=True)
    (tmp_path / PUBLISHED_TABLE_2).write_text(text.replace("16.7B", "16.8B"))
    monkeypatch.chdir(tmp_path)
    main([])
    printed = [row for row in cells(capsys.readouterr().out) if row and row[-1] in ("agrees", "DIFFERS")]
    assert [row[-1] for row in printed] == ["agrees", "DIFFERS", "agrees", "agrees", "agrees", "agrees"]


def test_without_the_published_table_the_error_says_where_to_start(tmp_path):
    with pytest.raises(UserError, match=r"none\.csv: no such file; run from the repository"):
        compare_with_table_2(tmp_path / "none.csv")


def test_exact_counts_are_printed(capsys):
    main(["--arch", "transformer", "--size", "large", "--context", "256", "4096"])
    rows = cells(capsys.readouterr().out)[1:]
    per_token = 2 * 32 * 4096 * 2  # keys and values in all layers, two bytes each
    assert rows == [
        ["Transformer", "large", "8,835,567,616", "256", "16,687,570,944", f"{256 * per_token:,}"],
        ["4,096", "17,694,203,904", f"{4096 * per_token:,}"],
    ]


def test_all_sizes_at_multiples_of_the_training_context(capsys):
    main(["--size", "small"])
    rows = cells(capsys.readouterr().out)[1:]
    assert len(rows) == 3 * len(named_sizes(size="small"))
    assert {row[-3] for row in rows} == {"4,096", "32,768", "65,536"}


def test_without_arguments_every_size_of_every_architecture_is_there(capsys):
    main([])
    printed = capsys.readouterr().out
    for size in named_sizes():
        assert f"{size.parameters:,}" in printed
    assert {size.spec.name for size in named_sizes()} >= {"mmv2", "transformer"}


def test_an_architecture_without_named_sizes_is_listed(monkeypatch, capsys):
    specs = architectures()
    nameless = dataclasses.replace(specs["transformer"], name="nameless", sizes={})
    monkeypatch.setattr(info, "architectures", lambda: {**specs, "nameless": nameless})
    names = ", ".join([*(name for name, spec in specs.items() if not spec.sizes), "nameless"])
    told = f"Without named sizes, so that each needs one of its run files (--run FILE): {names}\n"
    main([])
    assert told in capsys.readouterr().out
    main(["--size", "small"])
    assert "Without" not in capsys.readouterr().out


def test_the_model_of_a_run(capsys):
    file = next((ROOT / "workflow/config/runs").glob("*/transformer.yaml"))
    run = load_run(file)
    main(["--run", str(file), "--context", "7"])
    counted = sum(parameter.numel() for parameter in run.spec.build(run.model).parameters())
    assert cells(capsys.readouterr().out)[1][1:4] == [run.name, f"{counted:,}", "7"]
    with pytest.raises(UserError, match=r"transformer\.yaml: arch: transformer, not mmv2; leave out --arch"):
        main(["--run", str(file), "--arch", "mmv2"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--arch", "transfomer"], "architecture 'transfomer' is unknown; did you mean 'transformer'"),
        (["--size", "larg"], "--size larg: unknown; did you mean 'large'"),
        (["--arch", "mmv2", "--size", "8B"], "--size 8B: unknown; allowed: large, small"),
    ],
)
def test_unknown_names_are_refused_with_the_choices(arguments, message):
    with pytest.raises(UserError, match=message):
        main(arguments)


@pytest.mark.parametrize("context", ["0", "4k"])
def test_a_context_is_a_positive_number(context, capsys):
    with pytest.raises(SystemExit):
        main(["--context", context])
    assert f"argument --context: {context!r} is no number of tokens" in capsys.readouterr().err


def test_rounding_as_in_the_paper():
    counts = (8_835_567_616, 15_630_616_576, 15_650_000_001)
    assert [in_billions(count) for count in counts] == ["8.8B", "15.6B", "15.7B"]
