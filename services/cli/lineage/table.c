/* The table for people: storage, then bandwidth, then what both come to. Its text needs 100 columns at most, unless
 * names are long. */
#include "cli/lineage/lineage.h"

#include <inttypes.h>
#include <string.h>

#define WIDTH 100

typedef struct widths {
    int service, entity;
} widths;

static widths measure_names(const lineage *all)
{
    widths wide = {(int)strlen("SERVICE"), (int)strlen("ENTITY")};
    for (size_t i = 0; i < all->replica_count; i++) {
        int service = (int)strlen(all->replicas[i].service), entity = (int)strlen(all->replicas[i].entity->name);
        if (service > wide.service) wide.service = service;
        if (entity > wide.entity) wide.entity = entity;
    }
    return wide;
}

/* "id, display_name, status", broken before a field that would pass the width. */
static void print_fields(const lineage *all, const lineage_replica *replica, const widths *wide, FILE *out)
{
    const char *mark = lineage_mark(all, replica);
    int indent = wide->service + 2, column = indent;
    column += fprintf(out, "%*s%s%s%s", indent, "", mark[0] ? "[" : "", mark, mark[0] ? "] " : "") - indent;
    if (!replica->fields[0]) fprintf(out, "fields not known");
    for (const char *at = replica->fields; *at;) {
        size_t len = strcspn(at, ",");
        bool last = at[len] == '\0';
        if (column + (int)len > WIDTH && column > indent) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        }
        column += fprintf(out, "%.*s%s", (int)len, at, last ? "" : ", ");
        at += len + !last;
    }
    fputc('\n', out);
}

static const char *share_text(uint64_t part, uint64_t whole, char out[LINEAGE_NUMBER_SIZE])
{
    if (part == LINEAGE_UNKNOWN || whole == LINEAGE_UNKNOWN || whole == 0) return "-";
    snprintf(out, LINEAGE_NUMBER_SIZE, "%.0f %%", 100.0 * (double)part / (double)whole);
    return out;
}

static const char *mean_text(uint64_t bytes, uint64_t records, char out[LINEAGE_NUMBER_SIZE])
{
    double mean;
    if (!lineage_mean(bytes, records, &mean)) return "-";
    snprintf(out, LINEAGE_NUMBER_SIZE, "%.1f", mean);
    return out;
}

static const char *fields_text(const lineage_replica *replica, char out[LINEAGE_NUMBER_SIZE * 3])
{
    char kept[LINEAGE_NUMBER_SIZE], all[LINEAGE_NUMBER_SIZE];
    snprintf(out, LINEAGE_NUMBER_SIZE * 3, "%s of %s", lineage_count(replica->field_count, kept),
             lineage_count(replica->entity->field_count, all));
    return out;
}

static void print_storage(const lineage *all, const widths *wide, FILE *out)
{
    char fields[LINEAGE_NUMBER_SIZE * 3], a[LINEAGE_NUMBER_SIZE], b[LINEAGE_NUMBER_SIZE], c[LINEAGE_NUMBER_SIZE],
        d[LINEAGE_NUMBER_SIZE], e[LINEAGE_NUMBER_SIZE];
    fprintf(out, "What services keep of others' entities, beside what a full copy takes\n");
    fprintf(out, "%-*s  %-*s  %7s %9s %7s %9s %9s %5s\n", wide->service, "SERVICE", wide->entity, "ENTITY", "FIELDS",
            "RECORDS", "BYTES", "ALL", "FULL", "KEPT");
    for (size_t i = 0; i < all->replica_count; i++) {
        const lineage_replica *replica = &all->replicas[i];
        fprintf(out, "%-*s  %-*s  %7s %9s %7s %9s %9s %5s\n", wide->service, replica->service, wide->entity,
                replica->entity->name, fields_text(replica, fields), lineage_count(replica->records, a),
                mean_text(replica->bytes, replica->records, b), lineage_size(replica->bytes, c),
                lineage_size(replica->entity->bytes, d), share_text(replica->bytes, replica->entity->bytes, e));
        print_fields(all, replica, wide, out);
    }
}

static const char *saved_text(const lineage_replica *replica, char out[LINEAGE_NUMBER_SIZE])
{
    char size[LINEAGE_NUMBER_SIZE];
    int64_t saved;
    if (!lineage_saved(replica, &saved)) return "-";
    snprintf(out, LINEAGE_NUMBER_SIZE, "%s%s", saved < 0 ? "-" : "",
             lineage_size(saved < 0 ? (uint64_t)-saved : (uint64_t)saved, size));
    return out;
}

static void print_bandwidth(const lineage *all, const widths *wide, FILE *out)
{
    char a[LINEAGE_NUMBER_SIZE], b[LINEAGE_NUMBER_SIZE], c[LINEAGE_NUMBER_SIZE], d[LINEAGE_NUMBER_SIZE],
        e[LINEAGE_NUMBER_SIZE];
    fprintf(out, "\nWhat came over the network instead of questions to the owner, since the services started\n");
    fprintf(out, "%-*s  %-*s  %9s %9s %9s %11s %9s\n", wide->service, "SERVICE", wide->entity, "ENTITY", "EVENTS",
            "BYTES", "READS", "IF ASKED", "SAVED");
    for (size_t i = 0; i < all->replica_count; i++) {
        const lineage_replica *replica = &all->replicas[i];
        uint64_t asking = LINEAGE_UNKNOWN;
        (void)lineage_asking(replica, &asking);
        fprintf(out, "%-*s  %-*s  %9s %9s %9s %11s %9s\n", wide->service, replica->service, wide->entity,
                replica->entity->name, lineage_count(replica->events, a), lineage_size(replica->event_bytes, b),
                lineage_count(replica->reads, c), lineage_size(asking, d), saved_text(replica, e));
    }
}

/* Of how many replicas a sum is, where it is not of all. */
static void print_part(const lineage *all, uint64_t part, FILE *out)
{
    if (part < all->replica_count) fprintf(out, " (of %" PRIu64 " of the %zu above)", part, all->replica_count);
    fputc('\n', out);
}

static void print_sums(const lineage *all, FILE *out)
{
    char a[LINEAGE_NUMBER_SIZE], b[LINEAGE_NUMBER_SIZE], c[LINEAGE_NUMBER_SIZE], d[LINEAGE_NUMBER_SIZE];
    lineage_sums sums = lineage_sum(all);
    fputc('\n', out);
    if (sums.stored_replicas > 0) {
        fprintf(out, "Storage paid: %s of values (full copies: %s)", lineage_size(sums.bytes, a),
                lineage_size(sums.full_bytes, b));
        if (sums.memory_bytes != LINEAGE_UNKNOWN)
            fprintf(out, "; with keys and indexes %s of memory", lineage_size(sums.memory_bytes, c));
        print_part(all, sums.stored_replicas, out);
    }
    if (sums.moved_replicas > 0) {
        bool more = sums.event_bytes > sums.asking_bytes;
        uint64_t difference = more ? sums.event_bytes - sums.asking_bytes : sums.asking_bytes - sums.event_bytes;
        fprintf(out, "Bandwidth %s: %s: events brought %s, %s reads would have asked for %s", more ? "spent" : "saved",
                lineage_size(difference, a), lineage_size(sums.event_bytes, b), lineage_count(sums.reads, c),
                lineage_size(sums.asking_bytes, d));
        print_part(all, sums.moved_replicas, out);
    }
}

/* Only what is not as it should be. */
static void print_services(const lineage *all, FILE *out)
{
    for (size_t i = 0; i < all->service_count; i++) {
        const lineage_service *service = &all->services[i];
        if (service->state == LINEAGE_SERVING) continue;
        fprintf(out, "%s %s%s%s\n", service->name,
                service->state == LINEAGE_DOWN ? "is down: no instance answers" : "does not serve",
                service->state != LINEAGE_DOWN && service->why[0] ? ": " : "",
                service->state != LINEAGE_DOWN ? service->why : "");
    }
}

void lineage_print_table(const lineage *all, FILE *out)
{
    widths wide = measure_names(all);
    if (all->replica_count == 0) {
        fprintf(out, "No service keeps anything of another's entities.\n");
    } else {
        print_storage(all, &wide, out);
        print_bandwidth(all, &wide, out);
        print_sums(all, out);
    }
    print_services(all, out);
}
