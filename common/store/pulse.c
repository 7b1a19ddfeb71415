/*
 * Does Redis serve? A probe is sent several times in the store's timeout: a call of a function of ours that does
 * nothing, so that its answer shows that Redis is neither hung nor busy with somebody's script, that it has our library
 * and that we may call it. Any answer proves that Redis is alive; what is silent for the timeout is stalled, and what
 * is silent for several of them is taken for gone, as its host may be.
 */
#include "store/redis.h"

#include "store/library.h"

#include <stdio.h>
#include <string.h>

/* Probes in a timeout; timeouts until the connection is given up; between two looks at INFO. */
enum { PROBES = 4, PROBES_STALLED = 10, GIVE_UP = 4, INSPECT_MS = 1000 };

static uint64_t loop_now_ms(const furrow_store *store)
{
    return uv_now(furrow_loop_uv(store->loop));
}

static bool is_owed(const furrow_store *store)
{
    return store->in_flight > 0 || store->state == FURROW_REDIS_CONNECTING;
}

/*
 * When silence is next to be looked at. It may be us who were busy: the command may just have left, the answer may lie
 * in the socket. So a Redis that is overdue gets a little longer, from when that was seen.
 */
static uint64_t silence_due_ms(const furrow_store *store)
{
    if (store->suspected_ms) return store->suspected_ms + store->timeout_ms / 8 + 25;
    bool noted = store->state != FURROW_REDIS_READY && loop_now_ms(store) - store->heard_ms >= store->timeout_ms;
    return store->heard_ms + store->timeout_ms * (noted ? GIVE_UP : 1);
}

static uint64_t probe_due_ms(const furrow_store *store)
{
    bool well = store->state == FURROW_REDIS_READY && !store->refused[0];
    return store->probed_ms + store->timeout_ms / (well ? PROBES : PROBES_STALLED);
}

static void on_pulse(uv_timer_t *timer);

static void schedule(furrow_store *store)
{
    uint64_t now = loop_now_ms(store), due = is_owed(store) ? silence_due_ms(store) : UINT64_MAX;
    if (store->state != FURROW_REDIS_CONNECTING && !store->probing && probe_due_ms(store) < due)
        due = probe_due_ms(store);
    uv_timer_start(&store->pulse, on_pulse, due > now ? due - now : 0, 0);
}

/* Nothing came for the timeout. */
static void note_silence(furrow_store *store)
{
    char text[64];
    bool gone = loop_now_ms(store) - store->heard_ms >= store->timeout_ms * GIVE_UP;
    snprintf(text, sizeof text, "no answer within %llu ms",
             (unsigned long long)(gone ? store->timeout_ms * GIVE_UP : store->timeout_ms));
    bool suspected = store->suspected_ms > 0;
    store->suspected_ms = 0;
    if (store->state == FURROW_REDIS_READY && suspected)
        furrow_redis_stall(store, text);
    else if (store->state == FURROW_REDIS_READY)
        store->suspected_ms = loop_now_ms(store);
    else if (gone)
        furrow_redis_lose(store, text);
    else
        snprintf(store->last_error, sizeof store->last_error, "%s", text);
}

static void on_pulse(uv_timer_t *timer)
{
    furrow_store *store = timer->data;
    if (is_owed(store) && loop_now_ms(store) >= silence_due_ms(store)) note_silence(store);
    if (!store->socket) return;
    if (store->state != FURROW_REDIS_CONNECTING && loop_now_ms(store) >= probe_due_ms(store)) furrow_pulse_probe(store);
    schedule(store);
}

void furrow_pulse_start(furrow_store *store)
{
    store->probing = store->inspecting = false;
    store->refused[0] = '\0';
    store->suspected_ms = 0;
    store->heard_ms = store->probed_ms = loop_now_ms(store);
    schedule(store);
}

void furrow_pulse_stop(furrow_store *store)
{
    uv_timer_stop(&store->pulse);
}

static void on_redis_probed(furrow_store *store, furrow_pipelined *request)
{
    store->probing = false;
    if (store->state == FURROW_REDIS_CONNECTING) store->generation++;
    bool refused = request->status != FURROW_OK && store->refused[0]; /* it answers, and says why it takes no writes */
    if (request->status == FURROW_OK || refused)
        furrow_redis_serve(store);
    else if (!furrow_bytes_after(request->text, "READONLY")) /* which is left, see redis.c */
        furrow_redis_stall(store, request->text);
    if (request->status == FURROW_OK) furrow_redis_refuse(store, "");
    schedule(store);
}

static void on_inspected(furrow_store *store, furrow_pipelined *request)
{
    store->inspecting = false;
    if (request->status == FURROW_OK) furrow_redis_inspect(store, &request->value);
}

void furrow_pulse_inspect(furrow_store *store)
{
    static const char *const words[] = {"INFO", "memory", "replication", "stats", "commandstats"};
    if (store->inspecting || store->state != FURROW_REDIS_READY) return;
    store->inspecting = true;
    store->inspected_ms = loop_now_ms(store);
    furrow_arena_reset(store->inspection_arena);
    store->inspection =
        (furrow_pipelined){.done = on_inspected, .mark = store->out.len, .arena = store->inspection_arena};
    furrow_buffer_append_text(&store->out, "*5\r\n");
    for (size_t i = 0; i < 5; i++) furrow_pipeline_arg(&store->out, words[i], strlen(words[i]));
    furrow_redis_enqueue(store, &store->inspection);
}

void furrow_pulse_probe(furrow_store *store)
{
    static const char call[] = "FCALL", name[] = FURROW_FUNCTION("ping"), plain[] = "PING";
    if (store->probing) return;
    store->probing = true;
    store->probed_ms = loop_now_ms(store);
    if (store->state != FURROW_REDIS_CONNECTING) furrow_arena_reset(store->greeting_arena);
    store->probe = (furrow_pipelined){.done = on_redis_probed, .mark = store->out.len, .arena = store->greeting_arena};
    furrow_buffer_append_text(&store->out, store->provisioning ? "*1\r\n" : "*3\r\n");
    if (store->provisioning) {
        furrow_pipeline_arg(&store->out, plain, sizeof plain - 1);
    } else {
        furrow_pipeline_arg(&store->out, call, sizeof call - 1);
        furrow_pipeline_arg(&store->out, name, sizeof name - 1);
        furrow_pipeline_arg_number(&store->out, 0);
    }
    furrow_redis_enqueue(store, &store->probe);
    /* With a probe, so that nobody is woken for it alone. */
    if (loop_now_ms(store) - store->inspected_ms >= INSPECT_MS) furrow_pulse_inspect(store);
}
