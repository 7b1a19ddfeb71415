/*
 * The process of a service: arguments, settings, signals, the loop. Everything that logs at the top is here.
 */
#include "base/budget.h"
#include "base/clock.h"
#include "base/logger.h"
#include "runtime/assembly.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REPORT_EVERY_MS 200
#define OPEN_EVERY_MS   20 /* while it takes no requests */
#define TRIM_EVERY_NS   FURROW_NS_PER_S
#define CLOSING_MS      1000 /* kept of FURROW_DRAIN_MS for what comes after begun work: to hand back, and to close */
#define SETTINGS_LINE   900
#define LEAST_MS        250 /* for that, where FURROW_DRAIN_MS is next to nothing */
#define MEMORY_REQUESTS 8   /* of the largest size must fit into the budget, or none would ever be admitted */

static void print_help(const furrow_service_definition *definition)
{
    printf("%s %s: %s\n\nUsage: %s [--settings | --version | --help]\n\n"
           "Runs until SIGTERM. Settings come from the environment; --settings lists them.\n",
           definition->name, definition->version, definition->description, definition->name);
}

static void print_settings(const furrow_service_definition *definition)
{
    furrow_settings_print(furrow_config_table, furrow_config_count, stdout);
    const furrow_startup *startup = definition->startup;
    if (startup && startup->settings) furrow_settings_print(startup->settings, startup->setting_count, stdout);
}

/* -1: go on and run. */
static int handle_arguments(int argc, char **argv, const furrow_service_definition *definition)
{
    if (argc == 1) return -1;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) return print_help(definition), 0;
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("%s %s\n", definition->name, definition->version), 0;
    if (argc == 2 && strcmp(argv[1], "--settings") == 0) return print_settings(definition), 0;
    fprintf(stderr, "%s: unknown argument %s; try --help\n", definition->name, argv[1]);
    return 2;
}

static furrow_status set_memory_budget(const furrow_config *config, furrow_error *err)
{
    int64_t bytes = config->memory_mb << 20, least = MEMORY_REQUESTS * config->max_request_bytes;
    if (bytes < least)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           "FURROW_MEMORY_MB is %lld: requests of FURROW_MAX_REQUEST_BYTES=%lld need at least %lld",
                           (long long)config->memory_mb, (long long)config->max_request_bytes,
                           (long long)((least + (1 << 20) - 1) >> 20));
    furrow_budget_set_limit((size_t)bytes);
    return FURROW_OK;
}

static furrow_status read_settings(furrow_service *service, furrow_error *err)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    const furrow_service_definition *definition = service->definition;
    furrow_status status = furrow_settings_read(furrow_config_table, furrow_config_count, &service->config, err);
    const furrow_startup *startup = definition->startup;
    if (status == FURROW_OK && startup && startup->settings)
        status = furrow_settings_read(startup->settings, startup->setting_count, startup->settings_into, err);
    if (status == FURROW_OK) status = set_memory_budget(&service->config, err);
    if (status != FURROW_OK) return status;
    const char *id = service->config.instance_id;
    if (id && !furrow_id_valid(id, strlen(id)))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           "FURROW_INSTANCE_ID is \"%.80s\": use 1 to %d letters, digits, - and _", id, FURROW_ID_MAX);
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcmp(service->config.log_level, levels[i]) != 0) continue;
        furrow_logger_init(definition->name, (furrow_log_level)i);
        return startup && startup->prepare ? startup->prepare(err) : FURROW_OK;
    }
    return furrow_fail(err, FURROW_INVALID_ARGUMENT, "FURROW_LOG_LEVEL is \"%s\": use error, warn, info or debug",
                       service->config.log_level);
}

/*
 * Whatever it waits for then (a server that is silent, a name that is not resolved, a thread of a library's): the process
 * ends in time. The log and redelivery mend what is cut off.
 */
static void *end_in_time(void *arg)
{
    const uint64_t *ms = arg;
    struct timespec left = {.tv_sec = (time_t)(*ms / 1000), .tv_nsec = (long)(*ms % 1000 * FURROW_NS_PER_MS)};
    while (nanosleep(&left, &left) != 0) continue;
    furrow_logger(FURROW_LOG_WARN, "drain cut short", "why=%s", "FURROW_DRAIN_MS has passed");
    _exit(0);
}

static void bound_the_end(const furrow_service *service)
{
    static uint64_t ms;
    pthread_t thread;
    ms = (uint64_t)service->config.drain_ms;
    if (ms < LEAST_MS) ms = LEAST_MS;
    if (pthread_create(&thread, NULL, end_in_time, &ms) == 0) pthread_detach(thread);
}

/* Of FURROW_DRAIN_MS what is for begun work. */
static uint64_t work_ms(const furrow_service *service)
{
    uint64_t ms = (uint64_t)service->config.drain_ms;
    return ms - (ms / 4 < CLOSING_MS ? ms / 4 : CLOSING_MS);
}

static void run_until_stopped(furrow_service *service)
{
    uint64_t every_ms = OPEN_EVERY_MS;
    uint64_t trimmed_ns = furrow_clock_now_ns();
    while (!furrow_wait(&service->stopping, furrow_clock_in_ms(every_ms))) {
        furrow_assembly_report(service);
        if (furrow_clock_now_ns() - trimmed_ns >= TRIM_EVERY_NS) {
            furrow_server_trim(service->server);
            furrow_budget_trim();
            trimmed_ns = furrow_clock_now_ns();
        }
        every_ms = service->open ? REPORT_EVERY_MS : OPEN_EVERY_MS;
    }
    furrow_logger(FURROW_LOG_INFO, "draining", "calls=%zu", furrow_server_calls(service->server));
    furrow_error err;
    uint64_t deadline = furrow_clock_now_ns() + work_ms(service) * FURROW_NS_PER_MS;
    if (furrow_assembly_drain(service, deadline, &err) == FURROW_OK) return;
    /* Parked handlers still hold what taking the service down would free; the log and redelivery mend what is cut off.
     */
    furrow_logger(FURROW_LOG_WARN, "drain cut short", "why=%s", err.text);
    _exit(0);
}

static void serve(void *arg)
{
    furrow_service *service = arg;
    furrow_error err;
    if (furrow_assembly_make(service, &err) == FURROW_OK) {
        furrow_logger(FURROW_LOG_INFO, "started", "version=%s id=%s", service->definition->version, service->id);
        run_until_stopped(service);
        furrow_logger(FURROW_LOG_INFO, "stopped", NULL);
    } else {
        furrow_logger(FURROW_LOG_ERROR, "cannot start", "why=%s", err.text);
        service->exit_code = 1;
    }
    furrow_assembly_destroy(service);
}

/* The first signal drains; the second ends the process at once. */
static void on_signal(uv_signal_t *handle, int number)
{
    furrow_service *service = handle->data;
    if (service->stopping.done) _exit(128 + number);
    bound_the_end(service);
    furrow_waiter_done(&service->stopping);
}

/* Warns of what must be a mistake; others are another program's, and are only told of, in @arg. */
static void note_unknown(void *arg, const char *variable, const char *meant)
{
    char *others = arg;
    size_t len = strlen(others);
    if (meant)
        furrow_logger(FURROW_LOG_WARN, "unknown setting", "name=%s meant=%s", variable, meant);
    else
        snprintf(others + len, SETTINGS_LINE - len, "%s%s", len ? " " : "", variable);
}

static void tell_unknown(const furrow_service_definition *definition)
{
    char others[SETTINGS_LINE] = "";
    const furrow_startup *startup = definition->startup;
    furrow_config_each_unknown(startup ? startup->settings : NULL, startup ? startup->setting_count : 0, note_unknown,
                               others);
    if (others[0]) furrow_logger(FURROW_LOG_INFO, "not read here", "variables=%s", others);
}

/* What it runs with, defaults too; a secret is not among it. */
static void log_settings(const furrow_setting table[], size_t count, const void *values)
{
    char text[SETTINGS_LINE];
    for (size_t next = 0; next < count;) {
        furrow_settings_describe(table, count, values, &next, text, sizeof text);
        if (text[0]) furrow_logger(FURROW_LOG_INFO, "settings", "are=%s", text);
    }
}

static int run_service(furrow_service *service)
{
    furrow_error err;
    service->loop = furrow_loop_create(&(furrow_loop_options){.max_tasks = (size_t)service->config.max_tasks}, &err);
    if (!service->loop) {
        furrow_logger(FURROW_LOG_ERROR, "cannot start", "why=%s", err.text);
        return 1;
    }
    uv_signal_t signals[2];
    const int numbers[2] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < 2; i++) {
        uv_signal_init(furrow_loop_uv(service->loop), &signals[i]);
        signals[i].data = service;
        uv_signal_start(&signals[i], on_signal, numbers[i]);
    }
    if (furrow_loop_run_task(service->loop, serve, service, &err) != FURROW_OK) service->exit_code = 1;
    for (size_t i = 0; i < 2; i++) uv_close((uv_handle_t *)&signals[i], NULL);
    furrow_loop_destroy(service->loop);
    return service->exit_code;
}

int furrow_service_main(int argc, char **argv, const furrow_service_definition *definition)
{
    int code = handle_arguments(argc, argv, definition);
    if (code >= 0) return code;
    signal(SIGPIPE, SIG_IGN);
    /* Two connections and Redis may each hold a thread of libuv's pool, to connect or to resolve a name; probes need
     * one. */
    (void)setenv("UV_THREADPOOL_SIZE", "8", 0);
    furrow_logger_init(definition->name, FURROW_LOG_INFO);
    furrow_service service = {.definition = definition};
    furrow_error err;
    tell_unknown(definition);
    if (read_settings(&service, &err) != FURROW_OK) {
        furrow_logger(FURROW_LOG_ERROR, "wrong setting", "why=%s", err.text);
        return 2;
    }
    log_settings(furrow_config_table, furrow_config_count, &service.config);
    const furrow_startup *startup = definition->startup;
    if (startup && startup->settings) log_settings(startup->settings, startup->setting_count, startup->settings_into);
    int exit_code = run_service(&service);
    furrow_logger_flush(UINT64_MAX);
    return exit_code;
}
