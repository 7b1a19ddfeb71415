/*
 * Sealed private fields; see seal.h. Keys are unwrapped for one operation and wiped after it, none is kept: reading a
 * wrapped key is one Redis read, and an erased key is gone from this process the moment it is gone from the key store.
 *
 *   sealed   = version, nonce, XChaCha20-Poly1305(plain) under the entity's key,   bound to "<entity>.<id>"
 *   wrapped  = version, nonce, XChaCha20-Poly1305(key) under the master key,       bound to "<key entity>.<id>"
 *
 * Random nonces of 192 bits do not meet. May depend on entity, write, keyfile, libsodium.
 */
#include "log/seal.h"

#include "base/clock.h"
#include "base/keyfile.h"
#include "log/write.h"
#include "wire/message.h"

#include <sodium.h>
#include <stdlib.h>

#define VERSION   1 /* as a protobuf tag it would be field 0, which is none: so plain bytes are told from sealed ones */
#define NONCE     crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG       crypto_aead_xchacha20poly1305_ietf_ABYTES
#define KEY_BYTES crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define OVERHEAD  (1 + NONCE + TAG)
#define WRAPPED   (OVERHEAD + KEY_BYTES)

_Static_assert(KEY_BYTES == FURROW_KEYFILE_BYTES, "the master key wraps with the same cipher");

struct furrow_sealer {
    furrow_entity *keys;
    const ProtobufCFieldDescriptor *wrapped_field;
    uint8_t *master;
};

furrow_sealer *furrow_sealer_create(furrow_entity *keys, const char *key_file, furrow_error *err)
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
    if (sealer->master) return sealer;
    free(sealer);
    return NULL;
}

void furrow_sealer_destroy(furrow_sealer *sealer)
{
    if (!sealer) return;
    sodium_free(sealer->master);
    free(sealer);
}

bool furrow_seal_looks_sealed(furrow_bytes bytes)
{
    return bytes.len >= OVERHEAD && *(const uint8_t *)bytes.data == VERSION;
}

/* @out has plain.len + OVERHEAD bytes. */
static void encrypt(const uint8_t *key, const char *subject, furrow_bytes plain, uint8_t *out)
{
    out[0] = VERSION;
    randombytes_buf(out + 1, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + 1 + NONCE, NULL, plain.data, plain.len, (const uint8_t *)subject,
                                               strlen(subject), NULL, out + 1, key);
}

/* @out has sealed.len - OVERHEAD bytes. */
static bool decrypt(const uint8_t *key, const char *subject, furrow_bytes sealed, uint8_t *out)
{
    const uint8_t *bytes = sealed.data;
    return furrow_seal_looks_sealed(sealed) &&
           crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, bytes + 1 + NONCE, sealed.len - 1 - NONCE,
                                                      (const uint8_t *)subject, strlen(subject), bytes + 1, key) == 0;
}

static ProtobufCBinaryData *wrapped_of(const furrow_sealer *sealer, ProtobufCMessage *message)
{
    return (ProtobufCBinaryData *)((char *)message + sealer->wrapped_field->offset);
}

static furrow_status unwrap(const furrow_sealer *sealer, const char *id, const furrow_state *state,
                            uint8_t key[KEY_BYTES], furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_status status = furrow_subject_of_entity(furrow_entity_about(sealer->keys)->name, id, subject, err);
    if (status != FURROW_OK) return status;
    const ProtobufCBinaryData *wrapped = wrapped_of(sealer, state->message);
    if (wrapped->len == WRAPPED && decrypt(sealer->master, subject, (furrow_bytes){wrapped->data, wrapped->len}, key))
        return FURROW_OK;
    return furrow_fail(err, FURROW_DATA_LOSS, "the key of %s is not wrapped under this master key", id);
}

typedef struct key_job {
    const furrow_sealer *sealer;
    const char *id;
} key_job;

/* A fresh key for an entity that never had one. What was erased stays erased. */
static furrow_status decide_key(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                furrow_error *err)
{
    const key_job *job = arg;
    const furrow_entity_contract *contract = furrow_entity_about(job->sealer->keys);
    char subject[FURROW_SUBJECT_MAX];
    if (current->message) return FURROW_OK;
    if (current->deleted)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION, "the private fields of %s were erased for good", job->id);
    furrow_status status = furrow_subject_of_entity(contract->name, job->id, subject, err);
    if (status != FURROW_OK) return status;
    ProtobufCMessage *next = furrow_message_new(contract->descriptor, arena);
    uint8_t *wrapped = furrow_arena_alloc(arena, WRAPPED), key[KEY_BYTES];
    char *id = furrow_arena_strdup(arena, job->id);
    if (!next || !wrapped || !id) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for a key");
    crypto_aead_xchacha20poly1305_ietf_keygen(key);
    encrypt(job->sealer->master, subject, (furrow_bytes){key, sizeof key}, wrapped);
    sodium_memzero(key, sizeof key);
    *(char **)((char *)next + job->sealer->keys->rules.id->offset) = id;
    *wrapped_of(job->sealer, next) = (ProtobufCBinaryData){.len = WRAPPED, .data = wrapped};
    *out = (furrow_decision){.next = next, .event = "made"};
    return FURROW_OK;
}

static furrow_command keyless(const furrow_command *command)
{
    furrow_command copy = *command; /* the key belongs to what the command does to its own entity */
    copy.has_key = false;
    return copy;
}

furrow_status furrow_seal(furrow_sealer *sealer, const char *entity, const char *id, furrow_bytes plain,
                          const furrow_command *command, furrow_arena *arena, furrow_bytes *sealed, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    uint8_t key[KEY_BYTES];
    furrow_command side = keyless(command);
    furrow_written written;
    furrow_write write = {.id = id, .command = &side, .decide = decide_key, .arg = &(key_job){sealer, id}};
    furrow_status status = furrow_subject_of_entity(entity, id, subject, err);
    if (status == FURROW_OK) status = furrow_entity_write(sealer->keys, &write, arena, &written, err);
    if (status == FURROW_OK) status = unwrap(sealer, id, &written.state, key, err);
    if (status != FURROW_OK) return furrow_wrap(err, "key of %s", id);
    uint8_t *out = furrow_arena_alloc(arena, plain.len + OVERHEAD);
    if (out) encrypt(key, subject, plain, out);
    sodium_memzero(key, sizeof key);
    if (!out) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory to seal %zu bytes", plain.len);
    *sealed = (furrow_bytes){out, plain.len + OVERHEAD};
    return FURROW_OK;
}

/* Redis may be behind, or have forgotten a tombstone: that there is no key is for the log to say. */
static furrow_status load_key(furrow_sealer *sealer, const char *id, furrow_arena *arena, furrow_state *state,
                              furrow_error *err)
{
    furrow_status status = furrow_entity_load(sealer->keys, id, arena, state, err);
    if (status == FURROW_OK && !state->message) status = furrow_entity_load_log(sealer->keys, id, arena, state, err);
    if (status != FURROW_OK || state->message) return status;
    return furrow_fail(err, FURROW_NOT_FOUND, "the private fields of %s were erased", id);
}

furrow_status furrow_unseal(furrow_sealer *sealer, const char *entity, const char *id, furrow_bytes sealed,
                            furrow_arena *arena, furrow_bytes *plain, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    uint8_t key[KEY_BYTES];
    furrow_state state;
    furrow_status status = furrow_subject_of_entity(entity, id, subject, err);
    if (status == FURROW_OK) status = load_key(sealer, id, arena, &state, err);
    if (status == FURROW_OK) status = unwrap(sealer, id, &state, key, err);
    if (status != FURROW_OK) return status;
    size_t len = sealed.len > OVERHEAD ? sealed.len - OVERHEAD : 0;
    uint8_t *out = furrow_arena_alloc(arena, len + 1);
    bool good = out && decrypt(key, subject, sealed, out);
    sodium_memzero(key, sizeof key);
    if (!out) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory to unseal %zu bytes", sealed.len);
    if (!good)
        return furrow_fail(err, FURROW_DATA_LOSS, "what is sealed in %s was not sealed for it, or is damaged", subject);
    out[len] = '\0';
    *plain = (furrow_bytes){out, len};
    return FURROW_OK;
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
    furrow_command side = keyless(command);
    furrow_erased erased;
    furrow_write write = {.id = id, .command = &side, .from_log = true, .decide = decide_tombstone};
    furrow_status status = furrow_entity_erase(sealer->keys, &write, arena, &erased, err);
    return status == FURROW_OK ? status : furrow_wrap(err, "erase the key of %s", id);
}
