"""Random probabilistic finite automata, the strings they make, and n-gram models of those strings.

As in RegBench (Akyurek et al. 2024, "In-context language learning: architectures and algorithms"), by its code
(``RandomDFASampler``): a state has a few outgoing edges, each with a symbol of its own and another state at its end,
all equally probable; every state may be the last of a string. So a language is known by which symbols may follow, and
strings of any length belong to it. Of each language the smallest automaton is taken.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from numpy.random import Generator


@dataclass(frozen=True)
class Automaton:
    """States are numbers; the first is 0."""

    edges: tuple[Mapping[str, int], ...]
    """By state, symbol -> next state. Every state has an edge, and all of its edges are equally probable."""

    @property
    def symbols(self) -> frozenset[str]:
        """All that stand on an edge."""
        return frozenset(symbol for own in self.edges for symbol in own)

    def next_symbols(self, symbols: Sequence[str]) -> tuple[str, ...]:
        """Symbols that may follow a string of the language, sorted."""
        state = 0
        for symbol in symbols:
            state = self.edges[state][symbol]
        return tuple(sorted(self.edges[state]))

    def string(self, length: int, rng: Generator) -> tuple[str, ...]:
        """A string of that length."""
        state, symbols = 0, []
        for _ in range(length):
            options = sorted(self.edges[state])
            symbols.append(options[rng.integers(len(options))])
            state = self.edges[state][symbols[-1]]
        return tuple(symbols)


def random_automaton(states: int, alphabet: Sequence[str], num_edges: tuple[int, int], rng: Generator) -> Automaton:
    """The smallest automaton of the language that so many states, at least two, make.

    Every state gets so many edges (ends included, at most one for each symbol and for each other state), to different
    states other than itself; their symbols and ends are drawn.
    """
    low, high = (min(bound, len(alphabet), states - 1) for bound in num_edges)
    edges = []
    for state in range(states):
        number = rng.integers(low, high + 1)
        symbols = rng.permutation(len(alphabet))[:number]
        ends = rng.permutation([other for other in range(states) if other != state])[:number]
        edges.append({alphabet[place]: int(end) for place, end in zip(symbols, ends, strict=True)})
    return smallest(edges)


def smallest(edges: Sequence[Mapping[str, int]]) -> Automaton:
    """The automaton with the fewest states that makes the same strings, each as probable as before.

    States after which the same strings may come are one (Moore's refinement); they have the same symbols, so that
    probabilities stay. States that no string leads to are left out.
    """
    kinds, number = [0] * len(edges), 1
    while True:
        told = [tuple(sorted((symbol, kinds[end]) for symbol, end in own.items())) for own in edges]
        numbers = {one: place for place, one in enumerate(dict.fromkeys(told))}
        kinds = [numbers[one] for one in told]
        if len(numbers) == number:
            break
        number = len(numbers)
    member = dict(zip(kinds, edges, strict=True))
    reached = [kinds[0]]
    for kind in reached:  # grows as it is walked through
        for _, end in sorted(member[kind].items()):
            if kinds[end] not in reached:
                reached.append(kinds[end])
    return Automaton(
        tuple({symbol: reached.index(kinds[end]) for symbol, end in member[kind].items()} for kind in reached)
    )


def ngram(strings: Sequence[Sequence[str]], beginning: Sequence[str], order: int) -> dict[str, float]:
    """What followed the ending of ``beginning`` in the strings, and in itself: symbol -> relative frequency.

    The ending is the longest of at most ``order - 1`` symbols that anything followed, the start of a string being one
    symbol more; with none of them the frequencies of all symbols. Empty where there is no symbol at all.
    """
    texts = [(None, *string) for string in (*strings, beginning)]
    last = texts[-1]
    for length in range(min(order - 1, len(last)), -1, -1):
        ending = last[len(last) - length :]
        followers = Counter(
            text[place]
            for text in texts
            for place in range(max(1, length), len(text))
            if text[place - length : place] == ending
        )
        if followers:
            return {str(symbol): count / followers.total() for symbol, count in followers.items()}
    return {}


def most_probable(distribution: Mapping[str, float]) -> str:
    """Of equally probable symbols the first in the alphabet; empty where there is none."""
    return min(distribution, key=lambda symbol: (-distribution[symbol], symbol), default="")


def overlap(some: Mapping[str, float], others: Mapping[str, float]) -> float:
    """One minus the total variation distance of two distributions: the probability that they share."""
    return sum(min(probability, others.get(symbol, 0.0)) for symbol, probability in some.items())
