/**
 * The message of every entity of claims that the option furrow.v1.unique makes (log/claim.h says what becomes of it), and
 * what it is listed by: an erasure finds what the erased entity held.
 */
#ifndef FURROW_WIRE_CLAIM_MESSAGE_H
#define FURROW_WIRE_CLAIM_MESSAGE_H

#include "furrow/v1/claim.pb-c.h"
#include "wire/contract.h"

#define FURROW_CLAIM_INDEX_COUNT 1
extern const furrow_index_contract furrow_claim_message_indexes[FURROW_CLAIM_INDEX_COUNT];

#endif
