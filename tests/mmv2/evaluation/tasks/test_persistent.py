"""The task on real and hand-made rows, from freezing to the tables; its contract is in test_contract.py."""

import json

import pytest

from mmv2 import sandbox
from mmv2.errors import UserError
from mmv2.evaluation.evaluate import evaluate
from mmv2.evaluation.frozen import read_frozen
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.persistent import code_problems
from mmv2.evaluation.persistent.table import BENCHMARKS
from mmv2.evaluation.tasks.persistent import TASK, PersistentSettings, freeze
from mmv2.jsonl import read_jsonl
from mmv2.records import ResultRecord, read_records
from mmv2.registry import architectures, entry
from mmv2.reporting.published import read_published
from mmv2.suites import load_suite
from tests.mmv2.evaluation.persistent.conftest import FIXTURES
from tests.mmv2.reporting.tables.conftest import PUBLISHED

CONTEXT = 65536


def settings(root, *benchmarks, **changes):
    fields = {"context_lengths": (CONTEXT,), "examples_per_length": 3, "data_root": str(root), "benchmarks": benchmarks}
    return PersistentSettings(**{**fields, **changes})


@pytest.fixture
def frozen(tokenizer_file, tmp_path):
    """Freezes benchmarks below a data root; returns the file."""

    def run(root, *benchmarks, **changes):
        path = tmp_path / "frozen.jsonl"
        freeze(settings(root, *benchmarks, **changes), tmp_path / "corpus", tokenizer_file, path)
        return path

    return run


def write(root, name, rows):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_by_default_the_measured_benchmarks_that_run_no_code():
    names = PersistentSettings(context_lengths=(64,)).benchmarks
    assert len(names) == 13
    assert not {"humaneval_plus", "mbpp", "tqa", "math", "race_middle", "race_high", "mmlu_letters"} & set(names)


def test_sources_are_hashed_and_the_data_root_is_not_frozen(frozen, tmp_path):
    row = {"question": "what is it", "answer": ["a"]}
    for root in ("one", "two"):
        write(tmp_path / root, "nq_open/validation.jsonl", [row] * 4)
    first = frozen(tmp_path / "one", "nq").read_bytes()
    assert frozen(tmp_path / "two", "nq").read_bytes() == first
    header, examples = read_frozen(tmp_path / "frozen.jsonl")
    assert header.sources.keys() == {"nq_open/validation.jsonl"}
    assert header.settings["data_root"] is None
    assert [example.num_shots for example in examples] == [0, 0, 0]


def test_demonstrations_are_drawn_where_asked_for(frozen, tmp_path):
    write(tmp_path, "nq_open/validation.jsonl", [{"question": f"q{n}", "answer": ["a"]} for n in range(4)])
    write(tmp_path, "nq_open/train.jsonl", [{"question": f"t{n}", "answer": [str(n)]} for n in range(9)])
    header, examples = read_frozen(frozen(tmp_path, "nq", shots={"nq": 5}))
    assert header.sources.keys() == {"nq_open/validation.jsonl", "nq_open/train.jsonl"}
    for example in examples:
        whole = header.prefixes.get(example.prefix, "") + example.prompt
        assert (example.num_shots, whole.count("Q: t")) == (5, 5)


OPTIONS = {"text": ["red", "blue"], "label": ["A", "B"]}
DRAWN = {
    "arc_challenge": ("arc_challenge/{}.jsonl", {"question": "{} {}?", "choices": OPTIONS, "answerKey": "B"}, 25),
    "winogrande": ("winogrande/{}.jsonl", {"sentence": "{} {} _.", "option1": "a", "option2": "b", "answer": "2"}, 5),
    "mmlu_alt": ("mmlu/{{}}/{}.jsonl", {"question": "{} {}?", "choices": list("wxyz"), "answer": 3}, 5),
    "race_high": (
        "race_high/{}.jsonl",
        {"article": "{} {}.", "question": "who", "options": list("wxyz"), "answer": "D"},
        2,
    ),
}
"""Benchmarks that lm-eval asks without demonstrations and others with: file of a split, a row, Llama 3's shots."""


def filled(value, *arguments):
    if isinstance(value, dict):
        return {key: filled(item, *arguments) for key, item in value.items()}
    return value.format(*arguments) if isinstance(value, str) else value


@pytest.mark.parametrize("name", DRAWN)
def test_published_numbers_of_shots_can_be_drawn(name, frozen, tmp_path):
    path, row, shots = DRAWN[name]
    one = BENCHMARKS[name]
    for subset in one.subsets:
        for split, number in ((one.split, 2), (one.shots_split, 30)):
            rows = [filled(row, split, place) for place in range(number)]
            write(tmp_path, path.format(split).format(subset), rows)
    header, examples = read_frozen(frozen(tmp_path, name, shots={name: shots}))
    for example in examples:
        whole = header.prefixes.get(example.prefix, "") + example.prompt
        assert (example.num_shots, whole.count(f"{one.shots_split} ")) == (shots, shots)
        assert whole.count(f"{one.split} ") == 1
    absent = path.format(one.shots_split).format(next(iter(one.subsets)))
    (tmp_path / absent).unlink()
    with pytest.raises(UserError, match=rf"{absent}: no such file: split {one.shots_split} of {name}"):
        frozen(tmp_path, name, shots={name: shots})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shots": {"gsm8k": 5}}, r"shots\.gsm8k: 5, but of gsm8k its 8 demonstrations are part of the task"),
        ({"context_lengths": (32,)}, r"context_lengths: 32: row \d+ of gsm8k needs \d+ tokens .*nothing is cut off"),
    ],
)
def test_what_cannot_be_asked_is_told(frozen, tmp_path, changes, message):
    write(tmp_path, "gsm8k/test.jsonl", [{"question": "1 + 1?", "answer": "#### 2"}] * 3)
    with pytest.raises(UserError, match=message):
        frozen(tmp_path, "gsm8k", **changes)
    assert not (tmp_path / "frozen.jsonl").exists()


def test_an_absent_data_set_and_an_incomplete_row_are_told(frozen, tmp_path):
    with pytest.raises(UserError, match=r"piqa/validation\.jsonl: no such file: .*baber/piqa \(licence: Academic Free"):
        frozen(tmp_path, "piqa")
    write(tmp_path, "piqa/validation.jsonl", [{"goal": "g", "sol1": "a", "label": 0}])
    with pytest.raises(UserError, match=r"piqa/validation\.jsonl: line 1: sol2: missing"):
        frozen(tmp_path, "piqa")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            "benchmarks: [obqa, hellaswg]",
            r"benchmarks: no benchmark 'hellaswg'; did you mean 'hellaswag'\? allowed: arc_c",
        ),
        ("hub: [nqq]", r"hub: no benchmark 'nqq'; did you mean 'nq'\?"),
        ("shots: {mnlu_alt: 5}", r"shots: no benchmark 'mnlu_alt'; did you mean 'mmlu_alt'\?"),
        ("benchmarks: [nq, nq]", r"benchmarks: one of them stands twice"),
        ("benchmarks: [nq], shots: {tqa: 5}", r"shots: tqa is not among benchmarks; add it there, or take it out here"),
        ("hub: [tqa]", r"hub: tqa is not among benchmarks"),
    ],
)
def test_an_unknown_benchmark_in_a_suite_is_told_with_the_nearest(tmp_path, settings, message):
    path = tmp_path / "mine.yaml"
    path.write_text(f"tasks: {{persistent: {{context_lengths: [64], {settings}}}}}\nruns: [a]\n")
    with pytest.raises(UserError, match=r"mine\.yaml: tasks\.persistent\." + message):
        load_suite(path, tmp_path)


def test_code_is_frozen_only_where_it_may_run(frozen, monkeypatch):
    with pytest.raises(UserError, match=r"persistent: execute_code: humaneval_plus runs what the model writes: "):
        frozen(FIXTURES, "humaneval_plus")
    asked = []
    monkeypatch.setattr(code_problems, "require", asked.append)
    _, examples = read_frozen(frozen(FIXTURES, "humaneval_plus", execute_code=True))
    assert asked == [True]
    assert [example.baselines for example in examples] == [{"empty_answer": ""}] * 3


@pytest.mark.parametrize("missing", ["asked", "container"])
def test_code_that_cannot_be_run_is_told_before_an_answer(missing, frozen, final, monkeypatch, tmp_path):
    """The machine that evaluates may be another one than that which froze."""
    monkeypatch.setattr(code_problems, "require", lambda asked: None)
    file = frozen(FIXTURES, "humaneval_plus", execute_code=True)
    monkeypatch.undo()
    if missing == "asked":  # a file that was edited
        header, *rest = file.read_text().splitlines(keepends=True)
        file.write_text(header.replace('"execute_code":true', '"execute_code":false') + "".join(rest))
    else:
        monkeypatch.setattr(sandbox, "available", lambda packages: "no container here")
    monkeypatch.setattr("mmv2.evaluation.evaluate.answer_all", lambda *_: pytest.fail("answers were generated"))
    told = {"asked": "code that a model wrote is off", "container": "no container here"}[missing]
    with pytest.raises(UserError, match=f"execute_code: humaneval_plus runs what the model writes: .*{told}"):
        evaluate(final("mmv2"), file, tmp_path / "records.jsonl", 1, "cpu")


def test_an_empty_program_is_not_run(frozen, monkeypatch):
    ran = []

    def passes(program, tests):
        ran.append(program)
        return type("Outcome", (), {"passed": "return a + b" in program})

    monkeypatch.setattr(code_problems, "require", lambda asked: None)
    monkeypatch.setattr(code_problems, "passes", passes)
    _, examples = read_frozen(frozen(FIXTURES, "humaneval_plus", execute_code=True))
    (example,) = [one for one in examples if one.id == "0"]
    assert TASK.score(example, Outcome.of_text(" \n")) == {"accuracy": 0.0, "pass@1": 0.0}
    ran.clear()  # lm-eval tries no answer when it makes a task
    assert TASK.score(example, Outcome.of_text("    return a + b\n\ndef more():")) == {"accuracy": 1.0, "pass@1": 1.0}
    assert ran == [example.prompt + "    return a + b\n"], "the answer ends at the first stop"


def test_log_likelihoods_decide_by_the_metric_of_the_table(frozen, tmp_path):
    options = {"text": ["red", "a very long blue thing"], "label": ["A", "B"]}
    write(tmp_path, "arc_easy/test.jsonl", [{"question": "Which?", "choices": options, "answerKey": "B"}])
    write(
        tmp_path,
        "winogrande/validation.jsonl",
        [{"sentence": "An _ is red.", "option1": "a", "option2": "b", "answer": "1"}],
    )
    _, (arc, schema) = read_frozen(frozen(tmp_path, "arc_easy", "winogrande"))
    assert TASK.score(arc, Outcome("", "red", (-2.0, -4.0))) == {"accuracy": 1.0, "acc": 0.0, "acc_norm": 1.0}
    assert (schema.prompt, schema.choice_heads, schema.choices) == ("An", (" a", " b"), (" a is red.", " b is red."))
    assert TASK.score(schema, Outcome("", "a is red.", (-1.0, -2.0))) == {"accuracy": 1.0, "acc": 1.0}
    assert [TASK.chance(one) for one in (arc, schema)] == [0.5, 0.5]


@pytest.mark.slow
@pytest.mark.parametrize("arch", sorted(architectures()))
def test_records_of_all_that_need_no_real_file_and_those_that_do(arch, final, frozen, data_root, no_network, tmp_path):
    """Every example is answered, whole; the tables read the records."""
    names = ("tqa", "math", "race_middle", "race_high")
    files = {"made": frozen(FIXTURES, *names, max_new_tokens=4).rename(tmp_path / "made.jsonl")}
    measured = PersistentSettings(context_lengths=(1,)).benchmarks
    files["real"] = frozen(data_root, *measured, examples_per_length=2, max_new_tokens=4)
    for name, file in files.items():
        evaluate(final(arch), file, tmp_path / name / "records.jsonl", 4, "cpu")
        records = read_jsonl(tmp_path / name / "records.jsonl", ResultRecord)
        asked = names if name == "made" else measured
        assert {record.subtask for record in records} == set(asked)
        assert {record.details["group"] for record in records} == {"persistent", "context"}
        assert all(record.scores.keys() >= {"accuracy"} and record.num_tokens <= CONTEXT for record in records)
    table = entry("table", "table01_persistent")
    records = read_records(tmp_path / "real").assign(arch="own")  # as a user's: ablations stand in tables of their own
    built = table.build(records, read_published(PUBLISHED / table.published))
    for name in measured:
        (head,) = (head for head in built if head.startswith(f"{name} / {name}"))
        assert ("cut at 4 of" in head) == (name in ("nq", "gsm8k", "squad", "bbh"))
