"""What tests of tables and figures of runs share: config.json files of small models."""

from mmv2.files import write_json
from mmv2.model.config import TINY
from mmv2.registry import architecture
from mmv2.reporting.of_runs import RunModel


def mosaic(run="mmv2", init_from=None, **changes):
    """A small Memory Mosaics v2."""
    return RunModel(run, "mmv2", TINY.model_validate({**TINY.model_dump(), **changes}), init_from)


TRANSFORMER = RunModel("llama", "transformer", architecture("transformer").tiny, None)


def write_configs(folder, models, seed=1):
    """Their config.json, as training with this seed leaves it; returns the files."""
    files = []
    for model in models:
        files.append(folder / f"{model.run}.json")
        origin = {"run": model.run, "init_from": model.init_from, "seed": seed}
        write_json(files[-1], {"arch": model.arch, "model": model.config.model_dump(mode="json"), "provenance": origin})
    return files
