"""JSON schemas of the workflow's YAML files, generated from the typed configs, for editors and for other tools.

    python -m mmv2.schemas      writes workflow/schemas/{config,run,suite}.schema.json

The workflow itself validates with the typed configs, whose errors say more; a test keeps the files up to date.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from mmv2.files import write_json
from mmv2.registry import architectures, entries
from mmv2.runs import RunConfig
from mmv2.suites import SuiteConfig, WorkflowConfig

FOLDER = Path("workflow") / "schemas"


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by file name. Run files may leave out what their base holds: there no key is required."""
    tasks = {name: task.settings for name, task in entries("task").items()}
    models = {name: spec.config for name, spec in architectures().items()}
    corpora = {name: source.config for name, source in entries("source").items()}
    run = _schema(RunConfig, {"model": models, "corpus": corpora})
    run["properties"] |= {
        "base": {
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
            "description": "File or files beside this one whose values are overridden key by key.",
        },
        "arch": {"enum": sorted(models), "description": "Name of an architecture."},
    }
    suite = _schema(SuiteConfig, {"tasks": tasks})
    suite["properties"] |= {
        "tasks": {
            "type": "object",
            "properties": {name: _reference(settings) for name, settings in tasks.items()},
            "additionalProperties": False,
        },
        "tables": {"type": "array", "items": {"enum": sorted(entries("table"))}},
        "figures": {"type": "array", "items": {"enum": sorted(entries("figure"))}},
    }
    plain = _schema(WorkflowConfig, {})
    return {"config.schema.json": plain, "run.schema.json": _optional(run), "suite.schema.json": suite}


def _schema(cls: type[BaseModel], sections: Mapping[str, Mapping[str, type[BaseModel]]]) -> dict[str, Any]:
    """The schema of a file whose open sections hold one of several classes. The file's name is no key of it."""
    classes = [cls, *(choice for choices in sections.values() for choice in choices.values())]
    _, definitions = models_json_schema([(item, "validation") for item in classes], ref_template="#/$defs/{model}")
    schema = definitions["$defs"][cls.__name__]
    schema["required"] = [name for name in schema.get("required", []) if name != "name"]
    schema["properties"].pop("name", None)
    for section, choices in sections.items():
        schema["properties"][section] = {"anyOf": [_reference(choice) for choice in choices.values()]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "$defs": definitions["$defs"]}


def _reference(cls: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/$defs/{cls.__name__}"}


def _optional(schema: Any) -> Any:
    """The same schema without required keys."""
    if isinstance(schema, dict):
        return {key: _optional(value) for key, value in schema.items() if key != "required"}
    return [_optional(item) for item in schema] if isinstance(schema, list) else schema


def main() -> None:
    """Write all schemas."""
    for name, schema in schemas().items():
        write_json(FOLDER / name, schema)


if __name__ == "__main__":
    main()
