/* See contract_memory.h. A service's set is united from those of its files: the ones that its services, entities or
 * replicas are in. */
#include "cli/contract_memory.h"

#include "wire/descriptor.h"

#define ARENA_BYTES ((size_t)128 << 20)
#define SET_MAX     ((size_t)1000 << 10) /* one message: nats-server's max_payload is 1 MiB */

/* Whose a file is: all that it declares has one owner. */
static const char *owner_of_file(const furrow_file_contract *file)
{
    return file->service_count > 0   ? file->services[0]->short_name
           : file->entity_count > 0  ? file->entities[0]->owner
           : file->replica_count > 0 ? file->replicas[0]->service
                                     : "";
}

static furrow_status unite_files(contract_memory_entry *entry, furrow_error *err)
{
    furrow_bytes sets[64];
    size_t count = 0;
    for (size_t f = 0; f < cli_contract_count && count < sizeof sets / sizeof *sets; f++)
        if (strcmp(owner_of_file(cli_contracts[f]), entry->service) == 0)
            sets[count++] = *cli_contracts[f]->descriptors;
    furrow_status status = furrow_descriptor_unite(sets, count, &entry->after, err);
    return status == FURROW_OK ? FURROW_OK : furrow_wrap(err, "contract of %s", entry->service);
}

furrow_status contract_memory_init(contract_memory *memory, furrow_provisioner *provisioner, bool single,
                                   furrow_error *err)
{
    const char *services[CLI_SERVICES_MAX];
    furrow_status status = FURROW_OK;
    *memory = (contract_memory){.arena = furrow_arena_create(ARENA_BYTES)};
    FURROW_REQUIRE(memory->arena);
    size_t count = cli_services(services);
    for (size_t i = 0; status == FURROW_OK && i < count; i++) {
        contract_memory_entry *entry = &memory->entries[memory->count++];
        entry->service = services[i];
        furrow_buffer_init(&entry->after, SET_MAX);
        status = unite_files(entry, err);
        if (status == FURROW_OK) status = furrow_provisioner_use(provisioner, single ? NULL : services[i], err);
        if (status == FURROW_OK)
            status = furrow_provisioner_recall(provisioner, services[i], memory->arena, &entry->before,
                                               &entry->sequence, err);
    }
    return status;
}

void contract_memory_fini(contract_memory *memory)
{
    for (size_t i = 0; i < memory->count; i++) furrow_buffer_fini(&memory->entries[i].after);
    furrow_arena_destroy(memory->arena);
    *memory = (contract_memory){0};
}

furrow_status contract_memory_judge(const contract_memory *memory, breaking_fn *fn, void *arg, size_t *count,
                                    furrow_error *err)
{
    furrow_bytes was[CLI_SERVICES_MAX], is[CLI_SERVICES_MAX];
    descriptor_pool before, after;
    size_t before_count = 0, after_count = 0;
    for (size_t i = 0; i < memory->count; i++) {
        const contract_memory_entry *entry = &memory->entries[i];
        if (entry->before.len > 0) was[before_count++] = entry->before;
        is[after_count++] = (furrow_bytes){entry->after.data, entry->after.len};
    }
    *count = 0;
    furrow_status status = descriptor_pool_init(&before, was, before_count, err);
    if (status == FURROW_OK) {
        status = descriptor_pool_init(&after, is, after_count, err);
        if (status == FURROW_OK) *count = breaking_compare(&before, &after, fn, arg);
        descriptor_pool_fini(&after);
    }
    descriptor_pool_fini(&before);
    return status == FURROW_OK ? FURROW_OK : furrow_wrap(err, "what was provisioned (stream DESCRIPTOR)");
}
