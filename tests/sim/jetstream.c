/*
 * The streams. Nothing that was ever stored is forgotten: what a newer message of its subject pushed out knows by whom,
 * so that a power cut can bring it back. Depends on nats.h.
 */
#include "js.h"

#include <stdlib.h>
#include <string.h>

#define DUPLICATES_NS (120 * SIM_S)

static sim_stream *streams;
static bool takes_stale, forgets_ids; /* faults that are planted */

void sim_js_forget_ids(void)
{
    forgets_ids = true;
}

void sim_js_take_stale(void)
{
    takes_stale = true;
}

void sim_js_start(void)
{
    streams = NULL;
}

sim_stream *sim_js_streams(void)
{
    return streams;
}

sim_stream *sim_js_stream(const char *name)
{
    sim_stream *at = streams;
    while (at && strcmp(at->options.name, name) != 0) at = at->next;
    return at;
}

void sim_js_add_stream(const sim_stream_options *options)
{
    sim_stream *made = sim_alloc(sizeof *made);
    *made = (sim_stream){.next = streams, .options = *options, .created_ns = sim_wall_ns()};
    streams = made;
}

sim_consumer *sim_js_consumer(const sim_stream *stream, const char *name)
{
    sim_consumer *at = stream->consumers;
    while (at && (at->deleted || strcmp(at->name, name) != 0)) at = at->next;
    return at;
}

void sim_js_add_consumer(const char *stream_name, const char *name)
{
    sim_stream *stream = sim_js_stream(stream_name);
    if (!stream) abort();
    if (sim_js_consumer(stream, name)) return;
    sim_consumer *made = sim_alloc(sizeof *made);
    *made = (sim_consumer){
        .next = stream->consumers, .stream = stream, .name = sim_strdup(name), .created_ns = sim_wall_ns()};
    stream->consumers = made;
}

void sim_js_delete_consumer(const char *stream_name, const char *name)
{
    sim_consumer *consumer = sim_js_consumer(sim_js_stream(stream_name), name);
    if (!consumer) return;
    sim_js_forget_requests(consumer);
    consumer->deleted = true;
}

uint64_t sim_js_last(const sim_stream *stream)
{
    return stream->last;
}

const sim_stored *sim_js_at(const sim_stream *stream, uint64_t sequence)
{
    return sequence > 0 && sequence <= stream->last ? &stream->stored[sequence - 1] : NULL;
}

const sim_stored *sim_js_next(const sim_stream *stream, uint64_t from, const char *pattern)
{
    for (uint64_t i = from ? from : 1; i <= stream->last; i++) {
        const sim_stored *at = &stream->stored[i - 1];
        if (!at->gone_at && (!pattern || sim_subject_matches(pattern, at->message->subject))) return at;
    }
    return NULL;
}

uint64_t sim_js_first(const sim_stream *stream)
{
    const sim_stored *first = sim_js_next(stream, 1, NULL);
    return first ? first->sequence : stream->last > 0 ? stream->last + 1 : 0;
}

const sim_stored *sim_js_newest(const sim_stream *stream, const char *subject)
{
    for (uint64_t i = stream->last; i > 0; i--) {
        const sim_stored *at = &stream->stored[i - 1];
        if (!at->gone_at && strcmp(at->message->subject, subject) == 0) return at;
    }
    return NULL;
}

/* ---- storing ---- */

void sim_js_reply(const sim_message *to, const char *text)
{
    if (to->reply) (void)sim_nats_send(to->reply, sim_message_make(to->reply, NULL, text, strlen(text)));
}

static const sim_seen *find_seen(const sim_stream *stream, const char *id)
{
    if (forgets_ids) return NULL;
    for (const sim_seen *at = stream->seen; at; at = at->next)
        if (strcmp(at->id, id) == 0 && sim_now_ns() - at->at_ns < DUPLICATES_NS) return at;
    return NULL;
}

static bool answer_duplicate(const sim_stream *stream, const sim_message *message)
{
    char text[160];
    const char *id = sim_message_header(message, "Nats-Msg-Id");
    const sim_seen *seen = id ? find_seen(stream, id) : NULL;
    if (!seen) return false;
    snprintf(text, sizeof text, "{\"stream\":\"%s\", \"seq\":%llu,\"duplicate\": true}", stream->options.name,
             (unsigned long long)seen->sequence);
    sim_js_reply(message, text);
    return true;
}

static bool refuse_stale(const sim_stream *stream, const sim_message *message)
{
    char text[200];
    const char *expected = sim_message_header(message, "Nats-Expected-Last-Subject-Sequence");
    const sim_stored *newest = expected ? sim_js_newest(stream, message->subject) : NULL;
    uint64_t last = newest ? newest->sequence : 0;
    if (!expected || takes_stale || strtoull(expected, NULL, 10) == last) return false;
    snprintf(text, sizeof text,
             "{\"error\":{\"code\":400,\"err_code\":10071,\"description\":\"wrong last sequence: %llu\"},"
             "\"stream\":\"%s\",\"seq\":0}",
             (unsigned long long)last, stream->options.name);
    sim_js_reply(message, text);
    return true;
}

static void make_room(sim_stream *stream, const char *subject)
{
    uint64_t kept = 0;
    for (uint64_t i = stream->last; stream->options.per_subject && i > 0; i--) {
        sim_stored *at = &stream->stored[i - 1];
        if (at->gone_at || strcmp(at->message->subject, subject) != 0 || ++kept <= stream->options.per_subject)
            continue;
        at->gone_at = stream->last;
        stream->count--;
        for (sim_consumer *consumer = stream->consumers; consumer; consumer = consumer->next)
            sim_js_dropped(consumer, at->sequence);
        return; /* it was full before: one goes */
    }
}

static void append(sim_stream *stream, const sim_message *message)
{
    if (stream->last == stream->room) {
        uint64_t room = stream->room ? 2 * stream->room : 64;
        sim_stored *stored = sim_alloc(room * sizeof *stored);
        if (stream->last) memcpy(stored, stream->stored, stream->last * sizeof *stored);
        stream->stored = stored;
        stream->room = room;
    }
    int64_t now = sim_wall_ns();
    stream->last_ns = now > stream->last_ns ? now : stream->last_ns + 1;
    stream->stored[stream->last] =
        (sim_stored){.sequence = stream->last + 1, .time_ns = stream->last_ns, .message = message};
    stream->last++;
    stream->count++;
    const char *type = sim_message_header(message, "ce-type");
    sim_trace("log: %s %llu %s, %s", stream->options.name, (unsigned long long)stream->last, message->subject,
              type ? type : "");
    make_room(stream, message->subject);
}

static void remember_id(sim_stream *stream, const sim_message *message)
{
    const char *id = sim_message_header(message, "Nats-Msg-Id");
    if (!id) return;
    sim_seen *made = sim_alloc(sizeof *made);
    *made = (sim_seen){.next = stream->seen, .id = id, .sequence = stream->last, .at_ns = sim_now_ns()};
    stream->seen = made;
}

static void store(sim_stream *stream, const sim_message *message)
{
    char text[160];
    bool first = stream->options.sequence_first;
    if (first && refuse_stale(stream, message)) return;
    if (answer_duplicate(stream, message)) return;
    if (!first && refuse_stale(stream, message)) return;
    if (stream->options.max_messages && stream->count >= stream->options.max_messages) {
        sim_js_reply(message, "{\"error\":{\"code\":503,\"err_code\":10077,\"description\":\"maximum messages "
                              "exceeded\"},\"stream\":\"\",\"seq\":0}");
        return;
    }
    append(stream, message);
    remember_id(stream, message);
    snprintf(text, sizeof text, "{\"stream\":\"%s\", \"seq\":%llu}", stream->options.name,
             (unsigned long long)stream->last);
    sim_js_reply(message, text);
    for (sim_consumer *consumer = stream->consumers; consumer; consumer = consumer->next) sim_js_serve(consumer);
}

bool sim_js_take(const sim_message *message)
{
    const char *subject = message->subject;
    if (strncmp(subject, "$JS.API.", 8) == 0) {
        sim_js_api(subject + 8, message);
        return strncmp(subject + 8, "DIRECT.GET.", 11) != 0 || sim_js_stream(subject + 19);
    }
    if (strncmp(subject, "$JS.ACK.", 8) == 0) {
        sim_js_acked(subject + 8, message);
        return true;
    }
    for (sim_stream *stream = streams; stream; stream = stream->next) {
        if (!sim_subject_matches(stream->options.subjects, subject)) continue;
        store(stream, message);
        return true;
    }
    return false;
}

/* ---- what breaks ---- */

static void lose_seen(sim_stream *stream, uint64_t last)
{
    for (sim_seen **at = &stream->seen; *at;) {
        if ((*at)->sequence > last)
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
}

static void lose_state(sim_consumer *consumer, uint64_t last)
{
    size_t kept = 0;
    for (size_t i = 0; i < consumer->pending_count; i++)
        if (consumer->pending[i].sequence <= last) consumer->pending[kept++] = consumer->pending[i];
    consumer->pending_count = kept;
    if (consumer->delivered > last) consumer->delivered = last;
    if (consumer->floor > last) consumer->floor = last;
    sim_js_tidy_floor(consumer);
}

static void remember_lost(sim_stream *stream, uint64_t last)
{
    size_t more = (size_t)(stream->last - last);
    sim_stored *lost = sim_alloc((stream->lost_count + more + 1) * sizeof *lost);
    if (stream->lost_count > 0) memcpy(lost, stream->lost, stream->lost_count * sizeof *lost);
    memcpy(lost + stream->lost_count, stream->stored + last, more * sizeof *lost);
    stream->lost = lost;
    stream->lost_count += more;
}

const sim_stored *sim_js_lost(const sim_stream *stream, const char *subject, int64_t time_ns, size_t *found)
{
    while (*found < stream->lost_count) {
        const sim_stored *lost = &stream->lost[(*found)++];
        if (lost->time_ns >= time_ns && strcmp(lost->message->subject, subject) == 0) return lost;
    }
    return NULL;
}

void sim_js_lose_end(sim_stream *stream, uint64_t last, bool ahead)
{
    sim_trace("log: %s loses its end after %llu, %llu messages%s", stream->options.name, (unsigned long long)last,
              (unsigned long long)(stream->last - last), ahead ? "; its consumers do not" : "");
    remember_lost(stream, last);
    stream->last = last;
    stream->count = 0;
    for (uint64_t i = 0; i < last; i++) {
        if (stream->stored[i].gone_at > last) stream->stored[i].gone_at = 0;
        if (!stream->stored[i].gone_at) stream->count++;
    }
    lose_seen(stream, last);
    for (sim_consumer *consumer = stream->consumers; consumer; consumer = consumer->next) {
        sim_js_forget_requests(consumer);
        if (!ahead) lose_state(consumer, last);
    }
}

void sim_js_remake(sim_stream *stream)
{
    sim_trace("log: %s is made anew", stream->options.name);
    stream->created_ns = sim_wall_ns();
    stream->last = stream->count = 0;
    stream->seen = NULL;
    for (sim_consumer *consumer = stream->consumers; consumer; consumer = consumer->next) {
        sim_js_forget_requests(consumer);
        consumer->created_ns = sim_wall_ns();
        consumer->delivered = consumer->consumer_seq = consumer->floor = consumer->floor_consumer_seq = 0;
        consumer->pending_count = 0;
    }
}
