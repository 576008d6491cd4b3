"""Rows of the benchmarks in the columns of their Hub data sets: those that prompts and scores are made of.

Further columns are ignored. What lm-eval would only warn of, such as a right answer that is none of the choices, is an
error here.
"""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from mmv2.config import Config

Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[tuple[Text, ...], Field(min_length=1)]


class Row(Config):
    """One question."""

    model_config = ConfigDict(extra="ignore")


class Options(Config):
    """Answers to choose from, and their labels."""

    text: Annotated[tuple[str, ...], Field(min_length=2)]
    label: tuple[str, ...]


class _Labelled(Row):
    choices: Options
    answerKey: str

    @model_validator(mode="after")
    def _answer_is_a_choice(self) -> Self:
        if len(self.choices.text) != len(self.choices.label):
            raise ValueError(f"choices: {len(self.choices.text)} texts, {len(self.choices.label)} labels")
        if self.answerKey.lstrip() not in self.choices.label:
            raise ValueError(f"answerKey: {self.answerKey!r} is none of the labels {list(self.choices.label)}")
        return self


class Obqa(_Labelled):
    """allenai/openbookqa."""

    question_stem: Text


class Arc(_Labelled):
    """allenai/ai2_arc."""

    question: Text


class Winogrande(Row):
    """allenai/winogrande; an underscore in the sentence stands for the option."""

    sentence: str
    option1: Text
    option2: Text
    answer: Literal["1", "2"]

    @model_validator(mode="after")
    def _a_word_stands_before_the_gap(self) -> Self:
        """It is the prompt; the choices begin with the option."""
        start, gap, _ = self.sentence.partition("_")
        if not gap or " " not in start.lstrip(" "):
            raise ValueError("sentence: no underscore with a word and a blank before it")
        return self


class Piqa(Row):
    """baber/piqa."""

    goal: str
    sol1: Text
    sol2: Text
    label: Annotated[int, Field(ge=0, le=1)]


class Boolq(Row):
    """aps/super_glue, boolq."""

    passage: Text
    question: Text
    label: Annotated[int, Field(ge=0, le=1)]


class Hellaswag(Row):
    """Rowan/hellaswag; the label is text on the Hub, a number in the official file."""

    activity_label: str
    ctx_a: str
    ctx_b: str
    endings: Annotated[tuple[str, ...], Field(min_length=4, max_length=4)]
    label: Literal[0, 1, 2, 3] | Literal["0", "1", "2", "3"]


class NqOpen(Row):
    """google-research-datasets/nq_open."""

    question: Text
    answer: Texts


class Siqa(Row):
    """lighteval/siqa."""

    context: Text
    question: Text
    answerA: Text
    answerB: Text
    answerC: Text
    label: Literal["1", "2", "3"]


class Aliases(Row):
    """Right answers of TriviaQA."""

    aliases: Texts


class TriviaQa(Row):
    """mandarjoshi/trivia_qa, rc.nocontext."""

    question: Text
    answer: Aliases


class Gsm8k(Row):
    """openai/gsm8k; the worked solution ends with four number signs and the result."""

    question: Text
    answer: Annotated[str, Field(pattern="#### ")]


class Mmlu(Row):
    """cais/mmlu."""

    question: Text
    choices: Annotated[tuple[str, ...], Field(min_length=4, max_length=4)]
    answer: Annotated[int, Field(ge=0, le=3)]


class Answers(Row):
    """Answers of all annotators; repeated ones are kept."""

    text: Texts


class Squad(Row):
    """rajpurkar/squad: version 1.1, in which every question has an answer."""

    id: str
    title: str
    context: Text
    question: Text
    answers: Answers


class Bbh(Row):
    """SaylorTwift/bbh."""

    input: Text
    target: Text


class Math(Row):
    """EleutherAI/hendrycks_math; the solution's last box holds the answer."""

    problem: Text
    solution: Annotated[str, Field(pattern=r"\\(boxed|fbox)")]


class Race(Row):
    """ehovy/race: a row for each question."""

    article: Text
    question: Text
    options: Annotated[tuple[str, ...], Field(min_length=4, max_length=4)]
    answer: Literal["A", "B", "C", "D"]


class HumanEval(Row):
    """evalplus/humanevalplus and openai/openai_humaneval."""

    task_id: str
    prompt: Text
    canonical_solution: str
    entry_point: Text
    test: Text


class Mbpp(Row):
    """google-research-datasets/mbpp, full."""

    task_id: int
    text: Text
    code: Text
    test_list: Annotated[tuple[Text, ...], Field(min_length=3)]
    test_setup_code: str
