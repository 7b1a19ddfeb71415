/*
 * After each read: finds the subscriptions that have messages. nats.c does not say which do, asking one costs a lock,
 * and a client in full flight has hundreds (one per request slot, see request.c). But it counts what it received, so
 * the search goes where messages are likely and stops as soon as the count is met. May depend on: nats.c.
 */
#include "link/internal.h"

/* How many messages came since the last look. The pool is told of how many bytes, headers and all: a large one comes
 * alone. */
static uint64_t received(furrow_connection *conn)
{
    uint64_t in_messages = 0, in_bytes = 0, out_messages = 0, out_bytes = 0, reconnects = 0;
    if (natsConnection_GetStats(conn->native, conn->statistics) != NATS_OK ||
        natsStatistics_GetCounts(conn->statistics, &in_messages, &in_bytes, &out_messages, &out_bytes, &reconnects) !=
            NATS_OK)
        return conn->messages_seen;
    uint64_t since = in_messages - conn->messages_seen, bytes = in_bytes - conn->bytes_seen;
    conn->messages_seen = in_messages;
    conn->bytes_seen = in_bytes;
    furrow_message_pool_expect(conn->link->messages, since > 0 ? bytes / since : 0);
    return since;
}

/* The subscription that was hit moves to the front: the busy ones are found first the next time. */
static void to_front(furrow_link *link, furrow_subscription *hit)
{
    if (link->subscriptions == hit) return;
    hit->prev->next = hit->next;
    if (hit->next) hit->next->prev = hit->prev;
    hit->prev = NULL;
    hit->next = link->subscriptions;
    link->subscriptions->prev = hit;
    link->subscriptions = hit;
}

static size_t drain_subscriptions(furrow_link *link, size_t expected)
{
    size_t found = 0;
    for (furrow_subscription *at = link->subscriptions, *next; at && found < expected; at = next) {
        size_t count = at->dead ? 0 : furrow_subscription_drain(at);
        next = at->next; /* read after: handlers may subscribe (at the front), and destroy only marks */
        found += count;
        if (count > 0 && !at->dead) to_front(link, at);
    }
    return found;
}

size_t furrow_link_drain(furrow_connection *conn)
{
    furrow_link *link = conn->link;
    size_t expected = (size_t)received(conn);
    if (expected == 0) return 0;
    link->draining = true;
    size_t found = link->requests_first ? furrow_requests_drain(link, expected) : drain_subscriptions(link, expected);
    if (found < expected) {
        size_t more = link->requests_first ? drain_subscriptions(link, expected - found)
                                           : furrow_requests_drain(link, expected - found);
        if (more > found) link->requests_first = !link->requests_first;
        found += more;
    }
    link->draining = false;
    furrow_subscriptions_reap(link);
    /* Late messages of subscriptions that are gone, or second replies to requests that are over. */
    if (found < expected) furrow_requests_sweep(link);
    return expected;
}
