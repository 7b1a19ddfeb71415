/* Private data of the farm: what a keyed command leaves behind, what is left of somebody who was erased, and what comes
 * of an earlier state that is put back. */
#include "support/farm.h"

#include "base/clock.h"
#include "link/jetstream.h"
#include "support/wait.h"
#include "wire/json.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define EMPLOYEE "employee.v1.EmployeeService."

static furrow_error err;

static char *must(farm *f, const char *method, const char *json, const char *key)
{
    char *answer = NULL;
    ck_assert_msg(farm_call_with(f, method, json, key, &answer, &err) == FURROW_OK, "%s %s: %s", method, json,
                  err.text);
    return answer;
}

/* Whatever tells of the person, as it would stand in bytes. */
static const char *const secrets[] = {"TAX-123-45", "1980-02-29",      "Guadalupe", "Ramos",
                                      "5595550123", "12 Orchard Lane", "BADGE-77"};
enum { SECRETS = sizeof secrets / sizeof *secrets, CLEAR = 2 /* the first so many never are in clear */, WRONG = 8 };

static void check_stream(farm *f, const char *stream, size_t count)
{
    furrow_js_stream_state about;
    ck_assert_int_eq(furrow_js_stream_info(farm_log(f, FARM_EMPLOYEE), stream, farm_within_ms(5000), &about, &err),
                     FURROW_OK);
    for (uint64_t seq = about.first_seq; seq <= about.last_seq; seq++) {
        furrow_js_stored stored;
        if (furrow_js_get(farm_log(f, FARM_EMPLOYEE), stream, seq, farm_within_ms(5000), f->arena, &stored, &err) !=
            FURROW_OK)
            continue;
        for (size_t i = 0; i < count; i++) {
            ck_assert_msg(!memmem(stored.data.data, stored.data.len, secrets[i], strlen(secrets[i])), "%s %llu: %s",
                          stream, (unsigned long long)seq, secrets[i]);
            ck_assert_msg(!stored.headers || !strstr(stored.headers, secrets[i]), "%s headers: %s", stream, secrets[i]);
        }
    }
}

/* Redis as it would be saved: every key and value. */
static char *redis_all(farm *f)
{
    char *text = NULL;
    char *command = farm_text(
        f,
        "cli() { %s \"$@\" 2>&1; }; cli --scan </dev/null | while read -r key; do echo \"ECHO \\\"$key\\\"\"; "
        "for ask in 'GET %%s' 'ZRANGE %%s 0 -1' 'HGETALL %%s' 'LRANGE %%s 0 -1'; do "
        "printf \"$ask\\n\" \"\\\"$key\\\"\"; done; done | cli | grep -av WRONGTYPE | tr -d '\\000'",
        farm_redis_cli(f, "operator"));
    const char *const argv[] = {"sh", "-c", command, NULL};
    (void)furrow_test_run(&(furrow_test_process_options){.argv = argv}, FARM_PATIENCE_MS, &text);
    ck_assert_ptr_nonnull(text);
    return text;
}

static void check_redis(farm *f, size_t count)
{
    char *text = redis_all(f);
    ck_assert_msg(strstr(text, "employee:{Employee}:E1") != NULL, "%s", text);
    for (size_t i = 0; i < count; i++) ck_assert_msg(!strstr(text, secrets[i]), "Redis: %s", secrets[i]);
    for (size_t i = count; i < SECRETS; i++) ck_assert_msg(strstr(text, secrets[i]), "not in Redis: %s", secrets[i]);
    free(text);
}

/* Who keeps some of a person hears of the erasure a moment after who asked for it. */
static bool is_forgotten(farm *f)
{
    char *text = redis_all(f);
    bool found = false;
    for (size_t i = 0; i < SECRETS; i++) found |= strstr(text, secrets[i]) != NULL;
    free(text);
    return !found;
}

static const char hire[] = "{\"id\":\"E1\",\"givenName\":\"Guadalupe\",\"familyName\":\"Ramos\",\"badge\":\"BADGE-77\","
                           "\"contact\":{\"phone\":\"+15595550123\",\"address\":\"12 Orchard Lane\"},"
                           "\"private\":{\"taxId\":\"TAX-123-45\",\"birthDate\":\"1980-02-29\"}}";
static const char private_fields[] =
    "{\"id\":\"E1\",\"private\":{\"taxId\":\"TAX-123-45\",\"birthDate\":\"1980-02-29\"}}";

/* What goes wrong with the person's data, and is told to who asked. @latest is put on the log with an address for email,
 * as only somebody with the owner's key may. */
static void go_wrong(farm *f)
{
    static const char address[] = "\x4a\x11\x12\x0f"
                                  "12 Orchard Lane"; /* contact.email, merged into what is there */
    furrow_js_stored latest;
    furrow_js_puback ack;
    furrow_js_publish_options any = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    for (int i = 0; i < WRONG; i++) {
        char *answer = NULL;
        ck_assert_int_eq(farm_call(f, EMPLOYEE "UpdateEmployeePrivate",
                                   "{\"id\":\"E1\",\"private\":{\"birthDate\":\"1980-02-29T\"}}", &answer, &err),
                         FURROW_INVALID_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(err.text, "1980-02-29T")); /* who sent it is told so */
        ck_assert_int_eq(farm_call(f, EMPLOYEE "HireEmployee",
                                   "{\"givenName\":\"Ana\",\"familyName\":\"Luna\",\"badge\":\"BADGE-77\"}", &answer,
                                   &err),
                         FURROW_ALREADY_EXISTS);
    }
    ck_assert_int_eq(furrow_js_get_last(farm_log(f, FARM_EMPLOYEE), "EMPLOYEE", "employee.v1.Employee.E1",
                                        farm_within_ms(5000), f->arena, &latest, &err),
                     FURROW_OK);
    char *bytes = furrow_arena_alloc(f->arena, latest.data.len + sizeof address);
    memcpy(bytes, latest.data.data, latest.data.len);
    memcpy(bytes + latest.data.len, address, sizeof address - 1);
    ck_assert_int_eq(furrow_js_publish(farm_log(f, FARM_EMPLOYEE), "employee.v1.Employee.E1",
                                       (furrow_bytes){bytes, latest.data.len + sizeof address - 1}, &any,
                                       farm_within_ms(5000), &ack, &err),
                     FURROW_OK);
}

/* The person's name, to whom it is let clock in. */
static void be_refused(farm *f)
{
    uint64_t deadline = farm_within_ms(FARM_PATIENCE_MS);
    do {
        char *answer = NULL;
        (void)!farm_call(f, "timesheet.v1.TimesheetService.ClockIn",
                         "{\"employeeId\":\"E1\",\"jobId\":\"J1\",\"locationId\":\"B1\"}", &answer, &err);
        ck_assert_msg(furrow_clock_now_ns() < deadline, "%s", err.text);
    } while (!strstr(err.text, "Guadalupe Ramos (E1) is not employed"));
}

static void check_text(const char *text, const char *where)
{
    for (size_t i = 0; i < SECRETS; i++)
        ck_assert_msg(!strstr(text, secrets[i]), "%s: %s in %s", where, secrets[i], text);
}

/* What the services say of themselves to whoever may look: of all that went wrong no word of the person's. */
static void check_monitors(farm *f)
{
    static const char *const names[FARM_SERVICES] = {"employee", "location", "job", "timesheet", "harvest", "payroll"};
    static const char *const asked[] = {"$SRV.STATS", "$SRV.INFO", "furrow.v1.Health"};
    for (int s = 0; s < FARM_SERVICES; s++) {
        for (int ask = 0; ask < 3 * WRONG; ask++) { /* of two instances one answers */
            char *answer = NULL, *subject = farm_text(f, "%s.%s", asked[ask % 3], names[s]);
            ck_assert_msg(farm_call(f, subject, "{}", &answer, &err) == FURROW_OK, "%s: %s", subject, err.text);
            check_text(answer, subject);
        }
        for (int r = 0; r < FARM_REPLICAS_MAX; r++)
            if (f->services[s][r]) check_text(furrow_test_process_stderr(f->services[s][r]), names[s]);
    }
}

static void erased(farm *f)
{
    char *answer = NULL;
    farm_start_all(f, 2);
    must(f, EMPLOYEE "HireEmployee", hire, "hire-1");
    for (int i = 0; i < 3; i++)
        must(f, EMPLOYEE "UpdateEmployee",
             farm_text(f, "{\"employee\":{\"id\":\"E1\",\"crew\":\"c%d\"},\"updateMask\":\"crew\"}", i), NULL);
    must(f, EMPLOYEE "UpdateEmployeePrivate", private_fields, "private-1");
    ck_assert_ptr_nonnull(strstr(must(f, EMPLOYEE "UpdateEmployeePrivate", private_fields, "private-1"), "TAX-123-45"));
    check_redis(f, CLEAR);
    check_stream(f, "EMPLOYEE", CLEAR);

    /* A stranger's message makes dead letters of the owner and of those who keep some of it. */
    furrow_js_puback ack;
    furrow_js_publish_options any = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    ck_assert_int_eq(furrow_js_publish(farm_log(f, FARM_EMPLOYEE), "employee.v1.Employee.E1",
                                       furrow_bytes_of("\x0a\x02"
                                                       "E2\x1a\x09Guadalupe"),
                                       &any, farm_within_ms(5000), &ack, &err),
                     FURROW_OK);
    go_wrong(f);
    must(f, EMPLOYEE "TerminateEmployee", "{\"id\":\"E1\"}", "terminate-1");
    be_refused(f);
    char *said = must(f, EMPLOYEE "EraseEmployee", "{\"id\":\"E1\"}", "erase-1");
    ck_assert_msg(strstr(said, "\"states\":4"), "%s", said);

    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(is_forgotten(f), FARM_PATIENCE_MS));
    check_redis(f, SECRETS);
    check_stream(f, "EMPLOYEE", SECRETS);
    check_stream(f, "BADGE_CLAIM", SECRETS);
    check_stream(f, "EMPLOYEE_KEY", SECRETS);

    /* Who kept the keys hears nothing of the person any more; nobody comes back. */
    ck_assert_int_ne(farm_call_with(f, EMPLOYEE "UpdateEmployeePrivate", private_fields, "private-1", &answer, &err),
                     FURROW_OK);
    ck_assert_int_ne(farm_call_with(f, EMPLOYEE "HireEmployee", hire, "hire-1", &answer, &err), FURROW_OK);
    must(f, EMPLOYEE "EraseEmployee", "{\"id\":\"E1\"}", NULL);
    check_redis(f, SECRETS);
    check_stream(f, "EMPLOYEE", SECRETS);
    check_monitors(f);
}

START_TEST(of_an_erased_employee_nothing_is_left)
{
    farm_run(erased);
}
END_TEST

/* The commands of a life, each once more after it is forgotten: each is answered, and none ends the service. */
static void repeated(farm *f)
{
    static const char hire_plain[] = "{\"id\":\"E1\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"7\"}";
    static const struct {
        const char *method, *body, *key;
    } life[] = {
        {EMPLOYEE "HireEmployee", hire_plain, "k1"},
        {EMPLOYEE "UpdateEmployee", "{\"employee\":{\"id\":\"E1\",\"crew\":\"c\"},\"updateMask\":\"crew\"}", "k2"},
        {EMPLOYEE "UpdateEmployeePrivate", private_fields, "k3"},
        {EMPLOYEE "TerminateEmployee", "{\"id\":\"E1\"}", "k4"},
        {EMPLOYEE "RehireEmployee", "{\"id\":\"E1\",\"badge\":\"8\"}", "k5"},
        {EMPLOYEE "TerminateEmployee", "{\"id\":\"E1\"}", "k6"}};
    char *answer = NULL;
    farm_start_all(f, 1);
    for (size_t i = 0; i < sizeof life / sizeof *life; i++) must(f, life[i].method, life[i].body, life[i].key);
    must(f, EMPLOYEE "EraseEmployee", "{\"id\":\"E1\"}", "erase");
    for (size_t i = 0; i < sizeof life / sizeof *life; i++)
        ck_assert_msg(farm_call_with(f, life[i].method, life[i].body, life[i].key, &answer, &err) == FURROW_NOT_FOUND,
                      "%s: %s: %s", life[i].method, furrow_status_name(err.code), err.text);
    must(f, EMPLOYEE "EraseEmployee", "{\"id\":\"E1\"}", "erase");
}

START_TEST(of_an_erased_employee_every_repeated_command_is_answered)
{
    farm_run(repeated);
}
END_TEST

static void update_private(farm *f, const char *tax_id)
{
    must(f, EMPLOYEE "UpdateEmployeePrivate",
         farm_text(f, "{\"id\":\"E1\",\"private\":{\"taxId\":\"%s\",\"birthDate\":\"1980-02-29\"}}", tax_id), NULL);
}

static void check_tax_id(farm *f, const char *tax_id)
{
    char *said = must(f, EMPLOYEE "GetEmployeePrivate", "{\"id\":\"E1\"}", NULL);
    ck_assert_msg(strstr(said, tax_id) != NULL, "%s instead of %s", said, tax_id);
}

static furrow_js_stored newest(farm *f)
{
    furrow_js_stored stored;
    ck_assert_msg(furrow_js_get_last(farm_log(f, FARM_EMPLOYEE), "EMPLOYEE", "employee.v1.Employee.E1",
                                     farm_within_ms(5000), f->arena, &stored, &err) == FURROW_OK,
                  "%s", err.text);
    return stored;
}

static bool is_served_at(farm *f, uint64_t version)
{
    const char *said = must(f, EMPLOYEE "GetEmployee", "{\"id\":\"E1\"}", NULL);
    ck_assert_msg(strstr(said, "Guadalupe") != NULL, "%s", said);
    return strstr(said, farm_text(f, "\"version\":\"%llu\"", (unsigned long long)version)) != NULL;
}

/* With the rights of who may write the employee's subject. All else of the employee stays served. */
static void check_put_back(farm *f, furrow_bytes body)
{
    char *answer = NULL;
    furrow_js_puback ack;
    furrow_js_publish_options any = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    ck_assert_int_eq(furrow_js_publish(farm_log(f, FARM_EMPLOYEE), "employee.v1.Employee.E1", body, &any,
                                       farm_within_ms(5000), &ack, &err),
                     FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(is_served_at(f, ack.sequence), FARM_PATIENCE_MS));
    ck_assert_int_eq(farm_call(f, EMPLOYEE "GetEmployeePrivate", "{\"id\":\"E1\"}", &answer, &err), FURROW_DATA_LOSS);
    ck_assert_msg(strstr(err.text, "put back"), "%s", err.text);
}

static void rolled_back(farm *f)
{
    farm_start_all(f, 2);
    must(f, EMPLOYEE "HireEmployee", hire, "hire-1");
    furrow_bytes hired = newest(f).data;
    check_tax_id(f, "TAX-123-45");
    update_private(f, "TAX-2");
    furrow_bytes first = newest(f).data;
    update_private(f, "TAX-3");
    check_tax_id(f, "TAX-3");
    furrow_bytes second = newest(f).data;

    check_put_back(f, first);
    check_put_back(f, hired);
    must(f, EMPLOYEE "UpdateEmployee", "{\"employee\":{\"id\":\"E1\",\"crew\":\"c1\"},\"updateMask\":\"crew\"}", NULL);
    update_private(f, "TAX-4");
    check_tax_id(f, "TAX-4");
    furrow_bytes third = newest(f).data;
    check_put_back(f, second);
    update_private(f, "TAX-5"); /* nobody has read it */
    check_put_back(f, third);

    /* What goes on after it: another job, another badge, and in the end nothing is left. */
    update_private(f, "TAX-6");
    must(f, EMPLOYEE "TerminateEmployee", "{\"id\":\"E1\"}", NULL);
    must(f, EMPLOYEE "RehireEmployee", "{\"id\":\"E1\"}", NULL);
    check_tax_id(f, "TAX-6");
    must(f, EMPLOYEE "TerminateEmployee", "{\"id\":\"E1\"}", NULL);
    must(f, EMPLOYEE "EraseEmployee", "{\"id\":\"E1\"}", NULL);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(is_forgotten(f), FARM_PATIENCE_MS));
    check_redis(f, SECRETS);
    check_stream(f, "EMPLOYEE", SECRETS);
    check_stream(f, "EMPLOYEE_KEY", SECRETS);
}

START_TEST(earlier_private_fields_that_are_put_back_are_refused)
{
    farm_run(rolled_back);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("farm_private");
    TCase *tests = tcase_create("private data");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, of_an_erased_employee_nothing_is_left);
    tcase_add_test(tests, of_an_erased_employee_every_repeated_command_is_answered);
    tcase_add_test(tests, earlier_private_fields_that_are_put_back_are_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
