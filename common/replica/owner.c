/*
 * What an owner's replica does beyond keeping records: it sees every event of its own entities, also those that it did
 * not write. Depends on wire.
 */
#include "replica/inside.h"

#include "wire/subject.h"

#include <stdio.h>

furrow_status furrow_owner_restore(furrow_replica *replica, const furrow_js_stored *event, furrow_error *err)
{
    furrow_error failure = {0};
    furrow_bytes id; /* the subject's last token, so it ends with a NUL */
    const furrow_replica_options *options = &replica->options;
    if (!options->restore || furrow_subject_id(event->subject, replica->entity, &id, NULL) != FURROW_OK)
        return FURROW_OK;
    furrow_status status = options->restore(options->user, options->own, id.data, &failure);
    if (status == FURROW_OK) return status;
    snprintf(replica->notice, sizeof replica->notice, "restore: %.240s", failure.text);
    if (status == FURROW_DATA_LOSS) return FURROW_OK;
    if (err) *err = failure;
    return status;
}

furrow_status furrow_owner_forget(furrow_replica *replica, const furrow_record_write writes[], size_t count,
                                  furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (size_t i = 0; replica->options.own && status == FURROW_OK && i < count; i++) {
        char subject[FURROW_SUBJECT_MAX];
        if (writes[i].body.len > 0) continue;
        snprintf(subject, sizeof subject, "%s.%.*s", replica->entity, (int)writes[i].id.len,
                 (const char *)writes[i].id.data);
        status = furrow_store_forget(replica->store, replica->options.service, subject, err);
    }
    return status;
}
