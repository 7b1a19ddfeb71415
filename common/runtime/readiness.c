/* What a service says of itself; see readiness.h. It only looks: what is wrong is repaired where it is. */
#include "runtime/readiness.h"

#include "base/clock.h"
#include "runtime/alarm.h"
#include "runtime/assembly.h"
#include "runtime/audits.h"
#include "wire/json.h"

static const char *describe_redis(furrow_service *service)
{
    const char *why = furrow_store_last_error(service->store);
    if (furrow_store_connected(service->store)) {
        const char *refusal = furrow_store_refusal(service->store);
        bool unfit = furrow_store_evicts(service->store) || furrow_bytes_after(refusal, "is a replica");
        snprintf(service->redis_why, sizeof service->redis_why, "Redis %s%s",
                 unfit ? "" : "takes no writes: ", refusal);
        return service->redis_why;
    }
    bool named = furrow_bytes_after(why, "Redis ") != NULL;
    snprintf(service->redis_why, sizeof service->redis_why, "%s%s", named ? "" : "Redis: ", why);
    return service->redis_why;
}

static furrow_replica *find_unready(furrow_replica *const replicas[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (furrow_replica_state_of(replicas[i]) != FURROW_REPLICA_READY) return replicas[i];
    return NULL;
}

/* Not without Redis, nor until every replica is: an answer from half a view would be wrong, not late. */
bool furrow_readiness_of(void *user, const char **why)
{
    furrow_service *service = user;
    if (!furrow_store_connected(service->store) || furrow_store_refusal(service->store)[0]) {
        *why = describe_redis(service);
        return false;
    }
    if (!furrow_sealkey_good(&service->sealkey)) {
        *why = service->sealkey.why;
        return false;
    }
    furrow_replica *unready = find_unready(service->own, service->entity_count);
    if (!unready) unready = find_unready(service->replicas, service->replica_count);
    if (unready) *why = furrow_replica_describe(unready);
    return !unready;
}

static const char *state_name(furrow_replica_state state)
{
    static const char *const names[] = {"waiting", "catching up", "ready"};
    return names[state];
}

/* null: not known, without NATS or the right to ask. */
static void write_letters(const furrow_service *service, size_t at, furrow_buffer *out)
{
    uint64_t count;
    if (service->letters && furrow_letters_count(service->letters, at, &count))
        furrow_buffer_printf(out, ",\"dead_letters\":%llu", (unsigned long long)count);
    else
        furrow_buffer_append_text(out, ",\"dead_letters\":null");
}

void furrow_readiness_write(void *user, furrow_buffer *out)
{
    furrow_service *service = user;
    const char *why = "";
    furrow_server_load load;
    furrow_server_load_of(service->server, &load);
    bool ready = furrow_readiness_of(service, &why);
    if (ready && !furrow_link_connected(service->log)) ready = false, why = "NATS is away for the log: only reads work";
    if (ready && service->stopping.done) ready = false, why = "stopping";
    if (ready && !service->open) ready = false, why = "not ready yet";
    if (ready && load.refuses_all) ready = false, why = "overloaded: every request is refused, and none has ended";
    furrow_buffer_printf(out, "{\"status\":\"%s\",\"why\":", ready ? "SERVING" : "NOT_SERVING");
    furrow_json_append_string(out, furrow_bytes_of(why));
    furrow_buffer_append_text(out, ",\"alarms\":");
    furrow_alarm_write(service, out);
    uint64_t reconnects = furrow_link_reconnects(service->link) + furrow_link_reconnects(service->log);
    furrow_buffer_printf(
        out, ",\"service\":\"%s\",\"id\":\"%s\",\"now_ms\":%lld,\"redis\":%s,\"nats_reconnects\":%llu,",
        service->definition->name, service->id, (long long)(furrow_clock_wall_ns() / (int64_t)FURROW_NS_PER_MS),
        furrow_store_connected(service->store) ? "true" : "false", (unsigned long long)reconnects);
    furrow_registry_write_load(&load, out);
    furrow_buffer_append_text(out, ",\"replicas\":[");
    for (size_t i = 0; i < furrow_assembly_replicas(service); i++) {
        furrow_replica *replica = furrow_assembly_replica(service, i);
        furrow_replica_stats stats;
        furrow_replica_stats_of(replica, &stats);
        furrow_buffer_printf(out, "%s{\"stream\":\"%s\",\"state\":\"%s\",\"detail\":", i > 0 ? "," : "",
                             furrow_assembly_stream(service, i), state_name(furrow_replica_state_of(replica)));
        furrow_json_append_string(out, furrow_bytes_of(furrow_replica_describe(replica)));
        furrow_buffer_printf(out,
                             ",\"events\":%llu,\"event_bytes\":%llu,\"reads\":%llu,"
                             "\"position\":%llu,\"goal\":%llu,\"applied\":%llu,\"dead_lettered\":%llu,"
                             "\"parked\":%llu,\"age_ms\":%llu,\"last_letter\":",
                             (unsigned long long)stats.received + stats.replayed, (unsigned long long)stats.event_bytes,
                             (unsigned long long)stats.reads, (unsigned long long)stats.position,
                             (unsigned long long)stats.goal, (unsigned long long)stats.applied,
                             (unsigned long long)stats.dead_lettered, (unsigned long long)stats.parked,
                             (unsigned long long)(stats.age_ns / FURROW_NS_PER_MS));
        furrow_json_append_string(out, furrow_bytes_of(furrow_replica_last_letter(replica)));
        write_letters(service, i, out);
        furrow_audits_write_one(replica, out);
        furrow_buffer_append_byte(out, '}');
    }
    furrow_buffer_append_text(out, "]}");
}
