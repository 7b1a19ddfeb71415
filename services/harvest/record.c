/* See record.h. */
#include "harvest/record.h"

#include "base/clock.h"
#include "base/hash.h"
#include "harvest/v1/harvest.access.h"
#include "window/window.h"

#define HOLDERS_MAX 16 /* of one badge: one who has it, the others have left */

harvest_settings harvest_config;

/* Places in the gather. */
enum { TICKET, JOB, LOCATION, EMPLOYEE };

typedef struct recording {
    furrow_service *service;
    const Harvest__V1__Scan *scan;
    ticket_facts facts;
    furrow_state present;
    bool known;
} recording;

_Static_assert(HARVEST_SCAN_BYTES == FURROW_HASH_BYTES, "a ticket remembers a whole hash");

/* What was scanned, as the ticket remembers it. */
static void hash_scan(const Harvest__V1__Scan *scan, uint8_t out[HARVEST_SCAN_BYTES])
{
    const int64_t numbers[] = {scan->quantity, scan->picked_at->seconds, scan->picked_at->nanos};
    const furrow_bytes parts[] = {
        furrow_bytes_of(scan->badge),           furrow_bytes_of(scan->employee_id), furrow_bytes_of(scan->job_id),
        furrow_bytes_of(scan->location_id),     furrow_bytes_of(scan->crew),        furrow_bytes_of(scan->scanner),
        {(const char *)numbers, sizeof numbers}};
    furrow_hash(parts, sizeof parts / sizeof *parts, out);
}

/* All that the decision needs: of a badge its holders first, since they are found by an index. */
static furrow_status read_facts(recording *self, furrow_arena *arena, furrow_error *err)
{
    const Harvest__V1__Scan *scan = self->scan;
    ticket_facts *facts = &self->facts;
    furrow_gather gather;
    furrow_gather_init(&gather, self->service);
    (void)ticket_want(&gather, scan->id);
    (void)job_want(&gather, scan->job_id);
    (void)location_want(&gather, scan->location_id);
    if (!scan->badge[0]) (void)employee_want(&gather, scan->employee_id);
    furrow_status status = furrow_gather_read(&gather, arena, err);
    if (status == FURROW_OK) status = ticket_take(&gather, TICKET, arena, &self->present, err);
    if (status == FURROW_OK) status = job_take(&gather, JOB, arena, &facts->job, err);
    if (status == FURROW_OK) status = location_take(&gather, LOCATION, arena, &facts->location, err);
    if (status != FURROW_OK || self->present.message) return status; /* a repetition needs no holder */
    if (scan->badge[0]) {
        Harvest__V1__Employee *const *people;
        status =
            employee_kept_by_badge(self->service, scan->badge, HOLDERS_MAX, arena, &people, &facts->people_count, err);
        if (status == FURROW_OK) facts->people = (const Harvest__V1__Employee *const *)people;
        return status;
    }
    const Harvest__V1__Employee **one = furrow_arena_alloc(arena, sizeof *one);
    if (!one) return furrow_known_no_memory(err);
    status = employee_take(&gather, EMPLOYEE, arena, one, err);
    facts->people = one;
    facts->people_count = status == FURROW_OK && *one;
    return status;
}

static furrow_status decide(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                            furrow_error *err)
{
    recording *self = arg;
    Harvest__V1__Ticket *next = furrow_arena_alloc(arena, sizeof *next);
    if (!next) return furrow_known_no_memory(err);
    harvest__v1__ticket__init(next);
    next->id = self->scan->id;
    self->facts.present = ticket_of(current);
    self->facts.arena = arena;
    furrow_status status = ticket_record(&self->facts, next, &self->known, err);
    if (status == FURROW_OK && !self->known) *out = (furrow_decision){.next = &next->base, .event = "recorded"};
    return status;
}

furrow_status record_scan(furrow_service *service, const Harvest__V1__Scan *scan, const furrow_command *command,
                          furrow_arena *arena, recorded_ticket *out, furrow_error *err)
{
    recording self = {.service = service, .scan = scan};
    furrow_written written;
    self.facts.scan = scan;
    self.facts.now_ns = furrow_clock_wall_ns();
    furrow_status status = ticket_check_scan(scan, self.facts.now_ns, err);
    if (status != FURROW_OK) return status;
    workday_window window =
        workday_window_kept(furrow_timestamp_ns(scan->picked_at), (int)harvest_config.day_start_hour);
    hash_scan(scan, self.facts.scanned);
    self.facts.date = furrow_arena_strdup(arena, window.date); /* it goes with the ticket */
    if (!self.facts.date) return furrow_known_no_memory(err);
    status = read_facts(&self, arena, err);
    if (status != FURROW_OK) return status;
    const furrow_write write = {
        .id = scan->id, .command = command, .known = &self.present, .decide = decide, .arg = &self};
    status = ticket_write(service, &write, arena, &written, err);
    if (status != FURROW_OK) return status;
    *out = (recorded_ticket){.ticket = ticket_shown(&written.state),
                             .version = written.state.version,
                             .known = !written.wrote && !written.repeated};
    memcpy(out->subject, written.subject, sizeof out->subject);
    return FURROW_OK;
}
