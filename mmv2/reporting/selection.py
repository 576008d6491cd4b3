"""What tables, figures and claims take out of the records: always by fields, never by the name of a run.

Tables 3 and 12 of the paper are on pre-trained checkpoints, everything else on those fine-tuned on long contexts. How
one accuracy is taken out of several prompt styles is in ``prompt_styles``, what is a variant of which model in
``variants``, what the runs of several seeds have in common in ``seeds``, and means with their intervals in
``accuracies``.
"""

from typing import Any

import pandas as pd

from mmv2.errors import UserError
from mmv2.records import CHECKPOINT, EXAMPLE
from mmv2.reporting.fields import FIXED_DELAY, MEMBER, WIDTH, field
from mmv2.reporting.variants import ablated, grouped

MAIN_BUDGET = 1.0
"""The data budget at which the paper compares architectures: its 1T tokens."""
BENCHMARKS = ("benchmarks", "persistent")
"""Tasks whose subtasks are benchmarks of the groups of Tables 2 and 9."""


def of_task(records: pd.DataFrame, task: str, *, split: str = "test", reduction: str | None = None) -> pd.DataFrame:
    """Records of one task, of the last step at which each run answered any task.

    Args:
        records: as from ``read_records``, of all tasks; choose among checkpoints before (``pretrained``,
            ``fine_tuned``), as only what is compared must have answered the same examples.
        task: its name.
        split: test or dev.
        reduction: what was taken out of the trained models; None: nothing.

    Raises:
        UserError: there are none, a run answered the task before its last step alone, or the checkpoints did not all
            answer the same examples of the same frozen data.
    """
    found = where(_of_task(records, task), split=split, reduction=reduction)
    found = _at_last_steps(found, records)
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
    """Runs that started from another's weights, at every step; raises UserError when there are none."""
    return _some(records[records["init_from"].notna()], records, "fine-tuned", "a run with init_from")


def last_stage(records: pd.DataFrame) -> pd.DataFrame:
    """Fine-tuned runs; where there are none, those trained from scratch."""
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


def both_delays(records: pd.DataFrame) -> pd.DataFrame:
    """Runs with data budget 1 of architectures with a long-term delay, in sizes that have both fixed and drawn ones.

    Raises:
        UserError: there are not both, or of no size.
    """
    found = where(papers_own(records), budget=MAIN_BUDGET)
    for fixed in (True, False):
        where(found, **{FIXED_DELAY: fixed})
    found = found[found[FIXED_DELAY].notna()]
    width = field(found, WIDTH).fillna(0)
    forms = found.groupby([field(found, "arch"), width], dropna=False)[FIXED_DELAY].transform("nunique")
    return _some(found[forms > 1], found, "of one size with a fixed and with a drawn delay", "both of one size")


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


def _some(found: pd.DataFrame, among: pd.DataFrame, what: str, lacking: str) -> pd.DataFrame:
    if found.empty:
        runs = ", ".join(sorted(among["run"].unique())) or "no runs"
        raise UserError(
            f"records: none of runs {what} among {runs}; give the suite {lacking}, or leave this result out"
        )
    return found


def _at_last_steps(asked: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """Those of each run's last step: a milestone is not the trained model, though no later step answered the task."""
    last = records.groupby("run")["step"].max()
    found = asked[asked["step"] == asked["run"].map(last)]
    early = asked[~asked["run"].isin(found["run"])]
    if not early.empty:
        run, task, step = early.iloc[0][["run", "task", "step"]]
        raise UserError(
            f"records: {run} answered {task} at step {step}, not at its last, {last[run]}; evaluate its final "
            f"checkpoint on {task} or leave this result out"
        )
    return found


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
