/*
 * JetStream over the link, against a real nats-server: compare-and-set, message ids, the pull, and what becomes of them
 * when the server is killed. (The side reader: test_reader.c.)
 */
#include "base/budget.h"
#include "stream_world.h"
#include "support/wait.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

typedef struct race_state {
    stream_world *world;
    size_t won, lost, other, running;
} race_state;

static void racer(void *arg)
{
    race_state *race = arg;
    switch (stream_put(race->world, "badge", "mine", NULL, 0, NULL, NULL)) {
    case FURROW_OK:
        race->won++;
        break;
    case FURROW_ABORTED:
        race->lost++;
        break;
    default:
        race->other++;
        break;
    }
    race->running--;
}

static void race_body(stream_world *world)
{
    race_state race = {.world = world, .running = 100};
    for (int i = 0; i < 100; i++) ck_assert_int_eq(furrow_loop_spawn(world->loop, racer, &race, NULL), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(race.running == 0, STREAM_PATIENCE_MS));
    ck_assert_uint_eq(race.won, 1);
    ck_assert_uint_eq(race.lost, 99);
}

START_TEST(one_of_a_hundred_writers_wins)
{
    stream_run(true, race_body);
}
END_TEST

static void publish_body(stream_world *world)
{
    furrow_js_puback first, again;
    furrow_error err = {0};
    ck_assert_msg(stream_put(world, "a", "one", "id-1", 0, &first, &err) == FURROW_OK, "%s", err.text);
    ck_assert(!first.duplicate);
    /* The same again: servers differ in what they look at first, see jetstream.h. */
    furrow_status repeated = stream_put(world, "a", "one", "id-1", 0, &again, &err);
    if (repeated == FURROW_OK) {
        ck_assert(again.duplicate);
        ck_assert_uint_eq(again.sequence, first.sequence);
    } else {
        FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
        furrow_js_stored stored;
        ck_assert_int_eq(repeated, FURROW_ABORTED);
        ck_assert_int_eq(furrow_js_get_last(world->link, "THING", "t.v1.Thing.a", stream_within_ms(STREAM_PATIENCE_MS),
                                            arena, &stored, &err),
                         FURROW_OK);
        ck_assert_str_eq(furrow_js_stored_header(&stored, "Nats-Msg-Id", arena), "id-1");
    }
    ck_assert_int_eq(stream_put(world, "a", "one", "id-1", FURROW_JS_ANY_SEQUENCE, &again, &err), FURROW_OK);
    ck_assert(again.duplicate);
    ck_assert_uint_eq(again.sequence, first.sequence);
    ck_assert_int_eq(stream_put(world, "a", "two", "id-2", (int64_t)first.sequence + 7, &again, &err), FURROW_ABORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "wrong last sequence"));
    ck_assert_int_eq(stream_put(world, "a", "two", "id-2", (int64_t)first.sequence, &again, &err), FURROW_OK);
    ck_assert_uint_gt(again.sequence, first.sequence);
    /* Nobody takes this subject: nothing was written, and that is known at once. */
    furrow_js_publish_options options = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    ck_assert_int_eq(furrow_js_publish(world->link, "no.such.stream", furrow_bytes_of("x"), &options,
                                       stream_within_ms(STREAM_PATIENCE_MS), &again, &err),
                     FURROW_UNAVAILABLE);
}

START_TEST(publishing_deduplicates_compares_and_fails_clearly)
{
    stream_run(true, publish_body);
}
END_TEST

static void get_body(stream_world *world)
{
    furrow_error err = {0};
    furrow_js_stored stored;
    furrow_js_puback ack;
    furrow_js_stream_state state;
    furrow_header headers[] = {{"ce-type", "t.v1.Thing.made"}, {"ce-id", "7"}};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_js_publish_options options = {.expected_seq = 0, .headers = headers, .header_count = 2};
    ck_assert_int_eq(furrow_js_publish(world->link, "t.v1.Thing.a", (furrow_bytes){"\0\1\2\xff", 4}, &options,
                                       stream_within_ms(STREAM_PATIENCE_MS), &ack, &err),
                     FURROW_OK);
    ck_assert_msg(furrow_js_get_last(world->link, "THING", "t.v1.Thing.a", stream_within_ms(STREAM_PATIENCE_MS), arena,
                                     &stored, &err) == FURROW_OK,
                  "%s", err.text);
    ck_assert_uint_eq(stored.sequence, ack.sequence);
    ck_assert_uint_eq(stored.data.len, 4);
    ck_assert_mem_eq(stored.data.data, "\0\1\2\xff", 4);
    ck_assert_str_eq(stored.subject, "t.v1.Thing.a");
    ck_assert_str_eq(furrow_js_stored_header(&stored, "ce-type", arena), "t.v1.Thing.made");
    ck_assert_str_eq(furrow_js_stored_header(&stored, "ce-id", arena), "7");
    ck_assert_ptr_null(furrow_js_stored_header(&stored, "ce", arena));
    int64_t age = furrow_clock_wall_ns() - stored.timestamp_ns;
    ck_assert_int_ge(age, 0);
    ck_assert_int_lt(age, (int64_t)(60 * FURROW_NS_PER_S));
    ck_assert_int_eq(
        furrow_js_get(world->link, "THING", ack.sequence, stream_within_ms(STREAM_PATIENCE_MS), arena, &stored, &err),
        FURROW_OK);
    ck_assert_int_eq(
        furrow_js_get(world->link, "THING", 999, stream_within_ms(STREAM_PATIENCE_MS), arena, &stored, &err),
        FURROW_NOT_FOUND);
    ck_assert_int_eq(furrow_js_get_last(world->link, "THING", "t.v1.Thing.b", stream_within_ms(STREAM_PATIENCE_MS),
                                        arena, &stored, &err),
                     FURROW_NOT_FOUND);
    ck_assert_int_eq(furrow_js_get_last(world->link, "NOSUCH", "t.v1.Thing.b", stream_within_ms(STREAM_PATIENCE_MS),
                                        arena, &stored, &err),
                     FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(furrow_js_stream_info(world->link, "THING", stream_within_ms(STREAM_PATIENCE_MS), &state, &err),
                     FURROW_OK);
    ck_assert_uint_eq(state.last_seq, ack.sequence);
    ck_assert_uint_eq(state.messages, 1);
    ck_assert_int_gt(state.created_ns, 0);
    ck_assert_int_eq(furrow_js_stream_info(world->link, "NOSUCH", stream_within_ms(STREAM_PATIENCE_MS), &state, &err),
                     FURROW_NOT_FOUND);
}

START_TEST(what_is_stored_is_read_back)
{
    stream_run(true, get_body);
}
END_TEST

typedef struct puller {
    stream_world *world;
    furrow_js_pull *pull;
    size_t taken;
    uint64_t last_seq;
    size_t states;
    furrow_status state;
    bool hold; /* neither ack nor release */
    size_t in_hand;
    size_t batches;
} puller;

static void on_batch(void *arg, furrow_msg **messages, size_t count)
{
    puller *self = arg;
    for (size_t i = 0; i < count; i++) {
        furrow_ack ack;
        ck_assert(furrow_subject_parse_ack(messages[i]->reply, &ack));
        self->last_seq = ack.stream_seq;
        if (!self->hold) furrow_js_ack(self->world->link, messages[i]);
        furrow_msg_free(messages[i]);
    }
    self->taken += count;
    self->batches++;
    if (self->hold) {
        self->in_hand += count;
    } else {
        furrow_js_pull_release(self->pull, count);
    }
}

static void on_state(void *arg, furrow_status status, const char *text)
{
    puller *self = arg;
    self->states++;
    self->state = status;
}

static void start_pull(stream_world *world, puller *self, furrow_js_pull_options options)
{
    furrow_error err = {0};
    options.stream = "THING";
    options.consumer = "owner";
    *self = (puller){.world = world, .hold = self->hold};
    self->pull = furrow_js_pull_create(world->link, &options, on_batch, on_state, self, &err);
    ck_assert_msg(self->pull != NULL, "%s", err.text);
}

static bool floor_reached(stream_world *world, uint64_t sequence)
{
    furrow_js_consumer_state state;
    return furrow_js_consumer_info(world->link, "THING", "owner", stream_within_ms(STREAM_PATIENCE_MS), &state, NULL) ==
               FURROW_OK &&
           state.ack_floor_seq >= sequence && state.ack_pending == 0 && state.pending == 0;
}

static void drain_body(stream_world *world)
{
    puller self = {0};
    stream_fill(world, 100000, 100000);
    start_pull(world, &self, (furrow_js_pull_options){0});
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.last_seq == 100000, 60000));
    ck_assert_uint_eq(self.taken, 100000);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(floor_reached(world, 100000), STREAM_PATIENCE_MS));
    /* And what comes later, one at a time. */
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(stream_put(world, "late", "x", NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL), FURROW_OK);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken == 100001 + (size_t)i, STREAM_PATIENCE_MS));
    }
    ck_assert_uint_eq(self.states, 0);
    furrow_js_pull_destroy(self.pull);
}

START_TEST(a_pull_drains_and_acks_a_hundred_thousand)
{
    stream_run(true, drain_body);
}
END_TEST

static void credit_body(stream_world *world)
{
    puller self = {.hold = true};
    stream_fill(world, 3000, 3000);
    start_pull(world, &self, (furrow_js_pull_options){.batch = 100, .max_in_hand = 250});
    self.hold = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken >= 200, STREAM_PATIENCE_MS));
    furrow_task_yield();
    ck_assert_uint_le(self.taken, 250);
    self.hold = false;
    furrow_js_pull_release(self.pull, self.in_hand);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.last_seq == 3000, STREAM_PATIENCE_MS));
    furrow_js_pull_stop(self.pull);
    furrow_js_pull_destroy(self.pull);
}

START_TEST(a_pull_never_has_more_in_hand_than_its_bound)
{
    stream_run(true, credit_body);
}
END_TEST

/* Thousands of small messages may be in hand, but not thousands of large ones. */
static void bytes_body(stream_world *world)
{
    enum { MESSAGES = 60, BYTES = 900000 };
    static char text[BYTES + 1];
    puller self = {.hold = true};
    size_t before = furrow_budget_stats_of_process().used;
    memset(text, 'x', BYTES);
    for (int i = 0; i < MESSAGES; i++) {
        char id[16];
        snprintf(id, sizeof id, "m%d", i);
        ck_assert_int_eq(stream_put(world, id, text, NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL), FURROW_OK);
    }
    start_pull(world, &self, (furrow_js_pull_options){0});
    self.hold = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken >= 9, STREAM_PATIENCE_MS));
    ck_assert_int_eq(furrow_link_flush(world->link, stream_within_ms(STREAM_PATIENCE_MS), NULL), FURROW_OK);
    ck_assert_uint_le(self.taken, 18); /* of the first 8 MiB and what was asked for with them */
    ck_assert_uint_le(furrow_budget_stats_of_process().used, before + (24 << 20));
    furrow_budget_set_limit(furrow_budget_stats_of_process().used + 1000); /* short of memory: little, not nothing */
    self.hold = false;
    furrow_js_pull_release(self.pull, self.in_hand);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken == MESSAGES, STREAM_PATIENCE_MS));
    ck_assert_uint_eq(self.states, 0);
    furrow_js_pull_destroy(self.pull);
    furrow_budget_set_limit(0);
}

START_TEST(a_pull_of_large_messages_is_bounded_by_their_bytes)
{
    stream_run(true, bytes_body);
}
END_TEST

static void gathering_body(stream_world *world)
{
    puller self = {0};
    stream_fill(world, 2500, 3000); /* a backlog of several requests */
    start_pull(world, &self, (furrow_js_pull_options){.gather_ms = 50});
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken == 2500, STREAM_PATIENCE_MS));
    for (int i = 0; i < 3; i++) { /* one by one, each with time enough to go idle */
        ck_assert_int_eq(stream_put(world, "x", "x", NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL), FURROW_OK);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken == 2501 + (size_t)i, STREAM_PATIENCE_MS));
        furrow_task_sleep_ms(120);
    }
    self.batches = 0;
    stream_fill(world, 200, 200); /* all at once: far fewer batches than messages, on any machine */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken == 2703, STREAM_PATIENCE_MS));
    ck_assert_uint_lt(self.batches, 100);
    ck_assert_uint_eq(self.states, 0);
    furrow_js_pull_destroy(self.pull);
}

START_TEST(a_gathering_pull_brings_all_of_it_in_few_batches)
{
    stream_run(true, gathering_body);
}
END_TEST

static void expiry_body(stream_world *world)
{
    puller self = {0};
    start_pull(world, &self, (furrow_js_pull_options){.expires_ms = 1000});
    for (int i = 0; i < 8; i++) { /* across several expiries of an idle pull */
        furrow_task_sleep_ms(400);
        ck_assert_int_eq(stream_put(world, "x", "x", NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL), FURROW_OK);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken == 1 + (size_t)i, STREAM_PATIENCE_MS));
    }
    ck_assert_uint_eq(self.states, 0);
    furrow_js_pull_destroy(self.pull);
}

START_TEST(an_idle_pull_asks_again_when_its_requests_expire)
{
    stream_run(true, expiry_body);
}
END_TEST

static void pull_restart_body(stream_world *world)
{
    puller self = {0};
    furrow_js_stream_state stream;
    stream_fill(world, 20000, 20000);
    start_pull(world, &self, (furrow_js_pull_options){.batch = 100, .expires_ms = 2000});
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken > 2000, STREAM_PATIENCE_MS));
    furrow_test_server_kill(world->nats);
    furrow_test_server_restart(world->nats);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        furrow_link_reconnects(world->link) == 1 && furrow_link_connected(world->link), STREAM_PATIENCE_MS));
    ck_assert_int_eq(furrow_js_stream_info(world->link, "THING", stream_within_ms(STREAM_PATIENCE_MS), &stream, NULL),
                     FURROW_OK);
    ck_assert_uint_eq(stream.last_seq, 20000);
    /* What was delivered to the broken connection comes again after the ack wait; the rest now. */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.last_seq == 20000, STREAM_PATIENCE_MS));
    ck_assert_int_eq(stream_put(world, "new", "x", NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.last_seq == 20001, STREAM_PATIENCE_MS));
    furrow_js_pull_destroy(self.pull);
}

START_TEST(a_pull_goes_on_after_the_server_was_killed)
{
    stream_run(true, pull_restart_body);
}
END_TEST

static void missing_body(stream_world *world)
{
    puller self = {0};
    furrow_error err = {0};
    start_pull(world, &self, (furrow_js_pull_options){.expires_ms = 2000});
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.state == FURROW_NOT_FOUND, STREAM_PATIENCE_MS));
    ck_assert_msg(stream_provision(world, &stream_thing, &stream_thing_replica, &err) == FURROW_OK, "%s", err.text);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.state == FURROW_OK, STREAM_PATIENCE_MS));
    ck_assert_int_eq(stream_put(world, "x", "x", NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken == 1, STREAM_PATIENCE_MS));
    ck_assert_uint_eq(self.states, 2);
    /* Deleted while it flows: said, and healed when it is back. */
    furrow_msg *reply = NULL;
    furrow_outgoing delete = {.subject = "$JS.API.CONSUMER.DELETE.THING.owner"};
    ck_assert_int_eq(furrow_link_request(world->link, &delete, stream_within_ms(STREAM_PATIENCE_MS), &reply, &err),
                     FURROW_OK);
    furrow_msg_free(reply);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.state == FURROW_NOT_FOUND, STREAM_PATIENCE_MS));
    ck_assert_msg(stream_provision(world, &stream_thing, &stream_thing_replica, &err) == FURROW_OK, "%s", err.text);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken == 2, STREAM_PATIENCE_MS));
    furrow_js_pull_destroy(self.pull);
}

START_TEST(a_missing_consumer_is_reported_and_healed)
{
    stream_run(false, missing_body);
}
END_TEST

static void verdicts_on_batch(void *arg, furrow_msg **messages, size_t count)
{
    puller *self = arg;
    for (size_t i = 0; i < count; i++) {
        furrow_ack ack;
        ck_assert(furrow_subject_parse_ack(messages[i]->reply, &ack));
        if (ack.stream_seq == 1 && ack.delivered < 3) {
            furrow_js_nak(self->world->link, messages[i], 20);
        } else if (ack.stream_seq == 2) {
            furrow_js_term(self->world->link, messages[i]);
        } else {
            furrow_js_ack(self->world->link, messages[i]);
        }
        furrow_msg_free(messages[i]);
    }
    self->taken += count;
    furrow_js_pull_release(self->pull, count);
}

static void verdicts_body(stream_world *world)
{
    furrow_error err = {0};
    puller self = {.world = world};
    stream_fill(world, 3, 3);
    furrow_js_pull_options options = {.stream = "THING", .consumer = "owner"};
    self.pull = furrow_js_pull_create(world->link, &options, verdicts_on_batch, on_state, &self, &err);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(floor_reached(world, 3), STREAM_PATIENCE_MS));
    ck_assert_uint_eq(self.taken, 5); /* 1 three times, 2 and 3 once */
    furrow_js_pull_destroy(self.pull);
}

START_TEST(nak_brings_a_message_back_and_term_does_not)
{
    stream_run(true, verdicts_body);
}
END_TEST

START_TEST(provisioning_twice_is_once_and_differences_are_named)
{
    furrow_error err = {0};
    stream_world world = {.nats = furrow_test_nats_start(NULL)};
    ck_assert_int_eq(stream_provision(&world, NULL, &stream_thing_replica, &err), FURROW_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull(strstr(err.text, "THING"));
    ck_assert_msg(stream_provision(&world, &stream_thing, &stream_thing_replica, &err) == FURROW_OK, "%s", err.text);
    ck_assert_msg(stream_provision(&world, &stream_thing, &stream_thing_replica, &err) == FURROW_OK, "%s", err.text);
    furrow_entity_contract changed = stream_thing;
    changed.history = 5;
    ck_assert_msg(stream_provision(&world, &changed, &stream_thing_replica, &err) == FURROW_OK, "%s", err.text);
    changed.memory = true;
    ck_assert_int_eq(stream_provision(&world, &changed, &stream_thing_replica, &err), FURROW_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull(strstr(err.text, "storage"));
    furrow_link_options options = {.url = furrow_test_server_url(world.nats)};
    furrow_provisioner *provisioner = furrow_provisioner_create(&options, STREAM_PATIENCE_MS, &err);
    ck_assert_int_eq(furrow_provision_deadletter(provisioner, 1, 0, &err), FURROW_OK);
    ck_assert_int_eq(furrow_provision_deadletter(provisioner, 1, 0, &err), FURROW_OK);
    furrow_provisioner_destroy(provisioner);
    furrow_test_server_stop(world.nats);
    ck_assert_ptr_null(furrow_provisioner_create(&options, 500, &err));
    ck_assert_int_eq(err.code, FURROW_UNAVAILABLE);
    furrow_test_server_destroy(world.nats);
}
END_TEST

#define ASKERS 4

/* Asks for what is in THING over and over, while somebody takes it away and makes it again. */
typedef struct asker {
    furrow_link *link;
    size_t answers[FURROW_UNAUTHENTICATED + 1];
    bool ended, told_to_end;
} asker;

static void ask_and_ask(void *arg)
{
    asker *self = arg;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    while (!self->told_to_end) {
        furrow_js_stored stored;
        furrow_arena_reset(arena);
        self->answers[furrow_js_get_last(self->link, "THING", "t.v1.Thing.a", stream_within_ms(STREAM_PATIENCE_MS),
                                         arena, &stored, NULL)]++;
    }
    self->ended = true;
}

/*
 * Until each was told twice that there is no such stream: after the first time of the last of them no answer from before
 * is on its way any more, after the second no question that came of one is. From then on they ask whether it is there.
 */
static void await_missed(const asker askers[ASKERS])
{
    for (int times = 0; times < 2; times++) {
        size_t before[ASKERS];
        for (size_t i = 0; i < ASKERS; i++) before[i] = askers[i].answers[FURROW_FAILED_PRECONDITION];
        for (size_t i = 0; i < ASKERS; i++)
            ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(askers[i].answers[FURROW_FAILED_PRECONDITION] > before[i],
                                                     STREAM_PATIENCE_MS));
    }
}

static void change_stream(furrow_link *link, const char *api_subject, const char *body)
{
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_error err = {0};
    furrow_outgoing out = {.subject = api_subject, .data = furrow_bytes_of(body)};
    furrow_status status = furrow_link_request(link, &out, stream_within_ms(STREAM_PATIENCE_MS), &reply, &err);
    ck_assert_msg(status == FURROW_OK, "%s: %s", api_subject, err.text);
    ck_assert_msg(!memmem(reply->data.data, reply->data.len, "\"error\"", 7), "%s: %.*s", api_subject,
                  (int)reply->data.len, (const char *)reply->data.data);
}

/* nats-server 2.9 ends where it is asked for a message of a stream of which it has only the name yet: who has heard that
 * the stream was gone asks for none. */
static void remade_body(stream_world *world)
{
    furrow_error err = {0};
    asker askers[ASKERS];
    furrow_link *other =
        furrow_link_create(world->loop, &(furrow_link_options){.url = furrow_test_server_url(world->nats)}, &err);
    ck_assert_msg(other && furrow_link_wait_connected(other, stream_within_ms(STREAM_PATIENCE_MS)), "%s", err.text);
    for (size_t i = 0; i < ASKERS; i++) {
        askers[i] = (asker){.link = world->link};
        ck_assert_int_eq(furrow_loop_spawn(world->loop, ask_and_ask, &askers[i], NULL), FURROW_OK);
    }
    for (int i = 0; i < 300; i++) {
        change_stream(other, "$JS.API.STREAM.DELETE.THING", "");
        await_missed(askers);
        change_stream(other, "$JS.API.STREAM.CREATE.THING", "{\"name\":\"THING\",\"subjects\":[\"t.v1.Thing.>\"]}");
        if (i % 2) ck_assert_int_eq(stream_put(world, "a", "one", NULL, 0, NULL, &err), FURROW_OK);
        furrow_task_sleep_ms(i % 3);
    }
    for (size_t i = 0; i < ASKERS; i++) {
        askers[i].told_to_end = true;
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(askers[i].ended, STREAM_PATIENCE_MS));
        ck_assert_uint_gt(askers[i].answers[FURROW_OK], 0);
        ck_assert_uint_gt(askers[i].answers[FURROW_NOT_FOUND], 0);
        ck_assert_uint_gt(askers[i].answers[FURROW_FAILED_PRECONDITION], 0);
        ck_assert_uint_eq(askers[i].answers[FURROW_UNAVAILABLE], 0);
    }
    furrow_link_destroy(other);
}

START_TEST(a_stream_may_be_made_while_it_is_asked_for)
{
    stream_run(true, remade_body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jetstream");
    TCase *tests = tcase_create("jetstream");
    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, one_of_a_hundred_writers_wins);
    tcase_add_test(tests, publishing_deduplicates_compares_and_fails_clearly);
    tcase_add_test(tests, what_is_stored_is_read_back);
    tcase_add_test(tests, a_stream_may_be_made_while_it_is_asked_for);
    tcase_add_test(tests, a_pull_drains_and_acks_a_hundred_thousand);
    tcase_add_test(tests, a_pull_never_has_more_in_hand_than_its_bound);
    tcase_add_test(tests, a_pull_of_large_messages_is_bounded_by_their_bytes);
    tcase_add_test(tests, a_gathering_pull_brings_all_of_it_in_few_batches);
    tcase_add_test(tests, an_idle_pull_asks_again_when_its_requests_expire);
    tcase_add_test(tests, a_pull_goes_on_after_the_server_was_killed);
    tcase_add_test(tests, a_missing_consumer_is_reported_and_healed);
    tcase_add_test(tests, nak_brings_a_message_back_and_term_does_not);
    tcase_add_test(tests, provisioning_twice_is_once_and_differences_are_named);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
