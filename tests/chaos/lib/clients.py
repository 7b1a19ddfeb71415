"""The callers: each a thread with a seed and a connection of its own, which asks for one thing after the other, remembers what it was told, and
says at once when an answer contradicts what was acknowledged before the question was asked.

  stable employees  S0000…  never change; each is clocked in and out by one client alone, which so knows what must come of it
  the pool          P00…    all clients change them, against each other
  jobs K.., places L..      the same; J1 and B1 stay open
"""
import json
import random
import threading
import time

from history import DEFINITE, OK, REFUSED, UNKNOWN, WRONG_ANYWAY, Op
from nats import Lost, Silence

EMPLOYEES, JOBS = "employee.v1.EmployeeService", "job.v1.JobService"
PLACES, SHEETS = "location.v1.LocationService", "timesheet.v1.TimesheetService"
POOL, POOL_JOBS, POOL_PLACES, TEAM, BADGES, SHARED_DAYS = 40, 8, 6, 40, 16, 12
OPERATOR_ONLY = {"GetEmployeePrivate", "UpdateEmployeePrivate"}
SECONDS = 2.0


def team(number):
    """Who is in it, of the stable ones."""
    return f"team{number // TEAM}"


def date_of(number):
    """A date for each number, as markers of terminations: they only grow."""
    return time.strftime("%Y-%m-%d", time.gmtime(number * 86400))


class Client(threading.Thread):
    def __init__(self, world, history, number, clients, seed, stable):
        super().__init__(daemon=True)
        self.world, self.history, self.number = world, history, number
        self.random = random.Random(f"{seed}/{number}")
        self.nats, self.operator = world.connect("client"), world.connect("operator")
        self.mine = range(number, stable, clients)
        self.stable = stable
        self.clocked = {}  # stable id: "in", "out"; unknown when absent
        self.worked = set()  # who has a day
        self.hired, self.tokens, self.keyed = [], {}, []
        self.go, self.idle, self.stopping = threading.Event(), threading.Event(), False
        self.refused = False  # the last time, for a reason that passes

    # ---- asking ----

    def op(self, method, entity, id_, marker=None, keyed=False):
        number = next(self.history.numbers)
        return Op(number, self.number, method, entity, id_, marker, f"k{number}" if keyed else None)

    def call(self, op, service, request, after=None):
        """Sends it and writes down what came of it. True when it was answered OK."""
        headers = {"Grpc-Timeout": "1500m"}
        if op.key:
            headers["Idempotency-Key"] = op.key
        if after:
            op.after = headers["Furrow-After"] = after
        self.refused, known = False, self.history.begin(op)
        try:
            nats = self.operator if op.method in OPERATOR_ONLY else self.nats
            answer = nats.request(f"{service}.{op.method}", json.dumps(request).encode(), headers, SECONDS)
        except (Lost, Silence) as error:
            self.refused = True
            self.history.end(op, UNKNOWN, text=type(error).__name__)
            return False
        if answer.status.startswith("503"):
            self.refused = True
            self.history.end(op, REFUSED, 14, "no responders")
            return False
        code = int(answer.headers.get("Nats-Service-Error-Code", 0))
        if code:
            self.refused = code in (8, 14)
            outcome = REFUSED if code in DEFINITE or self.refused else UNKNOWN
            self.history.end(op, outcome, code, answer.headers.get("Nats-Service-Error", ""))
            if code in WRONG_ANYWAY:
                self.contradict(op, f"nobody may be told {op.text}")
            if code == 5 and known and op.method.startswith("Get") and op.epoch == self.history.epoch:
                self.contradict(op, f"NOT_FOUND, but version {known} was acknowledged before")
            return False
        body = json.loads(answer.body or b"{}")
        token = answer.headers.get("Furrow-Version", "")
        version = int(body.get("version", 0)) or None
        self.history.end(op, OK, version=version, answer=body)
        if token:
            self.tokens[op.id] = token
        if version and version < known and not op.first and op.epoch == self.history.epoch:
            self.contradict(op, f"answered version {version}, but {known} was acknowledged before it was asked", "stale")
        return True

    def contradict(self, op, text, kind="wrong answer"):
        if op.epoch == self.history.epoch:
            self.history.violate(kind, f"{op}\n      {text}", op.entity, op.id, op)

    def command(self, op, service, request, after=None):
        """With a key it is repeated, now and perhaps later."""
        good = self.call(op, service, request, after)
        if op.key:
            if self.random.random() < 0.3 or (op.outcome == UNKNOWN and self.random.random() < 0.8):
                self.repeat(op, service, request)
            if self.random.random() < 0.2:
                self.keyed = [*self.keyed[-4:], (op, service, request)]
        return good

    def repeat(self, op, service, request):
        again = Op(next(self.history.numbers), self.number, op.method, op.entity, op.id, op.marker, op.key, op)
        self.call(again, service, request)
        return again

    # ---- what is done ----

    def run(self):
        menu = [(self.read_pool, 14), (self.read_stable, 8), (self.list_team, 4), (self.batch, 2), (self.update, 12), (self.contact, 6), (self.badge, 4),
                (self.terminate, 6), (self.rehire, 6), (self.private, 3), (self.read_private, 2), (self.stroke, 26), (self.pool_stroke, 8),
                (self.read_day, 6), (self.hire, 6), (self.leave, 2), (self.read_hired, 4), (self.job, 4), (self.place, 4), (self.open_job, 2), (self.create_place, 1),
                (self.repeat_old, 3)]
        actions, weights = zip(*menu)
        while not self.stopping:
            if not self.go.is_set():
                self.idle.set()
                self.go.wait(0.1)
                continue
            self.idle.clear()
            self.random.choices(actions, weights)[0]()
            if self.refused:
                time.sleep(0.01)

    def pick_pool(self):
        return f"P{self.random.randrange(POOL):02d}"

    def coin(self):
        return self.random.random() < 0.5

    def read_pool(self):
        id_ = self.pick_pool()
        self.call(self.op("GetEmployee", "Employee", id_), EMPLOYEES, {"id": id_})

    def read_stable(self):
        number = self.random.randrange(self.stable)
        id_ = f"S{number:04d}"
        op = self.op("GetEmployee", "Employee", id_)
        if self.call(op, EMPLOYEES, {"id": id_}):
            if op.answer["employee"].get("crew") != team(number):
                self.contradict(op, f"is another: {op.answer}")

    def list_team(self):
        """Whole, as nobody joins or leaves."""
        first = self.random.randrange(self.stable // TEAM) * TEAM
        op = self.op("ListEmployees", None, team(first))
        if self.call(op, EMPLOYEES, {"crew": team(first), "pageSize": 1000}):
            found = [employee["id"] for employee in op.answer.get("employees", [])]
            if found != [f"S{number:04d}" for number in range(first, first + TEAM)]:
                self.contradict(op, f"listed are {len(found)} of {TEAM}: {found[:5]}…")

    def batch(self):
        ids = [f"S{self.random.randrange(self.stable):04d}" for _ in range(20)]
        op = self.op("BatchGetEmployees", None, ids[0])
        if self.call(op, EMPLOYEES, {"ids": ids}) and op.answer.get("missingIds"):
            self.contradict(op, f"missing are {op.answer['missingIds']}")

    def update(self):
        op = self.op("UpdateEmployee", "Employee", self.pick_pool(), keyed=self.coin())
        op.marker = "crew", f"c{op.number}"
        self.command(op, EMPLOYEES, {"employee": {"id": op.id, "crew": op.marker[1]}, "updateMask": "crew"})

    def contact(self):
        op = self.op("UpdateEmployee", "Employee", self.pick_pool(), keyed=self.coin())
        op.marker = "language", f"en-{op.number % 10**8}"
        self.command(op, EMPLOYEES, {"employee": {"id": op.id, "language": op.marker[1]}, "updateMask": "language"})

    def badge(self):
        """Of a few that all want."""
        op = self.op("UpdateEmployee", "Employee", self.pick_pool(), keyed=self.coin())
        badge = f"X{self.random.randrange(BADGES)}"
        self.command(op, EMPLOYEES, {"employee": {"id": op.id, "badge": badge}, "updateMask": "badge"})

    def terminate(self):
        op = self.op("TerminateEmployee", "Employee", self.pick_pool(), keyed=self.coin())
        op.marker = "termination_date", date_of(op.number + 3650)
        if self.command(op, EMPLOYEES, {"id": op.id, "date": op.marker[1]}) and self.random.random() < 0.2:
            self.rehire(op.id)

    def rehire(self, id_=None):
        op = self.op("RehireEmployee", "Employee", id_ or self.pick_pool(), keyed=self.coin())
        op.marker = "hire_date", date_of(op.number + 3650)
        self.command(op, EMPLOYEES, {"id": op.id, "date": op.marker[1]})

    def private(self):
        op = self.op("UpdateEmployeePrivate", "Employee", self.pick_pool(), keyed=self.coin())
        op.marker = "tax_id", f"t{op.number}"
        self.command(op, EMPLOYEES, {"id": op.id, "private": {"taxId": op.marker[1]}})

    def read_private(self):
        id_ = self.pick_pool()
        self.call(self.op("GetEmployeePrivate", None, id_), EMPLOYEES, {"id": id_})

    def now(self):
        """For the time of a stroke: no two are the same."""
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{int(time.time() % 1 * 1000):03d}{self.number:02d}{self.random.randrange(10**4):04d}Z"

    def stroke(self):
        """In or out, of somebody whom nobody else clocks."""
        id_ = f"S{self.random.choice(self.mine):04d}"
        before = self.clocked.get(id_)
        entering = before == "out" or (before is None and self.coin())
        op = self.op("ClockIn" if entering else "ClockOut", "Clock", id_, keyed=self.coin())
        op.marker = "start" if entering else "end", self.now()
        request = {"employeeId": id_, "at": op.marker[1]}
        if entering:
            request |= {"jobId": "J1", "locationId": "B1"}
        good = self.command(op, SHEETS, request)
        if good:
            self.clocked[id_] = "in" if entering else "out"
            self.worked.add(id_)
        elif op.outcome == REFUSED and op.code in DEFINITE:
            if (before == "out" and "is clocked in already" in op.text) or (before == "in" and "is not clocked in" in op.text):
                self.contradict(op, f"the last that was acknowledged of {id_} is clocked {before}")
            elif "not known" in op.text or "closed" in op.text or "not employed" in op.text:
                self.contradict(op, f"{id_}, J1 and B1 have been there from the beginning")
            self.clocked.pop(id_, None)
            if "already" in op.text or "not clocked in" in op.text:
                self.clocked[id_] = "in" if entering else "out"
        elif op.outcome == UNKNOWN or (op.outcome == REFUSED and op.code != 8):
            self.clocked.pop(id_, None)

    def pool_stroke(self):
        """Of somebody who is terminated, rehired and clocked by others meanwhile."""
        id_ = f"P{self.random.randrange(SHARED_DAYS):02d}"
        entering = self.random.random() < 0.6
        op = self.op("ClockIn" if entering else "ClockOut", "Clock", id_, keyed=self.coin())
        op.marker = "start" if entering else "end", self.now()
        request = {"employeeId": id_, "at": op.marker[1]}
        if entering:
            request |= {"jobId": f"K{self.random.randrange(POOL_JOBS)}" if self.random.random() < 0.3 else "J1", "locationId": "B1"}
        self.command(op, SHEETS, request, self.tokens.get(id_) if self.coin() else None)

    def read_day(self):
        id_ = f"S{self.random.choice(self.mine):04d}"
        op = self.op("ListDays", None, id_)
        if self.call(op, SHEETS, {"employeeId": id_}) and id_ in self.worked and not op.answer.get("days"):
            self.contradict(op, f"no day, but {id_} has worked")

    def hire(self):
        number = next(self.history.numbers)
        op = self.op("HireEmployee", "Employee", f"H{number}" if self.coin() else "", keyed=self.coin())
        op.marker = "given_name", f"n{op.number}"
        shared = self.random.random() < 0.3
        request = {"id": op.id, "givenName": op.marker[1], "familyName": "F", "hireDate": "1970-01-01",
                   "badge": f"X{self.random.randrange(BADGES)}" if shared else f"h{op.number}"}
        if self.command(op, EMPLOYEES, request):
            id_ = op.answer["employee"]["id"]
            with self.history.lock:
                self.history.known[("Employee", id_)] = max(op.version, self.history.known.get(("Employee", id_), 0))
            self.hired = [*self.hired[-20:], id_]
            if self.random.random() < 0.3:
                self.enter_new(id_)

    def enter_new(self, id_):
        """Somebody just hired must be known elsewhere, by the token of the hire."""
        token = self.tokens.get(id_)
        op = self.op("ClockIn", "Clock", id_)
        op.marker = "start", self.now()
        if token and not self.call(op, SHEETS, {"employeeId": id_, "jobId": "J1", "locationId": "B1", "at": op.marker[1]}, token):
            if op.code == 9 and "not known" in op.text:
                self.contradict(op, "its hire was acknowledged, and waited for")

    def leave(self):
        """Somebody of ours goes, and is forgotten."""
        if not self.hired:
            return
        id_ = self.hired.pop(0)
        if self.call(self.op("TerminateEmployee", "Employee", id_), EMPLOYEES, {"id": id_}):
            with self.history.lock:
                self.history.known.pop(("Employee", id_), None)
            op = self.op("EraseEmployee", None, id_, keyed=True)
            if self.call(op, EMPLOYEES, {"id": id_}):
                look = self.op("GetEmployee", None, id_)
                if self.call(look, EMPLOYEES, {"id": id_}):
                    self.contradict(look, f"{id_} was erased")

    def read_hired(self):
        if self.hired:
            id_ = self.random.choice(self.hired)
            self.call(self.op("GetEmployee", "Employee", id_), EMPLOYEES, {"id": id_})

    def job(self):
        id_ = f"K{self.random.randrange(POOL_JOBS)}"
        op = self.op(self.random.choice(["CloseJob", "ReopenJob", "GetJob"]), "Job", id_, keyed=self.coin())
        self.call(op, JOBS, {"id": id_})

    def place(self):
        id_ = f"L{self.random.randrange(POOL_PLACES)}"
        op = self.op(self.random.choice(["CloseLocation", "ReopenLocation", "GetLocation"]), "Location", id_, keyed=self.coin())
        self.call(op, PLACES, {"id": id_})

    def open_job(self):
        op = self.op("OpenJob", "Job", "", keyed=self.coin())
        op.marker = "code", f"j{op.number}"
        places = [f"L{self.random.randrange(POOL_PLACES)}"] if self.coin() else []
        self.command(op, JOBS, {"code": op.marker[1], "name": "Job", "kind": "JOB_KIND_PRUNE", "pay": {"type": "PAY_TYPE_HOURLY"}, "locationIds": places})

    def create_place(self):
        op = self.op("CreateLocation", "Location", "", keyed=self.coin())
        op.marker = "crop", f"l{op.number}"
        self.command(op, PLACES, {"kind": "LOCATION_KIND_BLOCK", "name": "Place", "parentId": "R1", "crop": op.marker[1]})

    def repeat_old(self):
        """Within the window that the README promises: the checker counts."""
        if self.keyed:
            op, service, request = self.keyed.pop(0)
            self.repeat(op, service, request)
            self.clocked.pop(op.id, None)  # it may have taken effect only now


def populate(world, stable):
    """What is there from the beginning, through the tool and the services."""
    csv = world.dir / "employees.csv"
    with open(csv, "w") as file:
        file.write("id,given_name,family_name,badge,crew,hire_date\n")
        for number in range(stable):
            file.write(f"S{number:04d},Given{number},Family,s{number},{team(number)},1970-01-01\n")
        for number in range(POOL):
            file.write(f"P{number:02d},Pool{number},Family,p{number},pool,1970-01-01\n")
    (world.dir / "locations.csv").write_text("id,kind,name,parent_id\nR1,ranch,Ranch,\nB1,block,Block,R1\n" +
                                             "".join(f"L{number},block,Place,R1\n" for number in range(POOL_PLACES)))
    (world.dir / "jobs.csv").write_text("id,code,name,kind,pay.type\nJ1,ONE,One,prune,hourly\n" +
                                        "".join(f"K{number},K{number},Job,prune,hourly\n" for number in range(POOL_JOBS)))
    world.farm("import", *(str(world.dir / f"{kind}.csv") for kind in ("locations", "jobs", "employees")))
