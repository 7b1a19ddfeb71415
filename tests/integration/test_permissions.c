/*
 * Least privilege, tried from the wrong side: for every ordered pair of services the one, with its own keys, reaches
 * for what is the other's, in NATS and in Redis, and is refused and logged each time. Then the users that are no
 * service, and the commands that make keys and permissions. That the right side still works is what every other test of
 * the mesh shows, since all run under these permissions.
 */
#include "link/link.h"
#include "support/farm.h"
#include "support/tempdir.h"
#include "support/wait.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STREAMS_MAX 4

/* Written by hand from DESIGN, not taken from what is tested. */
typedef struct service_facts {
    const char *name, *method, *event;
    const char *streams[STREAMS_MAX];
    const char *keeps; /* services whose entities it keeps */
} service_facts;

static const service_facts facts[FARM_SERVICES] = {
    [FARM_EMPLOYEE] = {"employee",
                       "employee.v1.EmployeeService.GetEmployee",
                       "employee.v1.Employee.E1",
                       {"EMPLOYEE", "BADGE_CLAIM", "EMPLOYEE_KEY"},
                       ""},
    [FARM_LOCATION] =
        {"location", "location.v1.LocationService.GetLocation", "location.v1.Location.B1", {"LOCATION", "TREE"}, ""},
    [FARM_JOB] = {"job", "job.v1.JobService.GetJob", "job.v1.Job.J1", {"JOB"}, "location"},
    [FARM_TIMESHEET] = {"timesheet",
                        "timesheet.v1.TimesheetService.GetDay",
                        "timesheet.v1.WorkDay.D1",
                        {"WORK_DAY"},
                        "employee location job"},
    [FARM_HARVEST] =
        {"harvest", "harvest.v1.HarvestService.GetTicket", "harvest.v1.Ticket.T1", {"TICKET"}, "employee location job"},
    [FARM_PAYROLL] = {"payroll",
                      "payroll.v1.PayrollService.GetPeriod",
                      "payroll.v1.PayPeriod.2026-11-23",
                      {"PAY_PERIOD", "STATEMENT", "EMPLOYEE_RATES", "JOB_RATES"},
                      "employee job timesheet harvest"},
};

static void refused(farm *f, furrow_link *link, const char *subject)
{
    furrow_error err;
    furrow_msg *reply = NULL;
    furrow_outgoing out = {.subject = subject, .data = furrow_bytes_of("{}")};
    furrow_status status = furrow_link_request(link, &out, farm_within_ms(FARM_PATIENCE_MS), &reply, &err);
    ck_assert_msg(status == FURROW_PERMISSION_DENIED, "%s: %s", subject, furrow_status_name(status));
    const char *logged = farm_text(f, "Subject \"%s\"", subject);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(strstr(furrow_test_server_log(f->nats), logged), FARM_PATIENCE_MS));
}

static void ignore(void *arg, furrow_msg *msg)
{
    size_t *received = arg;
    (*received)++;
    furrow_msg_free(msg);
}

static void refused_to_hear(farm *f, furrow_link *link, const char *subject)
{
    uint64_t before, now;
    size_t received = 0;
    furrow_error err;
    (void)furrow_link_complaint(link, &before);
    furrow_subscription *subscription = furrow_link_subscribe(link, subject, NULL, ignore, &received, &err);
    ck_assert_msg(subscription != NULL, "%s", err.text);
    ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK((furrow_link_complaint(link, &now), now > before), FARM_PATIENCE_MS),
                  "%s was allowed", subject);
    ck_assert_ptr_nonnull(strstr(furrow_link_complaint(link, NULL), farm_text(f, "\"%s\"", subject)));
    ck_assert_uint_eq(received, 0);
    furrow_subscription_destroy(subscription);
}

/* Requests and events, which a service answers or writes, and which nobody else may. */
static void try_messages(farm *f, furrow_link *link, const service_facts *other)
{
    refused(f, link, other->method);
    refused(f, link, other->event);
    refused(f, link, farm_text(f, "deadletter.%s.%s", other->name, other->streams[0]));
    refused(f, link, farm_text(f, "furrow.v1.Health.%s", other->name));
    refused(f, link, farm_text(f, "furrow.v1.Replay.%s", other->name));
    refused_to_hear(f, link, other->method);
    refused_to_hear(f, link, other->event);
    refused_to_hear(f, link, farm_text(f, "_INBOX_%s.>", other->name));
    refused_to_hear(f, link, farm_text(f, "$SRV.INFO.%s", other->name));
    refused_to_hear(f, link, farm_text(f, "furrow.v1.Health.%s", other->name));
    refused_to_hear(f, link, farm_text(f, "furrow.v1.Replay.%s", other->name));
}

/* The other's consumer of @stream, and what nobody but the operator may do to a stream, under the API @prefix. */
static void try_api(farm *f, furrow_link *link, const char *prefix, const char *other, const char *stream,
                    bool readable)
{
    static const struct {
        const char *verb, *rest; /* <prefix>.<verb>.<stream><rest> */
    } harm[] = {{"STREAM.DELETE", ""},         {"STREAM.PURGE", ""},
                {"STREAM.UPDATE", ""},         {"STREAM.MSG.DELETE", ""},
                {"STREAM.SNAPSHOT", ""},       {"CONSUMER.CREATE", ""},
                {"CONSUMER.CREATE", ".spy"},   {"CONSUMER.DURABLE.CREATE", ".spy"},
                {"CONSUMER.CREATE", ".spy.>"}, {"CONSUMER.LEADER.STEPDOWN", ".spy"}};
    static const struct {
        const char *verb, *suffix; /* <prefix>.<verb>.<stream>.<other><suffix> */
    } theirs[] = {{"CONSUMER.INFO", ""},          {"CONSUMER.MSG.NEXT", ""}, {"CONSUMER.DELETE", ""},
                  {"CONSUMER.CREATE", ""},        {"CONSUMER.PAUSE", ""},    {"CONSUMER.UNPIN", ""},
                  {"CONSUMER.DURABLE.CREATE", ""}};
    for (size_t i = 0; i < sizeof harm / sizeof *harm; i++)
        refused(f, link, farm_text(f, "%s.%s.%s%s", prefix, harm[i].verb, stream, harm[i].rest));
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++)
        refused(f, link, farm_text(f, "%s.%s.%s.%s%s", prefix, theirs[i].verb, stream, other, theirs[i].suffix));
    if (readable) return;
    refused(f, link, farm_text(f, "%s.STREAM.INFO.%s", prefix, stream));
    refused(f, link, farm_text(f, "%s.STREAM.MSG.GET.%s", prefix, stream));
}

/*
 * By the name it has in its owner's account, and in one that imports it; and the acks of @other's durable, which pull
 * from it, too (+NXT). The last two are shifted: an ack of the newer form, of @own's durable, that reads as one of the
 * older form of @other's.
 */
static void try_stream(farm *f, furrow_link *link, const char *own, const char *other, const char *stream,
                       bool readable)
{
    try_api(f, link, "$JS.API", other, stream, false);
    try_api(f, link, farm_text(f, "$JS.%s.API", other), other, stream, readable);
    refused(f, link, farm_text(f, "$JS.ACK.%s.%s.1.1.1.1700000000000000000.0", stream, other));
    refused(f, link, farm_text(f, "$JS.ACK._.hash.%s.%s.1.1.1.1700000000000000000.0", stream, other));
    refused(f, link, farm_text(f, "$JS.ACK.%s.%s.%s.%s.1.1.1", stream, other, stream, own));
    refused(f, link, farm_text(f, "$JS.ACK.%s.%s.%s.%s.1", stream, other, stream, own));
}

/* Each line of @commands is refused; Redis logs each, by user. */
static void refused_by_redis(farm *f, const char *user, const char *commands)
{
    const char *const argv[] = {"sh", "-c", farm_redis_cli(f, user), NULL};
    char *output = NULL;
    size_t lines = 0, refusals = 0;
    furrow_test_process_options options = {.argv = argv, .input = commands};
    ck_assert_int_eq(furrow_test_run(&options, 30000, &output), 0);
    for (const char *at = commands; (at = strchr(at, '\n')); at++) lines++;
    for (const char *at = output; (at = strstr(at, "NOPERM")); at++) refusals++;
    /* Inside a script Redis says it in other words: those of 7, those of 8. */
    for (const char *at = output; (at = strstr(at, "can't access at least one of the keys")); at++) refusals++;
    for (const char *at = output; (at = strstr(at, "ACL failure in script")); at++) refusals++;
    ck_assert_msg(refusals == lines && lines > 0, "%s: %zu of %zu refused: %s", user, refusals, lines, output);
    ck_assert_ptr_nonnull(strstr(farm_redis(f, "operator", "acl log"), user));
    free(output);
}

static void try_redis(farm *f, const char *user, const service_facts *other)
{
    const char *key = farm_text(f, "%s:{x}:E1", other->name);
    refused_by_redis(
        f, user,
        farm_text(f,
                  "get %s\nset %s 1\ndel %s\nunlink %s\nmget %s:{x}:1 %s\nmset %s:{x}:1 1 %s 1\n"
                  "hgetall %s\nzrangebylex %s - +\n"
                  "eval \"return redis.call('get', KEYS[1])\" 1 %s\neval \"return redis.call('get', '%s')\" 0\n",
                  key, key, key, key, user, key, user, key, key, key, key, key));
}

/* What @user, one of the two of service @one, reaches for; only the log's user reads what the service keeps of others. */
static void try_as(farm *f, int one, const char *user, bool of_log)
{
    furrow_link *link = farm_link_as(f, user);
    for (int two = 0; two < FARM_SERVICES; two++) {
        const service_facts *other = &facts[two];
        if (one == two) continue;
        bool keeps = strstr(facts[one].keeps, other->name) != NULL;
        try_messages(f, link, other);
        /* Who answers calls answers everybody; where an answer is awaited nobody can guess. */
        if (of_log) refused(f, link, farm_text(f, "_INBOX_%s.forged", other->name));
        for (size_t i = 0; i < STREAMS_MAX && other->streams[i]; i++)
            try_stream(f, link, facts[one].name, other->name, other->streams[i], of_log && keeps && i == 0);
        for (size_t i = 0; i < STREAMS_MAX && facts[one].streams[i]; i++)
            refused(f, link,
                    farm_text(f, "$JS.ACK.%s.%s.%s.%s.1.1.1", facts[one].streams[i], other->name, facts[one].streams[i],
                              facts[one].name));
    }
    /* Its own streams are not its to shape either. */
    refused(f, link, farm_text(f, "$JS.API.STREAM.DELETE.%s", facts[one].streams[0]));
    refused(f, link, farm_text(f, "$JS.API.STREAM.PURGE.%s", facts[one].streams[0]));
    refused(f, link, farm_text(f, "$JS.API.CONSUMER.CREATE.%s.mine", facts[one].streams[0]));
    refused(f, link, "$JS.API.STREAM.CREATE.MINE");
    refused(f, link, "$JS.API.STREAM.LIST");
    refused_to_hear(f, link, ">");
    refused_to_hear(f, link, "_INBOX.>");
    furrow_link_destroy(link);
}

static void every_pair(farm *f)
{
    farm_start_all(f, 1);
    for (int one = 0; one < FARM_SERVICES; one++) {
        try_as(f, one, facts[one].name, false);
        try_as(f, one, farm_text(f, "%s.log", facts[one].name), true);
        for (int two = 0; two < FARM_SERVICES; two++)
            if (one != two) try_redis(f, facts[one].name, &facts[two]);
        refused_by_redis(f, facts[one].name,
                         "flushall\nconfig get *\nacl list\nkeys *\nclient list\nmonitor\nshutdown\n");
    }
    for (int s = 0; s < FARM_SERVICES; s++)
        ck_assert_int_eq(farm_call(f, facts[s].method, "{\"id\":\"nobody\"}", NULL, &(furrow_error){0}),
                         FURROW_NOT_FOUND);
}

START_TEST(no_service_reaches_what_is_anothers)
{
    farm_run(every_pair);
}
END_TEST

static void answered(farm *f, furrow_link *link, const char *subject, const char *body, const char *part)
{
    furrow_error err;
    furrow_msg *reply = NULL;
    furrow_outgoing out = {.subject = subject, .data = furrow_bytes_of(body)};
    furrow_status status = furrow_link_request(link, &out, farm_within_ms(FARM_PATIENCE_MS), &reply, &err);
    ck_assert_msg(status == FURROW_OK, "%s: %s", subject, err.text);
    ck_assert_msg(memmem(reply->data.data, reply->data.len, part, strlen(part)), "%s: %.*s", subject,
                  (int)reply->data.len, (const char *)reply->data.data);
    furrow_msg_free(reply);
}

/* Two programs with a key each do not hear each other's answers. */
static void as_client(farm *f, const char *user, const char *other)
{
    furrow_link *link = farm_link_as(f, user);
    refused_to_hear(f, link, farm_text(f, "_INBOX_%s.>", other));
    refused(f, link, farm_text(f, "_INBOX_%s.forged", other));
    answered(f, link, "location.v1.LocationService.GetLocation", "{\"id\":\"B1\"}", "Block");
    answered(f, link, "$SRV.INFO.job", "", "io.nats.micro.v1.info_response");
    refused(f, link, "employee.v1.EmployeeService.GetEmployeePrivate");
    refused(f, link, "employee.v1.EmployeeService.UpdateEmployeePrivate");
    for (int s = 0; s < FARM_SERVICES; s++) {
        refused(f, link, facts[s].event);
        refused(f, link, farm_text(f, "furrow.v1.Replay.%s", facts[s].name));
        refused_to_hear(f, link, facts[s].event);
        refused_to_hear(f, link, facts[s].method);
        try_stream(f, link, user, facts[s].name, facts[s].streams[0], false);
    }
    furrow_link_destroy(link);
    /* It has no user of Redis. */
    const char *const argv[] = {"sh", "-c", farm_text(f, "%s get employee:x 2>&1", farm_redis_cli(f, FARM_CLIENT)),
                                NULL};
    char *output = NULL;
    (void)furrow_test_run(&(furrow_test_process_options){.argv = argv}, 30000, &output);
    ck_assert_msg(strstr(output, "WRONGPASS") && strstr(output, "NOAUTH"), "%s", output);
    free(output);
}

static void as_inspector(farm *f)
{
    furrow_link *link = farm_link_as(f, "inspector");
    size_t heard = 0;
    furrow_error err;
    answered(f, link, "$SRV.STATS.employee", "", "num_requests");
    answered(f, link, "$JS.employee.API.STREAM.LIST", "", "EMPLOYEE");
    answered(f, link, "$JS.employee.API.CONSUMER.INFO.EMPLOYEE.timesheet", "", "num_pending");
    answered(f, link, "$JS.location.API.STREAM.MSG.GET.LOCATION", "{\"last_by_subj\":\"location.v1.Location.B1\"}",
             "data");
    furrow_subscription *events = furrow_link_subscribe(link, "employee.v1.Employee.*", NULL, ignore, &heard, &err);
    ck_assert_ptr_nonnull(events);
    ck_assert_int_eq(furrow_link_flush(link, farm_within_ms(FARM_PATIENCE_MS), &err), FURROW_OK);
    ck_assert_int_eq(farm_call(f, "employee.v1.EmployeeService.HireEmployee",
                               "{\"id\":\"E1\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"1\"}", NULL, &err),
                     FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(heard == 1, FARM_PATIENCE_MS));
    for (int s = 0; s < FARM_SERVICES; s++) {
        refused(f, link, facts[s].method);
        refused(f, link, facts[s].event);
        refused(f, link, farm_text(f, "furrow.v1.Replay.%s", facts[s].name));
        const char *api = farm_text(f, "$JS.%s.API", facts[s].name);
        refused(f, link, farm_text(f, "%s.STREAM.PURGE.%s", api, facts[s].streams[0]));
        refused(f, link, farm_text(f, "%s.STREAM.MSG.DELETE.DEADLETTER", api));
        refused(f, link, farm_text(f, "%s.CONSUMER.MSG.NEXT.%s.%s", api, facts[s].streams[0], facts[s].name));
        refused(f, link, farm_text(f, "%s.CONSUMER.CREATE.%s.spy", api, facts[s].streams[0]));
        refused(f, link, farm_text(f, "$JS.API.STREAM.PURGE.%s", facts[s].streams[0]));
    }
    furrow_subscription_destroy(events);
    furrow_link_destroy(link);
    refused_by_redis(f, "inspector", "set employee:x 1\ndel employee:x\nflushall\nconfig get *\nkeys *\n");
    const char *output = farm_redis(f, "inspector", "--no-raw get 'location:{Location}:B1'");
    ck_assert_msg(strstr(output, "Block"), "%s", output);
}

static void as_nobody(farm *f)
{
    furrow_error err;
    furrow_link *link =
        furrow_link_create(f->loop, &(furrow_link_options){.url = furrow_test_server_url(f->nats)}, &err);
    ck_assert_ptr_nonnull(link);
    ck_assert_msg(
        FURROW_TEST_EVENTUALLY_IN_TASK(strcasestr(furrow_link_last_error(link), "authorization"), FARM_PATIENCE_MS),
        "%s", furrow_link_last_error(link));
    ck_assert(!furrow_link_wait_connected(link, farm_within_ms(500)));
    furrow_link_destroy(link);
    const char *const argv[] = {"redis-cli", "-s", furrow_test_server_socket(f->redis), "get", "employee:x", NULL};
    char *output = NULL;
    (void)furrow_test_run(&(furrow_test_process_options){.argv = argv}, 30000, &output);
    ck_assert_msg(strstr(output, "NOAUTH"), "%s", output);
    free(output);
}

/* A request as itself whose answer it could not hear: its inbox is not the one its permissions name. */
static void with_the_wrong_inbox(farm *f)
{
    furrow_error err;
    furrow_msg *reply = NULL;
    furrow_link_options options = {.url = furrow_test_server_url(f->nats),
                                   .nkey_seed = farm_text(f, "%s/client.nk", f->keys)};
    furrow_link *link = furrow_link_create(f->loop, &options, &err);
    ck_assert_ptr_nonnull(link);
    ck_assert(furrow_link_wait_connected(link, farm_within_ms(FARM_PATIENCE_MS)));
    furrow_outgoing out = {.subject = "job.v1.JobService.GetJob", .data = furrow_bytes_of("{\"id\":\"J1\"}")};
    for (int i = 0; i < 200; i++) { /* each time, also when what the first ones used is used again */
        ck_assert_int_eq(furrow_link_request(link, &out, farm_within_ms(FARM_PATIENCE_MS), &reply, &err),
                         FURROW_PERMISSION_DENIED);
        ck_assert_ptr_nonnull(strstr(err.text, "inbox"));
    }
    furrow_link_destroy(link);
}

static void others(farm *f)
{
    farm_start_all(f, 1);
    as_client(f, FARM_CLIENT, FARM_OTHER_CLIENT);
    as_client(f, FARM_OTHER_CLIENT, FARM_CLIENT);
    as_inspector(f);
    as_nobody(f);
    with_the_wrong_inbox(f);
}

START_TEST(a_client_calls_an_inspector_reads_and_nobody_else_comes_in)
{
    farm_run(others);
}
END_TEST

/* A right that is missing shows in the service's own log, and its answers stay what they were. */
static void without_a_right(farm *f)
{
    furrow_error err;
    farm_start_all(f, 1);
    (void)farm_redis(f, "operator", "acl setuser location -fcall");
    (void)!farm_call(f, "location.v1.LocationService.CreateLocation",
                     "{\"id\":\"B2\",\"kind\":\"LOCATION_KIND_BLOCK\",\"name\":\"Two\",\"parentId\":\"R1\"}", NULL,
                     &err);
    ck_assert(
        furrow_test_process_wait_for(f->services[FARM_LOCATION][0], "msg=\"refused\" by=Redis", FARM_PATIENCE_MS));
    (void)farm_redis(f, "operator", "acl setuser location +fcall");
    ck_assert_int_eq(farm_call_until(f, "location.v1.LocationService.GetLocation", "{\"id\":\"B1\"}", NULL, &err),
                     FURROW_OK);
}

/* The right to write one's own events, lost: the command is told so, not left to its deadline. */
static void without_events(farm *f)
{
    furrow_error err;
    char *answer = NULL, *path = farm_text(f, "%s/nats.conf", furrow_test_server_dir(f->nats));
    farm_start_all(f, 1);
    char *config = furrow_test_read_file(path), *user = strstr(config, "# location.log");
    char *right = user ? strstr(user, "\"location.v1.Location.*\"") : NULL;
    ck_assert_ptr_nonnull(right);
    right[1] = 'X';
    furrow_test_write_file(path, config);
    free(config);
    furrow_test_server_restart(f->nats);
    ck_assert(furrow_link_wait_connected(f->link, farm_within_ms(FARM_PATIENCE_MS)));
    farm_wait_ready(f, FARM_LOCATION);
    ck_assert_int_eq(farm_call_until(f, "location.v1.LocationService.CreateLocation",
                                     "{\"id\":\"R9\",\"kind\":\"LOCATION_KIND_RANCH\",\"name\":\"Nine\"}", &answer,
                                     &err),
                     FURROW_PERMISSION_DENIED);
    ck_assert_ptr_nonnull(strstr(err.text, "location.v1.Location.R9"));
    ck_assert(furrow_test_process_wait_for(f->services[FARM_LOCATION][0], "msg=\"refused\" by=NATS", FARM_PATIENCE_MS));
    ck_assert_int_eq(farm_call(f, "location.v1.LocationService.GetLocation", "{\"id\":\"R9\"}", NULL, &err),
                     FURROW_NOT_FOUND);
}

START_TEST(an_event_that_nats_refuses_answers_permission_denied)
{
    farm_run(without_events);
}
END_TEST

START_TEST(what_is_refused_is_in_the_log_of_the_service)
{
    farm_run(without_a_right);
}
END_TEST

static mode_t mode_of(const char *path)
{
    struct stat found;
    ck_assert_msg(stat(path, &found) == 0, "%s", path);
    return found.st_mode & 07777;
}

#define MAKES_IT "No such file or directory: `furrow keys` makes it"

static void the_commands(farm *f)
{
    static const char *const users[] = {"employee", "location", "job", "timesheet", "operator", "inspector", "client"};
    static const char *const logs[] = {"employee.log", "location.log", "job.log", "timesheet.log", FARM_OTHER_CLIENT};
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++)
        ck_assert_int_eq(mode_of(farm_text(f, "%s/%s.nk", f->keys, logs[i])), 0600);
    char *first = furrow_test_read_file(farm_text(f, "%s/operator.nk", f->keys)), *output = NULL;
    for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
        ck_assert_int_eq(mode_of(farm_text(f, "%s/%s.nk", f->keys, users[i])), 0600);
        ck_assert_int_eq(mode_of(farm_text(f, "%s/%s.redis", f->keys, users[i])), 0600);
    }
    ck_assert_int_eq(mode_of(farm_text(f, "%s/employee.seal", f->keys)), 0600);
    ck_assert_int_eq(farm_tool(f, NULL, (const char *const[]){"keys", f->keys, NULL}), 0);
    char *second = furrow_test_read_file(farm_text(f, "%s/operator.nk", f->keys));
    ck_assert_str_eq(first, second); /* never made anew */
    free(first);
    free(second);
    const struct {
        const char *arguments[6];
        const char *says;
        int code;
    } wrong[] = {{{"permissions", "--format", "yaml"}, "use json, nats or redis", 2},
                 {{"permissions", "--format", "nats"}, "--keys", 2},
                 {{"permissions", "--format", "nats", "--keys", "/nowhere"}, "/nowhere: " MAKES_IT, 1},
                 {{"permissions", "--format", "nats", "--keys", "/proc"}, "/proc/employee.nk: " MAKES_IT, 1},
                 {{"permissions", "--format", "redis", "--keys", "/proc"}, "/proc/employee.redis: " MAKES_IT, 1},
                 {{"permissions", "everything"}, "too much", 2},
                 {{"keys", "--client", "employee", f->keys}, "--client", 2},
                 {{"keys", "--client", "operator", f->keys}, "--client", 2},
                 {{"keys", "--client", "a.b", f->keys}, "--client", 2},
                 {{"keys", "--client", "", f->keys}, "--client", 2},
                 {{"keys", "--client", "123456789012345678901234567890123", f->keys}, "--client", 2},
                 {{"keys", f->keys, "--client"}, "needs a value", 2},
                 {{"provision", "everything"}, "too much", 2},
                 {{"keys"}, "FOLDER", 2},
                 {{"keys", "/proc/none"}, "/proc/none", 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int code = farm_tool(f, &output, wrong[i].arguments);
        ck_assert_msg(code == wrong[i].code && strstr(output, wrong[i].says), "%s: %d: %s", wrong[i].arguments[0], code,
                      output);
        free(output);
    }
}

START_TEST(keys_are_made_once_and_wrong_use_is_told)
{
    farm_run(the_commands);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("permissions");
    TCase *tests = tcase_create("least privilege");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, no_service_reaches_what_is_anothers);
    tcase_add_test(tests, a_client_calls_an_inspector_reads_and_nobody_else_comes_in);
    tcase_add_test(tests, an_event_that_nats_refuses_answers_permission_denied);
    tcase_add_test(tests, what_is_refused_is_in_the_log_of_the_service);
    tcase_add_test(tests, keys_are_made_once_and_wrong_use_is_told);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
