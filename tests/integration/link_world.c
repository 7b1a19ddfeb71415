/* A link on a loop of its own, and an echo on it; see link_world.h. */
#include "link_world.h"

#include "base/clock.h"

#include <check.h>
#include <string.h>

uint64_t link_world_in_ms(uint64_t ms)
{
    return furrow_clock_now_ns() + ms * FURROW_NS_PER_MS;
}

furrow_link *link_world_connect(link_world *world, furrow_link_options options)
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
    link_world *world = arg;
    world->link = link_world_connect(world, (furrow_link_options){.name = "test"});
    world->body(world);
    furrow_link_destroy(world->link);
}

void link_world_run(const furrow_test_nats_options *server, void (*body)(link_world *world))
{
    furrow_error err = {0};
    link_world world = {.nats = furrow_test_nats_start(server), .body = body};
    world.loop = furrow_loop_create(NULL, &err);
    ck_assert_int_eq(furrow_loop_run_task(world.loop, body_task, &world, &err), FURROW_OK);
    furrow_loop_destroy(world.loop);
    furrow_test_server_destroy(world.nats);
}

void link_world_echo(void *arg, furrow_msg *msg)
{
    link_world *world = arg;
    world->served++;
    if (msg->reply)
        (void)!furrow_link_publish(world->link, &(furrow_outgoing){.subject = msg->reply, .data = msg->data}, NULL);
    furrow_msg_free(msg);
}

void link_world_serve_echo(link_world *world)
{
    ck_assert(furrow_link_wait_connected(world->link, link_world_in_ms(PATIENCE_MS)));
    ck_assert(furrow_link_subscribe(world->link, "t.echo", &(furrow_subscribe_options){.queue = "q"}, link_world_echo,
                                    world, NULL));
}

furrow_status link_world_call(furrow_link *link, const char *subject, const char *text, uint64_t timeout_ms,
                              char *answer, size_t size, furrow_error *err)
{
    furrow_msg *reply = NULL;
    furrow_outgoing out = {.subject = subject, .data = furrow_bytes_of(text)};
    furrow_status status = furrow_link_request(link, &out, link_world_in_ms(timeout_ms), &reply, err);
    if (status != FURROW_OK) return status;
    ck_assert_uint_lt(reply->data.len, size);
    memcpy(answer, reply->data.data, reply->data.len);
    answer[reply->data.len] = '\0';
    furrow_msg_free(reply);
    return FURROW_OK;
}
