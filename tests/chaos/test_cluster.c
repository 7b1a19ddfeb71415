/*
 * Three nats-servers, every stream with three copies, two instances of location, four writers of keyed commands.
 * Leaders step down; nodes are killed, stopped, restarted, reload, and end as lame ducks in turn; Redis drops its
 * connections, and loads its users again. Nothing is lost and nothing doubled, by the log; and what needs no second
 * request is waited out within the deadline of the first.
 */
#include "base/clock.h"
#include "rpc/client.h"
#include "support/farm.h"
#include "support/wait.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITERS     4
#define PLACES_MAX  20000 /* of a writer */
#define STEPS       3     /* commands on each place */
#define CALL_MS     20000 /* longer than an election by a node that was killed */
#define PROGRESS    20    /* commands that each writer gets through after a fault is over */
#define PATIENCE_MS 60000

typedef struct writer {
    farm *f;
    int number;
    size_t places, commands, failed; /* failed: at the first attempt */
    char failure[400], lost[400];
    furrow_waiter done;
} writer;

static writer writers[WRITERS];
static bool over;

static furrow_status call_once(farm *f, const char *method, const char *json, const char *key, furrow_error *err)
{
    FURROW_AUTO(furrow_msg) reply = NULL;
    const furrow_header headers[] = {{FURROW_HEADER_IDEMPOTENCY_KEY, key}, {FURROW_HEADER_TIMEOUT, "20S"}};
    furrow_outgoing out = {.subject = method, .headers = headers, .header_count = 2, .data = furrow_bytes_of(json)};
    furrow_status status = furrow_link_request(f->link, &out, farm_within_ms(CALL_MS + 1000), &reply, err);
    return status == FURROW_OK ? furrow_client_reply_status(reply, err) : status;
}

/* True when it was acknowledged, at whatever attempt. */
static bool insist(writer *self, const char *method, const char *json, const char *key)
{
    furrow_error err = {0};
    uint64_t until = farm_within_ms(PATIENCE_MS);
    for (int attempt = 0; farm_within_ms(0) < until; attempt++) {
        furrow_status status = call_once(self->f, method, json, key, &err);
        if (status == FURROW_OK) return true;
        if (attempt == 0) {
            self->failed++;
            snprintf(self->failure, sizeof self->failure, "%s: %s", furrow_status_name(status), err.text);
        }
        if (status != FURROW_UNAVAILABLE && status != FURROW_DEADLINE_EXCEEDED && status != FURROW_ABORTED) break;
        furrow_task_sleep_ms(20);
    }
    snprintf(self->lost, sizeof self->lost, "%s %s: %s", method, json, err.text);
    return false;
}

static void write_places(void *arg)
{
    static const char *const methods[STEPS] = {"location.v1.LocationService.CreateLocation",
                                               "location.v1.LocationService.CloseLocation",
                                               "location.v1.LocationService.ReopenLocation"};
    writer *self = arg;
    while (!over && !self->lost[0] && self->places < PLACES_MAX) {
        for (int step = 0; step < STEPS && !self->lost[0]; step++) {
            char json[128], key[64];
            snprintf(key, sizeof key, "w%d-%zu-%d", self->number, self->places, step);
            snprintf(json, sizeof json, "{\"id\":\"W%d-%zu\"%s}", self->number, self->places,
                     step == 0 ? ",\"kind\":\"LOCATION_KIND_RANCH\",\"name\":\"N\"" : "");
            if (insist(self, methods[step], json, key)) self->commands++;
        }
        self->places++;
    }
    furrow_waiter_done(&self->done);
}

static bool all_wrote(const size_t before[WRITERS])
{
    for (int i = 0; i < WRITERS; i++) {
        ck_assert_msg(!writers[i].lost[0], "%s", writers[i].lost);
        if (writers[i].commands < before[i] + PROGRESS) return false;
    }
    return true;
}

static void await_progress(void)
{
    size_t before[WRITERS];
    for (int i = 0; i < WRITERS; i++) before[i] = writers[i].commands;
    ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(all_wrote(before), PATIENCE_MS), "%s", writers[0].failure);
}

static void step_down(farm *f, int node)
{
    furrow_msg *reply = NULL;
    furrow_outgoing out = {.subject = "$JS.location.API.STREAM.LEADER.STEPDOWN.LOCATION"};
    if (furrow_link_request(f->operator_link, &out, farm_within_ms(5000), &reply, NULL) == FURROW_OK)
        furrow_msg_free(reply);
}

static void restart(farm *f, int node)
{
    furrow_test_server_restart(f->nodes[node]);
}

static void kill_node(farm *f, int node)
{
    furrow_test_server_kill(f->nodes[node]);
    await_progress();
    restart(f, node);
}

static void stop_node(farm *f, int node)
{
    furrow_test_server_signal(f->nodes[node], SIGTERM);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_test_server_running(f->nodes[node]), PATIENCE_MS));
    restart(f, node);
}

static void suspend_node(farm *f, int node)
{
    furrow_test_server_pause(f->nodes[node]);
    await_progress();
    furrow_test_server_resume(f->nodes[node]);
}

static void reload_node(farm *f, int node)
{
    furrow_test_server_signal(f->nodes[node], SIGHUP);
}

static void lame_duck(farm *f, int node)
{
    furrow_test_server_signal(f->nodes[node], SIGUSR2);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_test_server_running(f->nodes[node]), PATIENCE_MS));
    restart(f, node);
}

static void ask_redis(farm *f, const char *command)
{
    const char *const argv[] = {"sh", "-c", farm_text(f, "%s %s", farm_redis_cli(f, "operator"), command), NULL};
    furrow_test_process *cli = furrow_test_process_start(&(furrow_test_process_options){.argv = argv});
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_test_process_running(cli), PATIENCE_MS));
    furrow_test_process_destroy(cli);
}

static void drop_redis(farm *f, int node)
{
    ask_redis(f, "client kill type normal");
}

static void load_users(farm *f, int node)
{
    ask_redis(f, "acl load");
}

static const struct fault {
    const char *name;
    void (*strike)(farm *f, int node);
    bool waited_out; /* always: no request is lost with who was to answer it, and no catch-up may outlast the wait */
} faults[] = {
    {"a leader steps down", step_down, true},     {"Redis drops its connections", drop_redis, false},
    {"Redis loads its users", load_users, false}, {"a node reloads", reload_node, true},
    {"a node is a lame duck", lame_duck, false},  {"a node is killed", kill_node, false},
    {"a node stands still", suspend_node, false}, {"a node is stopped", stop_node, false},
};
enum { FAULTS = sizeof faults / sizeof *faults };

static size_t failed_in_all(void)
{
    size_t sum = 0;
    for (int i = 0; i < WRITERS; i++) sum += writers[i].failed;
    return sum;
}

static void strike(farm *f, const struct fault *fault, int node)
{
    size_t before = failed_in_all();
    for (int i = 0; i < WRITERS; i++) writers[i].failure[0] = '\0';
    fault->strike(f, node);
    await_progress();
    size_t failed = failed_in_all() - before;
    printf("%s (%d): %zu asked again", fault->name, node, failed);
    for (int i = 0; i < WRITERS; i++) printf("%s%s", writers[i].failure[0] ? "; " : "", writers[i].failure);
    printf("\n");
    ck_assert_msg(!fault->waited_out || failed == 0, "%s: %zu commands failed", fault->name, failed);
}

static size_t counted[WRITERS][PLACES_MAX];

static furrow_status count_effects(void *arg, const furrow_js_stored *messages, size_t count, uint64_t reached,
                                   furrow_error *err)
{
    for (size_t i = 0; i < count; i++) {
        int number;
        size_t place;
        const char *id = strrchr(messages[i].subject, '.') + 1;
        if (sscanf(id, "W%d-%zu", &number, &place) == 2 && strstr(messages[i].subject, ".Location."))
            counted[number][place]++;
    }
    return FURROW_OK;
}

/* The stream keeps four states of an entity: a second effect would be a fourth message. */
static void check_log(farm *f)
{
    furrow_error err;
    furrow_js_stream_state state;
    furrow_link *log = farm_log(f, FARM_LOCATION);
    ck_assert_msg(furrow_js_stream_info(log, "LOCATION", farm_within_ms(PATIENCE_MS), &state, &err) == FURROW_OK, "%s",
                  err.text);
    furrow_js_read_options options = {.stream = "LOCATION", .start_seq = 1, .end_seq = state.last_seq};
    ck_assert_msg(furrow_js_read(log, &options, count_effects, NULL, &err) == FURROW_OK, "%s", err.text);
    for (int w = 0; w < WRITERS; w++)
        for (size_t i = 0; i < writers[w].places; i++)
            ck_assert_msg(counted[w][i] == STEPS, "W%d-%zu: %zu of %d events", w, i, counted[w][i], STEPS);
}

static void cluster(farm *f)
{
    furrow_error err;
    farm_provision(f);
    for (int i = 0; i < 2; i++) farm_start(f, FARM_LOCATION, i);
    farm_wait_ready(f, FARM_LOCATION);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (writer){.f = f, .number = i};
        ck_assert_int_eq(furrow_loop_spawn(f->loop, write_places, &writers[i], &err), FURROW_OK);
    }
    await_progress();
    for (int node = 0; node < FARM_NODES_MAX; node++)
        for (size_t i = 0; i < FAULTS; i++) strike(f, &faults[i], node);
    over = true;
    for (int i = 0; i < WRITERS; i++) {
        ck_assert(furrow_wait(&writers[i].done, farm_within_ms(2 * PATIENCE_MS)));
        ck_assert_msg(!writers[i].lost[0], "%s", writers[i].lost);
        printf("writer %d: %zu commands\n", i, writers[i].commands);
    }
    check_log(f);
}

START_TEST(elections_are_waited_out_and_nothing_is_lost_or_doubled)
{
    farm_run_cluster(cluster);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster");
    TCase *cases = tcase_create("cluster");
    setvbuf(stdout, NULL, _IOLBF, 0);
    tcase_set_timeout(cases, 400);
    tcase_add_test(cases, elections_are_waited_out_and_nothing_is_lost_or_doubled);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
