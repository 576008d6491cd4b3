import pytest
import scipy.stats

from mmv2.errors import UserError


def test_bits_are_summed_over_windows_and_buckets_of_one_length(golden, table):
    found = table("table_bits_per_byte", golden)
    (row,) = found[found["source"] == "measured: s4"].to_dict("records")
    records = golden[(golden["run"] == "s4") & (golden["task"] == "bits_per_byte")]
    for length, bounds in {32: [32], 256: [32, 64, 128, 256]}.items():
        these = records[records["context_length"] == length]
        bits, lengths = (sum(these[f"detail_{name}_{bound}"].sum() for bound in bounds) for name in ("bits", "bytes"))
        cell = row[f"bits per byte, {length} tokens"]
        assert cell.mean == pytest.approx(bits / lengths)
        assert cell.low < cell.mean < cell.high
        assert row[f"next-token accuracy, {length} tokens"].mean == pytest.approx(
            100 * these["score_next_token_accuracy"].mean()
        )


def test_reduced_models_and_chance_have_rows(golden, table):
    found = table("table_bits_per_byte", golden)
    assert "Memory Mosaics v2, without long-term memory" in set(found["model"])
    chance = found[found["model"] == "Chance"].iloc[0]
    assert chance["next-token accuracy, 32 tokens"].mean == pytest.approx(5)
    assert chance["bits per byte, 32 tokens"] is None


def test_the_interval_of_next_token_accuracy_is_as_wide_as_windows_differ(golden, table):
    found = table("table_bits_per_byte", golden)
    (cell,) = found[found["source"] == "measured: s4"]["next-token accuracy, 256 tokens"]
    these = golden[(golden["run"] == "s4") & (golden["task"] == "bits_per_byte") & (golden["context_length"] == 256)]
    shares = 100 * these["score_next_token_accuracy"]
    exact = scipy.stats.t.interval(0.95, df=len(shares) - 1, loc=shares.mean(), scale=scipy.stats.sem(shares))
    assert (cell.low, cell.high) == pytest.approx(exact, abs=0.3), "no window of 0 or 100 % is made up"


def test_one_window_tells_no_interval(golden, table):
    with pytest.raises(UserError, match="1 example: an interval needs at least 2"):
        table("table_bits_per_byte", golden[golden["example_id"] == "t0"])
