"""Makes SYNTHETIC records of all tasks of the laptop suite, drawn from a seeded generator.

They are no results of any model. Runs, lengths and budgets are those of the laptop suite in shape; rates are invented
so that every curve of a figure can be told from the others.
"""

import json
import zlib
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from mmv2.layers.flops import parameters
from mmv2.records import Detail, ResultRecord
from mmv2.registry import architecture

SHORT, LONG = 32, 256
LENGTHS = (32, 64, 128, 256, 512)
STYLES = ("newline_ordered", "newline_shuffled", "space_ordered", "space_shuffled")
BENCHMARKS = {
    "people": ("persistent", "nq", 0),
    "colours": ("persistent", "obqa", 4),
    "own_facts": ("persistent", "", 0),
    "articles": ("context", "squad", 0),
    "reading": ("context", "race_high", 3),
}
REDUCTION = "without_long_term_memory"


@cache
def _shape(arch, reduction):
    """Settings of the architecture's smallest model, which are those of the whole one, and number of parameters.

    Without grouped queries, which the paper's main transformer has not.
    """
    spec = architecture(arch)
    plain = {"num_kv_heads": spec.tiny.num_heads} if "num_kv_heads" in spec.config.model_fields else {}
    config = spec.tiny.model_copy(update=plain)
    told = {name: getattr(config, name) for name in spec.config.model_fields}
    scalars = {name: value for name, value in told.items() if isinstance(value, Detail)}
    return scalars, number_of_parameters(spec, config, reduction)


def number_of_parameters(spec, config, reduction):
    """Those of a model, or of what a reduction leaves of it."""
    if reduction is None:
        return parameters(spec.build, config)
    return parameters(lambda whole: spec.reductions[reduction](spec.build(whole)), config)


@dataclass(frozen=True)
class Run:
    """One synthetic run; ``skill`` moves all its rates."""

    name: str
    arch: str
    skill: float
    budget: float = 1.0
    fixed: bool | None = None
    long: bool = False
    """Fine-tuned at the long context."""
    step: int = 100
    reduction: str | None = None
    settings: dict = field(default_factory=dict)

    def fields(self):
        """The fields of all its records."""
        label = architecture(self.arch).label
        shape, number = _shape(self.arch, self.reduction)
        recipe = {"learning_rate": 3e-3, "global_batch_size": 16, "warmup_steps": 10, "delay_is_fixed": self.fixed}
        return {
            "run": self.name,
            "arch": self.arch,
            "label": label,
            "num_parameters": number,
            "step": self.step,
            "tokens_seen": self.step * 8 * LONG if self.long else round(1_000_000 * self.budget),
            "training_context": LONG if self.long else SHORT,
            "budget": self.budget,
            "seed": 0,
            "init_from": self.name.removesuffix("-long") if self.long else None,
            "reduction": self.reduction,
            "settings": {**shape, **recipe, **self.settings},
            "code_version": "synthetic",
            "fingerprint": "synthetic",
            "device": "cpu",
        }


MOSAIC = Run("s1", "mmv2", 0.9, fixed=False)
FIXED = Run("s2", "mmv2", 0.8, fixed=True)
TRANSFORMERS = [Run(f"s{3 + n}", "transformer", 0.4 + 0.1 * n, budget=b) for n, b in enumerate((0.2, 1.0, 8.0))]
PRETRAINED = [MOSAIC, FIXED, *TRANSFORMERS]


def tuned(run, **changes):
    """The run, fine-tuned at the long context."""
    values = {"fixed": run.fixed, "budget": run.budget, "step": 8, **changes}
    return Run(f"{run.name}-long", run.arch, run.skill, long=True, **values)


TUNED = [tuned(run) for run in PRETRAINED]
MILESTONES = [tuned(run, step=step) for run in (MOSAIC, TRANSFORMERS[1]) for step in (1, 2, 4)]
REDUCED = [tuned(MOSAIC, reduction=REDUCTION)]


def make(run, task, rate, subtask, number, main="accuracy", **fields):
    """One record, right with that probability; other scores than the main one are a little lower."""
    key = (run.name, run.step, run.reduction, task, subtask, number, sorted(fields.items(), key=str))
    rng = np.random.default_rng(zlib.crc32(repr(key).encode()))
    right = bool(rng.random() < rate)
    scores = {main: float(right), {"official": "strict", "accuracy": "ranked"}[main]: float(right and number % 4 > 0)}
    if task == "many_shot":
        scores["valid"] = float(right or number % 2)
    common = {
        "task": task,
        "subtask": subtask,
        "context_length": LONG,
        "example_id": f"q{number}",
        "references": ("Oslo",),
        "prediction": "Oslo" if right else "Rome",
        "scores": scores if task != "benchmarks" else {main: scores[main]},
        "main_score": main,
        "chance": float(number % 4 == 0),
        "baselines": {"nearest_match": float(number % 2)},
        "num_tokens": SHORT - 1,
        "data_hash": f"synthetic {task}",
    }
    return ResultRecord(**{**run.fields(), **common, **fields})


def ruler_records(run, examples):
    """RULER question answering at every length: falls beyond the training context, the more the less skill."""
    for length in LENGTHS:
        beyond = max(0.0, np.log2(length / (LONG if run.long else SHORT)))
        rate = run.skill * (1 - (0.05 if run.arch == "mmv2" and not run.fixed else 0.35) * beyond)
        rate *= 0.3 + 0.7 * min(1, run.step / 4) if run.long else 1
        rate *= 0.3 if run.reduction else 1
        for number in range(examples):
            depth = number / examples
            yield make(run, "ruler_qa", rate, "tiny", number, "official", context_length=length, depth=depth)


def needle_records(run, examples):
    """RULER's single needle, which every model finds."""
    for subtask in ("niah_single_1", "niah_single_2"):
        for length in (SHORT, LONG, 2 * LONG):
            for number in range(examples):
                fields = {"context_length": length, "depth": number / examples, "chance": 0.0}
                yield make(run, "ruler_niah", 0.5 + run.skill / 2, subtask, number, "official", **fields)


def many_shot_records(run, examples, shots=(1, 4)):
    """In-context learning: Memory Mosaics rise with shots; the transformer rises and falls."""
    for subtask, classes in (("banking77", 8), ("goemotions", 4)):
        for kind in ("semantic", "anonymous", "novel")[: 3 if subtask == "banking77" else 2]:
            for shot in shots:
                gain = np.log2(shot) / 8 * (1 if run.arch == "mmv2" else -1)
                for place, style in enumerate(STYLES):
                    for split, numbers in (("test", examples), ("dev", examples // 2)):
                        for number in range(numbers):
                            rate = run.skill * 0.8 + gain - 0.07 * place - 0.2 * (kind != "semantic")
                            fields = {"num_shots": shot, "label_kind": kind, "prompt_style": style, "split": split}
                            fields |= {"chance": 1 / classes, "example_id": f"{split}-{number}"}
                            fields |= {"references": (("Oslo", "Rome", "Oslo")[number % 3],)}
                            yield make(run, "many_shot", rate, subtask, number, **fields)


def further_records(run, examples, shots=(1, 4)):
    """In-context learning of other things than labels."""
    kinds = [("icl_regular_languages", "regular_languages", None), ("icl_code", "mbpp_outputs", "direct")]
    kinds += [("icl_reasoning", subtask, "direct") for subtask in ("sums", "gsm8k")]
    for task, subtask, style in [*kinds, ("icl_reasoning", "gsm8k", "worked")]:
        for shot in shots:
            for number in range(examples):
                fields = {"num_shots": shot, "prompt_style": style, "example_id": f"{number}-3"}
                yield make(run, task, run.skill * 0.7 + np.log2(shot) / 20, subtask, number, **fields)


def benchmark_records(run, examples):
    """Benchmarks of both groups; those whose answers stand in the prompt suffer without long-term memory."""
    for subtask, (group, published, choices) in BENCHMARKS.items():
        rate = 0.7 if group == "persistent" else run.skill * (0.4 if run.reduction else 1)
        for number in range(examples):
            fields = {"chance": 1 / choices} if choices else {}
            nearest = {"nearest_match": float(number % 2)} if group == "context" else {}
            fields |= {"baselines": {"most_frequent_answer": float(number % 3 == 0), **nearest}}
            fields |= {"details": {"group": group, "published": published}}
            yield make(run, "benchmarks", rate, subtask, number, **fields)


def text_records(run, examples):
    """Held-out text: bits fall over the position, and rise again where a model cannot extrapolate."""
    for length in (SHORT, LONG):
        for number in range(examples):
            rng = np.random.default_rng((zlib.crc32(run.name.encode()), length, number))
            details = {}
            for bound in (bound for bound in LENGTHS if bound <= length):
                beyond = bound > (LONG if run.long else SHORT) and run.arch == "transformer"
                rate = (2.5 - run.skill - 0.1 * np.log2(bound) + 0.5 * beyond) * rng.uniform(0.9, 1.1)
                details |= {f"bits_{bound}": rate * bound, f"bytes_{bound}": bound, f"tokens_{bound}": bound // 2}
            yield ResultRecord(
                **run.fields(),
                task="bits_per_byte",
                subtask="text",
                context_length=length,
                example_id=f"t{number}",
                references=(),
                prediction="",
                scores={"next_token_accuracy": run.skill * rng.uniform(0.5, 0.6)},
                main_score="next_token_accuracy",
                chance=0.05,
                baselines={},
                num_tokens=length,
                details=details,
                data_hash="synthetic bits_per_byte",
            )


def attention_details(run, length, needle, rng):
    """Where the last token looks: near the end in short-term memory, at the needle in long-term memory."""
    maps = ("short_term", "long_term") if run.arch == "mmv2" else ("attention",)
    ages = [0, *(2**power for power in range((length - 1).bit_length()))]
    tokens = {f"age_{age}": min(max(1, age), length - 1 - age) for age in ages if age < length - 1}
    tokens |= {"first": 1, "marked": 6 if needle else length // 2 - 1}
    details = {"maps": ",".join(maps), "in_reach": 1.0} | {f"positions.{mark}": n for mark, n in tokens.items()}
    for name in maps:
        least, most = {"short_term": (1, 8), "long_term": (4, length), "attention": (0, length)}[name]
        held = {age: n for age, n in zip(ages, tokens.values(), strict=False) if least <= age < most}
        total = sum(held.values()) + (name != "short_term")
        flat = {f"age_{age}": held.get(age, 0) / total for age in ages if f"age_{age}" in tokens}
        flat |= {"first": (name != "short_term") / total, "marked": tokens["marked"] / total * (name != "short_term")}
        details |= {f"flat.{name}.{mark}": share for mark, share in flat.items()}
        for layer in range(2):
            drawn = {mark: share * rng.uniform(0.2, 0.9) * run.skill for mark, share in flat.items()}
            details |= {f"attention.{name}.{layer}.{mark}": share for mark, share in drawn.items()}
            details[f"most.{name}.{layer}"] = min(1.0, 3 * drawn["marked"])
            if name != "attention":
                for number, initial in (("beta_0", 4.5), ("beta_1", 4.5), ("alpha", 1 / 3)):
                    told = {
                        "least": 0.5 * initial,
                        "mean": initial * run.skill,
                        "most": 2 * initial,
                        "initial": initial,
                    }
                    details |= {f"learnt.{name}.{layer}.{number}.{kind}": value for kind, value in told.items()}
    return details


def attention_records(run, examples):
    """Windows of text, and needles at three depths."""
    prompts = [("text", None), *(("needle", depth) for depth in (0.0, 0.5, 1.0))]
    for length in (SHORT, LONG, 2 * LONG):
        for subtask, depth in prompts:
            for number in range(examples):
                rng = np.random.default_rng((zlib.crc32(f"{run.name} {subtask} {depth}".encode()), length, number))
                details = attention_details(run, length, depth is not None, rng)
                yield ResultRecord(
                    **run.fields(),
                    task="attention",
                    subtask=subtask,
                    context_length=length,
                    example_id=f"a{number}@{depth}",
                    references=(),
                    prediction="",
                    scores={"marked": details[f"attention.{details['maps'].split(',')[-1]}.0.marked"], "in_reach": 1.0},
                    main_score="marked",
                    chance=details["positions.marked"] / length,
                    baselines={},
                    num_tokens=length,
                    depth=depth,
                    details=details,
                    data_hash="synthetic attention",
                )


def laptop_records(examples=4):
    """Records of all runs and tasks, so many per cell."""
    for run in [*PRETRAINED, *TUNED, *MILESTONES, *REDUCED]:
        yield from ruler_records(run, 2 * examples)
    for run in [MOSAIC, *TUNED]:
        yield from needle_records(run, 2 * examples)
    for run in TUNED:
        yield from many_shot_records(run, examples)
        yield from further_records(run, 2 * examples)
    for run in [*TUNED, *REDUCED]:
        yield from benchmark_records(run, 2 * examples)
    for run in [*PRETRAINED, *TUNED, *REDUCED]:
        yield from text_records(run, examples)
    for run in [*PRETRAINED, *TUNED]:
        yield from attention_records(run, examples)


def write_metrics(folder, runs=(*PRETRAINED, *TUNED)):
    """Synthetic metrics files of runs; returns their paths."""
    files = []
    for run in runs:
        steps = run.step if run.long else round(100 * run.budget)
        files.append(folder / run.name / "metrics.jsonl")
        files[-1].parent.mkdir(parents=True)
        lines = [
            {"step": n, "loss": 6 / n**0.2 - run.skill, "tokens_seen": n * 10_000}
            | {"learning_rate": 1e-3, "grad_norm": 1.0, "tokens_per_second": 1000.0}
            for n in range(1, steps + 1)
        ]
        files[-1].write_text("".join(json.dumps(line) + "\n" for line in lines))
    return files
