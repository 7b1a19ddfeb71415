/**
 * A page of a service's own entities, for List methods: page size and token checked, records read by an index, unpacked
 * and filtered. Threads: the loop's, in a task.
 */
#ifndef FURROW_RUNTIME_LISTING_H
#define FURROW_RUNTIME_LISTING_H

#include "log/entity.h"

typedef struct furrow_listing {
    furrow_entity *entity;
    furrow_record_query query; /* index, value, prefix; limit and after follow from the next two */
    int32_t page_size;         /* of the request: 0 means 100, at most 1000 */
    const char *page_token;    /* of the request: "" begins */
    /* Does @message belong to the answer to @request? NULL: all do. A page may come out shorter for it. */
    bool (*matches)(const ProtobufCMessage *message, const void *request);
    const void *request;
} furrow_listing;

/* Messages live in @arena and carry none of the log's bookkeeping; *next is "" at the end. */
furrow_status furrow_listing_read(const furrow_listing *listing, furrow_arena *arena, ProtobufCMessage ***messages,
                                  size_t *count, char **next, furrow_error *err) FURROW_MUST_USE;

#endif
