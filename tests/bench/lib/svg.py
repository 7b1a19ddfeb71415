"""
Small pictures for people who print them: lines and bars with axes, units and a title that says what is seen. A series is told from the
others by its marker, its dashes or its hatching first and by its colour last, and is named where it is drawn. Plain SVG 1.1, no library.
"""
import math
from xml.sax.saxutils import escape

FONT = 'font-family="Helvetica,Arial,sans-serif"'
PANEL = (430, 300)  # of the plotted area and its labels
LEFT, RIGHT, TOP, BOTTOM = 68, 16, 30, 44
HEAD, FOOT, LEGEND, NAME, BAR_MAX = 54, 18, 22, 205, 60
STYLES = (  # colour, dashes, marker, hatching
    ("#7a7a7a", "2 4", "square", "dots"),
    ("#b8500c", "9 5", "triangle", "lines"),
    ("#1668a8", "9 4 2 4", "diamond", "cross"),
    ("#000000", "", "circle", "full"),
    ("#4f8a4f", "1 3", "plus", "blank"),
)
PATTERNS = {
    "dots": '<circle cx="3" cy="3" r="1.1" fill="{0}"/>',
    "lines": '<path d="M0 6L6 0M-1 1L1 -1M5 7L7 5" stroke="{0}" stroke-width="1.4"/>',
    "cross": '<path d="M0 0L6 6M0 6L6 0" stroke="{0}" stroke-width="0.9"/>',
    "full": '<rect width="6" height="6" fill="{0}"/>',
    "blank": "",
}


def text(x, y, words, size=11, anchor="start", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" {more}>{escape(words)}</text>'


def line(x1, y1, x2, y2, colour="#000", more=""):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" {more}/>'


def short(value):
    """1500000 -> 1.5M"""
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


class Axis:
    """@label names the unit. @log: tenfold steps; values of 0 lie on its lower edge. @ticks, where they are not to be round numbers."""

    def __init__(self, label, log=False, ticks=None, low=None, high=None):
        self.label, self.log, self.given, self.low, self.high = label, log, ticks, low, high

    def fit(self, values):
        values = [value for value in values if value is not None and (value > 0 or not self.log)] or [1]
        low = self.low if self.low is not None else min([*values, *(self.given or [])]) if self.log else 0
        high = self.high if self.high is not None else max([*values, *(self.given or [])])
        if self.log and not self.given:
            low, high = 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high))
        if not self.log and self.high is None:
            high = self._step(high or 1) * math.ceil((high or 1) / self._step(high or 1) + 0.05)
        self.at = (low, high if high > low else low * 10 if self.log else low + 1)
        return self

    @staticmethod
    def _step(high):
        size = 10 ** math.floor(math.log10(high / 4))
        return next(size * times for times in (1, 2, 5, 10) if size * times >= high / 5.5)

    def ticks(self):
        low, high = self.at
        if self.given:
            return self.given
        if self.log:
            tens = range(round(math.log10(low)), round(math.log10(high)) + 1)
            return [10.0 ** ten for ten in tens][::1 + len(tens) // 9]
        step = self._step(high)
        return [step * number for number in range(math.floor(high / step + 1e-9) + 1)]

    def place(self, value):
        """0 to 1."""
        low, high = self.at
        if self.log:
            return (math.log(max(value, low)) - math.log(low)) / (math.log(high) - math.log(low))
        return (value - low) / (high - low)


def marker(kind, x, y, colour):
    shape = {"square": f"M{x - 4:.1f} {y - 4:.1f}h8v8h-8z", "triangle": f"M{x:.1f} {y - 5:.1f}l5 9h-10z",
             "diamond": f"M{x:.1f} {y - 5.5:.1f}l5.5 5.5l-5.5 5.5l-5.5 -5.5z", "plus": f"M{x - 5:.1f} {y:.1f}h10M{x:.1f} {y - 5:.1f}v10"}
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>'
    return f'<path d="{shape[kind]}" fill="#fff" stroke="{colour}" stroke-width="1.6"/>'


class Panel:
    """What lines and bars have in common: a frame, a y axis with its grid, a heading."""
    width = PANEL[0]

    def __init__(self, heading, y):
        self.heading, self.y = heading, y

    def frame(self):
        self.box = (LEFT, TOP, self.width - RIGHT, PANEL[1] - BOTTOM)
        left, top, right, bottom = self.box
        out = [text(left, 16, self.heading, 12, more='font-weight="bold"')]
        for tick in self.y.ticks():
            y = self.at_y(tick)
            out += [line(left, y, right, y, "#ddd"), text(left - 6, y + 4, short(tick), 10, "end")]
        out += [line(left, top, left, bottom), line(left, bottom, right, bottom)]
        middle = (top + bottom) / 2
        out.append(text(14, middle, self.y.label, 11, "middle", f'transform="rotate(-90 14 {middle:.1f})"'))
        return out

    def at_y(self, value):
        _, top, _, bottom = self.box
        return bottom - self.y.place(value) * (bottom - top)


class Lines(Panel):
    """@series: {name: [(x, y)]}; a y of None is left out. @points: the same, for markers that do not lie on the lines' own points. @marks:
    [(x, y, words)], a point worth a word. @dots: as many markers on a line as tell it from the others. @diagonal: shares of x at which lines
    are drawn, and points are not joined."""

    def __init__(self, heading, x, y, series, points=None, marks=(), dots=None, diagonal=None):
        super().__init__(heading, y)
        self.x, self.series, self.points, self.marks, self.dots, self.diagonal = x, series, points, marks, dots, diagonal

    def at_x(self, value):
        left, _, right, _ = self.box
        return left + self.x.place(value) * (right - left)

    def draw(self, styles):
        points = [point for series in (self.series, self.points or {}) for points in series.values() for point in points if point[1] is not None]
        self.x.fit([x for x, _ in points])
        self.y.fit([y for _, y in points])
        out = self.frame()
        left, top, right, bottom = self.box
        for tick in self.x.ticks():
            x = self.at_x(tick)
            out += [line(x, bottom, x, bottom + 4), text(x, bottom + 16, short(tick), 10, "middle")]
        out.append(text((left + right) / 2, bottom + 34, self.x.label, 11, "middle"))
        for share in self.diagonal or ():
            low, high = self.x.at
            out.append(line(self.at_x(low), self.at_y(low * share), self.at_x(high), self.at_y(high * share), "#888",
                            'stroke-dasharray="3 3"' if share != 1 else ""))
        for name, values in self.series.items():
            colour, dashes, kind, _ = styles[name]
            at = [(self.at_x(x), self.at_y(y)) for x, y in values if y is not None]
            if not self.diagonal:
                out.append('<polyline fill="none" stroke="{}" stroke-width="1.8" stroke-dasharray="{}" points="{}"/>'.format(
                    colour, dashes or "none", " ".join(f"{x:.1f},{y:.1f}" for x, y in at)))
            every = max(1, len(at) // self.dots) if self.dots else 1
            shift = list(self.series).index(name) * every // len(self.series)
            if self.points:
                at, every, shift = [(self.at_x(x), self.at_y(y)) for x, y in self.points.get(name, ()) if y is not None], 1, 0
            out += [marker(kind, x, y, colour) for x, y in at[shift::every]]
        for x, y, words in self.marks:
            x, y = self.at_x(x), self.at_y(y)
            out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="none" stroke="#000"/>', line(x, y + 8, x, bottom, "#000", 'stroke-dasharray="2 2"'),
                    text(x - 10 if x > (left + right) / 2 else x + 10, y - 8, words, 10, "end" if x > (left + right) / 2 else "start")]
        return out


class Bars(Panel):
    """@series: {name: [a value for each of @groups, or None]}; each bar has its value on top, as @form() writes it."""

    def __init__(self, heading, groups, y, series, form="{:.0f}".format):
        super().__init__(heading, y)
        self.groups, self.series, self.form = groups, series, form
        self.width = max(PANEL[0], LEFT + RIGHT + len(groups) * (14 + 14 * len(series)))

    def draw(self, styles):
        self.y.fit([value for values in self.series.values() for value in values])
        out = self.frame()
        left, _, right, bottom = self.box
        step = (right - left) / len(self.groups)
        width = min(step * 0.84 / len(self.series), BAR_MAX)
        margin = (step - width * len(self.series)) / 2
        for at, group in enumerate(self.groups):
            for row, words in enumerate(group.split("\n")):
                out.append(text(left + step * (at + 0.5), bottom + 14 + 12 * row, words, 10, "middle"))
            for number, (name, values) in enumerate(self.series.items()):
                if values[at] is None:
                    continue
                colour, x, y = styles[name][0], left + step * at + margin + width * number, self.at_y(values[at])
                out += [f'<rect x="{x:.1f}" y="{y:.1f}" width="{width * 0.9:.1f}" height="{bottom - y:.1f}" fill="url(#{styles[name][3]})" '
                        f'stroke="{colour}"/>', text(x + width * 0.45, y - 3, self.form(values[at]), 8, "middle")]
        return out


def legend(names, styles, width):
    """Names in rows; and how many rows."""
    out, in_row = [], max(1, (width - 20) // NAME)
    for number, name in enumerate(names):
        colour, dashes, kind, hatching = styles[name]
        x, y = 20 + NAME * (number % in_row), LEGEND * (number // in_row)
        out += [f'<line x1="{x}" y1="{y}" x2="{x + 34}" y2="{y}" stroke="{colour}" stroke-width="1.8" stroke-dasharray="{dashes or "none"}"/>',
                marker(kind, x + 17, y, colour),
                f'<rect x="{x + 40}" y="{y - 6}" width="14" height="12" fill="url(#{hatching})" stroke="{colour}"/>', text(x + 60, y + 4, name)]
    return out, -(-len(names) // in_row)


def page(title, panels, names, note=""):
    """One picture of @panels side by side; @names in the order that gives each its style; @note says where it comes from."""
    styles = {name: STYLES[number % len(STYLES)] for number, name in enumerate(names)}
    width = sum(panel.width for panel in panels)
    named, rows = legend(names, styles, width)
    top = HEAD + LEGEND * rows
    height = top + PANEL[1] + FOOT
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" {FONT}>',
           f"<title>{escape(title)}</title>", "<defs>"]
    out += [f'<pattern id="{style[3]}" width="6" height="6" patternUnits="userSpaceOnUse"><rect width="6" height="6" fill="#fff"/>'
            f'{PATTERNS[style[3]].format(style[0])}</pattern>' for style in styles.values()]
    out += ["</defs>", f'<rect width="{width}" height="{height}" fill="#fff"/>']
    for row, words in enumerate(title.split("\n")):
        out.append(text(20, 22 + 18 * row, words, 15 if row == 0 else 12, more='font-weight="bold"' if row == 0 else ""))
    out.append(f'<g transform="translate(0 {HEAD + 8})">' + "".join(named) + "</g>")
    left = 0
    for panel in panels:
        out.append(f'<g transform="translate({left} {top})">' + "\n".join(panel.draw(styles)) + "</g>")
        left += panel.width
    out += [text(20, height - 6, note, 9, more='fill="#555"'), "</svg>"]
    return "\n".join(out) + "\n"
