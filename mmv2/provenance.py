"""Where a number comes from: code version, environment, and a hash of the sources that determine weights."""

import ast
import hashlib
import importlib.metadata
import importlib.util
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any


@cache
def code_version() -> str:
    """Git commit of this checkout, with ``+edited`` when tracked files differ from it; ``unknown`` outside git."""
    here = Path(__file__).parent
    try:
        commit = _git("rev-parse", "--short=12", "HEAD", folder=here)
        edited = _git("status", "--porcelain", "--untracked-files=no", folder=here)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+edited" if edited else "")


def _git(*arguments: str, folder: Path) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def environment() -> dict[str, Any]:
    """Versions and hardware, for the record beside a result."""
    packages = ("torch", "numpy", "transformers", "tokenizers", "snakemake")
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": _processor(),
        **{name: importlib.metadata.version(name) for name in packages},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def source_hash(packages: tuple[str, ...]) -> str:
    """Hash what the code of packages or modules does: their syntax trees, without comments and docstrings.

    A package is read whole; ``package.__init__`` names that one file.
    """
    digest = hashlib.sha256()
    for package in sorted(packages):
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(package)
        origin = Path(spec.origin)
        whole = origin.name == "__init__.py" and not package.endswith(".__init__")
        files = sorted(origin.parent.rglob("*.py")) if whole else [origin]
        for file in files:
            digest.update(file.relative_to(origin.parent).as_posix().encode())
            digest.update(_meaning(file.read_text(encoding="utf-8")).encode())
    return digest.hexdigest()[:16]


def _meaning(source: str) -> str:
    tree = ast.parse(source)
    return ast.dump(_WithoutTexts().visit(tree))


class _WithoutTexts(ast.NodeTransformer):
    """Drops docstrings, of attributes too: expressions that are nothing but a string."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node
