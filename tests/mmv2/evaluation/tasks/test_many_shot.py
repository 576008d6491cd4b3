import json
import subprocess
import sys
from itertools import zip_longest

import pytest

from mmv2.data.prepare import prepare_corpus
from mmv2.data.tokenizer import load_tokenizer, train_bpe
from mmv2.errors import UserError
from mmv2.evaluation.classification import Row, nearest
from mmv2.evaluation.frozen import read_frozen
from mmv2.evaluation.outcome import Answer, Outcome
from mmv2.evaluation.tasks._data_sets import BANKING77, FORMATS, GOEMOTIONS, DataSet
from mmv2.evaluation.tasks._demonstrations import ManyShotSettings
from mmv2.evaluation.tasks.many_shot import TASK, freeze
from mmv2.evaluation.word_lists import WordList
from tests.mmv2.data.conftest import world_config
from tests.mmv2.evaluation.small_world import LABELS, instances, write_corpus_folder

TINY = BANKING77.model_copy(update={"instruction": "", "query_key": "Question:", "label_key": "Document:"})


@pytest.fixture
def corpus(tmp_path):
    return write_corpus_folder(tmp_path / "corpus")


def frozen(corpus, tokenizer=None, **changes):
    small = {
        "context_lengths": (256,),
        "examples_per_length": 9,
        "dev_examples": 4,
        "max_new_tokens": 2,
        "shots": (1, 3),
        "datasets": {"banking77": TINY},
    }
    output = corpus / "frozen.jsonl"
    freeze(ManyShotSettings(**{**small, **changes}), corpus, tokenizer or corpus / "tokenizer.json", output)
    return read_frozen(output)


def cells(examples):
    """Examples by shots, kind of labels and style."""
    found = {}
    for example in examples:
        found.setdefault((example.num_shots, example.label_kind, example.prompt_style), []).append(example)
    return found


@pytest.fixture
def byte_level(corpus):
    path = corpus / "bpe.json"
    train_bpe([text for text, _ in instances("train", 7)] + LABELS, 300).save(str(path))
    return path


@pytest.mark.parametrize(
    ("data", "query_key", "label_key"),
    [(BANKING77, "service query:", "intent category:"), (GOEMOTIONS, "comment:", "emotion category:")],
)
def test_the_default_prompts_are_longiclbenchs_but_for_the_last_blank(corpus, byte_level, data, query_key, label_key):
    """In the style with blanks, in order: instruction, demonstrations, query, byte for byte."""
    header, examples = frozen(
        corpus,
        byte_level,
        datasets={"own": data},
        shots=(1,),
        context_lengths=(2048,),
        max_new_tokens=32,
        prompt_styles=("space_ordered",),
        label_kinds=("semantic",),
    )
    shown = [instances("train", 7)[7 * label] for label in range(4)]
    (prefix,) = header.prefixes.values()
    assert prefix == FORMATS[data.format].form.instruction + "".join(
        f"{query_key} {text}\n{label_key} {label}\n" for text, label in shown
    )
    assert examples[0].prompt == f"{query_key} mira Oslo Bern\n{label_key}"
    assert examples[0].choices == (" berg\n", " lind\n", " tol\n", " voss\n")


def test_the_delimiter_stands_between_each_key_and_its_text(corpus):
    header, examples = frozen(corpus, shots=(1,), label_kinds=("semantic",))
    shown = [instances("train", 7)[7 * label] for label in range(4)]
    (newline, *_), (space, *_) = (cells(examples)[1, "semantic", f"{name}_ordered"] for name in ("newline", "space"))
    assert header.prefixes[newline.prefix] == "".join(
        f"Question:\n{text}\nDocument:\n{label}\n" for text, label in shown
    )
    assert header.prefixes[space.prefix] == "".join(f"Question: {text}\nDocument: {label}\n" for text, label in shown)
    assert newline.prompt == "Question:\nmira Oslo Bern\nDocument:\n"
    assert space.prompt == "Question: mira Oslo Bern\nDocument:"
    assert (newline.choices[0], space.choices[0]) == ("berg\n", " berg\n")


def test_all_cells_ask_the_same_queries(corpus):
    header, examples = frozen(corpus)
    found = cells(examples)
    assert len(found) == len(header.prefixes) == 2 * 2 * 4
    ids = [example.id for example in found[1, "semantic", "space_ordered"]]
    for cell in found.values():
        assert [example.id for example in cell] == ids
        assert len({example.prefix for example in cell}) == 1
    assert [example.split for example in found[3, "anonymous", "newline_shuffled"]] == ["test"] * 9 + ["dev"] * 4


def test_each_data_set_is_asked_with_its_own_shots(corpus):
    data = {"banking77": TINY, "fewer": TINY.model_copy(update={"shots": (2,)})}
    _, examples = frozen(corpus, datasets=data, label_kinds=("semantic",))
    asked = {name: {one.num_shots for one in examples if one.subtask == name} for name in data}
    assert asked == {"banking77": {1, 3}, "fewer": {2}}


def test_kinds_of_labels_change_labels_only(corpus):
    kinds = ("semantic", "anonymous", "novel")
    header, examples = frozen(corpus, label_kinds=kinds, novel_labels=WordList(key="cities"), shots=(1,))
    found = cells(examples)
    semantic, *others = (found[1, kind, "space_shuffled"] for kind in kinds)
    for other in others:
        names = {one.references[0]: two.references[0] for one, two in zip(semantic, other, strict=True)}
        assert len(set(names.values())) == 4
        lines = header.prefixes[semantic[0].prefix].split("\n")
        renamed = [
            f"Document: {names[line.removeprefix('Document: ')]}" if line.startswith("Document: ") else line
            for line in lines
        ]
        assert renamed == header.prefixes[other[0].prefix].split("\n")
        assert [example.prompt for example in other] == [example.prompt for example in semantic]
        assert [example.details for example in other] == [example.details for example in semantic]


def test_a_shuffled_prompt_has_the_same_demonstrations_in_another_order(corpus):
    header, _ = frozen(corpus)
    ordered, shuffled = (header.prefixes[f"banking77/3/semantic/space_{order}"] for order in ("ordered", "shuffled"))
    pairs = [list(zip(*[iter(prefix.splitlines())] * 2, strict=True)) for prefix in (ordered, shuffled)]
    assert pairs[0] != pairs[1]
    for shot in range(3):
        part = slice(4 * shot, 4 * shot + 4)
        assert sorted(pairs[0][part]) == sorted(pairs[1][part])


def test_a_subset_of_styles_leaves_those_as_they_are(corpus):
    header, everything = frozen(corpus)
    fewer_header, fewer = frozen(corpus, prompt_styles=("space_shuffled",))
    assert fewer == [example for example in everything if example.prompt_style == "space_shuffled"]
    assert fewer_header.prefixes.items() <= header.prefixes.items()


@pytest.mark.parametrize("tokenizer", ["tokenizer.json", "bpe.json"])
def test_no_token_crosses_from_the_prefix_to_the_prompt_to_the_choice(corpus, byte_level, tokenizer):
    header, examples = frozen(corpus, corpus / tokenizer, context_lengths=(1024,), max_new_tokens=20)
    encode = load_tokenizer(corpus / tokenizer).encode
    for example in examples:
        parts = (header.prefixes[example.prefix], example.prompt)
        assert encode("".join(parts)).ids == [token for part in parts for token in encode(part).ids]
        for choice in example.choices:
            assert encode(example.prompt + choice).ids == encode(example.prompt).ids + encode(choice).ids


def test_a_prompt_that_does_not_fit_is_refused_with_the_tokens_it_needs(corpus):
    fits, _ = frozen(corpus, context_lengths=(157,))
    assert fits.summary["157"]["examples"] == 2 * 2 * 4 * 13
    with pytest.raises(
        UserError, match=r"many_shot: context_lengths: 156: banking77 with 3 shots of 4 classes needs 157 tokens"
    ):
        frozen(corpus, context_lengths=(156,))


def test_a_budget_too_short_for_a_label_is_refused(corpus, byte_level):
    with pytest.raises(UserError, match=r"max_new_tokens: 2, but label 'class_00' of banking77 has \d+ tokens"):
        frozen(corpus, byte_level, context_lengths=(1024,), label_kinds=("anonymous",))


def test_words_that_the_tokenizer_does_not_know_are_refused(corpus):
    with pytest.raises(UserError, match="many_shot: banking77 with semantic labels: the tokenizer has no token for 'G"):
        frozen(corpus, datasets={"banking77": BANKING77}, context_lengths=(2048,))


def test_scores(corpus):
    (example, *_) = frozen(corpus)[1]
    assert example.references == ("voss",)

    def accuracy(text):
        return TASK.score(example, Outcome(text, "berg"))["accuracy"]

    assert [accuracy(text) for text in ("voss", " voss\nQuestion: x", "\nVoss \n")] == [1, 1, 1]
    assert [accuracy(text) for text in ("", "vos", "voss berg", "berg\nvoss", "Document: voss")] == [0] * 5
    assert TASK.score(example, Outcome("berg", "voss")) == {"accuracy": 0, "ranked": 1, "valid": 1}
    assert TASK.score(example, Outcome("voss", None)) == {"accuracy": 1, "ranked": 0, "valid": 1}
    assert TASK.score(example, Outcome("Tol\n", None)) == {"accuracy": 0, "ranked": 0, "valid": 1}
    assert TASK.score(example, Outcome("tol tol", None))["valid"] == 0
    assert TASK.chance(example) == 1 / 4


def test_the_case_of_relations_counts(corpus):
    (example, *_) = frozen(corpus)[1]
    exact = example.model_copy(update={"details": {"exact_case": True}})
    assert TASK.score(exact, Outcome("voss", None)) == {"accuracy": 1, "ranked": 0, "valid": 1}
    assert TASK.score(exact, Outcome("Voss", None)) == {"accuracy": 0, "ranked": 0, "valid": 0}


def write_relations(corpus, labels=("per:title", "org:founded_by")):
    """A file in the layout of TACRED, of two relations and rows without one."""
    rows = []
    for number in range(6):
        label = [labels[0], "no_relation", labels[1]][number % 3]
        token = ["Ms.", f"Name{number}", "'s", "firm", "grew", "."]
        places = {"subj_start": 0, "subj_end": 1, "obj_start": 3, "obj_end": 3}
        rows.append({"id": str(number), "token": token, "relation": label, **places})
    (corpus / "tacred.json").write_text(json.dumps(rows))


def test_relations_are_asked_in_the_papers_form(corpus, byte_level):
    write_relations(corpus)
    relations = DataSet(format="tacred", train_file="tacred.json", test_file="tacred.json", repeat_rows=True)
    plain = {"datasets": {"tacred": relations}, "shots": (1,), "dev_examples": 0, "label_kinds": ("semantic",)}
    plain |= {"context_lengths": (2048,), "max_new_tokens": 32}
    header, examples = frozen(corpus, byte_level, **plain, prompt_styles=("newline_ordered", "space_ordered"))
    assert header.prefixes["tacred/1/semantic/space_ordered"] == FORMATS["tacred"].form.instruction + (
        "sentence: Ms. Name0's firm grew.\nthe relation between Ms. Name0 and firm is: per:title\n"
        "sentence: Ms. Name2's firm grew.\nthe relation between Ms. Name2 and firm is: org:founded_by\n"
    )
    newline, space = examples[0], examples[4]
    assert newline.prompt == "sentence:\nMs. Name0's firm grew.\nthe relation between Ms. Name0 and firm is:\n"
    assert space.prompt == "sentence: Ms. Name0's firm grew.\nthe relation between Ms. Name0 and firm is:"
    assert space.choices == (" org:founded_by\n", " per:title\n")
    assert [example.details["exact_case"] for example in examples] == [True] * 8
    header, examples = frozen(
        corpus, byte_level, **plain, prompt_styles=("space_ordered",), delimiters="between_fields"
    )
    assert examples[0].prompt == "sentence: Ms. Name0's firm grew. the relation between Ms. Name0 and firm is:"


def test_a_label_that_continues_another_can_be_the_likelier(corpus, byte_level):
    """A model that is sure of the right label's tokens: the shorter label would be as likely as the longer one."""
    write_relations(corpus, ("org:founded", "org:founded_by"))
    data = {"tacred": DataSet(format="tacred", train_file="tacred.json", test_file="tacred.json", repeat_rows=True)}
    lengths = {"context_lengths": (2048,), "max_new_tokens": 32, "shots": (1,), "dev_examples": 0}
    _, examples = frozen(corpus, byte_level, datasets=data, label_kinds=("semantic",), **lengths)
    encode = load_tokenizer(byte_level).encode
    assert {example.references[0] for example in examples} == {"org:founded", "org:founded_by"}
    for example in examples:
        shorter, longer = (encode(choice).ids for choice in example.choices)
        assert longer[: len(shorter)] != shorter
        for right, ids in zip(example.choices, (shorter, longer), strict=True):
            logs = [
                sum(0.0 if one == two else -1.0 for one, two in zip_longest(choice, ids[: len(choice)]))
                for choice in (shorter, longer)
            ]
            assert Answer(loglikelihoods=tuple(logs)).choice(example.choices) == right.strip()


def test_the_length_counts_the_line_break_of_the_longest_label(corpus):
    _, examples = frozen(corpus, max_new_tokens=1, label_kinds=("semantic",), shots=(1,))
    _, more = frozen(corpus, max_new_tokens=2, label_kinds=("semantic",), shots=(1,))
    assert [example.num_tokens for example in examples] == [example.num_tokens for example in more]


def test_baselines(corpus):
    """The nearest demonstration is found anew; the blind guess is one label."""
    header, examples = frozen(corpus, shots=(3,), label_kinds=("semantic",), prompt_styles=("space_shuffled",))
    (prefix,) = header.prefixes.values()
    lines = prefix.splitlines()
    shown = [Row(0, *pair) for pair in zip(lines[::2], lines[1::2], strict=True)]
    for example in examples:
        text, _ = example.prompt.split("\n")
        assert example.baselines["nearest_match"] == nearest(Row(0, text, ""), shown).label.removeprefix("Document: ")
        assert example.baselines["most_frequent_label"] == "berg"
    right = [TASK.score(e, Outcome.of_text(e.baselines["nearest_match"]))["accuracy"] for e in examples]
    assert sum(right) / len(right) > 0.5


def test_the_tiny_world(tmp_path):
    """The settings of a closed vocabulary, through the same code."""
    prepare_corpus(world_config(unit_tokens=2_000), tmp_path / "corpus")
    data = {"banking77": BANKING77, "goemotions": GOEMOTIONS}
    _, examples = frozen(
        tmp_path / "corpus",
        datasets={name: one.model_copy(update={"instruction": ""}) for name, one in data.items()},
        label_kinds=("semantic", "anonymous", "novel"),
        novel_labels=WordList(key="values.food"),
        context_lengths=(512,),
    )
    assert {len(example.choices) for example in examples} == {10}
    assert {example.subtask for example in examples} == {"banking77", "goemotions"}


def real(shared_data, tmp_path, name, **files):
    """Freezes a real data set with all classes and a byte-level tokenizer trained on a part of it."""
    paths = {key: str(shared_data(file)) for key, file in files.items()}
    train_bpe(shared_data(files["train_file"]).read_text().splitlines()[::5], 2000).save(
        str(tmp_path / "tokenizer.json")
    )
    return frozen(
        tmp_path,
        datasets={name: DataSet(format=name, **paths)},
        context_lengths=(32_768,),
        max_new_tokens=32,
        examples_per_length=20,
        dev_examples=10,
        shots=(1, 8),
        prompt_styles=("newline_ordered", "space_shuffled"),
    )


def test_real_banking77(shared_data, tmp_path):
    files = {"train_file": "banking77/banking_data/train.csv", "test_file": "banking77/banking_data/test.csv"}
    header, examples = real(shared_data, tmp_path, "banking77", **files)
    assert len(examples) == 2 * 2 * 2 * 30
    first = header.prefixes["banking77/1/semantic/newline_ordered"]
    assert first.startswith(
        FORMATS["banking77"].form.instruction
        + "service query:\nI am still waiting on my card?\nintent category:\ncard_arrival\nservice query:\n"
    )
    assert first.count("service query:\n") == 77
    assert header.prefixes["banking77/8/anonymous/space_shuffled"].count("intent category: class_") == 8 * 77
    assert {len(example.choices) for example in examples} == {77}


def test_real_goemotions(shared_data, tmp_path):
    folder = "goemotions/data/original/"
    files = {"train_file": "train.tsv", "test_file": "test.tsv", "labels_file": "labels.txt"}
    files = {key: folder + name for key, name in files.items()}
    header, examples = real(shared_data, tmp_path, "goemotions", **files)
    assert header.prefixes["goemotions/8/semantic/newline_ordered"].count("emotion category:\n") == 8 * 28
    assert {len(example.choices) for example in examples} == {28}
    assert {TASK.chance(example) for example in examples} == {1 / 28}


def test_real_fewrel(shared_data, tmp_path):
    files = {"train_file": "fewrel/data/val_wiki.json", "labels_file": "fewrel/data/pid2name.json"}
    header, examples = real(shared_data, tmp_path, "fewrel", **files)
    assert header.prefixes["fewrel/8/anonymous/space_shuffled"].count(" is: class_") == 8 * 16
    assert header.prefixes["fewrel/1/semantic/newline_ordered"].startswith(
        FORMATS["fewrel"].form.instruction + "sentence:\n"
    )
    assert {len(example.choices) for example in examples} == {16}
    assert {example.references[0] for example in examples} >= {"spouse", "position played on team / speciality"}


def test_the_plan_of_a_workflow_needs_no_torch():
    code = (
        "import sys, mmv2.evaluation.tasks.many_shot; sys.exit('torch' in sys.modules or 'sacremoses' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
