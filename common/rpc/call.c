/* What a handler sees of its call; see server.h. Depends on link and wire. */
#include "rpc/inside.h"

#include "base/number.h"
#include "wire/epoch.h"

#include <string.h>

furrow_arena *furrow_call_arena(furrow_call *call)
{
    return call->arena;
}

void *furrow_call_user(const furrow_call *call)
{
    return call->served->server->options.user;
}

const furrow_method_contract *furrow_call_method(const furrow_call *call)
{
    return call->method;
}

const ProtobufCMessage *furrow_call_request(const furrow_call *call)
{
    return call->request;
}

const ProtobufCMessage *furrow_call_response(const furrow_call *call)
{
    return call->response;
}

uint64_t furrow_call_deadline(const furrow_call *call)
{
    return call->deadline_ns;
}

const char *furrow_call_metadata(furrow_call *call, const char *key)
{
    return furrow_msg_has_headers(call->msg) ? furrow_msg_header(call->msg, key) : NULL;
}

const furrow_command *furrow_call_command(furrow_call *call)
{
    return &call->command;
}

void furrow_call_wrote(furrow_call *call, const char *entity_subject, uint64_t sequence)
{
    char number[FURROW_NUMBER_SIZE + FURROW_EPOCH_HEX_SIZE], *end = call->versions + call->versions_len;
    const furrow_server_options *options = &call->served->server->options;
    int64_t epoch = options->epoch ? options->epoch(options->user, entity_subject) : 0;
    size_t digits = furrow_number_format(sequence, number), subject = strlen(entity_subject);
    if (epoch) {
        number[digits] = '@';
        furrow_epoch_hex(epoch, number + digits + 1);
        digits += 1 + strlen(number + digits + 1);
    }
    size_t comma = call->versions_len > 0, len = comma + subject + 1 + digits;
    if (len >= sizeof call->versions - call->versions_len) { /* a version that does not fit whole is left out */
        call->versions_cut = true;
        return;
    }
    if (comma) *end++ = ',';
    memcpy(end, entity_subject, subject);
    end[subject] = '=';
    memcpy(end + subject + 1, number, digits + 1);
    call->versions_len += len;
}
