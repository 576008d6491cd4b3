import csv

import pytest

from mmv2.errors import UserError
from mmv2.evaluation import contrasts
from mmv2.records import write_records
from mmv2.registry import entry
from mmv2.reporting.claims_page import read_page, render_claims
from mmv2.reporting.verdict import RULES, Condition
from tests.golden.make_records_claims import world
from tests.mmv2.reporting.claims.evidence import PUBLISHED

NAMES = ("ahead_at_training_length", "persistent_parity", "more_data_does_not_close_anonymous")
LATE = ("parameters_and_flops_of_table2",)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Record files of two groups of runs."""
    folder = tmp_path_factory.mktemp("records")
    records = world()
    for arch in ("mmv2", "transformer"):
        write_records(folder / f"{arch}.jsonl", [record for record in records if record.arch == arch])
    return [folder / "mmv2.jsonl", folder / "transformer.jsonl"]


def test_the_page_has_a_row_per_claim_and_the_same_bytes_each_time(files, tmp_path):
    for name in ("one", "two"):
        render_claims((*NAMES, *LATE), files, tmp_path / name / "claims", PUBLISHED)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert set(one) == {f"claims.{ending}" for ending in ("csv", "md", "tex", "json")}
    assert one == two
    rows = list(csv.DictReader((tmp_path / "one" / "claims.csv").read_text().splitlines()))
    assert [row["claim"] for row in rows] == [*NAMES, *LATE]
    first = rows[0]
    assert first["the paper"] == entry("claim", NAMES[0]).statement
    assert first["published"] == "MMv2 minus transformer at 4k: small 5.6, large 1.6 points (Table 3)"
    assert float(first["measured, low"]) < float(first["measured"]) == 20 < float(first["measured, high"])
    assert (first["verdict"], first["training seeds"]) == ("reproduced", "1")
    table = PUBLISHED / "table03_ruler_qa_trained_4k.csv"
    assert first["sources"] == f"{table}, {files[0]}, {files[1]}"
    assert rows[2]["published"] == "only a picture (Figure 7)"
    assert rows[3]["published"].startswith("8.8B, 16.7B, ")
    assert rows[3]["measured"] == ""


def test_the_page_states_rules_and_the_number_of_comparisons(files, tmp_path):
    render_claims(NAMES, files, tmp_path / "claims", PUBLISHED)
    text = (tmp_path / "claims.md").read_text()
    assert all(rule in text for rule in RULES)
    assert (
        "3 claims, 3 comparisons; 3 of them on one training seed, so that the variance between trainings is NOT in "
        "their intervals. 3 hold where this scale can tell, 3 of them with Holm's correction for all." in text
    )


def test_the_page_states_what_several_seeds_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(contrasts, "RESAMPLINGS", 1000)
    named = [one.model_copy(update={"run": one.run.replace("-seed", ".seed-")}) for one in world(seeds=(1, 2, 3))]
    write_records(tmp_path / "records.jsonl", named)
    render_claims(NAMES, [tmp_path / "records.jsonl"], tmp_path / "claims", PUBLISHED)
    assert (
        "3 claims, 3 comparisons; each on 3 training seeds or more, so that the variance between trainings is in all "
        "intervals." in (tmp_path / "claims.md").read_text()
    )


def test_the_page_names_what_does_not_hold_with_a_correction(files, tmp_path):
    render_claims(NAMES, files, tmp_path / "claims", PUBLISHED)
    page = read_page(tmp_path / "claims.json")
    first = page.claims[0].verdict
    weak = first.comparisons[0].model_copy(update={"p": 0.049})
    third = page.claims[2].model_copy(update={"verdict": first.model_copy(update={"comparisons": (weak, weak)})})
    weaker = page.model_copy(update={"claims": (page.claims[0], third)})
    lost = f"{third.name}: {weak.name}"
    assert (
        weaker.correction
        == f"3 hold where this scale can tell, 1 of them with Holm's correction for all. Not so: {lost}; {lost}."
    )


def test_what_is_read_is_what_was_written(files, tmp_path):
    render_claims(NAMES, files, tmp_path / "claims", PUBLISHED)
    page = read_page(tmp_path / "claims.json")
    assert [claim.name for claim in page.claims] == list(NAMES)
    assert page.claims[0].verdict.comparisons[0].files == tuple(map(str, files))
    assert page.training_seeds == (1,)
    assert page.data["ruler_qa"] == ("synthetic ruler_qa",)
    assert len(page.comparisons) == 3, "what is only told is none"
    assert sum(len(claim.verdict.comparisons) for claim in page.claims) == 7


def test_a_damaged_page_is_told(tmp_path):
    (tmp_path / "claims.json").write_text("[]")
    with pytest.raises(UserError, match=r"claims\.json: holds no mapping"):
        read_page(tmp_path / "claims.json")
    (tmp_path / "claims.json").write_text('{"claims": [], "rule": []}')
    with pytest.raises(UserError, match=r"claims\.json: rule: unknown key; did you mean 'rules'"):
        read_page(tmp_path / "claims.json")


def test_what_is_missing_is_told_with_the_claim(files, tmp_path):
    with pytest.raises(
        UserError, match=r"^claim ahead_at_training_length: records: no Transformer, budget 1, pre-trained"
    ):
        render_claims(NAMES, files[:1], tmp_path / "claims", PUBLISHED)
    with pytest.raises(UserError, match=r"claim 'parity' is unknown; .*persistent_parity"):
        render_claims(["parity"], files, tmp_path / "claims", PUBLISHED)
    with pytest.raises(UserError, match="claims: none given"):
        render_claims([], files, tmp_path / "claims", PUBLISHED)
    assert not list(tmp_path.iterdir())


def test_what_a_scale_cannot_tell_does_not_count_as_holding(files, tmp_path):
    render_claims(NAMES, files, tmp_path / "claims", PUBLISHED)
    page = read_page(tmp_path / "claims.json")
    unmet = Condition(text="at the floor", met=False)
    verdict = page.claims[0].verdict.model_copy(update={"conditions": (unmet,)})
    first = page.claims[0].model_copy(update={"verdict": verdict})
    untold = page.model_copy(update={"claims": (first, *page.claims[1:])})
    assert page.correction.startswith("3 hold where")
    assert untold.correction.startswith("2 hold where")


def test_an_open_question_is_none_of_the_papers_claims(tmp_path):
    write_records(tmp_path / "records.jsonl", world())
    names = ("split_helps_beside_the_other_parts", *LATE)
    render_claims(names, [tmp_path / "records.jsonl"], tmp_path / "claims", PUBLISHED)
    page = read_page(tmp_path / "claims.json")
    assert page.count.startswith("1 claims and 1 open question, 2 comparisons;")
    assert page.claims[0].published == "left open (Figure 5)"


def test_the_papers_numbers_are_those_of_what_decides(tmp_path):
    write_records(tmp_path / "records.jsonl", world(("transformer_tuned", "ruler_niah", 512, 0.5)))
    names = ("s_niah_too_easy", "icl_anonymous_rises")
    render_claims(names, [tmp_path / "records.jsonl"], tmp_path / "claims", PUBLISHED)
    failing, told = (claim.published for claim in read_page(tmp_path / "claims.json").claims)
    assert failing == "Transformer, mean of 4k, 8k, 16k, 32k: small 98.6, large 99.9 per cent (Table 13)"
    (row, _) = csv.DictReader((tmp_path / "claims.csv").read_text().splitlines())
    assert float(row["measured"]) == 75, "of the transformer, which fails, not of the first comparison"
    assert told.startswith("gap printed for TACRED, shots not stated: small 12.7, large 15.5 points (Figure")
