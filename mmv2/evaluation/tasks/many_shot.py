"""In-context learning from many demonstrations: classify a text after examples of every class.

Follows Section 6.3 of the paper (arXiv 2507.03285): one shot is one example of every class; four prompt styles, two
delimiters times two orders; semantic or anonymous labels. Data, demonstrations, test queries and texts are those of
LongICLBench (Li et al. 2024) unless set otherwise. Three things are our own: a prompt never ends in a blank, labels of
a third kind ("novel") have a word form that was never seen as a label, and development queries for choosing among the
styles come from training rows that are no demonstration. FewRel is a free stand-in for TACRED.

Demonstrations and queries are the same in every style and with every kind of labels, and fewer shots are the first of
more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmv2.data.tokenizer import open_tokenizer
from mmv2.errors import UserError
from mmv2.evaluation.classification import Row, nearest
from mmv2.evaluation.frozen import Encoder, FrozenExample, check_corpus_files, freeze_examples, summarise
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.prompts import fill, known_ids
from mmv2.evaluation.tasks import TaskSpec
from mmv2.evaluation.tasks._demonstrations import DELIMITERS, ManyShotSettings, Source, read_source


def _examples(
    settings: ManyShotSettings, source: Source, encoder: Encoder, prefixes: dict[str, str]
) -> Iterator[FrozenExample]:
    """All examples of a data set; the text that those of one cell share is added to ``prefixes``."""
    for shots in settings.shots_of(source.name):
        for order, rows in source.orders.items():
            demonstrations = [row for shot in rows[:shots] for row in shot]
            copied = [nearest(query, demonstrations).label for _, query in source.queries]
            for kind in source.labels:
                for delimiter in DELIMITERS:
                    if f"{delimiter}_{order}" in settings.prompt_styles:
                        cell = _Cell(settings, source, encoder, shots, kind, delimiter, order)
                        prefixes[cell.name] = cell.prefix(demonstrations)
                        yield from cell.examples(prefixes[cell.name], copied)


@dataclass(frozen=True)
class _Cell:
    """Prompts of one data set, number of shots, kind of labels and style."""

    settings: ManyShotSettings
    source: Source
    encoder: Encoder
    shots: int
    kind: str
    delimiter: str
    order: str

    @property
    def name(self) -> str:
        return f"{self.source.name}/{self.shots}/{self.kind}/{self.delimiter}_{self.order}"

    def prefix(self, demonstrations: Sequence[Row]) -> str:
        """Instruction and demonstrations."""
        shown, between = self.source.labels[self.kind], DELIMITERS[self.delimiter]
        answered = (f"{self._query(row)}{between}{shown[row.label]}\n" for row in demonstrations)
        return self.source.form.instruction + "".join(answered)

    def _query(self, row: Row) -> str:
        """A text up to the key of its label."""
        form, between = self.source.form, DELIMITERS[self.delimiter]
        label_key = fill(form.label_key, subject=row.subject, object=row.object)
        after_text = between if self.settings.delimiters == "between_fields" else "\n"
        return f"{form.query_key}{between}{row.text}{after_text}{label_key}"

    def examples(self, prefix: str, copied: Sequence[str]) -> Iterator[FrozenExample]:
        """One example per query; raises UserError when one does not fit.

        Args:
            prefix: of the cell.
            copied: for each query the semantic label of its nearest demonstration.
        """
        between, shown = DELIMITERS[self.delimiter], self.source.labels[self.kind]
        # A line break belongs to the prompt; a blank to the answer, as many tokenizers join it to the word.
        ending, beginning = ("", between) if between == " " else (between, "")
        # With the line break that ends a demonstration: a label that continues another could never be the likelier.
        choices = tuple(f"{beginning}{shown[label]}\n" for label in sorted(shown))
        where = f"many_shot: {self.source.name} with {self.kind} labels"
        prompts = [self._query(row) + ending for _, row in self.source.queries]
        before = 1 + len(known_ids(self.encoder.tokenizer, prefix, where)) + self._answer_tokens(choices)
        lengths = [before + len(known_ids(self.encoder.tokenizer, prompt, where)) for prompt in prompts]
        self._check_length(max(lengths))
        for (split, row), near, prompt, length in zip(self.source.queries, copied, prompts, lengths, strict=True):
            yield FrozenExample(
                id=f"{split}-{row.number}",
                subtask=self.source.name,
                context_length=self.settings.context_lengths[0],
                num_shots=self.shots,
                label_kind=self.kind,
                prompt_style=f"{self.delimiter}_{self.order}",
                split=split,
                prefix=self.name,
                prompt=prompt,
                references=(shown[row.label],),
                choices=choices,
                num_tokens=length,
                baselines={"most_frequent_label": shown[self.source.most_frequent], "nearest_match": shown[near]},
                details={"semantic_label": row.label, **({"exact_case": True} if self.source.exact_case else {})},
            )

    def _answer_tokens(self, choices: Sequence[str]) -> int:
        """The generation budget, or the longest choice; raises UserError when a label is longer than the budget."""
        budget = self.settings.max_new_tokens
        longest = max(choices, key=lambda choice: len(self.encoder.remembered(choice)))
        needed = len(self.encoder.ids(longest.removesuffix("\n")))
        if needed > budget:
            raise UserError(
                f"many_shot: max_new_tokens: {budget}, but label {longest.strip()!r} of {self.source.name} has "
                f"{needed} tokens; use at least that"
            )
        return max(budget, len(self.encoder.remembered(longest)))

    def _check_length(self, needed: int) -> None:
        most = self.settings.context_lengths[0]
        if needed > most:
            raise UserError(
                f"many_shot: context_lengths: {most}: {self.source.name} with {self.shots} shots of "
                f"{len(self.source.labels[self.kind])} classes needs {needed} tokens (begin-of-text, prompt, "
                f"max_new_tokens {self.settings.max_new_tokens}); use a longer length, fewer shots or num_classes"
            )


def freeze(settings: ManyShotSettings, corpus_folder: Path, tokenizer_file: Path, output: Path) -> None:
    """Make all examples and write them.

    Args:
        settings: their file names are relative to ``corpus_folder``.
        corpus_folder: a corpus as data preparation leaves it, or any folder.
        tokenizer_file: tokenizer.json of the models to evaluate.
        output: JSON lines, see ``mmv2.evaluation.frozen``.

    Raises:
        UserError: a file is damaged, of another layout, or not as the corpus manifest records it; a class has too few
            rows; a prompt does not fit, or has words that the tokenizer does not know.
    """
    names = dict.fromkeys(file for data in settings.datasets.values() for file in data.files)
    if settings.novel_labels is not None:
        names[settings.novel_labels.file] = None
    check_corpus_files(corpus_folder, tokenizer_file, list(names))
    encoder = Encoder(open_tokenizer(tokenizer_file))
    prefixes: dict[str, str] = {}
    examples: list[FrozenExample] = []
    for name in settings.datasets:
        examples += _examples(settings, read_source(settings, name, corpus_folder), encoder, prefixes)
    sources = {name: corpus_folder / name for name in names}
    freeze_examples(output, "many_shot", settings, tokenizer_file, sources, examples, summarise(examples), prefixes)


def score(example: FrozenExample, outcome: Outcome) -> dict[str, float]:
    """All 0 or 1.

    accuracy: the first line of what was generated, stripped, is the label; in any case, or, of relations, in the same,
    as in LongICLBench. It looks at new text only, where LongICLBench searches prompt and answer together.
    ranked: the label is the most probable of all labels after the prompt, each with the line break that ends it;
    answers of another form cannot occur.
    valid: the first line is one of the labels. LongICLBench's F1 of TACRED is the harmonic mean of the recall, the mean
    accuracy, and the precision, accuracy over valid.
    """
    shown = (lambda text: text) if example.details.get("exact_case") else str.lower
    right, first_line = example.references[0], shown(outcome.text.strip().partition("\n")[0].strip())
    return {
        "accuracy": float(first_line == shown(right)),
        "ranked": float(outcome.choice == right),
        "valid": float(any(first_line == shown(choice.strip()) for choice in example.choices)),
    }


def chance(example: FrozenExample) -> float:
    """A blind guess among the labels."""
    return 1 / len(example.choices)


TASK = TaskSpec(
    label="Many-shot in-context learning",
    settings=ManyShotSettings,
    freeze=freeze,
    score=score,
    main_score="accuracy",
    packages=(
        "mmv2.evaluation.classification",
        "mmv2.evaluation.frozen",
        "mmv2.evaluation.prompts",
        "mmv2.evaluation.rows",
        "mmv2.evaluation.relations",
        "mmv2.evaluation.tasks._data_sets",
        "mmv2.evaluation.tasks._demonstrations",
        "mmv2.evaluation.tasks.many_shot",
        "mmv2.evaluation.word_lists",
    ),
    chance=chance,
)
