"""Makes SYNTHETIC records of a whole suite for tests of claims and of the report; no results of any model.

Rates are those of a world in which every claim of the paper holds; tests change one of them and see a verdict change.
Of the examples of a cell exactly the given share is answered right: by a better model always those of a worse one too.
"""

import zlib
from copy import deepcopy
from functools import cache

import numpy as np

from mmv2.layers.flops import parameters
from mmv2.records import ResultRecord
from mmv2.registry import architecture

CONTEXT, LONG = 64, 512
UNSPLIT = ("adaptive_bandwidth", "gated_keys", "lookahead_values", "normalised_keys", "symmetric_keys")
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
    "mosaic_small_tuned": {"arch": "mmv2", "budget": 1.0, "init_from": "mosaic_small", "step": 9, "width": 8},
    "split": {"arch": "transformer_parts", "budget": 1.0},
    "split_tuned": {"arch": "transformer_parts", "budget": 1.0, "init_from": "split", "step": 9},
    "unsplit": {"arch": "transformer_parts", "budget": 1.0, "parts": UNSPLIT},
}
"""Checkpoint -> fields of its records, where they differ from the usual."""
RATES = {
    "mosaic": {"ruler_qa": {64: 0.9, 128: 0.8, 256: 0.75, 512: 0.7}, "attention": {64: 0.5}},
    "mosaic_fixed": {"ruler_qa": {64: 0.85, 512: 0.3}},
    "transformer": {"ruler_qa": {64: 0.7, 128: 0.2, 256: 0.1, 512: 0.0}, "attention": {64: 0.8}},
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
    "mosaic_small_tuned": {"ruler_qa": {64: 0.8, 512: 0.8}},
    "split": {"ruler_qa": {64: 0.7}},
    "unsplit": {"ruler_qa": {64: 0.5}},
    "split_tuned": {"semantic": {1: 0.5, 2: 0.3, 4: 0.2}, "anonymous": {1: 0.5, 2: 0.3, 4: 0.2}},
}
"""Checkpoint -> task, or kind of labels -> context length, benchmark or shots -> share of right answers; of attention
the share of the nearer half of the positions."""
SHAPE = {"vocab_size": 50, "num_layers": 2, "num_heads": 2, "intermediate_size": 24}
SPLIT = {"short_term_window": 4, "long_term_delay": 2}


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
            elif task == "attention":
                fields = {"subtask": "text", "context_length": key, "details": _attention(name, rate)}
                yield from _answers(name, seed, task, 1.0, 240, fields)
            elif task == "benchmarks":
                group, number = ("context", 40) if key == "reading" else ("persistent", 120)
                fields = {"subtask": key, "context_length": LONG, "details": {"group": group}, "chance": 0.1}
                yield from _answers(name, seed, "benchmarks", rate, number, fields)
            else:
                number, subtask = (40, "tiny") if task == "ruler_qa" else (80, "niah_single_1")
                yield from _answers(name, seed, task, rate, number, {"subtask": subtask, "context_length": key})


def _attention(name, near):
    """Two groups of positions of the same size, of which the nearer has this share of all attention to both."""
    of_map = "attention" if name == "transformer" else "long_term"
    shares = {"age_8": near, "age_16": 1 - near}
    return (
        {f"most.{of_map}.0": 1.0}
        | {f"flat.{of_map}.{group}": 0.5 for group in shares}
        | {f"attention.{of_map}.0.{group}": share for group, share in shares.items()}
    )


@cache
def _shape(arch, width, context, parts):
    """Settings and number of parameters."""
    spec = architecture(arch)
    split = {**SPLIT, "long_term_delay_range": (2, 4)} if arch == "mmv2" or "long_short" in parts else {}
    own = {"parts": parts} if arch == "transformer_parts" else {}
    own |= {"rope": False, "initial_bandwidth": "mosaic"} if parts == UNSPLIT else {}
    config = spec.config(**SHAPE, hidden_size=width, max_seq_len=context, **split, **own)
    told = {**SHAPE, **{name: split[name] for name in SPLIT if split}, "hidden_size": width, "max_seq_len": context}
    names = ("parts_named", "rope", "initial_bandwidth") if own else ()
    return told | {name: getattr(config, name) for name in names}, parameters(spec.build, config)


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
    fixed, context = model.pop("delay_is_fixed"), LONG if model["init_from"] else CONTEXT
    parts = model.pop("parts", ("long_short",) if model["arch"] == "transformer_parts" else ())
    shape, number_of_parameters = _shape(model["arch"], model.pop("width", 16), context, parts)
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
                "run": f"{model['run']}.seed-{seed}",
                "init_from": model["init_from"] and f"{model['init_from']}.seed-{seed}",
                "label": architecture(model["arch"]).label,
                "num_parameters": number_of_parameters,
                "tokens_seen": 1_000 * model["step"],
                "training_context": context,
                "seed": seed,
                "settings": {**shape, "learning_rate": 0.001, "delay_is_fixed": fixed},
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
