"""A trained model is all runs that differ in nothing but the training seed, and an ablation is none of the paper's."""

import numpy as np
import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.evaluation.contrasts import mean_over_seeds
from mmv2.records import read_records, write_records
from mmv2.registry import architecture
from mmv2.reporting.accuracies import SEED, accuracy, accuracy_by_query, counts
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.fields import MEMBER
from mmv2.reporting.prompt_styles import best_style
from mmv2.reporting.seeds import by_seed, seeds_joined
from mmv2.reporting.selection import both_delays, compared, drawn_delay, fine_tuned, milestones, more_data, of_task
from mmv2.reporting.style import looks
from mmv2.reporting.tables.table04_ruler_qa_finetuned import build
from mmv2.reporting.variants import _OPTIONS, variant
from tests.golden.make_records_ablations import ablation_records
from tests.golden.make_records_seeds import seeded_records
from tests.mmv2.reporting.claims.evidence import PUBLISHED, evidence


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    file = tmp_path_factory.mktemp("seeds") / "records.jsonl"
    write_records(file, seeded_records(2))
    return seeds_joined(read_records(file))


@pytest.fixture(scope="module")
def ablations(tmp_path_factory):
    file = tmp_path_factory.mktemp("ablations") / "records.jsonl"
    write_records(file, ablation_records())
    return read_records(file)


def test_seeds_of_a_run_are_one_also_where_others_started_from_it(seeded, golden):
    assert set(seeded["run"]) == set(golden["run"])
    assert set(seeded["init_from"].dropna()) == set(golden["init_from"].dropna())
    assert set(seeded[MEMBER]) == {f"{run}.seed-{seed}" for run in golden["run"] for seed in (1, 2, 3)}
    assert seeds_joined(seeded) is seeded
    assert seeds_joined(golden).drop(columns=MEMBER).equals(golden)


def test_seeds_that_differ_in_more_are_not_joined(seeded):
    plain = seeded.assign(run=seeded[MEMBER]).drop(columns=MEMBER)
    other = plain["run"] == "s1.seed-2"
    with pytest.raises(
        UserError, match=r"s1.seed-1 and s1.seed-2 and s1.seed-3: .* s1 differ in setting_learning_rate"
    ):
        seeds_joined(plain.assign(setting_learning_rate=np.where(other, 1.0, plain["setting_learning_rate"])))
    twin = plain[other].assign(run="s1")
    with pytest.raises(UserError, match="not even the training seed"):
        seeds_joined(pd.concat([plain, twin]))


def test_a_seed_that_did_not_answer_everything_is_told(seeded):
    rows = seeded[(seeded["task"] == "ruler_qa") & (seeded["run"] == "s1")]
    lacking = rows.drop(rows.index[rows[MEMBER] == "s1.seed-2"][:1])
    with pytest.raises(UserError, match=r"s1\.seed-2, step 100 lacks 1"):
        of_task(lacking, "ruler_qa")
    with pytest.raises(UserError, match="s1: training seeds did not answer the same ruler_qa examples"):
        accuracy(lacking, "score_official")


def test_a_seed_that_lacks_a_task_or_a_step_is_told(seeded):
    plain = seeded.assign(run=seeded[MEMBER]).drop(columns=MEMBER)
    third = plain["run"] == "s1.seed-3"
    without = plain[~(third & (plain["task"] == "ruler_qa"))]
    with pytest.raises(
        UserError, match=r"s1\.seed-3: lacks answers .* of s1 gave: step 100, test examples of ruler_qa;"
    ):
        seeds_joined(without)
    early = plain.assign(step=np.where(third, 90, plain["step"]))
    with pytest.raises(UserError, match="lacks answers that other training seeds of s1 gave: step 90, "):
        seeds_joined(early)


def cell(*rates, number=200):
    """Answers of seeds with these shares of right ones, to one set of questions."""
    return pd.DataFrame(
        {"run": "r", "seed": seed, "example_id": f"q{n:03}", "data_hash": "d", "task": "t", "split": "test"}
        | {"score": float(n < rate * number)}
        | dict.fromkeys(("subtask", "context_length", "num_shots", "label_kind", "prompt_style"))
        for seed, rate in enumerate(rates)
        for n in range(number)
    )


@pytest.mark.parametrize("mean", [accuracy, accuracy_by_query])
def test_intervals_hold_the_variance_between_trainings(mean):
    alike, apart = mean(cell(0.5, 0.5, 0.5), "score"), mean(cell(0.2, 0.5, 0.8), "score")
    assert alike.mean == apart.mean == pytest.approx(50)
    assert alike.num_examples == 200, "another seed is no other example"
    one = mean_over_seeds(cell(0.5)["score"].to_numpy(), SEED)
    assert alike.high - alike.low == pytest.approx(100 * (one.high - one.low), rel=0.05)
    assert apart.high - apart.low > 2.5 * (alike.high - alike.low)


def test_values_of_seeds_stand_by_example_whatever_their_order():
    records = cell(0.5, 0.5, number=4)
    mixed = records.sample(frac=1, random_state=1)
    assert by_seed(mixed, mixed["score"]).tolist() == [[1, 1, 0, 0]] * 2
    one = mixed[mixed["seed"] == 0]
    assert by_seed(one, one["score"]).tolist() == one["score"].tolist()


def test_counts_tell_examples_and_seeds(seeded):
    rows = of_task(fine_tuned(seeded), "ruler_qa")
    assert counts(rows, ["run", "context_length"]) == "3 seeds x 4"
    assert counts(rows[rows["seed"] == 1], ["run", "context_length"]) == "4"
    some = rows[(rows["seed"] == 1) | (rows["run"] == "s1-long")]
    assert counts(some, ["run", "context_length"]) == "1 to 3 seeds x 4"


def test_a_table_has_one_row_for_all_seeds(seeded):
    published = pd.read_csv(PUBLISHED / "table04_ruler_qa_finetuned_32k.csv", comment="#")
    table = build(seeded, published)
    row = table[(table["source"] == "measured: s1-long") & (table["score"] == "official")]
    assert row[["seed", "examples per number", "fine-tuned from"]].to_numpy().tolist() == [
        ["1, 2, 3", "3 seeds x 4", "s1"]
    ]


def test_milestones_begin_at_the_seeds_they_started_from(seeded):
    found = milestones(seeded, "ruler_qa")
    seeds = found.groupby(["run", "step"])["seed"].nunique()
    assert seeds.to_dict() == {(run, step): 3 for run in ("s1-long", "s4-long") for step in (0, 1, 2, 4, 8)}


def test_a_prompt_style_is_chosen_for_every_seed(seeded):
    rows = seeded[(seeded["task"] == "many_shot") & (seeded["run"] == "s1-long")]
    rows = rows.assign(score_accuracy=rows["prompt_style"].eq(rows["seed"].map(dict(enumerate(STYLES)))).astype(float))
    for way in ("best on test", "best on dev"):
        found = best_style(rows, way)
        assert found.groupby("seed")["chosen_style"].unique().str[0].to_dict() == {n: STYLES[n] for n in (1, 2, 3)}


STYLES = ("newline_ordered", "newline_shuffled", "space_ordered", "space_shuffled")


def test_claims_are_about_all_seeds_of_a_model():
    whole = evidence(seeds=(1, 2, 3)).records.drop(columns=MEMBER)
    named = whole.assign(run=whole["run"].str.replace("-seed", ".seed-"))
    found = Evidence(named, PUBLISHED).pre_trained("mmv2")
    assert found.records["run"].unique().tolist() == ["mosaic"]
    assert sorted(found.records["seed"].unique()) == [1, 2, 3]


def test_what_is_usual_is_the_default_of_the_config():
    for option in _OPTIONS:
        if option.setting not in ("bandwidth", "parts_named"):  # no fields
            assert architecture(option.arch).config.model_fields[option.setting].default == option.usual, option


def named(records):
    return sorted(set(records["run"]))


def test_ablations_are_none_of_the_papers_models(ablations):
    models = ["mosaic", "mosaic-small", "transformer", "transformer-small"]
    here = ablations[ablations["init_from"].isna()]
    assert named(drawn_delay(here)) == named(compared(here)) == models
    assert named(both_delays(here)) == ["longest", "mosaic", "shortest"]


def test_grouped_queries_stand_where_the_paper_has_them(ablations):
    star = ablations[ablations["run"] == "transformer"].assign(run="star", setting_num_kv_heads=1)
    both = pd.concat([ablations, star], ignore_index=True)
    assert "star" in named(more_data(both))
    assert "star" not in named(drawn_delay(both))
    assert variant(star.iloc[0]) == ["grouped-query attention"]
    assert named(Evidence(both, PUBLISHED).pre_trained("transformer").records) == ["transformer"]
    alone = pd.concat([ablations, star.assign(budget=8.0)], ignore_index=True)
    found = Evidence(alone, PUBLISHED).pre_trained("transformer", 8.0)
    assert named(found.records) == ["star"], "the paper's only transformer with 8T tokens"
    assert found.name == "Transformer, budget 8, pre-trained, grouped-query attention"


def test_variants_are_told_in_words(ablations):
    told = {run["run"]: variant(run) for _, run in ablations.drop_duplicates("run").iterrows()}
    assert told["mosaic"] == told["transformer"] == told["mamba"] == []
    assert told["constant"] == ["constant bandwidth"]
    assert told["leaky"] == ["leaky keys"]
    assert told["rotary"] == ["rotary positions"]
    assert told["short-alone"] == ["short-term memory alone"]
    assert told["shortest"] == ["fixed delay"]
    assert told["part-long_short"] == ["long-short split"]
    assert told["parts-all"] == ["6 parts"]


def test_claims_take_the_papers_model_among_variants(ablations):
    found = Evidence(ablations, PUBLISHED)
    assert named(found.pre_trained("mmv2").records) == ["mosaic"]
    assert named(found.pre_trained("transformer").records) == ["transformer"]
    assert named(found.pre_trained("mmv2", fixed_delay=True).records) == ["shortest"], "m as the drawn one's"


def test_all_variants_in_one_figure_are_told_apart_without_names(ablations):
    found = looks(ablations[ablations["init_from"].isna()])
    assert len({(one.colour, one.marker, one.line) for one in found.values()}) == len(found)
    assert not any("(" in look.label for look in found.values()), [look.label for look in found.values()]
    delays = [found[run].label for run in ("shortest", "longest")]
    assert delays == ["Memory Mosaics v2, fixed delay, m = 2", "Memory Mosaics v2, fixed delay, m = 4"]
    assert found["mosaic"].line == "-"
    assert {found[run].line for run in ("constant", "leaky", "plain", "rotary")} <= {"--"}
