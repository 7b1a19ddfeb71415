/* See tombstone.h. CloudEvents 1.0.2, 3.1 (required attributes), in the binary mode of its NATS binding. */
#include "wire/tombstone.h"

#include "base/bytes.h"

#include <stdbool.h>
#include <string.h>

static bool names_deletion(const char *type, const char *entity)
{
    static const char suffix[] = ".deleted";
    const char *event = type ? furrow_bytes_after(type, entity) : NULL;
    size_t len = event ? strlen(event) : 0;
    return len >= sizeof suffix - 1 && event[0] == '.' && strcmp(event + len - (sizeof suffix - 1), suffix) == 0;
}

static bool is_source(const char *source, const char *owner)
{
    if (!source || source[0] != '/' || source[1] == '\0') return false;
    return !owner || strcmp(source + 1, owner) == 0;
}

furrow_status furrow_tombstone_check(const furrow_tombstone *headers, const char *entity, const char *owner,
                                     furrow_error *err)
{
    if (!headers->specversion || strcmp(headers->specversion, "1.0") != 0)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "empty, and no deletion: it is no CloudEvent");
    if (!headers->id || headers->id[0] == '\0')
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "empty, and no deletion: it has no ce-id");
    if (!names_deletion(headers->type, entity))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "empty, and no deletion: its ce-type is not %s.….deleted",
                           entity);
    if (!is_source(headers->source, owner))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "empty, and no deletion: its ce-source is not its owner");
    return FURROW_OK;
}
