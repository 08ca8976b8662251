"""A small writer of SVG: shapes and text in user units, nothing that needs a font's metrics."""

import math
from xml.sax import saxutils

INK, FAINT, RULE, PAPER = "#1f2933", "#66727f", "#dde3ea", "#ffffff"
BLUE, GREY, ORANGE, GREEN, RED = "#3b76c4", "#9aa5b1", "#d9822b", "#2f9e6e", "#cc4b4b"
FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"


class Drawing:
    def __init__(self, width, height, title):
        self.width, self.height = width, height
        self.parts = [f"<title>{saxutils.escape(title)}</title>"]
        self.rectangle(0, 0, width, height, PAPER)

    def rectangle(self, x, y, width, height, fill, radius=0):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0, width):.1f}" '
                          f'height="{height:.1f}" rx="{radius}" fill="{fill}"/>')

    def line(self, x1, y1, x2, y2, stroke=INK, width=1.0, dash=""):
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                          f'stroke="{stroke}" stroke-width="{width}"{dashes}/>')

    def curve(self, points, stroke, width=1.8, fill="none", dash=""):
        path = "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<path d="{path}" fill="{fill}" stroke="{stroke}" '
                          f'stroke-width="{width}" stroke-linejoin="round"{dashes}/>')

    def dot(self, x, y, radius, fill, opacity=1.0):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}" '
                          f'fill-opacity="{opacity}"/>')

    def diamond(self, x, y, size, stroke):
        self.parts.append(f'<path d="M{x - size:.1f},{y:.1f} L{x:.1f},{y - size:.1f} '
                          f'L{x + size:.1f},{y:.1f} L{x:.1f},{y + size:.1f} Z" fill="{PAPER}" '
                          f'stroke="{stroke}" stroke-width="1.6"/>')

    def whisker(self, x1, x2, y, stroke, size=3.5):
        self.line(x1, y, x2, y, stroke, 1.3)
        for x in (x1, x2):
            self.line(x, y - size, x, y + size, stroke, 1.3)

    def text(self, x, y, text, size=12, fill=INK, anchor="start", bold=False):
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" '
                          f'text-anchor="{anchor}"{weight}>{saxutils.escape(text)}</text>')

    def __str__(self):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width:.0f}" '
                f'height="{self.height:.0f}" viewBox="0 0 {self.width:.0f} {self.height:.0f}" '
                f'font-family="{FONT}">\n' + "\n".join(self.parts) + "\n</svg>\n")


def nice_ticks(low, high, about=4):
    """Round numbers that cover [low, high], about so many; low < high."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, last + 1)]


def show_tick(value):
    return f"{value:.6g}".replace("-", "\u2212")
