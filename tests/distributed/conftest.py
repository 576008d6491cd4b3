"""The corpus and the undisturbed one-rank run of the training tests."""

from tests.mmv2.training.conftest import corpus_folder, undisturbed

__all__ = ["corpus_folder", "undisturbed"]
