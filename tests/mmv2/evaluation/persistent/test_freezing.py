"""Frozen examples are lm-eval's requests: the whole prompt, the choices, budget and stops."""

import pytest

from mmv2.data.tokenizer import load_tokenizer, train_bpe
from mmv2.errors import UserError
from mmv2.evaluation.frozen import Encoder
from mmv2.evaluation.persistent.freezing import Question, example, questions, shared_beginning
from mmv2.evaluation.persistent.harness import load_task
from mmv2.evaluation.persistent.table import BENCHMARKS

TEXT_TASKS = [name for name, one in BENCHMARKS.items() if not one.runs_code]


@pytest.fixture
def encoder(tokenizer_file):
    return Encoder(load_tokenizer(tokenizer_file))


def drawn(name, root, encoder, number=3, seed=42):
    one = BENCHMARKS[name]
    return list(questions(one, one.shots, number, seed, root, False, encoder))


@pytest.mark.parametrize("name", TEXT_TASKS)
def test_examples_hold_what_lm_eval_asks(name, root_of, encoder, no_network):
    one, root = BENCHMARKS[name], root_of(name)
    found = drawn(name, root, encoder)
    assert len(found) == 3
    for asked in found:
        frozen = example(one, one.shots, asked, 65536, 1024, encoder)
        task = load_task(one, asked.subset, one.shots, root)
        row = int(asked.id.rpartition("/")[2])
        doc = task.document(task.rows[row])
        whole = asked.shared + frozen.prompt
        for place, request in enumerate(task.requests(doc, row)):
            if request.request_type == "generate_until":
                limits = request.args[1]
                assert whole == request.args[0]
                assert (frozen.stops, frozen.max_new_tokens) == (
                    tuple(limits["until"]),
                    limits.get("max_gen_toks", 256),
                )
            else:
                head = frozen.choice_heads[place] if frozen.choice_heads else ""
                assert whole + head + frozen.choices[place].removeprefix(head) == "".join(request.args)
                assert (whole + head).rstrip(" ") == request.args[0].rstrip(" "), "what is scored is the continuation"
                assert frozen.max_new_tokens == 0
        if frozen.choices:
            assert frozen.references == (frozen.choices[task.right_choice(doc)].strip(),)
        of_table = {"group": one.group, "published": "" if one.group == "beside" else name, "subset": asked.subset}
        budget = frozen.max_new_tokens
        budgets = {"max_new_tokens": budget, "protocol_max_new_tokens": budget} if budget else {}
        assert frozen.details == of_table | budgets
        assert frozen.document == task.rows[row]


def test_questions_are_drawn_from_all_subsets_by_the_seed(data_root, encoder):
    one, other = drawn("mmlu_alt", data_root, encoder, 12), drawn("mmlu_alt", data_root, encoder, 12, seed=43)
    assert len({asked.subset for asked in one}) > 6
    assert {asked.id for asked in one} != {asked.id for asked in other}
    assert {asked.id for asked in drawn("mmlu_alt", data_root, encoder, 5)} < {asked.id for asked in one}


def test_worked_examples_are_shared(data_root, encoder):
    found = drawn("gsm8k", data_root, encoder)
    assert len({asked.shared for asked in found}) == 1
    assert found[0].shared.count("The answer is") == 8
    assert len(found[0].prompt) < 1000


def test_a_shared_beginning_ends_where_no_token_reaches_across(encoder):
    start = "Answer these questions, please, as shortly as you can, in a word or two, and nothing more than that.\n\n"
    texts = [f"{start}Q: {name} lives where?" for name in ("Ann", "Bert")]
    shared = shared_beginning(encoder, texts)
    assert all(text.startswith(shared) for text in texts)
    assert len(shared) >= len(start) - 2
    for text in texts:
        assert encoder.ids(shared) + encoder.ids(text.removeprefix(shared)) == encoder.ids(text)
    assert shared_beginning(encoder, texts[:1]) == "", "one question shares nothing"
    assert shared_beginning(encoder, ["Q: one", "Q: two"]) == "", "too short to be worth it"
    assert texts[0] != shared_beginning(encoder, [texts[0], texts[0]]), "something is left to be read"


def test_a_shared_beginning_is_shortened_where_a_token_would_reach_across():
    """Two line breaks at the end of a text are one token of this tokenizer, before a letter they are two."""
    encoder = Encoder(train_bpe(["a\n\n"] * 9, 259))
    start = "x" * 40
    assert len(encoder.ids(f"{start}\n\n")) == 41
    assert shared_beginning(encoder, [f"{start}\n\ny", f"{start}\n\nz"]) == f"{start}\n"


def test_a_prompt_that_does_not_fit_is_told(encoder):
    asked = Question(id="virology/7", subset="virology", document={}, prompt="x y z", references=("a",), budget=256)
    one = BENCHMARKS["mmlu_alt"]
    needed = example(one, 0, asked, 1000, 1024, encoder).num_tokens
    assert example(one, 0, asked, needed, 1024, encoder).num_tokens == needed
    with pytest.raises(
        UserError, match=rf"context_lengths: {needed - 1}: row virology/7 of mmlu_alt needs {needed} tok"
    ):
        example(one, 0, asked, needed - 1, 1024, encoder)
    cut = example(one, 0, asked, needed - 1, 16, encoder)
    assert cut.num_tokens == needed - 240, "a smaller budget makes room"
    told = {key: cut.details[key] for key in ("max_new_tokens", "protocol_max_new_tokens")}
    assert told == {"max_new_tokens": 16, "protocol_max_new_tokens": 256}
