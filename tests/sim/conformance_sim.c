/* The suite in the simulated world. */
#include "conformance.h"
#include "jetstream.h"
#include "redis.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t seed;
static bool ended;

static void body(void *arg)
{
    conformance_world *world = arg;
    world->link = furrow_link_create(world->loop, NULL, NULL);
    world->store = furrow_store_create(world->loop, NULL, NULL);
    if (furrow_link_wait_connected(world->link, sim_now_ns() + SIM_S) &&
        furrow_store_wait_connected(world->store, sim_now_ns() + SIM_S))
        conformance_run(world, seed);
    furrow_link_destroy(world->link);
    furrow_store_destroy(world->store);
    ended = true;
}

static void begin(void *arg)
{
    static conformance_world world;
    furrow_error err;
    world.loop = furrow_loop_create(&(furrow_loop_options){.stack_bytes = 256 << 10}, &err);
    if (!world.loop || furrow_loop_spawn(world.loop, body, &world, &err) != FURROW_OK) abort();
}

static bool is_ended(void *arg)
{
    return ended;
}

int main(int argc, char **argv)
{
    sim_process process = {.name = "conformance", .alive = true};
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    sim_begin(seed);
    sim_nats_start();
    sim_redis_start();
    sim_js_add_stream(
        &(sim_stream_options){.name = CONFORMANCE_STREAM, .subjects = CONFORMANCE_SUBJECTS, .per_subject = 2});
    sim_js_add_consumer(CONFORMANCE_STREAM, "one");
    sim_js_add_consumer(CONFORMANCE_STREAM, "two");
    sim_in_process(&process, begin, NULL);
    return sim_run(sim_now_ns() + 3600 * SIM_S, is_ended, NULL) ? EXIT_SUCCESS : EXIT_FAILURE;
}
