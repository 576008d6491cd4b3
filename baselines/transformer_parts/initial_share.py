"""How far averages of raw keys and queries shrink the scores before training. Imports no torch."""

import math
import random
from functools import cache
from statistics import fmean

_TOKENS = 2**15
"""Of the document that is drawn: the error of its mean is below 1 %."""


@cache
def initial_share() -> float:
    """What is left of the scores' spread where gates average keys and queries, in the first block before training.

    A mean of independent features with weights w keeps the share sum w^2 / (sum w)^2 of their variance. A score is the
    product of two such means, so its standard deviation is, in the mean over positions, this share of that of raw ones.
    Gates are those of Table 6's initialisation on a token of unit root mean square: log g from a normal of variance
    1/2, -log lambda the size of another. The first few tokens of a document, which average less, count for nothing
    here: a number that depended on the context would change a model when it is fine-tuned on a longer one.
    """
    draw, sigma = random.Random(0).gauss, math.sqrt(0.5)
    total = squares = 0.0
    shares = []
    for _ in range(_TOKENS):
        gain, kept = math.exp(draw(0, sigma)), math.exp(-abs(draw(0, sigma)))
        total, squares = gain + kept * total, gain**2 + kept**2 * squares
        shares.append(squares / total**2)
    return fmean(shares)
