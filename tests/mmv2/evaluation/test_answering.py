import weakref

import pytest
import torch

from mmv2.data.tokenizer import BOS, EOS, build_word_level
from mmv2.errors import UserError
from mmv2.evaluation import answering
from mmv2.evaluation.answering import answer_all, batches, stopped
from mmv2.evaluation.frozen import Encoder, FrozenExample, FrozenHeader
from mmv2.evaluation.generation import answer, never
from mmv2.evaluation.progress import Progress
from mmv2.final import FinalModel
from mmv2.registry import architecture, architectures
from tests.mmv2.evaluation.small_world import random_model

WORDS = [f"w{number}" for number in range(50)]
TOKENIZER = build_word_level([*WORDS, "\n"])
BUDGET = 5
CHOICES = (" w1", " w2", " w3 w4", " w3 w5", "\n", "w2")


@pytest.fixture(params=sorted(architectures()))
def final(request):
    """Its weights are such that it is sure of nothing: log-likelihoods of single precision are exact to 1e-5."""
    torch.manual_seed(0)
    spec = architecture(request.param)
    model = spec.build(spec.tiny).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return FinalModel(model, request.param, spec.tiny, TOKENIZER, {"run": "tiny"})


def words(seed, count):
    numbers = torch.randint(len(WORDS), (count,), generator=torch.Generator().manual_seed(seed)).tolist()
    return " ".join(WORDS[number] for number in numbers)


PREFIXES = {"short": words(1, 12), "long": words(2, 70), "twin": words(3, 12)}
NAMES = (None, "long", "short", "twin")


def header(**changes):
    plain = {"task": "t", "settings": {}, "tokenizer": "t", "sources": {}, "prefixes": PREFIXES, "summary": {}}
    counted = {"max_new_tokens": BUDGET, "num_examples": 1, "examples_sha256": "s"}
    return FrozenHeader(**{**plain, **counted, **changes})


def example(number, prompt, of, prefix=None, choices=()):
    """With its true length."""
    encoder = Encoder(TOKENIZER)
    before = 0 if prefix is None else len(encoder.ids(of.prefixes[prefix]))
    plain = {"id": f"e{number}", "subtask": "s", "context_length": 512, "references": ("x",), "baselines": {}}
    made = FrozenExample(**plain, prompt=prompt, prefix=prefix, choices=choices, num_tokens=1)
    length = 1 + before + len(encoder.ids(prompt)) + encoder.tokens_after(made, of.max_new_tokens)
    return made.model_copy(update={"num_tokens": length})


def examples(of, choices=(), count=28):
    lengths = [3, 9, 3, 4, 1, 3, 8]
    return [
        example(number, words(100 + number, lengths[number % 7]), of, NAMES[number % 4], choices)
        for number in range(count)
    ]


def answered(final, of, these, tmp_path, batch_size=4):
    progress = Progress(tmp_path / "progress", f"{batch_size} {len(of.prefixes)}")
    answer_all(final, of, these, batch_size, progress)
    answers = [progress.answers[index] for index in range(len(these))]
    progress.remove()
    return answers


@pytest.mark.parametrize("choices", [(), CHOICES], ids=["generated", "ranked"])
@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_shared_prefixes_change_no_answer(final, tmp_path, choices, batch_size):
    """Every prompt alone, with its prefix, is the reference; its choices are read by plain forward passes."""
    of = header()
    encoder = Encoder(TOKENIZER)
    shared = answered(final, of, examples(of, choices), tmp_path, batch_size)
    for one, found in zip(examples(of, choices), shared, strict=True):
        whole = ([] if one.prefix is None else encoder.ids(PREFIXES[one.prefix])) + encoder.ids(one.prompt)
        prompt = [TOKENIZER.token_to_id(BOS), *whole]
        (alone,) = answer(final.model, [prompt], BUDGET, TOKENIZER.token_to_id(EOS))
        assert (found.ids, found.finished) == (alone.ids, alone.finished)
        expected = [by_forward_pass(final.model, prompt, encoder.ids(choice)) for choice in choices]
        assert found.loglikelihoods == pytest.approx(expected, abs=1e-5)
        if choices:
            assert found.choice(choices) == choices[expected.index(max(expected))].strip()
    assert len({found.ids for found in shared}) > 2
    assert not choices or len({found.choice(choices) for found in shared}) > 1


@torch.no_grad()
def by_forward_pass(model, prompt, choice):
    logprobs_TV = model(torch.tensor([[*prompt, *choice]]))[0].double().log_softmax(-1)
    return sum(float(logprobs_TV[len(prompt) - 1 + place, token]) for place, token in enumerate(choice))


@pytest.mark.parametrize("choices", [(), CHOICES], ids=["generated", "ranked"])
def test_batches_hold_every_example_once_and_rows_that_go_together(choices):
    of = header()
    these = examples(of, choices)
    found = list(batches(Encoder(TOKENIZER), of, these, 4))
    assert sorted(index for batch in found for index in batch) == list(range(len(these)))
    assert max(map(len, found)) <= 4
    assert ordered(these[batch[0]].prefix for batch in found) == [None, "short", "long", "twin"]
    for batch in found:
        assert len({these[index].prefix for index in batch}) == 1
        lengths = [len(Encoder(TOKENIZER).ids(these[index].prompt)) for index in batch]
        assert max(lengths) - min(lengths) <= (0 if choices else BUDGET)


def ordered(names):
    """Without neighbours that are the same."""
    kept = []
    for name in names:
        if not kept or kept[-1] != name:
            kept.append(name)
    return kept


def test_every_prefix_is_read_once_and_only_one_is_kept(final, tmp_path, monkeypatch):
    of, lengths, states, read = header(), [], [], answering.read

    def spy(model, tokens_BT, *arguments):
        assert not any(state() for state in states), "the one before is freed first"
        lengths.append(tokens_BT.shape[1])
        logits_BV, state = read(model, tokens_BT, *arguments)
        states.append(weakref.ref(state))
        return logits_BV, state

    monkeypatch.setattr(answering, "read", spy)
    these = examples(of)
    answered(final, of, these, tmp_path, batch_size=2)
    assert lengths == [13, 71, 13]
    lengths.clear()
    answered(final, of, these[::4], tmp_path)
    assert lengths == [], "examples without a prefix"


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("choices", [(), CHOICES], ids=["generated", "ranked"])
def test_an_interrupted_evaluation_goes_on_with_the_same_answers(final, tmp_path, monkeypatch, choices):
    of = header()
    these = examples(of, choices)
    whole = answered(final, of, these, tmp_path)
    original = answering.answer
    for done in (3, 2):  # batches until an interruption; the second falls into another prefix
        left = iter(range(done))

        def answer_or_stop(*arguments, left=left):
            if next(left, None) is None:
                raise Interrupted
            return original(*arguments)

        monkeypatch.setattr(answering, "answer", answer_or_stop)
        with pytest.raises(Interrupted):
            answer_all(final, of, these, 4, Progress(tmp_path / "cut", "key"))
    monkeypatch.setattr(answering, "answer", original)
    before = len(Progress(tmp_path / "cut", "key").answers)
    assert 0 < before < len(these)
    progress = Progress(tmp_path / "cut", "key")
    answer_all(final, of, these, 4, progress)
    assert [progress.answers[index] for index in range(len(these))] == whole
    assert [Progress(tmp_path / "cut", "key").answers[index] for index in range(len(these))] == whole


def test_texts_are_read_and_summed_over_positions(final, tmp_path):
    of = header(max_new_tokens=0, position_bounds=(4, 16, 128), prefixes={})
    texts = [words(seed, count) + " w1.\n" for seed, count in ((1, 30), (2, 30), (3, 9), (4, 30))]
    these = [example(number, text, of) for number, text in enumerate(texts)]
    found = answered(final, of, these, tmp_path, batch_size=2)
    for text, one in zip(texts, found, strict=True):
        ids = Encoder(TOKENIZER).ids(text)
        with torch.no_grad():
            logprobs = final.model(torch.tensor([[0, *ids]]))[0].double().log_softmax(-1) / torch.log(torch.tensor(2.0))
        bits = [-float(logprobs[place, token]) for place, token in enumerate(ids)]
        hits = [int(logprobs[place].argmax()) == token for place, token in enumerate(ids)]
        parts = {4: slice(0, 3), 16: slice(3, 15), 128: slice(15, None)}
        for bound, part in parts.items():
            assert one.details[f"bits_{bound}"] == pytest.approx(sum(bits[part]), abs=1e-4)
            assert one.details[f"hits_{bound}"] == sum(hits[part])
            assert one.details[f"tokens_{bound}"] == len(ids[part])
        assert sum(one.details[f"bytes_{bound}"] for bound in parts) == len(text.encode())
        assert (one.ids, one.loglikelihoods) == ((), ())


def test_a_prompt_that_reads_otherwise_than_when_frozen_is_refused(final, tmp_path):
    of = header()
    for change in ({"prompt": "w1 w2 w3 w4"}, {"choices": (" w1 w2 w3 w4 w5 w6 w7",)}, {"prefix": None}):
        these = [example(0, "w1 w2", of, "long", CHOICES).model_copy(update=change)]
        with pytest.raises(UserError, match=r"example e0 of t: \d+ tokens here, 78 when it was frozen"):
            answer_all(final, of, these, 4, Progress(tmp_path / "progress", "key"))


def test_a_model_too_sure_of_itself_still_ranks(tmp_path):
    """Large weights: log-likelihoods far below zero, none infinite."""
    final = FinalModel(random_model("mmv2"), "mmv2", architecture("mmv2").tiny, TOKENIZER, {"run": "tiny"})
    of = header()
    found = answered(final, of, examples(of, CHOICES), tmp_path)
    assert min(value for one in found for value in one.loglikelihoods) > -500


def test_what_choices_begin_with_is_read_and_not_scored(final, tmp_path):
    """log P(head, rest) - log P(head) is log P(rest | head)."""
    of, heads, rests = header(max_new_tokens=0), (" w1", " w2 w3"), (" w4 w5", " w4 w5")
    choices = tuple(head + rest for head, rest in zip(heads, rests, strict=True))
    plain = examples(of, choices, count=4)
    (one, two, *_) = answered(final, of, [e.model_copy(update={"choice_heads": heads}) for e in plain], tmp_path)
    for example, found in ((plain[0], one), (plain[1], two)):
        prefix = of.prefixes.get(example.prefix, "")
        for head, rest, value in zip(heads, rests, found.loglikelihoods, strict=True):
            context = [0, *TOKENIZER.encode(f"{prefix} {example.prompt}{head}").ids]
            ids = TOKENIZER.encode(rest).ids
            with torch.no_grad():
                logprobs_TV = final.model(torch.tensor([context + ids]))[0].log_softmax(-1)
            expected = sum(float(logprobs_TV[len(context) - 1 + place, token]) for place, token in enumerate(ids))
            assert value == pytest.approx(expected, abs=1e-5)


def test_an_answer_ends_with_the_token_that_completes_a_stop(final, tmp_path):
    of = header()
    free = answered(final, of, examples(of, count=4), tmp_path / "free")
    longest = max((one.ids for one in free), key=len)
    stop = TOKENIZER.decode([longest[1]])
    stopping = [example.model_copy(update={"stops": ("none", stop)}) for example in examples(of, count=4)]
    for whole, found in zip(free, answered(final, of, stopping, tmp_path / "stops"), strict=True):
        words_read = [TOKENIZER.decode([token]) for token in whole.ids]
        place = words_read.index(stop) + 1 if stop in words_read else len(whole.ids)
        assert found.ids == whole.ids[:place]
    assert TOKENIZER.decode(list(found.ids)) != "", "something is answered"


def test_examples_have_budgets_of_their_own(final, tmp_path):
    of = header()
    free = answered(final, of, examples(of, count=8), tmp_path / "free")
    mixed = [
        example(number, e.prompt, of, e.prefix).model_copy(
            update={"max_new_tokens": number % 3, "num_tokens": e.num_tokens - BUDGET + number % 3}
        )
        for number, e in enumerate(examples(of, count=8))
    ]
    mixed = [e for e in mixed if e.max_new_tokens]
    wanted = [free[number].ids[: number % 3] for number in range(8) if number % 3]
    assert [one.ids for one in answered(final, of, mixed, tmp_path / "mixed")] == wanted


def test_a_stop_may_span_tokens_and_lie_within_one():
    ended = stopped(TOKENIZER, ["w1 w2", "4"])
    ids = TOKENIZER.encode("w7 w1 w2 w3 w41").ids
    assert [ended(ids[:number]) for number in range(1, 6)] == [False, False, True, True, True]
    assert stopped(TOKENIZER, []) is never
