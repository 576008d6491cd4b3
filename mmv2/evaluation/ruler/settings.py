"""Settings of the two RULER tasks. The defaults are NVIDIA's; corpora of short texts need other templates and steps."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from mmv2.config import Config
from mmv2.evaluation.prompts import holding
from mmv2.evaluation.tasks import TaskSettings
from mmv2.evaluation.word_lists import WordList

INSTRUCTION = (
    "Answer the question based on the given documents. Only give me the answer and do not output any other words."
)
QA_PROMPT = (
    f"{INSTRUCTION}\n\nThe following are given documents.\n\n{{context}}\n\n{INSTRUCTION}\n\n"
    "Question: {query} Answer:"
)
"""RULER's prompt for base models, byte for byte."""
NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
NEEDLE = "One of the special magic {kind}s for {key} is: {value}."
NIAH_PROMPT = (
    "A special magic {kind} is hidden within the following text. Make sure to memorize it. I will quiz you about the "
    "{kind} afterwards.\n{context}\nWhat is the special magic {kind} for {key} mentioned in the provided text? The "
    "special magic {kind} for {key} mentioned in the provided text is"
)
"""RULER's prompt for base models, byte for byte."""
SHORT = 4096
"""Lengths below this go in smaller steps: RULER's would leave most of them empty."""


class QaSource(Config):
    """Where the questions of one subtask come from."""

    format: Literal["squad", "hotpotqa"]
    """Layout of the files: as published, or in the columns of the Hub copy (JSON list or .jsonl); .gz is read too."""
    file: str
    """Questions and documents, relative to the corpus folder, or an absolute path."""
    dev_file: str | None = None
    """Questions for the blind guess, in the same format. None: those questions of ``file`` that are not asked."""
    answer_lists: WordList | None = None
    """What answers may be: a list of words, or a mapping of kind -> list. Chance is then the share of the right one
    among the words of its kind that the documents tell."""

    @property
    def files(self) -> list[str]:
        """All that its examples are made from."""
        lists = None if self.answer_lists is None else self.answer_lists.file
        return [name for name in (self.file, self.dev_file, lists) if name is not None]


class RulerQaSettings(TaskSettings):
    """The defaults are RULER's, on SQuAD."""

    regime: Literal["linear10", "linear1", "bisect", "random_depth"] | None = None
    """How many documents, which, and in which order; see ``mmv2.evaluation.ruler``. linear10 is linear1 below 4096
    tokens. None: random_depth where min_documents or document_step is given, otherwise linear10."""
    subtasks: dict[str, QaSource] | None = Field(default=None, min_length=1)
    """Name in records -> source; RULER has two, SQuAD and HotpotQA. None: one, which the next five keys tell."""
    subtask: str = "squad"
    """Name of the source in records."""
    format: Literal["squad", "hotpotqa"] = "squad"
    """As in ``QaSource``."""
    file: str = "evaluation/squad_test.json"
    """As in ``QaSource``."""
    dev_file: str | None = "evaluation/squad_dev.json"
    """As in ``QaSource``."""
    answer_lists: WordList | None = None
    """As in ``QaSource``."""
    questions: Literal["first", "sampled"] = "first"
    """first: in file order, as RULER, which may mean from a few articles only; sampled: drawn from the whole file."""
    unfit: Literal["refuse", "leave_out"] = "refuse"
    """A question whose fewest documents do not fit a length: refuse to freeze, or leave it out at that length, which
    the header's summary counts."""
    prompt_template: str = QA_PROMPT
    """Holds {context} once and {query} once; what follows {query} is the last the model reads."""
    document_template: str = "Document {number}:\n{text}"
    """Holds {text} once; {number} counts from 1 in the order shown."""
    document_joiner: str = "\n\n"
    min_documents: int | None = Field(default=None, ge=1)
    """random_depth only: fewest documents of a prompt, those with the answer included. None: as document_step."""
    document_step: int | None = Field(default=None, ge=1)
    """random_depth only: their number grows and shrinks by this. None: 10, below 4096 tokens 1."""
    min_fill: float = Field(default=0.5, ge=0, le=1)
    """Share of a length that the examples must use on average; below it the file has too few documents."""

    @field_validator("prompt_template")
    @classmethod
    def _prompt_holds_both(cls, template: str) -> str:
        return holding(template, "context", "query")

    @field_validator("document_template")
    @classmethod
    def _document_holds_text(cls, template: str) -> str:
        return holding(template, "text")

    @model_validator(mode="after")
    def _own_steps_in_random_depth(self) -> Self:
        for key in ("document_step", "min_documents"):
            if self.regime not in (None, "random_depth") and getattr(self, key) is not None:
                raise ValueError(f"{key}: regime {self.regime} has steps of its own; leave it out, or use random_depth")
        return self

    @model_validator(mode="after")
    def _sources_once(self) -> Self:
        for key in ("subtask", "format", "file", "dev_file", "answer_lists"):
            # Not what was set: a resolved suite names the defaults, too.
            if self.subtasks is not None and getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"{key}: every source of subtasks has its own; leave it out, or leave subtasks out")
        return self

    @property
    def sources(self) -> dict[str, QaSource]:
        """Every source by the name of its subtask."""
        one = QaSource(format=self.format, file=self.file, dev_file=self.dev_file, answer_lists=self.answer_lists)
        return {self.subtask: one} if self.subtasks is None else self.subtasks

    def resolved(self) -> Self:
        """The same with a regime."""
        own = self.document_step is not None or self.min_documents is not None
        return self.model_copy(update={"regime": self.regime or ("random_depth" if own else "linear10")})

    def step(self, length: int) -> int:
        """By how many documents prompts of a length grow and shrink."""
        if self.document_step is not None:
            return self.document_step
        return 1 if self.regime == "linear1" or (length < SHORT and self.regime != "bisect") else 10

    def fewest(self, length: int) -> int:
        """Fewest documents of a prompt, before it is asked how many the question needs."""
        return self.step(length) if self.min_documents is None else self.min_documents


class Subtask(Config):
    """One haystack and kind of values. Exactly one of noise, text_files and words says what the haystack is."""

    noise: str | None = Field(default=None, min_length=1)
    """This line again and again; RULER's: ``NOISE``. Its size is counted in lines."""
    text_files: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Texts in UTF-8 one after another, repeated where too short; folders stand for their ``*.txt`` in the order of
    their names; JSON for its ``text``. Size in words. RULER: Paul Graham's essays."""
    words: WordList | None = None
    """A text drawn from these words. Size in words."""
    sentence_words: int = Field(default=8, ge=1)
    """Words of each sentence of a drawn text."""
    step: int | None = Field(default=None, ge=1)
    """random_depth only: the size grows and shrinks by this; also the smallest. None: RULER's: 500 words; 25 lines,
    5 below 4096 tokens, where a text goes by 25 words unless the regime is bisect."""
    values: Literal["number", "uuid"] | WordList = "number"
    """number: seven digits; uuid: version 4; or words of a list."""

    @model_validator(mode="after")
    def _one_haystack(self) -> Self:
        if sum(source is not None for source in (self.noise, self.text_files, self.words)) != 1:
            raise ValueError("noise: give exactly one of noise, text_files and words")
        return self

    @property
    def kind(self) -> str:
        """What the templates call a value."""
        return self.values if isinstance(self.values, str) else "word"


class RulerNiahSettings(TaskSettings):
    """The defaults are RULER's, as far as they need no file; corpora of other words need other templates."""

    regime: Literal["linear10", "bisect", "random_depth"] | None = None
    """How large the haystack is, and what is drawn in which order; see ``mmv2.evaluation.ruler``. Depths are random in
    all of them. None: random_depth where a subtask has a step of its own, otherwise linear10."""
    max_new_tokens: int = Field(default=128, ge=1)
    """Generation budget."""
    subtasks: dict[str, Subtask] = Field(default={"niah_single_1": Subtask(noise=NOISE)}, min_length=1)
    """Name in records -> haystack and values. RULER's niah_single_2 has text_files, niah_single_3 also values uuid."""
    keys: Annotated[tuple[WordList, ...], Field(min_length=1)] | None = None
    """A key takes one word of each list. None: RULER's, adjectives and nouns of the wonderwords package."""
    key_joiner: str = "-"
    needle_template: str = NEEDLE
    """Holds {key} and {value} once each, perhaps {kind}: number, uuid or word."""
    prompt_template: str = NIAH_PROMPT
    """Holds {context} once and {key}, perhaps {kind}; ends with what the value completes."""

    @field_validator("needle_template")
    @classmethod
    def _needle_holds_both(cls, template: str) -> str:
        return holding(template, "key", "value")

    @field_validator("prompt_template")
    @classmethod
    def _prompt_asks_for_the_key(cls, template: str) -> str:
        if "{key}" not in template:
            raise ValueError("must hold {key}")
        if "{value}" in template:
            raise ValueError("must not hold {value}, which is asked for")
        return holding(template, "context")

    @model_validator(mode="after")
    def _own_steps_in_random_depth(self) -> Self:
        for name, subtask in self.subtasks.items():
            if self.regime not in (None, "random_depth") and subtask.step is not None:
                raise ValueError(
                    f"subtasks.{name}.step: regime {self.regime} has steps of its own; leave it out, or use "
                    f"random_depth"
                )
        return self

    def resolved(self) -> Self:
        """The same with a regime."""
        own = any(subtask.step is not None for subtask in self.subtasks.values())
        return self.model_copy(update={"regime": self.regime or ("random_depth" if own else "linear10")})

    def step(self, name: str, length: int) -> int:
        """By how many lines or words the haystack of a subtask grows and shrinks at a length."""
        subtask = self.subtasks[name]
        if subtask.step is not None:
            return subtask.step
        if subtask.noise is not None:
            return 5 if length < SHORT else 25
        return 25 if length < SHORT and self.regime != "bisect" else 500
