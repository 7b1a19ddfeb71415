/**
 * Does another instance of this service serve? One that cannot asks the others, a few times a second, on
 * `furrow.v1.Health.<service>.@who`; each that can answers. So it leaves the queue group only to one that can: while
 * nobody can, callers are told why instead of hearing of nobody.
 *
 *   in the queue ----(cannot serve, and another says since that it can)----> gone from it
 *         ^                                                                     |
 *         +------(can again, or nobody has said so for a second and a half)-----+
 *
 * Threads: the loop's.
 */
#ifndef FURROW_RUNTIME_PEERS_H
#define FURROW_RUNTIME_PEERS_H

#include "link/link.h"

typedef struct furrow_peers furrow_peers;

/* @id is this instance's. */
furrow_peers *furrow_peers_create(furrow_link *link, const char *service, const char *id, furrow_error *err);
/* To be called several times a second: this instance serves, or cannot. */
void furrow_peers_tell(furrow_peers *peers, bool serves);
/* This one cannot, and another can instead. */
bool furrow_peers_take_over(const furrow_peers *peers);
/* NULL is fine. */
void furrow_peers_destroy(furrow_peers *peers);

#endif
