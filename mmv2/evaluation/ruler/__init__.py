"""RULER: question answering among documents, and single needles in a haystack, at any length and with any tokenizer.

Three regimes make prompts (protocols.md, 1.3 and 1.7; docs/ruler.md):

- ``linear10``: NVIDIA's generator at the time of the paper: sizes in steps (10 documents; 1 below 4096 tokens).
- ``bisect``: NVIDIA's generator since June 2025, byte for byte.
- ``random_depth``: a generator of its own for every example, and a fresh order of documents.
"""
