/*
 * Kills under load. A crowd of tasks hires people and clocks them in, each command with an idempotency key and repeated
 * until it is acknowledged, while replicas, nats-server or Redis are killed. In the end every acknowledged command is
 * in the log, exactly once, and what the services keep is what the log says.
 */
#include "support/farm.h"
#include "support/wait.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS  16
#define COMMANDS 25 /* a worker's hires, each followed by a clock-in */

typedef struct worker {
    farm *f;
    int number;
    size_t acknowledged, disturbed; /* disturbed: attempts that the mesh itself failed */
    char failure[300], disturbance[300];
    furrow_waiter done;
} worker;

typedef struct crowd {
    worker workers[WORKERS];
} crowd;

/* True once the command is acknowledged; whatever the outcome was unknown of is sent again under the same key. */
static bool insist(worker *w, const char *method, const char *json, const char *key)
{
    uint64_t until = farm_within_ms(FARM_PATIENCE_MS);
    furrow_error err = {0};
    while (farm_within_ms(0) < until) {
        furrow_status status = farm_call_with(w->f, method, json, key, NULL, &err);
        if (status == FURROW_OK) return true;
        bool early =
            status == FURROW_FAILED_PRECONDITION && strstr(err.text, "not known here"); /* its event is coming */
        bool mesh = status == FURROW_UNAVAILABLE || status == FURROW_DEADLINE_EXCEEDED || status == FURROW_ABORTED ||
                    status == FURROW_RESOURCE_EXHAUSTED;
        if (!early && !mesh) break;
        w->disturbed += mesh;
        if (mesh) snprintf(w->disturbance, sizeof w->disturbance, "%s: %s", method, err.text);
        furrow_task_sleep_ms(5);
    }
    snprintf(w->failure, sizeof w->failure, "%s %s: %s: %s", method, json, furrow_status_name(err.code), err.text);
    return false;
}

static void work(void *arg)
{
    worker *w = arg;
    for (int i = 0; i < COMMANDS && !w->failure[0]; i++) {
        char *id = farm_text(w->f, "W%d-%d", w->number, i);
        char *hire =
            farm_text(w->f, "{\"id\":\"%s\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"%s\"}", id, id);
        char *clock_in = farm_text(w->f, "{\"employeeId\":\"%s\",\"jobId\":\"J1\",\"locationId\":\"B1\"}", id);
        if (insist(w, "employee.v1.EmployeeService.HireEmployee", hire, farm_text(w->f, "h-%s", id)) &&
            insist(w, "timesheet.v1.TimesheetService.ClockIn", clock_in, farm_text(w->f, "c-%s", id)))
            w->acknowledged++;
    }
    furrow_waiter_done(&w->done);
}

static void start_crowd(farm *f, crowd *c)
{
    furrow_error err;
    memset(c, 0, sizeof *c);
    for (int i = 0; i < WORKERS; i++) {
        c->workers[i] = (worker){.f = f, .number = i};
        ck_assert_int_eq(furrow_loop_spawn(f->loop, work, &c->workers[i], &err), FURROW_OK);
    }
}

static size_t acknowledged(const crowd *c)
{
    size_t sum = 0;
    for (int i = 0; i < WORKERS; i++) sum += c->workers[i].acknowledged;
    return sum;
}

static void wait_for(const crowd *c, size_t count)
{
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(acknowledged(c) >= count, FARM_PATIENCE_MS));
}

static void end_crowd(crowd *c)
{
    for (int i = 0; i < WORKERS; i++) {
        ck_assert(furrow_wait(&c->workers[i].done, farm_within_ms(2 * FARM_PATIENCE_MS)));
        ck_assert_msg(!c->workers[i].failure[0], "%s", c->workers[i].failure);
    }
    ck_assert_uint_eq(acknowledged(c), WORKERS * COMMANDS);
}

/* How often each command of the crowd took effect, by the subjects of a stream's messages ("….W<worker>-<i>" and what
 * follows). */
typedef struct effects {
    size_t count[WORKERS][COMMANDS];
} effects;

static furrow_status count_effects(void *arg, const furrow_js_stored *messages, size_t count, uint64_t reached,
                                   furrow_error *err)
{
    effects *seen = arg;
    for (size_t i = 0; i < count; i++) {
        int number, command;
        const char *id = strrchr(messages[i].subject, '.') + 1;
        if (sscanf(id, "W%d-%d", &number, &command) == 2) seen->count[number][command]++;
    }
    return FURROW_OK;
}

/* Streams keep four states of an entity: a second effect would be a second message. */
static void check_stream(farm *f, int owner, const char *stream)
{
    furrow_error err;
    furrow_js_stream_state state;
    effects seen = {0};
    uint64_t until = farm_within_ms(FARM_PATIENCE_MS);
    furrow_link *log = farm_log(f, owner);
    ck_assert_msg(furrow_js_stream_info(log, stream, until, &state, &err) == FURROW_OK, "%s", err.text);
    furrow_js_read_options options = {.stream = stream, .start_seq = 1, .end_seq = state.last_seq};
    ck_assert_msg(furrow_js_read(log, &options, count_effects, &seen, &err) == FURROW_OK, "%s", err.text);
    for (int w = 0; w < WORKERS; w++)
        for (int i = 0; i < COMMANDS; i++)
            ck_assert_msg(seen.count[w][i] == 1, "%s: W%d-%d took effect %zu times", stream, w, i, seen.count[w][i]);
}

/* Every record's key, then every value as redis-cli escapes it, in the order of the keys. */
static char *records(farm *f)
{
    const char *cli = farm_redis_cli(f, "operator");
    char *output = NULL;
    char *script = farm_text(f,
                             "keys=$(%s --scan | grep -v @ | sort); echo \"$keys\"; "
                             "echo \"$keys\" | xargs -n 500 env %s --no-raw mget",
                             cli, cli);
    const char *const argv[] = {"sh", "-c", script, NULL};
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = argv}, 60000, &output), 0);
    return output;
}

/* Nothing changes any more: two looks, with time between them for what was on its way, also with who was killed, see the
 * same. */
static char *records_at_rest(farm *f)
{
    char *last = records(f), *now = NULL;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        (furrow_task_sleep_ms(4000), free(now), now = records(f), strcmp(last, now) == 0) ||
            (free(last), last = now, now = NULL, false),
        FARM_PATIENCE_MS));
    free(now);
    return last;
}

/* Redis emptied and filled again from the log alone holds the same bytes. */
static void check_records(farm *f)
{
    char *before = records_at_rest(f), *after = NULL;
    char *script = farm_text(f, "rm -rf '%s'/appendonly*", furrow_test_server_dir(f->redis));
    const char *const argv[] = {"sh", "-c", script, NULL};
    ck_assert_uint_gt(strlen(before), (size_t)WORKERS * COMMANDS * 3 * 40); /* employee, day, what timesheet keeps */
    furrow_test_server_kill(f->redis);
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = argv}, 5000, NULL), 0);
    furrow_test_server_restart(f->redis);
    farm_provision(f); /* a new Redis has no functions */
    ck_assert_msg(
        FURROW_TEST_EVENTUALLY_IN_TASK((free(after), after = records(f), strcmp(before, after) == 0), FARM_PATIENCE_MS),
        "%zu bytes of records before, %zu after", strlen(before), strlen(after));
    free(before);
    free(after);
}

static void check_effects(farm *f)
{
    check_stream(f, FARM_EMPLOYEE, "EMPLOYEE");
    check_stream(f, FARM_TIMESHEET, "WORK_DAY");
    check_records(f);
}

static void replicas_die(farm *f)
{
    static crowd c; /* larger than a task likes its frames */
    farm_start_all(f, 2);
    start_crowd(f, &c);
    for (int s = 0; s < FARM_SERVICES; s++) {
        wait_for(&c, (size_t)(s + 1) * 50);
        farm_kill(f, s, s % 2);
    }
    end_crowd(&c);
    check_effects(f);
}

START_TEST(a_replica_of_each_service_is_killed_and_nothing_is_lost_or_doubled)
{
    farm_run(replicas_die);
}
END_TEST

/* A rollout: each replica is asked to end, and another takes its place. */
static void replicas_are_replaced(farm *f)
{
    static crowd c; /* larger than a task likes its frames */
    farm_start_all(f, 2);
    start_crowd(f, &c);
    for (int s = 0; s < FARM_SERVICES; s++) {
        furrow_test_process *leaving = f->services[s][s % 2];
        int code = -1;
        wait_for(&c, (size_t)(s + 1) * 40);
        furrow_test_process_signal(leaving, SIGTERM);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_test_process_running(leaving), FARM_PATIENCE_MS));
        ck_assert(furrow_test_process_wait(leaving, FARM_PATIENCE_MS, &code));
        ck_assert_int_eq(code, 0);
        ck_assert_ptr_null(strstr(furrow_test_process_stderr(leaving), "cut short"));
        farm_start(f, s, s % 2);
    }
    end_crowd(&c);
    for (int i = 0; i < WORKERS; i++) ck_assert_msg(c.workers[i].disturbed == 0, "%s", c.workers[i].disturbance);
    check_effects(f);
}

START_TEST(replicas_drain_and_are_replaced_under_load_and_no_caller_notices)
{
    farm_run(replicas_are_replaced);
}
END_TEST

static void servers_die(farm *f)
{
    static crowd c; /* larger than a task likes its frames */
    farm_start_all(f, 2);
    start_crowd(f, &c);
    wait_for(&c, 60);
    furrow_test_server_kill(f->nats);
    furrow_test_server_restart(f->nats);
    wait_for(&c, 140);
    furrow_test_server_kill(f->redis);
    furrow_test_server_restart(f->redis);
    end_crowd(&c);
    check_effects(f);
    for (int s = 0; s < FARM_SERVICES; s++)
        for (int i = 0; i < 2; i++)
            ck_assert(furrow_test_process_running(f->services[s][i])); /* the same processes all along */
}

START_TEST(nats_and_redis_are_killed_and_nothing_is_lost_or_doubled)
{
    farm_run(servers_die);
}
END_TEST

static bool has_record(farm *f, const char *key)
{
    char *all = records(f);
    bool found = strstr(all, key) != NULL;
    free(all);
    return found;
}

static void owners_die(farm *f)
{
    furrow_error err;
    farm_start_all(f, 1);
    for (int i = 0; i < 40; i++) {
        char *id = farm_text(f, "E%d", i);
        char *hire = farm_text(f, "{\"id\":\"%s\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"%s\"}", id, id);
        ck_assert_int_eq(farm_call(f, "employee.v1.EmployeeService.HireEmployee", hire, NULL, &err), FURROW_OK);
    }
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(has_record(f, "timesheet:{Employee}:E39\n"), FARM_PATIENCE_MS));
    for (int s = FARM_EMPLOYEE; s <= FARM_JOB; s++) farm_kill(f, s, 0);
    for (int i = 0; i < 40; i++)
        ck_assert_msg(farm_call(f, "timesheet.v1.TimesheetService.ClockIn",
                                farm_text(f, "{\"employeeId\":\"E%d\",\"jobId\":\"J1\",\"locationId\":\"B1\"}", i),
                                NULL, &err) == FURROW_OK,
                      "%s", err.text); /* not one failure */
    ck_assert_int_eq(farm_call(f, "employee.v1.EmployeeService.GetEmployee", "{\"id\":\"E1\"}", NULL, &err),
                     FURROW_UNAVAILABLE);
    for (int s = FARM_EMPLOYEE; s <= FARM_JOB; s++) farm_start(f, s, 0);
    for (int s = FARM_EMPLOYEE; s <= FARM_JOB; s++) farm_wait_ready(f, s);
    ck_assert_int_eq(farm_call(f, "employee.v1.EmployeeService.GetEmployee", "{\"id\":\"E1\"}", NULL, &err), FURROW_OK);
}

START_TEST(clock_ins_go_on_while_every_other_service_is_dead)
{
    farm_run(owners_die);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chaos");
    TCase *tests = tcase_create("kills");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, a_replica_of_each_service_is_killed_and_nothing_is_lost_or_doubled);
    tcase_add_test(tests, replicas_drain_and_are_replaced_under_load_and_no_caller_notices);
    tcase_add_test(tests, nats_and_redis_are_killed_and_nothing_is_lost_or_doubled);
    tcase_add_test(tests, clock_ins_go_on_while_every_other_service_is_dead);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
