"""An exported folder where this package is not installed, and its code against the package's."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from mmv2.convert import export_final
from mmv2.data.tokenizer import BOS, build_word_level, open_tokenizer, tokenizer_hash
from mmv2.errors import UserError
from mmv2.final import load_final
from mmv2.hub import MemoryMosaicsForCausalLM, save_with_code
from mmv2.hub.export import CARD, HEADER, sources
from tests.mmv2.evaluation.small_world import write_final

ENTRIES = ["mmv2.hub.configuration", "mmv2.hub.modelling"]
STRANGER = """
import importlib.abc, json, sys
class Hidden(importlib.abc.MetaPathFinder):  # an installed package would be found even in isolated mode
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("mmv2", "baselines"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
torch.set_num_threads(1)
folder, again, prompts = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
inputs = tokenizer(prompts, padding=True, return_tensors="pt")
options = {"max_new_tokens": 6, "do_sample": False}
found = {"logits": model(**inputs).logits[:, -1].tolist(), "greedy": model.generate(**inputs, **options).tolist()}
found["beams"] = model.generate(**inputs, **options, num_beams=3).tolist()
model.save_pretrained(again)
once_more = AutoModelForCausalLM.from_pretrained(again, trust_remote_code=True)
found["again"] = once_more.generate(**inputs, **options).tolist()
found["module"] = type(model).__module__
assert not [name for name in sys.modules if name.split(".")[0] in ("mmv2", "baselines")]
print(json.dumps(found))
"""


@pytest.fixture
def final(tmp_path):
    """A final/ folder of a small run."""
    build_word_level(["a", "b", "c"]).save(str(tmp_path / "tokenizer.json"))
    return write_final(tmp_path / "final", "mmv2", tmp_path / "tokenizer.json")


@pytest.fixture
def exported(final, tmp_path):
    """The folder that is made of it."""
    export_final(final, tmp_path / "tiny-v2.0")
    return tmp_path / "tiny-v2.0"


def elsewhere(program, *arguments, folder):
    """What a Python process does that does not have this package, nor anybody to ask."""
    outside = {**os.environ, "HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-I", "-c", program, *arguments]
    return subprocess.run(
        command, cwd=folder, env=outside, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_others_load_it_and_write_the_same(final, exported, tmp_path):
    prompts = [f"{BOS}a b c", f"{BOS}b", f"{BOS}" + "c a b " * 30]
    arguments = [str(exported), str(tmp_path / "again"), json.dumps(prompts)]
    done = elsewhere(STRANGER, *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["module"].startswith("transformers_modules.")
    tokenizer, model = AutoTokenizer.from_pretrained(exported), AutoModelForCausalLM.from_pretrained(exported)
    assert isinstance(model, MemoryMosaicsForCausalLM), "here the package's own class is used"
    inputs = tokenizer(prompts, padding=True, return_tensors="pt")
    assert found["greedy"] == model.generate(**inputs, max_new_tokens=6, do_sample=False).tolist()
    assert found["beams"] == model.generate(**inputs, max_new_tokens=6, do_sample=False, num_beams=3).tolist()
    assert found["again"] == found["greedy"]
    ours = load_final(final)
    for prompt, logits in zip(prompts, found["logits"], strict=True):
        row = torch.tensor([ours.tokenizer.encode(prompt, add_special_tokens=False).ids])
        with torch.no_grad():
            torch.testing.assert_close(torch.tensor(logits), ours.model(row)[0, -1], atol=1e-5, rtol=1e-5)


def test_the_code_is_the_packages_but_for_the_names_of_modules(exported):
    """Their syntax trees are equal once the flat names are put back."""
    flat = sources(ENTRIES)
    assert {"mmv2.model.memory", "mmv2.ops.gated_keys.fast", "mmv2.layers.decoder"} <= set(flat)
    assert {path.name for path in exported.glob("*.py")} == {f"{name.replace('.', '_')}.py" for name in flat}
    modules = {name.replace(".", "_"): name for name in flat}
    for name in flat:
        tree = ast.parse((exported / f"{name.replace('.', '_')}.py").read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                node.module, node.level = modules[node.module], 0
        assert ast.dump(tree) == ast.dump(ast.parse(Path(sys.modules[name].__file__).read_text())), name


@pytest.mark.usefixtures("ascii_locale")
def test_code_and_card_are_in_utf_8_whatever_the_locale(final, tmp_path, monkeypatch):
    (tmp_path / "with_umlaut.py").write_text("# ä\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert sources(["with_umlaut"]) == {"with_umlaut": "# ä\n"}
    for name, text in {"HEADER": HEADER, "CARD": CARD}.items():
        monkeypatch.setattr(f"mmv2.hub.export.{name}", f"# ä\n{text}")
    export_final(final, tmp_path / "exported")
    for name in ("README.md", "mmv2_hub_modelling.py"):
        assert (tmp_path / "exported" / name).read_bytes().startswith("# ä\n".encode())


def test_no_slow_reference_and_no_training_goes_along():
    assert not [name for name in sources(ENTRIES) if "reference" in name or ".training" in name]


def test_the_folder_tells_where_it_comes_from_and_how_to_use_it(final, exported):
    card = (exported / "README.md").read_text()
    assert "# tiny-mmv2" in card
    assert card.count("from_pretrained(FOLDER, trust_remote_code=True)") == 2
    assert f"A prompt begins with `{BOS}`" in card
    assert f"{sum(p.numel() for p in load_final(final).model.parameters()):,} parameters" in card
    config = json.loads((exported / "config.json").read_text())
    assert config["provenance"] == load_final(final).provenance
    assert config["auto_map"]["AutoModelForCausalLM"] == "mmv2_hub_modelling.MemoryMosaicsForCausalLM"


def test_the_card_s_lines_run_where_the_package_is_not_and_ask_nothing(exported, tmp_path):
    (lines,) = re.findall("```python\n(.*?)```", (exported / "README.md").read_text(), flags=re.DOTALL)
    hidden, _, _ = STRANGER.partition("import torch")
    program = f"{hidden}FOLDER, TEXTS = {str(exported)!r}, ['', '']\n{lines}"
    done = elsewhere(program, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"'{BOS}") == 2
    assert "custom code" not in done.stdout + done.stderr


def test_data_frozen_with_the_exported_tokenizer_is_the_run_s(final, exported, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("asks on the terminal"))
    assert tokenizer_hash(exported) == tokenizer_hash(final)
    assert open_tokenizer(exported).get_vocab() == open_tokenizer(final).get_vocab()


def test_an_exported_folder_is_no_final_one(exported):
    with pytest.raises(UserError, match=r"config\.json: is of a folder for transformers; give the final/ folder"):
        load_final(exported)


def test_code_is_written_on_request_alone(exported, tmp_path):
    model = AutoModelForCausalLM.from_pretrained(exported)
    save_with_code(model, tmp_path / "with")
    model.save_pretrained(tmp_path / "without")
    assert list((tmp_path / "with").glob("*.py"))
    assert "auto_map" not in json.loads((tmp_path / "without" / "config.json").read_text())


def test_sources_refuses_what_a_flat_folder_cannot_hold(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("mmv2.hub.export.PACKAGES", ("odd",))
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd/__init__.py").touch()
    (tmp_path / "odd/inner.py").touch()
    (tmp_path / "odd/one.py").write_text("import odd.inner\n")
    (tmp_path / "odd/two.py").write_text("from odd import inner\n")
    with pytest.raises(AssertionError, match=r"odd\.one: import .*: write from"):
        sources(["odd.one"])
    with pytest.raises(AssertionError, match=r"odd\.two: from odd import .*: import names, not modules"):
        sources(["odd.two"])
