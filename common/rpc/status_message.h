/**
 * An error as the body of a reply: google.rpc.Status with BadRequest and RetryInfo, in protobuf or its JSON, and back.
 * For common/rpc only. Pure.
 */
#ifndef FURROW_RPC_STATUS_MESSAGE_H
#define FURROW_RPC_STATUS_MESSAGE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/bytes.h"
#include "rpc/violations.h"
#include "wire/header.h"

#define FURROW_STATUS_LINE 360 /* "field: text" with its NUL */

/* Makes the texts of @err fit for one line of a header and a protobuf string: no control characters, valid UTF-8. */
void furrow_status_message_clean(furrow_error *err);

/* "field: text", or the text alone. */
void furrow_status_message_line(const furrow_error *err, char out[FURROW_STATUS_LINE]);

/* Appends the body for a cleaned @err; its BadRequest has @violations, or NULL: the field that @err names, if any. */
void furrow_status_message_encode(const furrow_error *err, const furrow_violations *violations,
                                  furrow_encoding encoding, furrow_buffer *out);

/*
 * Takes what the protobuf body of an error reply says beyond its headers into @err: the first fields that are wrong
 * (furrow_violations_tell), retry delay. A body that is something else, or of another code, changes nothing. @arena is scratch.
 */
void furrow_status_message_decode(furrow_bytes body, furrow_arena *arena, furrow_error *err);

#endif
