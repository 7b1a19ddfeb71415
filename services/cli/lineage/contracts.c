/* What is meant to be: services, entities and replicas of the contracts at hand. */
#include "cli/contracts.h"
#include "cli/lineage/lineage.h"

static void add_entity(lineage *all, const furrow_entity_contract *contract)
{
    lineage_entity *entity = lineage_entity_of(all, contract->name);
    if (!entity) return;
    entity->short_name = contract->short_name;
    entity->owner = contract->owner;
    entity->stream = contract->stream;
    entity->descriptor = contract->descriptor;
    entity->private_field = contract->private_field;
    entity->internal = contract->internal;
    entity->field_count = contract->descriptor->n_fields;
}

static void add_replica(lineage *all, const furrow_replica_contract *contract)
{
    lineage_entity *entity = lineage_entity_of(all, contract->entity);
    lineage_replica *replica = entity ? lineage_replica_of(all, contract->service, entity) : NULL;
    if (!replica) return;
    if (!entity->owner[0]) entity->owner = contract->owner; /* whose contract is not here */
    if (!entity->stream[0]) entity->stream = contract->stream;
    replica->table = contract->short_name;
    replica->indexes = contract->indexes;
    replica->index_count = contract->index_count;
    lineage_set_fields(all, replica, contract->keeps);
}

void lineage_add_contracts(lineage *all)
{
    const char *names[CLI_SERVICES_MAX];
    size_t count = cli_services(names);
    for (size_t i = 0; i < count; i++) lineage_service_of(all, names[i])->contract = true;
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t i = 0; i < cli_contracts[f]->entity_count; i++) add_entity(all, cli_contracts[f]->entities[i]);
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t i = 0; i < cli_contracts[f]->replica_count; i++) add_replica(all, cli_contracts[f]->replicas[i]);
}
