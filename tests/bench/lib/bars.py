"""
The bars of the comparison: what is at least to be seen. As with the benchmarks, the best of three counts where something is missed: noise of
others makes a figure worse, never better.
"""
from lib.agreement import BOUND_PERCENT, dictionaries
from lib.comparison import COMMANDS, MEASURED, outage
from lib.farm import KEEPING

TRIES = 3


class Bar:
    """@value(rows): of the tables. @least or @most: what it is held to. @merge(tries): of rows that were measured again, those that count;
    else the best value does."""

    def __init__(self, table, what, value, least=None, most=None, merge=None):
        self.table, self.what, self.value, self.least, self.most, self.merge = table, what, value, least, most, merge

    def bound(self):
        return f">= {self.least:g}" if self.least is not None else f"<= {self.most:g}"

    def ok(self, value):
        return value >= self.least if self.least is not None else value <= self.most

    def best(self, tries):
        if self.merge:
            return self.value(self.merge(tries))
        return (max if self.least is not None else min)(map(self.value, tries))


def gain(rows, command, than):
    """How many times more commands replicas do than the other way: the services' gain as a share of the bare programs'."""
    per_s = {(row["way"], row["command"]): (row["per_s"], row["bare_per_s"]) for row in dictionaries(rows, "bare")}
    product, plain = (per_s["replica", command][side] / per_s[than, command][side] for side in (0, 1))
    return product / plain


def of_replicas(rows, table, value, pick=max):
    return pick(value(row) for row in dictionaries(rows, table) if row["way"] == "replica")


def more_for_commands(rows):
    """While what they keep changes: without, the owners take next to nothing, and so little is noise."""
    few, many = (row["owner_cpu_percent"] for row in dictionaries(rows, "load") if row["changes_per_s"] > 0)
    return many / few


def calmest(tries):
    """Of each fault the try in which its p99 was least, to that of the same try with all alive: a stall of the machine hits one of them."""
    rows = {}
    for row in (row for tables in tries for row in tables["outage"]):
        key = tuple(row[:3])
        if key not in rows or row[-2] / row[-1] < rows[key][-2] / rows[key][-1]:
            rows[key] = row
    return {"outage": list(rows.values())}


BARS = [
    *(Bar("bare", f"{command}: gain over asking, {than}, as a share of the bare programs' gain", lambda rows, command=command, than=than:
          gain(rows, command, than), least=0.9) for command in COMMANDS for than in ("parallel", "sequential")),
    Bar("bare", "cache and batches: decisions, as a share of the bare program's", lambda rows:
        next(row["ratio"] for row in dictionaries(rows, "bare") if (row["way"], row["command"]) == ("hybrid", "check")), least=0.9),
    Bar("speed", "replicas: requests at the owners, a command", lambda rows: of_replicas(rows, "speed", lambda row: row["requests_per_command"]), most=0),
    Bar("bottleneck", "replicas: requests a second at the owners, however many consume", lambda rows:
        of_replicas(rows, "bottleneck", lambda row: row["owner_requests_per_s"]), most=0),
    Bar("load", "owners' processor time with four times the commands of all who keep replicas, to that before", more_for_commands, most=1.25),
    Bar("outage", "replicas: % of commands that succeed, whichever owner is down", lambda rows:
        of_replicas(rows, "outage", lambda row: row["share_ok_percent"], min), least=100),
    Bar("outage", "replicas: p99 while owners are down, to p99 while all is well", lambda rows:
        of_replicas(rows, "outage", lambda row: row["p99_us"] / row["p99_alive_us"]), most=1.5, merge=calmest),
    Bar("model", "the model's largest error, %", lambda rows: max(abs(row["error_percent"]) for row in dictionaries(rows, "model")), most=BOUND_PERCENT),
]


# What is measured again when it is missed; of the outages only whose bar it is.
AGAIN = MEASURED | {"outage": lambda farms, scale: outage(farms, scale, KEEPING)}


def judge(rows, farms, scale, again):
    """Rows of the table "bars". @again: what misses its bar is measured up to three times."""
    tables = {name: [rows] for name in rows}
    for bar in (bar for bar in BARS if bar.table in rows):
        tries = tables[bar.table]
        while again and bar.table in AGAIN and len(tries) < TRIES and not bar.ok(bar.best(tries)):
            tries.append({bar.table: list(AGAIN[bar.table](farms, scale))})
        value = bar.best(tries)
        yield [bar.what, value, bar.bound(), "ok" if bar.ok(value) else "MISSED"]
