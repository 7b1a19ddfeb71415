/**
 * A page of a service's own entities, for List methods: page size and token checked, records read by an index, unpacked
 * and filtered. Threads: the loop's, in a task.
 */
#ifndef FURROW_RUNTIME_LISTING_H
#define FURROW_RUNTIME_LISTING_H

#include "log/entity.h"
#include "replica/replica.h"

typedef struct furrow_listing {
    furrow_entity *entity;
    furrow_record_query query; /* index, value, prefix; limit and after follow from the next two */
    int32_t page_size;         /* of the request: 0 means 100, at most 1000 */
    const char *page_token;    /* of the request: "" begins */
    /* Does @message belong to the answer to @request? NULL: all do. A page may come out shorter for it. */
    bool (*matches)(const ProtobufCMessage *message, const void *request);
    const void *request;
} furrow_listing;

/* All of it lives in the arena. */
typedef struct furrow_page {
    ProtobufCMessage **messages; /* without the log's bookkeeping */
    uint64_t *versions;          /* theirs */
    size_t count;
    char **damaged_ids; /* what would be on the page, but its stored state breaks the rules of its entity */
    size_t damaged_count;
    char *next; /* "" at the end */
} furrow_page;

/**
 * One damaged state must not hide all others, nor be passed over in silence: it is left out, and its id is told
 * instead. Whether it would have matched nobody can tell, so each is told that the index leads to.
 */
furrow_status furrow_listing_read(const furrow_listing *listing, furrow_arena *arena, furrow_page *out,
                                  furrow_error *err) FURROW_MUST_USE;

/* Ids of a page, in the arena. */
typedef struct furrow_ids {
    const char **ids;
    size_t count;
    const char *next; /* NULL at the end */
} furrow_ids;

/* What an index has, for who looks at each state on its own: ids alone, those of damaged states too. */
furrow_status furrow_listing_ids(furrow_entity *entity, const furrow_record_query *query, furrow_arena *arena,
                                 furrow_ids *out, furrow_error *err) FURROW_MUST_USE;

/*
 * What is kept of others that an index of theirs has, unpacked, in one page: at most @query's limit. Errors:
 * DATA_LOSS (one of them breaks the rules), those of furrow_record_list.
 */
furrow_status furrow_listing_kept(furrow_replica *replica, const furrow_record_query *query, furrow_arena *arena,
                                  ProtobufCMessage ***out, size_t *count, furrow_error *err) FURROW_MUST_USE;

#endif
