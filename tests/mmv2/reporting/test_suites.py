"""Every shipped suite's tables, figures and claims can be made of what its own runs answer of its own tasks.

Synthetic records, few of each kind: what is tested is that a suite asks for nothing that it does not measure.
"""

from pathlib import Path

import pandas as pd
import pytest

from mmv2.evaluation.persistent.table import BENCHMARKS, PUBLISHED
from mmv2.records import read_records, write_records
from mmv2.registry import entries
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.metrics import read_metrics
from mmv2.reporting.of_runs import RunFigureSpec, RunTableSpec
from mmv2.reporting.published import FOLDER, read_published
from mmv2.reporting.seeds import seeds_joined
from mmv2.reporting.style import style
from mmv2.suites import load_suite
from mmv2.training.export import settings
from tests.golden import make_records_laptop as laptop

pytestmark = pytest.mark.usefixtures("few_resamplings")
ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "workflow" / "config"
SUITES = sorted((CONFIG / "suites").glob("*.yaml"))
EXAMPLES = 3


def many_shot(run, asked_for):
    """Of the styles and kinds of labels that the suite asks, with development queries where it has any."""
    for record in laptop.many_shot_records(run, EXAMPLES):
        asked = record.prompt_style in asked_for.prompt_styles and record.label_kind in asked_for.label_kinds
        if asked and (record.split == "test" or asked_for.dev_examples):
            yield record


def persistent(run, asked_for):
    for name in asked_for.benchmarks:
        details = {"group": BENCHMARKS[name].group, "published": name if name in PUBLISHED else ""}
        for number in range(EXAMPLES):
            yield laptop.make(run, "persistent", run.skill, name, number, details=details)


def further(run, asked_for):
    yield from laptop.further_records(run, EXAMPLES)


MAKERS = {
    "attention": lambda run, asked_for: laptop.attention_records(run, EXAMPLES),
    "benchmarks": lambda run, asked_for: laptop.benchmark_records(run, EXAMPLES),
    "bits_per_byte": lambda run, asked_for: laptop.text_records(run, EXAMPLES),
    "icl_code": further,
    "icl_reasoning": further,
    "icl_regular_languages": further,
    "many_shot": many_shot,
    "persistent": persistent,
    "ruler_niah": lambda run, asked_for: laptop.needle_records(run, EXAMPLES),
    "ruler_qa": lambda run, asked_for: laptop.ruler_records(run, EXAMPLES),
}
"""A new task adds a line."""


def synthetic(config, runs, **changes):
    """The run of a run file as one of which records can be made."""
    tuned = config.init_from is not None
    return laptop.Run(
        **{
            "name": config.name,
            "arch": config.arch,
            "skill": 0.8 if config.arch == "mmv2" else 0.4,
            "budget": runs[config.init_from].budget if tuned else config.budget,
            "fixed": getattr(config.model, "delay_is_fixed", None),
            "long": tuned,
            "step": 8 if tuned else 100,
            "settings": settings(config),
            **changes,
        }
    )


def answers(suite, runs):
    """Each checkpoint with the tasks that it answers, as rule evaluate plans it."""
    for config in runs.values():
        kind = "pretrained" if config.init_from is None else "fine_tuned"
        asked = [task for task in suite.tasks if suite.answered_by.get(task, "all") in ("all", kind)]
        yield config, synthetic(config, runs), asked
        if kind == "fine_tuned":
            for step in (1, 2) if config.training.milestones else ():
                yield config, synthetic(config, runs, step=step), list(suite.milestones)
            for name in set(suite.reductions) & set(config.spec.reductions):
                yield config, synthetic(config, runs, reduction=name), suite.reductions[name]


def records_of(suite, runs):
    for config, run, tasks in answers(suite, runs):
        own = {"init_from": config.init_from, "seed": config.training.seed}
        number = laptop.number_of_parameters(config.spec, config.model, run.reduction)
        own |= {"label": config.spec.label_for(config.model), "num_parameters": number}
        for task in tasks:
            made = MAKERS[task](run, suite.tasks[task])
            yield from (record.model_copy(update=own) for record in made if record.task == task)


@pytest.fixture(scope="module", params=SUITES, ids=lambda path: path.stem)
def measured(request, tmp_path_factory):
    """A suite with records and metrics of its runs."""
    suite, runs = load_suite(request.param, CONFIG / "runs")
    folder = tmp_path_factory.mktemp(suite.name)
    write_records(folder / "records.jsonl", records_of(suite, runs))
    files = laptop.write_metrics(folder, [synthetic(config, runs) for config in runs.values()])
    return suite, seeds_joined(read_records([folder / "records.jsonl"])), read_metrics(files)


def of_records(kind, names):
    """Name and spec of those that are made of records; others need no answer, and have tests of their own."""
    specs = [(name, entries(kind)[name]) for name in names]
    return [(name, spec) for name, spec in specs if not isinstance(spec, RunTableSpec | RunFigureSpec)]


def test_every_table_and_figure_of_a_suite_can_be_made_of_its_own_records(measured):
    suite, records, metrics = measured
    assert {*suite.tables, *suite.figures}
    for name, spec in of_records("table", suite.tables):
        published = [read_published(ROOT / FOLDER / spec.published)] if spec.published else []
        assert not spec.build(records, *published, *([metrics] if spec.metrics else [])).empty, name
    with style():
        for name, spec in of_records("figure", suite.figures):
            inputs = [records, metrics] if spec.metrics else [records]
            spec.draw(*inputs)
            assert isinstance(spec.shown(*inputs), pd.DataFrame), name
            spec.remark(*inputs)


def test_every_claim_of_a_suite_can_be_judged_by_its_own_records(measured):
    suite, records, _ = measured
    evidence = Evidence(records, ROOT / FOLDER)
    for name in suite.claims:
        verdict = entries("claim")[name].judge(evidence)
        assert verdict.deciding or verdict.counts, name
        assert all(one.low <= one.mean <= one.high for one in verdict.comparisons), name
