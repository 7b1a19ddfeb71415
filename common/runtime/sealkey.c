/* See sealkey.h. May depend on log, store. */
#include "runtime/sealkey.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define LOOK_NS      (2 * FURROW_NS_PER_S)
#define TRY_NS       (250 * FURROW_NS_PER_MS) /* while it is not known to be good */
#define ANSWER_BYTES 4096
#define CALL_NS      (2 * FURROW_NS_PER_S)

static furrow_status get_recorded(furrow_sealkey *self, furrow_bytes key, furrow_arena *arena, furrow_bytes *out,
                                  furrow_error *err)
{
    furrow_value value;
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("GET"), key};
    furrow_status status = furrow_store_command(self->store, argv, 2, arena, &value, err);
    if (status == FURROW_OK) *out = value.kind == FURROW_VALUE_TEXT ? value.text : (furrow_bytes){"", 0};
    return status;
}

/* @how: NX, where there must be none; XX, where there is one. */
static furrow_status record(furrow_sealkey *self, furrow_bytes key, const char *fingerprint, const char *how,
                            furrow_arena *arena, furrow_error *err)
{
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("SET"), key, furrow_bytes_of(fingerprint), furrow_bytes_of(how)};
    return furrow_store_command(self->store, argv, 4, arena, NULL, err);
}

static furrow_status refuse_key(furrow_bytes recorded, const char *ours, furrow_error *err)
{
    return furrow_fail(err, FURROW_FAILED_PRECONDITION,
                       "FURROW_SEAL_KEY_FILE holds another key than the private fields are sealed with (%.8s, not "
                       "%.8s): give this instance that key, or FURROW_SEAL_KEY_OLD_FILE too if the key is to change",
                       ours, recorded.len >= 8 ? (const char *)recorded.data : "unknown");
}

static furrow_status compare_recorded(furrow_sealkey *self, furrow_arena *arena, furrow_error *err)
{
    char name[96], ours[FURROW_SEAL_FINGERPRINT], old[FURROW_SEAL_FINGERPRINT];
    furrow_bytes recorded;
    snprintf(name, sizeof name, "%s:@sealkey", self->service);
    furrow_bytes key = furrow_bytes_of(name);
    furrow_seal_fingerprint(self->sealer, false, ours);
    furrow_seal_fingerprint(self->sealer, true, old);
    furrow_status status = get_recorded(self, key, arena, &recorded, err);
    if (status != FURROW_OK || furrow_bytes_is(recorded, ours)) return status;
    if (recorded.len == 0) {
        status = furrow_seal_try(self->sealer, furrow_clock_now_ns() + CALL_NS, arena, err);
        if (status == FURROW_DATA_LOSS) return refuse_key(recorded, ours, err);
        if (status == FURROW_OK) status = record(self, key, ours, "NX", arena, err);
        if (status == FURROW_OK) status = get_recorded(self, key, arena, &recorded, err);
        if (status != FURROW_OK || furrow_bytes_is(recorded, ours)) return status;
    }
    if (old[0] && furrow_bytes_is(recorded, old)) return record(self, key, ours, "XX", arena, err);
    return refuse_key(recorded, ours, err);
}

void furrow_sealkey_look(furrow_sealkey *self)
{
    uint64_t now_ns = furrow_clock_now_ns();
    furrow_error err = {0};
    if (!self->sealer || !furrow_store_connected(self->store)) return;
    if (now_ns - self->looked_ns < (self->good ? LOOK_NS : TRY_NS)) return;
    self->looked_ns = now_ns;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ANSWER_BYTES + FURROW_SEAL_TRY_BYTES);
    uint64_t deadline = furrow_task_set_deadline(now_ns + CALL_NS);
    furrow_status status =
        arena ? compare_recorded(self, arena, &err) : furrow_fail(&err, FURROW_RESOURCE_EXHAUSTED, "no memory");
    (void)furrow_task_set_deadline(deadline);
    /* What could not be looked at now is as it was. */
    if (status == FURROW_OK || status == FURROW_FAILED_PRECONDITION || !self->good) {
        self->good = status == FURROW_OK;
        snprintf(self->why, sizeof self->why, "%s%s",
                 status == FURROW_FAILED_PRECONDITION ? "" : "sealing key: ", err.text);
    }
}

bool furrow_sealkey_good(const furrow_sealkey *self)
{
    return !self->sealer || self->good;
}
