#!/usr/bin/env python3
"""Two workweeks of a small farm on real servers, clocks put back for one hour in between; then what everybody is paid is computed again,
with fractions, from the log alone (tests/unit/payroll/recompute.py, bytes taken apart here): every line of every statement, to the cent.

    test_season.py BUILD RULES SHIFTED_CLOCK
"""
import base64
import collections
import concurrent.futures
import datetime
import json
import os
import pathlib
import random
import subprocess
import sys
import time
import uuid
import zoneinfo
from fractions import Fraction

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "tests/unit/payroll")]
import mesh as mesh_module  # noqa: E402
import recompute  # noqa: E402

ZONE = zoneinfo.ZoneInfo("America/Los_Angeles")
FIRST = datetime.date(2026, 10, 26)  # a Monday; on Sunday clocks are put back
PEOPLE = {"E1": 2000, "E2": 1750, "E3": 1700, "E4": 1800, "E5": 1700, "E6": 0}
RAISED = {"E2": 1925, "E4": 2010}  # on Thursday noon
STREAMS = {"WORK_DAY": ("timesheet", "timesheet.v1.WorkDay"), "TICKET": ("harvest", "harvest.v1.Ticket"), "EMPLOYEE": ("employee", "employee.v1.Employee"),
           "JOB": ("job", "job.v1.Job"), "STATEMENT": ("payroll", "payroll.v1.Statement")}
PASSING = "not known here", "DEADLINE_EXCEEDED", "UNAVAILABLE", "RESOURCE_EXHAUSTED", "ABORTED"
WORK, MEAL, REST = 1, 2, 3
PIECE = 2  # a job's pay
KINDS = ["", "HOURLY", "PIECE", "NONPRODUCTIVE", "REST", "TOP_UP", "OVERTIME", "BONUS", "MISSED_MEAL", "MISSED_REST"]


def local(day, clock):
    """A moment by the farm's clocks; day is counted from the first, hours may be more than 24."""
    hour, minute = map(int, clock.split(":"))
    return datetime.datetime.combine(FIRST + datetime.timedelta(days=day + hour // 24), datetime.time(hour % 24, minute), ZONE)


def utc(moment):
    return moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def date_of(day):
    return (FIRST + datetime.timedelta(days=day)).isoformat()


def day_id(who, day):
    return f"{who}_{date_of(day).replace('-', '')}"


class Farm(mesh_module.Mesh):
    """Its services live at the moment that they are started at."""

    def __init__(self, build, rules, clock):
        super().__init__(build, os.environ.get("FURROW_NATS_SERVER") or None)
        self.rules, self.clock, self.moment = rules, clock, local(0, "05:00")

    def service_env(self, name):
        ahead = int(self.moment.timestamp() - time.time())
        return super().service_env(name) | {"LD_PRELOAD": self.clock, "ASAN_OPTIONS": "verify_asan_link_order=0", "FURROW_TEST_CLOCK_AHEAD_S": str(ahead),
                                            "FURROW_TIME_ZONE": str(ZONE), "PAYROLL_RULES": self.rules, "PAYROLL_PERIOD_START": FIRST.isoformat()}

    def live_at(self, moment, *names):
        self.moment = moment
        for name in names:
            if name in self.processes:
                self.stop(name)
            self.start_service(name)
        self.wait_healthy(*names)

    def call(self, method, body):
        """What it answers; the same again, with its key, while it has not heard of somebody yet or is slow."""
        command = [self.bin / "cli/furrow", "call", method, json.dumps(body), "-H", f"Idempotency-Key: {uuid.uuid4()}"]

        def answer():
            done = subprocess.run(command, env=self.env, text=True, capture_output=True, timeout=120)
            assert done.returncode == 0 or any(why in done.stderr for why in PASSING), (method, body, done.stderr)
            return done.returncode == 0 and [json.loads(done.stdout)]
        return mesh_module.eventually(method, answer)[0]

    def call_all(self, calls):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda one: self.call(*one), calls))

    # ---- the log ----

    def states(self, stream, ids):
        """The newest state of each, as bytes that are taken apart; None where there is none."""
        service, entity = STREAMS[stream]
        calls = [(f"$JS.{service}.API.STREAM.MSG.GET.{stream}", {"last_by_subj": f"{entity}.{name}"}) for name in ids]
        return {name: parse(base64.b64decode(answer["message"]["data"])) if "message" in answer else None for name, answer in zip(ids, self.call_all(calls))}

    def history(self, stream):
        """All states, in their order."""
        service, _ = STREAMS[stream]
        last = self.call(f"$JS.{service}.API.STREAM.INFO.{stream}", {})["state"]["last_seq"]
        answers = self.call_all([(f"$JS.{service}.API.STREAM.MSG.GET.{stream}", {"seq": seq}) for seq in range(1, last + 1)])
        return [parse(base64.b64decode(answer["message"]["data"])) for answer in answers if "message" in answer]

    def count(self, stream, service):
        return self.call(f"$JS.{service}.API.STREAM.INFO.{stream}", {})["state"]["messages"]


def parse(data):
    """Field number: values, in their order; numbers or bytes."""
    at, out = 0, collections.defaultdict(list)

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        value = varint()
        if key & 7 == 2:
            at, value = at + value, data[at:at + value]
        out[key >> 3].append(value)
    return out


def number(fields, which):
    value = fields[which][-1] if fields[which] else 0
    return value - (1 << 64) if value >> 63 else value


def text(fields, which):
    return fields[which][-1].decode() if fields[which] else ""


def second(fields, which):
    return number(parse(fields[which][-1]), 1) if fields[which] else None


# ---- the season ----

def entries_of(who, day, dice):
    """What is worked: (kind, from, to, job)."""
    weekday = day % 7
    if who == "E5" and day in (5, 6):  # a night in which clocks are put back: nine hours
        return [(WORK, "23:00", "28:00", "J1")] if day == 5 else [(WORK, "04:00", "07:30", "J1")]
    if weekday > 4 and not (who == "E1" and day < 7):  # who works a seventh day
        return []
    late = f"{dice.randint(14, 17)}:{dice.randint(0, 59):02}"
    if who in ("E1", "E6") or (who == "E4" and weekday > 2):
        return [(WORK, "06:00", "10:00", "J1"), (REST, "10:00", "10:10", "J1"), (WORK, "10:10", "12:00", "J1"), (MEAL, "12:00", "12:30", "J1"),
                (WORK, "12:30", late, "J1")]
    if who == "E2":
        return [(WORK, "06:00", "12:00", "J1"), (MEAL, "12:00", "12:30", "J1"), (WORK, "12:30", late, "J3")]
    return [(WORK, "06:00", "09:00", "J2"), (REST, "09:00", "09:10", "J2"), (WORK, "09:10", "12:00", "J2"), (MEAL, "12:00", "12:30", "J2"),
            (WORK, "12:30", late, "J2")]


def play_week(farm, week, dice):
    days = range(7 * week, 7 * week + 7)
    plan = {(who, day): entries_of(who, day, dice) for day in days for who in PEOPLE}
    plan = {key: entries for key, entries in plan.items() if entries}
    for day in days[::2]:
        farm.live_at(local(min(day + 1, days[-1]), "17:30"), "timesheet")
        for at in (day, day + 1):
            farm.call_all([("timesheet.v1.TimesheetService.ClockIn", {"employeeId": who, "jobId": entries[0][3], "locationId": "B1", "at": utc(local(at, "06:00"))})
                           for (who, on), entries in plan.items() if on == at])
    farm.live_at(local(days[-1] + 1, "12:00"), "timesheet", "harvest", "payroll")
    correct_days(farm, plan)
    scans = [{"id": f"T{week}-{who}-{day % 7}-{i}", "employeeId": who, "jobId": "J2", "locationId": "B1", "crew": "red", "quantity": str(dice.randint(400, 1500)),
              "pickedAt": utc(local(day, f"{6 + i % 8}:{dice.randint(0, 59):02}"))}
             for (who, day), entries in plan.items() if any(e[3] == "J2" for e in entries) for i in range(dice.randint(2, 4))]
    dice.shuffle(scans)
    record(farm, scans)
    return plan, scans


def correct_days(farm, plan):
    farm.call_all([("timesheet.v1.TimesheetService.CorrectDay", {"id": day_id(who, day), "by": "office", "reason": "season", "entries": [
        {"kind": kind, "start": utc(local(day, start)), "end": utc(local(day, end)), "jobId": job, "locationId": "B1"} for kind, start, end, job in entries]})
        for (who, day), entries in plan.items()])


def record(farm, scans):
    rows = farm.call("harvest.v1.HarvestService.RecordTickets", {"scans": scans})["tickets"]
    assert not [row for row in rows if row.get("code")], rows


def correct(farm, scan, **changes):
    body = {key: scan[key] for key in ("id", "employeeId", "jobId", "locationId", "crew", "quantity")}
    farm.call("harvest.v1.HarvestService.CorrectTicket", body | changes | {"by": "foreman", "reason": "season"})


def void(farm, scan):
    farm.call("harvest.v1.HarvestService.VoidTicket", {"id": scan["id"], "by": "foreman", "reason": "scanned twice"})


# ---- what the log comes to ----

class Log:
    def __init__(self, farm, plan, scans, rules):
        self.rules = rules
        self.days = [day for day in farm.states("WORK_DAY", [day_id(*key) for key in plan]).values() if day]
        self.tickets = list(farm.states("TICKET", [scan["id"] for scan in scans]).values())
        self.rates, self.jobs = collections.defaultdict(list), {}
        for state in farm.history("EMPLOYEE"):
            self.rates[text(state, 1)].append((second(state, 13), number(state, 10)))
        for state in farm.history("JOB"):
            pay = parse(state[5][-1])
            self.jobs[text(state, 1)] = (number(pay, 1), number(pay, 3))

    def rate_at(self, who, at):
        return [cents for since, cents in self.rates[who] if since <= at][-1:] or [self.rates[who][0][1]]

    def picked(self, who, week):
        """Tickets that count."""
        return {text(t, 1): t for t in self.tickets if text(t, 2) == who and number(t, 10) == 1 and date_of(7 * week) <= text(t, 5) <= date_of(7 * week + 6)}

    def statement(self, who, week):
        """Lines, gross and seconds, and the tickets that they are of."""
        day_number = lambda date: (datetime.date.fromisoformat(date) - datetime.date(1970, 1, 1)).days
        period = recompute.Period(self.rules, 26, day_number(date_of(7 * week)), 1, *(self.rules["methods"][0][key] for key in ("restPay", "topUp", "pieceOvertime")))
        for day in self.days:
            if text(day, 2) != who or not date_of(7 * week) <= text(day, 3) <= date_of(7 * week + 6):
                continue
            for entry in map(parse, day[5]):
                start, end = second(entry, 2), second(entry, 3)
                if number(entry, 1) == MEAL or end is None:
                    continue
                piece = self.jobs[text(entry, 4)][0] == PIECE
                cuts = sorted({start, end, *(since for since, _ in self.rates[who] if start < since < end)})
                for a, b in zip(cuts, cuts[1:]):
                    period.spans.append(recompute.Span(day_number(text(day, 3)), recompute.PIECE if piece else recompute.HOURLY, number(entry, 1) == REST, a, b,
                                                       0 if piece else self.rate_at(who, a)[0], text(entry, 4)))
        tickets = self.picked(who, week)
        for ticket in tickets.values():
            period.pieces.append(recompute.Piece(day_number(text(ticket, 5)), second(ticket, 9), number(ticket, 8), self.jobs[text(ticket, 3)][1], 0, 0,
                                                  text(ticket, 3)))
        period.spans.sort(key=lambda span: span.start)
        lines, gross, seconds = period.statement()
        return recompute.without_nothing(lines), gross, seconds, set(tickets)


Line = collections.namedtuple("Line", "kind week cents seconds rate percent days tickets adjusts")


def lines_of(statement):
    for line in map(parse, statement[6]):
        yield Line(KINDS[number(line, 1)], text(line, 2), number(line, 3), number(line, 4), Fraction(text(line, 7) or 0), number(line, 8),
                   [name.decode() for name in line[10]], [name.decode() for name in line[11]], text(line, 12))


def check_statement(check, what, statement, expected):
    """What was earned in its own period: line by line, and each names where it comes from."""
    lines, gross, seconds, tickets = expected
    own = [line for line in lines_of(statement) if not line.adjusts]
    theirs = collections.Counter(line[:6] for line in own)
    check(f"{what}: {sum(lines.values())} lines, {gross} cents", (recompute.without_nothing(theirs), sum(line.cents for line in own), number(statement, 8))
          == (lines, gross, seconds), (lines - theirs, theirs - lines, gross, number(statement, 8), seconds))
    named = [name for line in own if line.kind == "PIECE" for name in line.tickets]
    assert sorted(named) == sorted(tickets), (what, named, tickets)
    assert all(line.days for line in own), (what, own)


def by_kind(lines):
    sums = collections.Counter()
    for kind, cents in lines:
        sums[kind] += cents
    return {kind: cents for kind, cents in sums.items() if cents}


def settle(farm):
    """All that payroll keeps is what the log has."""
    def is_clean():
        return subprocess.run([farm.bin / "cli/furrow", "audit", "payroll"], env=farm.env, capture_output=True, timeout=120).returncode == 0
    mesh_module.eventually("payroll keeps what the log has", is_clean)


def close(farm, week):
    """By two at once; the statements, which the service issues by itself, as they lie in the log."""
    period = date_of(7 * week)
    one, other = farm.call_all([("payroll.v1.PayrollService.ClosePeriod", {"id": period, "by": by}) for by in ("office", "owner")])
    assert one["period"]["closedBy"] == other["period"]["closedBy"], (one, other)
    mesh_module.eventually("all statements are issued", lambda: farm.call("payroll.v1.PayrollService.GetPeriod", {"id": period})["period"]["status"]
                           == "PERIOD_STATUS_ISSUED")
    assert farm.count("STATEMENT", "payroll") == len(PEOPLE) * (week + 1)
    return {name.split("_")[0]: state for name, state in farm.states("STATEMENT", [day_id(who, 7 * week) for who in PEOPLE]).items()}


def come_late(farm, scans, number):
    """What a scanner had lost, what was miscounted, scanned twice, and with another's badge; all of the first week."""
    lost = [{"id": f"L{number}-{who}-{i}", "employeeId": who, "jobId": "J2", "locationId": "B1", "crew": "red", "quantity": "1300",
             "pickedAt": utc(local(1 + number, f"{8 + i}:30"))} for who in ("E3", "E5") for i in range(3)]
    record(farm, lost)
    mine = [scan for scan in scans if scan["employeeId"] == "E3"][3 * number:]
    correct(farm, mine[0], quantity="2500")
    correct(farm, mine[1], employeeId="E4")
    void(farm, mine[2])
    correct_days(farm, {("E1", 2 + number): [(WORK, "06:00", "20:00", "J1")], ("E3", 3 + number): [(WORK, "06:00", "09:00", "J2")]})
    return lost


def season(farm, check, dice, rules):
    plan, scans = play_week(farm, 0, dice)
    settle(farm)
    log, first = Log(farm, plan, scans, rules), close(farm, 0)
    for who in PEOPLE:
        check_statement(check, f"{who}, first week", first[who], log.statement(who, 0))
    problems = [text(parse(problem), 2) for problem in first["E6"][9]]
    check("what is wrong is told", problems == ["no hourly rate of E6 is known; the minimum wage is paid"], problems)

    more, later = play_week(farm, 1, dice)
    scans += come_late(farm, scans, 0) + later
    plan |= more
    settle(farm)
    log, second_week = Log(farm, plan, scans, rules), close(farm, 1)
    again = farm.states("STATEMENT", [day_id(who, 0) for who in PEOPLE])
    check("what was issued stays", all(again[day_id(who, 0)] == first[who] for who in PEOPLE))
    paid = {who: [(line.kind, line.cents) for line in lines_of(first[who])] for who in PEOPLE}
    for who in PEOPLE:
        check_statement(check, f"{who}, second week", second_week[who], log.statement(who, 1))
        late = [line for line in lines_of(second_week[who]) if line.adjusts]
        assert {line.adjusts for line in late} <= {date_of(0)}, late
        paid[who] += [(line.kind, line.cents) for line in late]
        check_sum(check, f"{who}, first week with {len(late)} adjustments", paid[who], log.statement(who, 0))
    check("who was corrected is adjusted, who was not is not", {who for who in PEOPLE if any(line.adjusts for line in lines_of(second_week[who]))}
          == {"E1", "E3", "E4", "E5"})

    # Once more, of a period that has been adjusted already: in the third one, which is still open.
    scans += come_late(farm, scans, 1)
    settle(farm)
    log = Log(farm, {key for key in plan if key[1] < 7}, [scan for scan in scans if scan not in later], rules)
    for who in PEOPLE:
        preview = farm.call("payroll.v1.PayrollService.PreviewStatement", {"employeeId": who, "periodId": date_of(14)})
        late = [(line["kind"].removeprefix("LINE_KIND_"), int(line.get("cents", 0))) for line in preview.get("lines", []) if line.get("adjusts") == date_of(0)]
        check_sum(check, f"{who}, first week adjusted again", paid[who] + late, log.statement(who, 0))


def check_sum(check, what, paid, expected):
    wanted = by_kind((kind, cents * count) for (kind, _, cents, *_), count in expected[0].items())
    check(f"{what}: {sum(wanted.values())} cents", by_kind(paid) == wanted, (by_kind(paid), wanted))


def main(build, rules_file, clock):
    check, dice = mesh_module.Checks(), random.Random(7)
    rules = json.loads(pathlib.Path(rules_file).read_text())
    with Farm(build, rules_file, clock) as farm:
        for body in {"id": "R1", "kind": "LOCATION_KIND_RANCH", "name": "Ranch"}, {"id": "B1", "kind": "LOCATION_KIND_BLOCK", "name": "Block", "parentId": "R1"}:
            farm.call("location.v1.LocationService.CreateLocation", body)
        for name, pay in ("J1", {"type": "PAY_TYPE_HOURLY"}), ("J2", {"type": "PAY_TYPE_PIECE", "unit": "bin", "rateCents": "2350"}), ("J3", {"type": "PAY_TYPE_HOURLY"}):
            farm.call("job.v1.JobService.OpenJob", {"id": name, "code": name, "name": name, "kind": "JOB_KIND_HARVEST", "pay": pay})
        for who, cents in PEOPLE.items():
            farm.call("employee.v1.EmployeeService.HireEmployee", {"id": who, "givenName": "Ana", "familyName": who, "badge": who, "hourlyRateCents": str(cents)})
        mesh_module.eventually("payroll has seen all rates", lambda: farm.count("EMPLOYEE_RATES", "payroll") == len(PEOPLE))
        farm.live_at(local(3, "12:00"), "employee")
        for who, cents in RAISED.items():
            farm.call("employee.v1.EmployeeService.UpdateEmployee", {"employee": {"id": who, "hourlyRateCents": str(cents)}, "updateMask": "hourlyRateCents"})
        mesh_module.eventually("payroll has seen the raises", lambda: farm.count("EMPLOYEE_RATES", "payroll") == len(PEOPLE) + len(RAISED))
        season(farm, check, dice, rules)
    print(f"season: {check.count} checks")


if __name__ == "__main__":
    main(*sys.argv[1:])
