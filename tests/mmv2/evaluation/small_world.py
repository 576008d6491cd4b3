"""A small SQuAD-format corpus folder with its word-level tokenizer, and trained-looking models on it, for tests."""

import json

import torch

from mmv2.data.tokenizer import build_word_level
from mmv2.final import save_final
from mmv2.registry import architecture

NAMES = ["mira", "jon", "ada", "karl", "ines", "otto", "lena", "paul"]
SURNAMES = ["tol", "berg", "lind", "voss"]
CITIES = ["Oslo", "Rome", "Bern", "Riga", "Lima"]
TINY_PROMPT = "{context}\n\nQuestion: {query}"


def squad(num_articles=8, first=0):
    """One article per first name: a paragraph per surname, one question each, and one that has no answer."""
    articles = []
    for number, name in enumerate(NAMES[:num_articles]):
        paragraphs = []
        for place, surname in enumerate(SURNAMES):
            city = CITIES[(first + number + place) % len(CITIES)]
            identity = f"{name}-{surname}-{first}"
            answers = [{"text": city, "answer_start": 0}] * 2
            question = {"id": identity, "question": f"{name} {surname} lives in", "answers": answers}
            impossible = {"id": f"{identity}-no", "question": "who", "answers": [], "is_impossible": True}
            paragraphs.append({"context": f"{name} {surname} lives in {city}.", "qas": [question, impossible]})
        articles.append({"title": name, "paragraphs": paragraphs})
    return {"version": "v2.0", "data": articles}


def write_corpus_folder(folder, **kwargs):
    """evaluation/squad_test.json, evaluation/squad_dev.json and tokenizer.json; returns the folder."""
    (folder / "evaluation").mkdir(parents=True)
    (folder / "evaluation" / "squad_test.json").write_text(json.dumps(squad(**kwargs)))
    (folder / "evaluation" / "squad_dev.json").write_text(json.dumps(squad(first=1)))
    words = [*NAMES, *SURNAMES, *CITIES, "lives", "in", "Question", "Document", ".", ":", "\n", *"0123456789"]
    (folder / "tokenizer.json").write_text(build_word_level(words).to_str())
    return folder


def random_model(arch, seed=5):
    """An architecture's tiny model with weights large enough that its greedy answers vary."""
    torch.manual_seed(seed)
    model = architecture(arch).build(architecture(arch).tiny)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model.eval()


def write_final(folder, arch, tokenizer_file, seed=5):
    """A final/ folder as training leaves it; returns the folder."""
    model = random_model(arch, seed)
    provenance = {
        "run": f"tiny-{arch}",
        "step": 7,
        "tokens_seen": 700,
        "budget": 1.0,
        "seed": 3,
        "init_from": None,
        "fingerprint": "0123456789abcdef",
    }
    save_final(folder, model.state_dict(), arch, model.config, tokenizer_file, provenance)
    return folder
