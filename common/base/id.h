/**
 * Entity ids: one NATS token, [A-Za-z0-9_-]{1,64}. Ids the mesh makes are ULIDs (26 characters, time-ordered), see
 * https://github.com/ulid/spec. Derived ids are the same shape with all bits from a hash.
 * Threads: any.
 */
#ifndef FURROW_BASE_ID_H
#define FURROW_BASE_ID_H

#include "base/bytes.h"

#define FURROW_ID_MAX  64
#define FURROW_ID_SIZE 27 /* of a made id, with its NUL */

bool furrow_id_valid(const char *id, size_t len);
void furrow_id_make(char out[FURROW_ID_SIZE]);

/* One of random bits alone. Who knows another, a made one too, does not know the next: fit to be a right by itself. */
void furrow_id_make_secret(char out[FURROW_ID_SIZE]);

/* The id that @hash (16 bytes) stands for: the same hash, the same id. */
void furrow_id_from_hash(const uint8_t hash[16], char out[FURROW_ID_SIZE]);

#endif
