from collections import Counter

import pytest

from mmv2.config import validate
from mmv2.errors import UserError
from mmv2.evaluation.tasks._data_sets import BANKING77, GOEMOTIONS, DataSet
from mmv2.evaluation.tasks._demonstrations import ManyShotSettings, read_source
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


def test_a_data_set_may_have_shots_of_its_own(corpus):
    own = {"banking77": BANKING77, "goemotions": GOEMOTIONS.model_copy(update={"shots": (3, 2, 3)})}
    settings = ManyShotSettings(context_lengths=(256,), shots=(1, 5), datasets=own)
    assert [settings.shots_of(name) for name in own] == [[1, 5], [2, 3]]
    common, fewer = (source(corpus, name, datasets=own, shots=(1, 5), dev_examples=2) for name in own)
    assert (len(common.orders["ordered"]), len(fewer.orders["shuffled"])) == (5, 3)


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


def lettered(corpus, name, letters):
    """Makes a data set whose rows have these letters for labels; row n says word n."""
    lines = ["text,category", *(f"word{number},{letter}" for number, letter in enumerate(letters))]
    (corpus / f"{name}.csv").write_text("\n".join(lines) + "\n")


def drawn(corpus, train, test="abc", **changes):
    """Labels and row numbers of each shot, then of test and of development queries."""
    lettered(corpus, "train", train)
    lettered(corpus, "test", test)
    kept = {name: changes.pop(name) for name in ("demonstrations", "queries", "repeat_rows") if name in changes}
    data = DataSet(format="banking77", train_file="train.csv", test_file="test.csv", **kept)
    plain = {"datasets": {"own": data}, "label_kinds": ("anonymous",), "dev_examples": 0}
    found = source(corpus, "own", **{**plain, **changes})
    shots = [["".join((row.label, str(row.number))) for row in shot] for shot in found.orders["ordered"]]
    return shots, *(
        [row.label + str(row.number) for where, row in found.queries if where == at] for at in ("test", "dev")
    )


def test_one_pass_completes_the_classes_of_a_shot_before_it_begins_the_next(corpus):
    """LongICLBench's rule for TACRED: rows on the way are passed over, and order is that of the file."""
    shots, _, dev = drawn(corpus, "aabbcabca", demonstrations="one_pass", shots=(2,), dev_examples=3)
    assert shots == [["a0", "b2", "c4"], ["a5", "b6", "c7"]]
    assert dev == ["a1", "b3", "a8"]


def test_one_pass_that_ends_too_soon_is_told(corpus):
    with pytest.raises(UserError, match=r"one pass over train\.csv gives 1 shots, needed are 2: .* class 'b' .* has 3"):
        drawn(corpus, "abbbcac", demonstrations="one_pass", shots=(2,))


def test_one_pass_begins_again_where_rows_may_be_repeated(corpus):
    shots, *_ = drawn(corpus, "abbbcac", demonstrations="one_pass", repeat_rows=True, shots=(3,))
    assert shots == [["a0", "b1", "c4"], ["a5", "c6", "b1"], ["b2", "c4", "a5"]]


def test_a_class_with_few_rows_repeats_them_if_it_may(corpus):
    shots, *_ = drawn(corpus, "aaab", "ab", repeat_rows=True, shots=(3,), dev_examples=0)
    assert shots == [["a0", "b3"], ["a1", "b3"], ["a2", "b3"]]
    with pytest.raises(UserError, match=r"dev_examples: 1, but 0 rows of train\.csv are left beside 3 shots"):
        drawn(corpus, "aaab", "ab", repeat_rows=True, shots=(3,), dev_examples=1)


def test_drawn_demonstrations_are_shuffled_within_their_classes_by_the_seed(corpus):
    letters = "ab" * 20
    found = {seed: drawn(corpus, letters, "ab", demonstrations="drawn", shots=(4,), seed=seed)[0] for seed in (1, 2)}
    assert found[1] != found[2]
    for shots in found.values():
        assert [[name[0] for name in shot] for shot in shots] == [["a", "b"]] * 4
        assert len({name for shot in shots for name in shot}) == 8
    assert drawn(corpus, letters, "ab", demonstrations="drawn", shots=(2,), seed=1)[0] == found[1][:2]


def test_drawn_demonstrations_leave_development_queries_of_their_own(corpus):
    shots, _, dev = drawn(corpus, "ab" * 6, "ab", demonstrations="drawn", shots=(4,), dev_examples=4)
    assert len({name for shot in shots for name in shot} | set(dev)) == 12


def test_queries_in_file_order_are_at_most_20_of_a_class(corpus):
    test = "a" * 25 + "b" + "a" + "b" * 3
    asked = drawn(corpus, "ab" * 9, test, queries="file_order", examples_per_length=500)[1]
    assert asked == [f"a{number}" for number in range(20)] + ["b25", "b27", "b28", "b29"]
    assert drawn(corpus, "ab" * 9, test, queries="file_order", examples_per_length=21)[1] == asked[:21]


def test_drawn_queries_are_balanced_and_follow_the_seed(corpus):
    found = {seed: drawn(corpus, "ab" * 9, "a" * 30 + "b" * 30, queries="drawn", seed=seed)[1] for seed in (1, 2)}
    assert found[1] != found[2]
    assert [name[0] for name in found[1]] == list("ababababa")


def test_without_a_test_file_the_second_halves_are_asked(corpus):
    lettered(corpus, "train", "aaaaabbb")
    text = (corpus / "train.csv").read_text().replace("word7", "word0")
    (corpus / "train.csv").write_text(text)
    data = DataSet(format="banking77", train_file="train.csv")
    found = source(corpus, "own", datasets={"own": data}, label_kinds=("anonymous",), dev_examples=0, shots=(2,))
    assert [[row.number for row in shot] for shot in found.orders["ordered"]] == [[0, 5], [1, 6]]
    assert [row.number for _, row in found.queries] == [3, 4], "row 7 has the text of a row of the first half"


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label_kinds": ["novel"]}, "many_shot.novel_labels: needed for the novel kind"),
        ({"label_kinds": ["numbers"]}, r"many_shot\.label_kinds"),
        ({"prompt_styles": ["tab_ordered"]}, r"many_shot\.prompt_styles"),
        ({"context_lengths": [64, 128]}, r"many_shot\.context_lengths: .* at most 1"),
        ({"shots": [0]}, r"many_shot\.shots"),
        ({"datasets": {}}, r"many_shot\.datasets"),
        ({"datasets": {"own": {"format": "csv"}}}, r"many_shot\.datasets\.own\.format: .*'goemotions', 'tacred' or"),
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
