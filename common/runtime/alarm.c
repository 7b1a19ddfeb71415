/* See alarm.h. Every limit is looked at when somebody asks, so they cost nothing otherwise. */
#include "runtime/alarm.h"

#include "base/budget.h"
#include "wire/json.h"

#include <stdarg.h>
#include <stdio.h>

#define ALARM_MAX 400

typedef struct alarms {
    furrow_buffer *out;
    size_t count;
} alarms;

static void raise_alarm(alarms *self, const char *format, ...) FURROW_PRINTF(2, 3);
static void raise_alarm(alarms *self, const char *format, ...)
{
    char text[ALARM_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (self->count++ > 0) furrow_buffer_append_byte(self->out, ',');
    furrow_json_append_string(self->out, furrow_bytes_of(text));
}

static bool is_near(size_t now, size_t most)
{
    return most > 0 && now >= most - most * (100 - FURROW_ALARM_PERCENT) / 100;
}

static void check_process(const furrow_service *service, alarms *self)
{
    const furrow_config *config = &service->config;
    furrow_budget_stats memory = furrow_budget_stats_of_process();
    size_t calls = furrow_server_calls(service->server), tasks = furrow_loop_tasks(service->loop);
    size_t results = furrow_server_results(service->server), bytes = furrow_server_result_bytes(service->server);
    if (is_near(memory.used, memory.admitted_max))
        raise_alarm(self, "memory: %zu of the %zu MB that new requests may take are in use (FURROW_MEMORY_MB)",
                    memory.used >> 20, memory.admitted_max >> 20);
    if (is_near(calls, (size_t)config->max_calls))
        raise_alarm(self, "calls: %zu of %lld run (FURROW_MAX_CALLS)", calls, (long long)config->max_calls);
    if (is_near(tasks, (size_t)config->max_tasks))
        raise_alarm(self, "tasks: %zu of %lld run (FURROW_MAX_TASKS)", tasks, (long long)config->max_tasks);
    if (is_near(results, (size_t)config->results_max))
        raise_alarm(self, "results: %zu of %lld are remembered, and then the oldest go (FURROW_RESULTS_MAX)", results,
                    (long long)config->results_max);
    if (is_near(bytes, (size_t)config->results_mb << 20))
        raise_alarm(self, "results: those remembered take %zu of %lld KB, and then the oldest go (FURROW_RESULTS_MB)",
                    bytes >> 10, (long long)config->results_mb << 10);
}

/* Of those that lie there; where nobody may count them, of those that this process put there. */
static void check_letter_alarm(const furrow_service *service, size_t at, alarms *self)
{
    const char *stream = furrow_assembly_stream(service, at), *name = service->definition->name;
    furrow_replica_stats stats;
    uint64_t count = 0;
    furrow_replica_stats_of(furrow_assembly_replica(service, at), &stats);
    bool known = service->letters && furrow_letters_count(service->letters, at, &count);
    if (!known) count = stats.dead_lettered + stats.parked;
    if (count > 0)
        raise_alarm(self, "dead letters: %llu of %s%s: `furrow deadletter list --service %s`",
                    (unsigned long long)count, stream, known ? "" : " since the start", name);
}

/* Of the round that goes on, or of the last one. */
static void check_audit(const furrow_service *service, const furrow_replica *replica, const char *stream, alarms *self)
{
    furrow_audit audit;
    furrow_replica_audited(replica, &audit);
    uint64_t wrong = audit.found_now > audit.wrong ? audit.found_now : audit.wrong;
    if (wrong > 0)
        raise_alarm(self, "audit: %llu records of %s are not what the log says (%.160s): `furrow audit %s`",
                    (unsigned long long)wrong, stream, audit.last, service->definition->name);
}

static void check_replica_alarms(const furrow_service *service, size_t at, alarms *self)
{
    furrow_replica_stats stats;
    const furrow_replica *replica = furrow_assembly_replica(service, at);
    const char *stream = furrow_assembly_stream(service, at);
    furrow_replica_stats_of(replica, &stats);
    check_letter_alarm(service, at, self);
    if (is_near(stats.waiting, stats.waiting_max))
        raise_alarm(self, "waiting: %zu of %zu calls wait for events of %s (FURROW_REPLICA_WAITERS)", stats.waiting,
                    stats.waiting_max, stream);
    check_audit(service, replica, stream, self);
    if (furrow_replica_notice(replica)[0]) raise_alarm(self, "%s: %s", stream, furrow_replica_notice(replica));
}

void furrow_alarm_write(const furrow_service *service, furrow_buffer *out)
{
    const furrow_service_definition *definition = service->definition;
    alarms self = {.out = out};
    furrow_buffer_append_byte(out, '[');
    check_process(service, &self);
    for (size_t i = 0; i < service->entity_count; i++) {
        const furrow_entity_contract *contract = definition->entities[i].contract;
        size_t waiting = furrow_entity_waiting(service->entities[i]);
        check_replica_alarms(service, i, &self);
        if (is_near(waiting, (size_t)service->config.entity_waiters))
            raise_alarm(&self, "writers: %zu of %lld wait to write %s (FURROW_ENTITY_WAITERS)", waiting,
                        (long long)service->config.entity_waiters, contract->short_name);
    }
    for (size_t i = 0; i < service->replica_count; i++) check_replica_alarms(service, service->entity_count + i, &self);
    furrow_buffer_append_byte(out, ']');
}
