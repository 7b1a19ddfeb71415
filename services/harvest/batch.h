/** Many scans at once, each on its own. Threads: the loop's, in a task. Parks. */
#ifndef FURROW_HARVEST_BATCH_H
#define FURROW_HARVEST_BATCH_H

#include "runtime/service.h"
#include "harvest/domain.h"

#define HARVEST_BATCH_MAX 1000

/* One answer a scan, in their order. INVALID_ARGUMENT: there are none, or too many; RESOURCE_EXHAUSTED. */
furrow_status batch_record(furrow_call *call, const Harvest__V1__RecordTicketsRequest *request,
                           Harvest__V1__RecordTicketsResponse *response, furrow_error *err) FURROW_MUST_USE;

#endif
