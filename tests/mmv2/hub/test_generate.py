"""Text as it is written: greedily what the evaluation's own decoding writes, drawn as the seed says."""

import os
import subprocess
import sys

import pytest

from mmv2.data.tokenizer import BOS, build_word_level
from mmv2.errors import UserError
from mmv2.evaluation.generation import answer
from mmv2.final import load_final
from mmv2.hub.generate import generate
from tests.mmv2.evaluation.small_world import write_final

WORDS = [f"w{number}" for number in range(58)]
"""With the three special tokens the vocabulary of the tiny models."""
CONTEXT = 33


@pytest.fixture(params=["mmv2", "transformer"])
def final(request, tmp_path):
    """A final/ folder of either architecture."""
    build_word_level(WORDS).save(str(tmp_path / "tokenizer.json"))
    return write_final(tmp_path / "final", request.param, tmp_path / "tokenizer.json", max_seq_len=CONTEXT)


def written(capsys, *arguments, **options):
    generate(*arguments, **options, device="cpu")
    return capsys.readouterr().out


def test_greedy_text_is_that_of_the_evaluation(final, capsys):
    """With and without an end-of-text among the new tokens."""
    ours = load_final(final)
    prompts = [ours.tokenizer.encode(BOS + word, add_special_tokens=False).ids for word in WORDS]
    answers = answer(ours.model, prompts, max_new_tokens=9, eos_id=1)
    lengths = [len(found.ids) for found in answers]
    for number in (lengths.index(9), next(number for number, length in enumerate(lengths) if 0 < length < 9)):
        expected = ours.tokenizer.decode(answers[number].ids)
        for prompt in (WORDS[number], BOS + WORDS[number]):
            assert written(capsys, final, prompt, 9).split() == expected.split()


def beyond(prompt, new):
    return (
        f"mmv2 generate: a prompt of {prompt} tokens and up to {new} new ones: more than the {CONTEXT} of the training "
        f"context; nothing is cut\n"
    )


@pytest.mark.parametrize(("words", "new", "told"), [(24, 8, ""), (24, 9, beyond(25, 9)), (40, 3, beyond(41, 3))])
def test_what_exceeds_the_training_context_is_told(final, capsys, words, new, told):
    generate(final, " ".join(WORDS[:words]), new, device="cpu")
    assert capsys.readouterr().err == told


def test_it_is_told_once(final):
    """transformers' own reminder, which is given once in a process, is silent; no other message is needed."""
    call = "import sys, mmv2.cli; mmv2.cli.main(sys.argv[1:])"
    options = ["--prompt", " ".join(WORDS[:40]), "--max-new-tokens", "3", "--device", "cpu"]
    command = [sys.executable, "-c", call, "generate", str(final), *options]
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=paths, capture_output=True, text=True, check=True)
    assert done.stderr == beyond(41, 3)
    assert done.stdout.strip()


def test_it_appears_word_by_word(final, monkeypatch):
    pieces = []
    monkeypatch.setattr("transformers.TextStreamer.on_finalized_text", lambda self, text, **more: pieces.append(text))
    generate(final, "w3", 9, device="cpu")
    assert len(pieces) > 4
    assert not any(text.count("w") > 1 for text in pieces)


def test_the_seed_fixes_what_is_drawn(final, capsys):
    drawn = [written(capsys, final, "w7 w8", 9, temperature=1.0, seed=seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_little_probability_leaves_the_most_probable_token(final, capsys):
    assert written(capsys, final, "w9", 9, temperature=1.0, top_p=1e-6) == written(capsys, final, "w9", 9)


def test_drawing_is_not_cut_off_where_nobody_asked(final, monkeypatch):
    seen = {}
    monkeypatch.setattr("transformers.GenerationMixin.generate", lambda self, **options: seen.update(options))
    generate(final, "w9", 9, temperature=0.7, top_p=0.9, device="cpu")
    assert (seen["temperature"], seen["top_p"], seen["top_k"], seen["do_sample"]) == (0.7, 0.9, 0, True)
    assert seen["input_ids"][0, 0] == 0, "begin-of-text comes first"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"max_new_tokens": 0}, "--max-new-tokens 0: nothing would be written"),
        ({"temperature": -1.0}, "--temperature -1.0: negative"),
        ({"temperature": 1.0, "top_p": 0.0}, "--top-p 0.0: no probability"),
        ({"top_p": 0.5}, "--top-p 0.5: nothing is drawn at temperature 0"),
        ({"prompt": "w1 dragon w2"}, r"--prompt: the tokenizer has no token for 'dragon'"),
        ({"device": "gpu"}, "--device gpu: unknown"),
    ],
)
def test_options_that_cannot_be_are_told(final, options, told):
    with pytest.raises(UserError, match=told):
        generate(final, **{"prompt": "w1", "max_new_tokens": 3, **options})
