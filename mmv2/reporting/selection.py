"""What tables, figures and claims take out of the records: always by fields, never by the name of a run.

Tables 3 and 12 of the paper are on pre-trained checkpoints, everything else on those fine-tuned on long contexts. How
one accuracy is taken out of several prompt styles is in ``prompt_styles``.

A trained model is all runs that differ in nothing but the training seed. Tables, figures and claims are about trained
models: ``seeds_joined`` gives all runs of one the same name, and means and intervals are over examples and seeds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mmv2.errors import UserError
from mmv2.evaluation.contrasts import mean_over_seeds
from mmv2.evaluation.statistics import Interval, interval
from mmv2.records import CHECKPOINT, EXAMPLE

SEED = 0
"""Of all bootstrap intervals in reports."""
MAIN_BUDGET = 1.0
"""The data budget at which the paper compares architectures: its 1T tokens."""
BENCHMARKS = ("benchmarks", "persistent")
"""Tasks whose subtasks are benchmarks of the groups of Tables 2 and 9."""
FIXED_DELAY = "setting_delay_is_fixed"
"""True where m was not drawn anew at every step, empty for architectures without a long-term memory."""
WIDTH = "setting_hidden_size"
"""Column by which sizes are told apart."""
MEMBER = "member"
"""The column with the name that a run had before ``seeds_joined``."""
APART = ("transformer_parts", "memory_mosaics_v1", "huggingface")
"""Architectures that have results of their own and stand in none of the paper's main comparison; others, such as a
user's, do."""


@dataclass(frozen=True)
class _Option:
    """A setting in which a model is not the paper's."""

    arch: str
    setting: str
    usual: str | float | bool | None
    """The paper's value; a setting that records do not have is the usual one."""
    words: Mapping[Any, str] | str | Callable[[Any], str]
    """What another value makes of the model, by value or for all."""

    def differs(self, records: pd.DataFrame) -> pd.Series:
        column = field(records, f"setting_{self.setting}")
        found = field(records, "arch").eq(self.arch) & column.notna()
        return found if self.usual is None else found & column.ne(self.usual)

    def told(self, value: Any) -> str:
        match self.words:
            case str(words):
                return words.format(value)
            case Mapping() as words:
                return words.get(value, f"{self.setting} {value}")
            case words:
                return words(value)


def _parts(named: str) -> str:
    """Such as gated keys, or 5 parts, no split."""
    hyphens = {"long short": "long-short split", "lookahead": "look-ahead"}
    words = [part.replace("_", " ") for part in named.split("+")]
    for joined, told in hyphens.items():
        words = [word.replace(joined, told) for word in words]
    few = len(words) < 3
    return " and ".join(words) if few else f"{len(words)} parts" + (", no split" if "long_short" not in named else "")


_OPTIONS = (
    _Option("mmv2", "bandwidth", "adaptive", {"constant": "constant bandwidth", "fixed": "fixed bandwidth"}),
    _Option("mmv2", "key_extractor", "gated", {"leaky": "leaky keys", "plain": "plain keys"}),
    _Option("mmv2", "rope_theta", None, "rotary positions"),
    _Option("mmv2", "initial_theta_beta", 1.5, "initial theta_beta {:g}"),
    _Option("mmv2", "long_term_memory", True, "short-term memory alone"),
    _Option("mmv2", "short_term_pairs", "equation", "h short-term pairs"),
    _Option("mmv2", "value_scale", "literal", "trainable value scale"),
    _Option("mmv2", "delay_draw", "step", "delay drawn per layer"),
    _Option("transformer_parts", "parts_named", "none", _parts),
    _Option("transformer_parts", "rope", True, "no positions"),
    _Option("transformer_parts", "initial_bandwidth", "transformer", "MMv2's initial bandwidth"),
    _Option("memory_mosaics_v1", "theta_scale", 10.0, "theta scale {:g}"),
)
"""Of Memory Mosaics v2 the settings of Section 3 and Table 6; docs/ablations.md tells what the others are."""
GROUPED = "grouped-query attention"
CONSTANT = "baseline_constant_answer"
"""See ``with_constant_answer``."""
BASELINES = {
    "chance": "Chance",
    "baseline_nearest_match": "Nearest match, no model",
    CONSTANT: "Best constant answer, no model",
}
"""Columns of trivial answers, and their names in tables and legends; what they are depends on the task."""


def of_task(
    records: pd.DataFrame, task: str, *, split: str = "test", reduction: str | None = None, every_step: bool = False
) -> pd.DataFrame:
    """Records of one task, of every run's last evaluated step.

    Args:
        records: as from ``read_records``; choose among checkpoints before (``pretrained``, ``fine_tuned``), as only
            what is compared must have answered the same examples.
        task: its name.
        split: test or dev.
        reduction: what was taken out of the trained models; None: nothing.
        every_step: keep all evaluated steps.

    Raises:
        UserError: there are none, or the checkpoints did not all answer the same examples of the same frozen data.
    """
    found = where(_of_task(records, task), split=split, reduction=reduction)
    if not every_step:
        found = _last_steps(found)
    check_comparable(found)
    return found


def _of_task(records: pd.DataFrame, task: str) -> pd.DataFrame:
    found = records[records["task"] == task]
    if found.empty:
        tasks = ", ".join(sorted(records["task"].unique()))
        raise UserError(f"records: none of task {task}, only of {tasks}; evaluate {task} or leave this result out")
    return found


def benchmarks_task(records: pd.DataFrame) -> str:
    """The task that asked benchmarks: real ones, or those of a small corpus that have their form.

    Raises:
        UserError: both are there: the paper's tables and claims are about one set of questions.
    """
    found = [task for task in BENCHMARKS if (records["task"] == task).any()]
    if len(found) > 1:
        raise UserError(f"records: of {' and '.join(found)}; tables and claims on benchmarks take one: evaluate one")
    return found[0] if found else BENCHMARKS[0]


def pretrained(records: pd.DataFrame) -> pd.DataFrame:
    """Runs that were trained from scratch; raises UserError when there are none."""
    return _some(records[records["init_from"].isna()], records, "trained from scratch", "a run without init_from")


def fine_tuned(records: pd.DataFrame) -> pd.DataFrame:
    """Runs that started from another's weights, their last steps; raises UserError when there are none."""
    found = _some(records[records["init_from"].notna()], records, "fine-tuned", "a run with init_from")
    return _last_steps(found)


def last_stage(records: pd.DataFrame) -> pd.DataFrame:
    """Fine-tuned runs, their last steps; where there are none, those trained from scratch."""
    return fine_tuned(records) if records["init_from"].notna().any() else records


def milestones(records: pd.DataFrame, task: str) -> pd.DataFrame:
    """Every evaluated step of the runs whose fine-tuning was followed, on one task.

    Step 0 is the checkpoint that a run started from; its records are given the run's name and training context.

    Raises:
        UserError: no fine-tuned run was evaluated at more than one step, or one's starting point was not evaluated.
    """
    found = where(_of_task(records, task), split="test", reduction=None)
    found = found[found["init_from"].notna()]
    several = found.groupby("run")["step"].transform("nunique") > 1
    followed = _some(found[several], found, f"with {task} records of several steps", "fine-tuned runs milestones")
    before = of_task(pretrained(records), task)
    starts = []
    for run, of_run in followed.groupby("run"):
        first = of_run.iloc[0]
        start = before[before["run"] == first["init_from"]]
        if start.empty:
            raise UserError(f"records: {run} started from {first['init_from']}, of which no {task} record is there")
        taken_over = {name: first[name] for name in ("init_from", "training_context")}
        starts.append(start.assign(run=run, step=0, tokens_seen=0, **taken_over))
    found = pd.concat([*starts, followed])
    # Steps on the way may have been asked at some lengths only.
    asked = [set(of_step["context_length"]) for _, of_step in found.groupby(CHECKPOINT, dropna=False)]
    found = found[found["context_length"].isin(set.intersection(*asked))]
    if found.empty:
        raise UserError(f"records: the milestones answered {task} at no length in common; ask all of them at one")
    check_comparable(found)
    return found


def where(records: pd.DataFrame, **fields: Any) -> pd.DataFrame:
    """Records with these values in these columns (None: empty); raises UserError when there are none."""
    found = records
    for name, value in fields.items():
        column = field(found, name)
        there = column.isna() if value is None else column.eq(value)
        if not there.any():
            values = ", ".join(sorted({"none" if pd.isna(one) else str(one) for one in column.unique()}))
            raise UserError(
                f"records: none with {name} {'none' if value is None else value} (there are: {values or 'nothing'}); "
                f"evaluate such a run or leave this result out"
            )
        found = found[there]
    return found


def compared(records: pd.DataFrame) -> pd.DataFrame:
    """Runs as in the paper's main comparison: data budget 1, the delay of a long-term memory drawn at every step."""
    return where(drawn_delay(records), budget=MAIN_BUDGET)


def drawn_delay(records: pd.DataFrame) -> pd.DataFrame:
    """The paper's own models, without those whose long-term delay was fixed in training: Table 12 alone is on them."""
    return _drawn(papers_own(records))


def more_data(records: pd.DataFrame) -> pd.DataFrame:
    """As ``drawn_delay``, and the transformer with grouped-query attention, as the paper's with more data is."""
    return _drawn(more_data_and_delays(records))


def more_data_and_delays(records: pd.DataFrame) -> pd.DataFrame:
    """As ``more_data``, and models with a fixed delay: whatever the paper's tables of RULER are about."""
    return _some(records[~ablated(records)], records, "of the paper's own models", "such a run")


def _drawn(records: pd.DataFrame) -> pd.DataFrame:
    return _some(records[~field(records, FIXED_DELAY).eq(True)], records, "whose delay was drawn", "such a run")


def papers_own(records: pd.DataFrame) -> pd.DataFrame:
    """Runs of the paper's own models and of a user's architectures, whatever their size, data budget and delay.

    Raises:
        UserError: there are none.
    """
    return _some(records[~ablated(records) & ~grouped(records)], records, "of the paper's own models", "such a run")


def ablated(records: pd.DataFrame, but: Sequence[str] = (), also: Sequence[str] = ()) -> pd.Series:
    """Whether each record is of a model that is none of the paper's: another form of one, or of ``APART``.

    One with a fixed delay, or reduced after training, is the paper's.

    Args:
        records: as from ``read_records``.
        but: settings in which a model may be another.
        also: architectures of ``APART`` whose usual form counts too.
    """
    assert set(but) <= {option.setting for option in _OPTIONS}, but
    found = field(records, "arch").isin(set(APART) - set(also))
    for option in _OPTIONS:
        if option.setting not in but:
            found |= option.differs(records)
    return found


def is_fixed(run: pd.Series) -> bool:
    """Whether the long-term delay of a record's run was fixed in training; of numpy's truth or of Python's."""
    fixed = run.get(FIXED_DELAY)
    return not pd.isna(fixed) and bool(fixed)


def grouped(records: pd.DataFrame) -> pd.Series:
    """Whether each record is of a transformer whose queries share keys: transformer large* of Table 5."""
    shared = field(records, "setting_num_kv_heads")
    found = shared.notna() & shared.ne(field(records, "setting_num_heads"))
    return found & field(records, "arch").eq("transformer")


def both_delays(records: pd.DataFrame) -> pd.DataFrame:
    """Runs with data budget 1 of architectures with a long-term delay; UserError unless both fixed and drawn ones."""
    found = where(papers_own(records), budget=MAIN_BUDGET)
    for fixed in (True, False):
        where(found, **{FIXED_DELAY: fixed})
    return found[found[FIXED_DELAY].notna()]


def with_reductions(records: pd.DataFrame, task: str) -> pd.DataFrame:
    """Records of one task of whole models, and of all that something was taken out of; raises UserError without any."""
    whole = of_task(records, task)
    reduced = records[(records["task"] == task) & records["reduction"].notna()]
    _some(reduced, whole, f"with {task} records of a reduction", "reductions")
    names = sorted(reduced["reduction"].unique())
    found = pd.concat([whole, *(of_task(records, task, reduction=name) for name in names)])
    check_comparable(found)
    return found


def several_budgets(records: pd.DataFrame) -> pd.DataFrame:
    """The records, if runs differ in their data budget; raises UserError otherwise."""
    (*_, last) = sorted(records["budget"].unique())
    return (
        records
        if records["budget"].nunique() > 1
        else _some(records.iloc[:0], records, f"with another data budget than {last:g}", "runs of several budgets")
    )


def field(records: pd.DataFrame, name: str) -> pd.Series:
    """A column, empty where no record has it: settings are those of the runs that are there."""
    return records[name] if name in records else pd.Series(None, index=records.index, dtype=object)


def _some(found: pd.DataFrame, among: pd.DataFrame, what: str, lacking: str) -> pd.DataFrame:
    if found.empty:
        runs = ", ".join(sorted(among["run"].unique())) or "no runs"
        raise UserError(
            f"records: none of runs {what} among {runs}; give the suite {lacking}, or leave this result out"
        )
    return found


def _last_steps(records: pd.DataFrame) -> pd.DataFrame:
    last = records.groupby(["task", "run", "reduction"], dropna=False)["step"].transform("max")
    return records[records["step"] == last]


def seeds_joined(records: pd.DataFrame) -> pd.DataFrame:
    """The records with one run for each trained model: runs of several seeds get the name that they have in common.

    A suite calls the runs of one run file ``one.seed-1``, ``one.seed-2``; they become ``one``, also where another
    started from them. Column ``MEMBER`` keeps the run's own name.

    Raises:
        UserError: two runs would have one name, but differ in more than the training seed, or have the same seed, or
            one lacks answers that the other gave.
    """
    if MEMBER in records:
        return records
    found = records.assign(**{MEMBER: records["run"]})
    for name in ("run", "init_from"):
        seeds = zip(records[name], field(records, "seed"), strict=True)
        found[name] = [without_seed(one, seed) if isinstance(one, str) else one for one, seed in seeds]
    if not found["run"].equals(records["run"]):
        _check_one_training(found)
    return found


def without_seed(run: str, seed: int) -> str:
    """The name that a run of this training seed has in common with those of other seeds."""
    return run.removesuffix(f".seed-{seed}")


def _check_one_training(records: pd.DataFrame) -> None:
    """Raise UserError unless the members of every run differ in nothing but the training seed."""
    told = ["arch", "label", "training_context", "budget", "init_from", "num_parameters"]
    told += [name for name in map(str, records) if name.startswith("setting_") and name != "setting_training_seed"]
    members = records[records["reduction"].isna()].drop_duplicates(MEMBER)
    several = members[members.duplicated("run", keep=False)]
    _check_asked_alike(records[records["run"].isin(several["run"])])
    for run, these in several.groupby("run"):
        differing = [name for name in told if name in these and these[name].astype(str).nunique() > 1]
        if these["seed"].duplicated().any():
            differing.append("nothing, not even the training seed")
        if differing:
            raise UserError(
                f"records: {' and '.join(these[MEMBER])}: training seeds of {run} differ in {', '.join(differing)}; "
                f"train and evaluate all seeds from the same run file"
            )


def _check_asked_alike(records: pd.DataFrame) -> None:
    """Raise UserError unless the members of every run answered the same tasks at the same steps and reductions.

    A seed that lacks some would drop out of what is shown of them without a word.
    """
    told = (
        "step " + records["step"].astype(str) + ", " + records["split"] + " examples of " + records["task"]
    ) + records["reduction"].map(lambda name: f", {name}", na_action="ignore").fillna("").astype(str)
    for run, these in records.assign(told=told).groupby("run"):
        answered = these.groupby(MEMBER)["told"].agg(set)
        every = set().union(*answered)
        for member, found in answered.items():
            if missing := sorted(every - found):
                raise UserError(
                    f"records: {member}: lacks answers that other training seeds of {run} gave: {missing[0]}; "
                    f"train and evaluate all seeds alike"
                )


def check_comparable(records: pd.DataFrame) -> None:
    """Raise UserError unless all checkpoints answered the same examples of the same frozen data, in every task."""
    for task, of_this in records.groupby("task"):
        _check_same_data(of_this, str(task))
        _check_same_examples(of_this, str(task))


def _check_same_data(records: pd.DataFrame, task: str) -> None:
    runs_of = {str(data): sorted(of_data["run"].unique()) for data, of_data in records.groupby("data_hash")}
    if len(runs_of) > 1:
        told = "; ".join(f"{data[:12]}: {', '.join(runs)}" for data, runs in runs_of.items())
        raise UserError(
            f"records: runs answered different {task} data ({told}); evaluate all runs on the same frozen file"
        )


def _check_same_examples(records: pd.DataFrame, task: str) -> None:
    """Every checkpoint has a record of each example that any has: a mean over a part of a file is another mean."""
    examples = records.groupby(EXAMPLE, dropna=False).ngroup()
    everything = set(examples)
    lacking = []
    members = field(records, MEMBER).fillna(records["run"])
    for checkpoint, of_checkpoint in examples.groupby([members, *(records[name] for name in CHECKPOINT)], dropna=False):
        member, _, step, reduction = map(str, checkpoint)
        name = f"{member}, step {step}" + ("" if reduction in ("nan", "None") else f", {reduction}")
        lacking.append((name, len(everything - set(of_checkpoint))))
    if any(number for _, number in lacking):
        told = "; ".join(f"{checkpoint} lacks {number}" for checkpoint, number in lacking if number)
        raise UserError(
            f"records: runs did not answer the same {task} examples (of {len(everything)}, {told}); "
            f"evaluate all runs on the same frozen file"
        )


def accuracy(records: pd.DataFrame, score: str) -> Interval:
    """Mean of a score column in percent, with its interval; the records are one per training seed and example."""
    return percent(_mean(by_seed(records, records[score])))


def accuracy_by_query(records: pd.DataFrame, score: str) -> Interval:
    """As ``accuracy`` where a query was asked several times, at several lengths or in several prompt styles.

    Queries are resampled, not records: asked again, a query tells less than another query.
    """
    if num_seeds(records) == 1:
        return percent(_mean(records.groupby("example_id")[score].mean().to_numpy()))
    queries = records.groupby(["seed", "example_id"])[score].mean()
    return percent(_mean(_complete(queries.unstack("example_id"), records)))


def _mean(values: np.ndarray) -> Interval:
    return interval(values, SEED) if values.ndim == 1 else mean_over_seeds(values, SEED)


def num_seeds(records: pd.DataFrame) -> int:
    """Training seeds of one trained model's records."""
    return max(1, field(records, "seed").nunique())


def by_seed(records: pd.DataFrame, values: pd.Series) -> np.ndarray:
    """Values of one trained model's records, for intervals over examples and training seeds.

    Args:
        records: one per training seed and example.
        values: one per record, with the same index.

    Returns:
        Of one seed the values as they stand, of shape N. Of several: shape SN, a row per seed, examples in one order.

    Raises:
        UserError: a seed lacks an example that another has.
    """
    if num_seeds(records) == 1:
        return values.to_numpy(float)
    examples = records.groupby([*EXAMPLE, "data_hash"], dropna=False).ngroup()
    table = pd.DataFrame({"seed": records["seed"], "example": examples, "value": values.astype(float)})
    return _complete(table.pivot(index="seed", columns="example", values="value"), records)


def _complete(table: pd.DataFrame, records: pd.DataFrame) -> np.ndarray:
    if table.isna().any(axis=None):
        raise UserError(
            f"records: {', '.join(sorted(records['run'].unique()))}: training seeds did not answer the same "
            f"{records['task'].iloc[0]} examples ({table.notna().sum(axis=1).to_dict()}); evaluate all seeds"
        )
    return table.to_numpy(float)


def reference(records: pd.DataFrame, column: str) -> Interval:
    """Mean in percent of a trivial answer's column.

    Where answers come from a known set, chance is one over their number: known, not estimated, so without an interval.
    """
    values = distinct_examples(records)[column]
    if column == "chance" and chance_is_known(values):
        mean = 100 * float(values.mean())
        return Interval(mean, mean, mean, len(values))
    return percent(interval(values.to_numpy(), SEED))


def with_constant_answer(records: pd.DataFrame, cell: Sequence[str]) -> pd.DataFrame:
    """The records with the scores of the best constant answer: the one that is right most often in a cell of questions.

    Where a test set has more questions of some classes than of others, chance is less than an answer can get that looks
    at no question: 5 % instead of 4 % on LongICLBench's queries of GoEmotions.

    Args:
        records: whose first reference is the only right answer.
        cell: columns that tell the cells.
    """
    right = records["references"].str[0]
    most = right.groupby([records[name] for name in cell], dropna=False).transform(lambda of_cell: min(of_cell.mode()))
    return records.assign(**{CONSTANT: right.eq(most).astype(float)})


def chance_is_known(values: pd.Series) -> bool:
    """Whether chance is one over a number of answers, per example, and not whether a blind guess is right."""
    return bool(values.between(0, 1, inclusive="neither").any())


def references(records: pd.DataFrame, names: Mapping[str, str] = BASELINES) -> dict[str, str]:
    """Those trivial answers that all the records have."""
    return {column: name for column, name in names.items() if field(records, column).notna().all()}


def percent(found: Interval) -> Interval:
    """A share and its interval in percent."""
    return replace(found, mean=100 * found.mean, low=100 * found.low, high=100 * found.high)


def main_score(records: pd.DataFrame) -> str:
    """The column of the score that the paper reports, of records of one task."""
    (name,) = records["main_score"].unique()
    return f"score_{name}"


def distinct_examples(records: pd.DataFrame) -> pd.DataFrame:
    """One record per example: for what depends on the example alone, such as chance."""
    return records.drop_duplicates([*EXAMPLE, "data_hash"])


def named(run: pd.Series) -> str:
    """What a run or checkpoint is, in words: its architecture and in which ways it is special."""
    return ", ".join([run["label"], *variant(run)])


def variant(run: pd.Series) -> list[str]:
    """In which ways a run or checkpoint is not what its architecture's name says, in words."""
    alone = pd.DataFrame([run])
    told = [option.told(run[f"setting_{option.setting}"]) for option in _OPTIONS if option.differs(alone).any()]
    grouping = [GROUPED] if grouped(alone).any() else []
    fixed = ["fixed delay"] if is_fixed(run) else []
    reduced = [] if pd.isna(run["reduction"]) else [words(run["reduction"])]
    return told + grouping + fixed + reduced


def words(name: str) -> str:
    """A name such as without_long_term_memory for people."""
    return name.replace("long_term", "long-term").replace("_", " ")


def counts(records: pd.DataFrame, by: Sequence[str]) -> str:
    """How many records stand behind one number, such as 50 or 40 to 50; of several training seeds 3 seeds x 50."""
    if "seed" not in records:
        return _span(records.groupby(list(by), dropna=False).size())
    keys = list(dict.fromkeys([*by, "seed"]))
    told = _span(records.groupby(keys, dropna=False).size())
    seeds = records.groupby(list(by), dropna=False)["seed"].nunique()
    return told if seeds.max() <= 1 else f"{_span(seeds)} seeds x {told}"


def _span(numbers: pd.Series) -> str:
    low, high = numbers.min(), numbers.max()
    return str(low) if low == high else f"{low} to {high}"


def ratio_name(ratio: float) -> str:
    """A context length in units of the training context, such as 2x or 1/8x."""
    if ratio < 1 and np.isclose(1 / ratio, round(1 / ratio)):
        return f"1/{round(1 / ratio)}x"
    return f"{ratio:g}x"
