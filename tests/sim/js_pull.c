/*
 * Durable pull consumers: explicit acks, an ack wait of 30 seconds, any number of deliveries (ADR-13, ADR-37).
 */
#include "js.h"

#include <stdlib.h>
#include <string.h>

static void send_status(sim_request *request, const char *code, const char *text, bool counts)
{
    char number[24];
    sim_message *status = sim_message_make(request->inbox, NULL, "", 0);
    sim_message_add(status, "Status", code);
    sim_message_add(status, "Description", text);
    if (counts) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)request->left);
        sim_message_add(status, "Nats-Pending-Messages", number);
        snprintf(number, sizeof number, "%llu", (unsigned long long)request->bytes_left);
        sim_message_add(status, "Nats-Pending-Bytes", number);
    }
    (void)sim_nats_send(request->inbox, status);
}

static void end_request(sim_request *request)
{
    sim_consumer *consumer = request->consumer;
    for (sim_request **at = &consumer->requests; *at; at = &(*at)->next) {
        if (*at != request) continue;
        *at = request->next;
        break;
    }
    request->over = true;
    sim_cancel(request->expiry);
    sim_cancel(request->pulse);
    request->expiry = request->pulse = NULL;
}

void sim_js_forget_requests(sim_consumer *consumer)
{
    while (consumer->requests) end_request(consumer->requests);
}

/* ---- what is pending ---- */

void sim_js_tidy_floor(sim_consumer *consumer)
{
    uint64_t floor = consumer->delivered, number = consumer->consumer_seq;
    for (size_t i = 0; i < consumer->pending_count; i++) {
        if (consumer->pending[i].sequence <= floor) {
            floor = consumer->pending[i].sequence - 1;
            number = consumer->pending[i].consumer_seq - 1;
        }
    }
    if (floor > consumer->floor) consumer->floor = floor;
    if (number > consumer->floor_consumer_seq) consumer->floor_consumer_seq = number;
}

static sim_pending *find_pending(sim_consumer *consumer, uint64_t sequence)
{
    for (size_t i = 0; i < consumer->pending_count; i++)
        if (consumer->pending[i].sequence == sequence) return &consumer->pending[i];
    return NULL;
}

static void settle(sim_consumer *consumer, sim_pending *pending)
{
    *pending = consumer->pending[--consumer->pending_count];
    sim_js_tidy_floor(consumer);
}

void sim_js_dropped(sim_consumer *consumer, uint64_t sequence)
{
    sim_pending *pending = find_pending(consumer, sequence);
    if (pending) settle(consumer, pending);
}

static void set_alarm(sim_consumer *consumer);

static void on_alarm(void *arg)
{
    sim_consumer *consumer = arg;
    consumer->alarm = NULL;
    for (size_t i = 0; i < consumer->pending_count; i++)
        if (consumer->pending[i].due_ns <= sim_now_ns()) consumer->pending[i].again = true;
    sim_js_serve(consumer);
    set_alarm(consumer);
}

static void set_alarm(sim_consumer *consumer)
{
    uint64_t due = UINT64_MAX;
    sim_cancel(consumer->alarm);
    consumer->alarm = NULL;
    for (size_t i = 0; i < consumer->pending_count; i++)
        if (!consumer->pending[i].again && consumer->pending[i].due_ns < due) due = consumer->pending[i].due_ns;
    if (due != UINT64_MAX) consumer->alarm = sim_at(due, on_alarm, consumer);
}

/* ---- delivery ---- */

static sim_pending *next_again(sim_consumer *consumer)
{
    sim_pending *first = NULL;
    for (size_t i = 0; i < consumer->pending_count; i++)
        if (consumer->pending[i].again && (!first || consumer->pending[i].sequence < first->sequence))
            first = &consumer->pending[i];
    return first;
}

static sim_pending *add_pending(sim_consumer *consumer, uint64_t sequence)
{
    if (consumer->pending_count == consumer->pending_room) {
        size_t room = consumer->pending_room ? 2 * consumer->pending_room : 32;
        sim_pending *pending = sim_alloc(room * sizeof *pending);
        if (consumer->pending_count) memcpy(pending, consumer->pending, consumer->pending_count * sizeof *pending);
        consumer->pending = pending;
        consumer->pending_room = room;
    }
    sim_pending *made = &consumer->pending[consumer->pending_count++];
    *made = (sim_pending){.sequence = sequence};
    return made;
}

static uint64_t count_pending(const sim_consumer *consumer)
{
    uint64_t count = 0;
    const sim_stored *at = NULL;
    for (uint64_t from = consumer->delivered + 1; (at = sim_js_next(consumer->stream, from, NULL));
         from = at->sequence + 1)
        count++;
    return count;
}

static size_t weight_of(const sim_message *message)
{
    const char *block = sim_message_block(message);
    return strlen(message->subject) + message->len + (block ? strlen(block) : 0) + 100;
}

static bool has_room(const sim_request *request, const sim_message *message)
{
    return !request->limits_bytes || weight_of(message) <= request->bytes_left;
}

/* False: nobody listens there any more. */
static bool deliver(sim_consumer *consumer, sim_request *request, const sim_stored *stored, sim_pending *pending)
{
    char reply[300];
    sim_message *copy = sim_alloc(sizeof *copy);
    *copy = *stored->message;
    snprintf(reply, sizeof reply, "$JS.ACK.%s.%s.%llu.%llu.%llu.%lld.%llu", consumer->stream->options.name,
             consumer->name, (unsigned long long)pending->deliveries + 1, (unsigned long long)stored->sequence,
             (unsigned long long)consumer->consumer_seq + 1, (long long)stored->time_ns,
             (unsigned long long)count_pending(consumer));
    copy->reply = sim_strdup(reply);
    if (!sim_nats_send(request->inbox, copy)) return false;
    consumer->consumer_seq++;
    pending->deliveries++;
    pending->consumer_seq = consumer->consumer_seq;
    pending->again = false;
    pending->due_ns = sim_now_ns() + SIM_JS_ACK_WAIT_NS;
    request->left--;
    if (request->limits_bytes) request->bytes_left -= weight_of(stored->message);
    request->last_sent_ns = sim_now_ns();
    return true;
}

/* The next message for this consumer; *pending is the one of a redelivery, or NULL. */
static const sim_stored *next_message(sim_consumer *consumer, sim_pending **pending)
{
    while ((*pending = next_again(consumer))) {
        const sim_stored *stored = sim_js_at(consumer->stream, (*pending)->sequence);
        if (stored && !stored->gone_at) return stored;
        settle(consumer, *pending);
    }
    if (consumer->pending_count >= SIM_JS_MAX_ACK_PENDING) return NULL;
    return sim_js_next(consumer->stream, consumer->delivered + 1, NULL);
}

static void deliver_next(sim_consumer *consumer, sim_request *request, const sim_stored *stored, sim_pending *pending)
{
    bool is_new = !pending;
    if (!has_room(request, stored->message)) {
        send_status(request, "409", "Message Size Exceeds MaxBytes", true);
        end_request(request);
        return;
    }
    uint64_t before = consumer->delivered;
    if (is_new) {
        pending = add_pending(consumer, stored->sequence);
        consumer->delivered = stored->sequence;
    }
    bool taken = deliver(consumer, request, stored, pending);
    if (!taken && is_new) {
        consumer->delivered = before;
        consumer->pending_count--;
    }
    if (!taken || request->left == 0) end_request(request);
}

void sim_js_serve(sim_consumer *consumer)
{
    sim_pending *pending = NULL;
    const sim_stored *stored = NULL;
    if (!sim_nats_is_up()) return;
    while (consumer->requests && (stored = next_message(consumer, &pending)))
        deliver_next(consumer, consumer->requests, stored, pending);
    set_alarm(consumer);
}

/* ---- requests ---- */

static void on_expiry(void *arg)
{
    sim_request *request = arg;
    request->expiry = NULL;
    send_status(request, "408", "Request Timeout", true);
    end_request(request);
}

static void on_pulse(void *arg)
{
    sim_request *request = arg;
    uint64_t due = request->last_sent_ns + request->heartbeat_ns;
    if (due <= sim_now_ns()) {
        send_status(request, "100", "Idle Heartbeat", false);
        request->last_sent_ns = sim_now_ns();
        due = sim_now_ns() + request->heartbeat_ns;
    }
    request->pulse = sim_at(due, on_pulse, request);
}

static sim_request *make_request(sim_consumer *consumer, const sim_message *message)
{
    char no_wait[8] = "";
    uint64_t expires = 0;
    sim_request *made = sim_alloc(sizeof *made);
    *made = (sim_request){.inbox = message->reply, .batch = 1, .consumer = consumer, .last_sent_ns = sim_now_ns()};
    (void)sim_js_number(message, "batch", &made->batch);
    made->limits_bytes = sim_js_number(message, "max_bytes", &made->max_bytes);
    (void)sim_js_number(message, "expires", &expires);
    (void)sim_js_number(message, "idle_heartbeat", &made->heartbeat_ns);
    made->no_wait = sim_js_text(message, "no_wait", no_wait, sizeof no_wait) && strcmp(no_wait, "true") == 0;
    made->left = made->batch;
    made->bytes_left = made->max_bytes;
    if (expires) made->expiry = sim_at(sim_now_ns() + expires, on_expiry, made);
    if (made->heartbeat_ns) made->pulse = sim_at(sim_now_ns() + made->heartbeat_ns, on_pulse, made);
    return made;
}

void sim_js_pull(sim_consumer *consumer, const sim_message *message)
{
    sim_pending *pending = NULL;
    if (!message->reply) return;
    sim_request *request = make_request(consumer, message);
    if (request->no_wait && !next_message(consumer, &pending)) {
        send_status(request, "404", "No Messages", false);
        return;
    }
    sim_request **at = &consumer->requests;
    while (*at) at = &(*at)->next;
    *at = request;
    sim_js_serve(consumer);
    if (request->no_wait && !request->over) end_request(request);
}

/* ---- acks: <stream>.<consumer>.<deliveries>.<sequence>.… ---- */

static void take_verdict(sim_consumer *consumer, sim_pending *pending, const sim_message *message)
{
    uint64_t delay = 0;
    const char *text = message->data;
    if (strncmp(text, "-NAK", 4) != 0) {
        if (strncmp(text, "+WPI", 4) != 0) settle(consumer, pending);
        return;
    }
    (void)sim_js_number(message, "delay", &delay);
    pending->again = delay == 0;
    pending->due_ns = sim_now_ns() + delay;
}

void sim_js_acked(const char *rest, const sim_message *message)
{
    char stream_name[80], name[80];
    unsigned long long deliveries = 0, sequence = 0;
    if (sscanf(rest, "%79[^.].%79[^.].%llu.%llu", stream_name, name, &deliveries, &sequence) != 4) return;
    sim_stream *stream = sim_js_stream(stream_name);
    sim_consumer *consumer = stream ? sim_js_consumer(stream, name) : NULL;
    sim_pending *pending = consumer ? find_pending(consumer, sequence) : NULL;
    if (!pending) return;
    take_verdict(consumer, pending, message);
    sim_js_reply(message, "");
    sim_js_serve(consumer);
}
