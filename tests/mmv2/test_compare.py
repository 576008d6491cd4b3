"""Two runs side by side: paired by example, on the same data, with what differs between them."""

import pandas as pd
import pytest

from mmv2.cli import main
from mmv2.compare import compare, differing_settings, read_run
from mmv2.errors import UserError
from mmv2.evaluation.contrasts import Term, contrast
from mmv2.records import write_records
from tests.golden.make_records_small import ruler_qa_records

RATES = {64: 0.9, 128: 0.5}


def written(folder, run, rates=RATES, **changes):
    arch = changes.pop("arch", "mmv2")
    write_records(folder / run / "final.jsonl", ruler_qa_records(run, arch, arch, rates, **changes))
    return folder / run


@pytest.fixture
def both(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    written(tmp_path, "a", settings={"learning_rate": 0.1, "width": 8, "window": 16})
    written(
        tmp_path, "b", {64: 0.1, 128: 0.5, 256: 0.5}, arch="transformer", settings={"learning_rate": 0.2, "width": 8}
    )
    return tmp_path


def test_accuracies_and_the_paired_difference_are_those_of_the_records(both):
    first, second = read_run(both / "a"), read_run(both, "b")
    table = compare(first, second).set_index("length")
    assert list(table.index) == [64, 128], "256 was asked of one alone"
    ours, theirs = (records[records["context_length"] == 64] for records in (first, second))
    assert table.loc[64, "first"].mean == pytest.approx(100 * ours["score_official"].mean())
    assert table.loc[64, "second"].mean == pytest.approx(100 * theirs["score_official"].mean())
    expected = contrast([Term(1, "a", ours, "score_official"), Term(-1, "b", theirs, "score_official")], 0)
    found = table.loc[64, "difference"]
    assert (found.mean, found.low, found.high) == pytest.approx(
        (100 * expected.mean, 100 * expected.low, 100 * expected.high)
    )
    assert found.mean > 0
    assert table.loc[64, "examples"] == 8


def test_settings_that_differ_are_told_and_no_other(both):
    found = differing_settings(read_run(both / "a"), read_run(both / "b"))
    assert found["learning_rate"] == (0.1, 0.2)
    assert found["arch"] == ("mmv2", "transformer")
    assert "width" not in found


def test_the_command_prints_and_writes_the_table(both, capsys):
    main(["compare", str(both / "a"), str(both / "b"), "--csv", str(both / "out" / "c.csv")])
    printed = capsys.readouterr().out
    written_table = pd.read_csv(both / "out" / "c.csv")
    assert len(written_table) == 2
    assert {"a", "a, low", "b", "difference", "difference, high", "examples"} <= set(written_table)
    assert "2 differences, a minus b" in printed
    assert "8 records are left out" in printed
    assert "  learning_rate: 0.1 | 0.2" in printed
    assert "  window: 16 | \n" in printed
    assert "shots" not in printed, "a column without a number"
    main(["compare", str(both), "--runs", "a", "b"])
    assert capsys.readouterr().out == printed, "also where one table holds both"


def test_what_cannot_be_compared_is_told(both):
    written(both, "a", data_hash="another-frozen-file")
    with pytest.raises(UserError, match="ruler_qa, squad, 64: the runs answered different data"):
        compare(read_run(both / "a"), read_run(both / "b"))
    written(both, "a", examples=4)
    with pytest.raises(UserError, match="answered different examples"):
        compare(read_run(both / "a"), read_run(both / "b"))
    written(both, "a", task="another")
    with pytest.raises(UserError, match="nothing was asked of both: another squad"):
        compare(read_run(both / "a"), read_run(both / "b"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["."], "1 sources of records"),
        ([".", "--runs", "a", "c"], "no records of run 'c'"),
        ([".", "."], "holds records of 2 runs; name one: a, b"),
        (["a", "none"], "none: no such file or folder"),
        (["a", "a"], "a and itself"),
        (["a", "b", "--checkpoint", "step 7"], "no test records of checkpoint 'step 7'"),
    ],
)
def test_a_mistake_is_one_line(both, arguments, message, monkeypatch, capsys):
    monkeypatch.chdir(both)
    with pytest.raises(SystemExit):
        main(["compare", *arguments])
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_a_reduced_model_is_no_whole_one(both):
    write_records(both / "a" / "reduced.jsonl", ruler_qa_records("a", "mmv2", "M", RATES, reduction="without_x"))
    assert read_run(both / "a")["reduction"].isna().all()
    assert len(read_run(both / "a", checkpoint="without_x")) == 16


def seeds_of(folder, run, rate, seeds=(1, 2)):
    for seed in seeds:
        made = ruler_qa_records(f"{run}.seed-{seed}", "mmv2", "M", {64: rate}, seed=seed)
        write_records(folder / f"{run}.seed-{seed}" / "final.jsonl", made)


def test_runs_of_several_seeds_are_one(tmp_path, capsys):
    for run in "ab":
        for seed in (1, 2):
            (tmp_path / f"{run}.seed-{seed}").mkdir()
    seeds_of(tmp_path, "a", 0.9)
    seeds_of(tmp_path, "b", 0.1)
    first, second = read_run(tmp_path, "a"), read_run(tmp_path, "b")
    (row,) = compare(first, second).to_dict("records")
    assert row["examples"] == 8, "another seed is no other example"
    assert row["first"].mean == pytest.approx(100 * first["score_official"].mean())
    apart = [compare(read_run(tmp_path, f"a.seed-{seed}"), second).loc[0, "first"].mean for seed in (1, 2)]
    assert row["first"].mean == pytest.approx(sum(apart) / 2)
    main(["compare", str(tmp_path), "--runs", "a", "b"])
    printed = capsys.readouterr().out
    assert "other trainings would change: training seeds are 2 of a and 2 of b." in printed
    assert "left out" not in printed
    assert "seed" not in printed.split("differ")[-1], "both have the same"
    main(["compare", str(tmp_path), "--runs", "a", "b.seed-1"])
    printed = capsys.readouterr().out
    assert "but not another training of b.seed-1: training seeds are 2 of a and 1 of b.seed-1." in printed
    assert "  seed: 1, 2 | 1" in printed
    with pytest.raises(UserError, match="holds records of 2 runs; name one: a, b"):
        read_run(tmp_path)
    with pytest.raises(UserError, match=r"no records of run 'b\.seed-3'; did you mean 'b\.seed-[12]'"):
        read_run(tmp_path, "b.seed-3")
