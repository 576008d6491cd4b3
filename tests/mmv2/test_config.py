"""The strict loader and the fingerprint. What each config checks of itself is tested beside it."""

import re
from typing import Any

import pytest
import yaml
from pydantic import Field

from mmv2.config import Config, TrainingConfig, fingerprint, read_yaml, validate
from mmv2.errors import UserError


class Inner(Config):
    width: int
    names: tuple[str, ...] = ()


class Outer(Config):
    rate: float = Field(gt=0)
    flag: bool = False
    inner: Inner


def check(**changes: Any) -> Outer:
    return validate(Outer, {"rate": 0.5, "inner": {"width": 1}, **changes}, "run.yaml", "part")


def test_plain_values_become_a_config():
    found = check(rate=1, inner={"width": 2, "names": ["a", "b"]})
    assert found == Outer(rate=1.0, inner=Inner(width=2, names=("a", "b")))
    with pytest.raises(ValueError, match="frozen"):
        found.rate = 2.0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"inner": {}}, "part.inner.width: missing; this key is required"),
        ({"inner": {"widht": 1}}, "part.inner.widht: unknown key; did you mean 'width'? allowed: names, width"),
        ({"rat": 1.0}, "part.rat: unknown key; did you mean 'rate'? allowed: flag, inner, rate"),
        ({"zzz": 1.0}, "part.zzz: unknown key; allowed: flag, inner, rate"),
        ({"inner": 3}, "part.inner: input should be"),
        ({"inner": {"width": 1.5}}, "part.inner.width: input should be a valid integer"),
        ({"inner": {"width": "1"}}, "part.inner.width: input should be a valid integer, not '1'; in YAML write a num"),
        ({"inner": {"width": True}}, "part.inner.width: input should be a valid integer, not True"),
        ({"inner": {"width": 1, "names": "a"}}, "part.inner.names: input should be a valid"),
        ({"rate": "3e-3"}, "part.rate: input should be a valid number, not '3e-3'; in YAML write a number such as"),
        ({"rate": None}, "part.rate: input should be a valid number, not None"),
        ({"rate": 0}, "part.rate: input should be greater than 0, not 0"),
        ({"flag": 1}, "part.flag: input should be a valid boolean, not 1"),
        ({"flag": "yes"}, "part.flag: input should be a valid boolean, not 'yes'"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(changes: dict[str, Any], told: str):
    with pytest.raises(UserError, match=rf"^run\.yaml: {re.escape(told)}[^\n]*$"):
        check(**changes)


class Named(Config):
    parts: dict[str, Inner]


def test_keys_below_a_name_of_the_users_own_are_told():
    with pytest.raises(
        UserError, match=r"run.yaml: parts.mine.widht: unknown key; did you mean 'width'\? allowed: names"
    ):
        validate(Named, {"parts": {"mine": {"widht": 1}}}, "run.yaml")


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan"])
@pytest.mark.parametrize("key", ["learning_rate", "weight_decay", "max_grad_norm"])
def test_what_is_no_finite_number_is_refused(key: str, value: str):
    good = {"seed": 0, "global_batch_size": 1, "micro_batch_size": 1, "learning_rate": 1.0, "warmup_steps": 0}
    with pytest.raises(UserError, match=rf"^run\.yaml: training\.{key}: [^\n]*$"):
        validate(TrainingConfig, {**good, key: yaml.safe_load(value)}, "run.yaml", "training")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: key 'a' stands twice; keep one"),
        ("a:\n  b: 1\n  b: 1\n", "line 3: key 'b' stands twice; keep one"),
        ("a: [1, {c: 1, c: 2}]\n", "line 1: key 'c' stands twice; keep one"),
        ("a: [1,\n", "line 2: "),
        ("- 1\n- 2\n", "holds list; a mapping of keys to values is needed"),
        ("", "holds NoneType; a mapping"),
    ],
)
def test_a_yaml_file_that_is_no_mapping_of_distinct_keys_is_refused(text: str, told: str, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"^{re.escape(f'{path}: {told}')}[^\n]*$"):
        read_yaml(path)


@pytest.mark.usefixtures("ascii_locale")
def test_a_yaml_file_is_in_utf_8_whatever_the_locale(tmp_path):
    (tmp_path / "x.yaml").write_bytes("a: ä".encode())
    assert read_yaml(tmp_path / "x.yaml") == {"a": "ä"}


def test_keys_of_different_mappings_may_be_alike(tmp_path):
    (tmp_path / "x.yaml").write_text("a: {b: 1}\nc: {b: 1_000}\n")
    assert read_yaml(tmp_path / "x.yaml") == {"a": {"b": 1}, "c": {"b": 1000}}


def test_a_missing_yaml_file_is_told_with_its_neighbours(tmp_path):
    (tmp_path / "b.yaml").touch()
    (tmp_path / "a.yaml").touch()
    with pytest.raises(UserError, match=r"none\.yaml: no such file; there are: a\.yaml, b\.yaml$"):
        read_yaml(tmp_path / "none.yaml")


def test_fingerprints_are_the_same_on_every_machine_and_in_every_order():
    content = {"b": [1, 2.5, None], "a": {"y": "ä", "x": True}}
    assert fingerprint(content) == "ed9e970e457aaa7a"
    assert fingerprint({"a": {"x": True, "y": "ä"}, "b": [1, 2.5, None]}) == fingerprint(content)


@pytest.mark.parametrize("other", [{"a": [2, 1]}, {"a": [1, 2.0]}, {"a": [1, "2"]}, {"a": [1]}, {"b": [1, 2]}])
def test_other_content_has_another_fingerprint(other: dict[str, Any]):
    assert fingerprint(other) != fingerprint({"a": [1, 2]})


def test_what_json_cannot_hold_has_no_fingerprint():
    with pytest.raises(ValueError, match="JSON"):
        fingerprint({"a": float("nan")})
