/*
 * The link against a real nats-server: requests and their ends, reconnects, bounds. Who is let in, and what the server
 * refuses: test_link_access.c.
 */
#include "base/clock.h"
#include "link_world.h"
#include "support/wait.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void echo_body(link_world *world)
{
    char answer[64];
    furrow_error err = {0};
    link_world_serve_echo(world);
    ck_assert_msg(link_world_call(world->link, "t.echo", "hello", PATIENCE_MS, answer, sizeof answer, &err) ==
                      FURROW_OK,
                  "%s", err.text);
    ck_assert_str_eq(answer, "hello");
    ck_assert_msg(link_world_call(world->link, "t.echo", "", PATIENCE_MS, answer, sizeof answer, &err) == FURROW_OK,
                  "%s", err.text);
    ck_assert_str_eq(answer, "");
    ck_assert_str_eq(furrow_link_last_error(world->link), "");
}

START_TEST(a_request_is_answered)
{
    link_world_run(NULL, echo_body);
}
END_TEST

typedef struct many {
    link_world *world;
    size_t running, answered, wrong;
} many;
typedef struct one {
    many *all;
    int number;
} one;

static void one_of_many(void *arg)
{
    one *self = arg;
    char text[32], answer[64] = "";
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "%d/%d", self->number, i);
        if (link_world_call(self->all->world->link, "t.echo", text, PATIENCE_MS, answer, sizeof answer, NULL) !=
                FURROW_OK ||
            strcmp(text, answer) != 0) {
            self->all->wrong++;
        } else {
            self->all->answered++;
        }
    }
    self->all->running--;
}

static void many_body(link_world *world)
{
    static one ones[1000];
    many all = {.world = world, .running = 1000};
    link_world_serve_echo(world);
    for (int i = 0; i < 1000; i++) {
        ones[i] = (one){&all, i};
        ck_assert_int_eq(furrow_loop_spawn(world->loop, one_of_many, &ones[i], NULL), FURROW_OK);
    }
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.running == 0, PATIENCE_MS));
    ck_assert_uint_eq(all.wrong, 0);
    ck_assert_uint_eq(all.answered, 20000);
    ck_assert_uint_eq(world->served, 20000);
}

START_TEST(a_thousand_tasks_each_get_their_own_answers)
{
    link_world_run(NULL, many_body);
}
END_TEST

static void keep_reply(void *arg, furrow_msg *msg)
{
    strcpy(arg, msg->reply);
    furrow_msg_free(msg);
}

static void no_responders_body(link_world *world)
{
    char answer[64];
    furrow_error err = {0};
    link_world_serve_echo(world);
    uint64_t start = furrow_test_now_ms();
    ck_assert_int_eq(link_world_call(world->link, "t.nobody", "x", PATIENCE_MS, answer, sizeof answer, &err),
                     FURROW_UNAVAILABLE);
    ck_assert_uint_lt(furrow_test_now_ms() - start, PATIENCE_MS);
    ck_assert_ptr_nonnull(strstr(err.text, "t.nobody"));
    /* Each answer finds its own request among others in flight. */
    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(link_world_call(world->link, "t.nobody", "x", PATIENCE_MS, answer, sizeof answer, &err),
                         FURROW_UNAVAILABLE);
        ck_assert_int_eq(link_world_call(world->link, "t.echo", "y", PATIENCE_MS, answer, sizeof answer, &err),
                         FURROW_OK);
    }
}

START_TEST(no_responders_is_unavailable_at_once)
{
    link_world_run(NULL, no_responders_body);
}
END_TEST

static void deadline_body(link_world *world)
{
    char answer[64], kept[FURROW_SUBJECT_MAX] = "";
    furrow_error err = {0};
    link_world_serve_echo(world);
    ck_assert(furrow_link_subscribe(world->link, "t.silent", NULL, keep_reply, kept, NULL));
    uint64_t start = furrow_test_now_ms();
    ck_assert_int_eq(link_world_call(world->link, "t.silent", "x", 50, answer, sizeof answer, &err),
                     FURROW_DEADLINE_EXCEEDED);
    ck_assert_uint_ge(furrow_test_now_ms() - start, 49);
    ck_assert_uint_lt(furrow_test_now_ms() - start, 2000);
    ck_assert_str_ne(kept, "");
    /* The late answer reaches nobody, however often the slot is used again. */
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(furrow_link_publish(world->link,
                                             &(furrow_outgoing){.subject = kept, .data = FURROW_BYTES_LITERAL("late")},
                                             NULL),
                         FURROW_OK);
        ck_assert_int_eq(link_world_call(world->link, "t.echo", "y", PATIENCE_MS, answer, sizeof answer, &err),
                         FURROW_OK);
        ck_assert_str_eq(answer, "y");
    }
    furrow_msg *reply = NULL;
    ck_assert_int_eq(furrow_link_request(world->link, &(furrow_outgoing){.subject = "t.echo"}, 1, &reply, &err),
                     FURROW_DEADLINE_EXCEEDED);
}

START_TEST(a_deadline_ends_a_request_and_its_late_answer_goes_nowhere)
{
    link_world_run(NULL, deadline_body);
}
END_TEST

static void twice(void *arg, furrow_msg *msg)
{
    link_world *world = arg;
    furrow_outgoing out = {.subject = msg->reply, .data = FURROW_BYTES_LITERAL("first")};
    ck_assert_int_eq(furrow_link_publish(world->link, &out, NULL), FURROW_OK);
    out.data = FURROW_BYTES_LITERAL("second");
    ck_assert_int_eq(furrow_link_publish(world->link, &out, NULL), FURROW_OK);
    furrow_msg_free(msg);
}

static void twice_body(link_world *world)
{
    char answer[64];
    ck_assert(furrow_link_wait_connected(world->link, link_world_in_ms(PATIENCE_MS)));
    ck_assert(furrow_link_subscribe(world->link, "t.twice", NULL, twice, world, NULL));
    for (int i = 0; i < 500; i++) {
        ck_assert_int_eq(link_world_call(world->link, "t.twice", "x", PATIENCE_MS, answer, sizeof answer, NULL),
                         FURROW_OK);
        ck_assert_str_eq(answer, "first");
    }
}

START_TEST(a_second_answer_is_dropped)
{
    link_world_run(NULL, twice_body);
}
END_TEST

static void headers_seen(void *arg, const char *name, const char *value)
{
    (*(size_t *)arg)++;
}

static void check_headers(void *arg, furrow_msg *msg)
{
    size_t *state = arg, seen = 0;
    if (furrow_msg_has_headers(msg)) {
        ck_assert_str_eq(furrow_msg_header(msg, "traceparent"), "00-1");
        ck_assert_str_eq(furrow_msg_header(msg, "Traceparent"), "00-1");
        furrow_msg_each_header(msg, headers_seen, &seen);
        ck_assert_uint_eq(seen, 2);
        state[1]++;
    } else {
        ck_assert_ptr_null(furrow_msg_header(msg, "traceparent"));
        state[0]++;
    }
    furrow_msg_free(msg);
}

static void headers_body(link_world *world)
{
    size_t state[2] = {0};
    furrow_header good[] = {{"traceparent", "00-1"}, {"x", "y z"}}, bad_value[] = {{"a", "b\r\nc: d"}},
                  bad_name[] = {{"a:b", "c"}};
    ck_assert(furrow_link_wait_connected(world->link, link_world_in_ms(PATIENCE_MS)));
    ck_assert(furrow_link_subscribe(world->link, "t.h", NULL, check_headers, state, NULL));
    furrow_outgoing out = {.subject = "t.h", .data = FURROW_BYTES_LITERAL("d")};
    ck_assert_int_eq(furrow_link_publish(world->link, &out, NULL), FURROW_OK);
    out.headers = good;
    out.header_count = 2;
    ck_assert_int_eq(furrow_link_publish(world->link, &out, NULL), FURROW_OK);
    out.headers = bad_value;
    out.header_count = 1;
    ck_assert_int_eq(furrow_link_publish(world->link, &out, NULL), FURROW_INVALID_ARGUMENT);
    out.headers = bad_name;
    ck_assert_int_eq(furrow_link_publish(world->link, &out, NULL), FURROW_INVALID_ARGUMENT);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(state[0] + state[1] == 2, PATIENCE_MS));
    ck_assert_uint_eq(state[0], 1);
    ck_assert_uint_eq(state[1], 1);
}

START_TEST(headers_travel_and_cannot_be_injected)
{
    link_world_run(NULL, headers_body);
}
END_TEST

static void late_server_body(link_world *world)
{
    char answer[64];
    furrow_error err = {0};
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_link_last_error(world->link)[0] != '\0', PATIENCE_MS));
    ck_assert(!furrow_link_wait_connected(world->link, link_world_in_ms(300)));
    ck_assert_int_eq(link_world_call(world->link, "t.echo", "x", 1000, answer, sizeof answer, &err),
                     FURROW_UNAVAILABLE);
    ck_assert(furrow_link_subscribe(world->link, "t.echo", NULL, link_world_echo, world, NULL));
    furrow_test_server_restart(world->nats);
    ck_assert(furrow_link_wait_connected(world->link, link_world_in_ms(PATIENCE_MS)));
    ck_assert_int_eq(link_world_call(world->link, "t.echo", "x", PATIENCE_MS, answer, sizeof answer, &err), FURROW_OK);
    ck_assert_uint_eq(furrow_link_reconnects(world->link), 0);
}

START_TEST(a_server_that_comes_late_is_found)
{
    link_world_run(&(furrow_test_nats_options){.stopped = true}, late_server_body);
}
END_TEST

typedef struct load_state {
    link_world *world;
    bool stop;
    size_t running, ok, unavailable, unknown, other;
} load_state;

static void loader(void *arg)
{
    load_state *load = arg;
    char answer[64];
    while (!load->stop) {
        switch (link_world_call(load->world->link, "t.echo", "load", 2000, answer, sizeof answer, NULL)) {
        case FURROW_OK:
            load->ok++;
            break;
        case FURROW_UNAVAILABLE:
            load->unavailable++;
            furrow_task_sleep_ms(1);
            break;
        case FURROW_DEADLINE_EXCEEDED:
            load->unknown++;
            break;
        default:
            load->other++;
            break;
        }
    }
    load->running--;
}

static void note_change(furrow_link_watch *watch, bool connected)
{
    ((size_t *)(watch + 1))[connected]++;
}

static void restart_body(link_world *world)
{
    struct {
        furrow_link_watch watch;
        size_t changes[2];
    } watcher = {.watch = {.fn = note_change}};
    load_state load = {.world = world, .running = 64};
    link_world_serve_echo(world);
    furrow_link_watch_add(world->link, &watcher.watch);
    for (int i = 0; i < 64; i++) ck_assert_int_eq(furrow_loop_spawn(world->loop, loader, &load, NULL), FURROW_OK);
    for (int round = 1; round <= 3; round++) {
        size_t before = load.ok;
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(load.ok > before + 2000, PATIENCE_MS));
        furrow_test_server_kill(world->nats);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_link_connected(world->link), PATIENCE_MS));
        furrow_test_server_restart(world->nats);
        ck_assert(furrow_link_wait_connected(world->link, link_world_in_ms(PATIENCE_MS)));
        ck_assert_uint_eq(furrow_link_reconnects(world->link), (unsigned)round);
    }
    size_t before = load.ok;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(load.ok > before + 2000, PATIENCE_MS));
    load.stop = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(load.running == 0, PATIENCE_MS));
    ck_assert_uint_gt(load.unknown, 0);
    ck_assert_uint_gt(load.unavailable, 0);
    ck_assert_uint_eq(load.other, 0);
    ck_assert_uint_eq(watcher.changes[0], 3);
    ck_assert_uint_eq(watcher.changes[1], 3);
    furrow_link_watch_remove(world->link, &watcher.watch);
}

START_TEST(a_killed_server_ends_requests_clearly_and_is_found_again)
{
    link_world_run(NULL, restart_body);
}
END_TEST

static void bounds_body(link_world *world)
{
    furrow_error err = {0};
    static char big[2 << 20];
    furrow_link *small =
        link_world_connect(world, (furrow_link_options){.max_buffered_bytes = 100000, .max_requests = 3});
    ck_assert(furrow_link_wait_connected(small, link_world_in_ms(PATIENCE_MS)));
    furrow_outgoing out = {.subject = "t.sink", .data = {big, furrow_link_max_payload(small) + 1}};
    ck_assert_int_eq(furrow_link_publish(small, &out, &err), FURROW_INVALID_ARGUMENT);
    out.data.len = 60000;
    ck_assert_int_eq(furrow_link_publish(small, &out, &err), FURROW_OK);
    ck_assert_int_eq(furrow_link_publish(small, &out, &err), FURROW_RESOURCE_EXHAUSTED);
    ck_assert_int_eq(furrow_link_flush(small, link_world_in_ms(PATIENCE_MS), &err), FURROW_OK);
    ck_assert_int_eq(furrow_link_publish(small, &out, &err), FURROW_OK);
    out.subject = "a b";
    out.data.len = 1;
    ck_assert_int_eq(furrow_link_publish(small, &out, &err), FURROW_INVALID_ARGUMENT);
    furrow_link_destroy(small);
}

START_TEST(payload_output_and_subjects_are_bounded)
{
    link_world_run(NULL, bounds_body);
}
END_TEST

/* Where the server takes no more, what is ready made does not pile up before what is not. */
static void stuck_body(link_world *world)
{
    static char big[256 << 10];
    furrow_error err;
    furrow_outgoing out = {.subject = "t.sink", .data = {big, sizeof big}};
    furrow_ready_made *made = furrow_link_make_ready(NULL, 0, furrow_bytes_of("no"));
    ck_assert(furrow_link_wait_connected(world->link, link_world_in_ms(PATIENCE_MS)));
    for (int i = 0; i < 1000; i++) /* in one turn, and the server takes what comes */
        ck_assert_int_eq(furrow_link_publish_ready(world->link, made, "t.other", &err), FURROW_OK);
    furrow_test_server_pause(world->nats);
    bool stuck = false;
    for (int i = 0; i < 100 && !stuck; i++) {
        ck_assert_int_eq(furrow_link_publish(world->link, &out, &err), FURROW_OK);
        furrow_task_sleep_ms(1); /* what the socket takes is written */
        stuck = furrow_link_publish_ready(world->link, made, "t.other", &err) == FURROW_RESOURCE_EXHAUSTED;
    }
    ck_assert(stuck);
    ck_assert_int_eq(furrow_link_publish(world->link, &out, &err), FURROW_OK);
    furrow_test_server_resume(world->nats);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_link_publish_ready(world->link, made, "t.other", &err) == FURROW_OK,
                                             PATIENCE_MS));
    furrow_ready_made_destroy(made);
}

START_TEST(what_is_ready_made_is_refused_before_output_piles_up)
{
    link_world_run(NULL, stuck_body);
}
END_TEST

static void count_reply(void *arg, furrow_status status, const char *text, furrow_msg *reply)
{
    size_t *counts = arg;
    counts[status == FURROW_OK ? 0 : status == FURROW_DEADLINE_EXCEEDED ? 1 : 2]++;
    furrow_msg_free(reply);
}

static void requests_bound_body(link_world *world)
{
    furrow_error err = {0};
    size_t counts[3] = {0};
    char kept[FURROW_SUBJECT_MAX];
    furrow_link *small = link_world_connect(world, (furrow_link_options){.max_requests = 3});
    ck_assert(furrow_link_wait_connected(small, link_world_in_ms(PATIENCE_MS)));
    ck_assert(furrow_link_subscribe(small, "t.silent", NULL, keep_reply, kept, NULL));
    furrow_outgoing out = {.subject = "t.silent"};
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(furrow_link_request_async(small, &out, link_world_in_ms(100), count_reply, counts, &err),
                         FURROW_OK);
    ck_assert_int_eq(furrow_link_request_async(small, &out, link_world_in_ms(100), count_reply, counts, &err),
                     FURROW_RESOURCE_EXHAUSTED);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(counts[1] == 3, PATIENCE_MS));
    ck_assert_int_eq(furrow_link_request_async(small, &out, FURROW_NEVER, count_reply, counts, &err), FURROW_OK);
    furrow_link_destroy(small);
    ck_assert_uint_eq(counts[0] + counts[1] + counts[2], 4);
}

START_TEST(requests_in_flight_are_bounded_and_destroy_ends_them)
{
    link_world_run(NULL, requests_bound_body);
}
END_TEST

static void take(void *arg, furrow_msg *msg)
{
    (*(size_t *)arg)++;
    furrow_msg_free(msg);
}

static void overflow_body(link_world *world)
{
    size_t taken = 0;
    furrow_link *sender = link_world_connect(world, (furrow_link_options){0});
    ck_assert(furrow_link_wait_connected(sender, link_world_in_ms(PATIENCE_MS)));
    link_world_serve_echo(world);
    ck_assert(furrow_link_subscribe(world->link, "t.in", &(furrow_subscribe_options){.max_per_turn = 10}, take, &taken,
                                    NULL));
    ck_assert_int_eq(furrow_link_flush(world->link, link_world_in_ms(PATIENCE_MS), NULL), FURROW_OK);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(furrow_link_publish(sender, &(furrow_outgoing){.subject = "t.in"}, NULL), FURROW_OK);
    ck_assert_int_eq(furrow_link_flush(sender, link_world_in_ms(PATIENCE_MS), NULL), FURROW_OK);
    ck_assert_int_eq(furrow_link_flush(world->link, link_world_in_ms(PATIENCE_MS), NULL), FURROW_OK);
    ck_assert_uint_ge(taken, 10);
    ck_assert_uint_lt(taken, 1000);
    furrow_link_destroy(sender);
}

START_TEST(a_turn_hands_over_no_more_than_its_bound)
{
    link_world_run(NULL, overflow_body);
}
END_TEST

static void stop_body(link_world *world)
{
    size_t taken = 0;
    furrow_link *sender = link_world_connect(world, (furrow_link_options){0});
    ck_assert(furrow_link_wait_connected(sender, link_world_in_ms(PATIENCE_MS)));
    ck_assert(furrow_link_wait_connected(world->link, link_world_in_ms(PATIENCE_MS)));
    furrow_subscription *subscription = furrow_link_subscribe(world->link, "t.in", NULL, take, &taken, NULL);
    ck_assert_int_eq(furrow_link_flush(world->link, link_world_in_ms(PATIENCE_MS), NULL), FURROW_OK);
    for (int i = 0; i < 20000; i++)
        ck_assert_int_eq(furrow_link_publish(sender, &(furrow_outgoing){.subject = "t.in"}, NULL), FURROW_OK);
    ck_assert_int_eq(furrow_link_flush(sender, link_world_in_ms(PATIENCE_MS), NULL), FURROW_OK);
    furrow_subscription_stop(subscription); /* the server had taken all 20,000 before */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(taken == 20000, PATIENCE_MS));
    ck_assert_int_eq(furrow_link_flush(world->link, link_world_in_ms(PATIENCE_MS), NULL), FURROW_OK);
    ck_assert_int_eq(furrow_link_publish(sender, &(furrow_outgoing){.subject = "t.in"}, NULL), FURROW_OK);
    ck_assert_int_eq(furrow_link_flush(sender, link_world_in_ms(PATIENCE_MS), NULL), FURROW_OK);
    ck_assert_int_eq(furrow_link_flush(world->link, link_world_in_ms(PATIENCE_MS), NULL), FURROW_OK);
    ck_assert_uint_eq(taken, 20000);
    furrow_subscription_destroy(subscription);
    furrow_link_destroy(sender);
}

START_TEST(stopping_a_subscription_loses_nothing_that_was_on_the_way)
{
    link_world_run(NULL, stop_body);
}
END_TEST

static void silent_body(link_world *world)
{
    char answer[64];
    furrow_link *link = link_world_connect(world, (furrow_link_options){.probe_ms = 1000});
    ck_assert(furrow_link_wait_connected(link, link_world_in_ms(PATIENCE_MS)));
    furrow_test_server_pause(world->nats);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_link_connected(link), PATIENCE_MS));
    ck_assert_int_eq(link_world_call(link, "t.echo", "x", 100, answer, sizeof answer, NULL), FURROW_UNAVAILABLE);
    furrow_test_server_resume(world->nats);
    ck_assert(furrow_link_wait_connected(link, link_world_in_ms(PATIENCE_MS)));
    ck_assert_uint_eq(furrow_link_reconnects(link), 1);
    furrow_link_destroy(link);
}

START_TEST(a_server_that_does_not_answer_counts_as_lost)
{
    link_world_run(NULL, silent_body);
}
END_TEST

static void destroy_body(link_world *world)
{
    for (int i = 0; i < 20; i++) furrow_link_destroy(link_world_connect(world, (furrow_link_options){0}));
    furrow_link_destroy(link_world_connect(world, (furrow_link_options){.url = "nats://127.0.0.1:1"}));
}

START_TEST(a_link_may_be_destroyed_while_it_still_connects)
{
    link_world_run(NULL, destroy_body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link");
    TCase *tests = tcase_create("link");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_request_is_answered);
    tcase_add_test(tests, a_thousand_tasks_each_get_their_own_answers);
    tcase_add_test(tests, no_responders_is_unavailable_at_once);
    tcase_add_test(tests, a_deadline_ends_a_request_and_its_late_answer_goes_nowhere);
    tcase_add_test(tests, a_second_answer_is_dropped);
    tcase_add_test(tests, headers_travel_and_cannot_be_injected);
    tcase_add_test(tests, a_server_that_comes_late_is_found);
    tcase_add_test(tests, a_killed_server_ends_requests_clearly_and_is_found_again);
    tcase_add_test(tests, payload_output_and_subjects_are_bounded);
    tcase_add_test(tests, what_is_ready_made_is_refused_before_output_piles_up);
    tcase_add_test(tests, requests_in_flight_are_bounded_and_destroy_ends_them);
    tcase_add_test(tests, a_turn_hands_over_no_more_than_its_bound);
    tcase_add_test(tests, stopping_a_subscription_loses_nothing_that_was_on_the_way);
    tcase_add_test(tests, a_server_that_does_not_answer_counts_as_lost);
    tcase_add_test(tests, a_link_may_be_destroyed_while_it_still_connects);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
