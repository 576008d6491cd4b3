"""What the 19 benchmarks are: task, metric, shots and split of each, and where its data come from.

Protocols: lm-eval 0.4.13, with task, metric and shots as docs/benchmarks.md argues, since the paper states none. Names
are the columns of results/published/table01_persistent_19.csv. Nothing here imports lm-eval or torch.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from mmv2.evaluation.persistent import converters, rows
from mmv2.evaluation.persistent.converters import Converter
from mmv2.evaluation.persistent.rows import Row


@dataclass(frozen=True)
class LocalFiles:
    """Files of one split in another layout than the Hub's."""

    path: str
    """Below the data root; ``{subset}`` stands for each subset in turn."""
    converter: Converter


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One benchmark."""

    name: str
    """Its column in the published table."""
    group: Literal["persistent", "context", "beside"]
    """persistent: one of the 13 that need no long-term memory; context: one of the 6 that do; beside: in no average."""
    task: str
    """lm-eval's task, or one of our own (mmv2_...) where it has none or a wrong one."""
    yaml: str | None
    """Its file below lm_eval/tasks, or a pattern whose asterisk is the name of a subset; None: our own."""
    shots: int
    """Demonstrations before each question."""
    metric: str
    """What the tables show, as lm-eval calls it: the metric and the filter that the answer goes through before."""
    split: str
    """The rows asked."""
    shots_split: str | None = None
    """The rows that demonstrations are drawn from, where there are any; None: they are fixed, part of the task."""
    row: type[Row]
    hub: str
    """The data set's name on the Hub; a subset's is its configuration there."""
    hub_config: str | None = None
    """Its configuration there, where there are no subsets."""
    subset_names: Mapping[str, str] = field(default_factory=dict)
    """lm-eval's name of a subset -> the Hub's, where they differ."""
    licence: str
    folder: str
    """Below the data root: holds <split>.jsonl or <split>.parquet with the Hub's columns, of each subset in a folder of
    its name."""
    local: Mapping[str, LocalFiles] = field(default_factory=dict)
    """Split -> files in another layout, read where those with the Hub's columns are not there."""
    measured: bool
    """Whether real files were there to test and measure with; otherwise it has been tried on hand-made rows alone."""
    runs_code: bool = False
    """Whether scores run code that the model wrote."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """What is added to lm-eval's own configuration of the task."""
    about: str
    """What to know of task, metric and data, for the documentation."""

    @cached_property
    def subsets(self) -> dict[str, str]:
        """The Hub's name of each subset -> lm-eval's file below its tasks; without subsets there is one, named ""."""
        if self.yaml is None or "*" not in self.yaml:
            return {"": self.yaml or ""}
        before, _, after = self.yaml.partition("*")
        files = [file.relative_to(harness_tasks()).as_posix() for file in sorted(harness_tasks().glob(self.yaml))]
        named = {file.removeprefix(before).removesuffix(after): file for file in files}
        return {self.subset_names.get(name, name): file for name, file in named.items() if not name.startswith("_")}


def harness_tasks() -> Path:
    """lm-eval's folder of task files; found without importing it."""
    found = importlib.util.find_spec("lm_eval")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "tasks"


_PERIOD_OPTIONAL = {
    "name": "period-optional",
    "filter": [
        {"function": "regex", "regex_pattern": r"(?<=the answer is )(.*?)(?=\.?(?:\n|$))"},
        {"function": "take_first"},
    ],
}
"""bbh's own filter drops the last character of the answer's line, which is meant to be a period."""

_MMLU_FILES = {
    split: LocalFiles(f"mmlu/data/{split}/{{subset}}_{split}.csv", converters.official_mmlu)
    for split in ("test", "dev")
}

_OURS = "mmv2_"
# fmt: off
_ALL = (
    Benchmark(
        name="obqa", group="persistent", task="openbookqa", yaml="openbookqa/openbookqa.yaml", shots=0,
        metric="acc_norm,none", split="test", shots_split="train", row=rows.Obqa,
        hub="allenai/openbookqa", hub_config="main", licence="Apache 2.0", folder="obqa", measured=True,
        local={"test": LocalFiles("obqa/commonsense_reasoning/openbook_qa.jsonl", converters.gauntlet_obqa)},
        about="The question alone; answer texts are ranked.",
    ),
    Benchmark(
        name="arc_easy", group="persistent", task="arc_easy", yaml="arc/arc_easy.yaml", shots=0,
        metric="acc_norm,none", split="test", shots_split="train", row=rows.Arc,
        hub="allenai/ai2_arc", hub_config="ARC-Easy", licence="CC BY-SA 4.0", folder="arc_easy", measured=True,
        local={"test": LocalFiles("arc_easy/world_knowledge/arc_easy.jsonl", converters.gauntlet_arc)},
        about="Answer texts are ranked, no options in the prompt. The paper may have used acc, which records hold too.",
    ),
    Benchmark(
        name="winogrande", group="persistent", task="winogrande", yaml="winogrande/default.yaml", shots=0,
        metric="acc,none", split="validation", shots_split="train", row=rows.Winogrande, hub="allenai/winogrande",
        hub_config="winogrande_xl", licence="CC BY", folder="winogrande", measured=True,
        local={"validation": LocalFiles("winogrande/language_understanding/winogrande.jsonl",
                                        converters.gauntlet_winogrande)},
        about="Partial scoring: the rest of the sentence is scored after each option.",
    ),
    Benchmark(
        name="arc_challenge", group="persistent", task="arc_challenge", yaml="arc/arc_challenge.yaml", shots=0,
        metric="acc_norm,none", split="test", shots_split="train", row=rows.Arc,
        hub="allenai/ai2_arc", hub_config="ARC-Challenge", licence="CC BY-SA 4.0",
        folder="arc_challenge", measured=True,
        local={"test": LocalFiles("arc_challenge/world_knowledge/arc_challenge.jsonl", converters.gauntlet_arc)},
        about="As arc_easy; the paper's 52.6 fits no letters (Llama 3: 25 shots, letters).",
    ),
    Benchmark(
        name="piqa", group="persistent", task="piqa", yaml="piqa/piqa.yaml", shots=0,
        metric="acc_norm,none", split="validation", shots_split="train", row=rows.Piqa, hub="baber/piqa",
        licence="Academic Free License 3.0", folder="piqa", measured=True,
        local={"validation": LocalFiles("piqa/piqa/data/valid.jsonl", converters.official_piqa)},
        about="Labels in a file of their own in the official layout.",
    ),
    Benchmark(
        name="boolq", group="persistent", task="boolq", yaml="super_glue/boolq/default.yaml", shots=0,
        metric="acc,none", split="validation", shots_split="train", row=rows.Boolq,
        hub="aps/super_glue", hub_config="boolq", licence="CC BY-SA 3.0", folder="boolq", measured=True,
        local={"validation": LocalFiles("boolq/reading_comprehension/boolq.jsonl", converters.gauntlet_boolq)},
        about="Ranks no and yes; version 2.0 of the task.",
    ),
    Benchmark(
        name="hellaswag", group="persistent", task="hellaswag", yaml="hellaswag/hellaswag.yaml", shots=0,
        metric="acc_norm,none", split="validation", shots_split="train", row=rows.Hellaswag, hub="Rowan/hellaswag",
        licence="MIT", folder="hellaswag", measured=True,
        local={"validation": LocalFiles("hellaswag/data/hellaswag.jsonl", converters.hub_lines)},
        about="lm-eval cleans the texts. The file at hand is a sample of 1,000 of the 10,042 rows.",
    ),
    Benchmark(
        name="nq", group="persistent", task="nq_open", yaml="nq_open/nq_open.yaml", shots=0,
        metric="exact_match,remove_whitespace", split="validation", shots_split="train", row=rows.NqOpen,
        hub="google-research-datasets/nq_open", licence="CC BY-SA 3.0", folder="nq_open", measured=True,
        local={"validation": LocalFiles("nq_open/nq_open/NQ-open.dev.jsonl", converters.hub_lines)},
        about="The answer ends at a line break, a full stop or a comma. Others use 5 shots, for which train is needed.",
    ),
    Benchmark(
        name="siqa", group="persistent", task="social_iqa", yaml="siqa/siqa.yaml", shots=0,
        metric="acc,none", split="validation", shots_split="train", row=rows.Siqa, hub="lighteval/siqa",
        licence="CC BY", folder="siqa", measured=True,
        local={"validation": LocalFiles("siqa/data/socialiqa/dev.jsonl", converters.common_bench_siqa)},
        about="Answer texts are ranked; lm-eval has no acc_norm here.",
    ),
    Benchmark(
        name="tqa", group="persistent", task="triviaqa", yaml="triviaqa/default.yaml", shots=0,
        metric="exact_match,remove_whitespace", split="validation", shots_split="train", row=rows.TriviaQa,
        hub="mandarjoshi/trivia_qa", hub_config="rc.nocontext", licence="not stated by its authors",
        folder="triviaqa", measured=False,
        about="The answer ends at a line break, a full stop or a comma, which cuts \"J.R.R.\"; Llama 3: 5 shots.",
    ),
    Benchmark(
        name="gsm8k", group="persistent", task="gsm8k_cot", yaml="gsm8k/gsm8k-cot.yaml", shots=8,
        metric="exact_match,strict-match", split="test", row=rows.Gsm8k, hub="openai/gsm8k", hub_config="main",
        licence="MIT", folder="gsm8k", measured=True,
        local={"test": LocalFiles("gsm8k/grade_school_math/data/test.jsonl", converters.hub_lines)},
        about="Eight worked examples that are part of the task (Llama 3's setting); records hold both filters.",
    ),
    Benchmark(
        name="mmlu_alt", group="persistent", task="mmlu_continuation", yaml="mmlu/continuation/mmlu_*.yaml", shots=0,
        metric="acc,none", split="test", shots_split="dev", row=rows.Mmlu, hub="cais/mmlu", licence="MIT",
        folder="mmlu", measured=True, local=_MMLU_FILES,
        about="\"mmlu alt\" is not defined; small models' scores point to ranked answer texts. The files at hand hold "
        "the first 40 questions of each of the 57 subjects.",
    ),
    Benchmark(
        name="humaneval_plus", group="persistent", task=f"{_OURS}humaneval_plus", yaml=None, shots=0,
        metric="pass@1,none", split="test", row=rows.HumanEval, hub="evalplus/humanevalplus",
        licence="Apache 2.0", folder="humaneval_plus", measured=False, runs_code=True,
        about="Our own task: lm-eval's needs the network when it loads and runs code unconfined.",
    ),
    Benchmark(
        name="squad", group="context", task=f"{_OURS}squad", yaml=None, shots=0,
        metric="exact_match,none", split="validation", shots_split="train", row=rows.Squad, hub="rajpurkar/squad",
        hub_config="plain_text", licence="CC BY-SA 4.0", folder="squad", measured=True,
        local={"validation": LocalFiles("squad/data/dev-v2.0.json", converters.official_squad)},
        about="Our own task, version 1.1 with exact match, which lm-eval lacks. The file at hand is half of 2.0's "
        "development file, of which the questions with an answer are asked.",
    ),
    Benchmark(
        name="bbh", group="context", task="bbh_cot_fewshot", yaml="bbh/cot_fewshot/*.yaml", shots=3,
        metric="exact_match,get-answer", split="test", row=rows.Bbh, hub="SaylorTwift/bbh", licence="MIT",
        folder="bbh", measured=True, changes={"filter_list": [_PERIOD_OPTIONAL]},
        local={"test": LocalFiles("bbh/bbh/{subset}.json", converters.official_bbh)},
        about="Three worked examples that are part of the task, 27 subtasks. lm-eval's filter takes a right answer "
        "without a period for wrong; records hold a second one, period-optional.",
    ),
    Benchmark(
        name="math", group="context", task="minerva_math", yaml="minerva_math/minerva_math_*.yaml", shots=4,
        metric="exact_match,none", split="test", row=rows.Math, hub="EleutherAI/hendrycks_math", licence="MIT",
        folder="math", measured=False,
        subset_names={"counting_and_prob": "counting_and_probability", "num_theory": "number_theory",
                      "precalc": "precalculus"},
        about="Minerva's four worked examples; needs sympy, math_verify and antlr4 (lm-eval[math]).",
    ),
    Benchmark(
        name="mbpp", group="context", task=f"{_OURS}mbpp", yaml=None, shots=3,
        metric="pass@1,none", split="test", row=rows.Mbpp, hub="google-research-datasets/mbpp", hub_config="full",
        licence="CC BY 4.0", folder="mbpp", measured=True, runs_code=True,
        local={"test": LocalFiles("mbpp/data/mbpp.jsonl", converters.official_mbpp)},
        about="Our own task, for the same reasons; the official test split, task_id 11 to 510.",
    ),
    Benchmark(
        name="race_middle", group="context", task=f"{_OURS}race_middle", yaml=None, shots=0,
        metric="acc,none", split="test", shots_split="train", row=rows.Race, hub="ehovy/race", hub_config="middle",
        licence="for research only", folder="race_middle", measured=False,
        about="Our own task: lm-eval has none.",
    ),
    Benchmark(
        name="race_high", group="context", task=f"{_OURS}race_high", yaml=None, shots=0,
        metric="acc,none", split="test", shots_split="train", row=rows.Race, hub="ehovy/race", hub_config="high",
        licence="for research only", folder="race_high", measured=False,
        about="Our own task, every question for itself: lm-eval asks the last one of each article alone, after the "
        "others with their answers.",
    ),
    Benchmark(
        name="mmlu_letters", group="beside", task="mmlu", yaml="mmlu/default/mmlu_*.yaml", shots=5,
        metric="acc,none", split="test", shots_split="dev", row=rows.Mmlu, hub="cais/mmlu", licence="MIT",
        folder="mmlu", measured=True, local=_MMLU_FILES,
        about="Not one of the 19: the usual MMLU, to report beside mmlu_alt.",
    ),
    Benchmark(
        name="humaneval", group="beside", task=f"{_OURS}humaneval", yaml=None, shots=0,
        metric="pass@1,none", split="test", row=rows.HumanEval, hub="openai/openai_humaneval",
        licence="MIT", folder="humaneval", measured=True, runs_code=True,
        local={"test": LocalFiles("humaneval/data/HumanEval.jsonl.gz", converters.hub_lines)},
        about="Not one of the 19: humaneval_plus with the few tests of the original, which more programs pass.",
    ),
)
# fmt: on
BENCHMARKS = {one.name: one for one in _ALL}
PUBLISHED = tuple(one.name for one in _ALL if one.group != "beside")
"""The 19 of Table 1, in its order."""
