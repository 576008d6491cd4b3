"""Makes SYNTHETIC records of the laptop suite trained with several seeds; no results of any model."""

from dataclasses import replace

from tests.golden.make_records_laptop import Run, laptop_records

SEEDS = (1, 2, 3)


def _ending(run, seed):
    return None if run is None else f"{run}.seed-{seed}"


def seeded_records(examples=4, seeds=SEEDS):
    """As ``laptop_records``, of every seed; of seeds beyond the first every fifth answer is another."""
    for record in laptop_records(examples):
        for number, seed in enumerate(seeds):
            scores = record.scores
            if number and (hash_of(record) + number) % 5 == 0 and record.main_score in ("official", "accuracy"):
                scores = {name: 1.0 - value for name, value in scores.items()}
            yield record.model_copy(
                update={
                    "run": _ending(record.run, seed),
                    "init_from": _ending(record.init_from, seed),
                    "seed": seed,
                    "scores": scores,
                }
            )


def hash_of(record):
    """A number that depends on the example alone."""
    return sum(map(ord, record.example_id)) + record.context_length


def seeded(runs: list[Run], seeds=SEEDS):
    """The runs of every seed, for metrics; a later seed's loss is a little lower."""
    return [
        replace(run, name=_ending(run.name, seed), skill=run.skill + number / 20)
        for run in runs
        for number, seed in enumerate(seeds)
    ]
