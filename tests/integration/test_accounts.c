/*
 * What one key can reach: nats-server answers wherever a request's reply subject says, with its own rights. So every
 * user of the mesh sends every kind of request that makes the server or a service answer, its own and those it may not,
 * with the reply subject pointed at every kind of subject of every service; afterwards nothing of any service but the
 * attacker's own has changed. That the attack is one is seen where all share one account: there it changes what is
 * another's.
 */
#include "link/jetstream.h"
#include "support/farm.h"
#include "support/wait.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS_MAX 4
#define TEXTS_MAX   512

/* Written by hand from the contracts, not taken from what is tested. */
typedef struct service_facts {
    const char *name, *service, *command; /* a method that changes something */
    const char *streams[STREAMS_MAX];     /* its own, the first one's entities are listed next */
    const char *entities[STREAMS_MAX];
    const char *keeps[STREAMS_MAX]; /* "owner STREAM" */
} service_facts;

static const service_facts facts[FARM_SERVICES] = {
    [FARM_EMPLOYEE] = {"employee",
                       "employee.v1.EmployeeService",
                       "TerminateEmployee",
                       {"EMPLOYEE", "BADGE_CLAIM", "EMPLOYEE_KEY"},
                       {"employee.v1.Employee.E1", "employee.v1.BadgeClaim.E1", "employee.v1.EmployeeKey.E1"},
                       {NULL}},
    [FARM_LOCATION] = {"location",
                       "location.v1.LocationService",
                       "CloseLocation",
                       {"LOCATION", "TREE"},
                       {"location.v1.Location.B1", "location.v1.Tree.R1"},
                       {NULL}},
    [FARM_JOB] = {"job", "job.v1.JobService", "CloseJob", {"JOB"}, {"job.v1.Job.J1"}, {"location LOCATION"}},
    [FARM_TIMESHEET] = {"timesheet",
                        "timesheet.v1.TimesheetService",
                        "ClockOut",
                        {"WORK_DAY"},
                        {"timesheet.v1.WorkDay.E1_20261123"},
                        {"employee EMPLOYEE", "job JOB", "location LOCATION"}},
    [FARM_HARVEST] = {"harvest",
                      "harvest.v1.HarvestService",
                      "VoidTicket",
                      {"TICKET"},
                      {"harvest.v1.Ticket.T1"},
                      {"employee EMPLOYEE", "job JOB", "location LOCATION"}},
    [FARM_PAYROLL] = {"payroll",
                      "payroll.v1.PayrollService",
                      "ClosePeriod",
                      {"EMPLOYEE_RATES", "PAY_PERIOD"}, /* of four: one by a reaction, one by calls */
                      {"payroll.v1.EmployeeRates.E1", "payroll.v1.PayPeriod.2026-11-23"},
                      {"harvest TICKET", "timesheet WORK_DAY"}}};

typedef struct texts {
    const char *text[TEXTS_MAX], *body[TEXTS_MAX];
    size_t count;
} texts;

static void add_text(texts *list, const char *text, const char *body)
{
    ck_assert_uint_lt(list->count, TEXTS_MAX);
    list->text[list->count] = text;
    list->body[list->count++] = body;
}

/* Everything that is @of's, as a reply subject. */
static void add_targets(farm *f, texts *into, const service_facts *of)
{
    for (size_t i = 0; i < STREAMS_MAX && of->streams[i]; i++) {
        const char *stream = of->streams[i];
        add_text(into, of->entities[i], NULL);
        add_text(into, farm_text(f, "%s_new", of->entities[i]), NULL);
        add_text(into, farm_text(f, "deadletter.%s.%s", of->name, stream), NULL);
        add_text(into, farm_text(f, "$JS.API.STREAM.DELETE.%s", stream), NULL);
        add_text(into, farm_text(f, "$JS.%s.API.STREAM.DELETE.%s", of->name, stream), NULL);
        add_text(into, farm_text(f, "$JS.API.CONSUMER.DELETE.%s.%s", stream, of->name), NULL);
        add_text(into, farm_text(f, "$JS.%s.API.CONSUMER.DELETE.%s.%s", of->name, stream, of->name), NULL);
        add_text(into, farm_text(f, "$JS.ACK.%s.%s.1.1.1.1700000000000000000.0", stream, of->name), NULL);
    }
    add_text(into, "$JS.API.STREAM.DELETE.DEADLETTER", NULL);
    add_text(into, farm_text(f, "%s.%s", of->service, of->command), NULL);
    add_text(into, farm_text(f, "_INBOX_%s.x", of->name), NULL);
    add_text(into, farm_text(f, "furrow.v1.Health.%s", of->name), NULL);
    add_text(into, farm_text(f, "$SRV.PING.%s", of->name), NULL);
}

/* The API of @stream under @prefix, for the consumer @durable. */
static void add_api(farm *f, texts *into, const char *prefix, const char *stream, const char *durable)
{
    static const struct {
        const char *verb, *body;
    } on_stream[] = {{"STREAM.INFO", ""},
                     {"STREAM.MSG.GET", "{\"seq\":1}"},
                     {"STREAM.MSG.GET", "{\"seq\":1000000}"},
                     {"DIRECT.GET", "{\"seq\":1}"},
                     {"CONSUMER.NAMES", ""},
                     {"CONSUMER.LIST", ""}},
      on_consumer[] = {{"CONSUMER.INFO", ""},
                       {"CONSUMER.MSG.NEXT", "{\"batch\":1,\"no_wait\":true}"},
                       {"CONSUMER.MSG.NEXT", "{\"batch\":1000000,\"expires\":1}"},
                       {"CONSUMER.CREATE", "{}"},
                       {"CONSUMER.DURABLE.CREATE", "{}"}};
    for (size_t i = 0; i < sizeof on_stream / sizeof *on_stream; i++)
        add_text(into, farm_text(f, "%s.%s.%s", prefix, on_stream[i].verb, stream), on_stream[i].body);
    for (size_t i = 0; i < sizeof on_consumer / sizeof *on_consumer; i++)
        add_text(into, farm_text(f, "%s.%s.%s.%s", prefix, on_consumer[i].verb, stream, durable), on_consumer[i].body);
    add_text(into, farm_text(f, "$JS.ACK.%s.%s.1.1.1.1700000000000000000.0", stream, durable), "+ACK");
    add_text(into, farm_text(f, "$JS.ACK.%s.%s.1.1.1.1700000000000000000.0", stream, durable), "+NXT");
    add_text(into, farm_text(f, "$JS.ACK._.hash.%s.%s.1.1.1.1700000000000000000.0", stream, durable), "+NXT");
    /* One form of an ack that reads as the other form of another durable's. */
    add_text(into, farm_text(f, "$JS.ACK.%s.timesheet.%s.%s.1.1.1", stream, stream, durable), "+NXT");
}

/* Every request that is answered, of @of's: by its account's JetStream, by its instances. */
static void add_requests(farm *f, texts *into, const service_facts *of)
{
    char owner[16], stream[16];
    for (size_t i = 0; i < STREAMS_MAX && of->streams[i]; i++) {
        add_api(f, into, "$JS.API", of->streams[i], of->name);
        add_api(f, into, farm_text(f, "$JS.%s.API", of->name), of->streams[i], of->name);
    }
    for (size_t i = 0; i < STREAMS_MAX && of->keeps[i]; i++) {
        ck_assert_int_eq(sscanf(of->keeps[i], "%15s %15s", owner, stream), 2);
        add_api(f, into, farm_text(f, "$JS.%s.API", owner), farm_text(f, "%s", stream), of->name);
    }
    add_text(into, farm_text(f, "deadletter.%s.%s", of->name, of->streams[0]), "a letter that is stored and acked");
    add_text(into, "$JS.API.STREAM.LIST", "");
    add_text(into, "$JS.API.STREAM.NAMES", "");
    add_text(into, "$JS.API.INFO", "");
    add_text(into, farm_text(f, "$SRV.PING.%s", of->name), "");
    add_text(into, farm_text(f, "$SRV.INFO.%s", of->name), "");
    add_text(into, farm_text(f, "$SRV.STATS.%s", of->name), "");
    add_text(into, farm_text(f, "furrow.v1.Health.%s", of->name), "");
    add_text(into, farm_text(f, "furrow.v1.Health.%s.nobody", of->name), "");
    add_text(into, farm_text(f, "%s.%s", of->service, of->command), "{\"id\":\"nobody\"}");
    add_text(into, farm_text(f, "%s.NoMethod", of->service), "{}");
}

static const char *ask_operator(farm *f, const char *owner, const char *what)
{
    furrow_error err;
    FURROW_AUTO(furrow_msg) reply = NULL;
    const char *subject =
        f->options.single_account ? farm_text(f, "$JS.API.%s", what) : farm_text(f, "$JS.%s.API.%s", owner, what);
    furrow_outgoing out = {.subject = subject};
    furrow_status status = furrow_link_request(f->operator_link, &out, farm_within_ms(FARM_PATIENCE_MS), &reply, &err);
    ck_assert_msg(status == FURROW_OK, "%s: %s", subject, err.text);
    return furrow_arena_memdup(f->arena, reply->data.data, reply->data.len);
}

static void append(farm *f, char **all, const char *name, const char *text, size_t len)
{
    size_t had = strlen(*all);
    char *more = furrow_arena_alloc(f->arena, had + len + 64);
    sprintf(more, "%s%s: %.*s\n", *all, name, (int)len, text);
    *all = more;
}

/* Configuration and state of a stream. */
static void append_stream(farm *f, char **all, const char *owner, const char *stream)
{
    const char *text = ask_operator(f, owner, farm_text(f, "STREAM.INFO.%s", stream));
    const char *config = strstr(text, "\"config\""), *state = strstr(text, "\"state\"");
    const char *from = config ? config : text, *to = state ? strchr(state, '}') : text + strlen(text);
    append(f, all, stream, from, (size_t)(to - from));
}

/* How far a durable is, and what it waits for: whoever acks or takes for another moves it. */
static void append_durable(farm *f, char **all, const char *owner, const char *stream, const char *durable)
{
    static const char *const parts[] = {"\"delivered\"", "\"ack_floor\"", "\"num_ack_pending\"", "\"num_redelivered\"",
                                        "\"num_pending\""};
    const char *text = ask_operator(f, owner, farm_text(f, "CONSUMER.INFO.%s.%s", stream, durable));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *part = strstr(text, parts[i]);
        const char *from = part && i < 2 ? strstr(part, "\"stream_seq\"") : part;
        append(f, all, durable, from ? from : "gone", from ? strcspn(from, ",}") : 4);
    }
}

/* All streams and durables, as the operator sees them, but for those of @but. */
static char *what_is_stored(farm *f, const char *but)
{
    char *all = farm_text(f, "%s", ""), owner[16], stream[16];
    for (int s = 0; s < FARM_SERVICES; s++) {
        const service_facts *of = &facts[s];
        if (but && strcmp(of->name, but) == 0) continue;
        append_stream(f, &all, of->name, "DEADLETTER");
        for (size_t i = 0; i < STREAMS_MAX && of->streams[i]; i++) {
            append_stream(f, &all, of->name, of->streams[i]);
            append_durable(f, &all, of->name, of->streams[i], of->name);
        }
        for (size_t i = 0; i < STREAMS_MAX && of->keeps[i]; i++) {
            ck_assert_int_eq(sscanf(of->keeps[i], "%15s %15s", owner, stream), 2);
            append_durable(f, &all, owner, stream, of->name);
        }
    }
    return all;
}

static size_t attack(farm *f, const char *user, const texts *requests, const texts *targets)
{
    /* An event that its stream refuses: the answer is an error, where another's is an acknowledgement. */
    static const furrow_header wrong = {"Nats-Expected-Last-Subject-Sequence", "999999"};
    size_t sent = 0;
    furrow_error err;
    furrow_link *link = farm_link_as(f, user);
    for (size_t t = 0; t < targets->count; t++)
        for (size_t r = 0; r <= requests->count; r++) {
            furrow_outgoing out = {.reply = targets->text[t]};
            if (r < requests->count) {
                out.subject = requests->text[r];
                out.data = furrow_bytes_of(requests->body[r]);
            } else {
                out.subject = targets->text[0];
                out.headers = &wrong;
                out.header_count = 1;
            }
            if (furrow_link_publish(link, &out, &err) == FURROW_OK) sent++;
            if (sent % 200 == 0)
                ck_assert_int_eq(furrow_link_flush(link, farm_within_ms(FARM_PATIENCE_MS), &err), FURROW_OK);
        }
    ck_assert_int_eq(furrow_link_flush(link, farm_within_ms(FARM_PATIENCE_MS), &err), FURROW_OK);
    furrow_link_destroy(link);
    return sent;
}

/* Of the service that @user is of, or NULL. */
static const char *service_of(const char *user)
{
    for (int s = 0; s < FARM_SERVICES; s++)
        if (strncmp(user, facts[s].name, strlen(facts[s].name)) == 0) return facts[s].name;
    return NULL;
}

static size_t attack_others(farm *f, const char *user)
{
    static texts requests, targets; /* too large for a task's stack */
    requests.count = targets.count = 0;
    const char *own = service_of(user);
    for (int s = 0; s < FARM_SERVICES; s++) {
        add_requests(f, &requests, &facts[s]);
        if (!own || strcmp(own, facts[s].name) != 0) add_targets(f, &targets, &facts[s]);
    }
    return attack(f, user, &requests, &targets);
}

static void make_something(farm *f)
{
    furrow_error err;
    farm_start_all(f, 1);
    ck_assert_int_eq(farm_call(f, "employee.v1.EmployeeService.HireEmployee",
                               "{\"id\":\"E1\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"1\"}", NULL, &err),
                     FURROW_OK);
    ck_assert_int_eq(farm_call_until(f, "timesheet.v1.TimesheetService.ClockIn",
                                     "{\"employeeId\":\"E1\",\"jobId\":\"J1\",\"locationId\":\"B1\"}", NULL, &err),
                     FURROW_OK);
}

/* Nothing is to come, and nothing to be acked: what moves after that, somebody has moved. */
static bool is_at_rest(const char *stored)
{
    for (const char *at = stored; (at = strstr(at, "pending\":")) != NULL; at++)
        if (strncmp(at, "pending\":0", 10) != 0) return false;
    return true;
}

static char *at_rest(farm *f, const char *but)
{
    char *before = what_is_stored(f, but), *now = NULL;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        (furrow_task_sleep_ms(50), now = what_is_stored(f, but), is_at_rest(now) && strcmp(before, now) == 0) ||
            (before = now, false),
        FARM_PATIENCE_MS));
    return now;
}

static void check_same(const char *user, const char *before, const char *now)
{
    size_t same = 0;
    while (before[same] && before[same] == now[same]) same++;
    while (same > 0 && before[same - 1] != '\n') same--;
    ck_assert_msg(strcmp(before, now) == 0, "after %s, instead of\n%.400s\nthere is\n%.400s", user, before + same,
                  now + same);
}

static void every_user(farm *f)
{
    static const char *const users[] = {"employee",  "employee.log",    "location",  "location.log",
                                        "job",       "job.log",         "timesheet", "timesheet.log",
                                        FARM_CLIENT, FARM_OTHER_CLIENT, "inspector"};
    furrow_error err;
    make_something(f);
    for (size_t u = 0; u < sizeof users / sizeof *users; u++) {
        const char *own = service_of(users[u]);
        char *before = at_rest(f, own);
        size_t sent = attack_others(f, users[u]);
        ck_assert_uint_gt(sent, 1000);
        check_same(users[u], before, at_rest(f, own)); /* what comes of it may come later */
    }
    ck_assert_int_eq(farm_call(f, "employee.v1.EmployeeService.GetEmployee", "{\"id\":\"E1\"}", NULL, &err), FURROW_OK);
    ck_assert_int_eq(farm_call(f, "location.v1.LocationService.GetLocation", "{\"id\":\"B1\"}", NULL, &err), FURROW_OK);
    ck_assert_int_eq(farm_call(f, "job.v1.JobService.GetJob", "{\"id\":\"J1\"}", NULL, &err), FURROW_OK);
    ck_assert_int_eq(farm_call(f, "timesheet.v1.TimesheetService.ClockOut", "{\"employeeId\":\"E1\"}", NULL, &err),
                     FURROW_OK);
}

START_TEST(an_answer_pointed_at_anothers_subject_changes_nothing_of_it)
{
    farm_run(every_user);
}
END_TEST

/* The same attack, where a service's key shares its account with the others' logs. */
static void in_one_account(farm *f)
{
    make_something(f);
    char *before = what_is_stored(f, "timesheet");
    (void)attack_others(f, "timesheet");
    ck_assert_str_ne(what_is_stored(f, "timesheet"), before);
}

START_TEST(in_a_single_account_it_does_so_the_attack_is_one)
{
    farm_run_single_account(in_one_account);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("accounts");
    TCase *tests = tcase_create("what one key can reach");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, an_answer_pointed_at_anothers_subject_changes_nothing_of_it);
    tcase_add_test(tests, in_a_single_account_it_does_so_the_attack_is_one);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
