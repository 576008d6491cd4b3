"""Makes records_small.jsonl: SYNTHETIC records, drawn from a seeded generator, for tests of tables and figures.

They are no results of any model. Run ``python -m tests.golden.make_records_small`` after changing what records hold.
"""

from pathlib import Path

import numpy as np

from mmv2.records import ResultRecord, write_records

FILE = Path(__file__).with_name("records_small.jsonl")
CITIES = ("Oslo", "Rome", "Bern", "Riga", "Lima")


def ruler_qa_records(run, arch, label, rates, training_context=64, budget=1.0, examples=8, **changes):
    """Records of one run.

    Args:
        run, arch, label, training_context, budget, changes: fields of the records.
        rates: context length -> chance that an answer is right.
        examples: per context length.
    """
    rng = np.random.default_rng(sum(map(ord, run)))
    for length, rate in rates.items():
        for number in range(examples):
            right = rng.random() < rate
            city = CITIES[number % len(CITIES)]
            prediction = f"{city}." if right else "nowhere"
            fields = {
                "run": run,
                "arch": arch,
                "label": label,
                "num_parameters": 280_000,
                "step": 100,
                "tokens_seen": 1_000_000,
                "training_context": training_context,
                "budget": budget,
                "seed": 0,
                "init_from": None,
                "task": "ruler_qa",
                "subtask": "squad",
                "context_length": length,
                "example_id": f"synthetic-{number}",
                "references": (city,),
                "prediction": prediction,
                "scores": {"official": float(right), "strict": float(right and number % 4 > 0)},
                "main_score": "official",
                "chance": float(city == CITIES[0]),
                "baselines": {"most_frequent_answer": float(city == CITIES[0]), "nearest_match": float(number % 2)},
                "num_tokens": length - number,
                "depth": number / examples,
                "details": {"num_documents": length // 8, "finished": right},
                "fingerprint": "synthetic",
                "data_hash": "synthetic",
                "code_version": "synthetic",
                "device": "cpu",
            }
            yield ResultRecord(**{**fields, **changes})


def main():
    """Write the file."""
    records = [
        *ruler_qa_records(
            "synthetic-mosaic-tuned",
            "mmv2",
            "Memory Mosaics v2",
            {8: 0.9, 16: 0.9, 32: 0.8, 64: 0.8, 128: 0.7},
            init_from="synthetic-mosaic",
        ),
        *ruler_qa_records(
            "synthetic-transformer-tuned",
            "transformer",
            "Transformer",
            {8: 0.6, 16: 0.5, 32: 0.4, 64: 0.2, 128: 0.0},
            init_from="synthetic-transformer",
        ),
        *ruler_qa_records(
            "synthetic-mosaic-tuned-at-32",
            "mmv2",
            "Memory Mosaics v2",
            {8: 0.9, 16: 0.8, 32: 0.7, 64: 0.6, 128: 0.4},
            training_context=32,
            init_from="synthetic-mosaic",
            tokens_seen=500_000,
        ),
        *ruler_qa_records(
            "synthetic-mosaic",
            "mmv2",
            "Memory Mosaics v2",
            {8: 0.8, 16: 0.6, 32: 0.3, 64: 0.2, 128: 0.1},
            training_context=8,
            tokens_seen=8_000_000,
        ),
    ]
    write_records(FILE, records)


if __name__ == "__main__":
    main()
