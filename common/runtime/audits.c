/* See audits.h. May depend on the assembly. */
#include "runtime/audits.h"

#include "base/clock.h"
#include "base/logger.h"
#include "wire/json.h"

#include <inttypes.h>

static void write_audit(const furrow_audit *audit, furrow_buffer *out)
{
    char at[40];
    furrow_clock_format(audit->ended_ns, at);
    furrow_buffer_printf(out, "{\"at\":\"%s\",\"records\":%" PRIu64 ",\"wrong\":%" PRIu64 ",\"first\":", at,
                         audit->records, audit->wrong);
    furrow_json_append_string(out, furrow_bytes_of(audit->first));
}

void furrow_audits_write_one(const furrow_replica *replica, furrow_buffer *out)
{
    furrow_audit audit;
    furrow_replica_audited(replica, &audit);
    furrow_buffer_append_text(out, ",\"audit\":");
    if (!audit.ended_ns) {
        furrow_buffer_append_text(out, "null");
        return;
    }
    write_audit(&audit, out);
    furrow_buffer_printf(out, ",\"sequence\":%" PRIu64 "}", audit.sequence);
}

void furrow_audits_write_all(const furrow_service *service, furrow_buffer *out)
{
    furrow_audit sum = {.ended_ns = 0};
    for (size_t i = 0; i < furrow_assembly_replicas(service); i++) {
        furrow_audit audit;
        furrow_replica_audited(furrow_assembly_replica(service, i), &audit);
        if (!audit.ended_ns) continue;
        if (!sum.ended_ns || audit.ended_ns < sum.ended_ns) sum.ended_ns = audit.ended_ns;
        sum.records += audit.records;
        sum.wrong += audit.wrong;
        if (!sum.first[0] && audit.first[0])
            snprintf(sum.first, sizeof sum.first, "%s %.280s", furrow_assembly_stream(service, i), audit.first);
    }
    furrow_buffer_append_text(out, "\"audit\":");
    if (!sum.ended_ns) {
        furrow_buffer_append_text(out, "null");
        return;
    }
    write_audit(&sum, out);
    furrow_buffer_append_byte(out, '}');
}

void furrow_audits_report(furrow_service *service)
{
    uint64_t found = 0;
    furrow_audit newest = {.ended_ns = 0};
    const char *stream = "";
    for (size_t i = 0; i < furrow_assembly_replicas(service); i++) {
        furrow_audit audit;
        furrow_replica_audited(furrow_assembly_replica(service, i), &audit);
        found += audit.found;
        if (audit.found_now == 0 && audit.wrong == 0) continue;
        newest = audit;
        stream = furrow_assembly_stream(service, i);
    }
    if (found == service->audited_wrong) return;
    furrow_logger(FURROW_LOG_ERROR, "audit", "stream=%s count=%llu last=%s", stream,
                  (unsigned long long)(found - service->audited_wrong), newest.last);
    service->audited_wrong = found;
}
