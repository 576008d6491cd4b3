"""The commands end to end on a small run, and how mistakes are told."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mmv2.cli import COMMANDS, main
from mmv2.config import read_yaml
from mmv2.data.tokenizer import train_bpe
from mmv2.evaluation.frozen import read_frozen
from mmv2.files import write_text
from mmv2.records import read_records, write_records
from mmv2.reporting.claims_page import read_page
from tests.golden.make_records_claims import world
from tests.mmv2.evaluation.small_world import squad, write_final

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "workflow/config"


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    printed = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(f"  {name} " in printed for name in COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_its_own_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: mmv2 {command} [-h]")


def test_a_mistake_is_one_line_and_status_1(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["data", str(tmp_path / "none.yaml"), "--output", str(tmp_path / "corpus")])
    captured = capsys.readouterr()
    assert ended.value.code == 1
    assert captured.out == ""
    assert captured.err == f"error: {tmp_path}/none.yaml: no such file; there are: no YAML files\n"


def test_a_mistake_of_ours_is_not_hidden(monkeypatch):
    def broken(arguments):
        raise ZeroDivisionError

    monkeypatch.setitem(COMMANDS, "info", broken)
    with pytest.raises(ZeroDivisionError):
        main(["info"])


def test_an_unknown_command_names_the_choices(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["evalute"])
    assert ended.value.code == 2
    assert "choose from" in capsys.readouterr().err


def test_an_unknown_task_names_the_choices(tmp_path, capsys):
    suite = CONFIG / "suites/smoke.yaml"
    with pytest.raises(SystemExit):
        main(["freeze", str(suite), "ruler_q", "--corpus", str(tmp_path), "--output", str(tmp_path / "out.jsonl")])
    assert "tasks: no 'ruler_q'; did you mean 'ruler_qa'?" in capsys.readouterr().err


def told(capsys, *arguments):
    """What a command that fails says, which must be one line."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert (ended.value.code, captured.out) == (1, "")
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_suite_file_is_no_run_file(tmp_path, capsys):
    suite = CONFIG / "suites/smoke.yaml"
    error = told(capsys, "data", suite, "--output", tmp_path / "corpus")
    assert f"{suite}: is a suite file, a run file is needed: one of ['smoke/mmv2'" in error
    assert not (tmp_path / "corpus").exists()


def test_an_output_that_cannot_be_made_is_told(tmp_path, capsys):
    (tmp_path / "file").touch()
    (tmp_path / "final").mkdir()
    (tmp_path / "final/config.json").write_text(
        '{"arch": "", "model": {}, "provenance": {}, "weights_sha256": "", "tokenizer_sha256": ""}'
    )
    below, run = tmp_path / "file/below", CONFIG / "runs/smoke/mmv2.yaml"
    calls = {
        "data": (run, "--output", below),
        "train": (run, "--corpus", tmp_path, "--output", below),
        "freeze": (CONFIG / "suites/smoke.yaml", "ruler_qa", "--corpus", tmp_path, "--output", below),
        "evaluate": (tmp_path / "final", tmp_path, "--output", below),
        "render": ("table", "any", tmp_path, "--output", below),
    }
    for command, arguments in calls.items():
        assert "file" in told(capsys, command, *arguments).partition(": this folder cannot be made (")[0], command


def test_the_folder_of_a_run_is_not_its_final_one(tmp_path, capsys):
    (tmp_path / "final").mkdir()
    out = ("--output", tmp_path / "out")
    writing = (("evaluate", tmp_path, "examples", *out), ("reduce", tmp_path, "name", *out), ("export", tmp_path, *out))
    for command in (*writing, ("generate", tmp_path, "--prompt", "a")):
        error = told(capsys, *command)
        assert f"{tmp_path}/config.json: no such file, so this is no final/ folder; give {tmp_path}/final" in error
    error = told(capsys, "evaluate", tmp_path / "final", "examples", "--output", tmp_path / "out")
    assert "give the final/ folder of a finished run" in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--device", "gpu"], "--device gpu: unknown; use cpu, cuda"),
        (["--device", "cuda:99"], "--device cuda:99: GPU 99 is not there"),
        (["--processes", "0"], "--processes 0: a run needs at least one"),
    ],
)
def test_options_of_training_that_cannot_be_are_told(options, message, tmp_path, capsys):
    run = CONFIG / "runs/smoke/mmv2.yaml"
    assert message in told(capsys, "train", run, "--corpus", tmp_path, "--output", tmp_path, *options)


def test_evaluation_options_reach_the_evaluation(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("mmv2.final.read_final_config", lambda folder: None)
    monkeypatch.setattr("mmv2.evaluation.evaluate.evaluate", lambda *arguments: calls.append(arguments))
    files = ["evaluate", "final", "examples", "--output", f"{tmp_path}/out"]
    main(files)
    main([*files, "--batch-size", "3", "--device", "cuda", "--context-lengths", "256", "128"])
    paths = Path("final"), Path("examples"), tmp_path / "out"
    assert calls == [(*paths, 16, None, None), (*paths, 3, "cuda", (256, 128))]


def test_generation_options_reach_the_generation(monkeypatch):
    calls = []
    monkeypatch.setattr("mmv2.hub.generate.generate", lambda *arguments: calls.append(arguments))
    main(["generate", "final", "--prompt", "a b"])
    drawn = ["--max-new-tokens", "5", "--temperature", "0.7", "--top-p", "0.9", "--seed", "3", "--device", "cpu"]
    main(["generate", "final", "--prompt", "a b", *drawn])
    assert calls == [(Path("final"), "a b", 100, 0.0, 1.0, 0, None), (Path("final"), "a b", 5, 0.7, 0.9, 3, "cpu")]


def test_claims_are_named_as_in_a_suite(tmp_path, capsys):
    write_records(tmp_path / "records.jsonl", world())
    render = ["render", "claims", "persistent_parity,icl_semantic_rises", f"{tmp_path}/records.jsonl"]
    main([*render, "--output", f"{tmp_path}/claims"])
    assert [claim.name for claim in read_page(tmp_path / "claims.json").claims] == render[2].split(",")
    assert (tmp_path / "claims.md").is_file()
    assert "claim 'parity' is unknown" in told(capsys, "render", "claims", "parity", *render[3:], "--output", tmp_path)


def test_what_a_model_is_is_drawn_from_its_config(tmp_path):
    config = ROOT / "results/measured/laptop/runs/mmv2.json"
    for kind, name in (("table", "table06_parametrisation"), ("figure", "figure11_masks")):
        main(["render", kind, name, str(config), "--output", str(tmp_path / name)])
    assert "alpha_psi" in (tmp_path / "table06_parametrisation.md").read_text()
    assert "Memory Mosaics v2" in (tmp_path / "figure11_masks.txt").read_text()


def test_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "mmv2", "info", "--arch", "none"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: architecture 'none' is unknown; allowed: ")


def test_planning_a_command_needs_no_torch():
    code = "import sys, mmv2.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def small_suite(folder):
    """The smoke suite with one run of one step and one short task; returns its suite file and run file."""
    base, run, suite = (
        read_yaml(CONFIG / name) for name in ("runs/smoke/_base.yaml", "runs/smoke/mmv2.yaml", "suites/smoke.yaml")
    )
    base["training"] |= {"max_steps": 1, "warmup_steps": 1}
    base["corpus"] |= {"largest_budget": 1.0}
    suite["runs"], suite["figures"] = ["mmv2"], ["ruler_qa_over_length"]
    suite["tasks"]["ruler_qa"] |= {"context_lengths": [128], "examples_per_length": 2}
    suite["milestones"] = {}
    for name, content in (("runs/_base", base), ("runs/mmv2", run), ("suites/smoke", suite)):
        write_text(folder / f"{name}.yaml", yaml.safe_dump(content))
    return str(folder / "suites/smoke.yaml"), str(folder / "runs/mmv2.yaml")


def documented(block):
    """The text of a fenced block of docs/ruler.md."""
    return (ROOT / "docs/ruler.md").read_text().split(f"```{block}\n")[1].split("```")[0]


def documented_files(folder):
    """What docs/ruler.md names, small: its file of tasks, sources, and a model that reads any text."""
    content = yaml.safe_load(documented("yaml"))
    for settings in content["tasks"].values():
        settings |= {"context_lengths": [2048], "examples_per_length": 2, "max_new_tokens": 4}
    write_text(folder / "ruler.yaml", yaml.safe_dump(content))
    sources = folder / "FOLDER"
    for name in ("squad", "hotpotqa"):
        (sources / name).mkdir(parents=True)
    (sources / "squad/dev-v2.0.json").write_text(json.dumps(squad()))
    pairs = [[f"t{number}", ["It is so. "]] for number in range(10)]
    row = {"question": "Is it so?", "answer": "yes", "supporting_facts": [["t1", 0], ["t2", 0]], "context": pairs}
    rows = [{**row, "_id": str(number)} for number in range(4)]
    (sources / "hotpotqa/hotpot_dev_distractor_v1.json").write_text(json.dumps(rows))
    (sources / "PaulGrahamEssays.json").write_text(json.dumps({"text": "It was so. " * 50}))
    text = (ROOT / "docs/ruler.md").read_text()
    train_bpe([text], 900).save(str(folder / "tokenizer.json"))
    write_final(folder / "FINAL", "mmv2", folder / "tokenizer.json", vocab_size=900)


def test_the_page_of_ruler_can_be_followed(tmp_path, monkeypatch):
    documented_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    commands = [shlex.split(line) for line in documented("bash").splitlines()]
    assert [words[:2] for words in commands] == [["mmv2", name] for name in ("freeze", "evaluate", "render")]
    for words in commands:
        main(words[1:])
    assert "hotpotqa" in Path("by_depth.md").read_text()
    (freeze, *_) = commands
    main([word.replace("ruler_qa", "ruler_niah") for word in freeze[1:]])
    names = {example.subtask for example in read_frozen(Path("ruler_niah.jsonl"))[1]}
    assert names == {"niah_single_1", "niah_single_2", "niah_single_3"}


def test_from_corpus_to_figure(tmp_path, capsys):
    suite, run = small_suite(tmp_path)
    corpus, trained, examples, records, figure = (
        str(tmp_path / name) for name in ("c", "t", "e.jsonl", "r.jsonl", "f")
    )
    main(["data", run, "--output", corpus])
    main(["train", run, "--corpus", corpus, "--output", trained, "--device", "cpu"])
    main(["freeze", suite, "ruler_qa", "--corpus", corpus, "--output", examples])
    again = tmp_path / "again.jsonl"
    main(["freeze", suite, "ruler_qa", "--corpus", corpus, "--output", str(again), "--tokenizer", f"{trained}/final"])
    assert again.read_bytes() == Path(examples).read_bytes()
    main(["evaluate", f"{trained}/final", examples, "--output", records, "--batch-size", "2"])
    capsys.readouterr()
    main(["generate", f"{trained}/final", "--prompt", "", "--max-new-tokens", "3", "--device", "cpu"])
    assert capsys.readouterr().out.strip()
    main(["export", f"{trained}/final", "--output", f"{tmp_path}/exported"])
    assert Path(f"{tmp_path}/exported/mmv2_hub_modelling.py").is_file()
    main(["reduce", f"{trained}/final", "without_long_term_memory", "--output", f"{tmp_path}/reduced"])
    options = ["--device", "cpu", "--context-lengths", "128"]
    main(["evaluate", f"{tmp_path}/reduced", examples, "--output", f"{tmp_path}/reduced.jsonl", *options])
    table = read_records([Path(records), tmp_path / "reduced.jsonl"])
    assert set(table["run"]) == {"mmv2"}
    sizes = table.groupby("reduction", dropna=False)["num_parameters"].first()
    assert sizes["without_long_term_memory"] < sizes[sizes.index.isna()].item()
    main(["render", "figure", "ruler_qa_over_length", records, "--output", figure])
    assert Path(f"{figure}.png").stat().st_size > 0
