/* furrow lineage: the command. Options are checked before anything is asked; what was read is then printed once. */
#include "cli/lineage/lineage.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define TEXTS_BYTES ((size_t)256 << 20)

typedef void printer(const lineage *all, FILE *out);

/* The one format that was asked for; NULL and exit code 2 when there are more. */
static printer *choose_printer(cli *tool)
{
    static const struct {
        const char *flag;
        printer *print;
    } formats[] = {{"--json", lineage_print_json}, {"--dot", lineage_print_dot}, {"--svg", lineage_print_svg}};
    printer *chosen = NULL;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (cli_flag(tool, formats[i].flag)) {
            if (chosen) cli_fail(tool, 2, "one of --json, --dot and --svg, once");
            chosen = formats[i].print;
        }
    return chosen ? chosen : lineage_print_table;
}

/* Services in the order in which they became known, and of each its entities in that order. */
static int by_service(const void *a, const void *b, void *arg)
{
    const lineage *all = arg;
    const lineage_replica *left = a, *right = b;
    const lineage_service *first = lineage_find_service(all, left->service);
    const lineage_service *second = lineage_find_service(all, right->service);
    if (first != second) return first < second ? -1 : 1;
    return strcmp(left->entity->name, right->entity->name);
}

static void read_mesh(lineage *all)
{
    lineage_add_contracts(all);
    lineage_discover(all);
    lineage_read_log(all);
    lineage_ask_health(all);
    lineage_measure_records(all);
    for (size_t i = 0; i < all->replica_count; i++) (void)lineage_service_of(all, all->replicas[i].service);
    if (all->replica_count > 0) qsort_r(all->replicas, all->replica_count, sizeof all->replicas[0], by_service, all);
}

void lineage_fini(lineage *all)
{
    for (size_t i = 0; i < all->entity_count; i++) free(all->entities[i]);
    free(all->entities);
    free(all->services);
    free(all->replicas);
    free(all->instances);
    furrow_arena_destroy(all->arena);
}

int cli_lineage(cli *tool)
{
    printer *print = choose_printer(tool);
    lineage all = {.tool = tool, .single_account = cli_flag(tool, "--single-account")};
    if (tool->exit_code || !cli_connect(tool)) return tool->exit_code;
    all.arena = furrow_arena_create(TEXTS_BYTES);
    FURROW_REQUIRE(all.arena);
    furrow_clock_format(furrow_clock_wall_ns(), all.at);
    snprintf(strchr(all.at, '.'), 2, "Z");
    read_mesh(&all);
    print(&all, stdout);
    for (size_t i = 0; i < all.note_count; i++) fprintf(stderr, "furrow: lineage: %s\n", all.notes[i]);
    if (all.incomplete) tool->exit_code = 1;
    if (fflush(stdout) != 0 || ferror(stdout)) cli_fail(tool, 1, "lineage: the output could not be written");
    lineage_fini(&all);
    return tool->exit_code;
}
