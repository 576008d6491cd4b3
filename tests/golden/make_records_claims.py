"""Makes SYNTHETIC records of a whole suite for tests of claims and of the report; no results of any model.

Rates are those of a world in which every claim of the paper holds; tests change one of them and see a verdict change.
Of the examples of a cell exactly the given share is answered right: by a better model always those of a worse one too.
"""

import zlib
from copy import deepcopy

import numpy as np

from mmv2.records import ResultRecord

CONTEXT, LONG = 64, 512
MODELS = {
    "mosaic": {"arch": "mmv2", "budget": 1.0},
    "mosaic_fixed": {"arch": "mmv2", "budget": 1.0, "delay_is_fixed": True},
    "transformer": {"arch": "transformer", "budget": 1.0},
    "mosaic_tuned": {"arch": "mmv2", "budget": 1.0, "init_from": "mosaic", "step": 9},
    "mosaic_tuned_1": {"run": "mosaic_tuned", "arch": "mmv2", "budget": 1.0, "init_from": "mosaic", "step": 1},
    "mosaic_reduced": {
        "run": "mosaic_tuned",
        "arch": "mmv2",
        "budget": 1.0,
        "init_from": "mosaic",
        "step": 9,
        "reduction": "without_long_term_memory",
    },
    "transformer_tuned": {"arch": "transformer", "budget": 1.0, "init_from": "transformer", "step": 9},
    "transformer_8_tuned": {"arch": "transformer", "budget": 8.0, "init_from": "transformer_8", "step": 9},
}
"""Checkpoint -> fields of its records, where they differ from the usual."""
RATES = {
    "mosaic": {"ruler_qa": {64: 0.9, 128: 0.8, 256: 0.75, 512: 0.7}},
    "mosaic_fixed": {"ruler_qa": {64: 0.85, 512: 0.3}},
    "transformer": {"ruler_qa": {64: 0.7, 128: 0.2, 256: 0.1, 512: 0.0}},
    "mosaic_tuned_1": {"ruler_qa": {512: 0.9}},
    "mosaic_tuned": {
        "ruler_qa": {64: 0.9, 512: 0.9},
        "ruler_niah": {64: 1.0, 512: 1.0, 1024: 0.5},
        "benchmarks": {"facts": 0.8, "traits": 0.7, "reading": 0.8},
        "semantic": {1: 0.5, 2: 0.7, 4: 0.9},
        "anonymous": {1: 0.4, 2: 0.6, 4: 0.8},
    },
    "mosaic_reduced": {"benchmarks": {"facts": 0.8, "traits": 0.7, "reading": 0.3}},
    "transformer_tuned": {
        "ruler_qa": {64: 0.6, 512: 0.3},
        "ruler_niah": {64: 1.0, 512: 1.0, 1024: 0.0},
        "benchmarks": {"facts": 0.8, "traits": 0.7, "reading": 0.6},
        "semantic": {1: 0.6, 2: 0.4, 4: 0.3},
        "anonymous": {1: 0.5, 2: 0.3, 4: 0.2},
    },
    "transformer_8_tuned": {
        "ruler_qa": {64: 0.8, 512: 0.4},
        "semantic": {1: 0.9, 2: 0.95, 4: 0.95},
        "anonymous": {1: 0.5, 2: 0.3, 4: 0.1},
    },
}
"""Checkpoint -> task, or kind of labels -> context length, benchmark or shots -> share of right answers."""


def world(*changes, seeds=(1,)):
    """Records of all checkpoints.

    Args:
        changes: each (checkpoint, task, key, rate), or a checkpoint or (checkpoint, task) to leave out.
        seeds: training seeds; rates are the same for all.
    """
    rates = deepcopy(RATES)
    for change in changes:
        match change:
            case str():
                del rates[change]
            case (checkpoint, task):
                del rates[checkpoint][task]
            case (checkpoint, task, key, rate):
                rates[checkpoint][task][key] = rate
    return [record for seed in seeds for name, of_model in rates.items() for record in _of_model(name, of_model, seed)]


def _of_model(name, rates, seed):
    for task, of_task in rates.items():
        for key, rate in of_task.items():
            if task in ("semantic", "anonymous"):
                yield from _many_shot(name, seed, task, key, rate)
            elif task == "benchmarks":
                group, number = ("context", 40) if key == "reading" else ("persistent", 120)
                fields = {"subtask": key, "context_length": LONG, "details": {"group": group}, "chance": 0.1}
                yield from _answers(name, seed, "benchmarks", rate, number, fields)
            else:
                number, subtask = (40, "tiny") if task == "ruler_qa" else (80, "niah_single_1")
                yield from _answers(name, seed, task, rate, number, {"subtask": subtask, "context_length": key})


def _many_shot(name, seed, label_kind, shots, rate):
    """Two styles, of which the first is better on development examples and, by a lucky draw, worse on test examples."""
    for style, split, number, share in (
        ("newline_ordered", "test", 40, rate),
        ("space_ordered", "test", 40, min(1.0, rate + 0.05)),
        ("newline_ordered", "dev", 5, 0.6),
        ("space_ordered", "dev", 5, 0.2),
    ):
        fields = {"subtask": "banking77", "context_length": LONG, "num_shots": shots, "label_kind": label_kind}
        fields |= {"prompt_style": style, "split": split, "chance": 0.125}
        yield from _answers(name, seed, "many_shot", share, number, fields)


def _answers(name, seed, task, rate, number, fields):
    model = {"run": name, "step": 100, "init_from": None, "reduction": None, "delay_is_fixed": None, **MODELS[name]}
    fixed = model.pop("delay_is_fixed")
    if model["arch"] == "mmv2":
        fixed = bool(fixed)
    order = np.random.default_rng(zlib.crc32(f"{task}/{fields['subtask']}/{fields.get('split')}".encode())).permutation(
        number
    )
    for example, rank in enumerate(order):
        right = rank < round(rate * number)
        yield ResultRecord(
            **{
                "chance": 0.0,
                **model,
                **fields,
                "run": f"{model['run']}-seed{seed}",
                "label": {"mmv2": "Memory Mosaics v2", "transformer": "Transformer"}[model["arch"]],
                "num_parameters": 280_000,
                "tokens_seen": 1_000 * model["step"],
                "training_context": LONG if model["init_from"] else CONTEXT,
                "seed": seed,
                "settings": {"learning_rate": 0.001, "delay_is_fixed": fixed},
                "task": task,
                "example_id": f"synthetic-{example}",
                "references": ("right",),
                "prediction": "right" if right else "wrong",
                "scores": {"main": float(right)},
                "main_score": "main",
                "baselines": {},
                "num_tokens": 10,
                "fingerprint": "synthetic",
                "data_hash": f"synthetic {task}",
                "code_version": "synthetic",
                "device": "cpu",
            }
        )
