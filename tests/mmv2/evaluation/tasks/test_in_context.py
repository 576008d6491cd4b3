import pytest
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from mmv2.data.tokenizer import BOS, EOS
from mmv2.errors import UserError
from mmv2.evaluation.frozen import read_frozen
from mmv2.evaluation.tasks._in_context import (
    InContextSettings,
    Item,
    Problems,
    freeze_problems,
    most_frequent,
    shuffled,
)

ITEMS = [
    Item(id=f"r{number}", question=f"is {number} even", shown=f"so {number}", reference=str(number % 2))
    for number in range(9)
]


@pytest.fixture
def frozen(tokenizer_file, tmp_path):
    def run(pool=ITEMS[:4], asked=ITEMS[4:], tokenizer=tokenizer_file, **changes):
        settings = InContextSettings(**{"context_lengths": (512,), "max_new_tokens": 4, "shots": (2, 1), **changes})
        problems = Problems(subtask="parity", style="direct", pool=pool, asked=asked, stops=("\n",), left_out=3)
        freeze_problems("t", settings, [problems], tmp_path, [], tokenizer, tmp_path / "f.jsonl")
        return read_frozen(tmp_path / "f.jsonl")

    return run


def test_examples_stand_before_every_question_with_what_they_show(frozen):
    header, examples = frozen()
    assert header.prefixes == {
        "parity/direct/1": "is 0 even so 0\n\n",
        "parity/direct/2": "is 0 even so 0\n\nis 1 even so 1\n\n",
    }
    assert [(e.num_shots, e.prefix, e.prompt, e.references) for e in examples[:2]] == [
        (1, "parity/direct/1", "is 4 even", ("0",)),
        (1, "parity/direct/1", "is 5 even", ("1",)),
    ]
    assert {example.stops for example in examples} == {("\n",)}
    assert len(examples) == 2 * 5
    assert header.summary["512"]["left_out"] == 3


SPLITS = {
    "gpt2": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "llama3": pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r" ?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    ),
}


@pytest.mark.parametrize(("split", "kept"), [("gpt2", 1), ("llama3", 2)])
def test_no_token_reaches_from_the_examples_into_a_question(frozen, tmp_path, split, kept):
    """Both tokenizers have a token of two line breaks; they use it in different places."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = SPLITS[split], decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=[BOS, EOS], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(["so 1\n\n", "is 2\n\nso"] * 9, trainer)
    assert tokenizer.encode("\n\n").tokens == ["ĊĊ"]
    file = tmp_path / "tokenizer.json"
    tokenizer.save(str(file))
    header, examples = frozen(tokenizer=file)
    for example in examples:
        before = header.prefixes[example.prefix]
        whole = before + example.prompt
        assert "so 0\n\nis" in whole
        assert len(before) - len(before.rstrip("\n")) == kept
        assert tokenizer.encode(whole).ids == tokenizer.encode(before).ids + tokenizer.encode(example.prompt).ids


def test_baselines_see_the_examples_alone(frozen):
    pool = [ITEMS[1], ITEMS[3], ITEMS[0]]
    question = Item(id="q", question="is 3 odd", shown="", reference="1")
    _, examples = frozen(pool, [question])
    assert {example.baselines["most_frequent_answer"] for example in examples} == {"1"}
    last = Item(id="q", question="even 1", shown="", reference="1")
    one, two = (example.baselines["nearest_match"] for example in frozen([ITEMS[2], ITEMS[1]], [last])[1])
    assert (one, two) == ("0", "1")


def test_choices_are_continuations_with_their_blank(frozen):
    choosing = Item(id="q", question="is 3 odd", shown="", reference="yes", choices=("no", "yes"))
    (example, _) = frozen(asked=[choosing])[1]
    assert example.choices == (" no", " yes")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shots": (5,)}, "t: shots: 5: parity has 4 rows for examples and 5 to ask, needed are 5 and at least 1"),
        ({"asked": []}, "t: shots: 2: parity has 4 rows for examples and 0 to ask"),
        ({"context_lengths": (16,)}, r"t: context_lengths: 16: row r4 of parity with 1 examples needs \d+ tokens"),
    ],
)
def test_what_does_not_suffice_or_fit_is_told(frozen, changes, message):
    with pytest.raises(UserError, match=message):
        frozen(**changes)


def test_a_prompt_may_fill_its_length_to_the_last_token(frozen):
    longest = max(example.num_tokens for example in frozen()[1])
    assert max(example.num_tokens for example in frozen(context_lengths=(longest,))[1]) == longest
    with pytest.raises(UserError, match=rf"context_lengths: {longest - 1}: row \S+ of .* needs {longest} tokens"):
        frozen(context_lengths=(longest - 1,))


def test_a_number_of_shots_stands_once():
    with pytest.raises(ValueError, match="a number stands twice"):
        InContextSettings(context_lengths=(8,), shots=(1, 1))


def test_most_frequent():
    assert most_frequent(["b", "a", "c", "b", "a"]) == "a"


def test_shuffling_follows_the_seed():
    assert sorted(shuffled(range(20), (1,))) == list(range(20))
    assert shuffled(range(20), (1,)) == shuffled(range(20), (1,)) != shuffled(range(20), (2,))
