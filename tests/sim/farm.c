/* See farm.h. Depends on common/runtime and the services. */
#include "farm.h"

#include "jetstream.h"
#include "redis.h"

#include "base/clock.h"
#include "base/logger.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPORT_EVERY_MS 500
#define OPEN_EVERY_MS   20

/* The generated main of each service, which has this name in here (see CMakeLists.txt). */
int employee_main(int argc, char **argv);
int location_main(int argc, char **argv);
int job_main(int argc, char **argv);
int timesheet_main(int argc, char **argv);
int harvest_main(int argc, char **argv);

static const furrow_service_definition *definitions[SIM_SERVICES], *told;
static furrow_config config;
static char key_file[300];

/* What a service's main calls with its definition. */
int furrow_service_main(int argc, char **argv, const furrow_service_definition *definition)
{
    (void)argc;
    (void)argv;
    told = definition;
    return 0;
}

static void must(bool ok, const char *what)
{
    if (ok) return;
    fprintf(stderr, "sim: %s\n", what);
    abort();
}

static void make_key(const char *folder)
{
    static const char key[65] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    snprintf(key_file, sizeof key_file, "%s/key", folder);
    int fd = open(key_file, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, key, 64) == 64, "cannot write the key file");
    close(fd);
    config.seal_key_file = key_file;
}

void sim_farm_prepare(const char *folder)
{
    int (*const mains[SIM_SERVICES])(int, char **) = {employee_main, location_main, job_main, timesheet_main,
                                                      harvest_main};
    furrow_error err = {0};
    must(furrow_settings_read(furrow_config_table, furrow_config_count, &config, &err) == FURROW_OK, err.text);
    make_key(folder);
    furrow_logger_init("sim", FURROW_LOG_ERROR);
    for (size_t i = 0; i < SIM_SERVICES; i++) {
        must(mains[i](0, NULL) == 0 && told, "no definition");
        definitions[i] = told;
        const furrow_startup *own = told->startup;
        if (own && own->settings)
            must(furrow_settings_read(own->settings, own->setting_count, own->settings_into, &err) == FURROW_OK,
                 err.text);
        if (own && own->prepare) must(own->prepare(&err) == FURROW_OK, err.text);
    }
}

const furrow_service_definition *sim_farm_definition(size_t which)
{
    return definitions[which];
}

void sim_farm_provision(void)
{
    sim_js_add_stream(&(sim_stream_options){.name = "DEADLETTER", .subjects = "deadletter.>"});
    for (size_t i = 0; i < SIM_SERVICES; i++) {
        const furrow_service_entity_definition *entity = definitions[i]->entities;
        for (; entity && entity->contract; entity++) {
            sim_js_add_stream(&(sim_stream_options){.name = entity->contract->stream,
                                                    .subjects = entity->contract->subjects,
                                                    .per_subject = entity->contract->history});
            sim_js_add_consumer(entity->contract->stream, entity->contract->owner);
        }
    }
    for (size_t i = 0; i < SIM_SERVICES; i++) {
        const furrow_service_replica_definition *replica = definitions[i]->replicas;
        for (; replica && replica->contract; replica++)
            sim_js_add_consumer(replica->contract->stream, replica->contract->service);
    }
}

/* ---- a process ---- */

static void run_until_stopped(furrow_service *service)
{
    uint64_t every_ms = OPEN_EVERY_MS;
    furrow_error err;
    while (!furrow_wait(&service->stopping, furrow_clock_now_ns() + every_ms * FURROW_NS_PER_MS)) {
        furrow_assembly_report(service);
        every_ms = service->open ? REPORT_EVERY_MS : OPEN_EVERY_MS;
    }
    uint64_t deadline = furrow_clock_now_ns() + (uint64_t)service->config.drain_ms * FURROW_NS_PER_MS;
    if (furrow_assembly_drain(service, deadline, &err) == FURROW_OK) furrow_assembly_destroy(service);
}

static void end_process(void *arg)
{
    sim_service *self = arg;
    sim_nats_break(&self->process);
    sim_redis_break(&self->process);
    sim_kill(&self->process);
}

static void serve(void *arg)
{
    sim_service *self = arg;
    furrow_error err = {0};
    if (furrow_assembly_make(&self->service, &err) == FURROW_OK)
        run_until_stopped(&self->service);
    else
        sim_trace("%s: cannot start: %s", self->process.name, err.text);
    self->ended = true;
    sim_at(sim_now_ns(), end_process, self); /* on the world's behalf: this task is on the process's own stack */
}

static void begin(void *arg)
{
    sim_service *self = arg;
    furrow_error err = {0};
    self->service.loop =
        furrow_loop_create(&(furrow_loop_options){.max_tasks = (size_t)self->service.config.max_tasks}, &err);
    bool begun = self->service.loop && furrow_loop_spawn(self->service.loop, serve, self, &err) == FURROW_OK;
    if (begun) return;
    self->ended = true;
    sim_at(sim_now_ns(), end_process, self);
}

sim_service *sim_service_start(size_t which, const char *name)
{
    sim_service *made = sim_alloc(sizeof *made);
    made->process = (sim_process){.name = sim_strdup(name), .alive = true};
    made->service.definition = definitions[which];
    made->service.config = config;
    sim_trace("%s: starts", name);
    sim_in_process(&made->process, begin, made);
    return made;
}

static void terminate(void *arg)
{
    furrow_waiter_done(&((furrow_service *)arg)->stopping);
}

void sim_service_stop(sim_service *self)
{
    if (!self->process.alive || self->service.stopping.done) return;
    sim_trace("%s: SIGTERM", self->process.name);
    sim_in_process(&self->process, terminate, &self->service);
}

void sim_service_kill(sim_service *self)
{
    if (!self->process.alive) return;
    sim_trace("%s: SIGKILL", self->process.name);
    end_process(self);
}

bool sim_service_ready(const sim_service *self)
{
    const furrow_service *service = &self->service;
    if (!self->process.alive || !service->open || service->stopping.done) return false;
    for (size_t i = 0; i < furrow_assembly_replicas(service); i++)
        if (furrow_replica_state_of(furrow_assembly_replica(service, i)) != FURROW_REPLICA_READY) return false;
    return furrow_link_connected(service->link) && furrow_link_connected(service->log) &&
           furrow_store_connected(service->store);
}

const char *sim_service_why(const sim_service *self)
{
    return self->process.alive ? self->service.reported : "it is not running";
}
