"""
Figures and how they are judged. Machines that benchmarks run on are shared and noisy, so a pair's sides run one after the other, up to
three times (A B A B A B). The figure shown is the median pair; what `run --check` judges is the best, since noise of others only ever
makes the product's half of a pair look as bad as the baseline's half of another.
"""
import json

TRIES = 3


class Pair:
    """Product against baseline. A ratio under @minimum or over @maximum fails; without either the figure is only shown."""

    def __init__(self, bench, point, unit, product, baseline, minimum=None, maximum=None, once=False):
        self.bench, self.point, self.unit = bench, point, unit
        self.product, self.baseline = product, baseline
        self.minimum, self.maximum, self.once = minimum, maximum, once
        self.pairs = []
        self.plain = None  # the same figure without accounts and permissions

    def measure(self, pairs, again):
        """@again: further pairs, up to three, while the best does not do."""
        pairs = 1 if self.once else pairs
        while len(self.pairs) < pairs or (again and not self.once and not self.ok() and len(self.pairs) < TRIES):
            number = len(self.pairs)
            value = self.product(number)
            self.pairs.append((value, self.baseline(number)))

    def ratios(self):
        return sorted(value / baseline for value, baseline in self.pairs)

    def best(self):
        return self.ratios()[0] if self.maximum else self.ratios()[-1]

    def median(self):
        return sorted(self.pairs, key=lambda pair: pair[0] / pair[1])[len(self.pairs) // 2]

    def median_ratio(self):
        value, baseline = self.median()
        return value / baseline

    def ok(self):
        return not (self.minimum and self.best() < self.minimum) and not (self.maximum and self.best() > self.maximum)

    def bound(self):
        return f">= {self.minimum:.2f}" if self.minimum else f"<= {self.maximum:.2f}" if self.maximum else ""

    def row(self):
        value, baseline = self.median()
        plain = "" if not self.plain else "{:.2f}".format(self.plain.median_ratio())
        return [self.bench, self.point, number(value), number(baseline), self.unit, f"{value / baseline:.2f}", f"{self.best():.2f}", plain, self.bound(),
                "ok" if self.ok() else "MISSED"]

    def json(self):
        value, baseline = self.median()
        return json.dumps({"bench": self.bench, "point": self.point, "value": round(value, 3), "unit": self.unit,
                           "baseline": round(baseline, 3), "ratio": round(value / baseline, 4), "best": round(self.best(), 4),
                           "without_permissions": self.plain and round(self.plain.median_ratio(), 4),
                           "pairs": len(self.pairs), "bound": self.bound() or None, "ok": self.ok()})


class Absolute(Pair):
    """The product against a fixed limit: that is the baseline, and the ratio is at most 1."""

    def __init__(self, bench, point, unit, product, limit, once=True):
        super().__init__(bench, point, unit, product, lambda number: limit, maximum=1.0, once=once)


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}"
