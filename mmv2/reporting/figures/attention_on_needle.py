"""Where the last token looks when a needle is asked for, by the needle's depth."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmv2.errors import UserError
from mmv2.evaluation.statistics import Interval
from mmv2.reporting.accuracies import counts
from mmv2.reporting.attention import AttentionMap, check_of_reach, lacking, looked_at, maps, mean
from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._curves import curve, moved, offsets
from mmv2.reporting.style import REFERENCE, REFERENCE_DASHES, Look, legend_below, looks, new_panels, proxy

CHANCE = "Flat attention to all that a map holds (chance)"


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """Needle prompts of the runs' last stage: of the fine-tuned ones if there are any."""
    measured = looked_at(records)
    if measured["init_from"].notna().any():
        measured = measured[measured["init_from"].notna()]
    found = measured[measured["subtask"] == "needle"]
    if found.empty:
        raise UserError("records: attention was measured on windows of text alone; give its task needles")
    return found[found["context_length"].isin(_lengths(found))]


def _lengths(found: pd.DataFrame) -> list[int]:
    """The shortest, the training contexts and the longest."""
    lengths = set(found["context_length"])
    return sorted({min(lengths), *(lengths & set(found["training_context"])), max(lengths)})


def draw(records: pd.DataFrame) -> Figure:
    """Attention of the last token to a needle, by its depth: 0 is the beginning of the haystack, 1 its end.

    The last token is the one after which the needle's value would be answered; an example's prompts at all depths
    differ in the needle's place alone. A column is a context length: the shortest, the training context and the
    longest. Upper row: the head that looks at the needle most, of all layers, chosen anew for every prompt. Lower row:
    mean over layers and heads. Each map's attention adds up to 1 over the prompt. Points are means over prompts, bars
    95 % bootstrap intervals. Dotted, in the run's colour: chance, as if all that a map holds got the same, which is
    much where a short memory holds the needle, and nothing where it does not. A red cross marks a depth at which the
    check of reach fails: in some layer no map holds some group of positions or an end of the needle, as when a mask
    cuts early tokens; the legend's title tells it of all prompts of these runs, windows of text too. Runs have data
    budget 1, are fine-tuned ones where there are any, and are drawn slightly apart.
    """
    measured = shown(records)
    found = looks(measured)
    lengths = _lengths(measured)
    figure, grid = new_panels(2, len(lengths), width=max(2.9, 6.4 / len(lengths)), height=2.2, sharey=False)
    for number, length in enumerate(lengths):
        of_length = measured[measured["context_length"] == length]
        for row, kind in zip(grid, ("most attentive head", "mean of heads and layers"), strict=True):
            _panel(row[number], of_length, found, best=row is grid[0])
            row[number].set_title(f"{kind}, {length:,} tokens")
    for row in grid:
        row[0].set_ylabel("attention to the needle (%)")
    for axes in grid[-1]:
        axes.set_xlabel("depth (0: beginning, 1: end)")
    told = [proxy(CHANCE, linestyle=REFERENCE_DASHES["chance"], color=REFERENCE["color"])]
    told += lacking(maps(measured, found), found, "attention maps")
    number_told = counts(measured, ["run", "context_length", "depth"])
    verdict = check_of_reach(records[records["run"].isin(found)]).replace("; ", ";\n")
    legend_below(figure, f"{number_told} examples per point\n{verdict}", told)
    return figure


def _panel(axes: Axes, records: pd.DataFrame, found: dict[str, Look], best: bool) -> None:
    axes.set_xlim(-0.08, 1.08)
    of_maps = list(maps(records, found))
    moves = offsets(axes, [of_map.look.label for of_map in of_maps], records["depth"].nunique())
    for of_map in of_maps:
        offset = moves[of_map.look.label]
        curve(axes, _points(of_map, best), of_map.look, offset)
        chance = 100 * of_map.flat("marked").groupby(of_map.records["depth"]).mean()
        how = {**REFERENCE, "color": of_map.look.colour, "linestyle": REFERENCE_DASHES["chance"]}
        axes.plot(list(chance.index), list(chance), transform=moved(axes, offset), **how)
        axes.update_datalim(np.column_stack([chance.index, chance]))
    axes.autoscale_view(scalex=False)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    failed = sorted(set(records["depth"][records["score_in_reach"] < 1]))
    if failed:
        axes.plot(failed, np.zeros(len(failed)), "x", color="#CC0000", markersize=9, zorder=5, label="Check failed")


def _points(of_map: AttentionMap, best: bool) -> dict[float, Interval]:
    values = 100 * (of_map.most() if best else of_map.attention("marked"))
    by_depth = of_map.records.groupby("depth")
    return {float(str(depth)): mean(these, values[these.index]) for depth, these in by_depth}


FIGURE = FigureSpec(title="Attention to a needle by depth", shown=shown, draw=draw, remark=check_of_reach)
