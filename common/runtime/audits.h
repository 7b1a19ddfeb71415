/**
 * What the background audits of a service's replicas found (replica/replica.h), for health, $SRV.STATS and the log. For
 * common/runtime only. Threads: the loop's.
 */
#ifndef FURROW_RUNTIME_AUDITS_H
#define FURROW_RUNTIME_AUDITS_H

#include "base/buffer.h"
#include "runtime/assembly.h"

/* `,"audit":{…}` of one replica, null before this process has ended a round. */
void furrow_audits_write_one(const furrow_replica *replica, furrow_buffer *out);

/* `"audit":{…}` of all of them: the oldest end, and sums. */
void furrow_audits_write_all(const furrow_service *service, furrow_buffer *out);

/* Logs what was found since the last time. */
void furrow_audits_report(furrow_service *service);

#endif
