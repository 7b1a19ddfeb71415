/**
 * Header names of the mesh and the grammar of their values. Pure; NATS headers keep case.
 */
#ifndef FURROW_WIRE_HEADER_H
#define FURROW_WIRE_HEADER_H

#include "base/bytes.h"
#include "base/status.h"
#include "wire/subject.h"

#define FURROW_HEADER_CONTENT_TYPE    "Content-Type"
#define FURROW_HEADER_ACCEPT          "Accept"
#define FURROW_HEADER_TIMEOUT         "Grpc-Timeout"
#define FURROW_HEADER_IDEMPOTENCY_KEY "Idempotency-Key"
#define FURROW_HEADER_VERSION         "Furrow-Version"
#define FURROW_HEADER_AFTER           "Furrow-After"
#define FURROW_HEADER_AGE             "Furrow-Age"
#define FURROW_HEADER_MAX_AGE         "Furrow-Max-Age"
#define FURROW_HEADER_STREAM          "Furrow-Stream" /* common/rpc/README.md: of a call that streams */
#define FURROW_HEADER_STATUS          "Grpc-Status"
#define FURROW_HEADER_WINDOW          "Furrow-Window"
#define FURROW_HEADER_HEARTBEAT       "Furrow-Heartbeat"
#define FURROW_HEADER_BY              "Furrow-By"   /* of an event: whose command it was */
#define FURROW_HEADER_TRACEPARENT     "traceparent" /* trace.h */
#define FURROW_HEADER_TRACESTATE      "tracestate"
#define FURROW_HEADER_ERROR           "Nats-Service-Error"
#define FURROW_HEADER_ERROR_CODE      "Nats-Service-Error-Code"
#define FURROW_HEADER_MSG_ID          "Nats-Msg-Id"
#define FURROW_HEADER_EXPECTED_SEQ    "Nats-Expected-Last-Subject-Sequence"

#define FURROW_TYPE_PROTOBUF "application/protobuf"
#define FURROW_TYPE_JSON     "application/json"

typedef struct furrow_header {
    const char *name, *value;
} furrow_header;

typedef enum furrow_encoding { FURROW_PROTOBUF, FURROW_JSON } furrow_encoding;

/*
 * gRPC's timeout: at most 8 digits and a unit (H M S m u n). INVALID_ARGUMENT for anything else.
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
furrow_status furrow_header_parse_timeout(const char *text, uint64_t *ns, furrow_error *err) FURROW_MUST_USE;
/* Furrow-Max-Age has the same form, and may be 0. */
furrow_status furrow_header_parse_max_age(const char *text, uint64_t *ns, furrow_error *err) FURROW_MUST_USE;
/* Rounds up; Furrow-Age, too. */
void furrow_header_format_timeout(uint64_t ns, char out[16]);

/*
 * Encoding of a body: by its Content-Type (parameters such as charset are ignored), else JSON if byte 0 is '{', else
 * protobuf. INVALID_ARGUMENT for another type.
 */
furrow_status furrow_header_encoding(const char *content_type, const void *body, size_t len, furrow_encoding *out,
                                     furrow_error *err) FURROW_MUST_USE;

/*
 * The type that is spoken here and has the highest weight in an Accept header's list (RFC 9110, 12.5.1); of two with the
 * same, one that is named, the first of two that are. What only a wildcard allows leaves *out as it is. INVALID_ARGUMENT
 * when none of the list is spoken here, or a weight is none.
 */
furrow_status furrow_header_accept(const char *accept, furrow_encoding *out, furrow_error *err) FURROW_MUST_USE;

/* One "<subject>=<sequence>@<epoch>" of Furrow-Version and Furrow-After (epoch.h); a Furrow-After is a comma-separated
 * list of at most 16. Without its epoch a sequence is one of whatever log there is. */
#define FURROW_AFTER_MAX 16
typedef struct furrow_version_token {
    char subject[FURROW_SUBJECT_MAX];
    uint64_t sequence;
    int64_t epoch; /* 0: not said */
} furrow_version_token;
furrow_status furrow_header_parse_after(const char *text, furrow_version_token out[FURROW_AFTER_MAX], size_t *count,
                                        furrow_error *err) FURROW_MUST_USE;

/*
 * Text as a header's value, in visible ASCII and blanks: everything else and '%' as %XX, as gRPC writes grpc-message
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses). What does not fit is left out, from a whole
 * character on. And back: a '%' that begins no two digits is itself.
 */
#define FURROW_HEADER_TEXT_MAX 1024
void furrow_header_escape(const char *text, char out[FURROW_HEADER_TEXT_MAX]);
void furrow_header_unescape(const char *value, char out[FURROW_HEADER_TEXT_MAX]);

/* May it be a header's name: visible ASCII without a colon? */
bool furrow_header_name_valid(const char *text);

/* May it stand in a header value: no CR, LF or NUL, at most 1024 bytes? */
bool furrow_header_value_valid(const char *text);

/* Both. */
bool furrow_header_valid(const char *name, const char *value);

#endif
