"""Folders that load where this package is not installed, through trust_remote_code: weights, tokenizer, and the code.

There is one implementation. The code in such a folder is the source of the modules that the model imports, from
mmv2.hub down to the operators, found by their imports. transformers takes code from one flat folder, so that a
module's name becomes a file's: ``from mmv2.layers.cache import X`` reads ``from .mmv2_layers_cache import X`` there.
Nothing else is changed.
"""

import ast
import importlib.util
import re
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

PACKAGES = ("mmv2", "baselines")
HEADER = """\
# SPDX-License-Identifier: Apache-2.0
# {module}, written by the export of the package mmv2: edit it there.
"""
CARD = """\
---
library_name: transformers
pipeline_tag: text-generation
---

# {name}

{label}, {parameters:,} parameters, training context {context:,} tokens. Where the weights come from: `provenance` in
config.json.

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(FOLDER{trust})
model = AutoModelForCausalLM.from_pretrained(FOLDER{trust})
prompts = [tokenizer.bos_token + text for text in TEXTS]
inputs = tokenizer(prompts, padding=True, return_tensors="pt")
print(tokenizer.batch_decode(model.generate(**inputs, max_new_tokens=64)))
```

A prompt begins with `{bos}`, which the tokenizer does not add. {needs}
"""
NEEDS_CODE = "The code in this folder needs torch, transformers 5, pydantic 2 and numpy."


def save_all(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, context: int, folder: Path) -> None:
    """Weights, configurations, code, tokenizer and a model card, in a folder that is there.

    ``context``: tokens per training sequence, which not every configuration of transformers tells.
    """
    save_with_code(model, folder)
    tokenizer.save_pretrained(folder)
    has_code = bool(_own_classes(model))
    card = CARD.format(
        name=model.config.provenance.get("run", type(model).__name__),
        label=type(model).__name__,
        parameters=model.num_parameters(),
        context=context,
        trust=", trust_remote_code=True" if has_code else "",
        bos=tokenizer.bos_token,
        needs=NEEDS_CODE if has_code else "",
    )
    (folder / "README.md").write_text(card.rstrip() + "\n", encoding="utf-8")


def save_with_code(model: PreTrainedModel, folder: Path) -> None:
    """``save_pretrained``, and the code that others load it with, if the model's class is not transformers' own."""
    own = _own_classes(model)
    if own:
        model.config.auto_map = {auto: f"{_flat(cls.__module__)}.{cls.__name__}" for auto, cls in own.items()}
    try:
        model.save_pretrained(folder)
    finally:
        vars(model.config).pop("auto_map", None)  # folders saved without code have none
    for module, source in sources([cls.__module__ for cls in own.values()]).items():
        (folder / f"{_flat(module)}.py").write_text(HEADER.format(module=module) + source, encoding="utf-8")


def _own_classes(model: PreTrainedModel) -> dict[str, type]:
    classes = {"AutoConfig": type(model.config), "AutoModelForCausalLM": type(model)}
    return {auto: cls for auto, cls in classes.items() if _is_ours(cls.__module__)}


def sources(modules: list[str]) -> dict[str, str]:
    """Flat source texts of these modules and of all of the package that they import, by module name."""
    found: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            source = _source(module)
            imported = _imported(module, source)
            found[module] = _with_flat_imports(source, imported)
            waiting += imported
    return found


def _source(module: str) -> str:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


def _imported(module: str, source: str) -> list[str]:
    """Modules of the package that a source imports from."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            assert not any(_is_ours(name) for name in names), f"{module}: import {names}: write from ... import"
        elif isinstance(node, ast.ImportFrom) and node.module and _is_ours(node.module):
            inner = [name.name for name in node.names if _is_module(f"{node.module}.{name.name}")]
            assert not inner, f"{module}: from {node.module} import {inner}: import names, not modules"
            found.append(node.module)
    return found


def _with_flat_imports(source: str, imported: list[str]) -> str:
    for module in imported:
        source = re.sub(rf"(?m)^(\s*)from {re.escape(module)} import", rf"\1from .{_flat(module)} import", source)
    return source


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in PACKAGES


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # what stands before the last point is no package
        return False


def _flat(module: str) -> str:
    return module.replace(".", "_")
