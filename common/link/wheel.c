/*
 * The timing wheel. Invariants: a node hangs in slot (due_tick mod slots); bit i of `occupied` says whether slot i has
 * nodes; no node is due before `tick`. May depend on: the C library.
 */
#include "link/wheel.h"

#include <string.h>

#define MASK (FURROW_WHEEL_SLOTS - 1)

void furrow_wheel_init(furrow_wheel *wheel, uint64_t now_ns)
{
    /* Member by member: a compound literal would lie on the caller's stack first, all 48 KiB of it. */
    memset(wheel, 0, sizeof *wheel);
    wheel->tick = now_ns / FURROW_WHEEL_TICK_NS;
    for (size_t i = 0; i < FURROW_WHEEL_SLOTS; i++) wheel->slots[i].prev = wheel->slots[i].next = &wheel->slots[i];
}

void furrow_wheel_add(furrow_wheel *wheel, furrow_wheel_node *node, uint64_t deadline_ns)
{
    uint64_t tick = deadline_ns / FURROW_WHEEL_TICK_NS + 1; /* the first tick that begins after the deadline */
    if (tick < wheel->tick) tick = wheel->tick;
    furrow_wheel_node *slot = &wheel->slots[tick & MASK];
    node->due_tick = tick;
    node->prev = slot->prev;
    node->next = slot;
    slot->prev->next = node;
    slot->prev = node;
    wheel->occupied[(tick & MASK) / 64] |= 1ULL << (tick % 64);
    wheel->count++;
}

void furrow_wheel_remove(furrow_wheel *wheel, furrow_wheel_node *node)
{
    if (!node->next) return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    furrow_wheel_node *slot = &wheel->slots[node->due_tick & MASK];
    if (slot->next == slot) wheel->occupied[(node->due_tick & MASK) / 64] &= ~(1ULL << (node->due_tick % 64));
    node->prev = node->next = NULL;
    wheel->count--;
}

/* Ticks from @from (of this revolution) to the next occupied slot, itself included; FURROW_WHEEL_SLOTS when none is. */
static uint64_t slot_distance(const furrow_wheel *wheel, uint64_t from)
{
    for (uint64_t far = 0; far < FURROW_WHEEL_SLOTS;) {
        uint64_t at = (from + far) & MASK;
        uint64_t bits = wheel->occupied[at / 64] >> (at % 64);
        if (bits) return far + (uint64_t)__builtin_ctzll(bits);
        far += 64 - at % 64;
    }
    return FURROW_WHEEL_SLOTS;
}

furrow_wheel_node *furrow_wheel_expire(furrow_wheel *wheel, uint64_t now_ns)
{
    uint64_t now = now_ns / FURROW_WHEEL_TICK_NS;
    while (wheel->count > 0 && wheel->tick <= now) {
        uint64_t far = slot_distance(wheel, wheel->tick);
        if (wheel->tick + far > now) break;
        furrow_wheel_node *slot = &wheel->slots[(wheel->tick + far) & MASK];
        for (furrow_wheel_node *node = slot->next; node != slot; node = node->next) {
            if (node->due_tick > now) continue; /* of a later revolution */
            furrow_wheel_remove(wheel, node);
            return node;
        }
        wheel->tick += far + 1;
    }
    if (wheel->tick <= now) wheel->tick = now + 1;
    return NULL;
}

uint64_t furrow_wheel_next_ns(const furrow_wheel *wheel)
{
    if (wheel->count == 0) return UINT64_MAX;
    return (wheel->tick + slot_distance(wheel, wheel->tick)) * FURROW_WHEEL_TICK_NS;
}
