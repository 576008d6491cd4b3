from collections import Counter

import pytest

from mmv2.config import validate
from mmv2.errors import UserError
from mmv2.evaluation.tasks._demonstrations import BANKING77, FORMS, GOEMOTIONS, DataSet, ManyShotSettings, read_source
from mmv2.evaluation.word_lists import WordList
from tests.mmv2.evaluation.small_world import ANONYMOUS, CITIES, LABELS, instances, write_corpus_folder


@pytest.fixture
def corpus(tmp_path):
    return write_corpus_folder(tmp_path / "corpus")


def source(corpus, name="banking77", **changes):
    small = {"context_lengths": (256,), "examples_per_length": 9, "dev_examples": 6, "shots": (1, 4)}
    return read_source(ManyShotSettings(**{**small, **changes}), name, corpus)


def asked(found, split):
    return [(row.text, row.label) for where, row in found.queries if where == split]


def test_a_shot_is_the_next_row_of_every_class_in_order_of_first_appearance(corpus):
    rows = instances("train", 7)
    ordered = source(corpus).orders["ordered"]
    for shot in range(4):
        expected = [rows[7 * label + shot] for label in range(4)]
        assert [(row.text, row.label) for row in ordered[shot]] == expected
    assert len(ordered) == 4


def test_both_formats_have_the_same_demonstrations_here(corpus):
    """The small world's two files hold the same rows in another order."""
    banking, emotions = (source(corpus, name).orders["ordered"] for name in ("banking77", "goemotions"))
    texts = [[[(row.text, row.label) for row in shot] for shot in shots] for shots in (banking, emotions)]
    assert texts[0] == texts[1]


def test_shuffling_permutes_the_classes_of_each_shot_by_the_seed(corpus):
    orders = source(corpus).orders
    for plain, shuffled in zip(orders["ordered"], orders["shuffled"], strict=True):
        assert sorted(row.number for row in plain) == sorted(row.number for row in shuffled)
    labels = [[row.label for row in shot] for shot in orders["shuffled"]]
    assert len(set(map(tuple, labels))) > 1
    assert source(corpus).orders == orders
    assert source(corpus, seed=43).orders["shuffled"] != orders["shuffled"]
    assert source(corpus, seed=43).orders["ordered"] == orders["ordered"]


def test_fewer_shots_are_the_first_of_more(corpus):
    few, many = source(corpus, shots=(2,)).orders, source(corpus, shots=(2, 5)).orders
    assert few == {order: shots[:2] for order, shots in many.items()}


def test_test_queries_are_rounds_over_the_classes(corpus):
    rows = instances("test", 5)
    expected = [rows[5 * label + place] for place in range(5) for label in range(4)]
    assert asked(source(corpus), "test") == expected[:9]
    assert asked(source(corpus, examples_per_length=500), "test") == expected


def test_development_queries_are_training_rows_after_the_last_demonstrations(corpus):
    rows = instances("train", 7)
    expected = [rows[7 * label + place] for place in (4, 5) for label in range(4)]
    found = source(corpus)
    assert asked(found, "dev") == expected[:6]
    demonstrations = {row.number for shot in found.orders["ordered"] for row in shot}
    assert not demonstrations & {row.number for where, row in found.queries if where == "dev"}
    assert asked(source(corpus, dev_examples=0), "dev") == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shots": (8,), "dev_examples": 0}, r"class 'voss' has 7 rows in \S+_train\.csv, needed are 8: 8 for shots"),
        (
            {"shots": (5,), "dev_examples": 9},
            r"has 7 rows in \S+, needed are 8: 5 for shots, 3 for dev_examples 9 of 4",
        ),
        ({"num_classes": 5}, "num_classes: 5, but banking77 has 4 classes; use at most that"),
        ({"label_kinds": ("novel",), "novel_labels": WordList(key="names.last")}, "novel_labels: 0 words .* for 4 cla"),
    ],
)
def test_too_few_rows_classes_or_words_are_told(corpus, changes, message):
    with pytest.raises(UserError, match=message):
        source(corpus, **changes)


def test_a_class_of_the_test_file_alone_is_told(corpus):
    with (corpus / "evaluation" / "banking77_test.csv").open("a") as file:
        file.write("ada Oslo Rome,green\n")
    with pytest.raises(UserError, match=r"banking77_test\.csv: class 'green' has no row in \S+_train\.csv"):
        source(corpus)


def test_a_subset_of_classes_is_drawn_by_the_seed(corpus):
    chosen = set()
    for seed in range(8):
        found = source(corpus, num_classes=3, seed=seed, label_kinds=("anonymous",))
        labels = found.labels["anonymous"]
        chosen.add(frozenset(labels))
        assert len(labels) == 3
        assert set(labels.values()) == set(ANONYMOUS[:3])
        assert {row.label for _, row in found.queries} == set(labels)
        assert all(len(shot) == 3 for shot in found.orders["ordered"])
    assert len(chosen) > 1


def test_kinds_of_labels(corpus):
    kinds = {"label_kinds": ("semantic", "anonymous", "novel"), "novel_labels": WordList(key="cities")}
    labels = source(corpus, **kinds).labels
    assert labels["semantic"] == {label: label for label in LABELS}
    assert labels["anonymous"] == dict(zip(sorted(LABELS), ANONYMOUS, strict=True))
    assert set(labels["novel"]) == set(LABELS)
    assert len(set(labels["novel"].values()) & set(CITIES)) == 4
    assert any(source(corpus, **kinds, seed=seed).labels["novel"] != labels["novel"] for seed in range(3))


def test_the_anonymous_labels_may_be_permuted(corpus):
    mappings = [source(corpus, anonymous_mapping="permuted", seed=seed).labels["anonymous"] for seed in range(8)]
    assert all(sorted(mapping.values()) == ANONYMOUS for mapping in mappings)
    assert len({tuple(mapping[label] for label in LABELS) for mapping in mappings}) > 1


def test_the_blind_guess_is_the_most_frequent_label_of_the_training_file(corpus):
    assert source(corpus).most_frequent == sorted(LABELS)[0]
    with (corpus / "evaluation" / "banking77_train.csv").open("a") as file:
        file.write("ada Oslo Rome,tol\n")
    assert source(corpus).most_frequent == "tol"


def test_texts_are_those_of_the_format_unless_given():
    assert BANKING77.form == FORMS["banking77"]
    own = DataSet(**{**GOEMOTIONS.model_dump(), "instruction": "", "label_key": "is"})
    assert (own.form.instruction, own.form.query_key, own.form.label_key) == ("", "comment:", "is")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label_kinds": ["novel"]}, "many_shot.novel_labels: needed for the novel kind"),
        ({"label_kinds": ["numbers"]}, r"many_shot\.label_kinds"),
        ({"prompt_styles": ["tab_ordered"]}, r"many_shot\.prompt_styles"),
        ({"context_lengths": [64, 128]}, r"many_shot\.context_lengths: .* at most 1"),
        ({"shots": [0]}, r"many_shot\.shots"),
        ({"datasets": {}}, r"many_shot\.datasets"),
        ({"datasets": {"own": {"format": "csv"}}}, r"many_shot\.datasets\.own\.format: .*'banking77' or 'goemotions'"),
        ({"datasets": {"own": {"formt": "csv"}}}, r"datasets\.own\.formt: unknown key; did you mean 'format'"),
        (
            {"datasets": {"own": {"format": "goemotions", "train_file": "a", "test_file": "b"}}},
            r"datasets\.own\.labels_file: needed for goemotions",
        ),
    ],
)
def test_wrong_settings_are_told_by_key(change, message):
    with pytest.raises(UserError, match=message):
        validate(ManyShotSettings, {"context_lengths": [64], **change}, "suite.yaml", "tasks.many_shot")


def real(shared_data, name, **changes):
    banking, emotions = "banking77/banking_data/", "goemotions/data/original/"
    datasets = {
        "banking77": {"train_file": f"{banking}train.csv", "test_file": f"{banking}test.csv"},
        "goemotions": {
            "train_file": f"{emotions}train.tsv",
            "test_file": f"{emotions}test.tsv",
            "labels_file": f"{emotions}labels.txt",
        },
    }
    folder = shared_data(datasets[name]["train_file"]).parents[{"banking77": 1, "goemotions": 2}[name]].parent
    data = DataSet(format=name, **datasets[name])
    return read_source(ManyShotSettings(context_lengths=(65_536,), datasets={name: data}, **changes), name, folder)


@pytest.mark.parametrize(("name", "classes"), [("banking77", 77), ("goemotions", 28)])
def test_real_files_suffice_for_16_shots(shared_data, name, classes):
    found = real(shared_data, name, shots=(2, 16))
    assert [len(shot) for shot in found.orders["ordered"]] == [classes] * 16
    assert Counter(where for where, _ in found.queries) == {"test": 500, "dev": 100}
    labels = list(found.labels["anonymous"].values())
    assert sorted(labels) == [f"class_{number:02d}" for number in range(classes)]
    with pytest.raises(UserError, match=rf"datasets\.{name}: class '\w+' has (35|39) rows in .*needed are 4\d"):
        real(shared_data, name, shots=(38,))
