/** What the tests of the link share: a real nats-server and a link to it, as a task on a loop of its own. */
#ifndef FURROW_TEST_LINK_WORLD_H
#define FURROW_TEST_LINK_WORLD_H

#include "link/link.h"
#include "support/servers.h"

#define PATIENCE_MS 10000

typedef struct link_world {
    furrow_test_server *nats;
    furrow_loop *loop;
    furrow_link *link;
    size_t served, overflowed;
    void (*body)(struct link_world *world);
} link_world;

/* Runs @body with a server made from @server (NULL: defaults) and an anonymous link, which need not be connected yet.
 */
void link_world_run(const furrow_test_nats_options *server, void (*body)(link_world *world));
/* Another link, to the world's server unless @options names one; destroyed by the caller. */
furrow_link *link_world_connect(link_world *world, furrow_link_options options);
/* Sends a message back over world->link, and counts it in world->served; for furrow_link_subscribe. */
void link_world_echo(void *world, furrow_msg *msg);
/* world->link answers "t.echo" with what it is sent. */
void link_world_serve_echo(link_world *world);
/* A request and its reply as text. */
furrow_status link_world_call(furrow_link *link, const char *subject, const char *text, uint64_t timeout_ms,
                              char *answer, size_t size, furrow_error *err);
uint64_t link_world_in_ms(uint64_t ms);

#endif
