"""When a comparison of means is decided: 95 % intervals at the seeds that there are.

The difference d of a law's two sides is a function of the seeds of one row or several. Its variance is
the sum over the rows of the delete-one jackknife's (Efron, Stein 1981): for a mean that is the squared
standard error, and it also serves abs(), min(), ratios, and several columns of one row, whose figures
come from the same runs. The degrees of freedom are Welch's and Satterthwaite's.
"""

import ast
import math

# Two-sided 95 % quantiles of Student's t for 1, 2, ... degrees of freedom.
_T975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
         2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
         2.052, 2.048, 2.045, 2.042)


def t975(freedom):
    """The quantile at the next lower whole number of degrees; beyond the table an upper bound."""
    whole = max(1, int(freedom))
    return _T975[whole - 1] if whole <= len(_T975) else 1.96 + 2.5 / whole


def of_difference(difference, by_row):
    """The interval (low, high) of `difference(by_row)`; `by_row`: row -> seed -> column -> figure."""
    middle = difference(by_row)
    total, weights = 0.0, 0.0
    for row, seeds in by_row.items():
        n = len(seeds)
        if n < 2:
            return -math.inf, math.inf
        without = [difference({**by_row, row: {s: v for s, v in seeds.items() if s != left_out}})
                   for left_out in seeds]
        mean = math.fsum(without) / n
        variance = (n - 1) / n * math.fsum((value - mean) ** 2 for value in without)
        total += variance
        weights += variance**2 / (n - 1)
    if total == 0:
        return middle, middle
    half = t975(total**2 / weights) * math.sqrt(total)
    return middle - half, middle + half


def decide(operator, interval):
    """"holds" or "fails" where every value of the interval says so, else "undecided"."""
    low, high = interval
    if operator in (ast.Lt, ast.LtE):
        return decide(ast.Gt if operator is ast.Lt else ast.GtE, (-high, -low))
    if operator is ast.Gt:
        return "holds" if low > 0 else "fails" if high <= 0 else "undecided"
    if operator is ast.GtE:
        return "holds" if low >= 0 else "fails" if high < 0 else "undecided"
    equal = "holds" if low == high == 0 else "fails" if low > 0 or high < 0 else "undecided"
    if operator is ast.Eq:
        return equal
    return {"holds": "fails", "fails": "holds"}.get(equal, equal)
