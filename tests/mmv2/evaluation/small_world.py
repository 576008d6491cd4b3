"""For tests: a small corpus folder with evaluation files and tokenizer, and trained-looking models on it."""

import json

import torch

from mmv2.data.tokenizer import build_word_level
from mmv2.final import save_final
from mmv2.registry import architecture

NAMES = ["mira", "jon", "ada", "karl", "ines", "otto", "lena", "paul"]
SURNAMES = ["tol", "berg", "lind", "voss"]
CITIES = ["Oslo", "Rome", "Bern", "Riga", "Lima"]
LABELS = ["voss", "berg", "tol", "lind"]
ANONYMOUS = ["class_00", "class_01", "class_02", "class_03"]
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


def instances(split, per_class):
    """Rows (text, label), by label as in Banking77: two first names tell the class, cities do not; no text twice."""
    rows = []
    for number, label in enumerate(LABELS):
        for place in range(per_class):
            first, second = place, place + {"train": 1, "test": 2}[split]
            cities = f"{CITIES[first % len(CITIES)]} {CITIES[second % len(CITIES)]}"
            rows.append((f"{NAMES[2 * number + place % 2]} {cities}", label))
    return rows


def write_classification(folder):
    """Banking77 and GoEmotions files of the same instances; the latter by turns over the classes."""
    for split, per_class in (("train", 7), ("test", 5)):
        rows = instances(split, per_class)
        lines = [f"{text},{label}" for text, label in rows]
        (folder / f"banking77_{split}.csv").write_text("\n".join(["text,category", *lines]) + "\n")
        turns = [rows[label * per_class + place] for place in range(per_class) for label in range(len(LABELS))]
        lines = [f"{text}\t{LABELS.index(label)}\tid{number}" for number, (text, label) in enumerate(turns)]
        (folder / f"goemotions_{split}.tsv").write_text("\n".join(lines) + "\n")
    (folder / "goemotions_labels.txt").write_text("\n".join(LABELS) + "\n")


def write_benchmarks(folder):
    """Rows as the task ``benchmarks`` reads them: a question after its context, and one with all cities to choose."""
    for split, first in (("dev", 1), ("test", 0)):
        free, choice = [], []
        for paragraph in (paragraph for article in squad(first=first)["data"] for paragraph in article["paragraphs"]):
            question = paragraph["qas"][0]
            row = {"id": question["id"], "references": [question["answers"][0]["text"]]}
            prompt = f"{paragraph['context']}\n\nQuestion: {question['question']}"
            free.append({**row, "prompt": prompt, "depth": 0.5})
            choice.append({**row, "prompt": question["question"], "choices": [f" {city}" for city in CITIES]})
        for name, rows in (("cities", free), ("cities_choice", choice)):
            (folder / f"{name}_{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_texts(folder):
    """Held-out texts of about 200 and 100 tokens as the task ``bits_per_byte`` reads them."""
    for split, first in (("dev", 1), ("test", 0)):
        told = [paragraph["context"] for article in squad(first=first)["data"] for paragraph in article["paragraphs"]]
        rows = [{"id": "long", "text": " ".join(told)}, {"id": "short", "text": " ".join(told[::2])}]
        (folder / f"text_{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_problems(folder):
    """Problems of reasoning and code in the layouts of BIG-Bench Hard, GSM8K and MBPP: small sums."""
    sums = [(first, second) for first in range(1, 7) for second in range(2, 6)]
    options = "Options:\n(A) {0}\n(B) {1}"
    bbh, gsm8k, mbpp = [], [], []
    for number, (first, second) in enumerate(sums):
        total = first + second
        asked = f"{NAMES[number % 8]} has {first} and {second}."
        shown = options.format(*((total, total + 1) if first % 2 else (total + 1, total)))
        bbh.append({"input": f"{asked} How many?\n{shown}", "target": "(A)" if first % 2 else "(B)"})
        solution = f"{first} + {second} = <<{first}+{second}={total}>>{total}.\n#### {total},000"
        gsm8k.append({"question": f"{asked} How many thousands?", "answer": solution})
        problem = {"text": f"Add {second}.", "code": f"def add(x):\r\n    return x + {second}"}
        tests = ["assert add('a') is None", f"assert add({first}) == {total}", "assert add(0) == 0"]
        tests = {"test_list": tests, "test_setup_code": "", "challenge_test_list": []}
        mbpp.append({**problem, "task_id": (601 if number % 2 else 11) + number // 2, **tests})
    (folder / "bbh_sums.json").write_text(json.dumps({"canary": "hand-made", "examples": bbh}))
    for name, rows in (("gsm8k", gsm8k), ("mbpp", mbpp)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_corpus_folder(folder, **kwargs):
    """evaluation/ with the files of all tasks, and tokenizer.json; returns the folder."""
    (folder / "evaluation").mkdir(parents=True)
    (folder / "evaluation" / "squad_test.json").write_text(json.dumps(squad(**kwargs)))
    (folder / "evaluation" / "squad_dev.json").write_text(json.dumps(squad(first=1)))
    write_classification(folder / "evaluation")
    write_benchmarks(folder / "evaluation")
    write_texts(folder / "evaluation")
    write_problems(folder / "evaluation")
    lexicon = {"names": {"first": NAMES, "last": SURNAMES}, "cities": CITIES}
    (folder / "evaluation" / "lexicon.json").write_text(json.dumps(lexicon))
    fixed = ["lives", "in", "Question", "Document", ".", ":", "\n", *"0123456789"]
    words = [*NAMES, *SURNAMES, *CITIES, *fixed, *ANONYMOUS]
    (folder / "tokenizer.json").write_text(build_word_level(words).to_str())
    return folder


def random_model(arch, seed=5, spread=0.3, **config):
    """An architecture's tiny model with weights so far from their initial values that its greedy answers vary."""
    torch.manual_seed(seed)
    model = architecture(arch).build(architecture(arch).tiny.model_copy(update=config))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * spread)
    return model.eval()


def write_final(folder, arch, tokenizer_file, seed=5, spread=0.3, **config):
    """A final/ folder as training leaves it; returns the folder."""
    model = random_model(arch, seed, spread, **config)
    provenance = {
        "run": f"tiny-{arch}",
        "step": 7,
        "tokens_seen": 700,
        "budget": 1.0,
        "seed": 3,
        "init_from": None,
        "settings": {"learning_rate": 1.0e-3, "delay_is_fixed": None},
        "fingerprint": "0123456789abcdef",
    }
    save_final(folder, model.state_dict(), arch, model.config, tokenizer_file, provenance)
    return folder
