/* See descriptor_sets.h. */
#include "cli/descriptor_sets.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "cli/contracts.h"
#include "cli/lineage/lineage.h"
#include "wire/descriptor.h"

#include <errno.h>
#include <string.h>

#define ASK_MS      2000
#define ARENA_BYTES ((size_t)64 << 20)
#define FILE_BYTES  ((size_t)64 << 20)

size_t descriptor_sets_known(furrow_bytes sets[DESCRIPTOR_SETS_MAX])
{
    size_t count = 0;
    for (; count < cli_contract_count && count < DESCRIPTOR_SETS_MAX; count++)
        sets[count] = *cli_contracts[count]->descriptors;
    return count;
}

void descriptor_sets_pool(descriptor_pool *pool)
{
    static furrow_bytes sets[DESCRIPTOR_SETS_MAX];
    size_t count = descriptor_sets_known(sets);
    furrow_error err;
    FURROW_REQUIRE(descriptor_pool_init(pool, sets, count, &err) == FURROW_OK); /* made by the plugin */
}

/* ---- the mesh ---- */

/* What @service answers, copied into @arena. False: it does not. */
static bool ask_reflection(cli *tool, const char *service, furrow_arena *arena, furrow_bytes *set)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_error err;
    FURROW_AUTO(furrow_msg) reply = NULL;
    snprintf(subject, sizeof subject, FURROW_DESCRIPTOR_REFLECTION "%s", service);
    furrow_status status = furrow_link_request(tool->link, &(furrow_outgoing){.subject = subject},
                                               furrow_clock_in_ms(ASK_MS), &reply, &err);
    if (status != FURROW_OK)
        return fprintf(stderr, "furrow: %s: %s: %s\n", subject, furrow_status_name(status), err.text), false;
    const void *copy = furrow_arena_memdup(arena, reply->data.data, reply->data.len);
    *set = (furrow_bytes){copy, copy ? reply->data.len : 0};
    return copy != NULL;
}

/* Answers before what is known here, so that what runs is what is shown. */
static bool unite_all(cli *tool, const lineage *mesh, descriptor_pool *pool)
{
    static furrow_bytes sets[2 * DESCRIPTOR_SETS_MAX];
    size_t count = 0;
    furrow_error err;
    for (size_t i = 0; i < mesh->service_count && count < DESCRIPTOR_SETS_MAX; i++)
        if (ask_reflection(tool, mesh->services[i].name, mesh->arena, &sets[count]))
            count++;
        else
            tool->exit_code = 1;
    count += descriptor_sets_known(sets + count);
    if (descriptor_pool_init(pool, sets, count, &err) == FURROW_OK) return true;
    cli_fail_error(tool, "what services say of themselves", &err);
    descriptor_pool_fini(pool);
    return false;
}

bool descriptor_sets_ask(cli *tool, descriptor_pool *pool)
{
    if (!tool->link && !cli_connect(tool)) return false;
    lineage mesh = {.tool = tool, .arena = furrow_arena_create(ARENA_BYTES)};
    FURROW_REQUIRE(mesh.arena);
    lineage_discover(&mesh);
    bool good = unite_all(tool, &mesh, pool);
    lineage_fini(&mesh);
    return good;
}

bool descriptor_sets_find(cli *tool, const char *name, descriptor_has_fn *has, descriptor_pool *pool)
{
    descriptor_sets_pool(pool);
    if (has(pool, name)) return true;
    descriptor_pool_fini(pool);
    if (!descriptor_sets_ask(tool, pool)) return false;
    if (has(pool, name)) return true;
    descriptor_pool_fini(pool);
    return cli_fail(tool, 2, "%s: neither a contract here nor a service of the mesh has it; `furrow ls` shows all",
                    name),
           false;
}

/* ---- files ---- */

bool descriptor_sets_read(cli *tool, const char *path, descriptor_pool *pool)
{
    furrow_buffer text;
    furrow_error err;
    FILE *file = fopen(path, "re");
    if (!file) return cli_fail(tool, 2, "%s: %s", path, strerror(errno)), false;
    furrow_buffer_init(&text, FILE_BYTES);
    for (uint8_t *room; (room = furrow_buffer_reserve(&text, 65536)) != NULL;) {
        size_t got = fread(room, 1, 65536, file);
        text.len += got;
        if (got == 0) break;
    }
    bool good = !ferror(file) && !text.failed;
    if (!good) cli_fail(tool, 2, "%s: %s", path, text.failed ? "larger than 64 MB" : strerror(errno));
    fclose(file);
    if (good && descriptor_pool_init(pool, &(furrow_bytes){text.data, text.len}, 1, &err) != FURROW_OK) {
        cli_fail(tool, 2, "%s: %s; `protoc -o FILE --include_imports --include_source_info` makes one", path, err.text);
        descriptor_pool_fini(pool);
        good = false;
    }
    furrow_buffer_fini(&text);
    return good;
}
