/**
 * Index entries: what the indexed fields of a record say, as members "<value>\0<id>" of the sorted sets "@by:<field>".
 * Pure.
 *
 * Text is folded (wire/unicode.h) where the index asks for it, counts up to its first FURROW_INDEX_TEXT_BYTES bytes, and a
 * NUL in it becomes a space. Integers, bools and enums are order-preserving text; a Timestamp is RFC 3339 with nine
 * decimals; what is not set is "". A repeated field has an entry per different element, of its first
 * FURROW_INDEX_ELEMENTS. Private to store/.
 */
#ifndef FURROW_STORE_INDEX_H
#define FURROW_STORE_INDEX_H

#include "base/arena.h"
#include "base/bytes.h"
#include "wire/contract.h"

#define FURROW_INDEX_TEXT_BYTES 256
#define FURROW_INDEX_ELEMENTS   1024

typedef struct furrow_index_entry {
    size_t index; /* into the table's indexes */
    furrow_bytes member;
} furrow_index_entry;

typedef struct furrow_index_entries {
    furrow_index_entry *list; /* sorted by index and member, each once */
    size_t count;
} furrow_index_entries;

/* INVALID_ARGUMENT when the field is of a type that cannot be listed by. */
furrow_status furrow_index_check(const furrow_index_contract *index, furrow_error *err) FURROW_MUST_USE;

/* The entries of one record in @arena. @body must be a @descriptor: INVALID_ARGUMENT. An empty body (a tombstone) has
 * none. */
furrow_status furrow_index_compute(const ProtobufCMessageDescriptor *descriptor, const furrow_index_contract indexes[],
                                   size_t count, furrow_bytes id, furrow_bytes body, furrow_arena *arena,
                                   furrow_index_entries *out, furrow_error *err) FURROW_MUST_USE;
/* The same of a record that is unpacked already. */
furrow_status furrow_index_entries_of(const ProtobufCMessage *record, const furrow_index_contract indexes[],
                                      size_t count, furrow_bytes id, furrow_arena *arena, furrow_index_entries *out,
                                      furrow_error *err) FURROW_MUST_USE;

/* The value of a field that is not repeated, in @arena; data NULL past its limit. */
furrow_bytes furrow_index_value(const furrow_index_contract *index, const ProtobufCMessage *record,
                                furrow_arena *arena);
/* An integer, bool or enum that is not repeated, as a number. */
int64_t furrow_index_integer(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *record);

/* Text as the index compares it, in @arena; data NULL past the arena's limit. */
furrow_bytes furrow_index_text(furrow_bytes text, bool fold, furrow_arena *arena);

/* The id at a member's end, with the NUL that is behind the member; "" when there is none. Borrowed. */
furrow_bytes furrow_index_id(furrow_bytes member);

/* Order of members within an index. */
int furrow_index_compare(furrow_bytes a, furrow_bytes b);

#endif
