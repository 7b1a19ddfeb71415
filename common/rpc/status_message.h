/**
 * An error as the body of a reply: google.rpc.Status with its details, in protobuf or its JSON, and back.
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

/* What a service knows beside the error. */
typedef struct furrow_status_context {
    const char *domain;                  /* of a reason that names none: the service's package; or NULL */
    const furrow_violations *violations; /* all of its BadRequest; NULL: what @err says itself, if anything */
} furrow_status_context;

/* Appends the body for a cleaned @err; @context may be NULL. A detail that @out has no room for fails it. */
void furrow_status_message_encode(const furrow_error *err, const furrow_status_context *context,
                                  furrow_encoding encoding, furrow_buffer *out);

/*
 * Takes what the body of an error reply, in either encoding, says beyond its headers into @err: its details. A typed
 * caller, who is answered in protobuf, gets the first fields of a BadRequest in field and text, too, as
 * furrow_violations_tell has them; of JSON the text stays the header's line. A body that is something else, or of
 * another code, changes nothing. @arena is scratch.
 */
void furrow_status_message_decode(furrow_bytes body, furrow_arena *arena, furrow_error *err);

#endif
