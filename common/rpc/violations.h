/**
 * All that is wrong with one request, as google.rpc.BadRequest tells it. For common/rpc only. Pure.
 */
#ifndef FURROW_RPC_VIOLATIONS_H
#define FURROW_RPC_VIOLATIONS_H

#include "base/arena.h"
#include "wire/rule.h"

#define FURROW_VIOLATIONS_MAX 64 /* that are told one by one; more are counted */

typedef struct furrow_violations {
    size_t count;
    size_t more; /* beyond those */
    struct furrow_violation_line {
        char *field, *text;
    } lines[FURROW_VIOLATIONS_MAX];
} furrow_violations;

/*
 * INVALID_ARGUMENT when @request breaks any of @rules: *out, in @arena, has them all, and @err the first ones. *out is
 * untouched else. RESOURCE_EXHAUSTED: no memory.
 */
furrow_status furrow_violations_check(const furrow_rule_message *rules, const ProtobufCMessage *request,
                                      furrow_arena *arena, const furrow_violations **out,
                                      furrow_error *err) FURROW_MUST_USE;

/* The first of them as @err's field and text, and as many of the others as have room in its text. */
furrow_status furrow_violations_tell(const furrow_violations *all, furrow_error *err);

#endif
