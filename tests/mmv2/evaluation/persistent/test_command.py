"""lm-eval's command line on our models and files: the same answers as the suite's own way."""

import json
import logging
import sys

import pytest
import yaml
from lm_eval.tasks import TaskManager

from mmv2 import sandbox
from mmv2.errors import UserError
from mmv2.evaluation.answering import answer_all
from mmv2.evaluation.evaluate import evaluate
from mmv2.evaluation.frozen import read_frozen
from mmv2.evaluation.language_model import Mmv2LM
from mmv2.evaluation.persistent import command
from mmv2.evaluation.persistent.command import CommandTask, main, write_task_files
from mmv2.evaluation.persistent.table import BENCHMARKS
from mmv2.evaluation.progress import Progress
from mmv2.evaluation.tasks.persistent import PersistentSettings, freeze
from mmv2.final import load_final
from mmv2.jsonl import read_jsonl
from mmv2.records import ResultRecord
from tests.mmv2.evaluation.persistent.conftest import FIXTURES


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Reading all of lm-eval's own tasks takes seconds; ours do not need them. Its logging is left as it was."""
    make = TaskManager.__init__
    monkeypatch.setattr(
        TaskManager,
        "__init__",
        lambda self, *args, **options: make(self, *args, **{**options, "include_defaults": False}),
    )
    monkeypatch.setattr(command, "setup_logging", lambda: None)
    monkeypatch.setattr(sys, "argv", sys.argv[:1])
    logging.getLogger("lm_eval").setLevel(logging.WARNING)


def test_every_benchmark_has_its_files(tmp_path):
    write_task_files(tmp_path, None, False)
    known = TaskManager(include_path=str(tmp_path))
    groups = {name for name, one in BENCHMARKS.items() if len(one.subsets) > 1}
    assert set(known.all_groups) == {f"mmv2_{name}" for name in groups}
    assert len(known.all_subtasks) == sum(len(one.subsets) for one in BENCHMARKS.values())
    group = yaml.safe_load((tmp_path / "mmv2_bbh_group.yaml").read_text())
    assert len(group["task"]) == 27
    assert group["aggregate_metric_list"][0]["filter_list"] == ["get-answer"]


def test_tasks_are_made_of_the_files(tmp_path):
    write_task_files(tmp_path, None, False)
    known = TaskManager(include_path=str(tmp_path), metadata={"data_root": str(FIXTURES)})
    found = known.load(["mmv2_math", "mmv2_tqa"])["tasks"]
    assert len(found) == 8
    assert all(isinstance(task, CommandTask) for task in found.values())
    assert found["mmv2_math_algebra"].config.num_fewshot == 4


def samples(folder, task):
    (path,) = folder.rglob(f"samples_{task}_*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("arch", ["mmv2", "transformer"])
def test_both_ways_give_the_same_answers(arch, final, tokenizer_file, tmp_path):
    folder, out = final(arch), tmp_path / "out"
    settings = PersistentSettings(
        context_lengths=(65536,), benchmarks=("race_high", "tqa"), data_root=str(FIXTURES), max_new_tokens=12
    )
    freeze(settings, tmp_path, tokenizer_file, tmp_path / "frozen.jsonl")
    header, examples = read_frozen(tmp_path / "frozen.jsonl")
    progress = Progress(tmp_path / "progress", "key")
    answer_all(load_final(folder), header, examples, 2, progress)
    evaluate(folder, tmp_path / "frozen.jsonl", tmp_path / "records.jsonl", 3, "cpu")
    records = {(r.subtask, r.example_id): r for r in read_jsonl(tmp_path / "records.jsonl", ResultRecord)}
    arguments = f"""--model mmv2 --model_args pretrained={folder},max_length=4096 --tasks mmv2_race_high,mmv2_tqa
        --metadata data_root={FIXTURES} --batch_size 4 --device cpu --gen_kwargs max_gen_toks=12 --output_path {out}
        --log_samples"""
    main(arguments.split())
    theirs = {name: {str(row["doc_id"]): row for row in samples(out, f"mmv2_{name}")} for name in ("race_high", "tqa")}
    for number, example in enumerate(examples):
        row, record = theirs[example.subtask][example.id], records[example.subtask, example.id]
        if example.choices:
            values = [float(value) for ((value, _),) in row["resps"]]
            assert progress.answers[number].loglikelihoods == pytest.approx(values, abs=1e-5)
            assert record.scores["accuracy"] == row["acc"]
            assert record.scores["acc_norm"] == row["acc_norm"]
        else:
            (filtered,) = row["filtered_resps"]
            assert record.prediction.startswith(row["resps"][0][0])
            assert filtered == row["resps"][0][0].strip()
            assert record.scores["accuracy"] == row["exact_match"]
    (results,) = out.rglob("results_*.json")
    config = json.loads(results.read_text())["config"]
    assert (config["training_context"], config["max_length"], config["requests_cut"]) == (64, 4096, 0)


def test_an_unknown_task_is_told_with_the_nearest(final):
    with pytest.raises(
        UserError, match=r"--tasks: no task 'mmv2_obaq', neither here nor in lm-eval; did you mean 'mmv2_obqa'"
    ):
        main(f"--model mmv2 --model_args pretrained={final('mmv2')} --tasks mmv2_obaq --device cpu".split())


def test_a_prompt_that_is_too_long_is_told(final):
    arguments = f"--model mmv2 --model_args pretrained={final('mmv2')} --tasks mmv2_race_high --device cpu"
    with pytest.raises(UserError, match=r"mmv2_race_high: question 0: \d+ tokens .* but max_length is 64"):
        main([*arguments.split(), "--metadata", f"data_root={FIXTURES}"])


def test_absent_data_is_told(final, tmp_path):
    arguments = f"--model mmv2 --model_args pretrained={final('mmv2')} --tasks mmv2_obqa --device cpu"
    with pytest.raises(UserError, match=r"obqa/test\.jsonl: no such file: .*allenai/openbookqa.*Apache 2\.0"):
        main([*arguments.split(), "--metadata", f"data_root={tmp_path}"])


@pytest.mark.parametrize("option", [["--include_path", "x"], ["--include_path=/nothere"], ["--include", "x"]])
@pytest.mark.parametrize("start", [["run", "--tasks", "mmv2_nq"], ["ls", "tasks"]])
def test_the_folder_of_tasks_is_taken(start, option):
    with pytest.raises(UserError, match="--include_path: is taken"):
        main([*start, *option])


def test_the_folder_of_tasks_is_taken_in_a_file_too(tmp_path):
    (tmp_path / "run.yaml").write_text("tasks: mmv2_nq\ninclude_path: x\n")
    with pytest.raises(UserError, match="--include_path: is taken"):
        main(["run", "--config", str(tmp_path / "run.yaml")])


def test_metadata_that_no_task_reads_is_refused():
    with pytest.raises(UserError, match="--metadata: dataroot: no such key"):
        main(["--model", "mmv2", "--tasks", "mmv2_nq,mmv2_obqa", "--metadata", "dataroot=x"])


def write_nq(root):
    (root / "nq_open").mkdir()
    for split, number in (("validation", 2), ("train", 6)):
        rows = [{"question": f"{split} {place}", "answer": [f"a{place}"]} for place in range(number)]
        (root / "nq_open" / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("shots", [0, 2])
def test_shots_that_are_asked_for_are_drawn(shots, final, tmp_path):
    write_nq(tmp_path)
    out = tmp_path / "out"
    arguments = f"""--model mmv2 --model_args pretrained={final("transformer")},max_length=4096 --tasks mmv2_nq
        --num_fewshot {shots} --metadata data_root={tmp_path} --batch_size 2 --device cpu
        --gen_kwargs max_gen_toks=2 --output_path {out} --log_samples"""
    main(arguments.split())
    (results,) = out.rglob("results_*.json")
    assert json.loads(results.read_text())["n-shot"] == {"mmv2_nq": shots}
    prompts = [row["arguments"]["gen_args_0"]["arg_0"] for row in samples(out, "mmv2_nq")]
    assert [(prompt.count("Q: train"), prompt.count("Q: validation")) for prompt in prompts] == [(shots, 1)] * 2


@pytest.mark.parametrize(
    ("task", "shots", "message"),
    [
        ("gsm8k", 5, r"--num_fewshot: 5, but of gsm8k its 8 demonstrations are part of the task; leave it out"),
        ("nq", 7, r"shots: 7 are wanted of nq, but split train has 6 rows to draw them from; use fewer"),
    ],
)
def test_shots_that_cannot_be_had_are_refused(task, shots, message, final, tmp_path):
    write_nq(tmp_path)
    arguments = f"--model mmv2 --model_args pretrained={final('mmv2')} --tasks mmv2_{task} --device cpu"
    with pytest.raises(UserError, match=message):
        main([*arguments.split(), "--num_fewshot", str(shots), "--metadata", f"data_root={tmp_path}"])


def test_code_runs_only_where_confirmed_and_contained(final, monkeypatch):
    """Told before the first answer: nothing is generated that could not be scored."""
    monkeypatch.setattr(Mmv2LM, "generate_until", lambda *_: pytest.fail("answers were generated"))
    arguments = f"--model mmv2 --model_args pretrained={final('mmv2')} --tasks mmv2_humaneval_plus --device cpu"
    with pytest.raises(UserError, match=r"running code that a model wrote is off; .*--confirm_run_unsafe_code"):
        main([*arguments.split(), "--metadata", f"data_root={FIXTURES}"])
    monkeypatch.setattr(sandbox, "available", lambda packages: "no container here")
    with pytest.raises(UserError, match="no container here"):
        main([*arguments.split(), "--confirm_run_unsafe_code", "--metadata", f"data_root={FIXTURES}"])
