/* The rows, and what follows from their numbers; see lineage.h. Memory: out of it ends the tool, which holds nothing. */
#include "cli/lineage/lineage.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows ---- */

static void *grow_rows(void *rows, size_t count, size_t size)
{
    if (count % 16 != 0) return rows;
    void *grown = realloc(rows, (count + 16) * size);
    FURROW_REQUIRE(grown);
    return grown;
}

lineage_service *lineage_find_service(const lineage *all, const char *name)
{
    for (size_t i = 0; i < all->service_count; i++)
        if (strcmp(all->services[i].name, name) == 0) return &all->services[i];
    return NULL;
}

lineage_service *lineage_service_of(lineage *all, const char *name)
{
    lineage_service *known = lineage_find_service(all, name);
    if (known || all->service_count == LINEAGE_ROWS_MAX) return known;
    all->services = grow_rows(all->services, all->service_count, sizeof *all->services);
    all->services[all->service_count] = (lineage_service){.name = lineage_text(all, name), .why = ""};
    return &all->services[all->service_count++];
}

lineage_entity *lineage_entity_of(lineage *all, const char *name)
{
    for (size_t i = 0; i < all->entity_count; i++)
        if (strcmp(all->entities[i]->name, name) == 0) return all->entities[i];
    if (all->entity_count == LINEAGE_ROWS_MAX) return NULL;
    lineage_entity *made = calloc(1, sizeof *made);
    FURROW_REQUIRE(made);
    const char *dot = strrchr(name, '.');
    *made = (lineage_entity){.name = lineage_text(all, name),
                             .short_name = lineage_text(all, dot ? dot + 1 : name),
                             .owner = "",
                             .stream = "",
                             .field_count = LINEAGE_UNKNOWN,
                             .log_messages = LINEAGE_UNKNOWN,
                             .log_bytes = LINEAGE_UNKNOWN,
                             .records = LINEAGE_UNKNOWN,
                             .bytes = LINEAGE_UNKNOWN,
                             .answer_bytes = LINEAGE_UNKNOWN};
    all->entities = grow_rows(all->entities, all->entity_count, sizeof(lineage_entity *));
    return all->entities[all->entity_count++] = made;
}

lineage_replica *lineage_replica_of(lineage *all, const char *service, lineage_entity *entity)
{
    for (size_t i = 0; i < all->replica_count; i++)
        if (all->replicas[i].entity == entity && strcmp(all->replicas[i].service, service) == 0)
            return &all->replicas[i];
    if (all->replica_count == LINEAGE_ROWS_MAX) return NULL;
    all->replicas = grow_rows(all->replicas, all->replica_count, sizeof *all->replicas);
    all->replicas[all->replica_count] = (lineage_replica){.service = lineage_text(all, service),
                                                          .entity = entity,
                                                          .fields = "",
                                                          .field_count = LINEAGE_UNKNOWN,
                                                          .table = entity->short_name,
                                                          .state = "",
                                                          .delivered = LINEAGE_UNKNOWN,
                                                          .redelivered = LINEAGE_UNKNOWN,
                                                          .pending = LINEAGE_UNKNOWN,
                                                          .records = LINEAGE_UNKNOWN,
                                                          .bytes = LINEAGE_UNKNOWN,
                                                          .memory_bytes = LINEAGE_UNKNOWN,
                                                          .events = LINEAGE_UNKNOWN,
                                                          .event_bytes = LINEAGE_UNKNOWN,
                                                          .reads = LINEAGE_UNKNOWN};
    return &all->replicas[all->replica_count++];
}

/* ---- texts ---- */

const char *lineage_text(lineage *all, const char *text)
{
    char *copy = furrow_arena_strdup(all->arena, text);
    FURROW_REQUIRE(copy);
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
    return copy;
}

void lineage_note(lineage *all, bool incomplete, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    all->incomplete |= incomplete;
    for (size_t i = 0; i < all->note_count; i++)
        if (strcmp(all->notes[i], text) == 0) return;
    if (all->note_count < LINEAGE_NOTES) all->notes[all->note_count++] = lineage_text(all, text);
}

/* "contact.phone,contact.email" is two parts of one field. */
void lineage_set_fields(lineage *all, lineage_replica *replica, const char *keeps)
{
    replica->fields = lineage_text(all, keeps);
    replica->field_count = 0;
    for (const char *at = keeps, *end; *at; at = *end ? end + 1 : end) {
        size_t len = strcspn(at, ".,");
        bool seen = false;
        end = at + strcspn(at, ",");
        for (const char *before = keeps; before < at && !seen; before += strcspn(before, ",") + 1) {
            furrow_bytes field = {before, strcspn(before, ".,")};
            seen = furrow_bytes_equal(field, (furrow_bytes){at, len});
        }
        if (!seen) replica->field_count++;
    }
}

const char *lineage_owner(const lineage_entity *entity)
{
    return entity->owner[0] ? entity->owner : "(owner not known)";
}

const char *lineage_mark(const lineage *all, const lineage_replica *replica)
{
    const lineage_service *service = lineage_find_service(all, replica->service);
    if (service && service->state == LINEAGE_DOWN) return replica->consumer ? "down" : "down, no consumer";
    if (!replica->consumer && replica->delivered == LINEAGE_UNKNOWN && replica->entity->log_messages != LINEAGE_UNKNOWN)
        return "no consumer";
    if (service && service->state == LINEAGE_NOT_SERVING) return "not serving";
    return strcmp(replica->state, "ready") == 0 ? "" : replica->state;
}

/* ---- numbers ---- */

bool lineage_mean(uint64_t bytes, uint64_t records, double *out)
{
    if (bytes == LINEAGE_UNKNOWN || records == LINEAGE_UNKNOWN || records == 0) return false;
    *out = (double)bytes / (double)records;
    return true;
}

bool lineage_asking(const lineage_replica *replica, uint64_t *bytes)
{
    double answer = 0;
    if (replica->reads == LINEAGE_UNKNOWN) return false;
    if (replica->reads > 0 && !lineage_mean(replica->entity->answer_bytes, replica->entity->records, &answer))
        return false;
    *bytes = (uint64_t)((double)replica->reads * answer + 0.5);
    return true;
}

bool lineage_saved(const lineage_replica *replica, int64_t *bytes)
{
    uint64_t asking;
    if (replica->event_bytes == LINEAGE_UNKNOWN || !lineage_asking(replica, &asking)) return false;
    *bytes = (int64_t)asking - (int64_t)replica->event_bytes;
    return true;
}

lineage_sums lineage_sum(const lineage *all)
{
    lineage_sums sums = {0};
    for (size_t i = 0; i < all->replica_count; i++) {
        const lineage_replica *replica = &all->replicas[i];
        uint64_t asking;
        if (replica->bytes != LINEAGE_UNKNOWN && replica->entity->bytes != LINEAGE_UNKNOWN) {
            sums.stored_replicas++;
            sums.bytes += replica->bytes;
            sums.full_bytes += replica->entity->bytes;
            if (replica->memory_bytes == LINEAGE_UNKNOWN)
                sums.memory_bytes = LINEAGE_UNKNOWN;
            else if (sums.memory_bytes != LINEAGE_UNKNOWN)
                sums.memory_bytes += replica->memory_bytes;
        }
        if (replica->event_bytes != LINEAGE_UNKNOWN && lineage_asking(replica, &asking)) {
            sums.moved_replicas++;
            sums.event_bytes += replica->event_bytes;
            sums.reads += replica->reads;
            sums.asking_bytes += asking;
        }
    }
    return sums;
}

const char *lineage_size(uint64_t bytes, char out[LINEAGE_NUMBER_SIZE])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    size_t unit = 0;
    if (bytes == LINEAGE_UNKNOWN) return "-";
    while (value >= 999.95 && unit + 1 < sizeof units / sizeof *units) value /= 1000, unit++;
    snprintf(out, LINEAGE_NUMBER_SIZE, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

const char *lineage_count(uint64_t count, char out[LINEAGE_NUMBER_SIZE])
{
    char digits[24], *to = out;
    if (count == LINEAGE_UNKNOWN) return "-";
    int len = snprintf(digits, sizeof digits, "%" PRIu64, count);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}
