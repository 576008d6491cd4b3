"""One small corpus and one undisturbed run for all tests of training."""

from pathlib import Path

import pytest

from tests.mmv2.training.helpers import finish, make_corpus, start, tiny_run

MILESTONE = 4


@pytest.fixture(scope="session")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("data") / "corpus")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, corpus_folder: Path) -> Path:
    """The output of ``tiny_run(milestones=(4,))``, never interrupted."""
    output = tmp_path_factory.mktemp("undisturbed")
    assert finish(start(tiny_run(milestones=(MILESTONE,)), corpus_folder, output)) == 0
    return output
