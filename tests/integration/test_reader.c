/*
 * The side reader, against a real nats-server: every message of a range once, whatever gaps it has, who writes
 * meanwhile and what becomes of the server; and with no other right than to ask for messages.
 */
#include "base/arena.h"
#include "stream_world.h"
#include "support/wait.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct reading {
    stream_world *world;
    uint64_t from, to, first, last, reached;
    size_t count, batches;
    uint8_t *seen; /* of [from, to], by sequence */
    bool write_meanwhile, kill_once, pause_once;
    size_t stop_after, expected_len;
} reading;

/* Longer than an answer is waited for, so that what was asked is asked again, and answered twice. */
static void resume_task(void *arg)
{
    furrow_task_sleep_ms(5500);
    furrow_test_server_resume(((stream_world *)arg)->nats);
}

static furrow_status on_read(void *arg, const furrow_js_stored *messages, size_t count, uint64_t reached,
                             furrow_error *err)
{
    reading *self = arg;
    for (size_t i = 0; i < count; i++) {
        uint64_t sequence = messages[i].sequence;
        ck_assert_uint_ge(sequence, self->from);
        ck_assert_uint_le(sequence, self->to);
        ck_assert_uint_gt(sequence, self->reached);
        ck_assert_msg(!self->seen[sequence - self->from], "%llu comes twice", (unsigned long long)sequence);
        self->seen[sequence - self->from] = 1;
        if (self->expected_len) ck_assert_uint_eq(messages[i].data.len, self->expected_len);
        if (self->count == 0 || sequence < self->first) self->first = sequence;
        if (self->count == 0 || sequence > self->last) self->last = sequence;
        self->count++;
    }
    ck_assert_uint_ge(reached, self->reached);
    self->reached = reached;
    self->batches++;
    if (self->stop_after && self->count >= self->stop_after) return furrow_fail(err, FURROW_DATA_LOSS, "enough");
    if (self->write_meanwhile)
        for (int i = 0; i < 5; i++)
            ck_assert_int_eq(stream_put(self->world, "new", "x", NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL), FURROW_OK);
    if (self->pause_once) {
        self->pause_once = false;
        furrow_test_server_pause(self->world->nats);
        ck_assert_int_eq(furrow_loop_spawn(self->world->loop, resume_task, self->world, NULL), FURROW_OK);
    }
    if (self->kill_once && self->count > 3000) {
        self->kill_once = false;
        furrow_test_server_kill(self->world->nats);
        furrow_test_server_restart(self->world->nats);
    }
    return FURROW_OK;
}

static furrow_arena *arena; /* of what was seen, for the whole program */

static reading read_range(stream_world *world, reading how, uint64_t from, uint64_t to, furrow_status expected)
{
    furrow_error err = {0};
    how.world = world;
    how.from = from;
    how.to = to;
    how.seen = furrow_arena_zalloc(arena, to + 1 - from + 1);
    furrow_js_read_options options = {.stream = "THING", .start_seq = from, .end_seq = to};
    furrow_status status = furrow_js_read(world->link, &options, on_read, &how, &err);
    ck_assert_msg(status == expected, "%s: %s", furrow_status_name(status), err.text);
    return how;
}

static void read_body(stream_world *world)
{
    stream_fill(world, 20000, 4000); /* two states kept of each: 1 to 12000 are gaps */
    reading all = read_range(world, (reading){0}, 1, 20000, FURROW_OK);
    ck_assert_uint_eq(all.count, 8000);
    ck_assert_uint_eq(all.first, 12001);
    ck_assert_uint_eq(all.last, 20000);
    reading part = read_range(world, (reading){0}, 15000, 15100, FURROW_OK);
    ck_assert_uint_eq(part.count, 101);
    reading gap = read_range(world, (reading){0}, 1, 12000, FURROW_OK);
    ck_assert_uint_eq(gap.count, 0);
    reading none = read_range(world, (reading){0}, 20001, 20000, FURROW_OK);
    ck_assert_uint_eq(none.count, 0);
    reading stopped = read_range(world, (reading){.stop_after = 1}, 1, 20000, FURROW_DATA_LOSS);
    ck_assert_uint_gt(stopped.count, 0);
    reading busy = read_range(world, (reading){.write_meanwhile = true}, 1, 20000, FURROW_OK);
    ck_assert_uint_eq(busy.count, 8000);
    ck_assert_uint_eq(busy.last, 20000);
}

START_TEST(the_reader_reads_a_range_with_gaps_while_others_write)
{
    stream_run(true, read_body);
}
END_TEST

/* What exists is what a single question for its sequence finds. */
static void compare_with_single_gets(stream_world *world, const reading *all)
{
    furrow_arena *scratch = furrow_arena_create(0);
    for (uint64_t sequence = all->from; sequence <= all->to; sequence++) {
        furrow_js_stored stored;
        furrow_error err = {0};
        furrow_arena_reset(scratch);
        furrow_status status =
            furrow_js_get(world->link, "THING", sequence, stream_within_ms(STREAM_PATIENCE_MS), scratch, &stored, &err);
        ck_assert_msg(status == FURROW_OK || status == FURROW_NOT_FOUND, "%s", err.text);
        ck_assert_msg(all->seen[sequence - all->from] == (status == FURROW_OK), "%llu: %s",
                      (unsigned long long)sequence, furrow_status_name(status));
    }
    furrow_arena_destroy(scratch);
}

/* Gaps of every size, from one message to more than a window, some at the edges of the server's own blocks. */
static void patchy_body(stream_world *world)
{
    uint32_t random = 1;
    for (int i = 0; i < 2000; i++) {
        char id[16];
        random = random * 1664525 + 1013904223;
        snprintf(id, sizeof id, "%u", random % 4 ? random >> 28 : random >> 16);
        ck_assert_int_eq(stream_put(world, id, "x", NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL), FURROW_OK);
        if (i % 500 == 250) stream_fill(world, (size_t)1 << (random >> 28), 1);
    }
    stream_fill(world, 40000, 1);
    furrow_js_stream_state state;
    ck_assert_int_eq(furrow_js_stream_info(world->link, "THING", stream_within_ms(STREAM_PATIENCE_MS), &state, NULL),
                     FURROW_OK);
    reading all = read_range(world, (reading){0}, 1, state.last_seq, FURROW_OK);
    ck_assert_uint_eq(all.count, state.messages);
    all.to = state.last_seq - 39000; /* the rest is one gap */
    compare_with_single_gets(world, &all);
    for (uint64_t from = 1; from < all.to; from += all.to / 7) {
        reading part = read_range(world, (reading){0}, from, from + all.to / 3, FURROW_OK);
        ck_assert_mem_eq(part.seen, all.seen + from - 1, all.to / 3);
    }
}

START_TEST(the_reader_finds_what_single_questions_find)
{
    stream_run(true, patchy_body);
}
END_TEST

static void paused_body(stream_world *world)
{
    stream_fill(world, 20000, 20000);
    reading all = read_range(world, (reading){.pause_once = true}, 1, 20000, FURROW_OK);
    ck_assert_uint_eq(all.count, 20000);
}

START_TEST(answers_that_do_not_come_are_asked_for_again)
{
    stream_run(true, paused_body);
}
END_TEST

static void large_body(stream_world *world)
{
    const size_t len = 1000000;
    char *text = malloc(len + 1), id[16];
    memset(text, 'x', len);
    text[len] = '\0';
    for (int i = 0; i < 60; i++) {
        snprintf(id, sizeof id, "%d", i);
        ck_assert_int_eq(stream_put(world, id, text, NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL), FURROW_OK);
    }
    free(text);
    reading all = read_range(world, (reading){.expected_len = len}, 1, 60, FURROW_OK);
    ck_assert_uint_eq(all.count, 60);
    ck_assert_uint_ge(all.batches, 60 / 6); /* 1.3 MB each, as it comes: never more than 8 MiB at once */
}

START_TEST(large_messages_come_a_few_at_a_time)
{
    stream_run(true, large_body);
}
END_TEST

static void gap_at_end_body(stream_world *world)
{
    /* "x" superseded at the end of the range: the last messages that exist lie before it. */
    stream_fill(world, 100, 100);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(stream_put(world, "x", "x", NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL), FURROW_OK);
    reading gap = read_range(world, (reading){0}, 1, 105, FURROW_OK);
    ck_assert_uint_eq(gap.count, 100);
    /* A range past the end of the log ends with the log. */
    reading beyond = read_range(world, (reading){0}, 1, 1000, FURROW_OK);
    ck_assert_uint_eq(beyond.count, 102);
}

START_TEST(the_reader_knows_the_end_when_it_is_a_gap)
{
    stream_run(true, gap_at_end_body);
}
END_TEST

static void read_restart_body(stream_world *world)
{
    stream_fill(world, 20000, 20000);
    reading all = read_range(world, (reading){.kill_once = true}, 1, 20000, FURROW_OK);
    ck_assert_uint_eq(all.count, 20000);
    ck_assert_uint_eq(furrow_link_reconnects(world->link), 1);
}

START_TEST(the_reader_goes_on_after_the_server_was_killed)
{
    stream_run(true, read_restart_body);
}
END_TEST

static void read_missing_body(stream_world *world)
{
    read_range(world, (reading){0}, 1, 10, FURROW_NOT_FOUND);
}

START_TEST(the_reader_of_a_missing_stream_says_so)
{
    stream_run(false, read_missing_body);
}
END_TEST

static void read_as(stream_world *world, const char *user, bool complains)
{
    furrow_error err = {0};
    furrow_link *first = world->link;
    furrow_link_options options = {
        .url = furrow_test_server_url(world->nats), .user = user, .password = "p", .inbox_prefix = "_INBOX_reader"};
    world->link = furrow_link_create(world->loop, &options, &err);
    ck_assert(furrow_link_wait_connected(world->link, stream_within_ms(STREAM_PATIENCE_MS)));
    reading all = read_range(world, (reading){0}, 1, 1000, FURROW_OK);
    ck_assert_uint_eq(all.count, 1000);
    ck_assert_int_eq(furrow_link_complaint(world->link, NULL)[0] != '\0', complains);
    furrow_js_read_options other = {.stream = "OTHER", .start_seq = 1, .end_seq = 10};
    ck_assert_int_eq(furrow_js_read(world->link, &other, on_read, &all, &err), FURROW_PERMISSION_DENIED);
    ck_assert_ptr_nonnull(strstr(err.text, "no permission"));
    furrow_link_destroy(world->link);
    world->link = first;
}

/* The right to ask one stream for messages is all it needs; of the leader alone, where that is all there is. */
static void least_rights_body(stream_world *world)
{
    stream_fill(world, 1000, 1000);
    read_as(world, "reader", false);
    read_as(world, "leader", true);
}

START_TEST(the_reader_needs_the_right_to_ask_for_messages_and_no_other)
{
    stream_run_on("no_auth_user: all\naccounts { A { jetstream: enabled, users: [ {user: all, password: p}\n"
                  "  {user: reader, password: p, permissions: {subscribe: \"_INBOX_reader.>\",\n"
                  "    publish: [\"$JS.API.STREAM.INFO.THING\", \"$JS.API.STREAM.MSG.GET.THING\",\n"
                  "              \"$JS.API.DIRECT.GET.THING\"]}}\n"
                  "  {user: leader, password: p, permissions: {subscribe: \"_INBOX_reader.>\",\n"
                  "    publish: [\"$JS.API.STREAM.INFO.THING\", \"$JS.API.STREAM.MSG.GET.THING\"]}} ] } }\n",
                  least_rights_body);
}
END_TEST

/* As a stream from before: its leader is asked, for the first questions fail. */
static void no_direct_body(stream_world *world)
{
    furrow_error err = {0};
    furrow_msg *reply = NULL;
    furrow_outgoing update = {
        .subject = "$JS.API.STREAM.UPDATE.THING",
        .data = furrow_bytes_of("{\"name\":\"THING\",\"subjects\":[\"t.v1.Thing.*\"],\"retention\":\"limits\","
                                "\"max_consumers\":-1,\"max_msgs\":-1,\"max_bytes\":-1,\"max_age\":0,"
                                "\"max_msgs_per_subject\":2,\"discard\":\"old\",\"storage\":\"file\","
                                "\"num_replicas\":1,\"duplicate_window\":120000000000,"
                                "\"deny_delete\":true,\"deny_purge\":true,\"allow_direct\":false}")};
    stream_fill(world, 1000, 1000);
    ck_assert_int_eq(furrow_link_request(world->link, &update, stream_within_ms(STREAM_PATIENCE_MS), &reply, &err),
                     FURROW_OK);
    ck_assert_msg(memmem(reply->data.data, reply->data.len, "\"error\"", 7) == NULL, "%.*s", (int)reply->data.len,
                  (const char *)reply->data.data);
    furrow_msg_free(reply);
    reading all = read_range(world, (reading){0}, 1, 1000, FURROW_OK);
    ck_assert_uint_eq(all.count, 1000);
    ck_assert_msg(stream_provision(world, &stream_thing, NULL, &err) == FURROW_OK, "%s",
                  err.text); /* turns it on again */
}

START_TEST(a_stream_without_direct_gets_is_read_from_its_leader)
{
    stream_run(true, no_direct_body);
}
END_TEST

/* An event may carry headers of the names that the server uses: they are the event's, not its place. */
static void forged_body(stream_world *world)
{
    furrow_header headers[] = {{"Nats-Sequence", "7"}, {"Nats-Subject", "t.v1.Thing.other"}, {"Status", "404"}};
    furrow_js_publish_options options = {.expected_seq = FURROW_JS_ANY_SEQUENCE, .headers = headers, .header_count = 3};
    furrow_js_puback ack;
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(furrow_js_publish(world->link, i % 2 ? "t.v1.Thing.a" : "t.v1.Thing.b", (furrow_bytes){"", 0},
                                           &options, stream_within_ms(STREAM_PATIENCE_MS), &ack, NULL),
                         FURROW_OK);
    reading all = read_range(world, (reading){0}, 1, 10, FURROW_OK);
    ck_assert_uint_eq(all.count, 4);
    ck_assert_uint_eq(all.first, 7);
    ck_assert_uint_eq(all.last, 10);
}

START_TEST(headers_of_an_event_do_not_say_where_it_is)
{
    stream_run(true, forged_body);
}
END_TEST

int main(void)
{
    arena = furrow_arena_create((size_t)64 << 20);
    Suite *suite = suite_create("reader");
    TCase *tests = tcase_create("reader");
    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, the_reader_reads_a_range_with_gaps_while_others_write);
    tcase_add_test(tests, the_reader_finds_what_single_questions_find);
    tcase_add_test(tests, answers_that_do_not_come_are_asked_for_again);
    tcase_add_test(tests, large_messages_come_a_few_at_a_time);
    tcase_add_test(tests, the_reader_needs_the_right_to_ask_for_messages_and_no_other);
    tcase_add_test(tests, a_stream_without_direct_gets_is_read_from_its_leader);
    tcase_add_test(tests, headers_of_an_event_do_not_say_where_it_is);
    tcase_add_test(tests, the_reader_knows_the_end_when_it_is_a_gap);
    tcase_add_test(tests, the_reader_goes_on_after_the_server_was_killed);
    tcase_add_test(tests, the_reader_of_a_missing_stream_says_so);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    furrow_arena_destroy(arena);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
