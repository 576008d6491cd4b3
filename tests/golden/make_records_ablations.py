"""Makes SYNTHETIC records of the suite of ablations, drawn from a seeded generator; they are no results of any model.

As ``make_records_laptop``, with two sizes, variants of Memory Mosaics v2, transformers with parts of it and models of
other kinds; sizes and parameters are those of configs, so that FLOPs can be counted.
"""

from functools import cache

from mmv2.layers.flops import parameters
from mmv2.registry import architecture
from tests.golden import make_records_laptop as laptop

SIZES = {"": {"hidden_size": 16, "num_heads": 2}, "small": {"hidden_size": 8, "num_heads": 2}}
COMMON = {"vocab_size": 50, "num_layers": 2, "intermediate_size": 24, "norm_eps": 1e-5, "tie_embeddings": False}
SPLIT = {"short_term_window": 4, "long_term_delay": 2, "long_term_delay_range": (2, 4)}
MOSAIC = {"initial_theta_beta": 1.5, "delay_draw": "step"}
PARTS = (
    "adaptive_bandwidth",
    "gated_keys",
    "long_short",
    "lookahead_values",
    "normalised_keys",
    "symmetric_keys",
)
LABELS = {
    "mmv2": "Memory Mosaics v2",
    "transformer": "Transformer",
    "transformer_parts": "Transformer with parts of MMv2",
    "huggingface": "Mamba-2",
    "memory_mosaics_v1": "Memory Mosaics v1",
}
MODELS = {
    "mosaic": ("mmv2", 0.9, "", SPLIT),
    "mosaic-small": ("mmv2", 0.8, "small", SPLIT),
    "constant": ("mmv2", 0.7, "", {**SPLIT, "adaptive_bandwidth": False}),
    "shortest": ("mmv2", 0.6, "", {**SPLIT, "long_term_delay_range": (2, 2)}),
    "longest": ("mmv2", 0.65, "", {**SPLIT, "long_term_delay": 4, "long_term_delay_range": (4, 4)}),
    "leaky": ("mmv2", 0.75, "", {**SPLIT, "key_extractor": "leaky"}),
    "plain": ("mmv2", 0.5, "", {**SPLIT, "key_extractor": "plain"}),
    "rotary": ("mmv2", 0.55, "", {**SPLIT, "rope_theta": 10000.0}),
    "short-alone": ("mmv2", 0.4, "", {**SPLIT, "long_term_memory": False}),
    "transformer": ("transformer", 0.5, "", {}),
    "transformer-small": ("transformer", 0.3, "small", {}),
    **{f"part-{part}": ("transformer_parts", 0.5, "", {"parts": (part,)}) for part in PARTS if part != "long_short"},
    "part-long_short": ("transformer_parts", 0.45, "", {"parts": ("long_short",), **SPLIT}),
    "small-long_short": ("transformer_parts", 0.35, "small", {"parts": ("long_short",), **SPLIT}),
    "mamba": ("huggingface", 0.6, "", {"model_type": "mamba2"}),
    "v1": ("memory_mosaics_v1", 0.6, "", {}),
    "v1-ffn": ("memory_mosaics_v1", 0.5, "", {"persistent_memory": "ffn"}),
    "parts-all": ("transformer_parts", 0.85, "", {"parts": PARTS, **SPLIT}),
}
"""Name -> architecture, skill, size and what its config has beside that."""


@cache
def runs():
    """The pre-trained runs by name."""
    return {name: _run(name, *model) for name, model in MODELS.items()}


def _run(name, arch, skill, size, own):
    if arch == "huggingface":  # whose config asks the library, which takes long to import
        return laptop.Run(name, arch, skill, settings={**COMMON, **SIZES[size], **own, "num_parameters": 5_000})
    spec = architecture(arch)
    config = spec.config(**COMMON, **SIZES[size], max_seq_len=laptop.SHORT, **own)
    names = [*type(config).model_fields, "delay_is_fixed", "bandwidth", "parts_named", "num_parts"]
    told = {name: getattr(config, name, None) for name in names}
    told = {name: value for name, value in told.items() if value is None or isinstance(value, str | int | float)}
    told["num_parameters"] = parameters(spec.build, config)
    return laptop.Run(name, arch, skill, fixed=told.pop("delay_is_fixed"), settings=told)


def of_run(run, made, seed=0):
    """Records of a run, with what its config says."""
    number = dict(run.settings)["num_parameters"]
    for record in made:
        told = {key: value for key, value in record.settings.items() if key != "num_parameters"}
        context = {"max_seq_len": record.training_context}
        own = {"num_parameters": number, "settings": {**told, **context}, "seed": seed}
        own["label"] = LABELS[run.arch] + (", SwiGLU" if told.get("persistent_memory") == "ffn" else "")
        own |= {"run": f"{record.run}.seed-{seed}"} if seed else {}
        yield record.model_copy(update=own)


def tuned(run):
    """The run, fine-tuned."""
    return laptop.tuned(run, settings=run.settings)


def ablation_records(examples=4, seed=0):
    """Records of all runs, pre-trained and fine-tuned, so many per cell."""
    for run in runs().values():
        for stage in (run, tuned(run)):
            yield from of_run(stage, laptop.ruler_records(stage, 2 * examples), seed)
            yield from of_run(stage, laptop.benchmark_records(stage, 2 * examples), seed)
        yield from of_run(tuned(run), laptop.many_shot_records(tuned(run), examples), seed)
