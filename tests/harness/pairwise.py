"""A small set of runs in which every two values of any two factors meet at least once.

Greedy and without chance: the same table gives the same runs. Pure; used by environments.py for `make matrix`.
"""

import itertools


def pairs(row):
    """All pairs of (factor, value) in @row."""
    return {frozenset(pair) for pair in itertools.combinations(row.items(), 2)}


def all_pairs(factors):
    wanted = set()
    for one, two in itertools.combinations(factors, 2):
        wanted |= {frozenset(((one, a), (two, b))) for a in factors[one] for b in factors[two]}
    return wanted


def cover(factors):
    """Rows ({factor: value}) that together hold every pair; each is the one that adds the most new pairs."""
    rows = [dict(zip(factors, values)) for values in itertools.product(*factors.values())]
    missing = all_pairs(factors)
    chosen = []
    while missing:
        best = max(rows, key=lambda row: len(pairs(row) & missing))
        chosen.append(best)
        missing -= pairs(best)
    return chosen
