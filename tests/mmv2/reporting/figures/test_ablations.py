"""Figures of ablations say which models they show, and draw the numbers of the records."""

import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.records import read_records, write_records
from mmv2.registry import architecture, entries
from mmv2.reporting.cost import flops_per_token
from mmv2.reporting.fields import MEMBER
from mmv2.reporting.seeds import seeds_joined
from tests.golden.make_records_ablations import COMMON, MODELS, SIZES, ablation_records, runs

pytestmark = pytest.mark.usefixtures("few_resamplings")
FIGURES = entries("figure")
MOSAIC = "Memory Mosaics v2"
SHORT = "short-term memory alone"


@pytest.fixture(scope="module")
def ablations(tmp_path_factory):
    file = tmp_path_factory.mktemp("ablations") / "records.jsonl"
    write_records(file, [record for seed in (1, 2) for record in ablation_records(seed=seed)])
    return seeds_joined(read_records(file))


def drawn(axes):
    return [container.lines[0] for container in axes.containers]


@pytest.mark.parametrize(
    ("name", "variants"),
    [
        ("ablation_bandwidth", [", constant bandwidth"]),
        ("ablation_delay", [", fixed delay, m = 2", ", fixed delay, m = 4"]),
        ("ablation_memory", [f", {name}" for name in ("leaky keys", "plain keys", "rotary positions", SHORT)]),
    ],
)
def test_a_curve_is_a_trained_model_over_all_seeds(name, variants, ablations, draw, curves):
    for axes in draw(FIGURES[name], ablations):
        found = curves(axes)
        others = ["Memory Mosaics v1", "Memory Mosaics v1, SwiGLU"] if name == "ablation_memory" else []
        assert list(found) == [MOSAIC, *(f"{MOSAIC}{variant}" for variant in variants), *others, "Transformer"]
        looks = {(line.get_color(), line.get_marker(), line.get_linestyle()) for line in drawn(axes)}
        assert len(looks) == len(found)
    asked = ablations[(ablations["task"] == "ruler_qa") & (ablations["run"] == "mosaic")]
    means = 100 * asked.groupby("context_length")["score_official"].mean()
    pretrained = curves(draw(FIGURES[name], ablations)[0])
    assert pretrained[MOSAIC] == pytest.approx(dict(means))


def test_two_models_of_one_name_are_told(ablations):
    for run, name in (("constant", "ablation_bandwidth"), ("parts-all", "parts_of_a_transformer")):
        twin = ablations[ablations["run"] == run].assign(run="twin")
        with pytest.raises(UserError, match=rf"{run} and twin: two models of the same name in this figure \("):
            FIGURES[name].shown(pd.concat([ablations, twin.assign(**{MEMBER: "twin"})]))


def test_a_models_size_is_that_of_its_architecture(ablations):
    small = ablations["run"].isin(["mosaic-small", "transformer-small"])
    found = FIGURES["ablation_bandwidth"].shown(ablations)
    assert not found["run"].isin(set(ablations["run"][small])).any()
    narrow = ablations["setting_hidden_size"].where(~ablations["run"].str.startswith("constant"), 4)
    with pytest.raises(UserError, match="1 kinds of Memory Mosaics v2 that differ in bandwidth"):
        FIGURES["ablation_bandwidth"].shown(ablations.assign(setting_hidden_size=narrow))


def test_one_kind_is_no_ablation(ablations):
    with pytest.raises(UserError, match="1 kinds of Memory Mosaics v2 that differ in bandwidth"):
        FIGURES["ablation_bandwidth"].shown(ablations[ablations["setting_bandwidth"].ne("constant")])


def test_a_difference_is_that_of_the_means(ablations, draw):
    panel = next(axes for axes in draw(FIGURES["parts_of_a_transformer"], ablations) if "32 tokens" in axes.get_title())
    asked = ablations[(ablations["task"] == "ruler_qa") & (ablations["context_length"] == 32)]
    assert asked["seed"].nunique() == 2
    means = 100 * asked.groupby("run")["score_official"].mean()
    expected = means["parts-all"] - means["transformer"]
    chance = 100 * asked["chance"].mean()
    assert f"transformer: {means['transformer']:.1f} %\nchance: {chance:.1f} %" in panel.get_title()
    upright = [
        line.get_xdata()[0] for line in panel.lines if len(set(line.get_xdata())) == 1 and len(line.get_xdata()) == 2
    ]
    assert chance - means["transformer"] in [pytest.approx(place) for place in upright]
    places = [text.get_text() for text in panel.get_yticklabels()]
    drawn = [float(line.lines[0].get_xdata()[0]) for line in panel.containers]
    assert drawn[places.index("6 parts")] == pytest.approx(expected)
    assert not any("learning rate" in place for place in places), "all have the transformer's"
    with pytest.raises(UserError, match="with parts of Memory Mosaics v2 and of the transformer"):
        FIGURES["parts_of_a_transformer"].shown(ablations[ablations["run"] != "transformer"])


def test_another_learning_rate_is_told(ablations):
    of_all = ablations["run"].eq("parts-all")
    found = ablations.assign(setting_learning_rate=ablations["setting_learning_rate"].mask(of_all, 8e-3))
    names = FIGURES["parts_of_a_transformer"].shown(found).drop_duplicates("run").set_index("run")["variant"]
    assert [name for name in names if "learning rate" in name] == ["6 parts, learning rate 0.008"]


def test_split_attention_is_shown_alone_and_in_one_size(ablations):
    found = FIGURES["figure05_long_short"].shown(ablations)
    assert found["setting_hidden_size"].unique().tolist() == [16]
    assert set(found["setting_parts_named"].dropna()) == {"long_short"}
    with pytest.raises(UserError, match="none of fine-tuned runs with parts"):
        FIGURES["figure05_long_short"].shown(ablations[ablations["arch"] != "transformer_parts"])


@pytest.mark.parametrize("name", ["figure03_semantic_labels", "figure04_anonymous_labels"])
def test_figures_of_the_main_comparison_are_of_the_largest_size(name, ablations):
    assert ablations["setting_hidden_size"].nunique() == 2
    assert set(FIGURES[name].shown(ablations)["setting_hidden_size"]) == {16}


def test_one_size_has_no_small_one(ablations):
    with pytest.raises(UserError, match="no architecture was trained in several sizes"):
        FIGURES["figure13_semantic_labels_small"].shown(ablations[ablations["setting_hidden_size"] == 16])


@pytest.mark.parametrize("name", ["mosaic", "transformer", "parts-all", "constant", "rotary", "short-alone"])
def test_flops_are_those_of_the_runs_config(name, ablations):
    run = runs()[name]
    of_run = ablations[ablations["run"] == name].iloc[0]
    spec = architecture(run.arch)
    config = spec.config(**COMMON, **SIZES[""], max_seq_len=32, **MODELS[name][3])
    assert flops_per_token(of_run, 32) == spec.flops_per_token(config, 32)


def test_flops_of_a_model_of_another_size_are_not_told(ablations):
    first = ablations.iloc[0].copy()
    first["num_parameters"] += 1
    with pytest.raises(UserError, match="a model of its recorded settings has"):
        flops_per_token(first, 32)
    first["arch"] = "own"
    assert flops_per_token(first, 32) is None
