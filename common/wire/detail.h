/**
 * What an error says to programs beyond its code: the standard details of google.rpc (https://google.aip.dev/193), as
 * absl::Status payloads and gRPC's richer error model have them. They travel in the body of the error's reply, beside
 * the headers that every NATS micro client reads.
 *
 * Whoever fails attaches them, after furrow_fail and its like, which begin an error anew without any:
 *
 *     furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "JOB_CLOSED", "job %s is closed", id);
 *     return furrow_detail_add_resource(err, "job.v1.Job", id);
 *
 * Whoever called reads them, each by the accessor of its type; NULL when the error has none:
 *
 *     const Furrow__V1__ResourceInfo *missing = furrow_detail_resource_info(&err, arena);
 *
 * Of each type an error has one at most. They lie packed in the furrow_error itself, so they go wherever it is copied
 * to; all together have FURROW_ERROR_DETAILS bytes of room. Three of the types are fields of the error: RetryInfo is
 * its retry_ms, ErrorInfo its reason where nothing else was said (the server adds the domain, its package), BadRequest
 * its field where there are not more of them. Facts without a type of their own belong into ErrorInfo's metadata.
 *
 * Pure. Threads: any, one at a time for one error.
 */
#ifndef FURROW_WIRE_DETAIL_H
#define FURROW_WIRE_DETAIL_H

#include "base/arena.h"
#include "base/buffer.h"
#include "furrow/v1/status.pb-c.h"
#include "wire/header.h"

/* In the order in which a reply has them. */
#define FURROW_DETAIL_MAP(X)                                                                                           \
    X(error_info, ErrorInfo)                                                                                           \
    X(bad_request, BadRequest)                                                                                         \
    X(precondition_failure, PreconditionFailure)                                                                       \
    X(resource_info, ResourceInfo)                                                                                     \
    X(quota_failure, QuotaFailure)                                                                                     \
    X(retry_info, RetryInfo)                                                                                           \
    X(request_info, RequestInfo)                                                                                       \
    X(help, Help)                                                                                                      \
    X(localized_message, LocalizedMessage)

#define FURROW_DETAIL_TYPES 9
extern const ProtobufCMessageDescriptor *const furrow_detail_types[FURROW_DETAIL_TYPES];

/*
 * Attaches a copy of @detail, one of the types above, in place of an older one of its type. One that has no room, or
 * whose text is not UTF-8, is left out: code and text say what matters. Returns @err's code, UNKNOWN when @err is NULL
 * (as furrow_wrap does).
 */
furrow_status furrow_detail_add(furrow_error *err, const ProtobufCMessage *detail);

/* Shorthands of one violation each, without descriptions: @err's text tells people. */
furrow_status furrow_detail_add_resource(furrow_error *err, const char *type, const char *name);
furrow_status furrow_detail_add_precondition(furrow_error *err, const char *type, const char *subject);
furrow_status furrow_detail_add_quota(furrow_error *err, const char *subject, const char *quota_id);

/* One fact that the text tells people, for programs: into the metadata of @err's ErrorInfo. */
furrow_status furrow_detail_add_metadata(furrow_error *err, const char *key, const char *value);

/* The detail of that type, in @arena. NULL: the error has none, or the arena is full. */
const ProtobufCMessage *furrow_detail_find(const furrow_error *err, const ProtobufCMessageDescriptor *type,
                                           furrow_arena *arena);

/* const Furrow__V1__ErrorInfo *furrow_detail_error_info(const furrow_error *err, furrow_arena *arena), and so on. */
#define X(name, Name)                                                                                                  \
    static inline const Furrow__V1__##Name *furrow_detail_##name(const furrow_error *err, furrow_arena *arena)         \
    {                                                                                                                  \
        return (const Furrow__V1__##Name *)furrow_detail_find(err, &furrow__v1__##name##__descriptor, arena);          \
    }
FURROW_DETAIL_MAP(X)
#undef X

/* ---- for common/rpc: the bodies of replies ---- */

/* The type of that URL ("type.googleapis.com/google.rpc.ErrorInfo"), or NULL. */
const ProtobufCMessageDescriptor *furrow_detail_type(const char *url);

/*
 * Appends @detail: in protobuf as a member of `details` of a Status that is being written, in JSON as google.protobuf.Any
 * with its "@type". What has no JSON, or no room, leaves @out as it was (or failed).
 */
void furrow_detail_append(const ProtobufCMessage *detail, furrow_encoding encoding, furrow_buffer *out);

#endif
