import pytest

from mmv2.errors import UserError
from mmv2.records import CHECKPOINT, EXAMPLE, ResultRecord, read_records, write_records


def record(**changes):
    values = {
        "run": "mmv2-small",
        "arch": "mmv2",
        "label": "Memory Mosaics v2",
        "num_parameters": 1000,
        "step": 5,
        "tokens_seen": 500,
        "training_context": 256,
        "budget": 1.0,
        "seed": 0,
        "init_from": None,
        "settings": {"learning_rate": 1.0e-3, "delay_is_fixed": False},
        "task": "ruler_qa",
        "subtask": "squad",
        "context_length": 256,
        "example_id": "q1",
        "references": ("Oslo", "in Oslo"),
        "prediction": "Oslo\u2028\n",
        "scores": {"official": 1.0, "strict": 0.0},
        "main_score": "official",
        "chance": 0.2,
        "baselines": {"nearest_match": 1.0},
        "num_tokens": 250,
        "depth": 0.5,
        "details": {"num_documents": 20, "finished": False},
        "fingerprint": "f",
        "data_hash": "d",
        "code_version": "c",
        "device": "cpu",
    }
    return ResultRecord(**{**values, **changes})


def test_records_are_read_as_flat_columns(tmp_path):
    write_records(tmp_path / "a.jsonl", [record(), record(example_id="q2", depth=None, scores={"official": 0.0})])
    table = read_records(tmp_path / "a.jsonl")
    assert table["example_id"].tolist() == ["q1", "q2"]
    assert table["score_official"].tolist() == [1.0, 0.0]
    assert table["score_strict"].isna().tolist() == [False, True]
    assert table["depth"].isna().tolist() == [False, True]
    first = table.iloc[0]
    assert (first["baseline_nearest_match"], first["detail_num_documents"]) == (1.0, 20)
    assert (first["setting_learning_rate"], first["setting_delay_is_fixed"]) == (1.0e-3, False)
    assert (first["references"], first["prediction"]) == (("Oslo", "in Oslo"), "Oslo\u2028\n")
    assert not {"scores", "baselines", "details", "settings"} & set(table.columns)


def test_a_folder_is_read_whole_and_files_in_progress_are_left_out(tmp_path):
    write_records(tmp_path / "b" / "two.jsonl", [record(run="two")])
    write_records(tmp_path / "a" / "one.jsonl", [record(run="one")])
    (tmp_path / "a" / "three.jsonl.partial").write_text("{")
    assert read_records(tmp_path)["run"].tolist() == ["one", "two"]
    assert read_records([tmp_path / "b" / "two.jsonl"])["run"].tolist() == ["two"]


def test_a_damaged_line_is_named(tmp_path):
    path = tmp_path / "a.jsonl"
    write_records(path, [record(), record(example_id="q2")])
    path.write_text(path.read_text().replace('"chance":0.2', '"chance":2', 2).replace('"chance":2', '"chance":0.2', 1))
    with pytest.raises(UserError, match=r"a\.jsonl: line 2: chance"):
        read_records(path)


@pytest.mark.parametrize("field", ["scores", "baselines"])
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-0.5", "1.01", "null", '"1"'])
def test_a_score_that_is_none_is_refused_with_its_line(tmp_path, field, value):
    path = tmp_path / "a.jsonl"
    write_records(path, [record(), record(example_id="q2")])
    first, second, _ = path.read_text().split("\n")
    damaged = second.replace({"scores": '"strict":0.0', "baselines": '"nearest_match":1.0'}[field], f'"strict":{value}')
    assert damaged != second
    path.write_text(f"{first}\n{damaged}\n")
    with pytest.raises(UserError, match=rf"a\.jsonl: line 2: {field}\.strict: "):
        read_records(path)


def test_records_of_before_the_device_was_told_are_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    write_records(path, [record()])
    path.write_text(path.read_text().replace(',"device":"cpu"', ""))
    with pytest.raises(UserError, match=r"a\.jsonl: line 1: device: "):
        read_records(path)


DIFFERENT = {
    "run": "other",
    "step": 6,
    "reduction": "without_long_term_memory",
    "task": "many_shot",
    "subtask": "tiny",
    "context_length": 512,
    "num_shots": 3,
    "label_kind": "semantic",
    "prompt_style": "space_ordered",
    "split": "dev",
    "example_id": "q2",
}


@pytest.mark.parametrize("field", DIFFERENT)
def test_results_that_differ_in_any_field_are_different(tmp_path, field):
    write_records(tmp_path / "a.jsonl", [record(), record(**{field: DIFFERENT[field]})])
    assert len(read_records(tmp_path)) == 2
    assert [*CHECKPOINT, *EXAMPLE] == list(DIFFERENT)


@pytest.mark.parametrize("others", [{}, {"num_shots": 3}, {"label_kind": "semantic", "reduction": "without"}], ids=str)
@pytest.mark.parametrize("other_place", [0, 1, 2])
def test_the_same_result_twice_is_refused(tmp_path, others, other_place):
    """Whatever stands beside it: a column of numbers and one of words tell missing values in different ways."""
    records = [record(), record()]
    records.insert(other_place, record(example_id="q2", **others))
    write_records(tmp_path / "a.jsonl", records)
    with pytest.raises(UserError, match="mmv2-small, step 5: ruler_qa example q1 at length 256 stands twice"):
        read_records(tmp_path / "a.jsonl")


def test_the_same_file_twice_is_refused_and_the_reduction_told(tmp_path):
    write_records(tmp_path / "a.jsonl", [record(reduction="without_long_term_memory")])
    with pytest.raises(UserError, match="mmv2-small without_long_term_memory, step 5: ruler_qa example q1"):
        read_records([tmp_path / "a.jsonl", tmp_path / "a.jsonl"])


def test_nothing_to_read_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"no \*\.jsonl file"):
        read_records(tmp_path)
    (tmp_path / "a.jsonl").write_text("")
    with pytest.raises(UserError, match=r"a\.jsonl: no record"):
        read_records(tmp_path)
