/* See owners.h. May depend on log, replica and the assembly. */
#include "runtime/owners.h"

#include "base/clock.h"
#include "log/republish.h"
#include "runtime/service.h"

#include <string.h>

#define RESTORE_ARENA_BYTES ((size_t)128 << 20) /* the states that a log keeps of one entity */
#define REPUBLISH_MS        5000

/* An event that is no state lies on an own entity's subject: reading the newest state puts that right. */
furrow_status furrow_owners_restore(void *service, const furrow_entity_contract *own, const char *id, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(RESTORE_ARENA_BYTES);
    furrow_state unused;
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    return furrow_entity_load_log(furrow_service_entity(service, own), id, arena, &unused, err);
}

furrow_status furrow_owners_republish(void *service, const furrow_entity_contract *own, const char *id,
                                      const furrow_record *record, const furrow_loss_log *log, furrow_rescued *out,
                                      furrow_error *err)
{
    furrow_republished done;
    furrow_republish_log known = {
        .newest = log->newest, .dated = log->dated, .dated_ns = log->dated_ns, .since = log->since};
    uint64_t deadline_ns = furrow_clock_in_ms(REPUBLISH_MS);
    furrow_status status =
        furrow_entity_republish(furrow_service_entity(service, own), id, record, &known, deadline_ns, &done, err);
    if (status != FURROW_OK) return status;
    *out = (furrow_rescued){.published = done.as == FURROW_REPUBLISH_PUBLISHED,
                            .superseded = done.as == FURROW_REPUBLISH_SUPERSEDED,
                            .version = done.version};
    return FURROW_OK;
}

furrow_status furrow_owners_loss(const char *text, furrow_loss_mode *out, furrow_error *err)
{
    static const char *const names[] = {"restore", "wait", "accept"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *out = (furrow_loss_mode)i;
        return FURROW_OK;
    }
    return furrow_fail(err, FURROW_INVALID_ARGUMENT, "FURROW_LOG_LOSS is \"%.40s\": use restore, wait or accept", text);
}
