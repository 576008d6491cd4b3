"""Which edits change the hash of the sources, and what is said of the code's version."""

import subprocess
import sys

import pytest
import torch

from mmv2 import provenance
from mmv2.provenance import code_version, environment, source_hash

SOURCE = '''"""Module."""

LIMIT = 3
"""Of everything."""


class Thing:
    """A thing."""

    size: int = 1
    """In metres."""

    def grow(self, by: int) -> int:
        """Make it larger."""
        # quickly
        return min(LIMIT, self.size + by)
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The folder of an importable package ``hashed_package`` of two modules."""
    folder = tmp_path / "hashed_package"
    folder.mkdir()
    (folder / "__init__.py").write_text('"""A package."""\n')
    (folder / "thing.py").write_text(SOURCE)
    (folder / "other.py").write_text("OTHER = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    sys.modules.pop("hashed_package", None)  # hashing one of its modules imports it


def edited(package, old, new, modules=("hashed_package",)):
    """Whether an edit of thing.py changes the hash."""
    before = source_hash(modules)
    assert SOURCE.count(old) == 1
    (package / "thing.py").write_text(SOURCE.replace(old, new))
    return source_hash(modules) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# quickly", "# slowly\n        # or not"),
        ('"""Module."""', '"""Another text."""'),
        ('"""A thing."""', '"""Another."""'),
        ('    """A thing."""\n', ""),
        ('"""Make it larger."""', '"""Another\n\n        text.\n        """'),
        ('        """Make it larger."""\n', ""),
        ('"""Of everything."""', '"""Of some things."""'),
        ('"""Of everything."""\n', ""),
        ('"""In metres."""', '"""In feet."""\n    "and more"'),
        ("min(LIMIT, self.size + by)", "min(\n            LIMIT,\n            (self.size + by),\n        )"),
        ("LIMIT = 3", 'LIMIT = 3\n\n\n"""Loose."""'),
    ],
)
def test_comments_docstrings_and_layout_change_nothing(package, old, new):
    assert not edited(package, old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("LIMIT = 3", 'LIMIT = "3"'),
        ("self.size + by", "self.size - by"),
        ("size: int = 1", "size: int = 2"),
        ("        # quickly", "        self.size += 1"),
        ("        # quickly", '        print("quickly")'),
        ("class Thing:", "@print\nclass Thing:"),
    ],
)
def test_code_changes_the_hash(package, old, new):
    assert edited(package, old, new)


def test_a_package_is_hashed_whole_and_a_module_alone(package):
    whole, module = source_hash(("hashed_package",)), source_hash(("hashed_package.thing",))
    (package / "other.py").write_text("OTHER = 2\n")
    assert source_hash(("hashed_package",)) != whole
    assert source_hash(("hashed_package.thing",)) == module
    first = source_hash(("hashed_package.__init__",))
    (package / "other.py").write_text("OTHER = 3\n")
    assert source_hash(("hashed_package.__init__",)) == first
    (package / "inner").mkdir()
    after = source_hash(("hashed_package",))
    (package / "inner" / "new.py").write_text("")
    assert source_hash(("hashed_package",)) != after


def test_the_hash_is_the_same_in_every_locale(package, request):
    (package / "thing.py").write_text('NAME = "ä"\n')
    before = source_hash(("hashed_package",))
    request.getfixturevalue("ascii_locale")
    assert source_hash(("hashed_package",)) == before


def test_a_renamed_module_changes_the_hash(package):
    before = source_hash(("hashed_package",))
    (package / "other.py").rename(package / "others.py")
    assert source_hash(("hashed_package",)) != before


def test_the_order_of_packages_does_not_matter_and_an_unknown_one_is_no_silence():
    names = ("mmv2.errors", "mmv2.files")
    assert source_hash(names) == source_hash(names[::-1])
    assert source_hash(names) != source_hash(names[:1])
    with pytest.raises(ModuleNotFoundError, match=r"mmv2\.none"):
        source_hash(("mmv2.none",))


@pytest.fixture
def uncached():
    code_version.cache_clear()
    yield
    code_version.cache_clear()


@pytest.mark.parametrize(("status", "version"), [("", "abc"), (" M mmv2/files.py", "abc+edited")])
def test_the_version_says_whether_files_were_edited(uncached, monkeypatch, status, version):
    monkeypatch.setattr(provenance, "_git", lambda *words, folder: {"rev-parse": "abc", "status": status}[words[0]])
    assert code_version() == version


@pytest.mark.parametrize("error", [FileNotFoundError("git"), subprocess.CalledProcessError(128, "git")])
def test_outside_git_the_version_is_unknown(uncached, monkeypatch, error):
    def fail(*words, folder):
        raise error

    monkeypatch.setattr(provenance, "_git", fail)
    assert code_version() == "unknown"


def test_the_environment_names_versions_and_hardware():
    found = environment()
    assert found["torch"] == torch.__version__
    assert {"python", "machine", "processor", "numpy", "tokenizers", "transformers", "snakemake"} < set(found)
    assert all(found.values())
