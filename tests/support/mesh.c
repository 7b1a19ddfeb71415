/*
 * A whole mesh for tests; see mesh.h. Invariants: servers and services are children of the main thread, and die with
 * it; the body is a task on the mesh's own loop. May depend on: the SDK up to rpc, and the tool as a program.
 */
#include "support/mesh.h"

#include "base/clock.h"
#include "rpc/client.h"
#include "support/tempdir.h"
#include "support/wait.h"
#include "wire/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUIRE(condition, ...) ((condition) ? (void)0 : give_up(__LINE__, __VA_ARGS__))

/* Whatever framework the test is of: it sees the signal, and people the reason. */
FURROW_PRINTF(2, 3) static _Noreturn void give_up(int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "test support: mesh.c:%d: ", line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

uint64_t furrow_test_mesh_within_ms(uint64_t ms)
{
    return furrow_clock_now_ns() + ms * FURROW_NS_PER_MS;
}

char *furrow_test_mesh_text(furrow_test_mesh *mesh, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return furrow_arena_strdup(mesh->arena, text);
}

typedef struct run {
    furrow_test_mesh mesh;
    void (*body)(furrow_test_mesh *mesh);
} run;

static char *key_path(furrow_test_mesh *mesh, const char *user, const char *kind)
{
    return furrow_test_mesh_text(mesh, "%s/%s.%s", mesh->keys, user, kind);
}

static char *key_text(furrow_test_mesh *mesh, const char *user, const char *kind)
{
    char *text = furrow_test_read_file(key_path(mesh, user, kind));
    char *kept = furrow_test_mesh_text(mesh, "%s", text);
    free(text);
    return kept;
}

/* A service's two users have one, each in its account; people's is in their keys. */
char *furrow_test_mesh_inbox(furrow_test_mesh *mesh, const char *user)
{
    if (access(key_path(mesh, user, "inbox"), R_OK) == 0) return key_text(mesh, user, "inbox");
    return furrow_test_mesh_text(mesh, "_INBOX_%.*s", (int)strcspn(user, "."), user);
}

furrow_link *furrow_test_mesh_link_as(furrow_test_mesh *mesh, const char *user)
{
    furrow_error err = {0};
    furrow_link_options options = {.url = mesh->url,
                                   .nkey_seed = key_path(mesh, user, "nk"),
                                   .inbox_prefix = furrow_test_mesh_inbox(mesh, user),
                                   .reconnect_max_ms = 100};
    furrow_link *link = furrow_link_create(mesh->loop, &options, &err);
    REQUIRE(link, "%s", err.text);
    REQUIRE(furrow_link_wait_connected(link, furrow_test_mesh_within_ms(FURROW_TEST_MESH_PATIENCE_MS)),
            "%s does not connect: %s", user, furrow_link_last_error(link));
    return link;
}

furrow_link *furrow_test_mesh_log(furrow_test_mesh *mesh, int service)
{
    const char *user = furrow_test_mesh_text(mesh, mesh->options.single_account ? "%s" : "%s.log",
                                             mesh->options.services[service].name);
    if (!mesh->logs[service]) mesh->logs[service] = furrow_test_mesh_link_as(mesh, user);
    return mesh->logs[service];
}

char *furrow_test_mesh_redis_cli(furrow_test_mesh *mesh, const char *user)
{
    return furrow_test_mesh_text(mesh, "REDISCLI_AUTH=%s redis-cli -s '%s' --user %s", key_text(mesh, user, "redis"),
                                 furrow_test_server_socket(mesh->redis), user);
}

/* @output in the mesh's arena. */
static char *keep(furrow_test_mesh *mesh, char *output)
{
    char *kept = furrow_arena_strdup(mesh->arena, output);
    free(output);
    return kept;
}

char *furrow_test_mesh_redis(furrow_test_mesh *mesh, const char *user, const char *command)
{
    const char *const argv[] = {
        "sh", "-c", furrow_test_mesh_text(mesh, "%s %s", furrow_test_mesh_redis_cli(mesh, user), command), NULL};
    char *output = NULL;
    int code = furrow_test_run(&(furrow_test_process_options){.argv = argv}, FURROW_TEST_MESH_PATIENCE_MS, &output);
    REQUIRE(code == 0 && !strstr(output, "ERR ") && !strstr(output, "WRONGTYPE"), "%s: %s", command, output);
    return keep(mesh, output);
}

static void body_task(void *arg)
{
    run *r = arg;
    r->mesh.link = furrow_test_mesh_link_as(&r->mesh, FURROW_TEST_MESH_CLIENT);
    r->mesh.operator_link = furrow_test_mesh_link_as(&r->mesh, "operator");
    r->body(&r->mesh);
    for (int s = 0; s < r->mesh.service_count; s++)
        if (r->mesh.logs[s]) furrow_link_destroy(r->mesh.logs[s]);
    furrow_link_destroy(r->mesh.operator_link);
    furrow_link_destroy(r->mesh.link);
}

/* What a program prints, without what it or a sanitizer says beside. */
static char *output_of(furrow_test_mesh *mesh, const char *const argv[])
{
    int code = -1;
    furrow_test_process *program = furrow_test_process_start(&(furrow_test_process_options){.argv = argv});
    REQUIRE(furrow_test_process_wait(program, FURROW_TEST_MESH_PATIENCE_MS, &code), "%s does not end", argv[0]);
    REQUIRE(code == 0, "%s", furrow_test_process_stderr(program));
    char *kept = furrow_arena_strdup(mesh->arena, furrow_test_process_stdout(program));
    furrow_test_process_destroy(program);
    return kept;
}

/* The tool before there are servers: keys, permissions. */
static char *tool_alone(furrow_test_mesh *mesh, const char *const arguments[])
{
    const char *argv[8] = {mesh->options.tool};
    for (size_t i = 0; arguments[i]; i++) argv[i + 1] = arguments[i];
    return output_of(mesh, argv);
}

static char *permissions(furrow_test_mesh *mesh, const char *format)
{
    const char *single = mesh->options.single_account ? "--single-account" : NULL;
    return tool_alone(mesh,
                      (const char *const[]){"permissions", "--format", format, "--keys", mesh->keys, single, NULL});
}

/* Too long for furrow_test_mesh_text. */
static char *nats_config(furrow_test_mesh *mesh)
{
    const char *users = permissions(mesh, "nats"), *limits = mesh->options.nats_config ? mesh->options.nats_config : "";
    /* A test that stands still for some seconds is no client that is gone, unless it says that it never does. */
    const char *patience = mesh->options.strict ? "" : "ping_max: 20";
    char *config = furrow_arena_printf(mesh->arena, "%s\n%s\n%s\n%s", users, limits, patience, mesh->cluster);
    REQUIRE(config, "no memory for the configuration of nats-server");
    return config;
}

/* Each node of a cluster knows the others' ports beforehand: they are those of servers that are never started. */
static void start_nodes(furrow_test_mesh *mesh)
{
    furrow_test_server *ports[FURROW_TEST_MESH_NODES];
    const char *routes = "";
    for (size_t i = 0; i < mesh->node_count; i++) {
        ports[i] = furrow_test_nats_start(&(furrow_test_nats_options){.stopped = true});
        routes = furrow_test_mesh_text(mesh, "%s\"%s\",", routes, furrow_test_server_url(ports[i]));
    }
    mesh->url = "";
    for (size_t i = 0; i < mesh->node_count; i++) {
        bool alone = mesh->node_count == 1;
        mesh->cluster = alone ? ""
                              : furrow_test_mesh_text(mesh,
                                                      "cluster { name: test, listen: \"127.0.0.1:%d\", routes: [%s] }\n"
                                                      "lame_duck_grace_period: \"5s\"\nlame_duck_duration: \"30s\"",
                                                      furrow_test_server_port(ports[i]), routes);
        mesh->nodes[i] = furrow_test_nats_start(&(furrow_test_nats_options){.config = nats_config(mesh)});
        mesh->url =
            furrow_test_mesh_text(mesh, "%s%s%s", mesh->url, i > 0 ? "," : "", furrow_test_server_url(mesh->nodes[i]));
    }
    for (size_t i = 0; i < mesh->node_count; i++) furrow_test_server_destroy(ports[i]);
    mesh->nats = mesh->nodes[0];
}

static void start_servers(furrow_test_mesh *mesh)
{
    const char *dir = furrow_test_tempdir();
    char *acl = furrow_test_mesh_text(mesh, "%s/redis.acl", dir);
    snprintf(mesh->keys, sizeof mesh->keys, "%s/keys", dir);
    tool_alone(mesh, (const char *const[]){"keys", "--client", FURROW_TEST_MESH_OTHER_CLIENT, mesh->keys, NULL});
    furrow_test_write_file(acl, permissions(mesh, "redis"));
    start_nodes(mesh);
    mesh->redis =
        furrow_test_redis_start(&(furrow_test_redis_options){.appendonly = true,
                                                             .args = (const char *const[]){"--aclfile", acl, NULL},
                                                             .user = "operator",
                                                             .password = key_text(mesh, "operator", "redis")});
}

/* While a program runs, our links answer the server's pings. */
static void breathe(void)
{
    furrow_task_self() ? furrow_task_sleep_ms(2) : furrow_test_breathe();
}

void furrow_test_mesh_run(const furrow_test_mesh_options *options, void (*body)(furrow_test_mesh *mesh))
{
    furrow_error err = {.text = "no loop"};
    run r = {.body = body, .mesh = {.options = *options, .node_count = options->nodes ? options->nodes : 1}};
    while (options->services && options->services[r.mesh.service_count].name) r.mesh.service_count++;
    REQUIRE(r.mesh.service_count <= FURROW_TEST_MESH_SERVICES, "a mesh has at most %d services",
            FURROW_TEST_MESH_SERVICES);
    REQUIRE(r.mesh.node_count <= FURROW_TEST_MESH_NODES, "a cluster has at most %d nodes", FURROW_TEST_MESH_NODES);
    if (options->contracts) setenv("FURROW_CONTRACTS", options->contracts, 1); /* of all programs below */
    r.mesh.arena = furrow_arena_create(256 << 20);
    start_servers(&r.mesh);
    furrow_test_process_breathe_by(breathe);
    r.mesh.loop = furrow_loop_create(NULL, &err);
    REQUIRE(r.mesh.loop && furrow_loop_run_task(r.mesh.loop, body_task, &r, &err) == FURROW_OK, "%s", err.text);
    for (int s = 0; s < r.mesh.service_count; s++)
        for (int i = 0; i < FURROW_TEST_MESH_REPLICAS; i++) furrow_test_process_destroy(r.mesh.services[s][i]);
    furrow_loop_destroy(r.mesh.loop);
    for (size_t i = 0; i < r.mesh.node_count; i++) furrow_test_server_destroy(r.mesh.nodes[i]);
    furrow_test_server_destroy(r.mesh.redis);
    furrow_arena_destroy(r.mesh.arena);
}

/* @user's own keys and nobody else's. */
const char *const *furrow_test_mesh_environment(furrow_test_mesh *mesh, const char *user)
{
    const char **env = furrow_arena_alloc(mesh->arena, 10 * sizeof *env), **next = env;
    const char *log = furrow_test_mesh_text(mesh, "%s.log", user);
    *next++ = furrow_test_mesh_text(mesh, "FURROW_NATS_URL=%s", mesh->url);
    *next++ = furrow_test_mesh_text(mesh, "FURROW_NATS_NKEY=%s", key_path(mesh, user, "nk"));
    if (!mesh->options.single_account && access(key_path(mesh, log, "nk"), R_OK) == 0)
        *next++ = furrow_test_mesh_text(mesh, "FURROW_NATS_LOG_NKEY=%s", key_path(mesh, log, "nk"));
    *next++ = furrow_test_mesh_text(mesh, "FURROW_REDIS_URL=%s", furrow_test_server_url(mesh->redis));
    *next++ = furrow_test_mesh_text(mesh, "FURROW_REDIS_USER=%s", user);
    *next++ = furrow_test_mesh_text(mesh, "FURROW_REDIS_PASSWORD_FILE=%s", key_path(mesh, user, "redis"));
    *next++ = "FURROW_TIME_ZONE=UTC";
    if (access(key_path(mesh, user, "secret"), R_OK) == 0)
        *next++ = furrow_test_mesh_text(mesh, "FURROW_HASH_KEY_FILE=%s", key_path(mesh, user, "secret"));
    if (access(key_path(mesh, user, "seal"), R_OK) == 0)
        *next++ = furrow_test_mesh_text(mesh, "FURROW_SEAL_KEY_FILE=%s", key_path(mesh, user, "seal"));
    *next = NULL;
    return env;
}

int furrow_test_mesh_tool(furrow_test_mesh *mesh, char **output, const char *const arguments[])
{
    return furrow_test_mesh_tool_as(mesh, "operator", output, arguments);
}

int furrow_test_mesh_tool_as(furrow_test_mesh *mesh, const char *user, char **output, const char *const arguments[])
{
    const char *argv[16] = {mesh->options.tool};
    for (size_t i = 0; arguments[i]; i++) argv[i + 1] = arguments[i];
    return furrow_test_run(
        &(furrow_test_process_options){.argv = argv, .env = furrow_test_mesh_environment(mesh, user)}, 60000, output);
}

char *furrow_test_mesh_tool_says(furrow_test_mesh *mesh, const char *user, int expected, const char *const arguments[])
{
    char *output = NULL;
    int code = furrow_test_mesh_tool_as(mesh, user, &output, arguments);
    REQUIRE(code == expected, "%s: %d: %s", arguments[0], code, output);
    return keep(mesh, output);
}

furrow_test_process *furrow_test_mesh_tool_fed(furrow_test_mesh *mesh, const char *input, const char *const arguments[])
{
    const char *argv[16] = {mesh->options.tool};
    for (size_t i = 0; arguments[i]; i++) argv[i + 1] = arguments[i];
    return furrow_test_process_start(&(furrow_test_process_options){
        .argv = argv, .env = furrow_test_mesh_environment(mesh, "operator"), .input = input});
}

furrow_test_process *furrow_test_mesh_tool_start(furrow_test_mesh *mesh, const char *const arguments[])
{
    return furrow_test_mesh_tool_fed(mesh, NULL, arguments);
}

void furrow_test_mesh_provision(furrow_test_mesh *mesh)
{
    char *output = NULL;
    const char *arguments[8] = {"provision"};
    size_t count = 1;
    if (mesh->options.single_account) arguments[count++] = "--single-account";
    if (mesh->node_count > 1) arguments[count++] = "--replicas", arguments[count++] = "3";
    arguments[count++] = "--wait"; /* a server that has just been started again may break the connection once more */
    arguments[count++] = "60";
    int code = furrow_test_mesh_tool(mesh, &output, arguments);
    REQUIRE(code == 0, "%s\nnats-server: %s", output, furrow_test_server_log(mesh->nats));
    free(output);
}

furrow_test_process *furrow_test_mesh_begin_other(furrow_test_mesh *mesh, const char *name, const char *program,
                                                  const char *const settings[])
{
    const char *const argv[] = {program, NULL};
    const char *const *own = furrow_test_mesh_environment(mesh, name);
    const char *env[32];
    size_t count = 0;
    for (; *own; own++) env[count++] = *own;
    for (; *settings; settings++) env[count++] = *settings;
    env[count] = NULL;
    return furrow_test_process_start(&(furrow_test_process_options){.argv = argv, .env = env});
}

void furrow_test_mesh_start_with(furrow_test_mesh *mesh, int service, int replica, const char *const settings[])
{
    furrow_test_process_destroy(mesh->services[service][replica]);
    mesh->services[service][replica] = furrow_test_mesh_begin_other(mesh, mesh->options.services[service].name,
                                                                    mesh->options.services[service].program, settings);
}

void furrow_test_mesh_start(furrow_test_mesh *mesh, int service, int replica)
{
    furrow_test_mesh_start_with(mesh, service, replica, (const char *const[]){NULL});
}

furrow_test_process *furrow_test_mesh_start_other(furrow_test_mesh *mesh, const char *name, const char *program,
                                                  const char *const settings[])
{
    furrow_test_process *process = furrow_test_mesh_begin_other(mesh, name, program, settings);
    REQUIRE(furrow_test_process_wait_for(process, "msg=\"ready\"", FURROW_TEST_MESH_PATIENCE_MS), "%s",
            furrow_test_process_stderr(process));
    return process;
}

void furrow_test_mesh_kill(furrow_test_mesh *mesh, int service, int replica)
{
    furrow_test_process_signal(mesh->services[service][replica], 9);
}

/* An instance says so of itself; with two of them both must have been seen. */
void furrow_test_mesh_wait_ready(furrow_test_mesh *mesh, int service)
{
    uint64_t until = furrow_test_mesh_within_ms(FURROW_TEST_MESH_PATIENCE_MS);
    char *last = furrow_test_mesh_text(mesh, "no answer");
    for (int i = 0; i < FURROW_TEST_MESH_REPLICAS; i++)
        if (mesh->services[service][i])
            REQUIRE(
                furrow_test_process_wait_for(mesh->services[service][i], "msg=\"ready\"", FURROW_TEST_MESH_PATIENCE_MS),
                "%s", furrow_test_process_stderr(mesh->services[service][i]));
    while (furrow_clock_now_ns() < until) {
        furrow_error err;
        char *status = NULL;
        if (furrow_test_mesh_call(
                mesh, furrow_test_mesh_text(mesh, "furrow.v1.Health.%s", mesh->options.services[service].name), "",
                &last, &err) == FURROW_OK &&
            furrow_json_find_text(furrow_bytes_of(last), "status", mesh->arena, &status) &&
            strcmp(status, "SERVING") == 0)
            return;
        furrow_task_sleep_ms(10);
    }
    give_up(__LINE__, "%s is not ready: %s", mesh->options.services[service].name, last);
}

void furrow_test_mesh_start_all(furrow_test_mesh *mesh, int replicas)
{
    furrow_test_mesh_provision(mesh);
    for (int s = 0; s < mesh->service_count; s++)
        for (int i = 0; i < replicas; i++) furrow_test_mesh_start(mesh, s, i);
    for (int s = 0; s < mesh->service_count; s++) furrow_test_mesh_wait_ready(mesh, s);
}

int furrow_test_mesh_service_of(const furrow_test_mesh *mesh, const char *name)
{
    int s = 0;
    while (s < mesh->service_count && strcmp(mesh->options.services[s].name, name) != 0) s++;
    REQUIRE(s < mesh->service_count, "no service %s is in this mesh's options", name);
    return s;
}

furrow_link *furrow_test_mesh_caller(furrow_test_mesh *mesh, const char *method)
{
    return mesh->options.restricted && strstr(method, mesh->options.restricted) ? mesh->operator_link : mesh->link;
}

furrow_status furrow_test_mesh_call_with(furrow_test_mesh *mesh, const char *method, const char *json, const char *key,
                                         char **answer, furrow_error *err)
{
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_header header = {FURROW_HEADER_IDEMPOTENCY_KEY, key};
    furrow_outgoing out = {
        .subject = method, .headers = &header, .header_count = key ? 1 : 0, .data = furrow_bytes_of(json)};
    furrow_status status =
        furrow_link_request(furrow_test_mesh_caller(mesh, method), &out, furrow_test_mesh_within_ms(6000), &reply, err);
    if (status != FURROW_OK) return status;
    if (answer) *answer = furrow_arena_memdup(mesh->arena, reply->data.data ? reply->data.data : "", reply->data.len);
    return furrow_client_reply_status(reply, err);
}

furrow_status furrow_test_mesh_call(furrow_test_mesh *mesh, const char *method, const char *json, char **answer,
                                    furrow_error *err)
{
    return furrow_test_mesh_call_with(mesh, method, json, NULL, answer, err);
}

furrow_status furrow_test_mesh_call_until(furrow_test_mesh *mesh, const char *method, const char *json, char **answer,
                                          furrow_error *err)
{
    uint64_t until = furrow_test_mesh_within_ms(FURROW_TEST_MESH_PATIENCE_MS);
    for (;;) {
        furrow_status status = furrow_test_mesh_call(mesh, method, json, answer, err);
        bool passing =
            status == FURROW_UNAVAILABLE || status == FURROW_DEADLINE_EXCEEDED || status == FURROW_FAILED_PRECONDITION;
        if (!passing || furrow_clock_now_ns() >= until) return status;
        furrow_task_sleep_ms(10);
    }
}

char *furrow_test_mesh_answer(furrow_test_mesh *mesh, const char *method, const char *json)
{
    furrow_error err;
    char *answer = NULL;
    furrow_status status = furrow_test_mesh_call_until(mesh, method, json, &answer, &err);
    REQUIRE(status == FURROW_OK, "%s %s: %s: %s", method, json, furrow_status_name(status), err.text);
    return answer;
}

char *furrow_test_mesh_refusal(furrow_test_mesh *mesh, const char *method, const char *json)
{
    furrow_error err;
    char *answer = NULL;
    furrow_status status = furrow_test_mesh_call(mesh, method, json, &answer, &err);
    REQUIRE(status != FURROW_OK, "%s %s is not refused: %s", method, json, answer);
    return furrow_test_mesh_text(mesh, "%s: %s", furrow_status_name(status), err.text);
}

bool furrow_test_mesh_becomes(furrow_test_mesh *mesh, const char *method, const char *json, const char *text)
{
    furrow_error err;
    uint64_t until = furrow_test_mesh_within_ms(FURROW_TEST_MESH_PATIENCE_MS);
    for (;; furrow_task_sleep_ms(10)) {
        char *answer = NULL;
        if (furrow_test_mesh_call(mesh, method, json, &answer, &err) == FURROW_OK && strstr(answer, text)) return true;
        if (furrow_clock_now_ns() < until) continue;
        fprintf(stderr, "%s %s: no %s, but %s\n", method, json, text, answer ? answer : err.text);
        return false;
    }
}
