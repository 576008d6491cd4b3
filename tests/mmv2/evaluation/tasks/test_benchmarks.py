import csv
import json
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from mmv2.data.prepare import prepare_corpus
from mmv2.data.sources._benchmarks import NAMES
from mmv2.errors import UserError
from mmv2.evaluation.evaluate import evaluate
from mmv2.evaluation.frozen import read_frozen
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.tasks.benchmarks import TASK, BenchmarksSettings, Published, freeze
from mmv2.records import read_records
from tests.mmv2.data.conftest import world_config
from tests.mmv2.evaluation.small_world import CITIES, write_corpus_folder, write_final

PUBLISHED = Path(__file__).parents[4] / "results" / "published" / "table01_persistent_19.csv"
OPEN = {"file": "evaluation/cities_test.jsonl", "dev_file": "evaluation/cities_dev.jsonl", "group": "context"}
CHOICE = {
    "file": "evaluation/cities_choice_test.jsonl",
    "dev_file": "evaluation/cities_choice_dev.jsonl",
    "group": "persistent",
    "published": "arc_easy",
}


@pytest.fixture
def corpus(tmp_path):
    return write_corpus_folder(tmp_path / "corpus")


def settings(benchmarks, **changes):
    return BenchmarksSettings(**{"context_lengths": (64,), "max_new_tokens": 2, "benchmarks": benchmarks, **changes})


def frozen(corpus, benchmarks, **changes):
    freeze(settings(benchmarks, **changes), corpus, corpus / "tokenizer.json", corpus / "frozen.jsonl")
    return read_frozen(corpus / "frozen.jsonl")


def rows(corpus, name):
    return [json.loads(line) for line in (corpus / "evaluation" / f"{name}.jsonl").read_text().splitlines()]


def write_rows(corpus, name, content):
    (corpus / "evaluation" / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content))


def test_examples_hold_what_the_rows_hold(corpus):
    header, examples = frozen(corpus, {"open": OPEN, "choice": CHOICE})
    by_name = {name: {e.id: e for e in examples if e.subtask == name} for name in ("open", "choice")}
    assert header.sources.keys() == {OPEN["file"], OPEN["dev_file"], CHOICE["file"], CHOICE["dev_file"]}
    assert header.summary["64"]["examples"] == len(examples) == 64
    for row in rows(corpus, "cities_test"):
        example = by_name["open"][row["id"]]
        assert (example.prompt, list(example.references), example.choices) == (row["prompt"], row["references"], ())
        assert example.details == {"group": "context", "published": ""}
        assert (example.depth, example.split) == (0.5, "test")
    for row in rows(corpus, "cities_choice_test"):
        example = by_name["choice"][row["id"]]
        assert example.choices == tuple(f" {city}" for city in CITIES)
        assert example.details == {"group": "persistent", "published": "arc_easy"}


def test_published_names_are_the_columns_of_table_1():
    with PUBLISHED.open(newline="") as file:
        columns = next(csv.reader(file))
    assert set(get_args(Published)) - {""} == set(columns) - {"model", "context_length", "avg"}


def test_a_choice_is_right_and_text_does_not_count(corpus):
    _, (example, *_) = frozen(corpus, {"choice": CHOICE})
    right, wrong = example.references[0], next(city for city in CITIES if city != example.references[0])
    assert TASK.score(example, Outcome(text=wrong, choice=right)) == {"accuracy": 1}
    assert TASK.score(example, Outcome(text=right, choice=wrong)) == {"accuracy": 0}
    assert TASK.chance(example) == 1 / 5


def test_a_free_answer_begins_the_first_line(corpus):
    _, (example, *_) = frozen(corpus, {"open": OPEN})
    (right,) = example.references
    scores = [TASK.score(example, Outcome(text=text))["accuracy"] for text in (f"{right} Rome", f"Rome {right}", "")]
    assert scores == ([1, 1, 0] if right == "Rome" else [1, 0, 0])


def test_chance_of_free_answers_is_the_blind_guess_of_the_dev_file(corpus):
    """Twelve development questions with this ending are answered by Lima, the others by cities in turn."""
    dev = rows(corpus, "cities_dev")
    for row in dev[:12]:
        row["references"] = ["Lima"]
    write_rows(corpus, "cities_dev", dev)
    _, examples = frozen(corpus, {"open": OPEN})
    assert {example.baselines["most_frequent_answer"] for example in examples} == {"Lima"}
    assert [TASK.chance(example) for example in examples] == [float(e.references == ("Lima",)) for e in examples]


def test_chance_of_free_answers_is_a_draw_among_those_told_where_their_kind_is_known(corpus):
    """Of the context alone: a city in the question is not told; a row of one line is context as a whole."""
    test = rows(corpus, "cities_test")
    first, second = test[0]["references"][0], next(city for city in CITIES if city != test[0]["references"][0])
    told = f"mira lives in {second}. mira berg lives in {second}. mira tol lives in {first}."
    test[0]["prompt"] = f"{told}\n\nQuestion: {second} mira tol lives in"
    test[1] |= {"prompt": f"{told} mira tol lives in", "references": [first]}
    write_rows(corpus, "cities_test", test)
    lists = {"key": "cities"}
    header, examples = frozen(corpus, {"open": {**OPEN, "answer_lists": lists}, "choice": CHOICE})
    assert "evaluation/lexicon.json" in header.sources
    found = {(example.subtask, example.id): TASK.chance(example) for example in examples}
    assert found["open", test[0]["id"]] == found["open", test[1]["id"]] == 1 / 3
    assert {chance for (subtask, _), chance in found.items() if subtask == "choice"} == {1 / 5}
    with pytest.raises(UserError, match=r"choice\.answer_lists: all rows of .* have choices"):
        frozen(corpus, {"choice": {**CHOICE, "group": "context", "answer_lists": lists}})


def test_lists_of_answers_that_no_context_tells_are_refused():
    with pytest.raises(ValidationError, match="answer_lists: no context tells answers of group persistent"):
        settings({"open": {**OPEN, "group": "persistent", "answer_lists": {"key": "cities"}}})


def test_the_blind_guess_among_choices_is_the_one_most_often_right(corpus):
    dev = rows(corpus, "cities_choice_dev")
    for row in dev[:20]:
        row["references"] = ["Riga"]
    write_rows(corpus, "cities_choice_dev", dev)
    test = rows(corpus, "cities_choice_test")
    test[0] |= {"choices": [" Oslo", " Rome"], "references": ["Rome"]}
    write_rows(corpus, "cities_choice_test", test)
    _, examples = frozen(corpus, {"choice": CHOICE})
    guesses = {example.id: example.baselines["most_frequent_answer"] for example in examples}
    counts = {city: sum(row["references"] == [city] for row in dev) for city in ("Oslo", "Rome")}
    assert guesses.pop(test[0]["id"]) == max(counts, key=lambda city: (counts[city], city == "Oslo"))
    assert set(guesses.values()) == {"Riga"}


def test_nearest_match_copies_from_the_context_only(corpus):
    passages = [
        {**row, "choices": [f" {city}" for city in CITIES]} for row in rows(corpus, "cities_test") if row["references"]
    ]
    write_rows(corpus, "passages", passages)
    reading = {**CHOICE, "file": "evaluation/passages.jsonl", "group": "context"}
    _, examples = frozen(corpus, {"open": OPEN, "choice": CHOICE, "reading": reading})
    for example in examples:
        assert ("nearest_match" in example.baselines) == (example.subtask != "choice")
        if example.subtask != "choice":
            assert TASK.score(example, Outcome.of_text(example.baselines["nearest_match"])) == {"accuracy": 1}


def test_a_copy_that_is_no_choice_is_wrong(corpus):
    row = {
        "id": "x",
        "prompt": "mira lives in Oslo. mira lives in",
        "references": ["Rome"],
        "choices": [" Rome", " Bern"],
    }
    write_rows(corpus, "odd", [row])
    _, (example,) = frozen(corpus, {"odd": {"file": "evaluation/odd.jsonl", "group": "context"}})
    assert example.baselines == {"nearest_match": ""}


def test_rows_may_bring_baselines_of_their_own(corpus):
    test = rows(corpus, "cities_test")
    test[0]["baselines"] = {"first_word": "mira"}
    write_rows(corpus, "cities_test", test)
    _, examples = frozen(corpus, {"open": OPEN})
    (example,) = [example for example in examples if example.id == test[0]["id"]]
    assert example.baselines.keys() == {"first_word", "most_frequent_answer", "nearest_match"}


def test_the_cap_of_a_benchmark_goes_before_the_general_one(corpus):
    _, examples = frozen(corpus, {"open": {**OPEN, "examples": 3}, "choice": CHOICE}, examples_per_length=7)
    assert [sum(e.subtask == name for e in examples) for name in ("open", "choice")] == [3, 7]


def test_room_is_left_for_the_longest_choice(corpus):
    test = rows(corpus, "cities_choice_test")[:1]
    test[0]["choices"].append(" mira jon ada karl ines")
    write_rows(corpus, "cities_choice_test", test)
    _, (example,) = frozen(corpus, {"choice": CHOICE})
    assert example.num_tokens == 1 + 4 + 5
    with pytest.raises(UserError, match=r"context_lengths: 9: row .* needs 10 tokens .* use a longer length"):
        frozen(corpus, {"choice": CHOICE}, context_lengths=(9,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"references": None}, r"cities_choice_test\.jsonl: line 2: references: Input should be a valid"),
        ({"references": []}, r"cities_choice_test\.jsonl: line 2: references: "),
        ({"references": ["Paris"]}, r"line 2: Value error, references: the right answer is none of the choices"),
        ({"references": ["Oslo", "Rome"]}, r"line 2: Value error, choices: at least two different ones and a single"),
        ({"choices": [" Oslo"]}, r"line 2: Value error, choices: at least two different"),
        ({"choices": [" Oslo", "Oslo"]}, r"line 2: Value error, choices: at least two different"),
        ({"prompt": ""}, r"line 2: prompt: "),
        ({"answer": "Oslo"}, r"line 2: answer: Extra inputs are not permitted"),
        ({"id": "mira-tol-0"}, r"line 2: id: mira-tol-0 is that of line 1 too"),
        ({"prompt": "mira tol owns a"}, r"row mira-berg-0: the tokenizer has no token for 'owns', 'a'"),
    ],
)
def test_what_is_wrong_with_a_row_is_told_with_file_and_line(corpus, change, message):
    content = rows(corpus, "cities_choice_test")
    content[1] = {**content[1], **change}
    write_rows(corpus, "cities_choice_test", content)
    with pytest.raises(UserError, match=message):
        frozen(corpus, {"choice": CHOICE})


def test_a_missing_field_is_told_with_file_and_line(corpus):
    content = rows(corpus, "cities_test")
    del content[2]["prompt"]
    write_rows(corpus, "cities_test", content)
    with pytest.raises(UserError, match=r"evaluation/cities_test\.jsonl: line 3: prompt: Field required"):
        frozen(corpus, {"open": OPEN})


def test_free_answers_need_development_rows(corpus):
    with pytest.raises(UserError, match=r"benchmarks\.open\.dev_file: missing; row .* has no choices"):
        frozen(corpus, {"open": {"file": OPEN["file"], "group": "context"}})


def test_missing_and_empty_files_are_told(corpus):
    with pytest.raises(UserError, match=r"none\.jsonl: no such file"):
        frozen(corpus, {"open": {**OPEN, "file": "evaluation/none.jsonl"}})
    write_rows(corpus, "cities_test", [])
    with pytest.raises(UserError, match=r"cities_test\.jsonl: empty"):
        frozen(corpus, {"open": OPEN})


def test_wrong_settings_are_refused():
    for wrong in ({"group": "other"}, {"published": "squads"}, {"examples": 0}):
        with pytest.raises(ValidationError):
            settings({"open": {**OPEN, **wrong}})
    with pytest.raises(ValidationError):
        settings({})


def test_an_edited_file_of_a_corpus_is_refused(tmp_path):
    prepare_corpus(world_config(unit_tokens=2_000), tmp_path / "corpus")
    file = tmp_path / "corpus" / "evaluation" / "repeat_test.jsonl"
    file.write_text(file.read_text().replace("0.", "0.1", 1))
    with pytest.raises(UserError, match=r"repeat_test\.jsonl: checksum"):
        frozen(tmp_path / "corpus", {"repeat": tiny_world_benchmark("repeat")}, context_lengths=(256,))


def tiny_world_benchmark(name):
    context = name in ("reading_open", "reading_choice", "few_shot_anonymous", "repeat")
    return {
        "file": f"evaluation/{name}_test.jsonl",
        "dev_file": f"evaluation/{name}_dev.jsonl",
        "group": "context" if context else "persistent",
    }


def test_every_benchmark_of_the_tiny_world_can_be_asked(tmp_path):
    corpus = tmp_path / "corpus"
    prepare_corpus(world_config(unit_tokens=2_000), corpus)
    benchmarks = {name: tiny_world_benchmark(name) for name in NAMES}
    header, examples = frozen(corpus, benchmarks, context_lengths=(256,), examples_per_length=4)
    assert [example.subtask for example in examples] == [name for name in NAMES for _ in range(4)]
    assert header.max_new_tokens == 2
    for name in ("reading_open", "reading_choice", "repeat"):
        copied = [example for example in examples if example.subtask == name]
        scores = [TASK.score(e, Outcome.of_text(e.baselines["nearest_match"]))["accuracy"] for e in copied]
        assert scores == [1] * 4


def test_free_and_choice_benchmarks_go_through_one_evaluation(corpus, tmp_path):
    _, examples = frozen(corpus, {"open": OPEN, "choice": CHOICE}, examples_per_length=9)
    final = write_final(tmp_path / "final", "transformer", corpus / "tokenizer.json")
    evaluate(final, corpus / "frozen.jsonl", tmp_path / "records.jsonl", batch_size=4)
    table = read_records(tmp_path / "records.jsonl")
    assert table["example_id"].tolist() == [example.id for example in examples]
    choice = table["subtask"] == "choice"
    assert table[choice]["choice"].isin(CITIES).all()
    assert table[~choice]["choice"].isna().all()
    right = table[choice]["choice"] == table[choice]["references"].str[0]
    assert table[choice]["score_accuracy"].tolist() == right.astype(float).tolist()
    assert set(table[choice]["chance"]) == {1 / 5}
    assert set(table[choice]["detail_published"]) == {"arc_easy"}
