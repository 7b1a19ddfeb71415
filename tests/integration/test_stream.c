/*
 * Server streams: what a reader gets, and what becomes of both sides when one of them is slow, gone, or breaks the
 * protocol. The other side is spoken by hand where it is to do what ours does not.
 */
#include "rpc_world.h"

#include "rpc/reader.h"

#include <stdio.h>

#define ENDLESS                                                                                                        \
    ((Rpctest__V1__CountRequest){.base = PROTOBUF_C_MESSAGE_INIT(&rpctest__v1__count_request__descriptor), .from = 1})

static furrow_reader *open_count(rpc_world *world, Rpctest__V1__CountRequest request,
                                 const furrow_reader_options *options)
{
    furrow_reader *reader = NULL;
    ck_assert_ok(rpctest_count_open(world->client, &request, options, &reader, failure));
    return reader;
}

/* Reads @count messages that go on from @from. */
static void read_on(rpc_world *world, furrow_reader *reader, int32_t from, int32_t count)
{
    for (int32_t i = from; i < from + count; i++) {
        Rpctest__V1__Sample *message = NULL;
        ck_assert_ok(rpctest_count_next(reader, world->arena, &message, failure));
        ck_assert_ptr_nonnull(message);
        ck_assert_int_eq(message->small, i);
    }
}

/* Reads to the end, which must be with @code. */
static furrow_error read_end(rpc_world *world, furrow_reader *reader, furrow_status code)
{
    furrow_error err = {0};
    Rpctest__V1__Sample *message;
    furrow_status status;
    while ((status = rpctest_count_next(reader, world->arena, &message, &err)) == FURROW_OK && message) continue;
    ck_assert_msg(status == code, "%s: %s", furrow_status_name(status), err.text);
    ck_assert_int_eq(rpctest_count_next(reader, world->arena, &message, &err), code); /* it stays so */
    return err;
}

static void await_end_of_count(rpc_world *world, furrow_status status)
{
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->counting == 0, PATIENCE_MS));
    ck_assert_int_eq(world->count_ended, status);
}

static void read_all(rpc_world *world)
{
    Rpctest__V1__CountRequest request = ENDLESS;
    request.to = 1000;
    furrow_reader *reader = open_count(world, request, NULL);
    read_on(world, reader, 1, 1000);
    read_end(world, reader, FURROW_OK);
    furrow_reader_close(reader);
    request.to = 0;
    request.from = 1;
    request.code = FURROW_NOT_FOUND;
    request.to = 3;
    reader = open_count(world, request, &(furrow_reader_options){.window = 1});
    read_on(world, reader, 1, 3);
    furrow_error err = read_end(world, reader, FURROW_NOT_FOUND);
    ck_assert_str_eq(err.text, "Count: that was all");
    furrow_reader_close(reader);
    const furrow_method_stats *stats = furrow_server_stats(world->server, 0, RPCTEST_V1_PROBE_SERVICE_COUNT);
    ck_assert_uint_eq(stats->requests, 2);
    ck_assert_uint_eq(stats->errors, 1);
}

START_TEST(all_messages_come_in_order_and_then_the_status)
{
    rpc_world_run(NULL, read_all);
}
END_TEST

static void read_slowly(rpc_world *world)
{
    furrow_reader *reader = open_count(world, ENDLESS, &(furrow_reader_options){.window = 8});
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->counted == 8, PATIENCE_MS));
    ck_assert_ok(rpc_world_echo(world, "others go on", NULL, failure));
    ck_assert_uint_eq(world->counted, 8);
    read_on(world, reader, 1, 4); /* half of the window is acknowledged */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->counted == 12, PATIENCE_MS));
    ck_assert_ok(rpc_world_echo(world, "others go on", NULL, failure));
    ck_assert_uint_eq(world->counted, 12);
    ck_assert_uint_eq(furrow_server_calls(world->server), 1);
    furrow_reader_close(reader);
    await_end_of_count(world, FURROW_CANCELLED);
    ck_assert_ok(rpc_world_echo(world, "", NULL, failure));
    ck_assert_uint_eq(furrow_server_calls(world->server), 0);
}

START_TEST(who_reads_slowly_holds_the_sender_and_who_closes_ends_it)
{
    rpc_world_run(NULL, read_slowly);
}
END_TEST

static void beat_hearts(rpc_world *world)
{
    Rpctest__V1__CountRequest request = ENDLESS;
    request.to = 2;
    request.wait = true;
    furrow_reader *reader = open_count(world, request, &(furrow_reader_options){.heartbeat_ms = 1500});
    read_on(world, reader, 1, 1);
    furrow_task_sleep_ms(3500); /* longer than either would wait for the other */
    world->open = true;
    read_on(world, reader, 2, 1);
    read_end(world, reader, FURROW_OK);
    furrow_reader_close(reader);
}

START_TEST(a_stream_in_which_nothing_happens_goes_on)
{
    rpc_world_run(NULL, beat_hearts);
}
END_TEST

static void lose_service(rpc_world *world)
{
    furrow_error err;
    furrow_reader *reader = open_count(world, ENDLESS, &(furrow_reader_options){.window = 2, .heartbeat_ms = 200});
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->counted == 2, PATIENCE_MS));
    furrow_server_destroy(world->server);
    world->server = NULL;
    err = read_end(world, reader, FURROW_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.text, "nothing has been heard of the service"));
    furrow_reader_close(reader);
    await_end_of_count(world, FURROW_UNAVAILABLE);
}

START_TEST(a_service_that_is_gone_is_noticed)
{
    rpc_world_run(NULL, lose_service);
}
END_TEST

static void drain_service(rpc_world *world)
{
    furrow_error err;
    furrow_reader *reader = open_count(world, ENDLESS, NULL);
    read_on(world, reader, 1, 10);
    ck_assert_ok(furrow_server_drain(world->server, rpc_world_in_ms(PATIENCE_MS), failure));
    err = read_end(world, reader, FURROW_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.text, "the service ends"));
    furrow_reader_close(reader);
}

START_TEST(a_service_that_ends_tells_its_readers)
{
    rpc_world_run(NULL, drain_service);
}
END_TEST

static void meet_deadline(rpc_world *world)
{
    Rpctest__V1__CountRequest request = ENDLESS;
    furrow_reader *reader = open_count(world, request, &(furrow_reader_options){.window = 2, .call.timeout_ms = 300});
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->counted == 2, PATIENCE_MS));
    await_end_of_count(world, FURROW_DEADLINE_EXCEEDED);
    read_end(world, reader, FURROW_DEADLINE_EXCEEDED);
    furrow_reader_close(reader);
}

START_TEST(a_deadline_is_the_whole_streams)
{
    rpc_world_run(NULL, meet_deadline);
}
END_TEST

static void be_refused_to_open(rpc_world *world)
{
    furrow_reader *readers[2], *third = NULL;
    furrow_error err = {0};
    Rpctest__V1__CountRequest request = ENDLESS;
    for (size_t i = 0; i < 2; i++) readers[i] = open_count(world, request, NULL);
    ck_assert_int_eq(rpctest_count_open(world->client, &request, NULL, &third, &err), FURROW_RESOURCE_EXHAUSTED);
    ck_assert_ptr_nonnull(strstr(err.text, "2 streams are open here"));
    for (size_t i = 0; i < 2; i++) furrow_reader_close(readers[i]);
    await_end_of_count(world, FURROW_CANCELLED);
    world->not_ready = true;
    ck_assert_int_eq(rpctest_count_open(world->client, &request, NULL, &third, &err), FURROW_UNAVAILABLE);
    ck_assert_int_eq(
        rpctest_count_open(world->client, &request, &(furrow_reader_options){.window = 1025}, &third, NULL),
        FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(
        rpctest_count_open(world->client, &request, &(furrow_reader_options){.heartbeat_ms = 199}, &third, NULL),
        FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_null(third);
}

START_TEST(a_stream_that_is_refused_has_not_begun)
{
    rpc_world_run(&(rpc_world_options){.server.max_streams = 2, .client.max_attempts = 1}, be_refused_to_open);
}
END_TEST

/* ---- a caller that is spoken by hand ---- */

typedef struct heard {
    size_t count, beats, ends;
    char bodies[4][32], status[8], control[FURROW_SUBJECT_MAX];
} heard;

static void on_heard(void *arg, furrow_msg *msg)
{
    heard *all = arg;
    const char *kind = furrow_msg_header(msg, FURROW_HEADER_STREAM), *status = furrow_msg_header(msg, "Grpc-Status");
    if (kind && strcmp(kind, "heartbeat") == 0) all->beats++;
    if (kind && strcmp(kind, "end") == 0) all->ends++;
    if (!kind && all->count < 4)
        snprintf(all->bodies[all->count], sizeof *all->bodies, "%.*s", (int)msg->data.len,
                 (const char *)msg->data.data);
    all->count += !kind;
    if (status) snprintf(all->status, sizeof all->status, "%s", status);
    if (msg->reply) snprintf(all->control, sizeof all->control, "%s", msg->reply);
    furrow_msg_free(msg);
}

static furrow_subscription *listen_at(rpc_world *world, char inbox[FURROW_SUBJECT_MAX], heard *all)
{
    furrow_link_inbox(world->caller, inbox);
    furrow_subscription *heard_at = furrow_link_subscribe(world->caller, inbox, NULL, on_heard, all, NULL);
    ck_assert_ptr_nonnull(heard_at);
    return heard_at;
}

static void say_to(rpc_world *world, const char *subject, const char *reply, const char *body)
{
    ck_assert_ok(furrow_link_publish(
        world->caller, &(furrow_outgoing){.subject = subject, .reply = reply, .data = furrow_bytes_of(body)}, failure));
}

static void read_plainly(rpc_world *world)
{
    heard all = {0};
    char inbox[FURROW_SUBJECT_MAX];
    furrow_subscription *at = listen_at(world, inbox, &all);
    say_to(world, PROBE "Count", inbox, "{\"from\":1,\"to\":3}");
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.ends == 1, PATIENCE_MS));
    ck_assert_uint_eq(all.count, 3);
    ck_assert_str_eq(all.bodies[0], "{\"small\":1}");
    ck_assert_str_eq(all.bodies[2], "{\"small\":3}");
    ck_assert_str_eq(all.status, "0");
    ck_assert_str_eq(all.control, "");
    all = (heard){0};
    say_to(world, PROBE "Count", inbox, "{\"from\":1,\"to\":100000,\"code\":5}");
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.ends == 1, PATIENCE_MS));
    ck_assert_uint_eq(all.count, 100000);
    ck_assert_str_eq(all.status, "5");
    furrow_subscription_destroy(at);
}

START_TEST(a_stock_client_reads_a_stream_with_one_subscription)
{
    rpc_world_run(NULL, read_plainly);
}
END_TEST

/* Opens by hand; all.control is where to answer. */
static furrow_subscription *open_by_hand(rpc_world *world, heard *all, const char *heartbeat)
{
    char inbox[FURROW_SUBJECT_MAX];
    furrow_subscription *at = listen_at(world, inbox, all);
    const furrow_msg *opened = rpc_world_raw(world, &(rpc_raw){.method = "Count",
                                                               .body = furrow_bytes_of("{\"from\":1}"),
                                                               .headers = {{FURROW_HEADER_STREAM, inbox},
                                                                           {FURROW_HEADER_WINDOW, "3"},
                                                                           {FURROW_HEADER_HEARTBEAT, heartbeat}}});
    ck_assert_str_eq(furrow_msg_header(opened, FURROW_HEADER_STREAM), "open");
    ck_assert_ptr_nonnull(opened->reply);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all->count == 3, PATIENCE_MS));
    ck_assert_str_eq(furrow_subject_last(all->control), "3");
    return at;
}

static void vanish(rpc_world *world)
{
    heard all = {0};
    furrow_subscription *at = open_by_hand(world, &all, "400m");
    await_end_of_count(world, FURROW_CANCELLED);
    ck_assert(all.beats > 0);
    ck_assert_uint_eq(all.count, 3);
    furrow_subscription_destroy(at);
}

START_TEST(a_caller_that_is_gone_is_noticed)
{
    rpc_world_run(NULL, vanish);
}
END_TEST

typedef struct word {
    const char *number, *body;
    furrow_status ends;
} word;

static void say_wrong_words(rpc_world *world)
{
    static const word words[] = {{"4", "", FURROW_INVALID_ARGUMENT},
                                 {"x", "", FURROW_INVALID_ARGUMENT},
                                 {"3", "enough", FURROW_INVALID_ARGUMENT},
                                 {"0", "cancel", FURROW_CANCELLED}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        heard all = {0};
        furrow_subscription *at = open_by_hand(world, &all, "1M");
        char *number = all.control + strlen(all.control) - 1;
        say_to(world, all.control, NULL, ""); /* three more */
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.count == 6, PATIENCE_MS));
        *number = '1';
        say_to(world, all.control, NULL, ""); /* an old one: nothing happens */
        snprintf(number, 8, "%s", i == 0 ? "7" : words[i].number);
        say_to(world, all.control, NULL, words[i].body);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.ends == 1, PATIENCE_MS));
        await_end_of_count(world, words[i].ends);
        ck_assert_uint_eq(all.count, 6);
        ck_assert_int_eq(atoi(all.status), (int)words[i].ends);
        furrow_subscription_destroy(at);
    }
}

START_TEST(a_caller_that_breaks_the_protocol_ends_its_stream)
{
    rpc_world_run(NULL, say_wrong_words);
}
END_TEST

static void ask_wrongly(rpc_world *world)
{
    static const furrow_header wrong[][2] = {{{FURROW_HEADER_STREAM, "_INBOX_another.x"}},
                                             {{FURROW_HEADER_STREAM, "rpctest.v1.Thing.a"}},
                                             {{FURROW_HEADER_STREAM, "_INBOX.x"}, {FURROW_HEADER_WINDOW, "0"}},
                                             {{FURROW_HEADER_STREAM, "_INBOX.x"}, {FURROW_HEADER_WINDOW, "1025"}},
                                             {{FURROW_HEADER_STREAM, "_INBOX.x"}, {FURROW_HEADER_WINDOW, "many"}},
                                             {{FURROW_HEADER_STREAM, "_INBOX.x"}, {FURROW_HEADER_HEARTBEAT, "1m"}},
                                             {{FURROW_HEADER_STREAM, "_INBOX.x"}, {FURROW_HEADER_HEARTBEAT, "soon"}}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        furrow_error err = rpc_world_error(
            world, &(rpc_raw){.method = "Count", .body = {"{}", 2}, .headers = {wrong[i][0], wrong[i][1]}});
        ck_assert_msg(err.code == FURROW_INVALID_ARGUMENT, "%zu: %s", i, err.text);
    }
    ck_assert_uint_eq(world->runs, 0);
}

START_TEST(terms_that_cannot_be_are_refused)
{
    rpc_world_run(NULL, ask_wrongly);
}
END_TEST

/* ---- a service that is spoken by hand ---- */

typedef struct part {
    const char *number, *kind, *body; /* kind NULL: a message; number NULL: the last of all */
} part;

typedef struct false_service {
    rpc_world *world;
    const part *parts;
    size_t cancels;
} false_service;

static void send_part(false_service *self, const char *to, const part *sent)
{
    char control[64];
    furrow_header kind = {FURROW_HEADER_STREAM, sent->kind};
    snprintf(control, sizeof control, "rpctest.false.%s", sent->number);
    ck_assert_ok(furrow_link_publish(self->world->link,
                                     &(furrow_outgoing){.subject = to,
                                                        .reply = control,
                                                        .headers = &kind,
                                                        .header_count = sent->kind != NULL,
                                                        .data = furrow_bytes_of(sent->body ? sent->body : "")},
                                     failure));
}

static void on_false_call(void *arg, furrow_msg *msg)
{
    false_service *self = arg;
    const char *to = furrow_msg_header(msg, FURROW_HEADER_STREAM);
    send_part(self, msg->reply, &(part){"0", "open", NULL});
    for (const part *at = self->parts; at->number; at++) send_part(self, to, at);
    furrow_msg_free(msg);
}

static void on_false_word(void *arg, furrow_msg *msg)
{
    false_service *self = arg;
    self->cancels += msg->data.len == 6 && memcmp(msg->data.data, "cancel", 6) == 0;
    furrow_msg_free(msg);
}

static void be_lied_to(rpc_world *world)
{
    static const struct {
        part parts[5];
        furrow_status status;
    } lies[] = {
        {{{"1", NULL, ""}, {"1", NULL, ""}, {"2", NULL, ""}, {"2", "end", NULL}},
         FURROW_OK}, /* the second is dropped */
        {{{"1", NULL, ""}, {"3", NULL, ""}}, FURROW_DATA_LOSS},
        {{{"1", NULL, ""}, {"2", "end", NULL}}, FURROW_DATA_LOSS},
        {{{"1", NULL, ""}, {"2", "heartbeat", NULL}}, FURROW_DATA_LOSS},
        {{{"1", NULL, ""}, {"2", NULL, ""}, {"3", NULL, ""}}, FURROW_INTERNAL}, /* of two that were asked for */
        {{{"x", NULL, ""}}, FURROW_INTERNAL},
        {{{"1", NULL, "\xff\xff\xff"}}, FURROW_INTERNAL},
    };
    furrow_server_close(world->server);
    ck_assert_ok(furrow_link_flush(world->link, rpc_world_in_ms(PATIENCE_MS), failure));
    false_service self = {.world = world};
    furrow_subscription *calls = furrow_link_subscribe(world->link, PROBE "Count", NULL, on_false_call, &self, NULL);
    furrow_subscription *said = furrow_link_subscribe(world->link, "rpctest.false.*", NULL, on_false_word, &self, NULL);
    ck_assert_ok(furrow_link_flush(world->link, rpc_world_in_ms(PATIENCE_MS), failure));
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        self.parts = lies[i].parts;
        self.cancels = 0;
        furrow_reader *reader = open_count(world, ENDLESS, &(furrow_reader_options){.window = 2});
        read_end(world, reader, lies[i].status);
        furrow_reader_close(reader);
        if (lies[i].status != FURROW_OK) ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.cancels > 0, PATIENCE_MS));
    }
    furrow_subscription_destroy(calls);
    furrow_subscription_destroy(said);
}

START_TEST(a_reader_is_not_deceived_by_numbers)
{
    rpc_world_run(NULL, be_lied_to);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        all_messages_come_in_order_and_then_the_status,
        who_reads_slowly_holds_the_sender_and_who_closes_ends_it,
        a_stream_in_which_nothing_happens_goes_on,
        a_service_that_is_gone_is_noticed,
        a_service_that_ends_tells_its_readers,
        a_deadline_is_the_whole_streams,
        a_stream_that_is_refused_has_not_begun,
        a_stock_client_reads_a_stream_with_one_subscription,
        a_caller_that_is_gone_is_noticed,
        a_caller_that_breaks_the_protocol_ends_its_stream,
        terms_that_cannot_be_are_refused,
        a_reader_is_not_deceived_by_numbers,
    };
    return rpc_world_main("stream", tests, sizeof tests / sizeof *tests);
}
