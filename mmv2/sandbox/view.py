"""What a program sees of this machine's file system: the interpreter, its standard library, named packages."""

import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmv2.errors import UserError

PACKAGES = "/packages"
"""Where the named packages are found inside."""


@dataclass(frozen=True)
class View:
    """Paths to show read-only; all else is absent."""

    interpreter: str
    libraries: str
    """Folder of the interpreter's own shared libraries."""
    visible: tuple[tuple[str, str], ...]
    """(path outside, path inside), parents before children."""
    links: tuple[tuple[str, str], ...]
    """(symbolic link, its target): /lib is one on most systems."""
    hidden: tuple[str, ...]
    """Folders of installed packages below the visible ones, shown empty."""


def view(packages: Sequence[str]) -> View:
    """Of the running interpreter; raises UserError for a package that is not installed as a folder."""
    interpreter = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    prefix = interpreter.parents[1]
    # The system's own interpreter shares its lib with much else; another one has a folder to itself.
    own = Path(os.__file__).resolve().parent if prefix == Path("/usr") else prefix / "lib"
    links, libraries = _system_libraries()
    shown = sorted({interpreter, own, *libraries})
    return View(
        interpreter=str(interpreter),
        libraries=str(prefix / "lib"),
        visible=(*((str(path), str(path)) for path in shown), *(pair for name in packages for pair in _package(name))),
        links=links,
        hidden=tuple(
            str(path)
            for folder in shown
            for name in ("site-packages", "dist-packages")
            for path in sorted([*folder.glob(name), *folder.glob(f"python3*/{name}")])
        ),
    )


def _system_libraries() -> tuple[tuple[tuple[str, str], ...], list[Path]]:
    """The symbolic links to the system's folders of shared libraries; the folders and dynamic loaders in the others."""
    architecture = sysconfig.get_config_var("MULTIARCH") or "unknown"
    has_own_folder = Path("/usr/lib", architecture).is_dir()
    links, shown = [], []
    for folder in (Path("/lib"), Path("/lib64"), Path("/usr/lib"), Path("/usr/lib64")):
        if folder.is_symlink():
            links.append((str(folder), str(folder.readlink())))
        elif has_own_folder:
            shown += [*folder.glob(architecture), *folder.glob("ld-*.so*")]
        elif folder.is_dir():
            shown.append(folder)
    return tuple(links), shown


def _package(name: str) -> Iterator[tuple[str, str]]:
    """The folder of a package, and the one beside it in which wheels keep its shared libraries."""
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise UserError(f"sandbox: package {name!r}: not installed as a folder; install it or leave it out")
    folder = Path(found.submodule_search_locations[0]).resolve()
    yield str(folder), f"{PACKAGES}/{name}"
    libraries = folder.with_name(f"{name}.libs")
    if libraries.is_dir():
        yield str(libraries), f"{PACKAGES}/{libraries.name}"
