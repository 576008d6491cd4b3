"""Every claim turns where it should: from records of a world in which all hold, one number changed at a time."""

import pytest

from mmv2.errors import UserError
from mmv2.registry import entries, entry
from tests.mmv2.reporting.claims.evidence import evidence

KINDS = ("semantic", "anonymous")
QA = {"mosaic": "ruler_qa", "transformer": "ruler_qa", "mosaic_tuned": "ruler_qa", "transformer_tuned": "ruler_qa"}
WEAK_QA = [
    (name, "ruler_qa", length, 0.1)
    for name, lengths in {
        "transformer": (64, 128),
        "transformer_tuned": (64, 512),
        "transformer_8_tuned": (64, 512),
    }.items()
    for length in lengths
]
"""The transformer is nowhere 20 points above chance on RULER QA."""


def judged(name, *changes):
    return entry("claim", name).judge(evidence(*changes))


@pytest.fixture(scope="module")
def as_in_the_paper():
    return evidence()


@pytest.mark.parametrize("name", sorted(entries("claim")))
def test_in_the_papers_world_every_claim_is_reproduced(name, as_in_the_paper):
    verdict = entry("claim", name).judge(as_in_the_paper)
    assert verdict.status == "reproduced", verdict.reason


FAILING = [
    ("persistent_parity", [("transformer_tuned", "benchmarks", "facts", 0.5)]),
    ("persistent_parity", [("mosaic_tuned", "benchmarks", "traits", 0.3)]),
    ("thirteen_need_no_long_term", [("mosaic_reduced", "benchmarks", "facts", 0.5)]),
    ("six_need_long_term", [("mosaic_reduced", "benchmarks", "reading", 0.9)]),
    ("ahead_at_training_length", [("mosaic", "ruler_qa", 64, 0.4)]),
    ("further_ahead_after_fine_tuning", [("transformer_tuned", "ruler_qa", 512, 0.9)]),
    ("extrapolation_without_fine_tuning", [("mosaic", "ruler_qa", length, 0.1) for length in (128, 256, 512)]),
    ("extrapolation_without_fine_tuning", [("transformer", "ruler_qa", length, 0.65) for length in (128, 256, 512)]),
    *(
        (f"icl_{kind}_rises", [("mosaic_tuned", kind, shots, rate) for shots, rate in ((1, 0.8), (2, 0.6), (4, 0.4))])
        for kind in KINDS
    ),
    *(
        (f"icl_{kind}_rises", [("transformer_tuned", kind, shots, rate) for shots, rate in ((1, 0.3), (4, 0.6))])
        for kind in KINDS
    ),
    (
        "more_data_does_not_close_qa",
        [("transformer_8_tuned", "ruler_qa", 512, 0.95), ("mosaic_tuned", "ruler_qa", 512, 0.7)],
    ),
    (
        "more_data_does_not_close_anonymous",
        [("transformer_8_tuned", "anonymous", shots, 0.9) for shots in (1, 2, 4)],
    ),
    ("more_data_closes_semantic", [("transformer_8_tuned", "semantic", shots, 0.4) for shots in (1, 2, 4)]),
    ("one_minibatch_is_enough", [("mosaic_tuned_1", "ruler_qa", 512, 0.5)]),
    (
        "one_minibatch_is_enough",
        [
            ("transformer_tuned", "ruler_qa", 512, 0.975),
            ("transformer", "ruler_qa", 64, 0.9),
            ("mosaic_tuned_1", "ruler_qa", 512, 0.75),
        ],
    ),
    ("stochastic_delay_buys_extrapolation", [("mosaic_fixed", "ruler_qa", 512, 0.9)]),
    ("s_niah_too_easy", [("transformer_tuned", "ruler_niah", 512, 0.5)]),
    ("long_short_does_not_help_transformer", [("split_tuned", "semantic", shots, 0.8) for shots in (1, 2, 4)]),
    ("long_short_does_not_help_transformer", [("split_tuned", "semantic", shots, 0.97) for shots in (1, 2, 4)]),
    ("split_helps_beside_the_other_parts", [("unsplit", "ruler_qa", 64, 0.9), ("mosaic", "ruler_qa", 64, 0.6)]),
    ("split_helps_beside_the_other_parts", [("split", "ruler_qa", 64, 1.0), ("transformer", "ruler_qa", 64, 0.4)]),
    (
        "equal_parameters_and_flops",
        [("mosaic_tuned", "ruler_qa", 512, 0.1), ("mosaic_small_tuned", "ruler_qa", 512, 0)],
    ),
    ("far_attention_is_flat", [("mosaic", "attention", 64, 0.6)]),
]


@pytest.mark.parametrize(("name", "changes"), FAILING)
def test_where_the_records_say_the_opposite_it_is_not_reproduced(name, changes):
    verdict = judged(name, *changes)
    assert verdict.status == "not reproduced"
    failing = [one for one in verdict.comparisons if one.finding == "fails"]
    assert failing
    assert all(one.text[1:] in verdict.reason for one in failing)


OPEN = [
    (
        "long_short_does_not_help_transformer",
        [("split_tuned", kind, shots, 0.125) for kind in ("semantic", "anonymous") for shots in (1, 2, 4)],
        r"parts of MMv2 is at best .* points above chance on many_shot",
    ),
    (
        "split_helps_beside_the_other_parts",
        [("mosaic", "ruler_qa", length, 0.1) for length in (64, 128, 256, 512)]
        + [("mosaic_tuned", "ruler_qa", length, 0.1) for length in (64, 512)]
        + [("mosaic_tuned_1", "ruler_qa", 512, 0.1)],
        r"Memory Mosaics v2 is at best 10.0 \[.*\] points above chance",
    ),
    (
        "split_helps_beside_the_other_parts",
        [("unsplit", "ruler_qa", 64, 0.1)],
        r"no split, no positions, MMv2's initial bandwidth: Transformer with .* is at best 10.0 \[.*\] points",
    ),
    ("split_helps_beside_the_other_parts", [("unsplit", "ruler_qa", 64, 1.0)], "5 parts, no split.* stands at 100.0 %"),
    ("persistent_parity", [("transformer_tuned", "benchmarks", "facts", 0.775)], "leaves it open"),
    ("ahead_at_training_length", [("mosaic", "ruler_qa", 64, 0.725)], "leaves it open"),
    ("ahead_at_training_length", WEAK_QA, r"at best 10.0 \[.*\] points above chance on ruler_qa \(20 needed at"),
    ("further_ahead_after_fine_tuning", WEAK_QA, r"Transformer is at best 10.0 \[.*\] points"),
    (
        "further_ahead_after_fine_tuning",
        [("transformer_tuned", "ruler_qa", 512, 1.0)],
        "Transformer, budget 1, fine-tuned stands at 100.0 %",
    ),
    (
        "extrapolation_without_fine_tuning",
        [("transformer", "ruler_qa", 64, 0.1)],
        r"Transformer, budget 1, pre-trained is at best 10.0 \[.*\] points above chance on ruler_qa at 64 tokens",
    ),
    (
        "extrapolation_without_fine_tuning",
        [("transformer", "ruler_qa", length, 1.0) for length in (64, 128, 256, 512)],
        "Transformer, budget 1, pre-trained stands at 100.0 %",
    ),
    (
        "persistent_parity",
        [(name, "benchmarks", of, 1.0) for name in ("mosaic_tuned", "transformer_tuned") for of in ("facts", "traits")],
        r"both stand at 100.0 and 100.0 % .* where 98 tells no models apart",
    ),
    (
        "six_need_long_term",
        [(name, "benchmarks", "reading", 1.0) for name in ("mosaic_tuned", "mosaic_reduced")],
        "without long term memory stands at 100.0 %",
    ),
    ("equal_parameters_and_flops", WEAK_QA, r"Transformer is at best 10.0 \[.*\] points"),
    (
        "equal_parameters_and_flops",
        [("transformer_tuned", "ruler_qa", 512, 1.0)],
        "Transformer, budget 1, fine-tuned stands at 100.0 %",
    ),
    (
        "more_data_does_not_close_qa",
        [("transformer_8_tuned", "ruler_qa", 512, 1.0)],
        "Transformer, budget 8, fine-tuned stands at 100.0 %",
    ),
    (
        "one_minibatch_is_enough",
        [("transformer_tuned", "ruler_qa", 512, 1.0)],
        "Transformer, budget 1, fine-tuned stands at 100.0 %",
    ),
    (
        "more_data_does_not_close_anonymous",
        [("transformer_8_tuned", "anonymous", shots, 1.0) for shots in (1, 2, 4)],
        "Transformer, budget 8, fine-tuned stands at 100.0 %",
    ),
    *(
        (
            name,
            [(run, kind, n, 0.2) for run in ("transformer_tuned", "transformer_8_tuned") for n in (1, 2, 4)],
            r"Transformer is at best 12.5 \[.*\] points above chance on many_shot",
        )
        for name, kind in (
            ("more_data_does_not_close_anonymous", "anonymous"),
            ("more_data_closes_semantic", "semantic"),
        )
    ),
    *(
        (
            "long_short_does_not_help_transformer",
            [(run, "semantic", shots, 1.0) for shots in (1, 2, 4)],
            f"{name}, budget 1, fine-tuned stands at 100.0 %",
        )
        for run, name in (("transformer_tuned", "Transformer"), ("split_tuned", "Transformer with parts of MMv2"))
    ),
    (
        "far_attention_is_flat",
        [("mosaic", "ruler_qa", length, 0.1) for length in (64, 128, 256, 512)]
        + [("mosaic_tuned", "ruler_qa", length, 0.1) for length in (64, 512)]
        + [("mosaic_tuned_1", "ruler_qa", 512, 0.1)],
        r"Memory Mosaics v2 is at best 10.0 \[.*\] points above chance on ruler_qa",
    ),
    ("more_data_does_not_close_qa", WEAK_QA, r"Transformer is at best 10.0 \[.*\] points"),
    ("one_minibatch_is_enough", WEAK_QA, r"Transformer is at best 10.0 \[.*\] points"),
    ("one_minibatch_is_enough", [("mosaic", "ruler_qa", 512, 1.0)], "pre-trained stands at 100.0 %"),
    (
        "ahead_at_training_length",
        [("transformer", "ruler_qa", 64, 1.0)],
        "Transformer, budget 1, pre-trained stands at",
    ),
    ("stochastic_delay_buys_extrapolation", [("mosaic_fixed", "ruler_qa", 512, 1.0)], "fixed delay stands at 100.0 %"),
    (
        "stochastic_delay_buys_extrapolation",
        [("mosaic_fixed", "ruler_qa", length, 0.1) for length in (64, 512)],
        r"with fixed delay is at best 10.0 \[.*\] points above chance",
    ),
    (
        "persistent_parity",
        [("transformer_tuned", "benchmarks", name, 0.2) for name in ("facts", "traits")],
        r"Transformer is at best 10.0 \[.*\] points above chance on benchmarks, persistent",
    ),
    (
        "thirteen_need_no_long_term",
        [("mosaic_tuned", "benchmarks", name, 0.1) for name in ("facts", "traits")],
        r"Memory Mosaics v2 is at best 0.0 \[.*\] points",
    ),
    (
        "six_need_long_term",
        [("mosaic_tuned", "benchmarks", "reading", 0.1)],
        r"Mosaics v2 is at best 0.0 \[.*\] points",
    ),
    (
        "s_niah_too_easy",
        [("transformer_tuned", "ruler_niah", length, 0.1) for length in (64, 512, 1024)],
        "Transformer",
    ),
    *(
        (f"icl_{kind}_rises", [("mosaic_tuned", kind, shots, 1.0) for shots in (1, 2, 4)], "stands at 100.0 %")
        for kind in KINDS
    ),
    (
        "more_data_closes_semantic",
        [("transformer_tuned", "semantic", shots, 0.95) for shots in (1, 2, 4)],
        "there must be a gap to close at equal data, it is -25.0",
    ),
]


@pytest.mark.parametrize(("name", "changes", "reason"), OPEN)
def test_where_the_records_cannot_tell_it_is_inconclusive(name, changes, reason):
    verdict = judged(name, *changes)
    assert verdict.status == "inconclusive"
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(verdict.reason)


def test_an_anonymous_skill_is_not_vouched_for_by_semantic_labels():
    weak = [
        (name, "anonymous", shots, 0.2) for name in ("transformer_tuned", "transformer_8_tuned") for shots in (1, 2, 4)
    ]
    assert judged("icl_anonymous_rises", *weak).status == "inconclusive"
    assert judged("icl_semantic_rises", *weak).status == "reproduced"


def test_a_transformer_that_learns_with_more_data_can_be_compared_at_less():
    weak = [change for change in WEAK_QA if change[0] != "transformer_8_tuned"]
    assert judged("ahead_at_training_length", *weak).status == "reproduced"


LACKING = [
    ("persistent_parity", "transformer_tuned", "no Transformer, budget 1, fine-tuned; give the suite such a run"),
    (
        "thirteen_need_no_long_term",
        "mosaic_reduced",
        "no Memory Mosaics v2, budget 1, fine-tuned, without long term memory;",
    ),
    ("ahead_at_training_length", "transformer", "no Transformer, budget 1, pre-trained;"),
    ("more_data_does_not_close_qa", "transformer_8_tuned", "no Transformer, budget 8, fine-tuned;"),
    ("more_data_closes_semantic", "transformer_8_tuned", "no Transformer, budget 8, fine-tuned;"),
    ("more_data_does_not_close_anonymous", "transformer_8_tuned", "no Transformer, budget 8, fine-tuned;"),
    (
        "one_minibatch_is_enough",
        "mosaic_tuned_1",
        r"after 1 step: there are only steps \[9\]; add 1 to the run's milestones",
    ),
    (
        "stochastic_delay_buys_extrapolation",
        "mosaic_fixed",
        "budget 1, pre-trained, fixed delay; give the suite such a run",
    ),
    (
        "s_niah_too_easy",
        ("mosaic_tuned", "ruler_niah"),
        "Memory Mosaics v2, budget 1, fine-tuned: none of task ruler_niah",
    ),
    ("icl_semantic_rises", ("transformer_tuned", "semantic"), "none with label_kind semantic"),
    ("long_short_does_not_help_transformer", "split_tuned", "no Transformer with parts of MMv2, budget 1, fine-tuned;"),
    (
        "split_helps_beside_the_other_parts",
        "unsplit",
        r"no transformer with parts \[adaptive_bandwidth, gated_keys,.*rope: false",
    ),
    ("split_helps_beside_the_other_parts", "split", "no Transformer with parts of MMv2, budget 1, pre-trained;"),
    ("equal_parameters_and_flops", "mosaic_small_tuned", "there is no smaller size to compare at equal cost"),
    ("far_attention_is_flat", ("mosaic", "attention"), "none of task attention"),
]


@pytest.mark.parametrize(("name", "change", "message"), LACKING)
def test_what_a_suite_lacks_is_told(name, change, message):
    with pytest.raises(UserError, match=message):
        judged(name, change)


def test_the_length_of_a_comparison_must_have_been_evaluated():
    found = evidence()
    found.records = found.records[~found.records["context_length"].isin([128, 256, 512])]
    with pytest.raises(UserError, match=r"no ruler_qa beyond 64 tokens and up to 512 \(there are: \[64\]\)"):
        entry("claim", "extrapolation_without_fine_tuning").judge(found)
    with pytest.raises(UserError, match=r"ruler_qa has no context_length 512 \(there are: 64\)"):
        entry("claim", "stochastic_delay_buys_extrapolation").judge(found)


def test_s_niah_beyond_the_context_of_fine_tuning_does_not_count(as_in_the_paper):
    verdict = entry("claim", "s_niah_too_easy").judge(as_in_the_paper)
    assert [one.mean for one in verdict.comparisons] == [100, 100], "1024 tokens, where both err, are left out"


def test_the_prompt_style_is_chosen_on_development_examples(as_in_the_paper):
    verdict = entry("claim", "more_data_does_not_close_anonymous").judge(as_in_the_paper)
    # The other style is 5 points better on the test examples for both, and would be taken by looking at them.
    assert verdict.comparisons[0].mean == pytest.approx(100 * ((0.4 + 0.6 + 0.8) - (0.5 + 0.3 + 0.1)) / 3)
    better = judged("icl_anonymous_rises", ("mosaic_tuned", "anonymous", 4, 0.9))
    assert better.comparisons[-1].mean == pytest.approx(70)


def test_table_2_that_does_not_agree_is_told(tmp_path, as_in_the_paper):
    file = "table02_persistent_13_without_long_term.csv"
    text = (as_in_the_paper.published_folder / file).read_text()
    (tmp_path / file).write_text(text.replace("8.8B", "8.9B"))
    as_in_the_paper.published_folder, kept = tmp_path, as_in_the_paper.published_folder
    verdict = entry("claim", "parameters_and_flops_of_table2").judge(as_in_the_paper)
    as_in_the_paper.published_folder = kept
    assert verdict.status == "not reproduced"
    assert verdict.reason == "Transformer large, params: 8.8B, published 8.9B."


@pytest.mark.parametrize("name", ["persistent_parity", "thirteen_need_no_long_term", "six_need_long_term"])
def test_every_benchmark_is_told_beside_the_judged_mean(name):
    models = ("mosaic_tuned", "transformer_tuned", "mosaic_reduced")
    changes = [(model, "benchmarks", "traits", 0.1) for model in models]
    mean, *told = judged(name, *changes, ("mosaic_reduced", "benchmarks", "reading", 0.4)).comparisons
    assert mean.finding is not None
    assert all((one.demand, one.finding) == (None, None) and one.low < one.mean < one.high for one in told)
    if name == "six_need_long_term":
        assert [(one.name, one.mean) for one in told] == [
            ("with minus without long-term memory, reading alone (80.0 and 40.0 %, chance 10.0 %)", 40)
        ]
    else:
        facts, traits = told
        assert facts.name.endswith("facts alone (80.0 and 80.0 %, chance 10.0 %)")
        assert traits.name.endswith("traits alone (10.0 and 10.0 %, chance 10.0 %)"), "nobody can do it"
        assert facts.mean == mean.mean == 0


def test_both_models_must_have_answered_every_benchmark():
    found = evidence()
    lost = found.records["run"].str.startswith("transformer_tuned") & found.records["subtask"].eq("traits")
    found.records = found.records[~lost]
    with pytest.raises(UserError, match=r"only one of them answered benchmarks \(subtask, .*\) \('traits', "):
        entry("claim", "persistent_parity").judge(found)


@pytest.mark.parametrize("name", ["icl_anonymous_rises", "more_data_does_not_close_anonymous"])
def test_both_models_must_have_answered_every_number_of_shots(name):
    found = evidence()
    lost = found.records["run"].str.startswith("transformer") & found.records["num_shots"].eq(1)
    found.records = found.records[~lost]
    with pytest.raises(UserError, match=r"only one of them answered many_shot .* 1.0, 'anonymous'|'1.0', 'anonymous'"):
        entry("claim", name).judge(found)


def test_what_is_kept_beyond_the_training_length_is_above_chance():
    """A transformer that falls as chance does keeps what it had."""
    lengths = {64: (0.85, 0.5), 128: (0.425, 0.25), 256: (0.425, 0.25), 512: (0.425, 0.25)}
    found = evidence(*(("transformer", "ruler_qa", length, rate) for length, (rate, _) in lengths.items()))
    for length, (_, chance) in lengths.items():
        found.records.loc[found.records["context_length"].eq(length), "chance"] = chance
    _, transformer, _ = entry("claim", "extrapolation_without_fine_tuning").judge(found).comparisons
    assert transformer.mean == pytest.approx(100 * (0.5 * 0.35 - 0.175))
    assert transformer.finding != "holds"
