/* See stream_world.h. */
#include "stream_world.h"

#include "support/wait.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

const furrow_entity_contract stream_thing = {.name = "t.v1.Thing",
                                             .short_name = "Thing",
                                             .owner = "owner",
                                             .stream = "THING",
                                             .subjects = "t.v1.Thing.*",
                                             .description = "",
                                             .history = 2};
const furrow_replica_contract stream_thing_replica = {.name = "u.v1.Thing",
                                                      .service = "user",
                                                      .entity = "t.v1.Thing",
                                                      .stream = "THING",
                                                      .subjects = "t.v1.Thing.*",
                                                      .keeps = "id,name"};

uint64_t stream_within_ms(uint64_t ms)
{
    return furrow_clock_now_ns() + ms * FURROW_NS_PER_MS;
}

furrow_status stream_provision(const stream_world *world, const furrow_entity_contract *entity,
                               const furrow_replica_contract *consumer, furrow_error *err)
{
    furrow_link_options options = {.url = furrow_test_server_url(world->nats)};
    furrow_provisioner *provisioner = furrow_provisioner_create(&options, STREAM_PATIENCE_MS, err);
    if (!provisioner) return err->code;
    furrow_status status = entity ? furrow_provision_entity(provisioner, entity, 1, err) : FURROW_OK;
    if (status == FURROW_OK && consumer) status = furrow_provision_replica(provisioner, consumer, err);
    furrow_provisioner_destroy(provisioner);
    return status;
}

static void body_task(void *arg)
{
    stream_world *world = arg;
    furrow_error err = {0};
    furrow_link_options options = {.url = furrow_test_server_url(world->nats), .reconnect_max_ms = 100};
    world->link = furrow_link_create(world->loop, &options, &err);
    ck_assert_msg(world->link != NULL, "%s", err.text);
    ck_assert(furrow_link_wait_connected(world->link, stream_within_ms(STREAM_PATIENCE_MS)));
    world->body(world);
    furrow_link_destroy(world->link);
}

static void run_on(const furrow_test_nats_options *options, bool with_stream, void (*body)(stream_world *world))
{
    furrow_error err = {0};
    stream_world world = {.nats = furrow_test_nats_start(options), .body = body};
    if (with_stream) ck_assert_msg(stream_provision(&world, &stream_thing, NULL, &err) == FURROW_OK, "%s", err.text);
    world.loop = furrow_loop_create(NULL, &err);
    ck_assert_int_eq(furrow_loop_run_task(world.loop, body_task, &world, &err), FURROW_OK);
    furrow_loop_destroy(world.loop);
    furrow_test_server_destroy(world.nats);
}

void stream_run(bool with_stream, void (*body)(stream_world *world))
{
    run_on(NULL, with_stream, body);
}

void stream_run_on(const char *config, void (*body)(stream_world *world))
{
    run_on(&(furrow_test_nats_options){.config = config}, true, body);
}

furrow_status stream_put(stream_world *world, const char *id, const char *text, const char *msg_id, int64_t expected,
                         furrow_js_puback *ack, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_js_puback ignored;
    snprintf(subject, sizeof subject, "t.v1.Thing.%s", id);
    furrow_js_publish_options options = {.msg_id = msg_id, .expected_seq = expected};
    return furrow_js_publish(world->link, subject, furrow_bytes_of(text), &options,
                             stream_within_ms(STREAM_PATIENCE_MS), ack ? ack : &ignored, err);
}

/* Fills the stream from many tasks at once. */
typedef struct fill_state {
    stream_world *world;
    size_t next, end, running, failed;
    size_t keys;
    furrow_error first;
} fill_state;

static void fill_task(void *arg)
{
    fill_state *filler = arg;
    char id[32];
    while (filler->next < filler->end) {
        snprintf(id, sizeof id, "%zu", filler->next++ % filler->keys);
        furrow_error err = {0};
        if (stream_put(filler->world, id, "event", NULL, FURROW_JS_ANY_SEQUENCE, NULL, &err) != FURROW_OK &&
            filler->failed++ == 0)
            filler->first = err;
    }
    filler->running--;
}

void stream_fill(stream_world *world, size_t count, size_t keys)
{
    fill_state filler = {.world = world, .end = count, .running = 200, .keys = keys};
    for (int i = 0; i < 200; i++) ck_assert_int_eq(furrow_loop_spawn(world->loop, fill_task, &filler, NULL), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(filler.running == 0, 60000));
    ck_assert_msg(filler.failed == 0, "%zu, the first: %s", filler.failed, filler.first.text);
}
