/* See versions.h. May depend on the assembly. */
#include "runtime/versions.h"

#include "runtime/assembly.h"
#include "store/trust.h"

/* The replica to which @subject belongs, NULL when nothing of its entity is kept here; *id is the subject's last token,
 * so it ends with a NUL when @subject does. */
static furrow_replica *find_replica_of_subject(const furrow_service *service, const char *subject, furrow_bytes *id)
{
    for (size_t i = 0; i < furrow_assembly_replicas(service); i++) {
        const char *entity = i < service->entity_count
                                 ? service->definition->entities[i].contract->name
                                 : service->definition->replicas[i - service->entity_count].contract->entity;
        if (furrow_subject_id(subject, entity, id, NULL) == FURROW_OK) return furrow_assembly_replica(service, i);
    }
    return NULL;
}

furrow_status furrow_versions_await(void *service, const furrow_version_token *token, uint64_t deadline_ns,
                                    furrow_error *err)
{
    furrow_bytes id;
    furrow_replica *replica = find_replica_of_subject(service, token->subject, &id);
    if (!replica) return FURROW_OK; /* of what is not kept here nothing is answered either */
    return furrow_replica_wait(replica, id.data, token->sequence, token->epoch, deadline_ns, err);
}

int64_t furrow_versions_epoch(void *service, const char *subject)
{
    furrow_bytes id;
    const furrow_replica *replica = find_replica_of_subject(service, subject, &id);
    return replica ? furrow_table_epoch(furrow_replica_table(replica)) : 0;
}
