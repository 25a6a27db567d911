"""How the language enters the reward: `rewards.language_shape`. w is the weight of fidelity, others the sum of all other terms.

    add        others + w fidelity                                      SP3F (arXiv 2601.18722): the language has a price of its own
    gated      fidelity (others + w)                                    in a wrong language nothing counts
    adaptive   others + w B g(t/T) accuracy fidelity                    a bonus on right answers that grows with the steps
               g(x) = max((1 - cos(pi x)) / 2, 0.1)

`gated` is the idea of M-Thinker (arXiv 2510.07300), whose own scale is -1 in a wrong language, 0 if wrong, from 1 on if right.
`adaptive` is AdaMame's alignment term (arXiv 2606.15080; B is 2 in its scripts), which divides advantages by their standard
deviation as well, and has accuracy alone as other term.

TRL sums terms linearly. So the shape is a term of its own, `shape`, that holds what it adds to the sum of `add`: all other terms
are logged as they are.
"""

from math import cos, pi

from sp3f_lib.profiles.sections import Rewards

_LEAST = 0.1  # of g, in AdaMame's code


def shape(completions, **_) -> list[float]:
    """The place of the term among TRL's reward functions; SP3FTrainer fills it once all others are there."""
    return [0.0] * len(completions)


def growth(progress: float) -> float:
    """g: the share of the bonus at `progress` = step / all steps.

    >>> growth(0), round(growth(0.5), 3), growth(1)
    (0.1, 0.5, 1.0)
    """
    return max((1 - cos(pi * progress)) / 2, _LEAST)


def shape_term(rewards: Rewards, others, accuracy, fidelity, progress: float):
    """What the shape adds to `others` + weight x `fidelity`: numbers, or tensors of one shape.

    A right answer in a wrong language loses all in `gated`, and gains nothing in `adaptive`:

    >>> shape_term(Rewards(language_shape="gated"), others=2.0, accuracy=1.0, fidelity=0.0, progress=0.5)
    -2.0
    >>> shape_term(Rewards(language_shape="adaptive"), others=2.0, accuracy=1.0, fidelity=0.0, progress=0.5)
    0.0
    """
    weight, added = rewards.fidelity, others + rewards.fidelity * fidelity
    if rewards.language_shape == "gated":
        return fidelity * (others + weight) - added
    if rewards.language_shape == "adaptive":
        return others + weight * rewards.language_bonus * growth(progress) * accuracy * fidelity - added
    return 0 * added
