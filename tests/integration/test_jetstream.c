/*
 * JetStream over the link, against a real nats-server: compare-and-set, message ids, the pull, the side reader, and
 * what becomes of them when the server is killed.
 */
#include "base/clock.h"
#include "link/jetstream.h"
#include "link/provision.h"
#include "support/servers.h"
#include "support/wait.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 20000

static const furrow_entity_contract thing = {.name = "t.v1.Thing",
                                             .short_name = "Thing",
                                             .owner = "owner",
                                             .stream = "THING",
                                             .subjects = "t.v1.Thing.*",
                                             .description = "",
                                             .history = 2};
static const furrow_replica_contract replica = {.name = "u.v1.Thing",
                                                .service = "user",
                                                .entity = "t.v1.Thing",
                                                .stream = "THING",
                                                .subjects = "t.v1.Thing.*",
                                                .keeps = "id,name"};

typedef struct test_world {
    furrow_test_server *nats;
    furrow_loop *loop;
    furrow_link *link;
    void (*body)(struct test_world *world);
} test_world;

static uint64_t within_ms(uint64_t ms)
{
    return furrow_clock_now_ns() + ms * FURROW_NS_PER_MS;
}

static furrow_status provision(const test_world *world, const furrow_entity_contract *entity,
                               const furrow_replica_contract *consumer, furrow_error *err)
{
    furrow_link_options options = {.url = furrow_test_server_url(world->nats)};
    furrow_provisioner *provisioner = furrow_provisioner_create(&options, PATIENCE_MS, err);
    if (!provisioner) return err->code;
    furrow_status status = entity ? furrow_provision_entity(provisioner, entity, 1, err) : FURROW_OK;
    if (status == FURROW_OK && consumer) status = furrow_provision_replica(provisioner, consumer, err);
    furrow_provisioner_destroy(provisioner);
    return status;
}

static void body_task(void *arg)
{
    test_world *world = arg;
    furrow_error err = {0};
    furrow_link_options options = {.url = furrow_test_server_url(world->nats), .reconnect_max_ms = 100};
    world->link = furrow_link_create(world->loop, &options, &err);
    ck_assert_msg(world->link != NULL, "%s", err.text);
    ck_assert(furrow_link_wait_connected(world->link, within_ms(PATIENCE_MS)));
    world->body(world);
    furrow_link_destroy(world->link);
}

static void run(bool with_stream, void (*body)(test_world *world))
{
    furrow_error err = {0};
    test_world world = {.nats = furrow_test_nats_start(NULL), .body = body};
    if (with_stream) ck_assert_msg(provision(&world, &thing, NULL, &err) == FURROW_OK, "%s", err.text);
    world.loop = furrow_loop_create(NULL, &err);
    ck_assert_int_eq(furrow_loop_run_task(world.loop, body_task, &world, &err), FURROW_OK);
    furrow_loop_destroy(world.loop);
    furrow_test_server_destroy(world.nats);
}

static furrow_status put(test_world *world, const char *id, const char *text, const char *msg_id, int64_t expected,
                         furrow_js_puback *ack, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_js_puback ignored;
    snprintf(subject, sizeof subject, "t.v1.Thing.%s", id);
    furrow_js_publish_options options = {.msg_id = msg_id, .expected_seq = expected};
    return furrow_js_publish(world->link, subject, furrow_bytes_of(text), &options, within_ms(PATIENCE_MS),
                             ack ? ack : &ignored, err);
}

/* Fills the stream from many tasks at once. */
typedef struct fill_state {
    test_world *world;
    size_t next, end, running, failed;
    size_t keys;
} fill_state;

static void fill_task(void *arg)
{
    fill_state *filler = arg;
    char id[32];
    while (filler->next < filler->end) {
        snprintf(id, sizeof id, "%zu", filler->next++ % filler->keys);
        if (put(filler->world, id, "event", NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL) != FURROW_OK) filler->failed++;
    }
    filler->running--;
}

static void fill(test_world *world, size_t count, size_t keys)
{
    fill_state filler = {.world = world, .end = count, .running = 200, .keys = keys};
    for (int i = 0; i < 200; i++) ck_assert_int_eq(furrow_loop_spawn(world->loop, fill_task, &filler, NULL), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(filler.running == 0, 60000));
    ck_assert_uint_eq(filler.failed, 0);
}

typedef struct race_state {
    test_world *world;
    size_t won, lost, other, running;
} race_state;

static void racer(void *arg)
{
    race_state *race = arg;
    switch (put(race->world, "badge", "mine", NULL, 0, NULL, NULL)) {
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

static void race_body(test_world *world)
{
    race_state race = {.world = world, .running = 100};
    for (int i = 0; i < 100; i++) ck_assert_int_eq(furrow_loop_spawn(world->loop, racer, &race, NULL), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(race.running == 0, PATIENCE_MS));
    ck_assert_uint_eq(race.won, 1);
    ck_assert_uint_eq(race.lost, 99);
}

START_TEST(one_of_a_hundred_writers_wins)
{
    run(true, race_body);
}
END_TEST

static void publish_body(test_world *world)
{
    furrow_js_puback first, again;
    furrow_error err = {0};
    ck_assert_msg(put(world, "a", "one", "id-1", 0, &first, &err) == FURROW_OK, "%s", err.text);
    ck_assert(!first.duplicate);
    /* The same again: servers differ in what they look at first, see jetstream.h. */
    furrow_status repeated = put(world, "a", "one", "id-1", 0, &again, &err);
    if (repeated == FURROW_OK) {
        ck_assert(again.duplicate);
        ck_assert_uint_eq(again.sequence, first.sequence);
    } else {
        FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
        furrow_js_stored stored;
        ck_assert_int_eq(repeated, FURROW_ABORTED);
        ck_assert_int_eq(
            furrow_js_get_last(world->link, "THING", "t.v1.Thing.a", within_ms(PATIENCE_MS), arena, &stored, &err),
            FURROW_OK);
        ck_assert_str_eq(furrow_js_stored_header(&stored, "Nats-Msg-Id", arena), "id-1");
    }
    ck_assert_int_eq(put(world, "a", "one", "id-1", FURROW_JS_ANY_SEQUENCE, &again, &err), FURROW_OK);
    ck_assert(again.duplicate);
    ck_assert_uint_eq(again.sequence, first.sequence);
    ck_assert_int_eq(put(world, "a", "two", "id-2", (int64_t)first.sequence + 7, &again, &err), FURROW_ABORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "wrong last sequence"));
    ck_assert_int_eq(put(world, "a", "two", "id-2", (int64_t)first.sequence, &again, &err), FURROW_OK);
    ck_assert_uint_gt(again.sequence, first.sequence);
    /* Nobody takes this subject: nothing was written, and that is known at once. */
    furrow_js_publish_options options = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    ck_assert_int_eq(furrow_js_publish(world->link, "no.such.stream", furrow_bytes_of("x"), &options,
                                       within_ms(PATIENCE_MS), &again, &err),
                     FURROW_UNAVAILABLE);
}

START_TEST(publishing_deduplicates_compares_and_fails_clearly)
{
    run(true, publish_body);
}
END_TEST

static void get_body(test_world *world)
{
    furrow_error err = {0};
    furrow_js_stored stored;
    furrow_js_puback ack;
    furrow_js_stream_state state;
    furrow_header headers[] = {{"ce-type", "t.v1.Thing.made"}, {"ce-id", "7"}};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_js_publish_options options = {.expected_seq = 0, .headers = headers, .header_count = 2};
    ck_assert_int_eq(furrow_js_publish(world->link, "t.v1.Thing.a", (furrow_bytes){"\0\1\2\xff", 4}, &options,
                                       within_ms(PATIENCE_MS), &ack, &err),
                     FURROW_OK);
    ck_assert_msg(furrow_js_get_last(world->link, "THING", "t.v1.Thing.a", within_ms(PATIENCE_MS), arena, &stored,
                                     &err) == FURROW_OK,
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
    ck_assert_int_eq(furrow_js_get(world->link, "THING", ack.sequence, within_ms(PATIENCE_MS), arena, &stored, &err),
                     FURROW_OK);
    ck_assert_int_eq(furrow_js_get(world->link, "THING", 999, within_ms(PATIENCE_MS), arena, &stored, &err),
                     FURROW_NOT_FOUND);
    ck_assert_int_eq(
        furrow_js_get_last(world->link, "THING", "t.v1.Thing.b", within_ms(PATIENCE_MS), arena, &stored, &err),
        FURROW_NOT_FOUND);
    ck_assert_int_eq(
        furrow_js_get_last(world->link, "NOSUCH", "t.v1.Thing.b", within_ms(PATIENCE_MS), arena, &stored, &err),
        FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(furrow_js_stream_info(world->link, "THING", within_ms(PATIENCE_MS), &state, &err), FURROW_OK);
    ck_assert_uint_eq(state.last_seq, ack.sequence);
    ck_assert_uint_eq(state.messages, 1);
    ck_assert_int_gt(state.created_ns, 0);
    ck_assert_int_eq(furrow_js_stream_info(world->link, "NOSUCH", within_ms(PATIENCE_MS), &state, &err),
                     FURROW_NOT_FOUND);
}

START_TEST(what_is_stored_is_read_back)
{
    run(true, get_body);
}
END_TEST

typedef struct puller {
    test_world *world;
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

static void start_pull(test_world *world, puller *self, furrow_js_pull_options options)
{
    furrow_error err = {0};
    options.stream = "THING";
    options.consumer = "owner";
    *self = (puller){.world = world, .hold = self->hold};
    self->pull = furrow_js_pull_create(world->link, &options, on_batch, on_state, self, &err);
    ck_assert_msg(self->pull != NULL, "%s", err.text);
}

static bool floor_reached(test_world *world, uint64_t sequence)
{
    furrow_js_consumer_state state;
    return furrow_js_consumer_info(world->link, "THING", "owner", within_ms(PATIENCE_MS), &state, NULL) == FURROW_OK &&
           state.ack_floor_seq >= sequence && state.ack_pending == 0 && state.pending == 0;
}

static void drain_body(test_world *world)
{
    puller self = {0};
    fill(world, 100000, 100000);
    start_pull(world, &self, (furrow_js_pull_options){0});
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.last_seq == 100000, 60000));
    ck_assert_uint_eq(self.taken, 100000);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(floor_reached(world, 100000), PATIENCE_MS));
    /* And what comes later, one at a time. */
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(put(world, "late", "x", NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL), FURROW_OK);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken == 100001 + (size_t)i, PATIENCE_MS));
    }
    ck_assert_uint_eq(self.states, 0);
    furrow_js_pull_destroy(self.pull);
}

START_TEST(a_pull_drains_and_acks_a_hundred_thousand)
{
    run(true, drain_body);
}
END_TEST

static void credit_body(test_world *world)
{
    puller self = {.hold = true};
    fill(world, 3000, 3000);
    start_pull(world, &self, (furrow_js_pull_options){.batch = 100, .max_in_hand = 250});
    self.hold = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken >= 200, PATIENCE_MS));
    furrow_task_yield();
    ck_assert_uint_le(self.taken, 250);
    self.hold = false;
    furrow_js_pull_release(self.pull, self.in_hand);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.last_seq == 3000, PATIENCE_MS));
    furrow_js_pull_stop(self.pull);
    furrow_js_pull_destroy(self.pull);
}

START_TEST(a_pull_never_has_more_in_hand_than_its_bound)
{
    run(true, credit_body);
}
END_TEST

static void gathering_body(test_world *world)
{
    puller self = {0};
    fill(world, 2500, 3000); /* a backlog of several requests */
    start_pull(world, &self, (furrow_js_pull_options){.gather_ms = 50});
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken == 2500, PATIENCE_MS));
    for (int i = 0; i < 3; i++) { /* one by one, each with time enough to go idle */
        ck_assert_int_eq(put(world, "x", "x", NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL), FURROW_OK);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken == 2501 + (size_t)i, PATIENCE_MS));
        furrow_task_sleep_ms(120);
    }
    self.batches = 0;
    fill(world, 200, 200); /* all at once: far fewer batches than messages, on any machine */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken == 2703, PATIENCE_MS));
    ck_assert_uint_lt(self.batches, 100);
    ck_assert_uint_eq(self.states, 0);
    furrow_js_pull_destroy(self.pull);
}

START_TEST(a_gathering_pull_brings_all_of_it_in_few_batches)
{
    run(true, gathering_body);
}
END_TEST

static void expiry_body(test_world *world)
{
    puller self = {0};
    start_pull(world, &self, (furrow_js_pull_options){.expires_ms = 1000});
    for (int i = 0; i < 8; i++) { /* across several expiries of an idle pull */
        furrow_task_sleep_ms(400);
        ck_assert_int_eq(put(world, "x", "x", NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL), FURROW_OK);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken == 1 + (size_t)i, 1000));
    }
    ck_assert_uint_eq(self.states, 0);
    furrow_js_pull_destroy(self.pull);
}

START_TEST(an_idle_pull_asks_again_when_its_requests_expire)
{
    run(true, expiry_body);
}
END_TEST

static void pull_restart_body(test_world *world)
{
    puller self = {0};
    furrow_js_stream_state stream;
    fill(world, 20000, 20000);
    start_pull(world, &self, (furrow_js_pull_options){.batch = 100, .expires_ms = 2000});
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken > 2000, PATIENCE_MS));
    furrow_test_server_kill(world->nats);
    furrow_test_server_restart(world->nats);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        furrow_link_reconnects(world->link) == 1 && furrow_link_connected(world->link), PATIENCE_MS));
    ck_assert_int_eq(furrow_js_stream_info(world->link, "THING", within_ms(PATIENCE_MS), &stream, NULL), FURROW_OK);
    ck_assert_uint_eq(stream.last_seq, 20000);
    /* What was delivered to the broken connection comes again after the ack wait; the rest now. */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.last_seq == 20000, PATIENCE_MS));
    ck_assert_int_eq(put(world, "new", "x", NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.last_seq == 20001, PATIENCE_MS));
    furrow_js_pull_destroy(self.pull);
}

START_TEST(a_pull_goes_on_after_the_server_was_killed)
{
    run(true, pull_restart_body);
}
END_TEST

static void missing_body(test_world *world)
{
    puller self = {0};
    furrow_error err = {0};
    start_pull(world, &self, (furrow_js_pull_options){.expires_ms = 2000});
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.state == FURROW_NOT_FOUND, PATIENCE_MS));
    ck_assert_msg(provision(world, &thing, &replica, &err) == FURROW_OK, "%s", err.text);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.state == FURROW_OK, PATIENCE_MS));
    ck_assert_int_eq(put(world, "x", "x", NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken == 1, PATIENCE_MS));
    ck_assert_uint_eq(self.states, 2);
    /* Deleted while it flows: said, and healed when it is back. */
    furrow_msg *reply = NULL;
    furrow_outgoing delete = {.subject = "$JS.API.CONSUMER.DELETE.THING.owner"};
    ck_assert_int_eq(furrow_link_request(world->link, &delete, within_ms(PATIENCE_MS), &reply, &err), FURROW_OK);
    furrow_msg_free(reply);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.state == FURROW_NOT_FOUND, PATIENCE_MS));
    ck_assert_msg(provision(world, &thing, &replica, &err) == FURROW_OK, "%s", err.text);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.taken == 2, PATIENCE_MS));
    furrow_js_pull_destroy(self.pull);
}

START_TEST(a_missing_consumer_is_reported_and_healed)
{
    run(false, missing_body);
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

static void verdicts_body(test_world *world)
{
    furrow_error err = {0};
    puller self = {.world = world};
    fill(world, 3, 3);
    furrow_js_pull_options options = {.stream = "THING", .consumer = "owner"};
    self.pull = furrow_js_pull_create(world->link, &options, verdicts_on_batch, on_state, &self, &err);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(floor_reached(world, 3), PATIENCE_MS));
    ck_assert_uint_eq(self.taken, 5); /* 1 three times, 2 and 3 once */
    furrow_js_pull_destroy(self.pull);
}

START_TEST(nak_brings_a_message_back_and_term_does_not)
{
    run(true, verdicts_body);
}
END_TEST

typedef struct reading {
    test_world *world;
    uint64_t first, last;
    size_t count, batches;
    bool in_order, write_meanwhile, kill_once;
    size_t stop_after;
} reading;

static furrow_status on_read(void *arg, furrow_msg *const *messages, size_t count, furrow_error *err)
{
    reading *self = arg;
    for (size_t i = 0; i < count; i++) {
        furrow_ack ack;
        ck_assert(furrow_subject_parse_ack(messages[i]->reply, &ack));
        if (self->count == 0) self->first = ack.stream_seq;
        if (self->count > 0 && ack.stream_seq <= self->last) self->in_order = false;
        self->last = ack.stream_seq;
        self->count++;
    }
    self->batches++;
    if (self->stop_after && self->count >= self->stop_after) return furrow_fail(err, FURROW_DATA_LOSS, "enough");
    if (self->write_meanwhile)
        for (int i = 0; i < 5; i++)
            ck_assert_int_eq(put(self->world, "new", "x", NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL), FURROW_OK);
    if (self->kill_once && self->count > 3000) {
        self->kill_once = false;
        furrow_test_server_kill(self->world->nats);
        furrow_test_server_restart(self->world->nats);
    }
    return FURROW_OK;
}

static reading read_range(test_world *world, reading how, uint64_t from, uint64_t to, furrow_status expected)
{
    furrow_error err = {0};
    how.world = world;
    how.in_order = true;
    furrow_js_read_options options = {.stream = "THING", .consumer = "reader", .start_seq = from, .end_seq = to};
    furrow_status status = furrow_js_read(world->link, &options, on_read, &how, within_ms(60000), &err);
    ck_assert_msg(status == expected, "%s: %s", furrow_status_name(status), err.text);
    ck_assert(how.in_order);
    return how;
}

static void read_body(test_world *world)
{
    fill(world, 20000, 4000); /* two states kept of each: 1 to 12000 are gaps */
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
    run(true, read_body);
}
END_TEST

static void gap_at_end_body(test_world *world)
{
    /* "x" superseded at the end of the range: the last messages that exist lie before it. */
    fill(world, 100, 100);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(put(world, "x", "x", NULL, FURROW_JS_ANY_SEQUENCE, NULL, NULL), FURROW_OK);
    reading gap = read_range(world, (reading){0}, 1, 105, FURROW_OK);
    ck_assert_uint_eq(gap.count, 100);
    /* A range past the end of the log ends with the log. */
    reading beyond = read_range(world, (reading){0}, 1, 1000, FURROW_OK);
    ck_assert_uint_eq(beyond.count, 102);
}

START_TEST(the_reader_knows_the_end_when_it_is_a_gap)
{
    run(true, gap_at_end_body);
}
END_TEST

static void read_restart_body(test_world *world)
{
    fill(world, 20000, 20000);
    reading all = read_range(world, (reading){.kill_once = true}, 1, 20000, FURROW_OK);
    ck_assert_uint_eq(all.count, 20000);
    ck_assert_uint_eq(furrow_link_reconnects(world->link), 1);
}

START_TEST(the_reader_goes_on_after_the_server_was_killed)
{
    run(true, read_restart_body);
}
END_TEST

static void read_missing_body(test_world *world)
{
    read_range(world, (reading){0}, 1, 10, FURROW_NOT_FOUND);
}

START_TEST(the_reader_of_a_missing_stream_says_so)
{
    run(false, read_missing_body);
}
END_TEST

START_TEST(provisioning_twice_is_once_and_differences_are_named)
{
    furrow_error err = {0};
    test_world world = {.nats = furrow_test_nats_start(NULL)};
    ck_assert_int_eq(provision(&world, NULL, &replica, &err), FURROW_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull(strstr(err.text, "THING"));
    ck_assert_msg(provision(&world, &thing, &replica, &err) == FURROW_OK, "%s", err.text);
    ck_assert_msg(provision(&world, &thing, &replica, &err) == FURROW_OK, "%s", err.text);
    furrow_entity_contract changed = thing;
    changed.history = 5;
    ck_assert_msg(provision(&world, &changed, &replica, &err) == FURROW_OK, "%s", err.text);
    changed.memory = true;
    ck_assert_int_eq(provision(&world, &changed, &replica, &err), FURROW_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull(strstr(err.text, "storage"));
    furrow_link_options options = {.url = furrow_test_server_url(world.nats)};
    furrow_provisioner *provisioner = furrow_provisioner_create(&options, PATIENCE_MS, &err);
    ck_assert_int_eq(furrow_provision_deadletter(provisioner, 1, &err), FURROW_OK);
    ck_assert_int_eq(furrow_provision_deadletter(provisioner, 1, &err), FURROW_OK);
    furrow_provisioner_destroy(provisioner);
    furrow_test_server_stop(world.nats);
    ck_assert_ptr_null(furrow_provisioner_create(&options, 500, &err));
    ck_assert_int_eq(err.code, FURROW_UNAVAILABLE);
    furrow_test_server_destroy(world.nats);
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
    tcase_add_test(tests, a_pull_drains_and_acks_a_hundred_thousand);
    tcase_add_test(tests, a_pull_never_has_more_in_hand_than_its_bound);
    tcase_add_test(tests, a_gathering_pull_brings_all_of_it_in_few_batches);
    tcase_add_test(tests, an_idle_pull_asks_again_when_its_requests_expire);
    tcase_add_test(tests, a_pull_goes_on_after_the_server_was_killed);
    tcase_add_test(tests, a_missing_consumer_is_reported_and_healed);
    tcase_add_test(tests, nak_brings_a_message_back_and_term_does_not);
    tcase_add_test(tests, the_reader_reads_a_range_with_gaps_while_others_write);
    tcase_add_test(tests, the_reader_knows_the_end_when_it_is_a_gap);
    tcase_add_test(tests, the_reader_goes_on_after_the_server_was_killed);
    tcase_add_test(tests, the_reader_of_a_missing_stream_says_so);
    tcase_add_test(tests, provisioning_twice_is_once_and_differences_are_named);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
