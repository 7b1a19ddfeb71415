/* The JSON, whose shape services/cli/README.md documents: names are never taken away, what is not known is null. */
#include "cli/lineage/lineage.h"

#include "wire/json.h"

#include <inttypes.h>
#include <string.h>

#define DOCUMENT_MAX ((size_t)1 << 30)

static void append_text(furrow_buffer *out, const char *name, const char *value)
{
    furrow_buffer_printf(out, "\"%s\":", name);
    furrow_json_append_string(out, furrow_bytes_of(value));
    furrow_buffer_append_byte(out, ',');
}

static void append_number(furrow_buffer *out, const char *name, uint64_t value)
{
    if (value == LINEAGE_UNKNOWN)
        furrow_buffer_printf(out, "\"%s\":null,", name);
    else
        furrow_buffer_printf(out, "\"%s\":%" PRIu64 ",", name, value);
}

static void append_mean(furrow_buffer *out, const char *name, uint64_t bytes, uint64_t records)
{
    double value;
    if (lineage_mean(bytes, records, &value))
        furrow_buffer_printf(out, "\"%s\":%.3f,", name, value);
    else
        furrow_buffer_printf(out, "\"%s\":null,", name);
}

static void append_flag(furrow_buffer *out, const char *name, bool value)
{
    furrow_buffer_printf(out, "\"%s\":%s,", name, value ? "true" : "false");
}

/* Whoever writes a member writes a comma after it; the last one's goes. */
static void close_bracket(furrow_buffer *out, const char *bracket)
{
    if (out->len > 0 && out->data[out->len - 1] == ',') out->len--;
    furrow_buffer_append_text(out, bracket);
}

/* "id,display_name" as a list. */
static void append_fields(furrow_buffer *out, const char *name, const char *list)
{
    furrow_buffer_printf(out, "\"%s\":[", name);
    for (const char *at = list; *at;) {
        size_t len = strcspn(at, ",");
        furrow_json_append_string(out, (furrow_bytes){at, len});
        furrow_buffer_append_byte(out, ',');
        at += len + (at[len] == ',');
    }
    close_bracket(out, "],");
}

static void write_service_json(furrow_buffer *out, const lineage_service *service)
{
    static const char *const states[] = {"down", "not serving", "serving"};
    furrow_buffer_append_text(out, "\n    {");
    append_text(out, "service", service->name);
    append_text(out, "state", states[service->state]);
    append_text(out, "why", service->why);
    append_number(out, "instances", service->instances);
    append_flag(out, "contract", service->contract);
    close_bracket(out, "},");
}

static void write_entity_json(furrow_buffer *out, const lineage_entity *entity)
{
    furrow_buffer_append_text(out, "\n    {");
    append_text(out, "entity", entity->name);
    append_text(out, "owner", entity->owner);
    append_text(out, "stream", entity->stream);
    append_number(out, "field_count", entity->field_count);
    furrow_buffer_append_text(out, "\"fields\":[");
    for (unsigned i = 0; entity->descriptor && i < entity->descriptor->n_fields; i++) {
        furrow_json_append_string(out, furrow_bytes_of(entity->descriptor->fields[i].name));
        furrow_buffer_append_byte(out, ',');
    }
    close_bracket(out, "],");
    append_number(out, "records", entity->records);
    append_number(out, "bytes", entity->bytes);
    append_mean(out, "bytes_per_record", entity->bytes, entity->records);
    append_number(out, "answer_bytes", entity->answer_bytes);
    append_number(out, "log_messages", entity->log_messages);
    append_number(out, "log_bytes", entity->log_bytes);
    close_bracket(out, "},");
}

static void write_storage(furrow_buffer *out, const lineage_replica *replica)
{
    furrow_buffer_append_text(out, "\"storage\":{");
    append_number(out, "records", replica->records);
    append_number(out, "bytes", replica->bytes);
    append_mean(out, "bytes_per_record", replica->bytes, replica->records);
    append_number(out, "memory_bytes", replica->memory_bytes);
    append_number(out, "full_records", replica->entity->records);
    append_number(out, "full_bytes", replica->entity->bytes);
    append_mean(out, "full_bytes_per_record", replica->entity->bytes, replica->entity->records);
    close_bracket(out, "},");
}

static void write_bandwidth(furrow_buffer *out, const lineage_replica *replica)
{
    uint64_t asking = LINEAGE_UNKNOWN;
    int64_t saved;
    (void)lineage_asking(replica, &asking);
    furrow_buffer_append_text(out, "\"bandwidth\":{");
    append_number(out, "events", replica->events);
    append_number(out, "event_bytes", replica->event_bytes);
    append_number(out, "reads", replica->reads);
    append_number(out, "asking_bytes", asking);
    if (lineage_saved(replica, &saved))
        furrow_buffer_printf(out, "\"saved_bytes\":%" PRId64 ",", saved);
    else
        furrow_buffer_append_text(out, "\"saved_bytes\":null,");
    close_bracket(out, "},");
    furrow_buffer_append_text(out, "\"consumer\":{");
    append_flag(out, "exists", replica->consumer);
    append_number(out, "delivered", replica->delivered);
    append_number(out, "redelivered", replica->redelivered);
    append_number(out, "pending", replica->pending);
    close_bracket(out, "},");
}

static void write_replica_json(furrow_buffer *out, const lineage *all, const lineage_replica *replica)
{
    furrow_buffer_append_text(out, "\n    {");
    append_text(out, "service", replica->service);
    append_text(out, "entity", replica->entity->name);
    append_text(out, "owner", replica->entity->owner);
    append_text(out, "stream", replica->entity->stream);
    append_text(out, "state", replica->state);
    append_text(out, "mark", lineage_mark(all, replica));
    append_fields(out, "fields", replica->fields);
    append_number(out, "field_count", replica->field_count);
    append_number(out, "field_total", replica->entity->field_count);
    write_storage(out, replica);
    write_bandwidth(out, replica);
    close_bracket(out, "},");
}

static void write_sums(furrow_buffer *out, const lineage *all)
{
    lineage_sums sums = lineage_sum(all);
    furrow_buffer_append_text(out, "\n  \"total\":{");
    append_number(out, "stored_replicas", sums.stored_replicas);
    append_number(out, "bytes", sums.bytes);
    append_number(out, "full_bytes", sums.full_bytes);
    append_number(out, "memory_bytes", sums.memory_bytes);
    append_number(out, "moved_replicas", sums.moved_replicas);
    append_number(out, "event_bytes", sums.event_bytes);
    append_number(out, "reads", sums.reads);
    append_number(out, "asking_bytes", sums.asking_bytes);
    furrow_buffer_printf(out, "\"saved_bytes\":%" PRId64 ",", (int64_t)sums.asking_bytes - (int64_t)sums.event_bytes);
    close_bracket(out, "},");
}

void lineage_print_json(const lineage *all, FILE *file)
{
    furrow_buffer buffer, *out = &buffer;
    furrow_buffer_init(out, DOCUMENT_MAX);
    furrow_buffer_append_text(out, "{\n  \"version\":1,");
    append_text(out, "at", all->at);
    append_flag(out, "complete", !all->incomplete);
    furrow_buffer_append_text(out, "\n  \"notes\":[");
    for (size_t i = 0; i < all->note_count; i++) {
        furrow_json_append_string(out, furrow_bytes_of(all->notes[i]));
        furrow_buffer_append_byte(out, ',');
    }
    close_bracket(out, "],\n  \"services\":[");
    for (size_t i = 0; i < all->service_count; i++) write_service_json(out, &all->services[i]);
    close_bracket(out, "],\n  \"entities\":[");
    for (size_t i = 0; i < all->entity_count; i++)
        if (!all->entities[i]->internal) write_entity_json(out, all->entities[i]);
    close_bracket(out, "],\n  \"replicas\":[");
    for (size_t i = 0; i < all->replica_count; i++) write_replica_json(out, all, &all->replicas[i]);
    close_bracket(out, "],");
    write_sums(out, all);
    close_bracket(out, "\n}\n");
    FURROW_REQUIRE(!out->failed);
    fwrite(out->data, 1, out->len, file);
    furrow_buffer_fini(out);
}
