/*
 * See event.h. How an unknown outcome is settled: every event carries the sequence it follows, so the events of one
 * entity are a chain, and exactly one can follow a given version. Walking back from the newest to the one that follows
 * ours tells who wrote it. A copy that is still on its way cannot do harm: it expects the same version, so of all
 * copies and rivals one is taken. What was surely not written, since no leader or nobody was there to take it, is
 * published again in the same way. May depend on link, window.
 */
#include "log/event.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/number.h"
#include "log/patience.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "store/trust.h"
#include "wire/moment.h"
#include "wire/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define HEADERS_MAX   12
#define SCRATCH_BYTES ((size_t)16 << 20)

/* An event with the trace it belongs to: the same span at each attempt. */
typedef struct traced_event {
    const furrow_event *event;
    const furrow_trace *trace; /* or NULL */
    char parent[FURROW_TRACE_PARENT_SIZE];
} traced_event;

typedef enum verdict { UNKNOWN, NOBODY, OURS, OTHER, FORGOTTEN } verdict;

static int64_t moment_in(const furrow_entity *entity, const ProtobufCMessage *state)
{
    int64_t ns = 0;
    const Google__Protobuf__Timestamp *updated = NULL;
    if (state && entity->updated_at)
        memcpy(&updated, (const uint8_t *)state + entity->updated_at->offset, sizeof updated);
    return updated && furrow_moment_ns(updated->seconds, updated->nanos, &ns) ? ns : 0;
}

int64_t furrow_event_moment(const furrow_entity *entity, const ProtobufCMessage *before, const ProtobufCMessage *after)
{
    int64_t before_ns = moment_in(entity, before), after_ns = moment_in(entity, after);
    if (after_ns > before_ns) return after_ns;
    int64_t now_ns = before_ns ? furrow_clock_wall_ns() : 0;
    return now_ns > before_ns ? now_ns : before_ns;
}

static const char *time_text(furrow_entity *entity, int64_t happened_ns)
{
    int64_t ms = (happened_ns ? happened_ns : furrow_clock_wall_ns()) / (int64_t)FURROW_NS_PER_MS;
    if (ms != entity->time_ms) {
        furrow_clock_format(ms * (int64_t)FURROW_NS_PER_MS, entity->time);
        memcpy(entity->time + sizeof "2026-11-23T06:00:00.000" - 1, "Z", 2);
        entity->time_ms = ms;
    }
    return entity->time;
}

/* What an event says of its task's trace, and again for whoever knows CloudEvents alone: as its extension. */
static size_t add_event_trace(const traced_event *traced, furrow_header out[HEADERS_MAX], size_t count)
{
    const furrow_trace *trace = traced->trace;
    if (!trace) return count;
    out[count++] = (furrow_header){FURROW_HEADER_TRACEPARENT, traced->parent};
    out[count++] = (furrow_header){"ce-traceparent", traced->parent};
    if (!trace->state[0]) return count;
    out[count++] = (furrow_header){FURROW_HEADER_TRACESTATE, trace->state};
    if (trace->ce_state[0]) out[count++] = (furrow_header){"ce-tracestate", trace->ce_state};
    return count;
}

/* Those that CloudEvents requires, and what the body is, which is JSON else: each costs nanoseconds on every event. */
static size_t make_headers(furrow_entity *entity, const traced_event *traced, furrow_header out[HEADERS_MAX])
{
    const furrow_event *event = traced->event;
    size_t count = 0;
    out[count++] = (furrow_header){"ce-specversion", "1.0"};
    out[count++] = (furrow_header){"ce-id", event->id};
    out[count++] = (furrow_header){"ce-type", event->type};
    out[count++] = (furrow_header){"ce-source", entity->source};
    out[count++] = (furrow_header){"ce-time", time_text(entity, event->happened_ns)};
    out[count++] = (furrow_header){"ce-datacontenttype", FURROW_TYPE_PROTOBUF};
    count = add_event_trace(traced, out, count);
    if (event->by[0]) out[count++] = (furrow_header){FURROW_HEADER_BY, event->by};
    if (event->commands) out[count++] = (furrow_header){FURROW_WINDOW_HEADER, event->commands};
    return count;
}

bool furrow_event_is(const furrow_js_stored *stored, const char *id, furrow_arena *arena)
{
    const char *found = furrow_js_stored_header(stored, "ce-id", arena);
    return found && strcmp(found, id) == 0;
}

static bool follows(const furrow_js_stored *stored, furrow_arena *arena, uint64_t *version)
{
    const char *text = furrow_js_stored_header(stored, FURROW_HEADER_EXPECTED_SEQ, arena);
    return text && furrow_number_parse(furrow_bytes_of(text), UINT64_MAX, version);
}

/* Who followed the version @event expects? At most the states that the stream keeps are looked at. */
static verdict who_followed(furrow_entity *entity, const furrow_event *event, uint64_t deadline_ns, furrow_arena *arena,
                            uint64_t *sequence)
{
    const char *stream = entity->contract->stream;
    furrow_js_stored stored;
    furrow_status status = furrow_js_get_last(entity->link, stream, event->subject, deadline_ns, arena, &stored, NULL);
    if (status == FURROW_NOT_FOUND) return event->expected == 0 ? NOBODY : OTHER;
    for (uint32_t kept = 0; status == FURROW_OK && kept <= entity->contract->history; kept++) {
        uint64_t before;
        if (strcmp(stored.subject, event->subject) != 0) return FORGOTTEN;
        if (stored.sequence <= event->expected) return stored.sequence == event->expected ? NOBODY : OTHER;
        if (furrow_event_is(&stored, event->id, arena)) {
            *sequence = stored.sequence;
            return OURS;
        }
        if (!follows(&stored, arena, &before)) return FORGOTTEN;
        if (before <= event->expected) return OTHER;
        status = furrow_js_get(entity->link, stream, before, deadline_ns, arena, &stored, NULL);
        if (status == FURROW_NOT_FOUND) return FORGOTTEN;
    }
    return status == FURROW_OK ? FORGOTTEN : UNKNOWN;
}

static verdict who_wrote(furrow_entity *entity, const furrow_event *event, const furrow_patience *patience,
                         uint64_t *sequence)
{
    FURROW_AUTO(furrow_arena) scratch = furrow_arena_create(SCRATCH_BYTES);
    return scratch ? who_followed(entity, event, furrow_patience_attempt(patience), scratch, sequence) : UNKNOWN;
}

static furrow_status publish_once(furrow_entity *entity, const traced_event *traced, uint64_t deadline_ns,
                                  furrow_js_puback *ack, furrow_error *err)
{
    const furrow_event *event = traced->event;
    furrow_header headers[HEADERS_MAX];
    furrow_js_publish_options options = {
        .msg_id = event->msg_id, .expected_seq = (int64_t)event->expected, .headers = headers};
    if (furrow_fault("blind-write")) options.expected_seq = FURROW_JS_ANY_SEQUENCE;
    options.header_count = make_headers(entity, traced, headers);
    uint64_t patience = furrow_clock_in_ms(FURROW_EVENT_ACK_MS);
    return furrow_js_publish(entity->link, event->subject, event->body, &options,
                             patience < deadline_ns ? patience : deadline_ns, ack, err);
}

/* Without an ack, or an answer that is none (a stream being moved, a stranger on the subject), it may be in the log. */
static bool is_unknown(furrow_status status)
{
    return status == FURROW_DEADLINE_EXCEEDED || status == FURROW_INTERNAL;
}

/* Is the log the one that the records are of? */
static furrow_status await_log(furrow_entity *entity, const furrow_event *event, uint64_t deadline_ns,
                               furrow_error *err)
{
    return event->regardless ? FURROW_OK : furrow_table_await_log(entity->table, deadline_ns, err);
}

/* Once more, unless the log that came back is no longer known to be the one it was. */
static furrow_status publish_once_more(furrow_entity *entity, const traced_event *traced, uint64_t deadline_ns,
                                       furrow_js_puback *ack, bool *unknown, furrow_error *err)
{
    furrow_status status = await_log(entity, traced->event, deadline_ns, err);
    if (status != FURROW_OK) return status;
    status = publish_once(entity, traced, deadline_ns, ack, err);
    *unknown |= is_unknown(status);
    return status;
}

/*
 * From here on only what the log says counts: even a refusal of a second copy does not mean that the first was refused.
 * @unknown: a copy may have been written. @err says why it was not, until then.
 */
static furrow_status settle_outcome(furrow_entity *entity, const traced_event *traced, uint64_t deadline_ns,
                                    bool unknown, furrow_js_puback *ack, furrow_error *err)
{
    const furrow_event *event = traced->event;
    furrow_patience patience = furrow_patience_make(deadline_ns);
    furrow_error why = {0};
    while (furrow_patience_pause(&patience)) {
        uint64_t sequence = 0;
        if (!furrow_link_connected(entity->link)) continue;
        switch (who_wrote(entity, event, &patience, &sequence)) {
        case OURS:
            *ack = (furrow_js_puback){.sequence = sequence};
            return FURROW_OK;
        case OTHER:
            return furrow_fail(err, FURROW_ABORTED, "another wrote %s first", event->subject);
        case FORGOTTEN: /* a keyed command is found in the window of the newest state, if it was written */
            if (event->msg_id) return furrow_fail(err, FURROW_ABORTED, "%s has moved on", event->subject);
            return furrow_fail(err, FURROW_DEADLINE_EXCEEDED,
                               "the ack was lost and %s has moved on: it may have been written", event->subject);
        case NOBODY:
            if (publish_once_more(entity, traced, patience.until_ns, ack, &unknown, &why) == FURROW_OK)
                return FURROW_OK;
            break;
        case UNKNOWN:
            break;
        }
    }
    if (!unknown) {
        (void)furrow_wrap(err, "nothing was written");
        return FURROW_UNAVAILABLE;
    }
    return furrow_fail(err, FURROW_DEADLINE_EXCEEDED,
                       "the ack was lost and the log cannot be asked: it may have been written");
}

furrow_status furrow_event_publish(furrow_entity *entity, furrow_event *event, uint64_t deadline_ns,
                                   furrow_js_puback *ack, furrow_error *err)
{
    furrow_id_make(event->id);
    /* It may have to be looked for: before the log is known, since nothing may come between that and the publish. */
    traced_event traced = {.event = event, .trace = furrow_trace_current()};
    if (traced.trace) furrow_trace_child(traced.trace, traced.parent);
    if (deadline_ns <= furrow_clock_now_ns())
        return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "the deadline has passed, nothing was written");
    furrow_status status = await_log(entity, event, deadline_ns, err);
    if (status != FURROW_OK) return furrow_wrap(err, "nothing was written");
    status = publish_once(entity, &traced, deadline_ns, ack, err);
    bool unknown = is_unknown(status);
    if (!unknown && status != FURROW_UNAVAILABLE) return status;
    return settle_outcome(entity, &traced, deadline_ns, unknown, ack, err);
}
