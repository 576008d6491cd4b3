"""Evaluation files of the tiny world, in the upstream formats, so that the real evaluation code reads them.

squad_{dev,test}.json                SQuAD v2: one paragraph per person, one question per fact, in the paragraph's words
squad_reworded_{dev,test}.json       the same paragraphs, every question in another wording
facts_{dev,test}.jsonl               closed-book questions on persistent people, like NQ-open, with the relation
banking77_{train,test}.csv           text,category; rows contiguous by category
unfamiliar_{train,test}.csv          the same of classes that occur in no training document; their names are no words
goemotions_{train,dev,test}.tsv      text, label number, id; shuffled. goemotions_labels.txt: the labels by number
lexicon.json                         the word lists, for tasks that make text of their own (needles, other labels), and
                                     the people of the SQuAD files
<benchmark>_{dev,test}.jsonl         the forms of the paper's 19 benchmarks, see ``_benchmarks``
"""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.random import Generator, default_rng

from mmv2.data.sources._benchmarks import write_benchmarks
from mmv2.data.sources._episodes import UNFAMILIAR, Instance, Instances
from mmv2.data.sources._world import EVALUATION, World
from mmv2.files import write_json, write_text

REWORDED = 1
"""Last part of the seed that draws other wordings."""


def write_evaluation(world: World, instances: Instances, folder: Path) -> None:
    """Write all files; they depend on the world alone, not on the training documents."""
    for number, split in enumerate(("dev", "test"), start=1):
        told = (world.config.seed, EVALUATION, number)
        write_json(folder / f"squad_{split}.json", _squad(world, split, default_rng(told), None))
        reworded = _squad(world, split, default_rng(told), default_rng((*told, REWORDED)))
        write_json(folder / f"squad_reworded_{split}.json", reworded)
        write_text(folder / f"facts_{split}.jsonl", _facts(world, split))
    for split in ("train", "test"):
        banking, unfamiliar = (instances.held_out[name][split] for name in ("banking", UNFAMILIAR))
        write_text(folder / f"banking77_{split}.csv", _queries(world, banking, world.labels["banking"]))
        names = [f"unfamiliar_{number:02d}" for number in range(world.config.classes)]
        write_text(folder / f"unfamiliar_{split}.csv", _queries(world, unfamiliar, names))
    rng = default_rng((world.config.seed, EVALUATION, 3))
    for split in ("train", "dev", "test"):
        write_text(folder / f"goemotions_{split}.tsv", _emotions(world, instances, split, rng))
    write_text(folder / "goemotions_labels.txt", "".join(label + "\n" for label in world.labels["emotions"]))
    write_json(folder / "lexicon.json", _lexicon(world))
    write_benchmarks(world, instances, folder)


def _squad(world: World, split: str, rng: Generator, reword: Generator | None) -> dict[str, Any]:
    """``rng`` draws the paragraphs; ``reword``, if any, the wordings of the questions."""
    sizes = world.config.evaluation
    people = world.evaluation_people[split].reshape(sizes.articles, sizes.paragraphs_per_article)
    articles = []
    for article, pairs in enumerate(people):
        paragraphs = [
            _paragraph(world, rng, reword, pair, f"{split}-{article}-{place}") for place, pair in enumerate(pairs)
        ]
        articles.append({"title": " ".join(world.name(pairs[0])), "paragraphs": paragraphs})
    return {"version": "v2.0", "data": articles}


def _paragraph(world: World, rng: Generator, reword: Generator | None, pair: int, identity: str) -> dict[str, Any]:
    least, most = world.config.facts_per_person
    context, questions = "", []
    for number, fact in enumerate(world.new_facts(rng, world.name(pair), int(rng.integers(least, most + 1)))):
        start = f"{context} {world.text(fact.start)} ".lstrip()
        answer = {"text": fact.value, "answer_start": len(start)}
        asked = fact.reworded(reword) if reword else fact
        questions.append(
            {
                "question": world.text(asked.start),
                "id": f"{identity}-{number}",
                "answers": [answer],
                "is_impossible": False,
            }
        )
        context = f"{start}{fact.value}."
    return {"context": context, "qas": questions}


def _facts(world: World, split: str) -> str:
    lines = []
    for relation, fact in world.held_out_facts(split):
        row = {
            "question": world.text(fact.start),
            "answer": [fact.value],
            "relation": world.relations[relation].name,
        }
        lines.append(json.dumps(row) + "\n")
    return "".join(lines)


def _queries(world: World, rows: Sequence[tuple[Instance, int]], names: Sequence[str]) -> str:
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(("text", "category"))
    table.writerows((world.text(instance), names[label]) for instance, label in rows)
    return file.getvalue()


def _emotions(world: World, instances: Instances, split: str, rng: Generator) -> str:
    rows = instances.held_out["emotions"][split]
    shuffled = [rows[place] for place in rng.permutation(len(rows))]
    return "".join(
        f"{world.text(instance)}\t{label}\t{split}-{number}\n" for number, (instance, label) in enumerate(shuffled)
    )


def _lexicon(world: World) -> dict[str, Any]:
    return {
        "first_names": world.first_names,
        "last_names": world.last_names,
        "people": {
            split: [" ".join(world.name(pair)) for pair in pairs] for split, pairs in world.evaluation_people.items()
        },
        "values": {relation.name: words for relation, words in zip(world.relations, world.values, strict=True)},
        "fillers": world.fillers,
        "labels": world.labels,
        "anonymous_labels": world.anonymous_labels,
    }
