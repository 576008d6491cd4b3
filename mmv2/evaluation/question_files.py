"""Questions about documents, as RULER makes prompts of them, whichever data set they come from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DocumentQuestion:
    """A question, the documents that belong to it, and those near it."""

    id: str
    text: str
    answers: tuple[str, ...]
    """Any of them is right; repeated ones are kept."""
    own: tuple[str, ...]
    """RULER shows them in every prompt: SQuAD's one paragraph; HotpotQA's two and its up to eight distractors."""
    needed: tuple[str, ...]
    """Those of ``own`` that hold the answer."""
    more: tuple[str, ...]
    """The distractors to draw first: the other paragraphs of SQuAD's article, repeated ones kept; none of HotpotQA."""


@dataclass(frozen=True)
class QuestionFile:
    """All questions in file order, and all documents, each once, sorted."""

    questions: tuple[DocumentQuestion, ...]
    pool: tuple[str, ...]
