/* See claim_message.h. protobuf-c's field tables are static in the file that it generates, which is compiled here so. */
#include "wire/claim_message.h"

#include "furrow/v1/claim.pb-c.c" /* NOLINT(bugprone-suspicious-include) */

const furrow_index_contract furrow_claim_message_indexes[FURROW_CLAIM_INDEX_COUNT] = {
    {"holder", &furrow__v1__claim__field_descriptors[2], false}};
