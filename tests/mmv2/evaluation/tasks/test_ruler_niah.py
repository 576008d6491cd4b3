import re
import subprocess
import sys
import uuid

import numpy as np
import pytest

from mmv2.config import validate
from mmv2.data.prepare import prepare_corpus
from mmv2.data.tokenizer import train_bpe
from mmv2.errors import UserError
from mmv2.evaluation.frozen import read_frozen
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.ruler.needles import wonderwords
from mmv2.evaluation.ruler.niah import DEPTHS
from mmv2.evaluation.ruler.settings import NOISE, RulerNiahSettings, Subtask
from mmv2.evaluation.tasks.ruler_niah import TASK, freeze
from mmv2.evaluation.word_lists import WordList
from tests.mmv2.data.conftest import world_config
from tests.mmv2.evaluation.ruler.counting import write_counting_tokenizer
from tests.mmv2.evaluation.small_world import CITIES, NAMES, SURNAMES, write_corpus_folder

LINE = "Document in Document."
TINY = {
    "context_lengths": (64,),
    "examples_per_length": 40,
    "max_new_tokens": 2,
    "keys": (WordList(key="names.first"), WordList(key="names.last")),
    "key_joiner": " ",
    "needle_template": "{key} lives in {value}.",
    "prompt_template": "{context}\nQuestion: {key} lives in",
}
CITY = WordList(key="cities")
LINES = Subtask(noise=LINE, step=1, values=CITY)
WORDS = Subtask(words=WordList(key="names.first"), sentence_words=3, step=2, values=CITY)
KEYS = (WordList(file="adjectives.txt"), WordList(file="nouns.txt"))


@pytest.fixture
def corpus(tmp_path):
    return write_corpus_folder(tmp_path / "corpus")


def frozen(corpus, subtask=LINES, **changes):
    settings = RulerNiahSettings(**{**TINY, "subtasks": {"own": subtask}, **changes})
    freeze(settings, corpus, corpus / "tokenizer.json", corpus / "frozen.jsonl")
    return read_frozen(corpus / "frozen.jsonl")[1]


@pytest.fixture
def english(tmp_path):
    """A folder with a byte-level tokenizer, word lists, and a text of 50 sentences of four words."""
    folder = tmp_path / "english"
    folder.mkdir()
    (folder / "adjectives.txt").write_text("quick\nlazy\n")
    (folder / "nouns.txt").write_text("fox\ndog\n")
    (folder / "text.txt").write_text("".join(f"\n\nNow  number {n}  \n came." for n in range(50)))
    train_bpe([NOISE, "One of the special magic numbers for quick-fox is: 1234567."], 300).save(
        str(folder / "tokenizer.json")
    )
    return folder


def official(folder, subtask, **changes):
    settings = {"context_lengths": (2048,), "examples_per_length": 20, "keys": KEYS, "subtasks": {"own": subtask}}
    freeze(RulerNiahSettings(**{**settings, **changes}), folder, folder / "tokenizer.json", folder / "f.jsonl")
    return read_frozen(folder / "f.jsonl")


@pytest.mark.parametrize(
    ("values", "kind", "form"),
    [("number", "number", r"\d{7}"), ("uuid", "uuid", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")],
)
def test_the_default_prompt_is_rulers_byte_for_byte(english, values, kind, form):
    header, examples = official(english, Subtask(noise=NOISE, step=25, values=values))
    assert header.max_new_tokens == 128
    for example in examples:
        (value,) = example.references
        assert re.fullmatch(form, value)
        key = re.search(r"for (\w+-\w+) is: ", example.prompt)[1]
        assert set(key.split("-")) <= {"quick", "lazy", "fox", "dog"}
        lines = [NOISE] * example.details["haystack_size"]
        lines.insert(round(example.depth * len(lines)), f"One of the special magic {kind}s for {key} is: {value}.")
        context = "\n".join(lines)
        assert example.prompt == (
            f"A special magic {kind} is hidden within the following text. Make sure to memorize it. I will quiz you"
            f" about the {kind} afterwards.\n{context}\nWhat is the special magic {kind} for {key} mentioned in the"
            f" provided text? The special magic {kind} for {key} mentioned in the provided text is"
        )


def test_values_are_drawn_from_all_there_are(english):
    _, examples = official(english, Subtask(noise=NOISE, step=25), examples_per_length=100)
    numbers = [int(example.references[0]) for example in examples]
    assert len(set(numbers)) == 100
    assert min(numbers) < 2_500_000
    assert max(numbers) > 8_000_000
    assert {TASK.chance(example) for example in examples} == {1 / 9_000_000}
    _, examples = official(english, Subtask(noise=NOISE, step=25, values="uuid"))
    assert {uuid.UUID(example.references[0]).version for example in examples} == {4}
    assert {TASK.chance(example) for example in examples} == {2.0**-122}


def test_values_of_a_list_give_the_chance_of_one_guess(corpus):
    examples = frozen(corpus)
    assert {example.references[0] for example in examples} == set(CITIES)
    assert {TASK.chance(example) for example in examples} == {1 / 5}


def test_a_key_takes_one_word_of_each_list(corpus):
    keys = {re.search(r"Question: (.*) lives in$", example.prompt)[1] for example in frozen(corpus)}
    first, last = zip(*(key.split(" ") for key in keys), strict=True)
    assert len(keys) > 15
    assert set(first) == set(NAMES)
    assert set(last) == set(SURNAMES)


@pytest.mark.parametrize("subtask", [LINES, WORDS])
def test_the_question_is_the_needle_cut_before_its_value(corpus, subtask):
    for example in frozen(corpus, subtask):
        question = example.prompt.rpartition("Question: ")[2]
        assert example.prompt.count(f"{question} {example.references[0]}.") == 1
        assert TASK.score(example, Outcome.of_text(example.baselines["nearest_match"])) == {"official": 1, "strict": 1}


def test_lines_fill_the_length_and_the_needle_goes_before_any_of_them(corpus):
    examples = frozen(corpus, examples_per_length=200)
    for example in examples:
        lines = example.prompt.split("\n")[:-1]
        (place,) = [place for place, line in enumerate(lines) if line != LINE]
        assert example.depth == place / (len(lines) - 1)
        assert example.details["haystack_size"] == len(lines) - 1
        assert 0 <= example.context_length - example.num_tokens < 5, "four tokens and a line break are one line more"
    size = len(lines) - 1
    assert {round(example.depth * size) for example in examples} == set(range(size))


def test_a_text_takes_the_needle_between_sentences_at_rulers_depths(english):
    text = (english / "text.txt").read_text().split()
    _, examples = official(
        english, Subtask(text_files=("text.txt",), step=60), context_lengths=(4096,), examples_per_length=200
    )
    sizes = {example.details["haystack_size"] for example in examples}
    assert len(sizes) == 1
    (size,) = sizes
    assert size > len(text), "a text that is too short is repeated"
    assert size % 60 == 0
    units = (text * 20)[:size]
    places = set()
    for example in examples:
        context = example.prompt.split("\n", 1)[1].rsplit("\n", 1)[0]
        before = context.split("One of the special magic numbers")[0].split()
        assert before == units[: len(before)]
        assert len(before) % 4 == 0, "between two sentences of four words"
        assert example.depth == len(before) / size
        places.add(len(before) // 4)
    assert places <= {size // 4 * depth // 100 for depth in DEPTHS}
    assert {0, size // 4} <= places, "before the first and after the last sentence"
    assert len(places) > 30


@pytest.mark.parametrize(
    ("changes", "regime", "steps"),
    [
        ({}, "linear10", {"n": (5, 25), "t": (25, 500)}),
        ({"regime": "bisect"}, "bisect", {"n": (5, 25), "t": (500, 500)}),
        ({"regime": "random_depth"}, "random_depth", {"n": (5, 25), "t": (25, 500)}),
    ],
)
def test_regimes_have_steps(changes, regime, steps):
    subtasks = {"n": Subtask(noise=NOISE), "t": Subtask(text_files=("text.txt",))}
    settings = RulerNiahSettings(context_lengths=(4096,), subtasks=subtasks, **changes).resolved()
    assert settings.regime == regime
    assert {name: (settings.step(name, 4095), settings.step(name, 4096)) for name in subtasks} == steps
    own = {**subtasks, "o": Subtask(noise=NOISE, step=7)}
    settings = RulerNiahSettings(context_lengths=(4096,), subtasks=own).resolved()
    assert (settings.regime, settings.step("o", 512), settings.step("n", 4096)) == ("random_depth", 7, 25)


@pytest.mark.parametrize("regime", ["linear10", "bisect", "random_depth"])
def test_rulers_three_variants_fit_short_lengths(english, regime):
    """Haystacks of noise and of the user's text, numbers and uuids, keys of wonderwords, from 512 tokens on."""
    text, lengths = {"text_files": ("text.txt",)}, (512, 4096)
    subtasks = {
        "niah_single_1": Subtask(noise=NOISE),
        "niah_single_2": Subtask(**text),
        "niah_single_3": Subtask(values="uuid", **text),
    }
    if regime == "bisect":
        lengths = (1024, 4096)  # 500 words of text need more than 512 tokens
    own = RulerNiahSettings(context_lengths=lengths, examples_per_length=2, subtasks=subtasks, regime=regime)
    freeze(own, english, write_counting_tokenizer(english / "counting"), english / "f.jsonl")
    header, examples = read_frozen(english / "f.jsonl")
    assert set(header.sources) == {"wonderwords/adjectivelist.txt", "wonderwords/nounlist.txt", "text.txt"}
    assert {(example.subtask, example.context_length) for example in examples} == {
        (name, length) for name in subtasks for length in lengths
    }
    adjectives, nouns = wonderwords()
    for example in examples:
        key = re.search(r".* for (.*) mentioned in the provided text is$", example.prompt)[1]
        assert any(key.startswith(word) for word in adjectives)
        assert any(key.endswith(word) for word in nouns)
        kind = "uuid" if example.subtask == "niah_single_3" else "number"
        assert example.prompt.count(f"One of the special magic {kind}s for {key} is: {example.references[0]}.") == 1
        assert example.num_tokens <= example.context_length + (regime == "bisect")


def test_a_text_too_long_for_nvidias_smallest_haystack_is_refused(english):
    own = RulerNiahSettings(
        context_lengths=(1024,), subtasks={"niah_single_2": Subtask(text_files=("text.txt",))}, regime="bisect"
    )
    with pytest.raises(
        UserError, match=r"context_lengths: 1024: niah_single_2 with a haystack of step 500 needs \d+ t"
    ):
        freeze(own, english, english / "tokenizer.json", english / "f.jsonl")


def test_the_depths_are_rulers():
    assert list(DEPTHS) == [round(float(depth)) for depth in np.linspace(0, 100, 40)]
    assert (len(DEPTHS), DEPTHS[0], DEPTHS[1], DEPTHS[-1]) == (40, 0, 3, 100)


def test_a_drawn_text_is_one_text_of_sentences_of_the_words(corpus):
    texts = {}
    for example in frozen(corpus, WORDS, context_lengths=(64, 128)):
        context = example.prompt.partition("\nQuestion")[0]
        text = re.sub(r"\w+ \w+ lives in \w+\. ?", "", context).strip().split()
        texts.setdefault(example.context_length, set()).add(tuple(text))
    (short,), (long,) = texts[64], texts[128]
    assert long[: len(short)] == short
    assert {word.rstrip(".") for word in long} <= set(NAMES)
    assert [word.endswith(".") for word in long[:6]] == [False, False, True] * 2


def test_sizes_are_multiples_of_the_step(corpus):
    assert {example.details["haystack_size"] for example in frozen(corpus, LINES.model_copy(update={"step": 4}))} == {8}


def test_an_example_with_a_longer_needle_gets_less_haystack(corpus):
    (corpus / "evaluation" / "names.txt").write_text("ada\n" + " ".join(["ada"] * 12) + "\n")
    examples = frozen(corpus, keys=(WordList(file="evaluation/names.txt"),), seed=5)
    assert "ada ada" not in examples[0].prompt, "the fit is made for the first example"
    sizes = {"ada ada" in example.prompt: example.details["haystack_size"] for example in examples}
    assert sizes[True] < sizes[False]
    assert all(example.num_tokens <= 64 for example in examples)


def test_a_length_for_not_even_one_step_is_refused(corpus):
    with pytest.raises(
        UserError, match=r"ruler_niah: context_lengths: 32: own with a haystack of step 6 needs 46 tokens"
    ):
        frozen(corpus, LINES.model_copy(update={"step": 6}), context_lengths=(64, 32))
    assert not (corpus / "frozen.jsonl").exists()


def test_words_that_the_tokenizer_does_not_know_are_refused(corpus):
    with pytest.raises(UserError, match=r"ruler_niah: own: the tokenizer has no token for 'grass', 'green'"):
        frozen(corpus, Subtask(noise="Document grass in green.", step=1, values=CITY))


def test_scores_see_the_value_anywhere_or_at_the_start(corpus):
    example = frozen(corpus)[0]
    (value,) = example.references
    other = next(city for city in CITIES if city != value)
    assert TASK.score(example, Outcome(f" {value}.")) == {"official": 1, "strict": 1}
    assert TASK.score(example, Outcome(f"{other} {value}")) == {"official": 1, "strict": 0}
    assert TASK.score(example, Outcome(other)) == {"official": 0, "strict": 0}


def test_an_empty_text_is_refused(english):
    (english / "text.txt").write_text("\n")
    with pytest.raises(UserError, match=r"text\.txt: holds no words"):
        official(english, Subtask(text_files=("text.txt",), step=60))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keys": []}, r"ruler_niah\.keys"),
        ({"needle_template": "{key} is"}, r"needle_template: must hold \{value\} exactly once"),
        ({"prompt_template": "{context}"}, r"prompt_template: must hold \{key\}"),
        ({"prompt_template": "{key}"}, r"prompt_template: must hold \{context\} exactly once"),
        ({"prompt_template": "{context} {key} {value}"}, r"prompt_template: must not hold \{value\}"),
        ({"subtasks": {"a": {"step": 1}}}, r"subtasks\.a\.noise: give exactly one of noise, text_files and words"),
        ({"subtasks": {"a": {"step": 1, "noise": "x", "words": {}}}}, r"subtasks\.a\.noise: give exactly one"),
        (
            {"regime": "bisect", "subtasks": {"a": {"noise": "x", "step": 1}}},
            r"subtasks\.a\.step: regime bisect has ste",
        ),
        ({"regime": "linear1"}, r"ruler_niah\.regime"),
        ({"subtasks": {"a": {"noise": "x", "step": 1, "value": "uuid"}}}, r"subtasks\.a\.value: unknown key; did you"),
    ],
)
def test_wrong_settings_are_told_by_key(change, message):
    content = {"context_lengths": [64], "keys": [{"key": "names.first"}], **change}
    with pytest.raises(UserError, match=message):
        validate(RulerNiahSettings, content, "suite.yaml", "tasks.ruler_niah")


def test_the_tiny_world(tmp_path):
    """A needle is a fact about somebody who is in no training document."""
    corpus = tmp_path / "corpus"
    prepare_corpus(world_config(unit_tokens=2_000), corpus)
    subtasks = {
        "niah_single_1": Subtask(noise="the house is a home.", step=1, values=WordList(key="values.home")),
        "niah_single_2": Subtask(words=WordList(key="fillers"), step=10, values=WordList(key="values.home")),
    }
    examples = frozen(corpus, keys=(WordList(key="people.test"),), subtasks=subtasks, context_lengths=(128, 256))
    squad = (corpus / "evaluation" / "squad_test.json").read_text()
    for example in examples:
        assert re.search(r"Question: (.*) lives in$", example.prompt)[1] in squad
        assert TASK.score(example, Outcome.of_text(example.baselines["nearest_match"]))["strict"] == 1
    assert {example.subtask for example in examples} == set(subtasks)


def test_the_plan_of_a_workflow_needs_no_torch():
    code = "import sys, mmv2.evaluation.tasks.ruler_niah; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_real_novel_as_haystack(shared_data, english):
    novel = str(shared_data("english_novels/corpus/Burnett_Lord_1886.txt"))
    _, examples = official(english, Subtask(text_files=(novel,), step=50), context_lengths=(4096,))
    depths = [example.depth for example in examples]
    assert len(set(depths)) > 10
    for example in examples:
        assert example.num_tokens <= 4096
        assert example.prompt.count(f" is: {example.references[0]}.") == 1
