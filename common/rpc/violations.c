/* See violations.h. Memory is taken only when something is wrong. Depends on wire. */
#include "rpc/violations.h"

#include <stdio.h>
#include <string.h>

typedef struct collector {
    furrow_arena *arena;
    furrow_violations *all; /* NULL: none yet */
    bool full;              /* no memory */
} collector;

static bool collect_violation(void *user, const furrow_violation *violation)
{
    collector *to = user;
    if (!to->all) to->all = furrow_arena_zalloc(to->arena, sizeof *to->all);
    if (to->all && to->all->count == FURROW_VIOLATIONS_MAX) {
        to->all->more++;
        return true;
    }
    char *field = furrow_arena_strdup(to->arena, violation->path);
    char *text = furrow_arena_printf(to->arena, "%s%s", violation->of_key ? "its key " : "", violation->text);
    to->full = !to->all || !field || !text;
    if (!to->full) to->all->lines[to->all->count++] = (struct furrow_violation_line){field, text};
    return !to->full;
}

furrow_status furrow_violations_tell(const furrow_violations *all, furrow_error *err)
{
    size_t told = 1;
    furrow_fail_field(err, all->lines[0].field, "%s", all->lines[0].text);
    if (!err) return FURROW_INVALID_ARGUMENT;
    for (; told < all->count; told++) {
        size_t used = strlen(err->text), room = sizeof err->text - used;
        char rest[32];
        int len = snprintf(NULL, 0, "; %s: %s", all->lines[told].field, all->lines[told].text);
        if ((size_t)len + sizeof rest > room) break;
        snprintf(err->text + used, room, "; %s: %s", all->lines[told].field, all->lines[told].text);
    }
    size_t used = strlen(err->text), more = all->count - told + all->more;
    if (more > 0) snprintf(err->text + used, sizeof err->text - used, "; and %zu more", more);
    return FURROW_INVALID_ARGUMENT;
}

furrow_status furrow_violations_check(const furrow_rule_message *rules, const ProtobufCMessage *request,
                                      furrow_arena *arena, const furrow_violations **out, furrow_error *err)
{
    collector to = {.arena = arena};
    if (!rules) return FURROW_OK;
    furrow_status status = furrow_rule_check(rules, request, collect_violation, &to, err);
    if (status != FURROW_OK) return status;
    if (to.full) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the request's memory is used up");
    if (!to.all) return FURROW_OK;
    *out = to.all;
    return furrow_violations_tell(to.all, err);
}
