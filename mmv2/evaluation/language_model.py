"""Our models as lm-eval knows language models: any final/ folder, of any registered architecture.

Every text begins with begin-of-text. Contexts that begin alike within a task share the state of that beginning, and all
continuations of a context the state after it; nothing is padded, and results depend neither on the batch size nor on
the order of requests.
"""

import logging
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.api.registry import register_model
from lm_eval.models.utils import normalize_gen_kwargs
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window
from torch import Tensor
from tqdm import tqdm  # type: ignore[import-untyped]

from mmv2.data.tokenizer import marker_ids
from mmv2.errors import UserError, choices
from mmv2.evaluation.answering import stopped
from mmv2.evaluation.continuations import Ids, batches, likelihoods
from mmv2.evaluation.generation import answer, read
from mmv2.evaluation.prompts import begun_ids, common_length, known_ids
from mmv2.evaluation.reading import predict_tokens
from mmv2.evaluation.scoring import until
from mmv2.files import sha256
from mmv2.final import WEIGHTS, load_final
from mmv2.layers.decoder import DecoderState
from mmv2.registry import architecture
from mmv2.training.parallel import find_device

SHARED_TOKENS = 32
"""A beginning that a task's contexts share is read once, from this length on."""
TOO_LONG = ("error", "truncate_left")
DEFAULT_DEVICE = "cuda:0"
"""What lm-eval asks for where the user names no device."""
GREEDY = {"num_beams": 1, "num_return_sequences": 1, "repetition_penalty": 1, "no_repeat_ngram_size": 0}
"""Generation settings with the values that leave an answer the greedy one."""
OF_DRAWS = ("top_p", "top_k", "min_p")
"""Generation settings that say how to draw; of any value, as nothing is drawn."""


@register_model("mmv2")
class Mmv2LM(TemplateLM):  # type: ignore[misc]  # lm-eval is untyped
    """``--model mmv2 --model_args pretrained=results/<suite>/runs/<run>/final``."""

    def __init__(
        self,
        pretrained: str | Path,
        batch_size: int | str = 1,
        max_batch_size: int | None = None,
        device: str | None = None,
        max_length: int | str | None = None,
        too_long: str = "error",
        **unknown: Any,
    ):
        """Load the model; torch computes on one thread from here on, as in ``evaluate``.

        Args:
            pretrained: final/ folder.
            batch_size: rows computed together.
            max_batch_size: of lm-eval, for a batch size that is found automatically; not used.
            device: cpu, cuda or such as cuda:1. None, and lm-eval's own default cuda:0: the CPU where there is no GPU,
                which is told.
            max_length: tokens that a request may have, from 2 on; None: the training context. Models may read further.
            too_long: ``error``, or ``truncate_left``: cut the beginning of a prompt behind its begin-of-text; the
                number of requests cut is told in the results.
            unknown: further model_args, an error.

        Raises:
            UserError: an argument is unknown or out of range, there is no such GPU, or the folder is no final/ folder.
        """
        super().__init__()
        if unknown:
            name = min(unknown)
            known = ("pretrained", "batch_size", "device", "max_length", "too_long")
            raise UserError(f"model_args: {name!r} is unknown; {choices(name, known)}")
        self.batch_size = _number("batch_size", batch_size, 1)
        length = None if max_length is None else _number("model_args: max_length", max_length, 2)
        if too_long not in TOO_LONG:
            raise UserError(f"model_args: too_long: {too_long!r} is unknown; {choices(too_long, TOO_LONG)}")
        self._device = _device(device)
        torch.set_num_threads(1)
        self.folder = Path(pretrained)
        self.final = load_final(self.folder)
        self.max_length = length or self.final.config.max_seq_len
        self.too_long = too_long
        self.num_cut = 0
        self.model = self.final.model.to(self._device)
        self._bos_id, self._eos_id = marker_ids(self.final.tokenizer)

    @property
    def eot_token_id(self) -> int:
        return self._eos_id

    @property
    def prefix_token_id(self) -> int:
        return self._bos_id

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, source: str = "lm-eval", **kwargs: Any
    ) -> list[int]:
        """Token ids, after begin-of-text unless the text has it itself or it is not wanted.

        Raises:
            UserError: the tokenizer does not know some word of ``source``.
        """
        encode = known_ids if add_special_tokens is False else begun_ids
        return encode(self.final.tokenizer, string, source)

    def loglikelihood(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Of each continuation after its context: log-likelihood, and whether it is the greedy one.

        Contexts are encoded with their continuations, as lm-eval does it: blanks at a context's end go to the
        continuation, whose tokens are those of both less those of the context.
        """
        pairs = [self._pair(request) for request in requests]
        found: dict[int, tuple[float, bool]] = {}
        with tqdm(total=len(requests), desc="log-likelihoods", disable=disable_tqdm) as progress:
            for prefix, numbers in self._sharing(requests, [context for context, _ in pairs]):
                state = self._read_prefix(prefix)
                of_context: dict[Ids, list[int]] = defaultdict(list)
                for number in numbers:
                    of_context[pairs[number][0][len(prefix) :]].append(number)
                rests = list(of_context)
                for batch in batches(rests, self.batch_size, slack=0):
                    contexts = [rests[place] for place in batch]
                    asked = [of_context[context] for context in contexts]
                    continuations = [[pairs[number][1] for number in own] for own in asked]
                    likely = likelihoods(self.model, contexts, continuations, state)
                    found |= zip(chain.from_iterable(asked), chain.from_iterable(likely), strict=True)
                    progress.update(sum(map(len, asked)))
        for number, request in enumerate(requests):
            self.cache_hook.add_partial("loglikelihood", request.args, found[number])
        return [found[number] for number in range(len(requests))]

    def _pair(self, request: Instance) -> tuple[Ids, Ids]:
        context, continuation = request.args
        ids = self.tok_encode(context.rstrip(), source=_name(request))
        after = self.tok_encode(context + continuation, source=_name(request))[len(ids) :]
        if not after:
            raise UserError(f"{_name(request)}: the continuation {continuation!r} has no token of its own")
        return self._fitting(request, ids, len(after) - 1), tuple(after)

    def _fitting(self, request: Instance, context: Sequence[int], after: int) -> Ids:
        """The context, which with so many tokens read after it must not be longer than ``max_length``."""
        length, room = len(context) + after, self.max_length - after
        if length <= self.max_length:
            return tuple(context)
        can_be_cut = room > 1  # something of the prompt is left behind begin-of-text
        if self.too_long == "error" or not can_be_cut:
            cut = ", or too_long=truncate_left to cut the beginning" if can_be_cut else ""
            raise UserError(
                f"{_name(request)}: {length} tokens with begin-of-text and what follows the prompt, but max_length is "
                f"{self.max_length} (the model was trained on {self.final.config.max_seq_len}); give model_args "
                f"max_length={length} to let the model read that far{cut}"
            )
        self.num_cut += 1
        return context[0], *context[1 - room :]

    def _sharing(self, requests: Sequence[Instance], contexts: Sequence[Ids]) -> Iterator[tuple[Ids, list[int]]]:
        """Numbers of the requests of each task, and what all their contexts begin with."""
        tasks: dict[str | None, list[int]] = defaultdict(list)
        for number, request in enumerate(requests):
            tasks[request.task_name].append(number)
        for numbers in tasks.values():
            of_task = {contexts[number] for number in numbers}
            # Something of every context is left to be read.
            common = min(common_length(list(of_task)), min(map(len, of_task)) - 1)
            shared = common if len(of_task) > 1 and common >= SHARED_TOKENS else 0
            yield contexts[numbers[0]][:shared], numbers

    @torch.inference_mode()
    def _read_prefix(self, prefix: Ids) -> DecoderState | None:
        return read(self.model, self._tokens([prefix]))[1] if prefix else None

    def loglikelihood_rolling(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[float]:
        """Log-likelihood of whole texts; longer ones are read in lm-eval's windows of ``max_length`` tokens."""
        found = []
        for request in tqdm(requests, desc="texts", disable=disable_tqdm):
            windows = get_rolling_token_windows(
                self.tok_encode(request.args[0], add_special_tokens=False, source=_name(request)),
                self._bos_id,
                self.max_length,
                1,
            )
            total = math.fsum(self._window(*make_disjoint_window(window)) for window in windows)
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, total)
            found.append(total)
        return found

    def _window(self, context: Sequence[int], text: Sequence[int]) -> float:
        first, *rest = [*context, *text]
        bits_BT, _ = predict_tokens(self.model, self._tokens([rest]), first)
        return -math.log(2) * float(bits_BT[0, -len(text) :].sum())

    def _loglikelihood_tokens(self, requests: Any, **kwargs: Any) -> list[tuple[float, bool]]:
        raise NotImplementedError("loglikelihood and loglikelihood_rolling read their requests themselves")

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        """Greedy text after each context, cut at the first stop; end-of-text and ``max_gen_toks`` end it too."""
        limits = [self._limits(request) for request in requests]
        contexts = [
            self._fitting(request, self.tok_encode(request.args[0], source=_name(request)), budget)
            for request, (budget, _) in zip(requests, limits, strict=True)
        ]
        found = [""] * len(requests)
        with tqdm(total=len(requests), desc="answers", disable=disable_tqdm) as progress:
            for prefix, numbers in self._sharing(requests, contexts):
                state = self._read_prefix(prefix)
                for budget in sorted({limits[number][0] for number in numbers}):
                    asked = [number for number in numbers if limits[number][0] == budget]
                    rows = [contexts[number][len(prefix) :] for number in asked]
                    for batch in batches(rows, self.batch_size, slack=budget):
                        ended = [stopped(self.final.tokenizer, limits[asked[place]][1]) for place in batch]
                        prompts = [rows[place] for place in batch]
                        answers = answer(self.model, prompts, budget, self._eos_id, state, ended=ended)
                        for place, one in zip(batch, answers, strict=True):
                            text = self.final.tokenizer.decode(list(one.ids))
                            found[asked[place]] = until(text, limits[asked[place]][1])
                        progress.update(len(batch))
        for request, text in zip(requests, found, strict=True):
            self.cache_hook.add_partial("generate_until", request.args, text)
        return found

    def _limits(self, request: Instance) -> tuple[int, list[str]]:
        """Budget and stops; all other settings must leave the answer the greedy one."""
        wanted: dict[str, Any] = dict(normalize_gen_kwargs(request.args[1]))
        budget, stops = wanted.pop("max_gen_toks"), wanted.pop("until")
        if wanted.pop("do_sample") or wanted.pop("temperature", 0):
            raise UserError(
                f"{_name(request)}: asks for sampled answers ({request.args[1]}); only greedy ones are given"
            )
        for key in sorted(wanted.keys() - set(OF_DRAWS)):
            where = f"{_name(request)}: generation settings: {key}"
            if key not in GREEDY:
                known = ("do_sample", "max_gen_toks", "temperature", "until", *GREEDY, *OF_DRAWS)
                raise UserError(f"{where}: unknown; {choices(key, known)}")
            if wanted[key] != GREEDY[key]:
                raise UserError(f"{where}: {wanted[key]!r}, but only greedy answers are given; leave it out")
        return _number(f"{_name(request)}: max_gen_toks", budget, 1), list(stops)

    def get_model_info(self) -> dict[str, Any]:
        """For lm-eval's results: which weights, and what was decided about begin-of-text and length."""
        kept = ("run", "step", "reduction", "fingerprint")
        return {
            "model_arch": self.final.arch,
            "model_label": architecture(self.final.arch).label_for(self.final.config),
            "model_num_parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "model_sha": sha256(self.folder / WEIGHTS),
            "training_context": self.final.config.max_seq_len,
            "model_device": str(self._device),
            "begin_of_text": True,
            "max_length": self.max_length,
            "too_long": self.too_long,
            "requests_cut": self.num_cut,
            **{key: self.final.provenance.get(key) for key in kept},
        }

    def _tokens(self, rows: Sequence[Sequence[int]]) -> Tensor:
        return torch.tensor(rows, device=self._device)


def _device(name: str | None) -> torch.device:
    """The device of that name; where the user need not have named one, the CPU if there is no GPU."""
    if name in (None, DEFAULT_DEVICE) and not torch.cuda.device_count():
        logging.getLogger(__name__).warning("there is no GPU that torch can use; the CPU is used")
        return torch.device("cpu")
    return find_device(name)


def _number(name: str, value: int | str, least: int) -> int:
    if not str(value).isdecimal() or int(value) < least:
        raise UserError(f"{name}: {value!r}; it must be a number from {least} on")
    return int(value)


def _name(request: Instance) -> str:
    return f"{request.task_name or 'lm-eval'}: question {request.doc_id}"
