"""Which edit of the code reruns what: every module that training or evaluation reaches is hashed, or exempt.

Snakemake compares the parameters of a rule; ``workflow/rules`` put a hash of sources among them. A module that is
reached, but neither hashed nor listed here, could change results that are then not made again.
"""

import ast
import importlib.util
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from mmv2.errors import UserError
from mmv2.registry import architectures, entries
from mmv2.training.identity import CODE

ROOT = Path(__file__).parents[2]
RULES = ROOT / "workflow" / "rules"
OURS = ("mmv2", "baselines")

ANYWHERE = {
    "baselines": "an empty package",
    "mmv2": "an empty package",
    "mmv2.config": "what it checks is in the parameters, value by value",
    "mmv2.errors": "wording",
    "mmv2.files": "how bytes get to the disk",
    "mmv2.provenance": "says where results come from",
    "mmv2.registry": "finds what is hashed",
}
HUB = {
    f"mmv2.hub{module}": "shows weights to transformers as they are"
    for module in ("", ".cache", ".configuration", ".export", ".modelling", ".padding")
}
TRAINING = {
    **ANYWHERE,
    **HUB,
    "mmv2.data": "a package without code",
    "mmv2.data.tokenizer": "made the corpus, which is an input with checksums",
    "mmv2.runs": "its numbers, max_steps and tokens_per_step among them, are in the fingerprint",
    "mmv2.training": "a package without code",
    "mmv2.training.checkpoint": "keeps weights as they are",
    "mmv2.training.export": "copies weights as they are",
    "mmv2.training.identity": "the fingerprint itself",
    "mmv2.training.launch": "starts processes",
    "mmv2.training.metrics": "what is told",
    "mmv2.training.progress": "what is told",
    "mmv2.training.trainer": "decides when to write",
}
CORPUS = {
    **ANYWHERE,
    "mmv2.data": "a package without code",
    "mmv2.data.prepare": "puts a folder in its place",
    "mmv2.data.sources": "the form of sources; the files they are made from are inputs with checksums",
    "mmv2.evaluation": "a package without code",
    "mmv2.evaluation.rows": "tells what is wrong with an input file, and changes nothing of it",
    "mmv2.evaluation.squad": "tells what is wrong with an input file, and changes nothing of it",
    "mmv2.jsonl": "how records get to the disk",
}
EVALUATION = {
    **ANYWHERE,
    **HUB,
    "mmv2.data": "a package without code",
    "mmv2.data.prepare": "names the folder of the user's texts, whose files are compared by checksum",
    "mmv2.data.sources": "reached from mmv2.data.prepare",
    "mmv2.data.shards": "compares checksums; examples are made of the files themselves",
    "mmv2.data.tokenizer": "names markers; words and ids are in tokenizer.json, an input",
    "mmv2.evaluation": "a package without code",
    "mmv2.evaluation.persistent": "a package without code",
    "mmv2.evaluation.progress": "keeps answers as they are",
    "mmv2.evaluation.tasks": "settings, which are in the parameters of rule freeze",
    "mmv2.final": "loads weights as they are",
    "mmv2.jsonl": "how records get to the disk",
    "mmv2.records": "the form of records; what is in them is put there by mmv2.evaluation.evaluate",
}


def file_of(module):
    spec = importlib.util.find_spec(module)
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


def imported(module):
    """The modules of this repository that a module imports, wherever in the file, with their packages."""
    found = set()
    tree = ast.parse(file_of(module).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import is not followed here"
            found |= {node.module} | {name for alias in node.names if is_module(name := f"{node.module}.{alias.name}")}
    ours = {name for name in found if name.split(".")[0] in OURS}
    return ours | {".".join(name.split(".")[:depth]) for name in ours for depth in range(1, name.count(".") + 1)}


def is_module(name):
    try:
        return name.split(".")[0] in OURS and importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # a name inside a module
        return False


def reached(*roots):
    """Everything that modules import, directly or through others."""
    found, waiting = set(), list(roots)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += imported(module)
    return found


def hashed(module, packages):
    """Whether ``source_hash`` reads a module: a package is read whole, a module alone."""
    return any(module == name or module.startswith(f"{name}.") for name in packages)


def function_in_rules(name, **names):
    """A function of common.smk, with the names it uses."""
    text = (RULES / "common.smk").read_text()
    found = re.search(rf"^def {name}\(.*?(?=^\S|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    exec(found[0], names)
    return names[name]


class Run:
    """As much of a run as the rules look at."""

    def __init__(self, spec):
        self.spec = spec


@pytest.fixture(params=sorted(architectures()))
def spec(request):
    return architectures()[request.param]


@pytest.fixture(params=sorted(entries("task")))
def task(request):
    return request.param


def left_out(modules, packages, exempt):
    return sorted(module for module in modules if not hashed(module, packages) and module not in exempt)


def test_every_module_that_can_change_weights_is_hashed_or_exempt(spec):
    packages = function_in_rules("training_sources", source_hash=set, CODE=CODE)(Run(spec))
    modules = reached("mmv2.training.trainer", *packages)
    assert {"mmv2.training.step", "mmv2.layers.decoder", "mmv2.config"} <= modules
    assert left_out(modules, packages, TRAINING) == []


def test_the_rule_of_training_hashes_what_the_fingerprint_hashes(spec):
    assert function_in_rules("training_sources", source_hash=set, CODE=CODE)(Run(spec)) == {
        *spec.packages,
        *CODE,
        "mmv2.training.export",
    }


def test_every_module_that_can_change_an_answer_or_a_score_is_hashed_or_exempt(spec, task):
    rule = function_in_rules("evaluation_sources", source_hash=set, entry=lambda kind, name: entries(kind)[name])
    packages = rule(Run(spec), task)
    modules = reached("mmv2.evaluation.evaluate", f"mmv2.evaluation.tasks.{task}", *packages)
    assert {"mmv2.evaluation.generation", "mmv2.layers.decoder", "mmv2.records"} <= modules
    assert left_out(modules, packages, EVALUATION) == []


def test_every_module_that_can_change_frozen_examples_is_hashed_or_exempt(task):
    packages = entries("task")[task].packages
    modules = reached(f"mmv2.evaluation.tasks.{task}")
    assert "mmv2.evaluation.frozen" in modules
    assert left_out(modules, packages, {*EVALUATION, "mmv2.evaluation.outcome"}) == []  # it comes after freezing


@pytest.mark.parametrize(("root", "names"), [("fixtures", ["test.jsonl"]), ("nowhere", [])])
def test_a_users_own_files_are_inputs_of_freezing(root, names):
    settings = entries("task")["persistent"].settings(context_lengths=(64,), benchmarks=("race_high",))
    values = {
        "entry": lambda kind, name: entries(kind)[name],
        "SUITE": SimpleNamespace(tasks={"persistent": settings}),
        "task_settings": lambda task: {"data_root": str(ROOT / "tests/mmv2/evaluation/persistent" / root)},
        "Path": Path,
        "UserError": UserError,
    }
    found = function_in_rules("task_inputs", **values)(SimpleNamespace(task="persistent"))
    assert [Path(name).name for name in found] == names


@pytest.mark.parametrize("name", sorted(entries("source")))
def test_every_module_that_can_change_a_corpus_is_hashed_or_exempt(name):
    rule = function_in_rules("corpus_sources", source_hash=set, entry=lambda kind, name: entries(kind)[name])
    packages = rule(SimpleNamespace(source=name))
    modules = reached("mmv2.data.prepare", "mmv2.data.shards", f"mmv2.data.sources.{name}")
    assert "mmv2.data.tokenizer" in modules
    assert left_out(modules, packages, CORPUS) == []


@pytest.mark.parametrize("exempt", [TRAINING, EVALUATION], ids=["training", "evaluation"])
def test_no_exemption_outlives_its_module(exempt):
    roots = ("mmv2.training.launch",) if exempt is TRAINING else ("mmv2.evaluation.evaluate",)
    packages = [name for spec in architectures().values() for name in spec.packages]
    tasks = [f"mmv2.evaluation.tasks.{name}" for name in entries("task")]
    modules = reached(*roots, *packages, *(tasks if exempt is EVALUATION else CODE))
    assert sorted(set(exempt) - modules) == []


@pytest.mark.parametrize("module", sorted(name for name in {*TRAINING, *EVALUATION} if is_module(name)))
def test_a_package_called_empty_has_no_code(module):
    reason = {**TRAINING, **EVALUATION}[module]
    body = ast.parse(file_of(module).read_text()).body
    code = [node for node in body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    assert (code == []) == (reason in ("an empty package", "a package without code"))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("train", "sources=lambda wildcards: training_sources(RUNS[wildcards.run])"),
        ("evaluate", 'sources=lambda wildcards: source_hash(entry("task", wildcards.task).packages)'),
        ("evaluate", "sources=lambda wildcards: evaluation_sources("),
        ("data", "sources=lambda wildcards: corpus_sources(CORPORA[wildcards.corpus])"),
    ],
)
def test_the_rules_hold_these_hashes_among_their_parameters(rule, text):
    assert text in (RULES / f"{rule}.smk").read_text()
