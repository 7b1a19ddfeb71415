/**
 * The dead letters of a service: how many there are, for its health and its log, and doing again what went there when an
 * operator asks for it on furrow.v1.Replay.<service> (`furrow deadletter replay`). May depend on the assembly; for
 * common/runtime only.
 *
 * A request is a JSON object with the texts "stream", "subject" and "kind" ("event" or "reaction"). Its answer is
 * {"version":"<sequence>","id":"<instance>"}, of the state that is applied now and the process that did it, or an error
 * as any method's (Nats-Service-Error and -Code). More kinds:
 *
 *   "restore", "accept"  (`furrow restore`) of all that the stream lost, without a subject; the version is "1" when there
 *                        is something to do, which is begun, and else "0"
 *   "rebuild"            (`furrow rebuild`) what is kept of the stream, built anew from the log: begun, with version "0";
 *                        with a subject that record alone, and its version
 *
 * Who may ask is a matter of NATS's permissions: the operator alone.
 * Threads: the loop's.
 */
#ifndef FURROW_RUNTIME_LETTERS_H
#define FURROW_RUNTIME_LETTERS_H

#include "runtime/service.h"

#define FURROW_LETTERS_REPLAYS 16 /* at once; more get RESOURCE_EXHAUSTED */

typedef struct furrow_letters furrow_letters;

/* Once the service's replicas are made. */
furrow_letters *furrow_letters_create(furrow_service *service, furrow_error *err);
/* No new requests; waits (parked) for those begun. DEADLINE_EXCEEDED: some have not ended, and still use the replicas. */
furrow_status furrow_letters_drain(furrow_letters *letters, uint64_t deadline_ns, furrow_error *err) FURROW_MUST_USE;
/* After its links have gone. NULL is fine. */
void furrow_letters_destroy(furrow_letters *letters);

/* Logs what is new, and asks how many there are now and then. To be called about every half a second. */
void furrow_letters_report(furrow_letters *letters);

/* How many lie there of the replica @at (furrow_assembly_replica). False while that is not known. */
bool furrow_letters_count(const furrow_letters *letters, size_t at, uint64_t *count);

#endif
