"""A folder of small text files, and what a corpus makes of it."""

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from mmv2.cli import main
from mmv2.config import validate
from mmv2.data.prepare import prepare_corpus
from mmv2.data.shards import Corpus
from mmv2.data.sources import _text
from mmv2.data.sources.local_text import LocalTextConfig, inputs
from mmv2.data.tokenizer import BOS, load_tokenizer
from mmv2.errors import UserError
from mmv2.evaluation.squad import read_squad
from mmv2.files import sha256
from tests.mmv2.evaluation.small_world import squad

FILES = 8
RUNS = Path(__file__).parents[4] / "workflow" / "config" / "runs"


def line(file, number):
    """Words in an order of its own: no two lines are alike, whatever their files."""
    words = ["café", "harbour", "letter", "garden", "winter", "answer", "naïve", "street"]
    rng = np.random.default_rng((file, number))
    return f"In chapter {number} of book {file} the " + " ".join(rng.choice(words, 12)) + ".\n"


def book(file):
    return "".join(line(file, number) for number in range(60))


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "data"
    (folder / "books" / "more").mkdir(parents=True)
    for file in range(FILES):
        (folder / "books" / f"book{file}.txt").write_text(book(file), encoding="utf-8")
    (folder / "books" / "SOURCE.md").write_text("where the books come from")
    (folder / "books" / "more" / "extra.txt").write_text(book(FILES), encoding="utf-8")
    (folder / "train.csv").write_text("text,category\nhello,greeting\n")
    (folder / "dev.json").write_text(json.dumps(squad()))
    return folder


def config(**changes):
    content = {
        "source": "local_text",
        "seed": 5,
        "unit_tokens": 2_000,
        "largest_budget": 2.0,
        "folder": "books",
        "vocab_size": 320,
        "dev_files": 1,
        "test_files": 2,
        "document_tokens": 64,
    }
    return validate(LocalTextConfig, {**content, **changes}, "run.yaml", "corpus")


def prepared(root, name="corpus", **changes):
    prepare_corpus(config(**changes), root.parent / name, root)
    return Corpus.open(root.parent / name)


def documents(corpus):
    """Text of every document, BOS and EOS left out; the last may be cut."""
    tokenizer = load_tokenizer(corpus.tokenizer_file)
    tokens = corpus.tokens(0, corpus.num_tokens)
    starts = np.flatnonzero(tokens == corpus.manifest.bos_id)
    assert starts[0] == 0
    return [tokenizer.decode(part.tolist()) for part in np.split(tokens, starts[1:])]


def held_out(corpus, split):
    lines = (corpus.folder / "evaluation" / f"text_{split}.jsonl").read_text().splitlines()
    return {row["id"]: row["text"] for row in map(json.loads, lines)}


def test_files_are_held_out_whole_and_never_trained_on(root):
    corpus = prepared(root)
    dev, test = held_out(corpus, "dev"), held_out(corpus, "test")
    assert (len(dev), len(test)) == (1, 2)
    assert not set(dev) & set(test)
    for name, text in {**dev, **test}.items():
        assert text == book(int(name.removeprefix("books/book").removesuffix(".txt")))
    trained = " ".join(documents(corpus))
    out = {name.removeprefix("books/book").removesuffix(".txt") for name in (*dev, *test)}
    found = {str(file) for file in range(FILES) if f" of book {file} the " in trained}
    assert found
    assert not found & out


def test_another_seed_holds_out_other_files(root):
    chosen = {frozenset(held_out(prepared(root, f"c{seed}", seed=seed), "test")) for seed in range(4)}
    assert len(chosen) > 1


def test_every_document_is_seen_once_and_in_random_order(root):
    """Nearly as many tokens as all five training files hold."""
    everything = prepared(root, "all", unit_tokens=6_800, largest_budget=1.0)
    found = documents(everything)
    assert len(set(found)) == len(found) == everything.manifest.num_documents
    told = [re.search(r"chapter (\d+) of book (\d+) ", text) for text in found]
    books = [int(match[2]) for match in told if match]
    assert len(set(books)) == 5
    changes = sum(one != other for one, other in itertools.pairwise(books))
    assert changes > 2 * len(set(books)), "documents of all files are mixed"
    chapters = [int(match[1]) for match in told if match and int(match[2]) == books[0]]
    assert chapters != sorted(chapters)


def test_documents_have_their_length_and_join_into_the_files(root):
    corpus = prepared(root)
    tokens = corpus.tokens(0, corpus.num_tokens)
    lengths = np.diff(np.flatnonzero(tokens == corpus.manifest.bos_id))
    assert lengths.max() == 64
    assert (lengths == 64).mean() > 0.9
    assert (tokens == corpus.manifest.eos_id).sum() >= len(lengths)
    books = [book(file) for file in range(FILES)]
    for text in documents(corpus)[:-1]:
        assert any(text.strip("�") in content for content in books)


def test_without_a_length_a_file_is_a_document(root):
    corpus = prepared(root, document_tokens=None)
    whole = documents(corpus)[:-1]
    assert whole
    assert all(text in [book(file) for file in range(FILES)] for text in whole)


def test_the_same_config_gives_the_same_bytes_and_blocks_do_not_matter(root, monkeypatch):
    first = prepared(root, "first")
    second = prepared(root, "second")
    assert first.manifest == second.manifest
    monkeypatch.setattr(_text, "BLOCK", 500)
    assert prepared(root, "third").manifest == first.manifest


def test_another_stream_seed_changes_the_stream_alone(root):
    first, second = (
        prepared(root, "first"),
        prepared(root, "second", stream_seed=1, document_tokens=200, unit_tokens=900),
    )
    assert set(documents(first)[:-1]) != set(documents(prepared(root, "third", stream_seed=1))[:-1])
    assert first.manifest.files == second.manifest.files
    assert first.manifest.tokenizer_sha256 == second.manifest.tokenizer_sha256


def test_the_tokenizer_is_trained_on_the_training_files_alone(root):
    corpus = prepared(root)
    (name, *_) = held_out(corpus, "test")
    (root / name).write_text("zzzz qqqq " * 3000)
    assert prepared(root, "other").manifest.tokenizer_sha256 == corpus.manifest.tokenizer_sha256
    trained_on = next(
        path
        for path in sorted(root.glob("books/*.txt"))
        if f"books/{path.name}" not in {**held_out(corpus, "test"), **held_out(corpus, "dev")}
    )
    trained_on.write_text("zzzz qqqq " * 3000)
    assert prepared(root, "third").manifest.tokenizer_sha256 != corpus.manifest.tokenizer_sha256


def test_the_tokenizer_reads_equally_long_beginnings(root):
    paths = sorted(root.glob("books/*.txt"))
    parts = list(_text._beginnings(paths, 100 * len(paths)))
    assert parts == [book(file)[:100] for file in range(FILES)]
    whole = "".join(_text._beginnings(paths, 10**9))
    assert whole == "".join(book(file) for file in range(FILES))


def test_a_mark_and_line_ends_of_other_systems_are_dropped(root):
    corpus = prepared(root)
    (name,) = held_out(corpus, "dev")
    text = held_out(corpus, "dev")[name]
    (root / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    other = prepared(root, "other")
    assert held_out(other, "dev")[name] == text
    assert other.manifest.inputs[name] != corpus.manifest.inputs[name]


def test_evaluation_files_are_copied_and_listed(root):
    corpus = prepared(root, evaluation={"banking77_train.csv": "train.csv"})
    assert (corpus.folder / "evaluation" / "banking77_train.csv").read_bytes() == (root / "train.csv").read_bytes()
    assert corpus.manifest.files["evaluation/banking77_train.csv"] == sha256(root / "train.csv")
    assert set(corpus.manifest.files) == {
        f"evaluation/{name}" for name in ("banking77_train.csv", "text_dev.jsonl", "text_test.jsonl")
    }


def test_squad_is_split_by_article_and_keeps_its_order(root):
    corpus = prepared(root, squad={"file": "dev.json", "dev_articles": 3})
    parts = {s: json.loads((corpus.folder / "evaluation" / f"squad_{s}.json").read_text()) for s in ("dev", "test")}
    assert parts["test"] == {**squad(), "data": squad()["data"][:5]}
    assert parts["dev"] == {**squad(), "data": squad()["data"][5:]}
    questions = {s: read_squad(corpus.folder / "evaluation" / f"squad_{s}.json").questions for s in parts}
    assert not {q.id for q in questions["dev"]} & {q.id for q in questions["test"]}
    assert corpus.manifest.inputs["dev.json"] == sha256(root / "dev.json")


def test_inputs_are_all_files_that_are_read_and_their_place_does_not_matter(root):
    changes = {"evaluation": {"a.csv": "train.csv"}, "squad": {"file": "dev.json", "dev_articles": 1}}
    books = [f"books/book{file}.txt" for file in range(FILES)]
    assert list(inputs(config(**changes), root)) == [*books, "train.csv", "dev.json"]
    corpus = prepared(root, **changes)
    assert set(corpus.manifest.inputs) == {*books, "train.csv", "dev.json"}
    moved = root.rename(root.parent / "moved")
    before = (corpus.folder / "train-00000.bin").stat().st_mtime_ns
    prepare_corpus(config(**changes), corpus.folder, moved)
    assert (corpus.folder / "train-00000.bin").stat().st_mtime_ns == before
    assert Corpus.open(corpus.folder).fingerprint == corpus.fingerprint


@pytest.mark.parametrize("changed", ["books/book3.txt", "train.csv", "dev.json", "books/new.txt"])
def test_changed_inputs_make_the_corpus_anew(root, changed):
    changes = {"evaluation": {"a.csv": "train.csv"}, "squad": {"file": "dev.json", "dev_articles": 1}}
    corpus = prepared(root, **changes)
    old = (root / changed).read_text() if (root / changed).exists() else book(50)
    (root / changed).write_text(old + "\n")
    prepare_corpus(config(**changes), corpus.folder, root)
    again = Corpus.open(corpus.folder)
    assert again.manifest.inputs[changed] == sha256(root / changed)
    assert again.fingerprint != corpus.fingerprint


def test_a_pattern_can_look_into_folders(root):
    assert "books/more/extra.txt" in inputs(config(glob="**/*.txt"), root)
    assert "books/more/extra.txt" not in inputs(config(), root)


def error(root, **changes):
    with pytest.raises(UserError) as caught:
        prepare_corpus(config(**changes), root.parent / "corpus", root)
    assert not (root.parent / "corpus").exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_absent_folder_is_told_with_its_key(root):
    assert error(root, folder="novels") == (
        f"{root}/novels: no such folder, but corpus.folder names it below data_root {root}; put the texts there, or "
        f"set data_root (in workflow/config/config.yaml, or mmv2 data --data-root)"
    )


def test_absent_evaluation_files_are_told_with_their_key(root):
    message = error(root, evaluation={"a.csv": "none.csv"})
    assert message.startswith(f"{root}/none.csv: no such file, but corpus.evaluation.a.csv names it below data_root")
    message = error(root, squad={"file": "none.json", "dev_articles": 1})
    assert message.startswith(f"{root}/none.json: no such file, but corpus.squad.file names it below data_root")


def test_too_little_text_is_told_with_what_there_is_and_what_is_needed(root):
    message = error(root, unit_tokens=1_000_000)
    assert "unit_tokens * largest_budget asks for 2000000 tokens, the documents hold " in message
    have = int(message.split("the documents hold ")[1].split(";")[0])
    assert prepared(root, "all", unit_tokens=have, largest_budget=1.0).num_tokens == have
    assert f"asks for {have + 1} tokens" in error(root, unit_tokens=have + 1, largest_budget=1.0)


def test_too_few_files_are_told(root):
    message = error(root, test_files=7)
    assert "books: 8 files match corpus.glob '*.txt'; 9 are needed, as dev_files and test_files hold out 8" in message


def test_a_tokenizer_larger_than_the_text_allows_is_told(root):
    assert error(root, vocab_size=5000).startswith(
        "corpus.vocab_size: 5000, but the text that the tokenizer is trained"
    )


def test_what_is_no_text_is_told(root):
    (root / "books" / "book1.txt").write_bytes(b"caf\xe9 in Latin-1\n")
    assert "books/book1.txt: no text in UTF-8 (invalid continuation byte)" in error(root)
    (root / "books" / "book1.txt").write_text(f"Tokens such as {BOS} mark documents.\n")
    assert f"books/book1.txt: holds {BOS}, which marks where documents begin or end" in error(root)


def test_a_squad_file_without_articles_for_the_test_is_told(root):
    message = error(root, squad={"file": "dev.json", "dev_articles": 8})
    assert message.startswith(f"corpus.squad.dev_articles: 8, but {root}/dev.json has 8 articles")
    message = error(root, squad={"file": "dev.json", "dev_articles": 1, "max_paragraph_words": 4})
    assert "dev.json has 0 articles with paragraphs of max_paragraph_words" in message
    (root / "dev.json").write_text('{"data": [{"title": "x"}]}')
    message = error(root, squad={"file": "dev.json", "dev_articles": 1})
    assert message.startswith(f"{root}/dev.json: data.0 (title 'x').paragraphs: missing")


def test_long_paragraphs_can_be_left_out_with_their_questions(root):
    content = squad()
    long = content["data"][0]["paragraphs"][2]
    long["context"] += " And in many other cities."
    for paragraph in content["data"][1]["paragraphs"]:
        paragraph["context"] += " And in many other cities."
    (root / "dev.json").write_text(json.dumps(content))
    corpus = prepared(root, squad={"file": "dev.json", "dev_articles": 2, "max_paragraph_words": 5})
    articles = json.loads((corpus.folder / "evaluation" / "squad_test.json").read_text())["data"]
    assert [article["title"] for article in articles] == ["mira", "ada", "karl", "ines", "otto"]
    assert articles[0]["paragraphs"] == [p for p in squad()["data"][0]["paragraphs"] if p["qas"] != long["qas"]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"folder": "/books"}, r"corpus\.folder: must be a path below data_root"),
        ({"folder": "../books"}, r"corpus\.folder: must be a path below data_root"),
        ({"evaluation": {"a.csv": "/train.csv"}}, r"corpus\.evaluation\.a\.csv: must be a path below data_root"),
        ({"evaluation": {"a/b.csv": "train.csv"}}, r"corpus\.evaluation\.a/b\.csv.*: string should match pattern"),
        (
            {"evaluation": {"text_dev.jsonl": "x"}},
            r"corpus\.evaluation: text_dev\.jsonl is written by the corpus itself",
        ),
        (
            {"evaluation": {"squad_dev.json": "x"}, "squad": {"file": "y", "dev_articles": 1}},
            r"corpus\.evaluation: squad_dev\.json is written by the corpus itself",
        ),
        ({"vocab_size": 257}, r"corpus\.vocab_size: .* greater than or equal to 258"),
        ({"document_tokens": 2}, r"corpus\.document_tokens: .* greater than or equal to 3"),
        ({"dev_files": 0}, r"corpus\.dev_files: .* greater than or equal to 1"),
        ({"globs": "*"}, r"corpus\.globs: unknown key; did you mean 'glob'"),
    ],
)
def test_wrong_settings_are_named(changes, message):
    with pytest.raises(UserError, match=rf"run\.yaml: {message}"):
        config(**changes)


def test_a_squad_copy_may_have_that_name_when_nothing_is_split(root):
    corpus = prepared(root, evaluation={"squad_dev.json": "dev.json"})
    assert read_squad(corpus.folder / "evaluation" / "squad_dev.json").questions


def test_the_command_takes_the_root(root, capsys):
    content = yaml.safe_load((RUNS / "smoke" / "_base.yaml").read_text())
    content |= {"arch": "transformer", "corpus": config(unit_tokens=6_000).model_dump(mode="json", exclude={"squad"})}
    content["model"]["rope_theta"] = 10000.0
    content["corpus"]["largest_budget"] = 1.0
    run = root / "run.yaml"
    run.write_text(yaml.safe_dump(content))
    main(["data", str(run), "--output", str(root.parent / "corpus"), "--data-root", str(root)])
    assert Corpus.open(root.parent / "corpus").num_tokens == 6_000
    with pytest.raises(SystemExit):
        main(["data", str(run), "--output", str(root.parent / "other")])
    assert capsys.readouterr().err.startswith("error: data/books: no such folder, but corpus.folder names it")


def test_the_config_imports_without_torch():
    code = (
        "import sys, mmv2.data.sources.local_text; print(sorted({'torch', 'numpy', 'tokenizers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
