"""Tasks in lm-eval's format where it has none or a wrong one; rows come from ``local_data``. Code: ``code_problems``.

SQuAD 1.1 is asked as lm-eval's ``squadv2`` asks, and scored by the official script's exact match and F1. RACE is asked
question by question, as its authors and GPT-3's did; lm-eval's ``race`` asks the last question of an article alone.
"""

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

_MEANS = {"aggregation": "mean", "higher_is_better": True}


def squad_words(text: str) -> list[str]:
    """The words that SQuAD's script compares: lower case, without punctuation and articles."""
    bare = "".join(sign for sign in text.lower() if sign not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def squad_f1(answer: str, reference: str) -> float:
    """Harmonic mean of precision and recall of words; answers without words agree with each other alone."""
    given, right = squad_words(answer), squad_words(reference)
    if not given or not right:
        return float(given == right)
    common = (Counter(given) & Counter(right)).total()
    return 2 * common / (len(given) + len(right))


def score_squad(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Exact match and F1 with the reference that fits best."""
    references = doc["answers"]["text"]
    return {
        "exact_match": max(float(squad_words(results[0]) == squad_words(text)) for text in references),
        "f1": max(squad_f1(results[0], text) for text in references),
    }


def squad_answers(doc: Mapping[str, Any]) -> list[str]:
    """All references; the first stands in demonstrations."""
    return list(doc["answers"]["text"])


SQUAD = {
    "output_type": "generate_until",
    "training_split": "train",
    "validation_split": "validation",
    "doc_to_text": "Title: {{title}}\n\nBackground: {{context}}\n\nQuestion: {{question}}\n\nAnswer:",
    "doc_to_target": squad_answers,
    "generation_kwargs": {"until": ["\n"], "do_sample": False, "temperature": 0.0},
    "process_results": score_squad,
    "metric_list": [{"metric": "exact_match", **_MEANS}, {"metric": "f1", **_MEANS}],
}
RACE = {
    "output_type": "multiple_choice",
    "test_split": "test",
    "doc_to_text": "Article: {{article}}\n\nQuestion: {{question}}\nAnswer:",
    "doc_to_choice": "options",
    "doc_to_target": "{{['A', 'B', 'C', 'D'].index(answer)}}",
    "metric_list": [{"metric": "acc", **_MEANS}, {"metric": "acc_norm", **_MEANS}],
}
CONFIGS: dict[str, dict[str, Any]] = {"mmv2_squad": SQUAD, "mmv2_race_middle": RACE, "mmv2_race_high": RACE}
"""By name; without data."""
