/**
 * The rules of places: ranches hold blocks, blocks hold blocks and rows. Pure: no NATS, no Redis, no clock.
 */
#ifndef FURROW_LOCATION_DOMAIN_H
#define FURROW_LOCATION_DOMAIN_H

#include "base/arena.h"

#include "location/v1/location.domain.h"

#include <stdbool.h>

#define LOCATION_TREE_MAX 4096 /* blocks of a ranch */

/* INVALID_ARGUMENT names the field. */
furrow_status location_check_create(const Location__V1__CreateLocationRequest *request,
                                    furrow_error *err) FURROW_MUST_USE;

/* May a @kind stand under @parent (NULL: nothing)? FAILED_PRECONDITION for a closed or unfit parent. */
furrow_status location_check_parent(Location__V1__LocationKind kind, const char *parent_id,
                                    const Location__V1__Location *parent, furrow_error *err) FURROW_MUST_USE;

/* ALREADY_EXISTS when @current is there. */
furrow_status location_create(const Location__V1__Location *current, const Location__V1__CreateLocationRequest *request,
                              const char *id, const Location__V1__Location *parent, int64_t now_ns, furrow_arena *arena,
                              Location__V1__Location **next, furrow_error *err) FURROW_MUST_USE;

/* The same place elsewhere; *next NULL: it is there already. */
furrow_status location_move(const Location__V1__Location *current, const char *id, const Location__V1__Location *parent,
                            int64_t now_ns, furrow_arena *arena, Location__V1__Location **next,
                            furrow_error *err) FURROW_MUST_USE;

/* Opens or closes; *next NULL: it is so already. */
furrow_status location_set_status(const Location__V1__Location *current, const char *id,
                                  Location__V1__LocationStatus status, int64_t now_ns, furrow_arena *arena,
                                  Location__V1__Location **next, furrow_error *err) FURROW_MUST_USE;

/**
 * The tree of a ranch with block @id under @parent (the ranch itself or a block in the tree). *next NULL: it is so
 * already. FAILED_PRECONDITION when that would put a block under itself or under what is below it, or the ranch has
 * LOCATION_TREE_MAX blocks already.
 */
furrow_status location_tree_put(const Location__V1__Tree *current, const char *ranch_id, const char *id,
                                const char *parent_id, furrow_arena *arena, Location__V1__Tree **next,
                                furrow_error *err) FURROW_MUST_USE;

#endif
