/**
 * Private fields: sealed with XChaCha20-Poly1305 (libsodium) under a key per entity, bound to the entity's subject as
 * associated data.
 *
 * The per-entity keys lie wrapped under the owner's master key in a key store of their own, outside the entity log: an
 * internal entity (message with string id = 1; bytes wrapped = 2). Erasing an entity's key makes every sealed state of
 * it, in the log, in Redis and in backups of either, unreadable for good: as many tombstones as the key store keeps
 * states push the wrapped key out of it. (The file blocks of the server and Redis's append-only file lose the bytes
 * when they are compacted; backups of the key store must be kept no longer than erased keys may live.)
 *
 * The master key is 32 bytes in a file that only the owner is given (FURROW_SEAL_KEY_FILE): raw, or 64 hex digits.
 *
 * Threads: the loop's, in a task.
 */
#ifndef FURROW_LOG_SEAL_H
#define FURROW_LOG_SEAL_H

#include "log/entity.h"

typedef struct furrow_sealer furrow_sealer;

/* FAILED_PRECONDITION when @key_file cannot be read, is readable by others, or has no key in it. */
furrow_sealer *furrow_sealer_create(furrow_entity *keys, const char *key_file, furrow_error *err);
void furrow_sealer_destroy(furrow_sealer *sealer);

/* Seals @plain for the entity @entity ("employee.v1.Employee") of @id; makes its key at first use. The result lives in
 * @arena. FAILED_PRECONDITION: its key was erased, and erased ids get no new one. Else as furrow_entity_write. */
furrow_status furrow_seal(furrow_sealer *sealer, const char *entity, const char *id, furrow_bytes plain,
                          const furrow_command *command, furrow_arena *arena, furrow_bytes *sealed,
                          furrow_error *err) FURROW_MUST_USE;

/* NOT_FOUND: the key was erased (or never made). DATA_LOSS: not sealed by this key for this entity. */
furrow_status furrow_unseal(furrow_sealer *sealer, const char *entity, const char *id, furrow_bytes sealed,
                            furrow_arena *arena, furrow_bytes *plain, furrow_error *err) FURROW_MUST_USE;

/* Could @bytes be a sealed value? Plain protobuf bytes never could. Pure. */
bool furrow_seal_looks_sealed(furrow_bytes bytes);

/* Destroys the entity's key. OK too if it is gone or never was: none will be made for @id any more. */
furrow_status furrow_seal_erase(furrow_sealer *sealer, const char *id, const furrow_command *command,
                                furrow_arena *arena, furrow_error *err) FURROW_MUST_USE;

#endif
