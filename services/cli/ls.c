/* furrow ls: services with their methods, entities and replicas: of what runs, and of the contracts that are known here. */
#include "cli/describe.h"
#include "cli/descriptor_sets.h"
#include "cli/text.h"

#include <stdio.h>

typedef struct row {
    const char *kind, *name, *service, *about;
} row;

static void print_ls_row(const cli *tool, const row *of)
{
    furrow_buffer line;
    furrow_buffer_init(&line, 16384);
    if (cli_flag(tool, "--json")) {
        furrow_buffer_printf(&line, "{\"kind\":\"%s\"", of->kind);
        text_json(&line, "name", of->name);
        text_json(&line, "service", of->service);
        text_json(&line, "about", of->about);
        furrow_buffer_append_byte(&line, '}');
    } else {
        furrow_buffer_printf(&line, "%-12s %-8s %-52s %s", of->service, of->kind, of->name, of->about);
        while (line.len > 0 && line.data[line.len - 1] == ' ') line.len--;
    }
    furrow_buffer_append_byte(&line, '\0');
    if (!line.failed) text_print(stdout, (const char *)line.data);
    putchar('\n');
    furrow_buffer_fini(&line);
}

static const char *owner_at(const descriptor_pool *pool, const descriptor_path *path)
{
    const char *package = path->file->proto->package;
    return descriptor_owner(pool, package ? package : "");
}

static void list_service(const cli *tool, const descriptor_pool *pool, const descriptor_service *service)
{
    const char *owner = owner_at(pool, &service->path);
    print_ls_row(tool, &(row){"service", service->name, owner, describe_summary(pool, &service->path)});
    for (size_t i = 0; i < service->proto->n_method; i++) {
        descriptor_path path = descriptor_path_to(&service->path, DESCRIPTOR_PARTS, i);
        const char *name = furrow_arena_printf(pool->arena, "%s.%s", service->name, service->proto->method[i]->name);
        FURROW_REQUIRE(name);
        print_ls_row(tool, &(row){"method", name, owner, describe_summary(pool, &path)});
    }
}

static void list_message(const cli *tool, const descriptor_pool *pool, const descriptor_message *message)
{
    furrow_bytes option;
    const void *options = message->proto->options;
    row of = {"entity", message->name, owner_at(pool, &message->path), describe_summary(pool, &message->path)};
    if (descriptor_option(options, DESCRIPTOR_REPLICA_OF, pool->arena, &option)) {
        of.kind = "replica";
        of.about = furrow_arena_printf(pool->arena, "keeps %zu fields of %.*s", message->proto->n_field,
                                       (int)option.len, (const char *)option.data);
        FURROW_REQUIRE(of.about);
    } else if (!descriptor_option(options, DESCRIPTOR_ENTITY, pool->arena, &option)) {
        return;
    }
    print_ls_row(tool, &of);
}

int cli_ls(cli *tool)
{
    descriptor_pool pool;
    const char *only = tool->argc > 0 ? tool->argv[0] : NULL;
    size_t files = 0;
    if (cli_flag(tool, "--offline"))
        descriptor_sets_pool(&pool);
    else if (!descriptor_sets_ask(tool, &pool))
        return tool->exit_code;
    if (!cli_flag(tool, "--json")) printf("%-12s %-8s %-52s %s\n", "SERVICE", "KIND", "NAME", "ABOUT");
    for (size_t f = 0; f < pool.file_count; f++) {
        const descriptor_path top = {.file = &pool.files[f]};
        if (!pool.files[f].own || (only && strcmp(owner_at(&pool, &top), only) != 0)) continue;
        files++;
        for (size_t i = 0; i < pool.service_count; i++)
            if (pool.services[i].path.file == top.file) list_service(tool, &pool, &pool.services[i]);
        for (size_t i = 0; i < pool.message_count; i++)
            if (pool.messages[i].path.file == top.file) list_message(tool, &pool, &pool.messages[i]);
    }
    if (only && files == 0) cli_fail(tool, 2, "%s: no such service; `furrow ls` shows all", only);
    descriptor_pool_fini(&pool);
    return tool->exit_code;
}
