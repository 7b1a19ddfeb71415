/*
 * See caller.h. A fixed table, probed a few places far; who is idle gives up its slot. The allowance is a leaky bucket
 * of one second, kept as the time at which it will be empty. Depends on wire and the clock.
 */
#include "rpc/caller.h"

#include "base/hash.h"
#include "base/clock.h"
#include "wire/subject.h"

#include <string.h>

#define PROBES 8

/* The owner of an inbox with a prefix of its own; of a plain one the connection: two tokens. */
static uint64_t id_of(const char *reply)
{
    size_t len = furrow_subject_inbox_owner(reply).len;
    if (len == 3 && memcmp(reply, "_R_", 3) == 0) return 0;
    if (len == 6 && reply[len] == '.') {
        size_t token = strcspn(reply + len + 1, ".");
        if (reply[len + 1 + token] == '.') len += 1 + token; /* the last token is the request's */
    }
    uint64_t hash = furrow_hash_quick(FURROW_HASH_QUICK, (furrow_bytes){reply, len});
    return hash ? hash : 1;
}

static bool is_idle(const furrow_caller *caller, uint64_t now_ns)
{
    return caller->waiting == 0 && caller->working == 0 && caller->paid_until_ns <= now_ns;
}

furrow_caller *furrow_caller_of(furrow_callers *callers, const char *reply, uint64_t now_ns)
{
    uint64_t id = id_of(reply);
    furrow_caller *idle = NULL;
    if (id == 0) return NULL;
    for (size_t i = 0; i < PROBES; i++) {
        furrow_caller *slot = &callers->slots[((id ^ id >> 32) + i) % FURROW_CALLERS];
        if (slot->id == id) return slot;
        if (!idle && is_idle(slot, now_ns)) idle = slot;
    }
    if (!idle) return &callers->others;
    *idle = (furrow_caller){.id = id};
    return idle;
}

bool furrow_caller_may_work(furrow_callers *callers, furrow_caller *caller, size_t bytes, size_t most)
{
    if (callers->working + bytes > most || (caller && caller->working + bytes > most / 2)) return false;
    callers->working += bytes;
    if (caller) caller->working += bytes;
    return true;
}

void furrow_caller_worked(furrow_callers *callers, furrow_caller *caller, size_t bytes)
{
    callers->working -= bytes;
    if (caller) caller->working -= bytes;
}

static void count_sent(furrow_callers *callers, furrow_caller *caller, size_t bytes, uint64_t now_ns)
{
    if (caller->paid_until_ns < now_ns) caller->paid_until_ns = now_ns;
    caller->paid_until_ns += (uint64_t)((double)bytes / (double)callers->bytes_per_s * FURROW_NS_PER_S);
    if (caller->paid_until_ns > callers->paid_until_ns) callers->paid_until_ns = caller->paid_until_ns;
}

static bool is_full(const furrow_caller *caller, uint64_t now_ns, int64_t *retry_ms)
{
    uint64_t from = now_ns + FURROW_NS_PER_S;
    if (!caller || caller->paid_until_ns <= from) return false;
    *retry_ms = (int64_t)((caller->paid_until_ns - from) / FURROW_NS_PER_MS) + 1;
    return true;
}

bool furrow_caller_may_send(furrow_callers *callers, const char *reply, size_t bytes, uint64_t now_ns,
                            int64_t *retry_ms)
{
    furrow_caller *caller = furrow_caller_of(callers, reply, now_ns);
    if (is_full(caller, now_ns, retry_ms)) return false;
    if (caller) count_sent(callers, caller, bytes, now_ns);
    return true;
}

void furrow_caller_sent(furrow_callers *callers, const char *reply, size_t bytes, uint64_t now_ns)
{
    furrow_caller *caller = furrow_caller_of(callers, reply, now_ns);
    if (caller) count_sent(callers, caller, bytes, now_ns);
}

bool furrow_caller_is_full(furrow_callers *callers, const char *reply, uint64_t now_ns, int64_t *retry_ms)
{
    if (callers->paid_until_ns <= now_ns + FURROW_NS_PER_S) return false;
    return is_full(furrow_caller_of(callers, reply, now_ns), now_ns, retry_ms);
}
