/* See world.h. Depends on the simulated servers and the farm. */
#include "world.h"

#include "checks.h"
#include "nats.h"
#include "redis.h"

#include <stdio.h>
#include <string.h>

#define SETUP_NS     (20 * SIM_S)
#define REST_NS      (90 * SIM_S) /* in which all must be well after what broke was mended */
#define LOOK_NS      (500 * SIM_MS)
#define SNAPSHOT_NS  (300 * SIM_MS)
#define SETTLE_NS    (300 * SIM_MS)
#define SNAPSHOTS    4 /* so an older Redis is up to a second older */
#define LOSSES_NS    (300 * SIM_MS)
#define SLOW_NATS_NS (30 * SIM_MS)
#define SLOW_DB_NS   (20 * SIM_MS)

typedef struct slot {
    size_t which;
    const char *name;
    sim_service *service;
} slot;

static struct {
    const plan *plan;
    slot slots[WORLD_PROCESSES];
    sim_snapshot *snapshots[SNAPSHOTS];
    size_t snapshot_count;
    bool log_lost, redis_hurt, evicted, mended;
} world;

/* ---- processes ---- */

static void start_process(void *arg)
{
    slot *of = arg;
    if (of->service && of->service->process.alive) return;
    of->service = sim_service_start(of->which, of->name);
}

static void start_all(void)
{
    for (size_t i = 0; i < WORLD_PROCESSES; i++) {
        slot *of = &world.slots[i];
        char name[40];
        snprintf(name, sizeof name, "%s-%zu", sim_farm_definition(i % SIM_SERVICES)->name, i / SIM_SERVICES);
        *of = (slot){.which = i % SIM_SERVICES, .name = sim_strdup(name)};
        start_process(of);
    }
}

static bool all_ready(void)
{
    for (size_t i = 0; i < WORLD_PROCESSES; i++)
        if (!sim_service_ready(world.slots[i].service)) return false;
    return true;
}

static bool is_set_up(void *arg)
{
    return all_ready() && sim_ops_done();
}

/* ---- what breaks ---- */

/* The process of @step, or NULL: all of them. */
static const sim_process *process_of(const plan_step *step)
{
    return step->who < WORLD_PROCESSES ? &world.slots[step->who].service->process : NULL;
}

static void lose_log(void)
{
    static const char *const streams[] = {"EMPLOYEE", "WORK_DAY"};
    world.log_lost = true;
    sim_nats_set_up(false);
    for (size_t i = 0; i < 2; i++) {
        sim_stream *stream = sim_js_stream(streams[i]);
        uint64_t last = sim_js_last(stream);
        while (last > 0 && sim_js_at(stream, last)->time_ns > sim_wall_ns() - (int64_t)LOSSES_NS) last--;
        sim_js_lose_end(stream, last, sim_chance(300));
    }
}

static void put_bad_event(unsigned who)
{
    char subject[64];
    snprintf(subject, sizeof subject, "employee.v1.Employee.E%u", who % PLAN_PEOPLE);
    (void)sim_nats_publish(sim_message_make(sim_strdup(subject), NULL, SIM_NO_STATE, strlen(SIM_NO_STATE)));
}

static void nats_up(void *arg)
{
    sim_nats_set_up(true);
}

static void nats_well(void *arg)
{
    sim_nats_lose(0);
    sim_nats_latency(300 * SIM_US);
}

static void redis_up(void *arg)
{
    sim_redis_set_up(true);
}

static void redis_well(void *arg)
{
    sim_redis_refuse(NULL);
    sim_redis_evict(false);
    sim_redis_latency(150 * SIM_US);
}

static void evicted_enough(void *arg)
{
    sim_redis_evict(false);
    if (sim_chance(250)) sim_redis_reset_stats();
}

static void flush_again(void *arg)
{
    sim_redis_flush_all();
}

static void break_process(const plan_step *step, uint64_t until_ns)
{
    slot *of = &world.slots[step->who % WORLD_PROCESSES];
    if (step->kind == PLAN_KILL)
        sim_service_kill(of->service);
    else
        sim_service_stop(of->service);
    sim_at(until_ns, start_process, of);
}

/* By who looks, or while nobody does. */
static void evict_some(const plan_step *step, uint64_t until_ns)
{
    if (world.log_lost) return; /* what both have lost nobody can give back (README.md of the protocol) */
    world.redis_hurt = world.evicted = true;
    for (size_t i = step->who % SIM_SERVICES; step->who % 2 == 1 && i < WORLD_PROCESSES; i += SIM_SERVICES) {
        sim_service_kill(world.slots[i].service);
        sim_at(until_ns + SIM_MS, start_process, &world.slots[i]);
    }
    sim_redis_evict(true);
    sim_at(until_ns, evicted_enough, NULL);
}

static void break_nats(const plan_step *step, uint64_t until_ns)
{
    switch (step->kind) {
    case PLAN_NATS_BREAK:
        sim_nats_break(process_of(step));
        break;
    case PLAN_NATS_DARK:
        sim_nats_darken(process_of(step), until_ns);
        break;
    case PLAN_NATS_DOWN:
        sim_nats_set_up(false);
        sim_at(until_ns, nats_up, NULL);
        break;
    case PLAN_LOG_LOSS:
        if (world.evicted) break; /* as above */
        lose_log();
        sim_at(until_ns, nats_up, NULL);
        break;
    case PLAN_NATS_LOSE:
        sim_nats_lose(250);
        sim_at(until_ns, nats_well, NULL);
        break;
    default:
        sim_nats_latency(SLOW_NATS_NS);
        sim_at(until_ns, nats_well, NULL);
        break;
    }
}

static void break_redis(const plan_step *step, uint64_t until_ns)
{
    world.redis_hurt = true;
    switch (step->kind) {
    case PLAN_REDIS_BREAK:
        sim_redis_break(process_of(step));
        break;
    case PLAN_REDIS_DOWN:
        sim_redis_set_up(false);
        sim_at(until_ns, redis_up, NULL);
        break;
    case PLAN_REDIS_HANG:
        sim_redis_hang(until_ns);
        break;
    case PLAN_REDIS_SLOW:
        sim_redis_latency(SLOW_DB_NS);
        sim_at(until_ns, redis_well, NULL);
        break;
    case PLAN_REDIS_FULL:
        sim_redis_refuse("OOM command not allowed when used memory > 'maxmemory'.");
        sim_at(until_ns, redis_well, NULL);
        break;
    case PLAN_REDIS_FLUSH_TWICE:
        sim_at(until_ns, flush_again, NULL);
        sim_redis_flush_all();
        break;
    case PLAN_REDIS_FLUSH:
        sim_redis_flush_all();
        break;
    case PLAN_REDIS_OLDER:
        if (world.evicted) break; /* what no process saw of one that evicted, nobody can know of the next (README.md) */
        sim_redis_restart(world.snapshots[sim_random_below(world.snapshot_count)]);
        break;
    default:
        sim_redis_flush_all();
        sim_redis_restart(NULL);
        break;
    }
}

static void happen(void *arg)
{
    const plan_step *step = arg;
    uint64_t until_ns = sim_now_ns() + step->for_ms * SIM_MS;
    if (plan_is_fault(step)) sim_trace("world: %s, %u ms", plan_kind_name(step->kind), step->for_ms);
    if (!plan_is_fault(step))
        (void)sim_ask(step->kind, step->who, step->number);
    else if (step->kind == PLAN_KILL || step->kind == PLAN_STOP)
        break_process(step, until_ns);
    else if (step->kind == PLAN_NO_MEMORY)
        sim_fail_allocation(1 + sim_random_below(3000));
    else if (step->kind == PLAN_BAD_EVENT)
        put_bad_event(step->who);
    else if (step->kind == PLAN_REDIS_EVICT)
        evict_some(step, until_ns);
    else if (step->kind >= PLAN_REDIS_BREAK && step->kind <= PLAN_REDIS_EMPTY)
        break_redis(step, until_ns);
    else
        break_nats(step, until_ns);
}

static void take_snapshot(void *arg)
{
    if (world.mended) return;
    memmove(world.snapshots, world.snapshots + 1, (SNAPSHOTS - 1) * sizeof world.snapshots[0]);
    world.snapshots[SNAPSHOTS - 1] = sim_redis_snapshot();
    sim_at(sim_now_ns() + SNAPSHOT_NS, take_snapshot, NULL);
}

/* ---- the end ---- */

static void mend(void)
{
    world.mended = true;
    sim_trace("world: all is mended");
    if (!sim_nats_is_up()) sim_nats_set_up(true);
    sim_redis_set_up(true);
    sim_redis_hang(0);
    sim_fail_allocation(0);
    nats_well(NULL);
    redis_well(NULL);
    for (size_t i = 0; i < WORLD_PROCESSES; i++) start_process(&world.slots[i]);
}

static void describe_unready(char why[WORLD_FAILURE])
{
    for (size_t i = 0; i < WORLD_PROCESSES; i++) {
        if (sim_service_ready(world.slots[i].service)) continue;
        snprintf(why, WORLD_FAILURE, "%llu s after all was mended %s is not ready: %.700s",
                 (unsigned long long)(REST_NS / SIM_S), world.slots[i].name, sim_service_why(world.slots[i].service));
        return;
    }
    for (const sim_op *at = sim_ops(); at; at = at->next)
        if (!at->done)
            snprintf(why, WORLD_FAILURE, "%s has no answer that counts after %u tries; the last: %d %.300s",
                     sim_op_name(at), at->tries, at->code, at->error ? at->error : "");
}

/* Looks now and then until all is well: what is on its way may take as long as it takes. */
static bool comes_to_rest(char why[WORLD_FAILURE])
{
    sim_service *services[WORLD_PROCESSES];
    uint64_t until = sim_now_ns() + REST_NS;
    for (bool well = false; sim_now_ns() < until;) {
        sim_run(sim_now_ns() + LOOK_NS, NULL, NULL);
        for (size_t i = 0; i < WORLD_PROCESSES; i++) start_process(&world.slots[i]); /* what was still draining */
        well = is_set_up(NULL);
        for (size_t i = 0; i < WORLD_PROCESSES; i++) services[i] = world.slots[i].service;
        if (well) sim_check_records(services, why);
        if (well && !why[0]) sim_check_rules(why);
        if (well && !why[0]) return true;
    }
    if (!is_set_up(NULL)) describe_unready(why);
    return false;
}

static bool set_up(char why[WORLD_FAILURE])
{
    static const char *const jsons[][2] = {
        {"location.v1.LocationService.CreateLocation",
         "{\"id\":\"L1\",\"kind\":\"LOCATION_KIND_RANCH\",\"name\":\"Ranch\"}"},
        {"job.v1.JobService.OpenJob", "{\"id\":\"J1\",\"code\":\"J1\",\"name\":\"Harvest\",\"kind\":\"JOB_KIND_"
                                      "HARVEST\",\"pay\":{\"type\":\"PAY_TYPE_HOURLY\"}}"},
        {"job.v1.JobService.OpenJob", "{\"id\":\"J2\",\"code\":\"J2\",\"name\":\"Pruning\",\"kind\":\"JOB_KIND_PRUNE\","
                                      "\"pay\":{\"type\":\"PAY_TYPE_HOURLY\"}}"},
        {"job.v1.JobService.OpenJob", "{\"id\":\"P1\",\"code\":\"P1\",\"name\":\"Picking\",\"kind\":\"JOB_KIND_"
                                      "HARVEST\",\"pay\":{\"type\":\"PAY_TYPE_PIECE\","
                                      "\"unit\":\"bin\",\"rateCents\":\"210\"}}"}};
    memset(&world, 0, sizeof world);
    sim_nats_start();
    sim_redis_start();
    sim_farm_provision();
    sim_clients_start();
    start_all();
    for (size_t i = 0; i < sizeof jsons / sizeof *jsons; i++) (void)sim_ask_json(jsons[i][0], jsons[i][1], true);
    for (unsigned i = 0; i < PLAN_PEOPLE; i++) {
        char json[160];
        snprintf(json, sizeof json, "{\"id\":\"E%u\",\"givenName\":\"Old\",\"familyName\":\"Hand\",\"badge\":\"%u\"}",
                 i, i + 1);
        (void)sim_ask_json("employee.v1.EmployeeService.HireEmployee", json, true);
    }
    bool well = sim_run(sim_now_ns() + SETUP_NS, is_set_up, NULL);
    for (const sim_op *at = sim_ops(); well && at; at = at->next) well = at->code == 0;
    if (!well) snprintf(why, WORLD_FAILURE, "nothing is broken yet, and it does not work");
    return well && sim_run(sim_now_ns() + SETTLE_NS, NULL, NULL) == false;
}

bool sim_world_run(const plan *of, char why[WORLD_FAILURE])
{
    uint32_t last_ms = 0;
    sim_begin(of->seed);
    why[0] = '\0';
    if (!set_up(why)) return false;
    world.plan = of;
    for (size_t i = 0; i < SNAPSHOTS; i++) world.snapshots[i] = sim_redis_snapshot();
    world.snapshot_count = SNAPSHOTS;
    take_snapshot(NULL);
    for (size_t i = 0; i < of->count; i++) {
        const plan_step *step = &of->steps[i];
        if (step->left_out) continue;
        sim_at(sim_now_ns() + step->at_ms * SIM_MS, happen, (void *)(uintptr_t)step);
        uint32_t ends = step->at_ms + step->for_ms;
        if (ends > last_ms) last_ms = ends;
    }
    sim_run(sim_now_ns() + last_ms * SIM_MS + SIM_MS, NULL, NULL);
    mend();
    if (!comes_to_rest(why)) return false;
    sim_check_history(world.log_lost, world.redis_hurt, why);
    return !why[0];
}
