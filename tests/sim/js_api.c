/* The API subjects of JetStream, as far as the SDK asks them; bodies are scanned for the keys that it writes. */
#include "js.h"

#include "base/clock.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* What stands behind "key": ; NULL: there is none. */
static const char *find(const sim_message *request, const char *key)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(request->data, quoted);
    return at ? at + strlen(quoted) : NULL;
}

bool sim_js_number(const sim_message *request, const char *key, uint64_t *out)
{
    const char *at = find(request, key);
    if (!at) return false;
    *out = strtoull(at, NULL, 10);
    return true;
}

bool sim_js_text(const sim_message *request, const char *key, char *out, size_t size)
{
    const char *at = find(request, key);
    if (!at) return false;
    if (*at == '"') at++;
    snprintf(out, size, "%.*s", (int)strcspn(at, "\",}"), at);
    return true;
}

void sim_js_format_time(int64_t wall_ns, char out[40])
{
    furrow_clock_format(wall_ns, out);
}

static void refuse(const sim_message *request, int code, int err_code, const char *text)
{
    char json[200];
    snprintf(json, sizeof json, "{\"type\":\"\",\"error\":{\"code\":%d,\"err_code\":%d,\"description\":\"%s\"}}", code,
             err_code, text);
    sim_js_reply(request, json);
}

/* ---- infos ---- */

static size_t count_consumers(const sim_stream *stream)
{
    size_t count = 0;
    for (const sim_consumer *at = stream->consumers; at; at = at->next) count += !at->deleted;
    return count;
}

/* Only what has messages is named. */
static void write_subjects(const sim_stream *stream, const char *filter, char *out, size_t size)
{
    size_t len = (size_t)snprintf(out, size, ",\"subjects\":{");
    bool some = false;
    for (uint64_t i = 0; i < stream->last; i++) {
        const sim_stored *at = &stream->stored[i];
        uint64_t count = 0;
        if (at->gone_at || !sim_subject_matches(filter, at->message->subject)) continue;
        if (sim_js_newest(stream, at->message->subject) != at) continue;
        for (uint64_t j = 0; j < stream->last; j++)
            count +=
                !stream->stored[j].gone_at && strcmp(stream->stored[j].message->subject, at->message->subject) == 0;
        len += (size_t)snprintf(out + len, size - len, "%s\"%s\":%llu", some ? "," : "", at->message->subject,
                                (unsigned long long)count);
        some = true;
    }
    snprintf(out + len, size - len, "}");
    if (!some) out[0] = '\0';
}

static void stream_info(const char *name, const sim_message *request)
{
    char created[40], filter[256], json[4096], subjects[3000] = "";
    const sim_stream *stream = sim_js_stream(name);
    if (!stream) {
        refuse(request, 404, 10059, "stream not found");
        return;
    }
    sim_js_format_time(stream->created_ns, created);
    if (sim_js_text(request, "subjects_filter", filter, sizeof filter))
        write_subjects(stream, filter, subjects, sizeof subjects);
    snprintf(
        json, sizeof json,
        "{\"type\":\"io.nats.jetstream.api.v1.stream_info_response\",\"config\":{\"name\":\"%s\"},\"created\":\"%s\","
        "\"state\":{\"messages\":%llu,\"bytes\":%llu,\"first_seq\":%llu,\"last_seq\":%llu,\"consumer_count\":%zu%s}}",
        name, created, (unsigned long long)stream->count, (unsigned long long)stream->count * 100,
        (unsigned long long)sim_js_first(stream), (unsigned long long)stream->last, count_consumers(stream), subjects);
    sim_js_reply(request, json);
}

static void format_consumer(const sim_consumer *consumer, char *json, size_t size)
{
    char created[40];
    uint64_t redelivered = 0, pending = 0;
    const sim_stored *at = NULL;
    for (size_t i = 0; i < consumer->pending_count; i++) redelivered += consumer->pending[i].deliveries > 1;
    for (uint64_t from = consumer->delivered + 1; (at = sim_js_next(consumer->stream, from, NULL));
         from = at->sequence + 1)
        pending++;
    sim_js_format_time(consumer->created_ns, created);
    snprintf(json, size,
             "{\"type\":\"io.nats.jetstream.api.v1.consumer_info_response\",\"stream_name\":\"%s\",\"name\":\"%s\","
             "\"created\":\"%s\",\"config\":{\"durable_name\":\"%s\",\"ack_policy\":\"explicit\"},"
             "\"delivered\":{\"consumer_seq\":%llu,\"stream_seq\":%llu},"
             "\"ack_floor\":{\"consumer_seq\":%llu,\"stream_seq\":%llu},"
             "\"num_ack_pending\":%zu,\"num_redelivered\":%llu,\"num_waiting\":0,\"num_pending\":%llu}",
             consumer->stream->options.name, consumer->name, created, consumer->name,
             (unsigned long long)consumer->consumer_seq, (unsigned long long)consumer->delivered,
             (unsigned long long)consumer->floor_consumer_seq, (unsigned long long)consumer->floor,
             consumer->pending_count, (unsigned long long)redelivered, (unsigned long long)pending);
}

static void consumer_info(const char *rest, const sim_message *request)
{
    char stream_name[80], json[1500];
    const char *dot = strchr(rest, '.');
    snprintf(stream_name, sizeof stream_name, "%.*s", dot ? (int)(dot - rest) : 0, rest);
    const sim_stream *stream = sim_js_stream(stream_name);
    const sim_consumer *consumer = stream ? sim_js_consumer(stream, dot + 1) : NULL;
    if (!stream) {
        refuse(request, 404, 10059, "stream not found");
    } else if (!consumer) {
        refuse(request, 404, 10014, "consumer not found");
    } else {
        format_consumer(consumer, json, sizeof json);
        sim_js_reply(request, json);
    }
}

/* ---- messages ---- */

static const sim_stored *find_message(const sim_stream *stream, const sim_message *request)
{
    char subject[300];
    uint64_t sequence = 0;
    (void)sim_js_number(request, "seq", &sequence);
    if (sim_js_text(request, "last_by_subj", subject, sizeof subject)) return sim_js_newest(stream, subject);
    if (sim_js_text(request, "next_by_subj", subject, sizeof subject)) return sim_js_next(stream, sequence, subject);
    const sim_stored *at = sim_js_at(stream, sequence);
    return at && !at->gone_at ? at : NULL;
}

static char *base64(const void *data, size_t len)
{
    size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
    return sodium_bin2base64(sim_alloc(size), size, data, len, sodium_base64_VARIANT_ORIGINAL);
}

static void get_message(const char *name, const sim_message *request)
{
    char time[40];
    const sim_stream *stream = sim_js_stream(name);
    if (!stream) {
        refuse(request, 404, 10059, "stream not found");
        return;
    }
    const sim_stored *found = find_message(stream, request);
    if (!found) {
        refuse(request, 404, 10037, "no message found");
        return;
    }
    const sim_message *message = found->message;
    const char *block = sim_message_block(message), *headers = block ? base64(block, strlen(block)) : NULL,
               *data = base64(message->data, message->len);
    sim_js_format_time(found->time_ns, time);
    size_t size = strlen(data) + (headers ? strlen(headers) : 0) + 600;
    char *json = sim_alloc(size);
    snprintf(json, size,
             "{\"type\":\"io.nats.jetstream.api.v1.stream_msg_get_response\",\"message\":{\"subject\":\"%s\",\"seq\":%"
             "llu%s%s"
             "%s%s%s%s,\"time\":\"%s\"}}",
             message->subject, (unsigned long long)found->sequence, headers ? ",\"hdrs\":\"" : "",
             headers ? headers : "", headers ? "\"" : "", message->len ? ",\"data\":\"" : "", message->len ? data : "",
             message->len ? "\"" : "", time);
    sim_js_reply(request, json);
}

static void direct_get(const char *name, const sim_message *request)
{
    char number[24], time[40];
    const sim_stream *stream = sim_js_stream(name);
    if (!stream || !request->reply) return;
    const sim_stored *found = find_message(stream, request);
    sim_message *answer =
        sim_message_make(request->reply, NULL, found ? found->message->data : "", found ? found->message->len : 0);
    if (!found) {
        sim_message_add(answer, "Status", "404");
        sim_message_add(answer, "Description", "Message Not Found");
    } else {
        for (size_t i = 0; i < found->message->header_count; i++)
            sim_message_add(answer, found->message->headers[i].name, found->message->headers[i].value);
        snprintf(number, sizeof number, "%llu", (unsigned long long)found->sequence);
        sim_js_format_time(found->time_ns, time);
        sim_message_add(answer, "Nats-Stream", name);
        sim_message_add(answer, "Nats-Subject", found->message->subject);
        sim_message_add(answer, "Nats-Sequence", number);
        sim_message_add(answer, "Nats-Time-Stamp", time);
    }
    (void)sim_nats_send(request->reply, answer);
}

/* A pull for a consumer that is not there gets no answer at all. */
static void pull(const char *rest, const sim_message *request)
{
    char stream_name[80];
    const char *dot = strchr(rest, '.');
    snprintf(stream_name, sizeof stream_name, "%.*s", dot ? (int)(dot - rest) : 0, rest);
    sim_stream *stream = sim_js_stream(stream_name);
    sim_consumer *consumer = stream ? sim_js_consumer(stream, dot + 1) : NULL;
    if (consumer) sim_js_pull(consumer, request);
}

void sim_js_api(const char *verb, const sim_message *request)
{
    static const struct {
        const char *verb;
        void (*fn)(const char *rest, const sim_message *request);
    } verbs[] = {{"STREAM.INFO.", stream_info},
                 {"CONSUMER.INFO.", consumer_info},
                 {"STREAM.MSG.GET.", get_message},
                 {"DIRECT.GET.", direct_get},
                 {"CONSUMER.MSG.NEXT.", pull}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        size_t len = strlen(verbs[i].verb);
        if (strncmp(verb, verbs[i].verb, len) != 0) continue;
        verbs[i].fn(verb + len, request);
        return;
    }
    refuse(request, 400, 10025, "the simulated server does not know this");
}
