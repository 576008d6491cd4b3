"""lm-eval's view of our models: the same scores as its own for a Llama, whatever the batches and the order."""

import math
import random

import pytest
import torch
from lm_eval import simple_evaluate
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from baselines.transformer.hf import from_hf
from mmv2.data.tokenizer import BOS, EOS, build_word_level
from mmv2.errors import UserError
from mmv2.evaluation.language_model import SHARED_TOKENS, Mmv2LM
from mmv2.evaluation.persistent.harness import PersistentTask
from mmv2.evaluation.persistent.table import BENCHMARKS
from mmv2.final import load_final, save_final
from mmv2.registry import architectures
from tests.mmv2.evaluation.small_world import write_final

TEXT = "Ann has a small shop by the sea. Every morning she opens it at eight and sells bread, and milk to the sailors. "
ROWS = {
    "arc_easy": [
        {
            "question": f"Which of these is number {number}?",
            "choices": {"text": ["a rose", "the blue sea", "two birds", "a"], "label": ["A", "B", "C", "D"]},
            "answerKey": "B",
        }
        for number in (1, 22, 333)
    ],
    "winogrande": [
        {"sentence": "Ann saw the cat, so the _ ran away.", "option1": "cat", "option2": "cow", "answer": "1"},
        {"sentence": "The shop is by the sea; _ is blue.", "option1": "the sea", "option2": "it", "answer": "1"},
    ],
    "squad": [
        {"id": str(n), "title": "Shops", "context": TEXT[: 30 * n], "question": "Who?", "answers": {"text": ["Ann"]}}
        for n in (1, 2, 3)
    ],
    "nq": [{"question": f"who {verb} it", "answer": ["Ann"]} for verb in ("sells", "bought", "opens")],
}
"""Of three kinds: answers ranked, contexts ranked, and answers generated up to a stop."""


def tasks():
    return [PersistentTask(BENCHMARKS[name], "", 0, {BENCHMARKS[name].split: rows}) for name, rows in ROWS.items()]


def scored(model, batch_size=2):
    """Answers and scores of every question."""
    manager = TaskManager(include_defaults=False)
    found = simple_evaluate(
        model,
        tasks=tasks(),
        task_manager=manager,
        batch_size=batch_size,
        bootstrap_iters=0,
        gen_kwargs="max_gen_toks=12",
    )
    return found["samples"], found["results"], found["config"]


@pytest.fixture(scope="module")
def llama(tokenizer_file, tmp_path_factory):
    """A random Llama saved by transformers, and our transformer with its weights; the two folders."""
    folder = tmp_path_factory.mktemp("llama")
    torch.manual_seed(7)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(vocab_size=320, num_key_value_heads=2, max_position_embeddings=512, **sizes)
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    model.generation_config.bos_token_id, model.generation_config.eos_token_id = 0, 1
    model.save_pretrained(folder / "hf")
    markers = {"bos_token": BOS, "eos_token": EOS, "pad_token": EOS}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer_file), clean_up_tokenization_spaces=False, **markers
    )
    tokenizer.backend_tokenizer.post_processor = begin_of_text()
    tokenizer.save_pretrained(folder / "hf")
    ours = from_hf(model)
    origin = {"run": "llama", "step": 1, "tokens_seen": 1, "budget": 1.0, "seed": 1, "init_from": None}
    provenance = {**origin, "settings": {}, "fingerprint": "0123456789abcdef"}
    save_final(folder / "final", ours.state_dict(), "transformer", ours.config, tokenizer_file, provenance)
    return folder


def begin_of_text():
    """What makes transformers' tokenizer begin every text as ours begins it."""
    from tokenizers.processors import TemplateProcessing

    return TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 0)])


def test_a_llama_scores_as_lm_eval_scores_it(llama):
    theirs, their_results, _ = scored(HFLM(pretrained=str(llama / "hf"), dtype="float32", device="cpu", batch_size=2))
    ours, our_results, _ = scored(Mmv2LM(llama / "final", batch_size=2, device="cpu"))
    assert ours.keys() == theirs.keys() == {f"mmv2_{name}" for name in ROWS}
    for name in ours:
        for one, other in zip(ours[name], theirs[name], strict=True):
            assert one["arguments"] == other["arguments"]
            if "acc" in one:
                for ((our_value, our_greedy),), ((value, greedy),) in zip(one["resps"], other["resps"], strict=True):
                    assert our_value == pytest.approx(value, abs=1e-5)
                    assert our_greedy == greedy
            else:
                assert one["resps"] == other["resps"]
                assert one["resps"][0][0], "a text was generated"
        values = {key: value for key, value in our_results[name].items() if "stderr" not in key}
        assert values == {key: value for key, value in their_results[name].items() if "stderr" not in key}


def instances(kind, arguments, task="t"):
    return [Instance(kind, {}, args, 0, (task, number, 1)) for number, args in enumerate(arguments)]


PAIRS = [
    ("", " bread"),
    (TEXT, " She"),
    (TEXT, " He sells bread"),
    (f"{TEXT}Is it? ", "yes"),
    (f"{TEXT}Where", " is Ann"),
    ("Who", " is it"),
    ("Who?", " Ann"),
]
CONTEXTS = [(f"{TEXT}{word}", {"until": ["\n", "a"], "max_gen_toks": 6}) for word in ("Ann", "She sells", "It")] + [
    ("Who?", {"until": [], "max_gen_toks": 3, "do_sample": False})
]


@pytest.mark.parametrize("arch", sorted(architectures()))
def test_results_depend_neither_on_batches_nor_on_order(arch, final):
    folder = final(arch)
    shuffled = random.Random(1).sample(range(len(PAIRS)), len(PAIRS))
    base = Mmv2LM(folder, batch_size=1, device="cpu", max_length=512)
    pairs, texts = instances("loglikelihood", PAIRS), instances("generate_until", CONTEXTS)
    singly = [base.loglikelihood([pair], disable_tqdm=True)[0] for pair in pairs]
    written = [base.generate_until([text], disable_tqdm=True)[0] for text in texts]
    for batch_size in (1, 3, 16):
        model = Mmv2LM(folder, batch_size=batch_size, device="cpu", max_length=512)
        for order in (list(range(len(pairs))), shuffled):
            found = model.loglikelihood([pairs[place] for place in order], disable_tqdm=True)
            for place, (value, greedy) in zip(order, found, strict=True):
                assert (value, greedy) == (pytest.approx(singly[place][0], abs=1e-5), singly[place][1])
        assert model.generate_until(texts[::-1], disable_tqdm=True) == written[::-1]


def test_what_contexts_begin_with_is_read_once(final, monkeypatch):
    from mmv2.evaluation import language_model

    read, lengths = language_model.read, []

    def count(model, tokens_BT, state=None):
        lengths.append(tokens_BT.shape)
        return read(model, tokens_BT, state)

    monkeypatch.setattr(language_model, "read", count)
    model = Mmv2LM(final("mmv2"), batch_size=8, device="cpu", max_length=512)
    pairs = [(f"{TEXT}{word}", " is") for word in ("Ann", "Bert", "Carl")]
    model.loglikelihood(instances("loglikelihood", pairs), disable_tqdm=True)
    ((rows, tokens),) = lengths
    assert rows == 1
    assert tokens >= len(model.tok_encode(TEXT)) - 2


OTHER = "Bert, who lives near the harbour of an old town, mends nets and sails; on Sundays he sings in a choir. "


@pytest.mark.parametrize("tasks", [("a", "b"), ("b", "a"), ("a", "b", "a")], ids=lambda names: "".join(names))
def test_every_task_has_a_beginning_of_its_own(final, tasks):
    """Read once for each task, whichever comes first and wherever its requests stand."""
    texts = {"a": TEXT, "b": OTHER}
    words = ("Ann", "Bert", "Carl", "Dora")[: 2 * len(tasks)]
    folder = final("mmv2")
    model = Mmv2LM(folder, batch_size=2, device="cpu", max_length=512)
    assert all(len(model.tok_encode(text)) > SHARED_TOKENS + 2 for text in texts.values())
    pairs, prompts = [], []
    for name in tasks:
        pairs += instances("loglikelihood", [(texts[name] + word, " is") for word in words], name)
        asked = [(texts[name] + word, {"until": [], "max_gen_toks": 6}) for word in words]
        prompts += instances("generate_until", asked, name)
    found = model.loglikelihood(pairs, disable_tqdm=True)
    singly = [model.loglikelihood([pair], disable_tqdm=True)[0] for pair in pairs]
    assert [value for value, _ in found] == pytest.approx([value for value, _ in singly], abs=1e-5)
    assert len({round(value, 3) for value, _ in singly}) > len(words), "the beginnings tell"
    written = model.generate_until(prompts, disable_tqdm=True)
    assert written == [model.generate_until([prompt], disable_tqdm=True)[0] for prompt in prompts]


def test_texts_end_at_the_first_stop(final):
    model = Mmv2LM(final("mmv2"), device="cpu", max_length=512)
    (whole,) = model.generate_until(instances("generate_until", [("Who?", {"until": [], "max_gen_toks": 30})]))
    assert len(whole) > 6
    stops = [whole[5:7], whole[3:5]]
    (text,) = model.generate_until(instances("generate_until", [("Who?", {"until": stops, "max_gen_toks": 30})]))
    assert text == min((whole.split(stop)[0] for stop in stops), key=len)


@pytest.mark.parametrize("arch", sorted(architectures()))
def test_rolling_reads_every_token_once_with_context(arch, final):
    folder = final(arch)
    (whole,) = Mmv2LM(folder, device="cpu", max_length=512).loglikelihood_rolling(
        instances("loglikelihood_rolling", [(TEXT,)])
    )
    model = load_final(folder).model
    ids = [0, *load_final(folder).tokenizer.encode(TEXT).ids]
    with torch.no_grad():
        logprobs_TV = model(torch.tensor([ids]))[0].log_softmax(-1)
    assert whole == pytest.approx(
        sum(float(logprobs_TV[place, ids[place + 1]]) for place in range(len(ids) - 1)), abs=1e-3
    )
    short = Mmv2LM(folder, device="cpu", max_length=16)
    windows, empty = short.loglikelihood_rolling(instances("loglikelihood_rolling", [(TEXT,), ("",)]))
    assert empty == 0
    assert windows != pytest.approx(whole, abs=1e-3), "less context, other probabilities"
    assert math.isfinite(windows)


def test_a_prompt_longer_than_the_context_is_told(final):
    model = Mmv2LM(final("transformer"), device="cpu")
    pair = instances("loglikelihood", [("Who?", " Ann"), (TEXT * 3, " is it")], task="mmv2_obqa")
    with pytest.raises(
        UserError, match=r"mmv2_obqa: question 1: \d+ tokens .* max_length is 64 \(.* trained on 64\); give"
    ):
        model.loglikelihood(pair)
    text = instances("generate_until", [("Who?", {"until": [], "max_gen_toks": 62})])
    with pytest.raises(UserError, match=r"t: question 0: 6\d tokens .* too_long=truncate_left to cut the beginning"):
        model.generate_until(text)


def test_cutting_the_beginning_is_a_decision_and_is_counted(final):
    folder = final("transformer")
    model = Mmv2LM(folder, device="cpu", too_long="truncate_left")
    pair = instances("loglikelihood", [("Who?", " Ann"), (TEXT * 3, " is it")])
    _, (cut, _) = model.loglikelihood(pair)
    assert model.get_model_info()["requests_cut"] == 1
    assert model.get_model_info()["too_long"] == "truncate_left"
    whole, after = model._encode_pair(TEXT * 3, " is it")
    with torch.no_grad():
        rows = torch.tensor([[whole[0], *[*whole, *after][-64:]]])
        assert rows[0, 0] == model.prefix_token_id, "begin-of-text stays"
        logprobs_TV = model.model(rows[:, :-1])[0].log_softmax(-1)
    expected = sum(float(logprobs_TV[place - len(after), token]) for place, token in enumerate(after))
    assert cut == pytest.approx(expected, abs=1e-4)


def test_cutting_leaves_something_of_the_prompt(final):
    """Else no cut helps, and none is advised."""
    folder = final("transformer")
    for too_long in ("error", "truncate_left"):
        model = Mmv2LM(folder, device="cpu", too_long=too_long)
        text = instances("generate_until", [(TEXT, {"until": [], "max_gen_toks": 63})])
        with pytest.raises(UserError, match=r"t: question 0: \d+ tokens .*; give model_args max_length=\d+ [^,]*$"):
            model.generate_until(text)
    text = instances("generate_until", [(TEXT, {"until": [], "max_gen_toks": 62})])
    model.generate_until(text)
    assert model.num_cut == 1


@pytest.fixture
def word_level(tmp_path):
    """A final/ folder whose tokenizer knows few words."""
    build_word_level([f"w{number}" for number in range(58)]).save(str(tmp_path / "tokenizer.json"))
    return write_final(tmp_path / "final", "transformer", tmp_path / "tokenizer.json")


@pytest.mark.parametrize("context", ["w1 w2", ""])
def test_a_word_that_the_tokenizer_lacks_is_told(word_level, context):
    model = Mmv2LM(word_level, device="cpu")
    asked = {
        "loglikelihood": (context, " w3 dragon"),
        "generate_until": (f"{context} dragon", {"until": []}),
        "loglikelihood_rolling": (f"{context} dragon",),
    }
    for kind, arguments in asked.items():
        with pytest.raises(UserError, match=r"^mmv2_obqa: question 0: the tokenizer has no token for 'dragon'; use"):
            getattr(model, kind)(instances(kind, [arguments], "mmv2_obqa"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"max_len": 3},
            r"model_args: 'max_len' is unknown; did you mean 'max_length'\? allowed: batch_size, device, ",
        ),
        ({"too_long": "cut"}, r"too_long: 'cut' is unknown; allowed: error, truncate_left"),
        ({"batch_size": "auto"}, r"batch_size: 'auto'; it must be a number from 1 on"),
        ({"batch_size": 0}, r"batch_size: 0; it must be a number"),
        *[({"max_length": n}, rf"max_length: '?{n}'?; it must be a number from 2 on") for n in (0, -1, 1, 2.5, "abc")],
        ({"device": "gpu"}, r"--device gpu: unknown; use cpu, cuda or"),
        ({"device": "mps"}, r"--device mps: unknown"),
    ],
)
def test_a_wrong_argument_is_told(tmp_path, arguments, message):
    with pytest.raises(UserError, match=message):
        Mmv2LM(tmp_path, **arguments)


def test_without_a_gpu_the_cpu_is_used_and_told(final, caplog, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    for device in ("cuda:0", None):
        caplog.clear()
        assert Mmv2LM(final("transformer"), device=device).get_model_info()["model_device"] == "cpu"
        assert "there is no GPU that torch can use" in caplog.text
    caplog.clear()
    Mmv2LM(final("transformer"), device="cpu")
    assert not caplog.text
    for device in ("cuda", "cuda:1"):
        with pytest.raises(UserError, match=rf"--device {device}: GPU \d is not there"):
            Mmv2LM(final("transformer"), device=device)


def test_one_thread_computes_as_in_evaluate(final):
    torch.set_num_threads(2)
    try:
        Mmv2LM(final("transformer"), device="cpu")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(1)


def test_samples_are_refused(final):
    model = Mmv2LM(final("transformer"), device="cpu")
    for options in ({"do_sample": True, "temperature": 1.0}, {"do_sample": True}):
        with pytest.raises(UserError, match=r"t: question 0: asks for sampled answers"):
            model.generate_until(instances("generate_until", [("Who?", {"until": [], **options})]))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"num_beams": 4}, r"num_beams: 4, but only greedy answers are given"),
        ({"repetition_penalty": 1.3}, r"repetition_penalty: 1\.3, but only greedy"),
        ({"num_beans": 4}, r"num_beans: unknown; did you mean 'num_beams'\? allowed: do_sample, max_gen_toks, "),
        ({"max_gen_toks": 0}, r"max_gen_toks: 0; it must be a number from 1 on"),
    ],
)
def test_settings_that_would_be_dropped_are_refused(final, settings, told):
    model = Mmv2LM(final("transformer"), device="cpu", max_length=512)
    with pytest.raises(UserError, match=rf"^t: question 0: .*{told}"):
        model.generate_until(instances("generate_until", [("Who?", {"until": [], **settings})]))


def test_settings_that_change_nothing_are_taken(final):
    model = Mmv2LM(final("transformer"), device="cpu")
    plain = {"until": [], "max_gen_toks": 9}
    neutral = {**plain, "num_beams": 1, "repetition_penalty": 1.0, "do_sample": False, "top_p": 0.95, "temperature": 0}
    found = [model.generate_until(instances("generate_until", [("Who?", asked)])) for asked in (plain, neutral)]
    assert found[0] == found[1]


def test_a_continuation_without_tokens_is_told(final):
    with pytest.raises(UserError, match=r"t: question 0: the continuation '' has no token of its own"):
        Mmv2LM(final("transformer"), device="cpu").loglikelihood(instances("loglikelihood", [("Who?", "")]))


def test_begin_of_text_is_not_doubled(final):
    model = Mmv2LM(final("transformer"), device="cpu")
    assert model.tok_encode(f"{BOS}Who") == model.tok_encode("Who")
    assert model.tok_encode("Who", add_special_tokens=False) == model.tok_encode("Who")[1:]
    plain, marked = model.loglikelihood(instances("loglikelihood", [("", "Who is"), ("", f"{BOS}Who is")]))
    assert plain == marked
