/* A whole mesh for tests; see farm.h. */
#include "support/farm.h"

#include "base/clock.h"
#include "rpc/client.h"
#include "support/tempdir.h"
#include "support/wait.h"
#include "wire/json.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const binaries[FARM_SERVICES] = {FURROW_TEST_EMPLOYEE, FURROW_TEST_LOCATION, FURROW_TEST_JOB,
                                                    FURROW_TEST_TIMESHEET};
static const char *const names[FARM_SERVICES] = {"employee", "location", "job", "timesheet"};

uint64_t farm_within_ms(uint64_t ms)
{
    return furrow_clock_now_ns() + ms * FURROW_NS_PER_MS;
}

char *farm_text(farm *f, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return furrow_arena_strdup(f->arena, text);
}

typedef struct run {
    farm f;
    void (*body)(farm *f);
} run;

static char *key_path(farm *f, const char *user, const char *kind)
{
    return farm_text(f, "%s/%s.%s", f->keys, user, kind);
}

static char *key_text(farm *f, const char *user, const char *kind)
{
    char *text = furrow_test_read_file(key_path(f, user, kind));
    char *kept = farm_text(f, "%s", text);
    free(text);
    return kept;
}

/* A service's two users have one, each in its account; people's is in their keys. */
char *farm_inbox(farm *f, const char *user)
{
    if (access(key_path(f, user, "inbox"), R_OK) == 0) return key_text(f, user, "inbox");
    return farm_text(f, "_INBOX_%.*s", (int)strcspn(user, "."), user);
}

furrow_link *farm_link_as(farm *f, const char *user)
{
    furrow_error err = {0};
    furrow_link_options options = {.url = f->url,
                                   .nkey_seed = key_path(f, user, "nk"),
                                   .inbox_prefix = farm_inbox(f, user),
                                   .reconnect_max_ms = 100};
    furrow_link *link = furrow_link_create(f->loop, &options, &err);
    ck_assert_msg(link != NULL, "%s", err.text);
    ck_assert(furrow_link_wait_connected(link, farm_within_ms(FARM_PATIENCE_MS)));
    return link;
}

furrow_link *farm_log(farm *f, int service)
{
    const char *user = farm_text(f, f->single_account ? "%s" : "%s.log", names[service]);
    if (!f->logs[service]) f->logs[service] = farm_link_as(f, user);
    return f->logs[service];
}

char *farm_redis_cli(farm *f, const char *user)
{
    return farm_text(f, "REDISCLI_AUTH=%s redis-cli -s '%s' --user %s", key_text(f, user, "redis"),
                     furrow_test_server_socket(f->redis), user);
}

/* @output in the farm's arena. */
static char *keep(farm *f, char *output)
{
    char *kept = furrow_arena_strdup(f->arena, output);
    free(output);
    return kept;
}

char *farm_redis(farm *f, const char *user, const char *command)
{
    const char *const argv[] = {"sh", "-c", farm_text(f, "%s %s", farm_redis_cli(f, user), command), NULL};
    char *output = NULL;
    int code = furrow_test_run(&(furrow_test_process_options){.argv = argv}, FARM_PATIENCE_MS, &output);
    ck_assert_msg(code == 0 && !strstr(output, "ERR ") && !strstr(output, "WRONGTYPE"), "%s: %s", command, output);
    return keep(f, output);
}

static void body_task(void *arg)
{
    run *r = arg;
    r->f.link = farm_link_as(&r->f, FARM_CLIENT);
    r->f.operator_link = farm_link_as(&r->f, "operator");
    r->body(&r->f);
    for (int s = 0; s < FARM_SERVICES; s++)
        if (r->f.logs[s]) furrow_link_destroy(r->f.logs[s]);
    furrow_link_destroy(r->f.operator_link);
    furrow_link_destroy(r->f.link);
}

/* What a program prints, without what it or a sanitizer says beside. */
static char *output_of(farm *f, const char *const argv[])
{
    int code = -1;
    furrow_test_process *program = furrow_test_process_start(&(furrow_test_process_options){.argv = argv});
    ck_assert(furrow_test_process_wait(program, FARM_PATIENCE_MS, &code));
    ck_assert_msg(code == 0, "%s", furrow_test_process_stderr(program));
    char *kept = furrow_arena_strdup(f->arena, furrow_test_process_stdout(program));
    furrow_test_process_destroy(program);
    return kept;
}

/* The tool before there are servers: keys, permissions. */
static char *tool_alone(farm *f, const char *const arguments[])
{
    const char *argv[8] = {FURROW_TEST_TOOL};
    for (size_t i = 0; arguments[i]; i++) argv[i + 1] = arguments[i];
    return output_of(f, argv);
}

/* What config/dev writes into every nats.conf about clients that do not read. */
static char *nats_limits(farm *f)
{
    static const char *const argv[] = {"bash", "-c", ". " FURROW_TEST_MESH "; nats_limits", NULL};
    return output_of(f, argv);
}

static char *permissions(farm *f, const char *format)
{
    const char *single = f->single_account ? "--single-account" : NULL;
    return tool_alone(f, (const char *const[]){"permissions", "--format", format, "--keys", f->keys, single, NULL});
}

/* Too long for farm_text. */
static char *farm_config(farm *f)
{
    char *users = permissions(f, "nats"), *limits = nats_limits(f);
    /* A test that stands still for some seconds is no client that is gone, unless it says that it never does. */
    const char *patience = f->strict ? "" : "ping_max: 20";
    char *config = furrow_arena_printf(f->arena, "%s\n%s\n%s\n%s", users, limits, patience, f->cluster);
    ck_assert_ptr_nonnull(config);
    return config;
}

/* Each node of a cluster knows the others' ports beforehand: they are those of servers that are never started. */
static void start_nodes(farm *f)
{
    furrow_test_server *ports[FARM_NODES_MAX];
    const char *routes = "";
    for (size_t i = 0; i < f->node_count; i++) {
        ports[i] = furrow_test_nats_start(&(furrow_test_nats_options){.stopped = true});
        routes = farm_text(f, "%s\"%s\",", routes, furrow_test_server_url(ports[i]));
    }
    f->url = "";
    for (size_t i = 0; i < f->node_count; i++) {
        bool alone = f->node_count == 1;
        f->cluster = alone ? ""
                           : farm_text(f,
                                       "cluster { name: test, listen: \"127.0.0.1:%d\", routes: [%s] }\n"
                                       "lame_duck_grace_period: \"5s\"\nlame_duck_duration: \"30s\"",
                                       furrow_test_server_port(ports[i]), routes);
        f->nodes[i] = furrow_test_nats_start(&(furrow_test_nats_options){.config = farm_config(f)});
        f->url = farm_text(f, "%s%s%s", f->url, i > 0 ? "," : "", furrow_test_server_url(f->nodes[i]));
    }
    for (size_t i = 0; i < f->node_count; i++) furrow_test_server_destroy(ports[i]);
    f->nats = f->nodes[0];
}

static void start_servers(farm *f)
{
    const char *dir = furrow_test_tempdir();
    char *acl = farm_text(f, "%s/redis.acl", dir);
    snprintf(f->keys, sizeof f->keys, "%s/keys", dir);
    tool_alone(f, (const char *const[]){"keys", "--client", FARM_OTHER_CLIENT, f->keys, NULL});
    furrow_test_write_file(acl, permissions(f, "redis"));
    start_nodes(f);
    f->redis =
        furrow_test_redis_start(&(furrow_test_redis_options){.appendonly = true,
                                                             .args = (const char *const[]){"--aclfile", acl, NULL},
                                                             .user = "operator",
                                                             .password = key_text(f, "operator", "redis")});
}

/* While a program runs, our links answer the server's pings. */
static void breathe(void)
{
    furrow_task_self() ? furrow_task_sleep_ms(2) : furrow_test_breathe();
}

static void run_farm(void (*body)(farm *f), const farm *like)
{
    furrow_error err = {0};
    run r = {.body = body, .f = *like};
    r.f.arena = furrow_arena_create(256 << 20);
    start_servers(&r.f);
    furrow_test_process_breathe_by(breathe);
    r.f.loop = furrow_loop_create(NULL, &err);
    ck_assert_int_eq(furrow_loop_run_task(r.f.loop, body_task, &r, &err), FURROW_OK);
    for (int s = 0; s < FARM_SERVICES; s++)
        for (int i = 0; i < FARM_REPLICAS_MAX; i++) furrow_test_process_destroy(r.f.services[s][i]);
    furrow_loop_destroy(r.f.loop);
    for (size_t i = 0; i < r.f.node_count; i++) furrow_test_server_destroy(r.f.nodes[i]);
    furrow_test_server_destroy(r.f.redis);
    furrow_arena_destroy(r.f.arena);
}

void farm_run(void (*body)(farm *f))
{
    run_farm(body, &(farm){.node_count = 1});
}

void farm_run_single_account(void (*body)(farm *f))
{
    run_farm(body, &(farm){.node_count = 1, .single_account = true});
}

void farm_run_strict(void (*body)(farm *f))
{
    run_farm(body, &(farm){.node_count = 1, .strict = true});
}

void farm_run_cluster(void (*body)(farm *f))
{
    run_farm(body, &(farm){.node_count = FARM_NODES_MAX});
}

/* What @user needs, its own keys and nobody else's. */
static const char *const *environment(farm *f, const char *user)
{
    const char **env = furrow_arena_alloc(f->arena, 10 * sizeof *env), **next = env;
    const char *log = farm_text(f, "%s.log", user);
    *next++ = farm_text(f, "FURROW_NATS_URL=%s", f->url);
    *next++ = farm_text(f, "FURROW_NATS_NKEY=%s", key_path(f, user, "nk"));
    if (!f->single_account && access(key_path(f, log, "nk"), R_OK) == 0)
        *next++ = farm_text(f, "FURROW_NATS_LOG_NKEY=%s", key_path(f, log, "nk"));
    *next++ = farm_text(f, "FURROW_REDIS_URL=%s", furrow_test_server_url(f->redis));
    *next++ = farm_text(f, "FURROW_REDIS_USER=%s", user);
    *next++ = farm_text(f, "FURROW_REDIS_PASSWORD_FILE=%s", key_path(f, user, "redis"));
    *next++ = "FURROW_TIME_ZONE=UTC";
    if (access(key_path(f, user, "secret"), R_OK) == 0)
        *next++ = farm_text(f, "FURROW_HASH_KEY_FILE=%s", key_path(f, user, "secret"));
    if (access(key_path(f, user, "seal"), R_OK) == 0)
        *next++ = farm_text(f, "FURROW_SEAL_KEY_FILE=%s", key_path(f, user, "seal"));
    *next = NULL;
    return env;
}

int farm_tool(farm *f, char **output, const char *const arguments[])
{
    return farm_tool_as(f, "operator", output, arguments);
}

int farm_tool_as(farm *f, const char *user, char **output, const char *const arguments[])
{
    const char *argv[16] = {FURROW_TEST_TOOL};
    for (size_t i = 0; arguments[i]; i++) argv[i + 1] = arguments[i];
    return furrow_test_run(&(furrow_test_process_options){.argv = argv, .env = environment(f, user)}, 60000, output);
}

char *farm_tool_says(farm *f, const char *user, int expected, const char *const arguments[])
{
    char *output = NULL;
    int code = farm_tool_as(f, user, &output, arguments);
    ck_assert_msg(code == expected, "%s: %d: %s", arguments[0], code, output);
    return keep(f, output);
}

furrow_test_process *farm_tool_fed(farm *f, const char *input, const char *const arguments[])
{
    const char *argv[16] = {FURROW_TEST_TOOL};
    for (size_t i = 0; arguments[i]; i++) argv[i + 1] = arguments[i];
    return furrow_test_process_start(
        &(furrow_test_process_options){.argv = argv, .env = environment(f, "operator"), .input = input});
}

furrow_test_process *farm_tool_start(farm *f, const char *const arguments[])
{
    return farm_tool_fed(f, NULL, arguments);
}

void farm_provision(farm *f)
{
    char *output = NULL;
    const char *arguments[8] = {"provision"};
    size_t count = 1;
    if (f->single_account) arguments[count++] = "--single-account";
    if (f->node_count > 1) arguments[count++] = "--replicas", arguments[count++] = "3";
    arguments[count++] = "--wait"; /* a server that has just been started again may break the connection once more */
    arguments[count++] = "60";
    int code = farm_tool(f, &output, arguments);
    ck_assert_msg(code == 0, "%s\nnats-server: %s", output, furrow_test_server_log(f->nats));
    free(output);
}

furrow_test_process *farm_begin_other(farm *f, const char *name, const char *program, const char *const settings[])
{
    const char *const argv[] = {program, NULL};
    const char *const *own = environment(f, name);
    const char *env[32];
    size_t count = 0;
    for (; *own; own++) env[count++] = *own;
    for (; *settings; settings++) env[count++] = *settings;
    env[count] = NULL;
    return furrow_test_process_start(&(furrow_test_process_options){.argv = argv, .env = env});
}

void farm_start_with(farm *f, int service, int replica, const char *const settings[])
{
    furrow_test_process_destroy(f->services[service][replica]);
    f->services[service][replica] = farm_begin_other(f, names[service], binaries[service], settings);
}

void farm_start(farm *f, int service, int replica)
{
    farm_start_with(f, service, replica, (const char *const[]){NULL});
}

furrow_test_process *farm_start_other(farm *f, const char *name, const char *program, const char *const settings[])
{
    furrow_test_process *process = farm_begin_other(f, name, program, settings);
    ck_assert_msg(furrow_test_process_wait_for(process, "msg=\"ready\"", FARM_PATIENCE_MS), "%s",
                  furrow_test_process_stderr(process));
    return process;
}

void farm_kill(farm *f, int service, int replica)
{
    furrow_test_process_signal(f->services[service][replica], 9);
}

/* An instance says so of itself; with two of them both must have been seen. */
void farm_wait_ready(farm *f, int service)
{
    uint64_t until = farm_within_ms(FARM_PATIENCE_MS);
    char *last = farm_text(f, "no answer");
    for (int i = 0; i < FARM_REPLICAS_MAX; i++)
        if (f->services[service][i])
            ck_assert_msg(furrow_test_process_wait_for(f->services[service][i], "msg=\"ready\"", FARM_PATIENCE_MS),
                          "%s", furrow_test_process_stderr(f->services[service][i]));
    while (furrow_clock_now_ns() < until) {
        furrow_error err;
        char *status = NULL;
        if (farm_call(f, farm_text(f, "furrow.v1.Health.%s", names[service]), "", &last, &err) == FURROW_OK &&
            furrow_json_find_text(furrow_bytes_of(last), "status", f->arena, &status) && strcmp(status, "SERVING") == 0)
            return;
        furrow_task_sleep_ms(10);
    }
    ck_abort_msg("%s is not ready: %s", names[service], last);
}

void farm_start_all(farm *f, int replicas)
{
    furrow_error err;
    farm_provision(f);
    for (int s = 0; s < FARM_SERVICES; s++)
        for (int i = 0; i < replicas; i++) farm_start(f, s, i);
    for (int s = 0; s < FARM_SERVICES; s++) farm_wait_ready(f, s);
#define MUST(method, json)                                                                                             \
    ck_assert_msg(farm_call_until(f, method, json, NULL, &err) == FURROW_OK, "%s: %s", method, err.text)
    MUST("location.v1.LocationService.CreateLocation",
         "{\"id\":\"R1\",\"kind\":\"LOCATION_KIND_RANCH\",\"name\":\"Ranch\"}");
    MUST("location.v1.LocationService.CreateLocation",
         "{\"id\":\"B1\",\"kind\":\"LOCATION_KIND_BLOCK\",\"name\":\"Block\",\"parentId\":\"R1\"}");
    MUST("job.v1.JobService.OpenJob", "{\"id\":\"J1\",\"code\":\"J1\",\"name\":\"Job\",\"kind\":\"JOB_KIND_HARVEST\","
                                      "\"pay\":{\"type\":\"PAY_TYPE_HOURLY\"},\"locationIds\":[\"B1\"]}");
#undef MUST
}

furrow_link *farm_caller(farm *f, const char *method)
{
    return strstr(method, "Private") ? f->operator_link : f->link;
}

furrow_status farm_call_with(farm *f, const char *method, const char *json, const char *key, char **answer,
                             furrow_error *err)
{
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_header header = {FURROW_HEADER_IDEMPOTENCY_KEY, key};
    furrow_outgoing out = {
        .subject = method, .headers = &header, .header_count = key ? 1 : 0, .data = furrow_bytes_of(json)};
    furrow_status status = furrow_link_request(farm_caller(f, method), &out, farm_within_ms(6000), &reply, err);
    if (status != FURROW_OK) return status;
    if (answer) *answer = furrow_arena_memdup(f->arena, reply->data.data ? reply->data.data : "", reply->data.len);
    return furrow_client_reply_status(reply, err);
}

furrow_status farm_call(farm *f, const char *method, const char *json, char **answer, furrow_error *err)
{
    return farm_call_with(f, method, json, NULL, answer, err);
}

furrow_status farm_call_until(farm *f, const char *method, const char *json, char **answer, furrow_error *err)
{
    uint64_t until = farm_within_ms(FARM_PATIENCE_MS);
    for (;;) {
        furrow_status status = farm_call(f, method, json, answer, err);
        bool passing =
            status == FURROW_UNAVAILABLE || status == FURROW_DEADLINE_EXCEEDED || status == FURROW_FAILED_PRECONDITION;
        if (!passing || furrow_clock_now_ns() >= until) return status;
        furrow_task_sleep_ms(10);
    }
}
