"""Claims: comparisons between cells of the table, such as `pacgan2.modes > gan.modes`.

A law is a Python comparison of numbers, + - * /, abs(), min(), max() and cells ROW.COLUMN. Over
"mean" a cell is the mean of its seeds, and the law holds, fails or is undecided by the interval of the
difference at the seeds there are; over "seeds" the law must hold for every seed that all its cells
have. Text cells, such as a verdict's state, can be compared with == to a text.
"""

import ast
import dataclasses
import operator

from . import intervals
from .definition import StudyError

_BINARY = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
           ast.Div: operator.truediv}
_COMPARE = {ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Lt: operator.lt, ast.LtE: operator.le,
            ast.Eq: operator.eq, ast.NotEq: operator.ne}
_FUNCTIONS = {"abs": abs, "min": min, "max": max}


# Fewer seeds than this say nothing about others.
ENOUGH_SEEDS = 3


@dataclasses.dataclass(frozen=True)
class Judgement:
    claim: object
    state: str  # "holds", "fails", "undecided", or "not judged" where a cell has no figure
    numbers: str
    seeds: int = 0  # of the row that has the fewest
    interval: tuple | None = None  # of left - right, of the comparison that decided


class _Absent(Exception):
    pass


def parse_law(law):
    try:
        tree = ast.parse(law, mode="eval").body
    except SyntaxError as error:
        raise StudyError(f"claim '{law}': {error.msg}") from error
    if not isinstance(tree, ast.Compare):
        raise StudyError(f"claim '{law}' is not a comparison")
    return tree


def cells_of(tree):
    """The (row, column) pairs that a law speaks of."""
    return [(node.value.id, node.attr) for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]


def check_claims(study):
    """Every law must parse and speak of rows and columns that the study has."""
    rows = {row.name for row in study.rows}
    for claim in study.claims:
        for row, column in cells_of(parse_law(claim.law)):
            if row not in rows:
                raise StudyError(f"claim '{claim.law}': no row '{row}'")
            if study.column(column) is None:
                raise StudyError(f"claim '{claim.law}': no column '{column}'")


def judge(study, claim, table):
    """`table` is a summary.Table. See intervals.py for when a claim about means is decided."""
    tree = parse_law(claim.law)
    cells = cells_of(tree)
    try:
        if claim.over == "mean":
            return _judge_means(claim, tree, cells, table)
        seeds = _common_seeds(table, cells)
        results = [_compare(tree, lambda row, column, s=seed: table.cell(row, column).by_seed[s])
                   for seed in seeds]
        good = sum(holds for holds, _ in results)
        worst = next((sides for holds, sides in results if not holds), results[0][1])
        state = "holds" if good == len(results) else "fails"
        if state == "holds" and len(seeds) < ENOUGH_SEEDS:
            state = "undecided"
        return Judgement(claim, state, f"{good} of {len(results)} seeds, e.g. {_join(tree, worst)}",
                         len(seeds))
    except _Absent:
        return Judgement(claim, "not judged", "a row has no figure")


def _judge_means(claim, tree, cells, table):
    holds, sides = _compare(tree, lambda row, column: _mean(table, row, column))
    shown = _join(tree, sides)
    found = [table.cell(row, column) for row, column in cells]
    count = min((len(cell.by_seed) for cell in found), default=0)
    if any(isinstance(side, str) for side in sides):
        return Judgement(claim, "holds" if holds else "fails", shown, count)
    # Each link of `a < b < c` is a claim of its own.
    nodes = (tree.left, *tree.comparators)
    links = []
    for left, op, right in zip(nodes, tree.ops, nodes[1:]):
        def difference(by_row, left=left, right=right):
            def look_up(row, column):
                values = [by_row[row][seed][column] for seed in by_row[row]
                          if column in by_row[row][seed]]
                return sum(values) / len(values)
            return _value(left, look_up) - _value(right, look_up)

        interval = intervals.of_difference(difference, _by_row(cells, table))
        links.append((intervals.decide(type(op), interval), interval))
    states = [state for state, _ in links]
    state = next((s for s in ("fails", "undecided") if s in states), "holds")
    if count < ENOUGH_SEEDS and cells:
        state = "undecided"
    low, high = next(interval for s, interval in links if s == state or count < ENOUGH_SEEDS)
    return Judgement(claim, state, f"{shown}; difference {low:.3g} to {high:.3g}, {count} seeds",
                     count, (low, high))


def _by_row(cells, table):
    """row -> seed -> column -> figure, of the cells that a law speaks of."""
    found = {}
    for row, column in cells:
        for seed, value in table.cell(row, column).by_seed.items():
            found.setdefault(row, {}).setdefault(seed, {})[column] = value
    return found


def _mean(table, row, column):
    cell = table.cell(row, column)
    if cell is None or not cell.by_seed:
        raise _Absent
    if cell.mean is None:  # texts: one for all, or none that a law could equal
        texts = set(cell.by_seed.values())
        return texts.pop() if len(texts) == 1 else " and ".join(sorted(texts))
    return cell.mean


def _common_seeds(table, cells):
    found = [table.cell(row, column) for row, column in cells]
    if any(cell is None or not cell.by_seed for cell in found):
        raise _Absent
    seeds = set.intersection(*(set(cell.by_seed) for cell in found))
    if not seeds:
        raise _Absent
    return sorted(seeds)


def _compare(tree, look_up):
    values = [_value(node, look_up) for node in (tree.left, *tree.comparators)]
    pairs = zip(values, tree.ops, values[1:])
    return all(_COMPARE[type(op)](left, right) for left, op, right in pairs), values


def _value(node, look_up):
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float, str)):
        return node.value
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return look_up(node.value.id, node.attr)
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _BINARY[type(node.op)](_value(node.left, look_up), _value(node.right, look_up))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, look_up)
    if (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            and node.func.id in _FUNCTIONS and not node.keywords):
        return _FUNCTIONS[node.func.id](*(_value(n, look_up) for n in node.args))
    raise StudyError(f"claim: '{ast.unparse(node)}' is not understood")


def _join(tree, values):
    signs = {ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=", ast.Eq: "==", ast.NotEq: "!="}
    shown = [v if isinstance(v, str) else f"{v:.4g}" for v in values]
    text = shown[0]
    for op, value in zip(tree.ops, shown[1:]):
        text += f" {signs[type(op)]} {value}"
    return text
