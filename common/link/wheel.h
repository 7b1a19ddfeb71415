/**
 * A timing wheel for the deadlines of requests in flight: adding and removing cost a few instructions, expiry comes up
 * to one tick late and never early. Nodes are the caller's. Private to the link. Threads: one at a time.
 */
#ifndef FURROW_LINK_WHEEL_H
#define FURROW_LINK_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FURROW_WHEEL_TICK_NS 2000000ULL
#define FURROW_WHEEL_SLOTS   2048 /* a power of two; one revolution is 4 s, later deadlines stay for further ones */

typedef struct furrow_wheel_node {
    struct furrow_wheel_node *prev, *next; /* NULL while not on a wheel */
    uint64_t due_tick;
} furrow_wheel_node;

typedef struct furrow_wheel {
    furrow_wheel_node slots[FURROW_WHEEL_SLOTS];
    uint64_t occupied[FURROW_WHEEL_SLOTS / 64];
    uint64_t tick; /* all before it has expired */
    size_t count;
} furrow_wheel;

void furrow_wheel_init(furrow_wheel *wheel, uint64_t now_ns);
void furrow_wheel_add(furrow_wheel *wheel, furrow_wheel_node *node, uint64_t deadline_ns);

/* Does nothing to a node that is on no wheel. */
void furrow_wheel_remove(furrow_wheel *wheel, furrow_wheel_node *node);

/* Takes one node off that is due at @now_ns; NULL when there is none. Call it until then. */
furrow_wheel_node *furrow_wheel_expire(furrow_wheel *wheel, uint64_t now_ns);

/* When to look again, at the latest: a lower bound of the earliest deadline; UINT64_MAX while empty. */
uint64_t furrow_wheel_next_ns(const furrow_wheel *wheel);

#endif
