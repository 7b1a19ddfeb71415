/*
 * Sealed private fields; see seal.h. Keys are unwrapped for one operation and wiped after it, none is kept: an erased
 * key is gone from this process the moment it is gone from the key store.
 *
 *   sealed   = box(plain) under the entity's key, bound to "<entity>.<id>" and its counter
 *   wrapped  = box(key) under the master key,     bound to "<key entity>.<id>" and the floor, which is its counter
 *
 * May depend on entity, write, sealbox, keyfile, libsodium.
 */
#include "log/seal.h"

#include "base/clock.h"
#include "base/keyfile.h"
#include "log/sealbox.h"
#include "log/write.h"
#include "wire/detail.h"
#include "wire/message.h"

#include <sodium.h>
#include <stdlib.h>

#define KEY_BYTES FURROW_SEALBOX_KEY
#define TAG       FURROW_SEALBOX_TAG
#define OVERHEAD  FURROW_SEALBOX_OVERHEAD
#define WRAPPED   (OVERHEAD + KEY_BYTES)

_Static_assert(KEY_BYTES == FURROW_KEYFILE_BYTES, "the master key wraps with the same cipher");

struct furrow_sealer {
    furrow_entity *keys;
    const ProtobufCFieldDescriptor *wrapped_field;
    uint8_t *master, *old; /* old: or NULL */
};

/* An entity's key as its record holds it. To be wiped. */
typedef struct entity_key {
    uint8_t bytes[KEY_BYTES];
    uint64_t floor; /* lower counters are refused */
} entity_key;

/* NULL: @err says why, or no file was named. */
static uint8_t *load_old(const char *file, furrow_error *err)
{
    return file && file[0] ? furrow_keyfile_load(file, "master key before", err) : NULL;
}

furrow_sealer *furrow_sealer_create(furrow_entity *keys, const char *key_file, const char *old_key_file,
                                    furrow_error *err)
{
    const furrow_entity_contract *contract = furrow_entity_about(keys);
    const ProtobufCFieldDescriptor *wrapped =
        protobuf_c_message_descriptor_get_field_by_name(contract->descriptor, "wrapped");
    if (!wrapped || wrapped->type != PROTOBUF_C_TYPE_BYTES || wrapped->label == PROTOBUF_C_LABEL_REPEATED) {
        (void)furrow_fail(err, FURROW_INTERNAL, "%s has no `bytes wrapped`", contract->name);
        return NULL;
    }
    furrow_sealer *sealer = calloc(1, sizeof *sealer);
    if (!sealer) {
        (void)furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    sealer->keys = keys;
    sealer->wrapped_field = wrapped;
    sealer->master = key_file && key_file[0] ? furrow_keyfile_load(key_file, "master key", err) : NULL;
    if (!key_file || !key_file[0])
        (void)furrow_fail(err, FURROW_FAILED_PRECONDITION,
                          "private fields need a master key: set FURROW_SEAL_KEY_FILE");
    if (sealer->master) sealer->old = load_old(old_key_file, err);
    if (sealer->master && (sealer->old || !old_key_file || !old_key_file[0])) return sealer;
    furrow_sealer_destroy(sealer);
    return NULL;
}

void furrow_sealer_destroy(furrow_sealer *sealer)
{
    if (!sealer) return;
    sodium_free(sealer->master);
    sodium_free(sealer->old);
    free(sealer);
}

static void write_fingerprint(const uint8_t *key, char out[FURROW_SEAL_FINGERPRINT])
{
    static const unsigned char purpose[] = "fingerprint of a master key";
    unsigned char hash[(FURROW_SEAL_FINGERPRINT - 1) / 2];
    crypto_generichash(hash, sizeof hash, purpose, sizeof purpose, key, KEY_BYTES);
    sodium_bin2hex(out, FURROW_SEAL_FINGERPRINT, hash, sizeof hash);
}

void furrow_seal_fingerprint(const furrow_sealer *sealer, bool old, char out[FURROW_SEAL_FINGERPRINT])
{
    const uint8_t *key = old ? sealer->old : sealer->master;
    out[0] = '\0';
    if (key) write_fingerprint(key, out);
}

furrow_status furrow_seal_fingerprint_file(const char *key_file, char out[FURROW_SEAL_FINGERPRINT], furrow_error *err)
{
    uint8_t *key = furrow_keyfile_load(key_file, "master key", err);
    if (!key) return FURROW_FAILED_PRECONDITION;
    write_fingerprint(key, out);
    sodium_free(key);
    return FURROW_OK;
}

bool furrow_seal_looks_sealed(furrow_bytes bytes)
{
    furrow_sealbox box;
    return furrow_sealbox_parse(bytes, &box);
}

static ProtobufCBinaryData *wrapped_of(const furrow_sealer *sealer, ProtobufCMessage *message)
{
    return (ProtobufCBinaryData *)((char *)message + sealer->wrapped_field->offset);
}

static furrow_status subject_of_key(const furrow_sealer *sealer, const char *id, char out[FURROW_SUBJECT_MAX],
                                    furrow_error *err)
{
    return furrow_subject_of_entity(furrow_entity_about(sealer->keys)->name, id, out, err);
}

static furrow_status subject_of_target(const furrow_seal_target *target, char out[FURROW_SUBJECT_MAX],
                                       furrow_error *err)
{
    return furrow_subject_of_entity(furrow_entity_about(target->entity)->name, target->id, out, err);
}

static furrow_status unwrap(const furrow_sealer *sealer, const char *id, const furrow_state *state, entity_key *out,
                            furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_sealbox box;
    furrow_status status = subject_of_key(sealer, id, subject, err);
    if (status != FURROW_OK) return status;
    const ProtobufCBinaryData *wrapped = wrapped_of(sealer, state->message);
    if (furrow_sealbox_parse((furrow_bytes){wrapped->data, wrapped->len}, &box) && box.text.len == KEY_BYTES + TAG &&
        (furrow_sealbox_open(sealer->master, subject, &box, out->bytes) ||
         (sealer->old && furrow_sealbox_open(sealer->old, subject, &box, out->bytes)))) {
        out->floor = box.counter;
        return FURROW_OK;
    }
    return furrow_fail(err, FURROW_DATA_LOSS, "the key of %s is not wrapped under this master key", id);
}

static furrow_status wrap_key(const furrow_sealer *sealer, const char *id, const entity_key *key, furrow_arena *arena,
                              ProtobufCBinaryData *out, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_status status = subject_of_key(sealer, id, subject, err);
    if (status != FURROW_OK) return status;
    uint8_t *wrapped = furrow_arena_alloc(arena, WRAPPED);
    if (!wrapped) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for a key");
    furrow_sealbox_seal(sealer->master, subject, key->floor, (furrow_bytes){key->bytes, KEY_BYTES}, wrapped);
    *out = (ProtobufCBinaryData){.len = WRAPPED, .data = wrapped};
    return FURROW_OK;
}

furrow_status furrow_seal_try(furrow_sealer *sealer, uint64_t deadline_ns, furrow_arena *arena, furrow_error *err)
{
    const furrow_entity_contract *contract = furrow_entity_about(sealer->keys);
    furrow_js_stored stored;
    furrow_state state;
    entity_key key;
    furrow_bytes id;
    char text[FURROW_ID_MAX + 1];
    furrow_status status =
        furrow_js_get_last(sealer->keys->link, contract->stream, contract->subjects, deadline_ns, arena, &stored, err);
    if (status == FURROW_NOT_FOUND) return FURROW_OK;
    if (status != FURROW_OK) return status;
    /* One that was erased, or is none, tells nothing. */
    if (stored.data.len == 0 || furrow_subject_id(stored.subject, contract->name, &id, NULL) != FURROW_OK)
        return FURROW_OK;
    snprintf(text, sizeof text, "%.*s", (int)id.len, (const char *)id.data);
    if (furrow_entity_stored_state(sealer->keys, text, &stored, arena, &state, NULL) != FURROW_OK || !state.message)
        return FURROW_OK;
    status = unwrap(sealer, text, &state, &key, err);
    sodium_memzero(&key, sizeof key);
    return status;
}

/* What a change of a key's record is made for. */
typedef struct key_job {
    const furrow_sealer *sealer;
    const char *id;
    const char *subject;       /* whose floor to raise, */
    const furrow_sealbox *box; /* to the counter of this */
} key_job;

/* A fresh key for an entity that never had one. What was erased stays erased. */
static furrow_status decide_key(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                furrow_error *err)
{
    const key_job *job = arg;
    entity_key key = {.floor = 0};
    if (current->message) return FURROW_OK;
    if (current->deleted)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION, "the private fields of %s were erased for good", job->id);
    ProtobufCMessage *next = furrow_message_new(furrow_entity_about(job->sealer->keys)->descriptor, arena);
    char *id = furrow_arena_strdup(arena, job->id);
    if (!next || !id) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for a key");
    crypto_aead_xchacha20poly1305_ietf_keygen(key.bytes);
    furrow_status status = wrap_key(job->sealer, job->id, &key, arena, wrapped_of(job->sealer, next), err);
    sodium_memzero(&key, sizeof key);
    *(char **)((char *)next + job->sealer->keys->rules.id->offset) = id;
    if (status == FURROW_OK) *out = (furrow_decision){.next = next, .event = "made"};
    return status;
}

/* A higher floor, if @arg's box was really sealed under this key. Nothing to do for a key that was erased meanwhile. */
static furrow_status decide_floor(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                  furrow_error *err)
{
    const key_job *job = arg;
    entity_key key;
    if (!current->message) return FURROW_OK;
    furrow_status status = unwrap(job->sealer, job->id, current, &key, err);
    if (status != FURROW_OK) return status;
    ProtobufCMessage *next = furrow_arena_memdup(arena, current->message, current->message->descriptor->sizeof_message);
    uint8_t *plain = furrow_arena_alloc(arena, job->box->text.len);
    if (!next || !plain) {
        status = furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for a key");
    } else if (key.floor < job->box->counter && furrow_sealbox_open(key.bytes, job->subject, job->box, plain)) {
        key.floor = job->box->counter;
        status = wrap_key(job->sealer, job->id, &key, arena, wrapped_of(job->sealer, next), err);
        if (status == FURROW_OK) *out = (furrow_decision){.next = next, .event = "raised"};
    }
    if (plain) sodium_memzero(plain, job->box->text.len);
    sodium_memzero(&key, sizeof key);
    return status;
}

/* From the log: Redis may be behind, and whoever can write there decides nothing here. */
static furrow_status write_key(furrow_sealer *sealer, key_job *job, const furrow_command *command,
                               furrow_decide_fn *decide, furrow_arena *arena, furrow_written *out, furrow_error *err)
{
    furrow_command side = *command;
    side.has_key = false; /* the key belongs to what the command does to its own entity */
    furrow_write write = {.id = job->id, .command = &side, .from_log = true, .decide = decide, .arg = job};
    furrow_status status = furrow_entity_write(sealer->keys, &write, arena, out, err);
    return status == FURROW_OK ? status : furrow_wrap(err, "key of %s", job->id);
}

/* The private field's bytes; none where there is no state. */
static furrow_bytes sealed_field(const furrow_seal_target *target, const furrow_state *state)
{
    const ProtobufCFieldDescriptor *field = furrow_entity_about(target->entity)->private_field;
    FURROW_REQUIRE(field != NULL);
    if (!state->message) return (furrow_bytes){NULL, 0};
    const ProtobufCBinaryData *sealed = (const void *)((const char *)state->message + field->offset);
    return (furrow_bytes){sealed->data, sealed->len};
}

/*
 * Above every counter that the entity had. The version is: of two who decide on one version only one is published, and
 * versions grow whoever writes. The other two matter where streams were made anew and count from 1 again.
 */
static uint64_t next_counter(const furrow_seal_target *target, const furrow_state *current, const entity_key *key,
                             const char *subject, furrow_arena *arena)
{
    furrow_sealbox box;
    uint64_t most = current->version > key->floor ? current->version : key->floor;
    if (!furrow_sealbox_parse(sealed_field(target, current), &box) || box.counter <= most) return most + 1;
    uint8_t *plain = furrow_arena_alloc(arena, box.text.len);
    if (plain && furrow_sealbox_open(key->bytes, subject, &box, plain)) most = box.counter;
    if (plain) sodium_memzero(plain, box.text.len);
    return most + 1;
}

furrow_status furrow_seal(furrow_sealer *sealer, const furrow_seal_target *target, const furrow_state *current,
                          furrow_bytes plain, furrow_arena *arena, furrow_bytes *sealed, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    entity_key key;
    furrow_written written;
    furrow_status status = subject_of_target(target, subject, err);
    if (status == FURROW_OK)
        status = write_key(sealer, &(key_job){.sealer = sealer, .id = target->id}, target->command, decide_key, arena,
                           &written, err);
    if (status == FURROW_OK) status = unwrap(sealer, target->id, &written.state, &key, err);
    if (status != FURROW_OK) return status;
    uint8_t *out = furrow_arena_alloc(arena, plain.len + OVERHEAD);
    if (out) furrow_sealbox_seal(key.bytes, subject, next_counter(target, current, &key, subject, arena), plain, out);
    sodium_memzero(&key, sizeof key);
    if (!out) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory to seal %zu bytes", plain.len);
    *sealed = (furrow_bytes){out, plain.len + OVERHEAD};
    return FURROW_OK;
}

static furrow_status raise_floor(furrow_sealer *sealer, const furrow_seal_target *target, const char *subject,
                                 const furrow_sealbox *box, furrow_arena *arena, furrow_error *err)
{
    furrow_written written;
    key_job job = {.sealer = sealer, .id = target->id, .subject = subject, .box = box};
    return write_key(sealer, &job, target->command, decide_floor, arena, &written, err);
}

furrow_status furrow_seal_confirm(furrow_sealer *sealer, const furrow_seal_target *target, const furrow_state *written,
                                  furrow_arena *arena, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_sealbox box;
    furrow_status status = subject_of_target(target, subject, err);
    if (status != FURROW_OK || !furrow_sealbox_parse(sealed_field(target, written), &box)) return status;
    return raise_floor(sealer, target, subject, &box, arena, err);
}

static furrow_status load_key(furrow_sealer *sealer, const furrow_seal_target *target, furrow_arena *arena,
                              entity_key *out, furrow_error *err)
{
    furrow_state state;
    furrow_status status =
        furrow_entity_newest(sealer->keys, target->id, furrow_entity_deadline(target->command), arena, &state, err);
    if (status != FURROW_OK) return status;
    if (state.message) return unwrap(sealer, target->id, &state, out, err);
    furrow_fail(err, FURROW_NOT_FOUND, "the private fields of %s were erased", target->id);
    (void)furrow_detail_add_resource(err, furrow_entity_about(target->entity)->name, target->id);
    return FURROW_NOT_FOUND;
}

static furrow_status open_box(const entity_key *key, const char *subject, const furrow_sealbox *box,
                              furrow_arena *arena, furrow_bytes *plain, furrow_error *err)
{
    size_t len = box->text.len - TAG;
    uint8_t *out = furrow_arena_alloc(arena, len + 1);
    if (!out) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory to unseal %zu bytes", len);
    if (!furrow_sealbox_open(key->bytes, subject, box, out))
        return furrow_fail(err, FURROW_DATA_LOSS, "what is sealed in %s was not sealed for it, or is damaged", subject);
    if (box->counter < key->floor) {
        sodium_memzero(out, len);
        return furrow_fail(err, FURROW_DATA_LOSS,
                           "what is sealed in %s is not the newest: an earlier state was put back; set its private "
                           "fields again, or publish its newest state from a backup",
                           subject);
    }
    out[len] = '\0';
    *plain = (furrow_bytes){out, len};
    return FURROW_OK;
}

static furrow_status unseal_state(furrow_sealer *sealer, const furrow_seal_target *target, const char *subject,
                                  const furrow_state *state, furrow_arena *arena, furrow_bytes *plain,
                                  furrow_error *err)
{
    furrow_bytes sealed = sealed_field(target, state);
    furrow_sealbox box;
    entity_key key;
    if (sealed.len == 0) return furrow_fail(err, FURROW_NOT_FOUND, "%s has no private fields", subject);
    if (!furrow_sealbox_parse(sealed, &box))
        return furrow_fail(err, FURROW_DATA_LOSS, "%s: its field is not sealed", subject);
    furrow_status status = load_key(sealer, target, arena, &key, err);
    if (status != FURROW_OK) return status;
    status = open_box(&key, subject, &box, arena, plain, err);
    bool confirmed = box.counter <= key.floor;
    sodium_memzero(&key, sizeof key);
    /* Whoever published it did not come to confirm it, or has not yet. Best effort: the next reader tries again. */
    if (status == FURROW_OK && !confirmed) (void)!raise_floor(sealer, target, subject, &box, arena, NULL);
    return status;
}

furrow_status furrow_unseal(furrow_sealer *sealer, const furrow_seal_target *target, const furrow_state *state,
                            furrow_arena *arena, furrow_bytes *plain, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_state at = *state;
    furrow_status status = subject_of_target(target, subject, err);
    if (status != FURROW_OK) return status;
    for (;;) { /* again only for who wrote meanwhile */
        uint64_t tried = at.version;
        status = unseal_state(sealer, target, subject, &at, arena, plain, err);
        if (status != FURROW_DATA_LOSS) return status;
        furrow_error why = {0};
        furrow_status newest =
            furrow_entity_newest(target->entity, target->id, furrow_entity_deadline(target->command), arena, &at, &why);
        if (newest == FURROW_OK && at.version == tried) return status;
        if (newest == FURROW_OK) continue;
        if (err) *err = why;
        return newest;
    }
}

static furrow_status decide_tombstone(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                      furrow_error *err)
{
    out->remove = !current->deleted;
    return FURROW_OK;
}

furrow_status furrow_seal_erase(furrow_sealer *sealer, const char *id, const furrow_command *command,
                                furrow_arena *arena, furrow_error *err)
{
    furrow_command side = *command;
    side.has_key = false; /* as in write_key */
    furrow_erased erased;
    furrow_write write = {.id = id, .command = &side, .from_log = true, .decide = decide_tombstone};
    furrow_status status = furrow_entity_erase(sealer->keys, &write, arena, &erased, err);
    return status == FURROW_OK ? status : furrow_wrap(err, "erase the key of %s", id);
}
