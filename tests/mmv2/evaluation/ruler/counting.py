"""For tests: a tokenizer that counts words, in the folder that transformers saves."""

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

IDS = {"x": 0, "Answer": 1, ":": 2, "is": 3, "text": 4}
"""Ends of prompts have ids of their own, all other words one in common."""


def write_counting_tokenizer(folder):
    """One token per word and run of punctuation; returns the folder. It has no begin-of-text."""
    counting = Tokenizer(models.WordLevel(IDS, unk_token="x"))
    counting.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=counting).save_pretrained(folder)
    return folder
