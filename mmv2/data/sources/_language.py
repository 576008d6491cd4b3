"""The fixed words of the tiny world: how facts are told, and how classification examples are laid out.

Every sentence ends with the value (and a full stop), so that the sentence cut before its last word is a question. Text
here is a sequence of tokens: words, digits, punctuation marks and newlines, one string each.
"""

from dataclasses import dataclass

Name = tuple[str, str]
"""First and last name of a person."""


@dataclass(frozen=True)
class Template:
    """One wording of a relation, up to the value."""

    before: tuple[str, ...]
    after: tuple[str, ...]

    def start(self, name: Name) -> tuple[str, ...]:
        return (*self.before, *name, *self.after)


@dataclass(frozen=True)
class Relation:
    """Something a person has one of, and its wordings."""

    name: str
    templates: tuple[Template, ...]

    @property
    def longest_sentence(self) -> int:
        """Tokens of the longest sentence: wording, name, value, full stop."""
        return max(len(template.before) + len(template.after) for template in self.templates) + 4


WORDINGS = 4
"""Templates of every relation."""


def _relation(name: str, *wordings: str) -> Relation:
    halves = (wording.split("{}") for wording in wordings)
    return Relation(name, tuple(Template(tuple(left.split()), tuple(right.split())) for left, right in halves))


RELATIONS = (
    _relation("home", "{} lives in", "{} has a house in", "{} settled in", "the home of {} is"),
    _relation("work", "{} works as", "{} is employed as", "{} earns money as", "the job of {} is"),
    _relation("origin", "{} was born in", "{} grew up in", "{} comes from", "the birthplace of {} is"),
    _relation("music", "{} plays the", "{} performs on the", "{} practises the", "the instrument of {} is the"),
    _relation("food", "{} likes to eat", "{} often cooks", "{} always orders", "the favourite dish of {} is"),
    _relation("animal", "{} owns a", "{} looks after a", "{} keeps a", "the pet of {} is a"),
    _relation("language", "{} speaks", "{} writes letters in", "{} is fluent in", "the language of {} is"),
    _relation("employer", "{} gets paid by", "{} signed with", "{} has a contract with", "the employer of {} is"),
)


Delimiter = tuple[str, ...]
"""What stands between a key and its text, besides the blank that parts all words."""
SPACE: Delimiter = ()
NEWLINE: Delimiter = ("\n",)
DELIMITERS = (SPACE, NEWLINE)
"""The two of the paper's prompt styles (Appendix I)."""


@dataclass(frozen=True)
class Form:
    """How one kind of classification example is written; protocols of Banking77 and GoEmotions."""

    query: tuple[str, ...]
    answer: tuple[str, ...]

    def example(self, instance: tuple[str, ...], label: str, delimiter: Delimiter = SPACE) -> tuple[str, ...]:
        return (*self.query_of(instance, delimiter), *delimiter, label, "\n")

    def query_of(self, instance: tuple[str, ...], delimiter: Delimiter = SPACE) -> tuple[str, ...]:
        """An example up to the key of its label."""
        return (*self.query, *delimiter, *instance, "\n", *self.answer)

    def example_tokens(self, instance_words: int, delimiter: Delimiter) -> int:
        return len(self.example(("",) * instance_words, "", delimiter))


BANKING = Form(("service", "query", ":"), ("intent", "category", ":"))
"""``service query: {x}\\nintent category: {label}\\n``"""
EMOTIONS = Form(("comment", ":"), ("emotion", "category", ":"))
"""``comment: {x}\\nemotion category: {label}\\n``"""
FORMS = {"banking": BANKING, "emotions": EMOTIONS}


def document_header(number: int) -> tuple[str, ...]:
    """``Document {number}:\\n``"""
    return ("Document", *str(number), ":", "\n")


QUESTION = ("Question", ":")
"""``Question: {start of the sentence} {value}``"""
DIGITS = tuple("0123456789")


def anonymous_label(number: int) -> str:
    """class_00, class_01, ..."""
    return f"class_{number:02d}"


def fixed_words() -> list[str]:
    """Every token of this module but the anonymous labels, each once."""
    parts = [document_header(1), QUESTION, ("\n", "."), DIGITS]
    parts += [(*form.query, *form.answer) for form in FORMS.values()]
    parts += [(*template.before, *template.after) for relation in RELATIONS for template in relation.templates]
    return list(dict.fromkeys(word for part in parts for word in part))
