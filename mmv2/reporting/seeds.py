"""Training seeds: all runs that differ in nothing else are one trained model.

Tables, figures and claims are about trained models: ``seeds_joined`` gives all runs of one the same name, and means and
intervals are over examples and seeds.
"""

import numpy as np
import pandas as pd

from mmv2.errors import UserError
from mmv2.records import EXAMPLE
from mmv2.reporting.fields import MEMBER, field


def seeds_joined(records: pd.DataFrame) -> pd.DataFrame:
    """The records with one run for each trained model: runs of several seeds get the name that they have in common.

    A suite calls the runs of one run file ``one.seed-1``, ``one.seed-2``; they become ``one``, also where another
    started from them. Column ``MEMBER`` keeps the run's own name.

    Raises:
        UserError: two runs would have one name, but differ in more than the training seed, or have the same seed, or
            one lacks answers that the other gave; or a run's records are of several trainings.
    """
    if MEMBER in records:
        return records
    _check_one_fingerprint(records)
    found = records.assign(**{MEMBER: records["run"]})
    for name in ("run", "init_from"):
        seeds = zip(records[name], field(records, "seed"), strict=True)
        found[name] = [without_seed(one, seed) if isinstance(one, str) else one for one, seed in seeds]
    if not found["run"].equals(records["run"]):
        check_one_training(found)
    return found


def without_seed(run: str, seed: int) -> str:
    """The name that a run of this training seed has in common with those of other seeds."""
    return run.removesuffix(f".seed-{seed}")


def _check_one_fingerprint(records: pd.DataFrame) -> None:
    """Raise UserError where records of one run are of weights that were trained in different ways."""
    for run, fingerprints in records.groupby("run")["fingerprint"].unique().items():
        if len(fingerprints) > 1:
            raise UserError(
                f"records: {run}: of {len(fingerprints)} different trainings (fingerprints "
                f"{', '.join(sorted(fingerprints))}); evaluate the last one again"
            )


def check_one_training(records: pd.DataFrame) -> None:
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
    columns = (records[name] for name in ("step", "split", "task", "reduction"))
    told = [
        f"step {step}, {split} examples of {task}{f', {reduction}' if isinstance(reduction, str) else ''}"
        for step, split, task, reduction in zip(*columns, strict=True)
    ]
    for run, these in records.assign(told=told).groupby("run"):
        answered = these.groupby(MEMBER)["told"].agg(set)
        every = set().union(*answered)
        for member, found in answered.items():
            if missing := sorted(every - found):
                raise UserError(
                    f"records: {member}: lacks answers that other training seeds of {run} gave: {missing[0]}; "
                    f"train and evaluate all seeds alike"
                )


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
    return complete(table.pivot(index="seed", columns="example", values="value"), records)


def complete(table: pd.DataFrame, records: pd.DataFrame) -> np.ndarray:
    """The values of a table of seeds and examples; raises UserError, which names the records' runs, for a gap in it."""
    if table.isna().any(axis=None):
        raise UserError(
            f"records: {', '.join(sorted(records['run'].unique()))}: training seeds did not answer the same "
            f"{records['task'].iloc[0]} examples ({table.notna().sum(axis=1).to_dict()}); evaluate all seeds"
        )
    return table.to_numpy(float)
