/* The suite on a real nats-server and a real Redis. */
#include "conformance.h"

#include "link/provision.h"
#include "store/functions.h"
#include "support/servers.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t seed;
static furrow_test_server *nats, *redis;

static void must(bool ok, const char *what)
{
    if (ok) return;
    fprintf(stderr, "conformance: %s\n", what);
    exit(EXIT_FAILURE);
}

static void provision(void)
{
    static const furrow_entity_contract thing = {.name = "conf.Thing",
                                                 .short_name = "Thing",
                                                 .owner = "one",
                                                 .stream = CONFORMANCE_STREAM,
                                                 .subjects = CONFORMANCE_SUBJECTS,
                                                 .description = "",
                                                 .history = 2};
    static const furrow_replica_contract other = {.service = "two", .stream = CONFORMANCE_STREAM, .keeps = "id"};
    furrow_error err = {0};
    furrow_link_options options = {.url = furrow_test_server_url(nats)};
    furrow_provisioner *provisioner = furrow_provisioner_create(&options, 5000, &err);
    must(provisioner && furrow_provision_entity(provisioner, &thing, 1, &err) == FURROW_OK &&
             furrow_provision_replica(provisioner, &other, &err) == FURROW_OK,
         err.text);
    furrow_provisioner_destroy(provisioner);
}

static void body(void *arg)
{
    conformance_world *world = arg;
    uint64_t until = furrow_clock_now_ns() + 10 * FURROW_NS_PER_S;
    world->link = furrow_link_create(world->loop, &(furrow_link_options){.url = furrow_test_server_url(nats)}, NULL);
    world->store =
        furrow_store_create(world->loop, &(furrow_store_options){.url = furrow_test_server_url(redis)}, NULL);
    must(furrow_link_wait_connected(world->link, until) && furrow_store_wait_connected(world->store, until),
         "no connection");
    conformance_run(world, seed);
    furrow_link_destroy(world->link);
    furrow_store_destroy(world->store);
}

int main(int argc, char **argv)
{
    conformance_world world = {0};
    furrow_error err = {0};
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    nats = furrow_test_nats_start(NULL);
    redis = furrow_test_redis_start(&(furrow_test_redis_options){.library = furrow_functions_text()});
    provision();
    world.loop = furrow_loop_create(&(furrow_loop_options){.stack_bytes = 256 << 10}, &err);
    must(world.loop && furrow_loop_run_task(world.loop, body, &world, &err) == FURROW_OK, err.text);
    furrow_loop_destroy(world.loop);
    furrow_test_server_destroy(redis);
    furrow_test_server_destroy(nats);
    return EXIT_SUCCESS;
}
