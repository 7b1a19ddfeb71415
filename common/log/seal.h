/**
 * Private fields: sealed with XChaCha20-Poly1305 (libsodium) under a key per entity, bound as associated data to the
 * entity's subject and to a counter that grows with each change of them.
 *
 * The per-entity keys lie wrapped under the owner's master key in a key store of their own, outside the entity log: an
 * internal entity (message with string id = 1; bytes wrapped = 2). Erasing an entity's key makes every sealed state of
 * it, in the log, in Redis and in backups of either, unreadable for good: as many tombstones as the key store keeps
 * states push the wrapped key out of it. (The file blocks of the server and Redis's append-only file lose the bytes
 * when they are compacted; backups of the key store must be kept no longer than erased keys may live.)
 *
 * Earlier values. The wrapped key carries, authenticated with it, a floor: what is sealed with a lower counter is not
 * accepted. A change of private fields is
 *
 *   decide     furrow_seal, inside of the decision: a counter above all that the entity ever had
 *   publish    furrow_entity_write: compare-and-set, so counters grow along the entity's log whoever else writes
 *   confirm    furrow_seal_confirm: the floor becomes that counter. One more durable write; a first value needs none
 *
 * The floor is only ever raised to what was published, so the newest value is never refused, wherever a process dies:
 * before `publish` nothing has changed; between `publish` and `confirm` the value before is accepted too, until
 * somebody unseals the new one (which raises the floor), asks for the change again or makes the next.
 *
 *   protects against      whoever can write the entity's subject, or Redis, and puts an earlier state back; a log or a
 *                         Redis that was restored from a backup on its own. The floor is read from the log, not from
 *                         Redis.
 *   does not against      who can write the key store's stream too, and puts a key's earlier record back with the
 *                         state; fields that are not private; a state put back from before it had a private field
 *                         (which is NOT_FOUND then); a value put back after the `publish` of a process that died before
 *                         its `confirm`
 *
 * A log that is restored needs the key store of the same time, or older. Values and keys without a counter (of earlier
 * versions of this code, which in turn cannot read ours) count as 0: they are read until the first change.
 *
 * The master key is 32 bytes in a file that only the owner is given (FURROW_SEAL_KEY_FILE): raw, or 64 hex digits. All
 * instances must have the same (runtime/sealkey.h sees to it); the one before may be given beside a new one.
 *
 * Threads: the loop's, in a task.
 */
#ifndef FURROW_LOG_SEAL_H
#define FURROW_LOG_SEAL_H

#include "log/entity.h"

typedef struct furrow_sealer furrow_sealer;

/*
 * FAILED_PRECONDITION when @key_file cannot be read, is readable by others, or has no key in it. @old_key_file, or NULL:
 * the master key before; what is wrapped under it is read too, and wrapped under the new one when it changes.
 */
furrow_sealer *furrow_sealer_create(furrow_entity *keys, const char *key_file, const char *old_key_file,
                                    furrow_error *err);
void furrow_sealer_destroy(furrow_sealer *sealer);

#define FURROW_SEAL_FINGERPRINT 33 /* with its NUL */
#define FURROW_SEAL_TRY_BYTES   ((size_t)64 << 10)

/* By which master keys can be told apart, and from which none can be found. @old: of the one before; "" without. */
void furrow_seal_fingerprint(const furrow_sealer *sealer, bool old, char out[FURROW_SEAL_FINGERPRINT]);
/* The same of a key in a file, without a sealer. FAILED_PRECONDITION as furrow_sealer_create. Any thread. */
furrow_status furrow_seal_fingerprint_file(const char *key_file, char out[FURROW_SEAL_FINGERPRINT],
                                           furrow_error *err) FURROW_MUST_USE;

/* Is the newest key of the key store wrapped under our master key, or the one before? OK too where there is none.
 * DATA_LOSS: under another. Else as the log says. */
furrow_status furrow_seal_try(furrow_sealer *sealer, uint64_t deadline_ns, furrow_arena *arena,
                              furrow_error *err) FURROW_MUST_USE;

/* Whose private field, and for which command (deadline, whose). The entity's contract says which field it is. */
typedef struct furrow_seal_target {
    furrow_entity *entity;
    const char *id;
    const furrow_command *command;
} furrow_seal_target;

/* Seals @plain for the state that follows @current: to be called in the decision, with the state that it is made on.
 * Makes the entity's key at first use. The result lives in @arena. FAILED_PRECONDITION: its key was erased, and erased
 * ids get no new one. Else as furrow_entity_write. */
furrow_status furrow_seal(furrow_sealer *sealer, const furrow_seal_target *target, const furrow_state *current,
                          furrow_bytes plain, furrow_arena *arena, furrow_bytes *sealed,
                          furrow_error *err) FURROW_MUST_USE;

/* After the write: what was sealed before @written, a state that was published, is not accepted any more. May be
 * repeated, also with an older state. Errors: as furrow_entity_write; until it is OK earlier values are accepted. */
furrow_status furrow_seal_confirm(furrow_sealer *sealer, const furrow_seal_target *target, const furrow_state *written,
                                  furrow_arena *arena, furrow_error *err) FURROW_MUST_USE;

/* Unseals the private field of @state; where that is refused, of the newest state in the log, since @state may have
 * come from Redis, which may be behind. NOT_FOUND: the entity has no private field (any more), or its key was erased or
 * never made. DATA_LOSS: the newest state's was not sealed by this key for this entity, or is an earlier one put back.
 */
furrow_status furrow_unseal(furrow_sealer *sealer, const furrow_seal_target *target, const furrow_state *state,
                            furrow_arena *arena, furrow_bytes *plain, furrow_error *err) FURROW_MUST_USE;

/* Could @bytes be a sealed value? Plain protobuf bytes never could. Pure. */
bool furrow_seal_looks_sealed(furrow_bytes bytes);

/* Destroys the entity's key. OK too if it is gone or never was: none will be made for @id any more. */
furrow_status furrow_seal_erase(furrow_sealer *sealer, const char *id, const furrow_command *command,
                                furrow_arena *arena, furrow_error *err) FURROW_MUST_USE;

#endif
