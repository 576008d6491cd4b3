"""The tiny world: fictional people, articles and classes, with which the paper's three dimensions fit a CPU.

A seeded generator of training documents and of evaluation files in the upstream formats:

- persistent: facts of a fixed set of people, which recur throughout training (persistent knowledge storage);
- articles: numbered documents about people of this one article, then questions on them (new-knowledge storage);
- classification: examples of a few classes, either classes of the world with their semantic labels, or classes dealt
  afresh with anonymous labels (in-context learning); in either of the two prompt styles;
- repetition: a few facts of people of this one document, told again and again in random order, word for word.

A question is a sentence cut before its last word, told so in the article or in other words. Never seen in training are:
the people of the evaluation articles, the instances of the classification files, and the wordings in which the
persistent facts are asked. ``seed`` fixes the world (its words, people, facts and evaluation files), ``stream_seed``
the documents. Corpora that differ in nothing but ``stream_seed``, ``unit_tokens``, ``largest_budget``, ``mix``,
``document_tokens``, ``repetitions``, ``question_share``, ``reworded_share``, ``episode_classes``, ``episode_shots`` and
``anonymous_share`` describe one world, with the same tokenizer and the same evaluation files, as long-context
fine-tuning needs.
"""

from math import comb
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from mmv2.config import Config, CorpusConfig
from mmv2.data.sources import Inputs, SourceSpec
from mmv2.data.sources._language import DELIMITERS, DIGITS, FORMS, RELATIONS


class Mix(Config):
    """Shares of the kinds of documents, measured in tokens; they sum to 1."""

    repetition: float = Field(default=0.30, ge=0, le=1)
    articles: float = Field(default=0.20, ge=0, le=1)
    classification: float = Field(default=0.25, ge=0, le=1)
    persistent: float = Field(default=0.25, ge=0, le=1)


class EvaluationSizes(Config):
    """How much is held out."""

    articles: int = Field(default=10, ge=1)
    """Articles of the dev and of the test SQuAD file."""
    paragraphs_per_article: int = Field(default=40, ge=1)
    """One paragraph is about one person. All paragraphs together must fill the longest context."""
    dev_people: int = Field(default=30, ge=1)
    """Persistent people whose facts are asked in facts_dev.jsonl; the others come in facts_test.jsonl."""
    train_rows_per_class: int = Field(default=40, ge=1)
    """Demonstrations in the classification files."""
    test_rows_per_class: int = Field(default=40, ge=1)
    """Queries in the test files (and in the dev file of the emotions)."""
    benchmark_rows: int = Field(default=300, ge=1)
    """Rows of each benchmark file whose prompts are drawn; the others ask every fact or instance there is."""
    passage_tokens: int = Field(default=200, ge=1)
    """Longest passage of the reading benchmarks, and of the text told twice: with the question they fill 256."""
    distance: int = Field(default=64, ge=0)
    """Tokens from the answer to the end of the prompt, at least, in the benchmarks whose answer stands in the prompt.
    Take no less than the models' short-term window, so that only their long-term memory reads it directly."""
    few_shot_classes: int = Field(default=4, ge=2)
    """Classes of a prompt of few_shot_anonymous."""
    few_shot_examples: int = Field(default=4, ge=1)
    """Examples of each of them."""


class TinyWorldConfig(CorpusConfig):
    """One corpus of the tiny world."""

    source: Literal["tiny_world"]
    stream_seed: int = Field(default=0, ge=0)
    """Another number gives other documents of the same world."""
    mix: Mix = Mix()
    document_tokens: tuple[int, int] = (64, 256)
    """Shortest and longest document, with BOS and EOS; lengths are drawn uniformly and filled as far as whole sentences
    go (a short document may stay a little below the lower end)."""

    first_names: int = Field(default=400, ge=2)
    last_names: int = Field(default=400, ge=2)
    """First times last names bounds the people; each training article needs new ones."""
    people_recur: bool = False
    """True: when every training person had a turn, they come again, each time with other facts. It keeps the vocabulary
    small where a corpus is large; the people of the evaluation files occur in no training document in any case."""
    relations: int = Field(default=6, ge=2, le=len(RELATIONS))
    values_per_relation: int = Field(default=40, ge=2)
    persistent_people: int = Field(default=100, ge=2)
    facts_per_person: tuple[int, int] = (2, 4)
    """Facts told of a person of an article or repetition: least and most."""
    repetitions: tuple[int, int] = (2, 6)
    """How often a repetition document tells each of its facts: least and most."""
    question_share: tuple[float, float] = (0.1, 0.6)
    """Part of an article's tokens left to questions: least and most."""
    reworded_share: float = Field(default=0.0, ge=0, le=1)
    """Part of an article's questions asked in other words than the fact was told in, which copying does not answer."""

    classes: int = Field(default=16, ge=2)
    """Classes of each of the two classification forms."""
    episode_classes: tuple[int, int] = (2, 8)
    """Classes of one training episode: least and most."""
    episode_shots: tuple[int, int] = (2, 12)
    """Examples of each class in one training episode: least and most; as many as fit."""
    keywords_per_class: int = Field(default=12, ge=2)
    fillers: int = Field(default=40, ge=1)
    """Words that say nothing about the class, besides the ten digits."""
    instance_keywords: int = Field(default=2, ge=1)
    instance_fillers: int = Field(default=2, ge=0)
    anonymous_share: float = Field(default=0.5, ge=0, le=1)
    """Part of the episodes whose classes are dealt afresh, with labels class_00, class_01, ... drawn afresh."""
    anonymous_labels: int = Field(default=100, ge=2, le=100)
    evaluation: EvaluationSizes = EvaluationSizes()

    @model_validator(mode="after")
    def _ranges_ascend(self) -> Self:
        for name in ("document_tokens", "facts_per_person", "repetitions", "episode_classes", "episode_shots"):
            low, high = getattr(self, name)
            if not 1 <= low <= high:
                raise ValueError(f"{name}: [{low}, {high}] is no range; give the least (at least 1), then the most")
        low_share, high_share = self.question_share
        if not 0 <= low_share <= high_share < 1:
            raise ValueError(f"question_share: [{low_share}, {high_share}] is no range of shares from 0 to below 1")
        return self

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        sizes, train_rows = self.evaluation, self.evaluation.train_rows_per_class
        limits = (
            ("facts_per_person", self.facts_per_person[1], "relations", self.relations),
            ("episode_classes", self.episode_classes[1], "classes", self.classes),
            ("episode_classes", self.episode_classes[1], "anonymous_labels", self.anonymous_labels),
            ("instance_keywords", self.instance_keywords, "keywords_per_class", self.keywords_per_class),
            ("evaluation.dev_people", sizes.dev_people, "persistent_people - 1", self.persistent_people - 1),
            ("evaluation.few_shot_classes", sizes.few_shot_classes, "classes", self.classes),
            ("evaluation.few_shot_classes", sizes.few_shot_classes, "anonymous_labels", self.anonymous_labels),
            ("evaluation.few_shot_examples", sizes.few_shot_examples, "train_rows_per_class", train_rows),
        )
        for name, value, bound, most in limits:
            if value > most:
                raise ValueError(f"{name}: {value} exceeds {bound} {most}; use at most that")
        shares = sum(self.mix.model_dump().values())
        if abs(shares - 1) > 1e-9:
            raise ValueError(f"mix: the shares sum to {shares:g}; they must sum to 1")
        return self

    @model_validator(mode="after")
    def _documents_fit(self) -> Self:
        low = self.document_tokens[0]
        if low < self.shortest_document:
            raise ValueError(
                f"document_tokens: the shortest document, {low} tokens, is too short for one of every kind; use at "
                f"least {self.shortest_document}, or lower facts_per_person, episode_classes or episode_shots"
            )
        return self

    @model_validator(mode="after")
    def _instances_suffice(self) -> Self:
        instances = (
            comb(self.keywords_per_class, self.instance_keywords)
            * (self.fillers + len(DIGITS)) ** self.instance_fillers
        )
        rows = self.evaluation.train_rows_per_class + 2 * self.evaluation.test_rows_per_class
        if instances < 4 * rows:
            raise ValueError(
                f"keywords_per_class: a class has {instances} different instances, {rows} are held out; "
                f"raise keywords_per_class, fillers or instance_fillers to at least {4 * rows} instances"
            )
        return self

    @property
    def longest_sentence(self) -> int:
        return max(relation.longest_sentence for relation in RELATIONS[: self.relations])

    @property
    def instance_words(self) -> int:
        return self.instance_keywords + self.instance_fillers

    @property
    def shortest_document(self) -> int:
        """Tokens with which every kind of document holds the least it can be."""
        sentence = self.longest_sentence
        example = max(
            form.example_tokens(self.instance_words, delimiter) for form in FORMS.values() for delimiter in DELIMITERS
        )
        article = 4 + self.facts_per_person[1] * sentence + 3 + sentence
        return 2 + max(article, 4 * sentence, self.episode_classes[0] * self.episode_shots[0] * example)


def prepare(config: TinyWorldConfig, folder: Path, inputs: Inputs) -> None:
    """Write the corpus and its evaluation files into an existing folder."""
    from mmv2.data.shards import EVALUATION, write_corpus
    from mmv2.data.sources._documents import documents
    from mmv2.data.sources._episodes import Instances
    from mmv2.data.sources._evaluation import write_evaluation
    from mmv2.data.sources._world import World

    world = World(config)
    instances = Instances(world)
    stream = documents(world, instances)
    write_evaluation(world, instances, folder / EVALUATION)
    write_corpus(folder, config, world.tokenizer, stream)


_HELPERS = ("_benchmarks", "_documents", "_episodes", "_evaluation", "_language", "_world")
SOURCE = SourceSpec(
    config=TinyWorldConfig,
    packages=(__name__, *(f"mmv2.data.sources.{name}" for name in _HELPERS)),
    prepare=prepare,
)
