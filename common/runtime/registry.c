/*
 * The service protocol's answers, written as text: three documents over the server's contracts and statistics. May
 * depend on link and rpc. Documents are made on request, so they cost nothing otherwise.
 */
#include "runtime/registry.h"

#include "base/clock.h"
#include "wire/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENT_MAX (1024 * 1024)
#define VERBS        3
#define SUBJECTS     (VERBS * 3 + 2)

struct furrow_registry {
    furrow_link *link;
    furrow_server *server;
    furrow_registry_options options;
    char started[40];
    furrow_subscription *subscriptions[SUBJECTS];
    size_t subscription_count;
};

static void text_field(furrow_buffer *out, const char *name, const char *value)
{
    furrow_buffer_printf(out, ",\"%s\":", name);
    furrow_json_append_string(out, furrow_bytes_of(value));
}

static void identity(const furrow_registry *registry, const char *type, furrow_buffer *out)
{
    const furrow_registry_options *options = &registry->options;
    furrow_buffer_printf(out, "{\"type\":\"io.nats.micro.v1.%s_response\"", type);
    text_field(out, "name", options->name);
    text_field(out, "id", options->id);
    text_field(out, "version", options->version);
    furrow_buffer_append_text(out, ",\"metadata\":{");
    for (size_t i = 0; i < options->metadata_count; i++) {
        if (i > 0) furrow_buffer_append_byte(out, ',');
        furrow_json_append_string(out, furrow_bytes_of(options->metadata[i].name));
        furrow_buffer_append_byte(out, ':');
        furrow_json_append_string(out, furrow_bytes_of(options->metadata[i].value));
    }
    furrow_buffer_append_byte(out, '}');
}

static void endpoint_identity(const furrow_registry *registry, const furrow_method_contract *method, furrow_buffer *out)
{
    furrow_buffer_append_text(out, "{\"name\":");
    furrow_json_append_string(out, furrow_bytes_of(method->name));
    text_field(out, "subject", method->subject);
    text_field(out, "queue_group", registry->options.name);
}

static const char *idempotency_text(furrow_idempotency idempotency)
{
    switch (idempotency) {
    case FURROW_NO_SIDE_EFFECTS:
        return "NO_SIDE_EFFECTS";
    case FURROW_IDEMPOTENT:
        return "IDEMPOTENT";
    default:
        return "IDEMPOTENCY_UNKNOWN";
    }
}

/* As a .proto names it: "string", "repeated int64", "employee.v1.Contact". */
static void write_type(const ProtobufCFieldDescriptor *field, furrow_buffer *out)
{
    static const char *const names[] = {"int32",  "sint32",  "sfixed32", "int64",   "sint64", "sfixed64",
                                        "uint32", "fixed32", "uint64",   "fixed64", "float",  "double",
                                        "bool",   "enum",    "string",   "bytes",   "message"};
    const ProtobufCMessageDescriptor *message = field->type == PROTOBUF_C_TYPE_MESSAGE ? field->descriptor : NULL;
    const ProtobufCEnumDescriptor *of = field->type == PROTOBUF_C_TYPE_ENUM ? field->descriptor : NULL;
    furrow_buffer_printf(out, "%s%s", field->label == PROTOBUF_C_LABEL_REPEATED ? "repeated " : "",
                         message ? message->name
                         : of    ? of->name
                                 : names[field->type]);
}

/* Who calls it sees what to send with no tool but `nats micro info`. */
static void write_message_fields(furrow_buffer *out, const char *name, const ProtobufCMessageDescriptor *message)
{
    furrow_buffer_printf(out, ",\"%s\":\"", name);
    for (unsigned i = 0; i < message->n_fields; i++) {
        furrow_buffer_printf(out, "%s%s ", i > 0 ? ", " : "", message->fields[i].name);
        write_type(&message->fields[i], out);
    }
    furrow_buffer_append_byte(out, '"');
}

static void endpoint_info(const furrow_registry *registry, const furrow_method_contract *method, furrow_buffer *out)
{
    endpoint_identity(registry, method, out);
    furrow_buffer_append_text(out, ",\"metadata\":{\"summary\":");
    furrow_json_append_string(out, furrow_bytes_of(method->summary));
    text_field(out, "request", method->input->name);
    write_message_fields(out, "request.fields", method->input);
    text_field(out, "response", method->output->name);
    write_message_fields(out, "response.fields", method->output);
    text_field(out, "idempotency", idempotency_text(method->idempotency));
    furrow_buffer_append_text(out, "}}");
}

static void endpoint_stats(const furrow_registry *registry, const furrow_method_contract *method,
                           const furrow_method_stats *stats, furrow_buffer *out)
{
    uint64_t average = stats->requests > 0 ? stats->processing_ns / stats->requests : 0;
    endpoint_identity(registry, method, out);
    furrow_buffer_printf(out,
                         ",\"num_requests\":%" PRIu64 ",\"num_errors\":%" PRIu64 ",\"last_error\":", stats->requests,
                         stats->errors);
    furrow_json_append_string(out, furrow_bytes_of(stats->last_error));
    furrow_buffer_printf(out,
                         ",\"processing_time\":%" PRIu64 ",\"average_processing_time\":%" PRIu64
                         ",\"data\":{\"expired\":%" PRIu64 ",\"refused\":%" PRIu64,
                         stats->processing_ns, average, stats->expired, stats->refused);
    if (registry->options.data) {
        furrow_buffer_append_byte(out, ',');
        registry->options.data(registry->options.user, out);
    }
    furrow_buffer_append_text(out, "}}");
}

/* Every endpoint of every service; `endpoints` is always there, also when empty: the CLI refuses null. */
static void endpoints(const furrow_registry *registry, bool stats, furrow_buffer *out)
{
    furrow_buffer_append_text(out, ",\"endpoints\":[");
    bool first = true;
    for (size_t s = 0; s < furrow_server_services(registry->server); s++) {
        const furrow_service_contract *service = furrow_server_service(registry->server, s)->service;
        for (size_t m = 0; m < service->method_count; m++, first = false) {
            if (!first) furrow_buffer_append_byte(out, ',');
            if (stats)
                endpoint_stats(registry, &service->methods[m], furrow_server_stats(registry->server, s, m), out);
            else
                endpoint_info(registry, &service->methods[m], out);
        }
    }
    furrow_buffer_append_text(out, "]");
}

static void write_ping(const furrow_registry *registry, furrow_buffer *out)
{
    identity(registry, "ping", out);
    furrow_buffer_append_byte(out, '}');
}

static void write_info(const furrow_registry *registry, furrow_buffer *out)
{
    identity(registry, "info", out);
    text_field(out, "description", registry->options.description);
    endpoints(registry, false, out);
    furrow_buffer_append_byte(out, '}');
}

void furrow_registry_write_load(const furrow_server_load *load, furrow_buffer *out)
{
    furrow_buffer_printf(out,
                         "\"load\":{\"state\":\"%s\",\"running\":%zu,\"limit\":%zu,\"queued\":%zu,\"waiting\":%zu,"
                         "\"refused\":%" PRIu64 ",\"expired\":%" PRIu64 "}",
                         load->refuses_all  ? "refuses all"
                         : load->overloaded ? "overloaded"
                                            : "ok",
                         load->running, load->limit, load->queued, load->waiting, load->refused, load->expired);
}

static void write_stats(const furrow_registry *registry, furrow_buffer *out)
{
    identity(registry, "stats", out);
    text_field(out, "started", registry->started);
    endpoints(registry, true, out);
    furrow_buffer_append_byte(out, '}');
}

static void write_health(const furrow_registry *registry, furrow_buffer *out)
{
    registry->options.health(registry->options.user, out);
}

/*
 * A request's body and headers mean nothing here (`nats` sends {} or nothing); only an inbox may be answered. @bulky: an
 * asker who reads none of them would hold others up, so they are bounded like a caller's pages.
 */
static void answer_monitor(furrow_registry *registry, furrow_msg *request, bool bulky,
                           void (*write)(const furrow_registry *, furrow_buffer *))
{
    FURROW_AUTO(furrow_msg) msg = request;
    if (!furrow_subject_is_inbox(msg->reply)) return;
    furrow_buffer out;
    furrow_buffer_init(&out, DOCUMENT_MAX);
    write(registry, &out);
    if (!out.failed && (!bulky || furrow_server_may_tell(registry->server, msg->reply, out.len))) {
        furrow_outgoing reply = {.subject = msg->reply, .data = {out.data, out.len}};
        furrow_error lost; /* an unsent answer is the asker's time-out */
        (void)!furrow_link_publish(registry->link, &reply, &lost);
    }
    furrow_buffer_fini(&out);
}

static void on_ping(void *arg, furrow_msg *msg)
{
    answer_monitor(arg, msg, false, write_ping);
}
static void on_info_asked(void *arg, furrow_msg *msg)
{
    answer_monitor(arg, msg, true, write_info);
}
static void on_stats(void *arg, furrow_msg *msg)
{
    answer_monitor(arg, msg, true, write_stats);
}
static void on_health_asked(void *arg, furrow_msg *msg)
{
    answer_monitor(arg, msg, false, write_health);
}

static furrow_status listen_on(furrow_registry *registry, const char *subject, const char *queue, furrow_msg_fn *fn,
                               furrow_error *err)
{
    furrow_subscribe_options options = {.queue = queue, .max_per_turn = 1024};
    furrow_subscription *subscription = furrow_link_subscribe(registry->link, subject, &options, fn, registry, err);
    if (!subscription) return furrow_wrap(err, "subscribe to %s", subject);
    registry->subscriptions[registry->subscription_count++] = subscription;
    return FURROW_OK;
}

/* Discovery must reach every instance: plain subscriptions. Health by name reaches any one. */
static furrow_status listen_all(furrow_registry *registry, furrow_error *err)
{
    static const struct {
        const char *verb;
        furrow_msg_fn *fn;
    } verbs[VERBS] = {{"PING", on_ping}, {"INFO", on_info_asked}, {"STATS", on_stats}};
    const char *name = registry->options.name, *id = registry->options.id;
    char subject[FURROW_SUBJECT_MAX];
    furrow_status status = FURROW_OK;
    for (size_t v = 0; v < VERBS && status == FURROW_OK; v++) {
        snprintf(subject, sizeof subject, "$SRV.%s", verbs[v].verb);
        status = listen_on(registry, subject, NULL, verbs[v].fn, err);
        snprintf(subject, sizeof subject, "$SRV.%s.%s", verbs[v].verb, name);
        if (status == FURROW_OK) status = listen_on(registry, subject, NULL, verbs[v].fn, err);
        snprintf(subject, sizeof subject, "$SRV.%s.%s.%s", verbs[v].verb, name, id);
        if (status == FURROW_OK) status = listen_on(registry, subject, NULL, verbs[v].fn, err);
    }
    snprintf(subject, sizeof subject, "furrow.v1.Health.%s", name);
    if (status == FURROW_OK) status = listen_on(registry, subject, name, on_health_asked, err);
    snprintf(subject, sizeof subject, "furrow.v1.Health.%s.%s", name, id);
    if (status == FURROW_OK) status = listen_on(registry, subject, NULL, on_health_asked, err);
    return status;
}

furrow_registry *furrow_registry_create(furrow_link *link, furrow_server *server,
                                        const furrow_registry_options *options, furrow_error *err)
{
    furrow_registry *registry = calloc(1, sizeof *registry);
    if (!registry) {
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    *registry = (furrow_registry){.link = link, .server = server, .options = *options};
    furrow_clock_format(furrow_clock_wall_ns(), registry->started);
    snprintf(strchr(registry->started, '.') + 7, 2, "Z"); /* microseconds: nats.py reads no more digits */
    if (listen_all(registry, err) != FURROW_OK) {
        furrow_registry_destroy(registry);
        return NULL;
    }
    return registry;
}

void furrow_registry_destroy(furrow_registry *registry)
{
    if (!registry) return;
    for (size_t i = 0; i < registry->subscription_count; i++) furrow_subscription_destroy(registry->subscriptions[i]);
    free(registry);
}
