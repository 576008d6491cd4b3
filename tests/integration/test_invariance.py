"""Results do not depend on the batch size, on the number of processes or on the order of tasks.

Every task of the registry, frozen and evaluated as a workflow does it, by a tiny model of every architecture: the same
predictions, and log-likelihoods (and whatever else is measured) within 1e-5. That is tested in single precision with
weights that are sure of nothing, where rounding stays below it; and in double precision, within 1e-9, with large
weights, where what is wrong by more than rounding shows.

Every run is one of a fresh interpreter: what a process keeps of earlier tasks would else be the same in all of them.
"""

import json
import multiprocessing
from dataclasses import replace
from functools import partial

import pytest

from mmv2.data.tokenizer import train_bpe
from mmv2.evaluation import evaluate as evaluate_module
from mmv2.evaluation.evaluate import evaluate
from mmv2.evaluation.progress import Progress
from mmv2.final import load_final
from mmv2.jsonl import read_jsonl
from mmv2.records import ResultRecord
from mmv2.registry import architectures, entries
from tests.mmv2.evaluation.small_world import write_corpus_folder, write_final
from tests.mmv2.evaluation.tasks.test_contract import ANY_TEXT, SMALL

pytestmark = pytest.mark.slow
TASKS = sorted([*SMALL, "icl_code.again", "icl_regular_languages.again"])
"""All: the contract of tasks demands small settings of each. One again with other data under the same names, one again
with another tokenizer for the same texts."""
FEW = {"examples_per_length": 5}
FEWER = {
    "attention": {"examples_per_length": 2},
    "icl_code": {"shots": (1,)},
    "icl_code.again": {"shots": (1,), "seed": 9},
    "icl_reasoning": {"shots": (1,), "max_new_tokens": 8},
    "icl_regular_languages": {"shots": (3,)},
    "icl_regular_languages.again": {"shots": (3,), "context_lengths": (512,)},
    "many_shot": {
        "shots": (1, 3),
        "dev_examples": 0,
        "label_kinds": ("anonymous",),
        "datasets": {"banking77": SMALL["many_shot"]["datasets"]["banking77"]},
    },
    "ruler_qa": {"max_new_tokens": 5},
}
"""Changes that make a task quicker, and the last one unlike the first: what stays of either shows in the others."""
BYTES = 320
"""Size of the vocabulary that reads any text."""
SPREAD = {"single": 0.05, "double": 0.3}
CLOSE = {"single": 1e-5, "double": 1e-9}


def task_of(name):
    return name.removesuffix(".again")


def reads_bytes(name):
    return task_of(name) in ANY_TEXT or name.endswith(".again")


def tokenizer_file(folder, name):
    """The small corpus's words, or a byte-level one that reads any text."""
    return folder / "bytes.json" if reads_bytes(name) else folder / "corpus" / "tokenizer.json"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with the frozen files."""
    folder = tmp_path_factory.mktemp("files")
    corpus = write_corpus_folder(folder / "corpus")
    train_bpe([(corpus / "evaluation" / "mbpp.jsonl").read_text()], BYTES).save(str(folder / "bytes.json"))
    for name in TASKS:
        task = entries("task")[task_of(name)]
        settings = task.settings(**{**SMALL[task_of(name)], **FEW, **FEWER.get(name, {})})
        task.freeze(settings, corpus, tokenizer_file(folder, name), folder / f"{name}.jsonl")
    return folder


@pytest.fixture(params=sorted(architectures()), scope="module")
def arch(request):
    return request.param


@pytest.fixture(params=SPREAD, scope="module")
def run(request, files, arch, tmp_path_factory):
    """Starts a fresh interpreter that evaluates tasks one after another."""
    models = tmp_path_factory.mktemp("models")
    for name in TASKS:
        vocabulary = {"vocab_size": BYTES} if reads_bytes(name) else {}
        write_final(models / name, arch, tokenizer_file(files, name), spread=SPREAD[request.param], **vocabulary)

    return partial(start, models, files, request.param)


def start(models, files, precision, output, tasks=TASKS, batch_size=4):
    arguments = (models, files, precision, output, tasks, batch_size)
    process = multiprocessing.get_context("spawn").Process(target=evaluate_all, args=arguments)
    process.start()
    return process


def evaluate_all(models, files, precision, output, tasks, batch_size):
    """In that interpreter; the answers, log-likelihoods among them, stay beside the records."""
    Progress.remove = lambda progress: None
    if precision == "double":
        evaluate_module.load_final = load_double
    for name in tasks:
        evaluate(models / name, files / f"{name}.jsonl", output / f"{name}.jsonl", batch_size, "cpu")


def load_double(folder):
    final = load_final(folder)
    return replace(final, model=final.model.double())


def finish(*processes):
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(processes)


@pytest.fixture(scope="module")
def usual(run, tmp_path_factory):
    """Results of one process that evaluates the tasks in order, by batches of 4."""
    output = tmp_path_factory.mktemp("usual")
    finish(run(output))
    return {name: results(output, name) for name in TASKS}


@pytest.fixture
def close(request):
    return CLOSE[request.node.callspec.params["run"]]


def results(folder, name):
    """Of each example its record, and the answer that the record was made from."""
    lines = (folder / f"{name}.jsonl.partial").read_text().splitlines()[1:]
    answers = {row.pop("example"): row for row in map(json.loads, lines)}
    records = read_jsonl(folder / f"{name}.jsonl", ResultRecord)
    assert set(answers) == set(range(len(records)))
    return [(record.model_dump(), answers[number]) for number, record in enumerate(records)]


def check_same(found, expected, close):
    """The same values and structure; numbers with a point so close to each other, sums above 1 relatively."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for name in expected:
            check_same(found[name], expected[name], close)
        for one, other in zip(found.get("loglikelihoods", ()), expected.get("loglikelihoods", ()), strict=True):
            assert abs(one - other) <= close, "log-likelihoods of any size"
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            check_same(one, other, close)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=close, rel=close)
    else:
        assert found == expected


def check_all(folder, usual, close):
    for name in TASKS:
        check_same(results(folder, name), usual[name], close)


def test_answers_of_large_weights_are_not_all_alike(arch, usual, close):
    """Else the tests below could not fail. An architecture without attention maps has nothing to tell of them."""
    spec = architectures()[arch]
    if close == CLOSE["double"]:
        for name in (name for name in TASKS if name != "attention" or spec.attention_maps(spec.tiny)):
            assert len({json.dumps(answer) for _, answer in usual[name]}) > 2, name
        assert len({record["prediction"] for name in TASKS for record, _ in usual[name]}) > 10


@pytest.mark.parametrize("batch_size", [1, 16])
def test_the_batch_size_does_not_matter(run, usual, close, tmp_path, batch_size):
    finish(run(tmp_path, batch_size=batch_size))
    check_all(tmp_path, usual, close)


def test_the_order_of_tasks_does_not_matter(run, usual, close, tmp_path):
    finish(run(tmp_path, TASKS[::-1]))
    check_all(tmp_path, usual, close)


def test_the_number_of_processes_does_not_matter(run, usual, close, tmp_path):
    finish(*[run(tmp_path, TASKS[first::3]) for first in range(3)])
    check_all(tmp_path, usual, close)
