/**
 * The basis of a claim (see claim.h): the holder's version when it was taken. It stands in the claim as a field that its
 * message does not declare and protobuf-c carries along. Private to log.
 */
#ifndef FURROW_LOG_BASIS_H
#define FURROW_LOG_BASIS_H

#include "base/arena.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

/* 0 when there is none: then the holder was not there, or it was written by something that knows no bases, and the
 * fence decides. Of several the last counts, as in any message. */
uint64_t furrow_basis_of(const ProtobufCMessage *claim);

/* In a claim that has no undeclared field yet. False: @arena is full. */
bool furrow_basis_set(ProtobufCMessage *claim, uint64_t basis, furrow_arena *arena);

#endif
