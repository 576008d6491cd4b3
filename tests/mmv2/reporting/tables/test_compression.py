"""Tables of compression methods and public models: whose numbers stand in which column."""

import pytest

from mmv2.errors import UserError
from mmv2.evaluation.statistics import Interval
from mmv2.records import read_records, write_records
from tests.golden.make_records_ablations import ablation_records


@pytest.fixture(scope="module")
def ablations(tmp_path_factory):
    file = tmp_path_factory.mktemp("ablations") / "records.jsonl"
    write_records(file, ablation_records())
    return read_records(file)


@pytest.mark.parametrize(
    ("name", "measured", "published", "value"),
    [
        ("table07_compression_methods_ruler", "measured: 256 tokens", "published: 4k", 51.4),
        ("table08_compression_methods_many_shot", "measured: 4-shot", "published: 3-shot", 1.0),
    ],
)
def test_measured_and_published_columns_are_apart(name, measured, published, value, ablations, table):
    found = table(name, ablations)
    theirs = found[found["source"] == "published"]
    ours = found.drop(theirs.index)
    assert all(isinstance(cell, Interval) for cell in ours[measured])
    assert ours[published].isna().all()
    assert theirs[measured].isna().all()
    (rwkv,) = theirs[theirs["model"].str.startswith("rwkv")][published]
    assert rwkv == value
    no_model = ours["source"] == "measured: no model"
    assert set(ours["model"][~no_model]) == {"Mamba-2", "Memory Mosaics v2", "Transformer"}
    of_subtask = ours["subtask"] == ours["subtask"].iloc[0]
    (chance,) = ours[no_model & of_subtask & (ours["model"] == "Chance")][measured]
    assert 0 < chance.mean < 100


def test_copying_is_the_same_number_in_both_tables_of_shots(ablations, table):
    """The mean over prompt styles, whichever style is the best of a model."""
    of_shots = ablations[ablations["task"] == "many_shot"]
    copied = of_shots.assign(baseline_nearest_match=(of_shots["prompt_style"] == "newline_ordered").astype(float))
    one, other = (table(name, copied) for name in ("table08_compression_methods_many_shot", "table_many_shot"))
    (found,) = one[(one["model"] == "Nearest match, no model") & (one["subtask"] == "banking77")]["measured: 4-shot"]
    nearest = other[(other["model"] == "Nearest match, no model") & (other["subtask"] == "banking77, semantic")]
    assert found.mean == 25
    assert [found] == nearest["4 shots"].tolist()


def test_a_stage_is_that_of_the_library(ablations, table):
    scratch = ablations[ablations["init_from"].isna() | ablations["setting_model_type"].isna()]
    found = table("table07_compression_methods_ruler", scratch)
    assert not found["source"].str.endswith("-long").any()
    with pytest.raises(UserError, match="none of runs of arch huggingface"):
        table("table07_compression_methods_ruler", ablations[ablations["setting_model_type"].isna()])


def test_public_models_are_published_alone_and_under_their_tokens(golden, table):
    found = table("table11_public_models", golden).set_index("model")
    (column,) = [name for name in found if str(name).endswith("/ 8k")]
    assert found.loc["yarn-base-7b, claimed context 128k", column] == 23.5
    assert found.loc["yarn-base-7b, claimed context 128k", "source"] == "published"
    assert found["source"].eq("published").sum() == 8
