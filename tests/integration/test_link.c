/*
 * The link against a real nats-server: requests and their ends, reconnects, bounds. Each test runs its body as a task
 * on a loop of its own.
 */
#include "base/clock.h"
#include "link/link.h"
#include "support/process.h"
#include "support/servers.h"
#include "support/tempdir.h"
#include "support/wait.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 10000

typedef struct test_world {
    furrow_test_server *nats;
    furrow_loop *loop;
    furrow_link *link;
    size_t served, overflowed;
    void (*body)(struct test_world *world);
} test_world;

static uint64_t within_ms(uint64_t ms)
{
    return furrow_clock_now_ns() + ms * FURROW_NS_PER_MS;
}

static furrow_link *connect_to(test_world *world, furrow_link_options options)
{
    furrow_error err = {0};
    if (!options.url) options.url = furrow_test_server_url(world->nats);
    options.reconnect_max_ms = 100;
    furrow_link *link = furrow_link_create(world->loop, &options, &err);
    ck_assert_msg(link != NULL, "%s", err.text);
    return link;
}

static void body_task(void *arg)
{
    test_world *world = arg;
    world->link = connect_to(world, (furrow_link_options){.name = "test"});
    world->body(world);
    furrow_link_destroy(world->link);
}

static void run(const furrow_test_nats_options *server, void (*body)(test_world *world))
{
    furrow_error err = {0};
    test_world world = {.nats = furrow_test_nats_start(server), .body = body};
    world.loop = furrow_loop_create(NULL, &err);
    ck_assert_int_eq(furrow_loop_run_task(world.loop, body_task, &world, &err), FURROW_OK);
    furrow_loop_destroy(world.loop);
    furrow_test_server_destroy(world.nats);
}

static void echo(void *arg, furrow_msg *msg)
{
    test_world *world = arg;
    world->served++;
    if (msg->reply)
        (void)!furrow_link_publish(world->link, &(furrow_outgoing){.subject = msg->reply, .data = msg->data}, NULL);
    furrow_msg_free(msg);
}

static void serve_echo(test_world *world)
{
    ck_assert(furrow_link_wait_connected(world->link, within_ms(PATIENCE_MS)));
    ck_assert(
        furrow_link_subscribe(world->link, "t.echo", &(furrow_subscribe_options){.queue = "q"}, echo, world, NULL));
}

static furrow_status call(furrow_link *link, const char *subject, const char *text, uint64_t timeout_ms, char *answer,
                          size_t size, furrow_error *err)
{
    furrow_msg *reply = NULL;
    furrow_outgoing out = {.subject = subject, .data = furrow_bytes_of(text)};
    furrow_status status = furrow_link_request(link, &out, within_ms(timeout_ms), &reply, err);
    if (status != FURROW_OK) return status;
    ck_assert_uint_lt(reply->data.len, size);
    memcpy(answer, reply->data.data, reply->data.len);
    answer[reply->data.len] = '\0';
    furrow_msg_free(reply);
    return FURROW_OK;
}

static void echo_body(test_world *world)
{
    char answer[64];
    furrow_error err = {0};
    serve_echo(world);
    ck_assert_msg(call(world->link, "t.echo", "hello", PATIENCE_MS, answer, sizeof answer, &err) == FURROW_OK, "%s",
                  err.text);
    ck_assert_str_eq(answer, "hello");
    ck_assert_msg(call(world->link, "t.echo", "", PATIENCE_MS, answer, sizeof answer, &err) == FURROW_OK, "%s",
                  err.text);
    ck_assert_str_eq(answer, "");
    ck_assert_str_eq(furrow_link_last_error(world->link), "");
}

START_TEST(a_request_is_answered)
{
    run(NULL, echo_body);
}
END_TEST

typedef struct many {
    test_world *world;
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
        if (call(self->all->world->link, "t.echo", text, PATIENCE_MS, answer, sizeof answer, NULL) != FURROW_OK ||
            strcmp(text, answer) != 0) {
            self->all->wrong++;
        } else {
            self->all->answered++;
        }
    }
    self->all->running--;
}

static void many_body(test_world *world)
{
    static one ones[1000];
    many all = {.world = world, .running = 1000};
    serve_echo(world);
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
    run(NULL, many_body);
}
END_TEST

static void keep_reply(void *arg, furrow_msg *msg)
{
    strcpy(arg, msg->reply);
    furrow_msg_free(msg);
}

static void no_responders_body(test_world *world)
{
    char answer[64];
    furrow_error err = {0};
    serve_echo(world);
    uint64_t start = furrow_test_now_ms();
    ck_assert_int_eq(call(world->link, "t.nobody", "x", PATIENCE_MS, answer, sizeof answer, &err), FURROW_UNAVAILABLE);
    ck_assert_uint_lt(furrow_test_now_ms() - start, 2000);
    ck_assert_ptr_nonnull(strstr(err.text, "t.nobody"));
    /* Each answer finds its own request among others in flight. */
    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(call(world->link, "t.nobody", "x", PATIENCE_MS, answer, sizeof answer, &err),
                         FURROW_UNAVAILABLE);
        ck_assert_int_eq(call(world->link, "t.echo", "y", PATIENCE_MS, answer, sizeof answer, &err), FURROW_OK);
    }
}

START_TEST(no_responders_is_unavailable_at_once)
{
    run(NULL, no_responders_body);
}
END_TEST

static void deadline_body(test_world *world)
{
    char answer[64], kept[FURROW_SUBJECT_MAX] = "";
    furrow_error err = {0};
    serve_echo(world);
    ck_assert(furrow_link_subscribe(world->link, "t.silent", NULL, keep_reply, kept, NULL));
    uint64_t start = furrow_test_now_ms();
    ck_assert_int_eq(call(world->link, "t.silent", "x", 50, answer, sizeof answer, &err), FURROW_DEADLINE_EXCEEDED);
    ck_assert_uint_ge(furrow_test_now_ms() - start, 49);
    ck_assert_uint_lt(furrow_test_now_ms() - start, 2000);
    ck_assert_str_ne(kept, "");
    /* The late answer reaches nobody, however often the slot is used again. */
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(furrow_link_publish(world->link,
                                             &(furrow_outgoing){.subject = kept, .data = FURROW_BYTES_LITERAL("late")},
                                             NULL),
                         FURROW_OK);
        ck_assert_int_eq(call(world->link, "t.echo", "y", PATIENCE_MS, answer, sizeof answer, &err), FURROW_OK);
        ck_assert_str_eq(answer, "y");
    }
    furrow_msg *reply = NULL;
    ck_assert_int_eq(furrow_link_request(world->link, &(furrow_outgoing){.subject = "t.echo"}, 1, &reply, &err),
                     FURROW_DEADLINE_EXCEEDED);
}

START_TEST(a_deadline_ends_a_request_and_its_late_answer_goes_nowhere)
{
    run(NULL, deadline_body);
}
END_TEST

static void twice(void *arg, furrow_msg *msg)
{
    test_world *world = arg;
    furrow_outgoing out = {.subject = msg->reply, .data = FURROW_BYTES_LITERAL("first")};
    ck_assert_int_eq(furrow_link_publish(world->link, &out, NULL), FURROW_OK);
    out.data = FURROW_BYTES_LITERAL("second");
    ck_assert_int_eq(furrow_link_publish(world->link, &out, NULL), FURROW_OK);
    furrow_msg_free(msg);
}

static void twice_body(test_world *world)
{
    char answer[64];
    ck_assert(furrow_link_wait_connected(world->link, within_ms(PATIENCE_MS)));
    ck_assert(furrow_link_subscribe(world->link, "t.twice", NULL, twice, world, NULL));
    for (int i = 0; i < 500; i++) {
        ck_assert_int_eq(call(world->link, "t.twice", "x", PATIENCE_MS, answer, sizeof answer, NULL), FURROW_OK);
        ck_assert_str_eq(answer, "first");
    }
}

START_TEST(a_second_answer_is_dropped)
{
    run(NULL, twice_body);
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
        ck_assert_ptr_null(furrow_msg_header(msg, "Traceparent"));
        furrow_msg_each_header(msg, headers_seen, &seen);
        ck_assert_uint_eq(seen, 2);
        state[1]++;
    } else {
        ck_assert_ptr_null(furrow_msg_header(msg, "traceparent"));
        state[0]++;
    }
    furrow_msg_free(msg);
}

static void headers_body(test_world *world)
{
    size_t state[2] = {0};
    furrow_header good[] = {{"traceparent", "00-1"}, {"x", "y z"}}, bad_value[] = {{"a", "b\r\nc: d"}},
                  bad_name[] = {{"a:b", "c"}};
    ck_assert(furrow_link_wait_connected(world->link, within_ms(PATIENCE_MS)));
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
    run(NULL, headers_body);
}
END_TEST

static void late_server_body(test_world *world)
{
    char answer[64];
    furrow_error err = {0};
    ck_assert(!furrow_link_wait_connected(world->link, within_ms(300)));
    ck_assert_str_ne(furrow_link_last_error(world->link), "");
    ck_assert_int_eq(call(world->link, "t.echo", "x", 1000, answer, sizeof answer, &err), FURROW_UNAVAILABLE);
    ck_assert(furrow_link_subscribe(world->link, "t.echo", NULL, echo, world, NULL));
    furrow_test_server_restart(world->nats);
    ck_assert(furrow_link_wait_connected(world->link, within_ms(PATIENCE_MS)));
    ck_assert_int_eq(call(world->link, "t.echo", "x", PATIENCE_MS, answer, sizeof answer, &err), FURROW_OK);
    ck_assert_uint_eq(furrow_link_reconnects(world->link), 0);
}

START_TEST(a_server_that_comes_late_is_found)
{
    run(&(furrow_test_nats_options){.stopped = true}, late_server_body);
}
END_TEST

typedef struct load_state {
    test_world *world;
    bool stop;
    size_t running, ok, unavailable, unknown, other;
} load_state;

static void loader(void *arg)
{
    load_state *load = arg;
    char answer[64];
    while (!load->stop) {
        switch (call(load->world->link, "t.echo", "load", 2000, answer, sizeof answer, NULL)) {
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

static void restart_body(test_world *world)
{
    struct {
        furrow_link_watch watch;
        size_t changes[2];
    } watcher = {.watch = {.fn = note_change}};
    load_state load = {.world = world, .running = 64};
    serve_echo(world);
    furrow_link_watch_add(world->link, &watcher.watch);
    for (int i = 0; i < 64; i++) ck_assert_int_eq(furrow_loop_spawn(world->loop, loader, &load, NULL), FURROW_OK);
    for (int round = 1; round <= 3; round++) {
        size_t before = load.ok;
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(load.ok > before + 2000, PATIENCE_MS));
        furrow_test_server_kill(world->nats);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_link_connected(world->link), PATIENCE_MS));
        furrow_test_server_restart(world->nats);
        ck_assert(furrow_link_wait_connected(world->link, within_ms(PATIENCE_MS)));
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
    run(NULL, restart_body);
}
END_TEST

static void bounds_body(test_world *world)
{
    furrow_error err = {0};
    static char big[2 << 20];
    furrow_link *small = connect_to(world, (furrow_link_options){.max_buffered_bytes = 100000, .max_requests = 3});
    ck_assert(furrow_link_wait_connected(small, within_ms(PATIENCE_MS)));
    furrow_outgoing out = {.subject = "t.sink", .data = {big, furrow_link_max_payload(small) + 1}};
    ck_assert_int_eq(furrow_link_publish(small, &out, &err), FURROW_INVALID_ARGUMENT);
    out.data.len = 60000;
    ck_assert_int_eq(furrow_link_publish(small, &out, &err), FURROW_OK);
    ck_assert_int_eq(furrow_link_publish(small, &out, &err), FURROW_RESOURCE_EXHAUSTED);
    ck_assert_int_eq(furrow_link_flush(small, within_ms(PATIENCE_MS), &err), FURROW_OK);
    ck_assert_int_eq(furrow_link_publish(small, &out, &err), FURROW_OK);
    out.subject = "a b";
    out.data.len = 1;
    ck_assert_int_eq(furrow_link_publish(small, &out, &err), FURROW_INVALID_ARGUMENT);
    furrow_link_destroy(small);
}

START_TEST(payload_output_and_subjects_are_bounded)
{
    run(NULL, bounds_body);
}
END_TEST

static void count_reply(void *arg, furrow_status status, const char *text, furrow_msg *reply)
{
    size_t *counts = arg;
    counts[status == FURROW_OK ? 0 : status == FURROW_DEADLINE_EXCEEDED ? 1 : 2]++;
    furrow_msg_free(reply);
}

static void requests_bound_body(test_world *world)
{
    furrow_error err = {0};
    size_t counts[3] = {0};
    char kept[FURROW_SUBJECT_MAX];
    furrow_link *small = connect_to(world, (furrow_link_options){.max_requests = 3});
    ck_assert(furrow_link_wait_connected(small, within_ms(PATIENCE_MS)));
    ck_assert(furrow_link_subscribe(small, "t.silent", NULL, keep_reply, kept, NULL));
    furrow_outgoing out = {.subject = "t.silent"};
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(furrow_link_request_async(small, &out, within_ms(100), count_reply, counts, &err), FURROW_OK);
    ck_assert_int_eq(furrow_link_request_async(small, &out, within_ms(100), count_reply, counts, &err),
                     FURROW_RESOURCE_EXHAUSTED);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(counts[1] == 3, PATIENCE_MS));
    ck_assert_int_eq(furrow_link_request_async(small, &out, FURROW_NEVER, count_reply, counts, &err), FURROW_OK);
    furrow_link_destroy(small);
    ck_assert_uint_eq(counts[0] + counts[1] + counts[2], 4);
}

START_TEST(requests_in_flight_are_bounded_and_destroy_ends_them)
{
    run(NULL, requests_bound_body);
}
END_TEST

static void take(void *arg, furrow_msg *msg)
{
    (*(size_t *)arg)++;
    furrow_msg_free(msg);
}

static void take_over(void *arg, furrow_msg *msg)
{
    ((size_t *)arg)[1]++;
    furrow_msg_free(msg);
}

static void overflow_body(test_world *world)
{
    size_t counts[2] = {0};
    furrow_link *sender = connect_to(world, (furrow_link_options){0});
    ck_assert(furrow_link_wait_connected(sender, within_ms(PATIENCE_MS)));
    serve_echo(world);
    ck_assert(furrow_link_subscribe(world->link, "t.in",
                                    &(furrow_subscribe_options){.max_per_turn = 10, .overflow = take_over}, take,
                                    counts, NULL));
    ck_assert_int_eq(furrow_link_flush(world->link, within_ms(PATIENCE_MS), NULL), FURROW_OK);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(furrow_link_publish(sender, &(furrow_outgoing){.subject = "t.in"}, NULL), FURROW_OK);
    ck_assert_int_eq(furrow_link_flush(sender, within_ms(PATIENCE_MS), NULL), FURROW_OK);
    ck_assert_int_eq(furrow_link_flush(world->link, within_ms(PATIENCE_MS), NULL), FURROW_OK);
    ck_assert_uint_eq(counts[0] + counts[1], 1000);
    ck_assert_uint_ge(counts[0], 10);
    ck_assert_uint_gt(counts[1], 0);
    furrow_link_destroy(sender);
}

START_TEST(a_turn_hands_over_no_more_than_its_bound)
{
    run(NULL, overflow_body);
}
END_TEST

static void stop_body(test_world *world)
{
    size_t taken = 0;
    furrow_link *sender = connect_to(world, (furrow_link_options){0});
    ck_assert(furrow_link_wait_connected(sender, within_ms(PATIENCE_MS)));
    ck_assert(furrow_link_wait_connected(world->link, within_ms(PATIENCE_MS)));
    furrow_subscription *subscription = furrow_link_subscribe(world->link, "t.in", NULL, take, &taken, NULL);
    ck_assert_int_eq(furrow_link_flush(world->link, within_ms(PATIENCE_MS), NULL), FURROW_OK);
    for (int i = 0; i < 20000; i++)
        ck_assert_int_eq(furrow_link_publish(sender, &(furrow_outgoing){.subject = "t.in"}, NULL), FURROW_OK);
    ck_assert_int_eq(furrow_link_flush(sender, within_ms(PATIENCE_MS), NULL), FURROW_OK);
    furrow_subscription_stop(subscription); /* the server had taken all 20,000 before */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(taken == 20000, PATIENCE_MS));
    ck_assert_int_eq(furrow_link_flush(world->link, within_ms(PATIENCE_MS), NULL), FURROW_OK);
    ck_assert_int_eq(furrow_link_publish(sender, &(furrow_outgoing){.subject = "t.in"}, NULL), FURROW_OK);
    ck_assert_int_eq(furrow_link_flush(sender, within_ms(PATIENCE_MS), NULL), FURROW_OK);
    ck_assert_int_eq(furrow_link_flush(world->link, within_ms(PATIENCE_MS), NULL), FURROW_OK);
    ck_assert_uint_eq(taken, 20000);
    furrow_subscription_destroy(subscription);
    furrow_link_destroy(sender);
}

START_TEST(stopping_a_subscription_loses_nothing_that_was_on_the_way)
{
    run(NULL, stop_body);
}
END_TEST

static const char with_users[] = "authorization { users = [ {user: a, password: b, permissions: {publish: \"t.>\"}},"
                                 " {nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4} ] }\n";
static const char seed[] = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY\n";

static void identity_body(test_world *world)
{
    char path[160];
    furrow_error err = {0};
    ck_assert(!furrow_link_wait_connected(world->link, within_ms(300)));
    ck_assert_ptr_nonnull(strcasestr(furrow_link_last_error(world->link), "authorization"));
    furrow_link *user = connect_to(world, (furrow_link_options){.user = "a", .password = "b"});
    ck_assert(furrow_link_wait_connected(user, within_ms(PATIENCE_MS)));
    snprintf(path, sizeof path, "%s/seed.nk", furrow_test_server_dir(world->nats));
    FILE *file = fopen(path, "w");
    ck_assert(file && fputs(seed, file) > 0 && fclose(file) == 0);
    furrow_link *key = connect_to(world, (furrow_link_options){.nkey_seed = path});
    ck_assert_msg(furrow_link_wait_connected(key, within_ms(2000)), "%s", furrow_link_last_error(key));
    furrow_link_destroy(user);
    furrow_link_destroy(key);
    furrow_link_options missing = {.url = furrow_test_server_url(world->nats), .nkey_seed = "/no/such/file"};
    ck_assert_ptr_null(furrow_link_create(world->loop, &missing, &err));
    ck_assert_int_eq(err.code, FURROW_INVALID_ARGUMENT);
}

START_TEST(users_and_keys_are_let_in_and_strangers_told_why_not)
{
    run(&(furrow_test_nats_options){.config = with_users}, identity_body);
}
END_TEST

typedef struct answers {
    size_t refused;
    furrow_status other;
} answers;

static void on_refusal(void *arg, furrow_status status, const char *text, furrow_msg *reply)
{
    answers *seen = arg;
    ck_assert_int_eq(status, FURROW_PERMISSION_DENIED);
    ck_assert_ptr_nonnull(strstr(text, "permission"));
    ck_assert_ptr_null(reply);
    seen->refused++;
}

static void on_other(void *arg, furrow_status status, const char *text, furrow_msg *reply)
{
    answers *seen = arg;
    seen->other = status;
    furrow_msg_free(reply);
}

static void on_silence(void *arg, furrow_msg *msg)
{
    furrow_msg_free(msg);
}

static void refused_body(test_world *world)
{
    uint64_t count = 0;
    furrow_link *user = connect_to(world, (furrow_link_options){.user = "a", .password = "b"});
    ck_assert(furrow_link_wait_connected(user, within_ms(PATIENCE_MS)));
    ck_assert_str_eq(furrow_link_complaint(user, &count), "");
    furrow_subscription *silent = furrow_link_subscribe(user, "t.silent", NULL, on_silence, NULL, NULL);
    ck_assert_ptr_nonnull(silent);
    ck_assert_int_eq(furrow_link_publish(user, &(furrow_outgoing){.subject = "not.mine"}, NULL), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_link_complaint(user, &count)[0] != '\0', PATIENCE_MS));
    ck_assert_ptr_nonnull(strstr(furrow_link_complaint(user, NULL), "not.mine"));
    ck_assert_uint_eq(count, 1);
    ck_assert(furrow_link_connected(user));
    /* Who waits for an answer is told at once, each of what is his, and nobody else. */
    answers seen = {.other = FURROW_OK};
    furrow_error err;
    static const char *const refused_subjects[] = {"not.mine", "nor.mine", "not.mine"};
    furrow_outgoing slow = {.subject = "t.silent"};
    ck_assert_int_eq(furrow_link_request_async(user, &slow, within_ms(PATIENCE_MS), on_other, &seen, &err), FURROW_OK);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(furrow_link_request_async(user, &(furrow_outgoing){.subject = refused_subjects[i]},
                                                   FURROW_NEVER, on_refusal, &seen, &err),
                         FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(seen.refused == 3, PATIENCE_MS));
    ck_assert_int_eq(seen.other, FURROW_OK);
    ck_assert_int_eq(furrow_link_request(user, &(furrow_outgoing){.subject = "not.mine"}, FURROW_NEVER, NULL, &err),
                     FURROW_PERMISSION_DENIED);
    ck_assert_ptr_nonnull(strstr(err.text, "not.mine"));
    /* One that comes when the link is gone harms nobody. */
    ck_assert_int_eq(furrow_link_publish(user, &(furrow_outgoing){.subject = "not.mine"}, NULL), FURROW_OK);
    furrow_subscription_destroy(silent);
    furrow_link_destroy(user);
}

START_TEST(what_the_server_refuses_is_told)
{
    run(&(furrow_test_nats_options){.config = with_users}, refused_body);
}
END_TEST

static void silent_body(test_world *world)
{
    char answer[64];
    furrow_link *link = connect_to(world, (furrow_link_options){.probe_ms = 300});
    ck_assert(furrow_link_wait_connected(link, within_ms(PATIENCE_MS)));
    furrow_test_server_pause(world->nats);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_link_connected(link), PATIENCE_MS));
    ck_assert_int_eq(call(link, "t.echo", "x", 100, answer, sizeof answer, NULL), FURROW_UNAVAILABLE);
    furrow_test_server_resume(world->nats);
    ck_assert(furrow_link_wait_connected(link, within_ms(PATIENCE_MS)));
    ck_assert_uint_eq(furrow_link_reconnects(link), 1);
    furrow_link_destroy(link);
}

START_TEST(a_server_that_does_not_answer_counts_as_lost)
{
    run(NULL, silent_body);
}
END_TEST

static const char *certificates;

static void tls_body(test_world *world)
{
    char ca[128], answer[64];
    furrow_error err = {0};
    ck_assert(!furrow_link_wait_connected(world->link, within_ms(300))); /* it does not speak TLS */
    snprintf(ca, sizeof ca, "%s/cert.pem", certificates);
    furrow_link *plain = world->link;
    world->link = connect_to(world, (furrow_link_options){.tls_ca = ca});
    ck_assert_msg(furrow_link_wait_connected(world->link, within_ms(PATIENCE_MS)), "%s",
                  furrow_link_last_error(world->link));
    serve_echo(world);
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(call(world->link, "t.echo", "sealed", PATIENCE_MS, answer, sizeof answer, &err), FURROW_OK);
    furrow_link_destroy(world->link);
    world->link = plain;
    furrow_link_options missing = {.url = furrow_test_server_url(world->nats), .tls_ca = "/no/such/file"};
    ck_assert_ptr_null(furrow_link_create(world->loop, &missing, &err));
}

START_TEST(tls_with_a_certificate_we_trust)
{
    char config[512], key[128], cert[128];
    certificates = furrow_test_tempdir();
    snprintf(key, sizeof key, "%s/key.pem", certificates);
    snprintf(cert, sizeof cert, "%s/cert.pem", certificates);
    const char *const make[] = {"openssl",  "req",
                                "-x509",    "-newkey",
                                "rsa:2048", "-nodes",
                                "-days",    "1",
                                "-subj",    "/CN=127.0.0.1",
                                "-addext",  "subjectAltName=IP:127.0.0.1",
                                "-keyout",  key,
                                "-out",     cert,
                                NULL};
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = make}, PATIENCE_MS, NULL), 0);
    snprintf(config, sizeof config, "tls { cert_file: \"%s\", key_file: \"%s\" }\n", cert, key);
    run(&(furrow_test_nats_options){.config = config}, tls_body);
}
END_TEST

static void destroy_body(test_world *world)
{
    for (int i = 0; i < 20; i++) furrow_link_destroy(connect_to(world, (furrow_link_options){0}));
    furrow_link_destroy(connect_to(world, (furrow_link_options){.url = "nats://127.0.0.1:1"}));
}

START_TEST(a_link_may_be_destroyed_while_it_still_connects)
{
    run(NULL, destroy_body);
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
    tcase_add_test(tests, requests_in_flight_are_bounded_and_destroy_ends_them);
    tcase_add_test(tests, a_turn_hands_over_no_more_than_its_bound);
    tcase_add_test(tests, stopping_a_subscription_loses_nothing_that_was_on_the_way);
    tcase_add_test(tests, users_and_keys_are_let_in_and_strangers_told_why_not);
    tcase_add_test(tests, what_the_server_refuses_is_told);
    tcase_add_test(tests, a_server_that_does_not_answer_counts_as_lost);
    tcase_add_test(tests, tls_with_a_certificate_we_trust);
    tcase_add_test(tests, a_link_may_be_destroyed_while_it_still_connects);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
