/*
 * See batch.h. The task of the call and a few beside it take scan after scan, so that their reads and writes leave
 * together; what one scan comes to is none of the others' business. Scans of one id in one batch meet in the log's
 * turns, like any two. The task of the call is the last to end: what the others use is its.
 */
#include "harvest/batch.h"

#include "harvest/record.h"

#define WORKERS 32

typedef struct batch {
    furrow_call *call;
    furrow_service *service;
    const Harvest__V1__RecordTicketsRequest *request;
    Harvest__V1__RecordTicketsResponse *response;
    size_t next, working;
    furrow_waiter ended; /* the last of the workers has */
    struct furrow_trace *trace;
} batch;

static void record_one(const batch *self, size_t place)
{
    const Harvest__V1__Scan *scan = self->request->scans[place];
    Harvest__V1__RecordedTicket *row = self->response->tickets[place];
    furrow_error err = {0};
    recorded_ticket recorded = {.version = 0};
    row->id = scan->id;
    furrow_status status = furrow_rule_first(&harvest_v1_scan_field_rules, &scan->base, &err);
    if (status == FURROW_OK)
        status = record_scan(self->service, scan, furrow_call_command(self->call), furrow_call_arena(self->call),
                             &recorded, &err);
    row->code = (int32_t)status;
    row->version = (int64_t)recorded.version;
    row->known = recorded.known;
    if (status == FURROW_OK) return;
    char *reason = furrow_arena_strdup(furrow_call_arena(self->call), err.text);
    char *field = furrow_arena_strdup(furrow_call_arena(self->call), err.field);
    if (reason) row->reason = reason;
    if (field) row->field = field;
}

static void record_all(batch *self)
{
    while (self->next < self->request->n_scans) record_one(self, self->next++);
}

static void record_beside(void *arg)
{
    batch *self = arg;
    (void)furrow_task_set_deadline(furrow_call_deadline(self->call));
    furrow_task_set_trace(self->trace);
    record_all(self);
    if (--self->working == 0) furrow_waiter_done(&self->ended);
}

static furrow_status make_rows(const batch *self, furrow_arena *arena, furrow_error *err)
{
    size_t count = self->request->n_scans;
    Harvest__V1__RecordedTicket *rows = furrow_arena_alloc(arena, count * sizeof *rows);
    Harvest__V1__RecordedTicket **list = furrow_arena_alloc(arena, count * sizeof *list);
    if (!rows || !list) return furrow_known_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        harvest__v1__recorded_ticket__init(&rows[i]);
        list[i] = &rows[i];
    }
    self->response->tickets = list;
    self->response->n_tickets = count;
    return FURROW_OK;
}

furrow_status batch_record(furrow_call *call, const Harvest__V1__RecordTicketsRequest *request,
                           Harvest__V1__RecordTicketsResponse *response, furrow_error *err)
{
    batch self = {.call = call,
                  .service = furrow_service_of(call),
                  .request = request,
                  .response = response,
                  .trace = furrow_task_trace()};
    if (request->n_scans < 1 || request->n_scans > HARVEST_BATCH_MAX)
        return furrow_fail_field(err, "scans", "1 to %d at once, not %zu", HARVEST_BATCH_MAX, request->n_scans);
    furrow_status status = make_rows(&self, furrow_call_arena(call), err);
    if (status != FURROW_OK) return status;
    size_t wanted = request->n_scans < WORKERS ? request->n_scans - 1 : WORKERS;
    while (self.working < wanted && furrow_service_spawn(self.service, record_beside, &self, NULL) == FURROW_OK)
        self.working++;
    record_all(&self);
    if (self.working > 0) (void)furrow_wait(&self.ended, FURROW_NEVER); /* each ends by the call's deadline */
    return FURROW_OK;
}
