"""A corpus of local texts in the workflow: planned without its data, made anew when its files change."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mmv2.runs import load_run

ROOT = Path(__file__).parents[2]
SUITE = {
    "runs": ["local/transformer"],
    "tasks": {"bits_per_byte": {"context_lengths": [32]}},
    "tables": [],
    "figures": [],
}
CORPUS = {
    "source": "local_text",
    "seed": 1,
    "unit_tokens": 6_000,
    "largest_budget": 1.0,
    "folder": "books",
    "vocab_size": 300,
    "document_tokens": 64,
}


@pytest.fixture
def checkout(tmp_path):
    for name in ("workflow", "profiles", "results/published", "mmv2/reporting"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", tmp_path)
    config = tmp_path / "workflow" / "config"
    base = yaml.safe_load((config / "runs" / "smoke" / "_base.yaml").read_text())
    model = {**base["model"], "rope_theta": 10000.0}
    (config / "runs" / "local").mkdir()
    run = {**base, "arch": "transformer", "model": model, "corpus": CORPUS}
    (config / "runs" / "local" / "transformer.yaml").write_text(yaml.safe_dump(run))
    (config / "suites" / "local.yaml").write_text(yaml.safe_dump(SUITE))
    return tmp_path


def write_books(folder):
    (folder / "books").mkdir(parents=True)
    for number in range(4):
        text = "".join(f"Line {line} of book {number} tells of {line * (number + 2)} ships.\n" for line in range(300))
        (folder / "books" / f"book{number}.txt").write_text(text)


def snakemake(folder, *arguments):
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "1",
        *arguments,
        "--config",
        "suite=local",
        "data_root=texts",
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def plans_the_corpus(done):
    return re.search(r"^corpus +1$", done.stdout, re.MULTILINE) is not None


@pytest.mark.slow
def test_from_no_data_to_a_corpus_that_follows_its_files(checkout):
    run = load_run(checkout / "workflow" / "config" / "runs" / "local" / "transformer.yaml")
    target = f"results/local/data/{run.corpus_name}/manifest.json"
    planned = snakemake(checkout, "--dry-run", target)
    assert planned.returncode == 0, planned.stderr
    assert plans_the_corpus(planned)

    missing = snakemake(checkout, target)
    assert missing.returncode == 1
    assert "error: texts/books: no such folder, but corpus.folder names it below data_root texts" in missing.stderr

    write_books(checkout / "texts")
    made = snakemake(checkout, target)
    assert made.returncode == 0, made.stderr
    before = (checkout / target).read_bytes()
    assert b"books/book0.txt" in before
    assert "Nothing to be done" in snakemake(checkout, "--dry-run", target).stdout

    book = checkout / "texts" / "books" / "book0.txt"
    book.write_text(book.read_text().replace("ships", "boats"))
    assert plans_the_corpus(snakemake(checkout, "--dry-run", target))
    assert snakemake(checkout, target).returncode == 0
    assert (checkout / target).read_bytes() != before
