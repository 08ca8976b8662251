"""The picture of fitted densities: p with the Gaussian that each divergence fits to it.

For studies whose rows define `a` (p = 1/2 N(-a, 1) + 1/2 N(a, 1) along the line of the modes) and
`divergence`, and whose columns `mean` and `deviation` are those of the fit along that line. The
figure follows Goodfellow, arXiv 1701.00160, figure 14.
"""

import math

from .svg import BLUE, FAINT, GREEN, INK, RED, RULE, Drawing, show_tick

KINDS = {"forward_kl": ("forward KL(p||q)", BLUE), "jensen_shannon": ("Jensen-Shannon", GREEN),
         "reverse_kl": ("reverse KL(q||p)", RED)}
FILL = "#d5dbe2"
WIDTH, HEIGHT, GAP, LEFT, TOP = 400, 190, 36, 30, 104
POINTS = 241


def normal(x, mean, deviation):
    return (math.exp(-0.5 * ((x - mean) / deviation) ** 2) /
            (deviation * math.sqrt(2 * math.pi)))


def two_modes(x, a):
    return 0.5 * normal(x, -a, 1) + 0.5 * normal(x, a, 1)


def draw(study, table):
    separations = sorted({float(row.define["a"]) for row in study.rows})
    lines = (len(separations) + 1) // 2
    width = 2 * LEFT + 2 * WIDTH + GAP
    drawing = Drawing(width, TOP + lines * (HEIGHT + 54) + 12, study.title)
    drawing.text(LEFT, 34, study.title, 17, bold=True)
    _legend(drawing)
    for i, a in enumerate(separations):
        left = LEFT + (i % 2) * (WIDTH + GAP)
        _panel(drawing, study, table, a, left, TOP + (i // 2) * (HEIGHT + 54))
    drawing.text(LEFT, drawing.height - 14,
                 "A curve a seed; numbers of the first. A fit on one mode may be on either; it is "
                 "drawn on the right one.", 11, FAINT)
    return str(drawing)


def _legend(drawing):
    drawing.rectangle(LEFT, 52, 20, 10, FILL, 2)
    drawing.text(LEFT + 27, 61, "p: two modes", 11.5, FAINT)
    x = LEFT + 130
    for title, colour in KINDS.values():
        drawing.line(x, 57, x + 22, 57, colour, 2.4)
        drawing.text(x + 29, 61, f"q of the {title}", 11.5, FAINT)
        x += 48 + 6.1 * len(f"q of the {title}")


def _panel(drawing, study, table, a, left, top):
    reach = a + 4
    fits = _fits(study, table, a)
    highest = max([two_modes(x / 10, a) for x in range(-10 * int(reach), 10 * int(reach))] +
                  [normal(0, 0, deviation) for _, _, deviation in fits])
    bottom = top + HEIGHT
    drawing.text(left, top - 8, f"modes at \u2212{a:g} and {a:g}", 12, bold=True)

    def points(density):
        xs = [-reach + 2 * reach * i / (POINTS - 1) for i in range(POINTS)]
        return [(left + WIDTH * (x + reach) / (2 * reach),
                 bottom - 0.94 * HEIGHT * density(x) / highest) for x in xs]

    outline = points(lambda x: two_modes(x, a))
    drawing.curve([(left, bottom), *outline, (left + WIDTH, bottom)], "none", 0, FILL)
    even = 2 * (int(reach) // 2)
    for tick in range(-even, even + 1, 2):
        at = left + WIDTH * (tick + reach) / (2 * reach)
        drawing.line(at, bottom, at, bottom + 4, INK)
        drawing.text(at, bottom + 17, show_tick(tick), 10.5, FAINT, "middle")
    drawing.line(left, bottom, left + WIDTH, bottom, RULE)
    named = []
    for divergence, mean, deviation in fits:
        colour = KINDS[divergence][1]
        drawing.curve(points(lambda x, m=mean, d=deviation: normal(x, m, d)), colour, 2)
        if divergence not in named:
            named.append(divergence)
            drawing.text(left + 6, top - 3 + 15 * len(named),
                         f"mean {mean:.3f}, deviation {deviation:.3f}", 10.5, colour)


def _fits(study, table, a):
    """(divergence, mean, deviation) of every seed of the rows at `a`, equal ones once."""
    found = []
    for row in study.rows:
        mean, deviation = (table.cell(row.name, name) for name in ("mean", "deviation"))
        if float(row.define["a"]) != a or mean is None or deviation is None:
            continue
        for seed in mean.by_seed:
            fit = (row.define["divergence"], round(mean.by_seed[seed], 3),
                   round(deviation.by_seed[seed], 3))
            if fit not in found:
                found.append(fit)
    return found
