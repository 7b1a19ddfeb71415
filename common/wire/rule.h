/**
 * Rules of fields, as protoc-gen-furrow compiles them from (furrow.v1.field) and (furrow.v1.oneof): constant tables beside
 * the contract, and the check of a message by them. What each rule means is protovalidate's word
 * (furrow/v1/validate.proto).
 *
 * A request is checked before its handler runs; a state before it is written and whenever it is read (wire/rules.h).
 * Threads: any. Nothing is kept. Only lt_now, gt_now and within look at the clock; no state may have those.
 */
#ifndef FURROW_WIRE_RULE_H
#define FURROW_WIRE_RULE_H

#include "base/status.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum furrow_rule_kind {
    FURROW_RULE_CONST,     /* list[0] */
    FURROW_RULE_IN,        /* list */
    FURROW_RULE_NOT_IN,    /* list */
    FURROW_RULE_RANGE,     /* list[0], list[1] by @bounds */
    FURROW_RULE_FINITE,    /* of floating point */
    FURROW_RULE_DEFINED,   /* of enums */
    FURROW_RULE_NOT_EMPTY, /* of text */
    FURROW_RULE_CHARS,     /* least <= characters <= most */
    FURROW_RULE_BYTES,     /* the same of bytes */
    FURROW_RULE_PREFIX,    /* list[0], so the next three */
    FURROW_RULE_SUFFIX,
    FURROW_RULE_CONTAINS,
    FURROW_RULE_NOT_CONTAINS,
    FURROW_RULE_PATTERN, /* pattern */
    FURROW_RULE_FORMAT,  /* least: a furrow_rule_format; empty text is NOT_EMPTY's */
    FURROW_RULE_SIZES,   /* of bytes: least or most, or 0 */
    FURROW_RULE_ITEMS,   /* least <= items <= most */
    FURROW_RULE_UNIQUE,
    FURROW_RULE_LT_NOW,
    FURROW_RULE_GT_NOW,
    FURROW_RULE_WITHIN, /* list[0] of now */
} furrow_rule_kind;

typedef enum furrow_rule_format {
    FURROW_FORMAT_HOSTNAME,
    FURROW_FORMAT_IP,
    FURROW_FORMAT_IPV4,
    FURROW_FORMAT_IPV6,
    FURROW_FORMAT_ADDRESS,
    FURROW_FORMAT_IP_WITH_PREFIXLEN,
    FURROW_FORMAT_IPV4_WITH_PREFIXLEN,
    FURROW_FORMAT_IPV6_WITH_PREFIXLEN,
    FURROW_FORMAT_IP_PREFIX,
    FURROW_FORMAT_IPV4_PREFIX,
    FURROW_FORMAT_IPV6_PREFIX,
    FURROW_FORMAT_HOST_AND_PORT,
    FURROW_FORMAT_URI,
    FURROW_FORMAT_URI_REF,
} furrow_rule_format;

/* Bits of furrow_rule.bounds. */
enum {
    FURROW_BOUND_GT = 1,
    FURROW_BOUND_GTE = 2,
    FURROW_BOUND_LT = 4,
    FURROW_BOUND_LTE = 8,
    FURROW_BOUND_OUTSIDE = 16, /* either bound is enough */
};

/* A value, of a rule or of a field. */
typedef struct furrow_rule_operand {
    union {
        int64_t i; /* signed integers, enums; the seconds of a Timestamp or Duration */
        uint64_t u;
        double d;
        const char *text; /* strings and bytes */
    };
    int64_t more; /* bytes of a text; nanoseconds beside seconds */
} furrow_rule_operand;

/*
 * A regular expression as a deterministic automaton over bytes. A state is the place of its row in @next: 0 matches nothing
 * any more; behind it comes the one that matches whatever follows, if there is one, then those that match if the text ends.
 */
typedef struct furrow_rule_pattern {
    const uint8_t *classes; /* of each byte; what no state tells apart is one class */
    const uint16_t *next;   /* [state + class] */
    uint16_t start;
    uint16_t sinks;   /* the last state that nothing leads out of */
    uint16_t accepts; /* the last state that matches if the text ends */
} furrow_rule_pattern;

typedef struct furrow_rule {
    uint8_t kind; /* furrow_rule_kind */
    uint8_t bounds;
    const char *id;   /* "string.min_len" */
    const char *text; /* "must be at least 5 characters" */
    uint64_t least, most;
    const furrow_rule_operand *list;
    size_t count;
    const furrow_rule_pattern *pattern;
} furrow_rule;

typedef enum furrow_rule_ignore { FURROW_IGNORE_UNSET, FURROW_IGNORE_ZERO, FURROW_IGNORE_ALWAYS } furrow_rule_ignore;

typedef struct furrow_rule_message furrow_rule_message;

/* What one value satisfies: a field's, an item's, a key's. */
typedef struct furrow_rule_set {
    const furrow_rule *rules;
    size_t count;
    uint8_t ignore;                      /* furrow_rule_ignore */
    const struct furrow_rule_set *keys;  /* of a map; or NULL */
    const struct furrow_rule_set *items; /* of a repeated field, or a map's values; or NULL */
    const furrow_rule_message *message;  /* of the message that the value is; or NULL */
} furrow_rule_set;

/* Letters that follow one another in ASCII: eight times the first, and eight times how many follow it. */
typedef struct furrow_rule_range {
    uint64_t first, more;
} furrow_rule_range;

#define FURROW_RULE_RANGE(first, last)                                                                                 \
    {                                                                                                                  \
        (first) * 0x0101010101010101u, ((last) - (first)) * 0x0101010101010101u                                        \
    }

/* What is enough for all rules of a text, as nearly every text has it. One that is not so may still satisfy them. */
typedef struct furrow_rule_fit {
    size_t least, most;              /* bytes */
    const furrow_rule_range *ranges; /* all of them in these; NULL: whatever they are */
    size_t count;
} furrow_rule_fit;

typedef struct furrow_rule_field {
    uint16_t at; /* its place in the descriptor's fields */
    bool required;
    bool map;
    const furrow_rule_fit *fit; /* of a string without presence; or NULL */
    furrow_rule_set set;        /* of a map: its keys' and values' rules within */
} furrow_rule_field;

/* A oneof of which a field must be set: @at is the place of any of them. */
typedef struct furrow_rule_oneof {
    const char *name;
    uint16_t at;
} furrow_rule_oneof;

struct furrow_rule_message {
    const ProtobufCMessageDescriptor *descriptor;
    const furrow_rule_field *fields; /* those with rules, or whose messages have some */
    size_t field_count;
    const furrow_rule_oneof *oneofs;
    size_t oneof_count;
};

/* A rule that a message broke. The texts but @path are the contract's. */
typedef struct furrow_violation {
    const char *path; /* "crew.members[2].badge", "labels[\"a\"]"; cut past 255 bytes; lent for the call */
    const char *rule; /* "string.min_len" */
    const char *text; /* "must be at least 5 characters" */
    bool of_key;      /* the path is of a map's pair, and its key breaks the rule */
} furrow_violation;

/* False: enough, look no further. */
typedef bool furrow_violation_fn(void *user, const furrow_violation *violation);

/*
 * Tells @found of each rule that @message breaks, in the order of the fields' numbers. OK also when there were some.
 * RESOURCE_EXHAUSTED: no memory to look for what is twice in a long list.
 */
furrow_status furrow_rule_check(const furrow_rule_message *rules, const ProtobufCMessage *message,
                                furrow_violation_fn *found, void *user, furrow_error *err) FURROW_MUST_USE;

/* INVALID_ARGUMENT with the first rule that @message breaks; @rules NULL has none. For states, and for a domain's own. */
furrow_status furrow_rule_first(const furrow_rule_message *rules, const ProtobufCMessage *message,
                                furrow_error *err) FURROW_MUST_USE;

/* Whether @text matches; also for a service's own use of a pattern of its contract. */
bool furrow_rule_matches(const furrow_rule_pattern *pattern, const char *text, size_t len);

#endif
