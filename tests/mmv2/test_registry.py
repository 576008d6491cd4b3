import dataclasses
import importlib
import pkgutil

import pytest

from mmv2.data.sources import SourceSpec
from mmv2.errors import UserError
from mmv2.evaluation.tasks import TaskSpec
from mmv2.registry import architecture, architectures, entries, entry, no_step_inputs
from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.tables import TableSpec

KINDS = {
    "source": (SourceSpec, "mmv2.data.sources", "tiny_world"),
    "task": (TaskSpec, "mmv2.evaluation.tasks", "ruler_qa"),
    "table": (TableSpec, "mmv2.reporting.tables", "table04_ruler_qa_finetuned"),
    "figure": (FigureSpec, "mmv2.reporting.figures", "ruler_qa_over_length"),
    "claim": (ClaimSpec, "mmv2.reporting.claims", "persistent_parity"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_public_module_of_a_folder_is_an_entry_of_the_right_class(kind):
    cls, package, known = KINDS[kind]
    modules = pkgutil.iter_modules(importlib.import_module(package).__path__)
    found = entries(kind)
    assert set(found) == {module.name for module in modules if not module.name.startswith("_")}
    assert known in found
    assert all(isinstance(item, cls) for item in found.values())
    assert entry(kind, known) is found[known]


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_name_is_told_with_the_nearest_and_all_choices(kind):
    known = KINDS[kind][2]
    with pytest.raises(UserError) as error:
        entry(kind, known + "x")
    assert str(error.value) == (
        f"{kind} {known + 'x'!r} is unknown; did you mean {known!r}? allowed: {', '.join(sorted(entries(kind)))}"
    )


def test_architectures_go_by_their_own_name():
    assert {"mmv2", "transformer"} <= set(architectures())
    assert all(architecture(name).name == name for name in architectures())
    with pytest.raises(UserError, match=r"^architecture 'mmv3' is unknown; did you mean 'mmv2'\? allowed: .*mmv2"):
        architecture("mmv3")


def test_a_model_goes_by_the_name_of_its_architecture_or_by_one_of_its_own():
    spec = architecture("transformer")
    assert spec.label_for(spec.tiny) == spec.label
    own = dataclasses.replace(spec, label_of=lambda config: f"{config.num_layers} layers")
    assert own.label_for(spec.tiny) == f"{spec.tiny.num_layers} layers"


def test_an_architecture_draws_nothing_unless_it_says_so():
    assert no_step_inputs(architecture("mmv2").tiny, 1, 2) == {}
