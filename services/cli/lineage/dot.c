/*
 * Graphviz's language (https://graphviz.org/doc/info/lang.html): a box for each service, an edge from owner to keeper
 * for each replica, dashed where something is missing. Black and white.
 */
#include "cli/lineage/lineage.h"

#include <string.h>

/* A quoted string: in it a quote is escaped, and a backslash, which otherwise begins an escape of a label. */
static void quoted(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
}

static void print_service(const lineage_service *service, FILE *out)
{
    fprintf(out, "  \"");
    quoted(service->name, out);
    fprintf(out, "\" [label=\"");
    quoted(service->name, out);
    fprintf(out, "%s\"%s];\n",
            service->state == LINEAGE_DOWN          ? "\\ndown"
            : service->state == LINEAGE_NOT_SERVING ? "\\nnot serving"
                                                    : "",
            service->state == LINEAGE_SERVING ? "" : ", style=dashed");
}

static void print_replica(const lineage *all, const lineage_replica *replica, FILE *out)
{
    char kept[LINEAGE_NUMBER_SIZE], fields[LINEAGE_NUMBER_SIZE], size[LINEAGE_NUMBER_SIZE], full[LINEAGE_NUMBER_SIZE];
    const char *mark = lineage_mark(all, replica);
    fprintf(out, "  \"");
    quoted(lineage_owner(replica->entity), out);
    fprintf(out, "\" -> \"");
    quoted(replica->service, out);
    fprintf(out, "\" [label=\"");
    quoted(replica->entity->short_name, out);
    fprintf(out, ": %s of %s fields\\n", lineage_count(replica->field_count, kept),
            lineage_count(replica->entity->field_count, fields));
    for (const char *at = replica->fields; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        char field[128];
        snprintf(field, sizeof field, "%.*s", (int)strcspn(at, ","), at);
        quoted(field, out);
        fprintf(out, "%s", at[strcspn(at, ",")] ? ",\\n" : "\\n");
    }
    fprintf(out, "%s of %s%s%s%s\"%s];\n", lineage_size(replica->bytes, size),
            lineage_size(replica->entity->bytes, full), mark[0] ? "\\n[" : "", mark, mark[0] ? "]" : "",
            mark[0] ? ", style=dashed" : "");
}

void lineage_print_dot(const lineage *all, FILE *out)
{
    fprintf(out,
            "digraph lineage {\n"
            "  rankdir=LR;\n"
            "  label=\"Which service keeps which fields of whose entity: bytes kept, of a full copy's; %s\";\n"
            "  node [shape=box];\n",
            all->at);
    for (size_t i = 0; i < all->service_count; i++) print_service(&all->services[i], out);
    for (size_t i = 0; i < all->replica_count; i++) print_replica(all, &all->replicas[i], out);
    fprintf(out, "}\n");
}
