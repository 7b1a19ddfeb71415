#!/usr/bin/env python3
"""Computes again, with fractions, what the payroll service's engine made of many made-up periods: every cent agrees.

usage: recompute.py PROGRAM RULES SEED COUNT

PROGRAM (payroll_weeks.c) prints the periods and its lines. Nothing of its code is used here but its output; what the
rules mean is taken from their file and from proto/payroll/v1/payroll.proto.
"""
import collections
import datetime
import json
import subprocess
import sys
from fractions import Fraction

HOURLY, PIECE, NONPRODUCTIVE = 0, 1, 2
FLAT, PRODUCTION, MISSED_MEAL, MISSED_REST = 0, 1, 2, 3
HOUR = 3600

Span = collections.namedtuple("Span", "day basis rest start end rate job", defaults=[""])
Piece = collections.namedtuple("Piece", "day at quantity rate sharers share job", defaults=[""])
Extra = collections.namedtuple("Extra", "kind day cents")


def half_up(amount):
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)


def date(day):
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=day)).isoformat()


def valid(row, size, day):
    employers = row.get("employers", {})
    return (row["from"] <= date(day) <= row.get("to", "9999-12-31")
            and int(employers.get("min", 0)) <= size <= (int(employers.get("max", 0)) or 10**9))


def piece_pay(piece):
    amount = Fraction(piece.quantity * piece.rate, 1000)
    if piece.sharers < 2:
        return amount
    cents = half_up(amount)
    shares = [cents // piece.sharers] * piece.sharers
    for i in range(cents - sum(shares)):
        shares[i] += 1
    return Fraction(shares[piece.share])


class Period:
    def __init__(self, rules, size, first, weeks, rest_pay, top_up, overtime):
        self.rules, self.size, self.first, self.weeks = rules, size, first, weeks
        self.average_rests = rest_pay == "REST_PAY_AVERAGE_HOURLY_RATE"
        self.unit = top_up.rsplit("_", 1)[1]
        self.by_piece = overtime == "PIECE_OVERTIME_PIECE_RATE"
        self.missed = rules["methods"][0]["missedBreakMinutes"] * 60
        self.spans, self.pieces, self.extras = [], [], []
        self.theirs, self.gross, self.seconds = collections.Counter(), None, None

    def minimum(self, day):
        return Fraction(max(int(r["centsPerHour"]) for r in self.rules["minimumWages"]
                            if not r.get("place") and valid(r, self.size, day)))

    def overtime_rule(self, day):
        return next((r for r in self.rules["overtime"] if valid(r, self.size, day)), None)

    def percents(self, spans, first):
        """Pieces (span, start, end, percent) of a week, by walking from one boundary to the next."""
        worked = {s.day for s in spans}
        straight, out = 0, []
        for day in sorted(worked):
            rule = self.overtime_rule(day) or {}
            seventh = rule.get("seventhDay") if len(worked) == 7 and day == first + 6 else None
            steps = seventh or rule.get("daily", [])
            done = 0
            for span in (s for s in spans if s.day == day):
                at = span.start
                while at < span.end:
                    bounds = [t.get("afterMinutes", 0) * 60 - done for t in steps]
                    percent = max([t["percent"] for t, b in zip(steps, bounds) if b <= 0], default=100)
                    room = min([b for b in bounds if b > 0] + [span.end - at])
                    if percent == 100:
                        weekly = rule.get("weekly", [])
                        bounds = [t.get("afterMinutes", 0) * 60 - straight for t in weekly]
                        percent = max([t["percent"] for t, b in zip(weekly, bounds) if b <= 0], default=100)
                        room = min([b for b in bounds if b > 0] + [room])
                        if percent == 100:
                            straight += room
                    out.append((span, at, at + room, percent))
                    at, done = at + room, done + room
        return out

    def week(self, first, out):
        spans = [s for s in self.spans if first <= s.day < first + 7]
        pieces = [p for p in self.pieces if first <= p.day < first + 7]
        extras = [x for x in self.extras if first <= x.day < first + 7]
        apart = self.average_rests and (bool(pieces) or any(s.basis == PIECE for s in spans))
        rests = [s for s in spans if s.rest and apart]
        works = [s for s in spans if not (s.rest and apart)]
        hours = lambda some: Fraction(sum(s.end - s.start for s in some), HOUR)
        seconds = lambda some: sum(s.end - s.start for s in some)

        def line(kind, rate, cents, secs, percent=0, mark=""):
            key = (kind, date(first), Fraction(rate), percent, mark)
            held = out.setdefault(key, [Fraction(0), 0])
            held[0] += cents
            held[1] += secs

        own = Fraction(0)  # what hours that are no rests earn by themselves
        for s in works:
            if s.basis != PIECE:
                rate = Fraction(s.rate) if s.basis == HOURLY else self.minimum(s.day)
                own += rate * hours([s])
                line("HOURLY" if s.basis == HOURLY else "NONPRODUCTIVE", rate, rate * hours([s]), seconds([s]),
                     mark=s.job)
        for s in rests:
            if s.basis == HOURLY:
                line("HOURLY", s.rate, s.rate * hours([s]), seconds([s]), mark=s.job)
        for p in pieces:
            line("PIECE", p.rate, piece_pay(p), 0, mark=p.job)
        made = sum((piece_pay(p) for p in pieces), Fraction(0))

        raised = Fraction(0)
        if self.unit == "DAY":
            for day in range(first, first + 7):
                picking = [s for s in works if s.day == day and s.basis == PIECE]
                lack = self.minimum(day) * hours(picking) - sum(piece_pay(p) for p in pieces if p.day == day)
                if picking and lack > 0:
                    raised += lack
                    line("TOP_UP", self.minimum(day), lack, seconds(picking))
            for s in works:
                lack = self.minimum(s.day) - s.rate
                if s.basis == HOURLY and lack > 0:
                    raised += lack * hours([s])
                    line("TOP_UP", lack, lack * hours([s]), seconds([s]), mark=s.job)
        elif self.unit == "WEEK":
            lack = sum((self.minimum(s.day) * hours([s]) for s in works), Fraction(0)) - own - made
            if lack > 0 and works:
                raised = lack
                line("TOP_UP", 0, lack, seconds(works))

        production = Fraction(sum(x.cents for x in extras if x.kind == PRODUCTION))
        flat = Fraction(sum(x.cents for x in extras if x.kind == FLAT))
        for x in extras:
            if x.kind in (FLAT, PRODUCTION):
                line("BONUS", 0, Fraction(x.cents), 0, 0, str(x.kind))

        average = (own + made + raised + production + flat) / hours(works) if works else Fraction(0)
        resting = lambda day: max(average, self.minimum(day))
        rested = Fraction(0)
        for s in rests:
            rate = resting(s.day) - (s.rate if s.basis == HOURLY else 0)
            rested += s.rate * hours([s]) if s.basis == HOURLY else 0
            if rate >= 0:
                rested += rate * hours([s])
                line("REST", rate, rate * hours([s]), seconds([s]), 0, "d" if s.basis == HOURLY else "")

        straight = own + made + raised + production + rested
        regular = straight / hours(spans) if spans else Fraction(0)
        cut = self.percents(spans, first)
        at_hundred = Fraction(sum(e - b for _, b, e, p in cut if p == 100), HOUR)
        for s, begin, end, percent in cut:
            if percent == 100:
                continue
            more = Fraction(percent - 100, 100)
            if self.by_piece and s.basis == PIECE and s not in rests:
                for p in pieces:
                    if begin <= p.at < end:
                        line("OVERTIME", p.rate * more, piece_pay(p) * more, 0, percent, "piece")
            else:
                rate = max(regular, self.minimum(s.day))
                if self.by_piece:
                    rate = resting(s.day) if s in rests else max(self.minimum(s.day), s.rate)
                line("OVERTIME", rate * more, rate * more * Fraction(end - begin, HOUR), end - begin, percent)
            if flat and at_hundred:
                rate = flat / at_hundred * Fraction(percent, 100)
                line("OVERTIME", rate, rate * Fraction(end - begin, HOUR), end - begin, percent, "flat")
        for x in extras:
            if x.kind in (MISSED_MEAL, MISSED_REST):
                rate = max(regular, self.minimum(x.day))
                line("MISSED_MEAL" if x.kind == MISSED_MEAL else "MISSED_REST", rate,
                     rate * Fraction(self.missed, HOUR), self.missed)
        return straight, sum((self.minimum(s.day) * hours([s]) for s in spans), Fraction(0)), seconds(spans)

    def statement(self):
        out, paid, due, worked = {}, Fraction(0), Fraction(0), 0
        for i in range(self.weeks):
            straight, floor, seconds = self.week(self.first + 7 * i, out)
            paid, due, worked = paid + straight, due + floor, worked + seconds
        if self.unit == "PERIOD" and due > paid:
            out[("TOP_UP", "-", Fraction(0), 0, "")] = [due - paid, worked]
        lines = collections.Counter()
        for (kind, week, rate, percent, _), (cents, seconds) in out.items():
            lines[(kind, week, half_up(cents), seconds, rate, percent)] += 1
        return lines, sum(k[2] * n for k, n in lines.items()), worked


def read(text, rules):
    period = None
    for row in text.splitlines():
        kind, *words = row.split()
        if kind == "case":
            period = Period(rules, *map(int, words[:3]), *words[3:])
        elif kind == "span":
            period.spans.append(Span(*map(int, words)))
        elif kind == "piece":
            period.pieces.append(Piece(*map(int, words)))
        elif kind == "extra":
            period.extras.append(Extra(*map(int, words)))
        elif kind == "line":
            name, week, cents, seconds, rate, percent = words
            name = name.removeprefix("LINE_KIND_")
            period.theirs[(name, week, int(cents), int(seconds), Fraction(rate), int(percent))] += 1
        else:
            period.gross, period.seconds = map(int, words)
            yield period


def without_nothing(lines):
    """Lines of no cents, no time: the engine leaves them out unless they have a quantity, which is not compared."""
    return collections.Counter({k: n for k, n in lines.items() if k[2] or k[3]})


def main(program, path, seed, count):
    with open(path, encoding="utf-8") as file:
        rules = json.load(file)
    text = subprocess.run([program, path, seed, count], check=True, stdout=subprocess.PIPE, text=True).stdout
    wrong = checked = lines_checked = 0
    kinds = collections.Counter()
    for period in read(text, rules):
        lines, gross, seconds = period.statement()
        ours, theirs = without_nothing(lines), without_nothing(period.theirs)
        checked, lines_checked = checked + 1, lines_checked + sum(theirs.values())
        kinds.update(k[0] for k in theirs)
        if (ours, gross, seconds) != (theirs, period.gross, period.seconds):
            wrong += 1
            if wrong <= 3:
                print(f"period {checked} of {date(period.first)}: {gross} cents here, {period.gross} there")
                for key in sorted((ours - theirs) | (theirs - ours), key=str):
                    print("  here " if key in ours else "  there", *key)
    assert checked == int(count), f"{checked} periods came, not {count}"
    # A kind of line that never came was not compared.
    assert len(kinds) == 9, f"only {sorted(kinds)} came"
    print(f"{checked} periods, {lines_checked} lines, {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
