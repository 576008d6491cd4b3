import json
import multiprocessing
import os
import signal
from dataclasses import replace

import pytest

from mmv2.convert import reduce_final
from mmv2.data.tokenizer import BOS, EOS
from mmv2.errors import UserError
from mmv2.evaluation import answering
from mmv2.evaluation import evaluate as evaluate_module
from mmv2.evaluation.evaluate import evaluate
from mmv2.evaluation.frozen import Encoder, FrozenExample, checksum, read_frozen, write_frozen
from mmv2.evaluation.generation import answer as answer_prompts
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.ruler.settings import RulerQaSettings
from mmv2.evaluation.tasks.ruler_qa import TASK, freeze
from mmv2.files import sha256
from mmv2.final import load_final
from mmv2.jsonl import read_jsonl
from mmv2.records import ResultRecord, read_records
from mmv2.registry import architectures
from tests.mmv2.evaluation.small_world import TINY_PROMPT, write_corpus_folder, write_final

SETTINGS = RulerQaSettings(
    context_lengths=(64, 32),
    examples_per_length=9,
    max_new_tokens=3,
    prompt_template=TINY_PROMPT,
    document_template="{text}",
    document_joiner="\n",
    min_documents=2,
    document_step=1,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A frozen file, and below it one final/ folder per architecture."""
    folder = tmp_path_factory.mktemp("files")
    corpus = write_corpus_folder(folder / "corpus")
    freeze(SETTINGS, corpus, corpus / "tokenizer.json", folder / "frozen.jsonl")
    for arch in architectures():
        write_final(folder / arch, arch, corpus / "tokenizer.json")
    write_final(folder / "mmv2-other-weights", "mmv2", corpus / "tokenizer.json", seed=6)
    return folder


@pytest.fixture(params=sorted(architectures()))
def arch(request):
    return request.param


def test_one_record_per_example_from_the_models_own_answers(files, arch, tmp_path):
    output = tmp_path / "records.jsonl"
    evaluate(files / arch, files / "frozen.jsonl", output, batch_size=4, device="cpu")
    header, examples = read_frozen(files / "frozen.jsonl")
    final = load_final(files / arch)
    tokenizer = final.tokenizer
    for record, example in zip(read_jsonl(output, ResultRecord), examples, strict=True):
        prompt = [tokenizer.token_to_id(BOS), *tokenizer.encode(example.prompt).ids]
        (answer,) = answer_prompts(final.model, [prompt], header.max_new_tokens, tokenizer.token_to_id(EOS))
        assert record.prediction == tokenizer.decode(list(answer.ids))
        assert record.scores == TASK.score(example, Outcome(record.prediction))
        assert record.details["finished"] == answer.finished
        assert (record.example_id, record.context_length) == (example.id, example.context_length)
        assert (record.num_tokens, record.depth, record.references) == (
            example.num_tokens,
            example.depth,
            example.references,
        )
        assert (record.run, record.arch, record.step, record.tokens_seen) == (f"tiny-{arch}", arch, 7, 700)
        assert (record.training_context, record.budget, record.seed) == (32, 1.0, 3)
        assert record.label == architectures()[arch].label_for(final.config)
        assert record.num_parameters == sum(parameter.numel() for parameter in final.model.parameters())
        assert record.device == "cpu"
        assert record.settings == {"learning_rate": 1.0e-3, "delay_is_fixed": None}
        assert (record.reduction, record.split, record.choice) == (None, "test", None)
        assert record.data_hash == sha256(files / "frozen.jsonl")
        assert record.baselines["nearest_match"] == 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["records.jsonl"]


@pytest.fixture
def run(files, monkeypatch):
    """Evaluate in a process that kills itself before its batch number ``batches`` (from 0); its exit status."""
    monkeypatch.setattr(evaluate_module, "code_version", lambda: "the same for all")

    def start(output, batches, model="mmv2"):
        left = iter(range(batches))

        def answer_or_die(*arguments):
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer_prompts(*arguments)

        monkeypatch.setattr(answering, "answer", answer_or_die)
        arguments = (files / model, files / "frozen.jsonl", output, 4, "cpu")
        process = multiprocessing.get_context("fork").Process(target=evaluate, args=arguments)
        process.start()
        process.join()
        return process.exitcode

    return start


def test_a_killed_evaluation_goes_on_and_ends_with_the_same_bytes(files, run, tmp_path):
    header, examples = read_frozen(files / "frozen.jsonl")
    encoder = Encoder(load_final(files / "mmv2").tokenizer)
    sizes = [len(batch) for batch in answering.batches(encoder, header, examples, 4)]
    assert sum(sizes) == len(examples)
    assert max(sizes) == 4
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    partial = tmp_path / "killed.jsonl.partial"
    assert run(whole, batches=99) == 0
    assert run(killed, batches=2) == -signal.SIGKILL
    assert not killed.exists()
    assert len(partial.read_text().splitlines()) == 1 + sum(sizes[:2])
    partial.write_bytes(partial.read_bytes()[:-5])
    assert run(killed, batches=1) == -signal.SIGKILL, "the batch with the torn line is computed again"
    assert run(killed, batches=len(sizes) - 2) == 0, "two batches were done before"
    assert killed.read_bytes() == whole.read_bytes()
    assert not partial.exists()


@pytest.mark.parametrize("other", ["transformer", "mmv2-other-weights"])
def test_answers_of_another_model_are_not_taken_over(run, other, tmp_path):
    assert run(tmp_path / "a.jsonl", batches=2, model=other) == -signal.SIGKILL
    assert run(tmp_path / "a.jsonl", batches=99) == 0
    assert run(tmp_path / "b.jsonl", batches=99) == 0
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_of_nothing_is_refused(files, tmp_path, batch_size):
    with pytest.raises(UserError, match=rf"batch_size: {batch_size}; decode at least 1"):
        evaluate(files / "mmv2", files / "frozen.jsonl", tmp_path / "out.jsonl", batch_size)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("gpu", "asked", "found"),
    [(False, None, "cpu"), (True, None, "cuda"), (True, "cpu", "cpu"), (True, "cuda", "cuda"), (False, "cpu", "cpu")],
)
def test_the_device_is_the_one_asked_for_or_a_gpu_where_there_is_one(monkeypatch, gpu, asked, found):
    monkeypatch.setattr(evaluate_module.torch.cuda, "is_available", lambda: gpu)
    assert evaluate_module._device(asked) == found


@pytest.mark.parametrize(
    ("device", "message"),
    [("gpu", "device: 'gpu' is unknown; .*allowed: cpu, cuda"), ("cuda", "cuda, but there is no")],
)
def test_a_device_that_is_not_there_is_refused(files, tmp_path, monkeypatch, device, message):
    monkeypatch.setattr(evaluate_module.torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=message):
        evaluate(files / "mmv2", files / "frozen.jsonl", tmp_path / "out.jsonl", 4, device)
    assert not list(tmp_path.iterdir())


def test_answers_of_another_device_or_for_other_lengths_are_not_taken_over(files):
    final = load_final(files / "mmv2")
    keys = {
        evaluate_module._key(final, files / "mmv2", files / "frozen.jsonl", lengths, 4, device)
        for device in ("cpu", "cuda")
        for lengths in (None, (32,), (32, 64), (64, 32))
    }
    assert len(keys) == 6


def test_another_tokenizer_is_refused(files, tmp_path):
    other = write_corpus_folder(tmp_path / "corpus")
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    (other / "tokenizer.json").write_text(json.dumps(tokenizer, indent=1))
    write_final(tmp_path / "final", "transformer", other / "tokenizer.json")
    with pytest.raises(UserError, match=r"frozen\.jsonl: made with another tokenizer .* freeze ruler_qa with"):
        evaluate(tmp_path / "final", files / "frozen.jsonl", tmp_path / "out.jsonl", batch_size=4, device="cpu")
    assert not (tmp_path / "out.jsonl").exists()


def test_a_prompt_that_reads_otherwise_than_when_frozen_is_refused(files, tmp_path):
    header, examples = read_frozen(files / "frozen.jsonl")
    examples[2] = examples[2].model_copy(update={"prompt": examples[2].prompt.replace("lives in", "lives", 1)})
    header = header.model_copy(update={"examples_sha256": checksum(examples)})
    write_frozen(tmp_path / "frozen.jsonl", header, examples)
    with pytest.raises(UserError, match=r"tokens here, .* when it was frozen"):
        evaluate(files / "mmv2", tmp_path / "frozen.jsonl", tmp_path / "out.jsonl", batch_size=4, device="cpu")


def test_provenance_without_a_key_is_told(files, tmp_path):
    for path in (files / "mmv2").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    content = json.loads((tmp_path / "config.json").read_text())
    del content["provenance"]["budget"]
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"config\.json: provenance\.budget: missing"):
        evaluate(tmp_path, files / "frozen.jsonl", tmp_path / "out.jsonl", batch_size=4, device="cpu")


def test_some_lengths_alone_give_the_records_that_they_have_among_all(files, tmp_path):
    for name, lengths in (("all", None), ("some", (64,))):
        evaluate(files / "mmv2", files / "frozen.jsonl", tmp_path / f"{name}.jsonl", 4, "cpu", lengths)
    everything, some = (read_jsonl(tmp_path / f"{name}.jsonl", ResultRecord) for name in ("all", "some"))
    assert some == [record for record in everything if record.context_length == 64]
    assert 0 < len(some) < len(everything)


def test_a_length_that_was_not_frozen_is_told(files, tmp_path):
    with pytest.raises(UserError, match=r"context_lengths: 48: .*frozen\.jsonl has no example of it; .* \[32, 64\]"):
        evaluate(files / "mmv2", files / "frozen.jsonl", tmp_path / "out.jsonl", 4, "cpu", (64, 48))
    assert not list(tmp_path.iterdir())


def choice_examples():
    """Ten questions after one prefix, half of them for choosing prompt styles."""
    fields = {"subtask": "s", "context_length": 64, "references": ("Rome",), "prefix": "p", "num_tokens": 14}
    choices = {"choices": (" Oslo", " Rome"), "baselines": {"first": "Oslo", "right": "Rome"}, "details": {"n": 1}}
    return [
        FrozenExample(id=f"{name}-{split}", prompt=f"\n{name} lives in", split=split, **fields, **choices)
        for split in ("test", "dev")
        for name in ("mira", "jon", "ada", "karl", "ines")
    ]


def test_records_tell_the_choice_that_scores_saw(files, tmp_path, monkeypatch):
    def score(example, outcome):
        chosen = float(outcome.choice == example.references[0])
        return {"accuracy": chosen, "generated": float(outcome.text == example.references[0])}

    task = replace(TASK, score=score, main_score="accuracy", chance=lambda example: 0.5)
    monkeypatch.setattr(evaluate_module, "entry", lambda kind, name: task)
    examples = choice_examples()
    texts = {"p": "mira tol lives in Rome."}
    changes = {"prefixes": texts, "num_examples": 10, "examples_sha256": checksum(examples, texts)}
    header = read_frozen(files / "frozen.jsonl")[0].model_copy(update=changes)
    write_frozen(tmp_path / "frozen.jsonl", header, examples)
    evaluate(files / "mmv2", tmp_path / "frozen.jsonl", tmp_path / "out.jsonl", 4, "cpu")
    records = read_jsonl(tmp_path / "out.jsonl", ResultRecord)
    assert [record.split for record in records] == ["test"] * 5 + ["dev"] * 5
    assert {record.choice for record in records} == {"Oslo", "Rome"}
    assert all(record.scores["accuracy"] == (record.choice == "Rome") for record in records)
    assert all(record.baselines == {"first": 0.0, "right": 1.0} for record in records)
    assert all(record.details["n"] == 1 and "finished" in record.details for record in records)
    assert len(read_records(tmp_path / "out.jsonl")) == 10


def test_a_reduced_model_keeps_the_name_of_its_run(files, tmp_path):
    reduce_final(files / "mmv2", "without_long_term_memory", tmp_path / "reduced")
    evaluate(tmp_path / "reduced", files / "frozen.jsonl", tmp_path / "records/b.jsonl", 4, "cpu", (32,))
    evaluate(files / "mmv2", files / "frozen.jsonl", tmp_path / "records/a.jsonl", 4, "cpu", (32,))
    table = read_records(tmp_path / "records")
    assert set(table["run"]) == {"tiny-mmv2"}
    assert table.groupby("reduction", dropna=False).size().tolist() == [9, 9]
