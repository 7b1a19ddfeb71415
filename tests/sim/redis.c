/* Redis as a server: who it is, whether it serves, and the commands that are not about data. Depends on redis.h. */
#include "redis.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define WORDS_MAX        16
#define EVICTS_PER_MILLE 20

static struct {
    bool up;
    uint64_t hangs_until_ns, started;
    const char *refuses;
    char run_id[41];
    bool evicts;
    uint64_t evicted, commands, resets, reset_us; /* as INFO counts them */
} redis;

/* ---- answers ---- */

sim_reply *sim_reply_make(sim_reply_kind kind)
{
    sim_reply *made = sim_alloc(sizeof *made);
    made->kind = kind;
    return made;
}

sim_reply *sim_reply_text(const void *data, size_t len)
{
    sim_reply *made = sim_reply_make(SIM_TEXT);
    made->text = (sim_bytes){sim_memdup(data, len), len};
    return made;
}

sim_reply *sim_reply_integer(int64_t value)
{
    sim_reply *made = sim_reply_make(SIM_INTEGER);
    made->integer = value;
    return made;
}

sim_reply *sim_reply_error(const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sim_reply *made = sim_reply_text(text, strlen(text));
    made->kind = SIM_ERROR;
    return made;
}

sim_reply *sim_reply_list(size_t room)
{
    sim_reply *made = sim_reply_make(SIM_LIST);
    made->items = sim_alloc((room + 1) * sizeof *made->items);
    return made;
}

bool sim_is(sim_bytes text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.data, word, text.len) == 0;
}

/* ---- commands ---- */

static sim_reply *status(const char *text)
{
    sim_reply *made = sim_reply_text(text, strlen(text));
    made->kind = SIM_STATUS;
    return made;
}

/* All sections, whichever are asked for. */
static sim_reply *info(void)
{
    char text[600], resets[80] = "";
    if (redis.resets)
        snprintf(resets, sizeof resets, "cmdstat_config|resetstat:calls=%llu,usec=%llu,usec_per_call=1.00\r\n",
                 (unsigned long long)redis.resets, (unsigned long long)redis.reset_us);
    snprintf(text, sizeof text,
             "# Server\r\nredis_version:7.0.15\r\nrun_id:%s\r\n\r\n# Memory\r\nmaxmemory:%d\r\n"
             "maxmemory_policy:%s\r\n\r\n# Replication\r\nrole:master\r\n\r\n# Stats\r\n"
             "total_commands_processed:%llu\r\nevicted_keys:%llu\r\n\r\n# Commandstats\r\n%s",
             redis.run_id, redis.refuses || redis.evicts ? 1 : 0, redis.evicts ? "allkeys-random" : "noeviction",
             (unsigned long long)redis.commands, (unsigned long long)redis.evicted, resets);
    return sim_reply_text(text, strlen(text));
}

static void evict_one(void)
{
    if (sim_data_evict()) redis.evicted++;
}

static bool is_full(void)
{
    return redis.refuses && strncmp(redis.refuses, "OOM", 3) == 0;
}

sim_reply *sim_redis_execute(const sim_bytes argv[], size_t argc, bool from_lua)
{
    if (argc == 0) return sim_reply_error("ERR empty command");
    if (!from_lua) redis.commands++;
    if (!from_lua && redis.evicts && sim_chance(EVICTS_PER_MILLE)) evict_one();
    if (sim_is(argv[0], "PING")) return status("PONG");
    if (sim_is(argv[0], "AUTH") || sim_is(argv[0], "SELECT")) return status("OK");
    if (sim_is(argv[0], "INFO")) return info();
    if (sim_is(argv[0], "FLUSHALL")) return sim_redis_flush_all(), status("OK");
    if (sim_is(argv[0], "FCALL")) {
        /* Any other reason not to write than that it is full holds for functions that make room, too. */
        if (redis.refuses && !is_full()) return sim_reply_error("%s", redis.refuses);
        return sim_lua_call(argv, argc, redis.refuses != NULL);
    }
    if (redis.refuses && !from_lua && sim_data_writes(argv[0])) return sim_reply_error("%s", redis.refuses);
    sim_reply *answer = sim_data_command(argv, argc);
    return answer ? answer : sim_reply_error("ERR unknown command '%.*s'", (int)argv[0].len, argv[0].data);
}

sim_reply *sim_redis_call(const sim_bytes argv[], size_t argc)
{
    const char *refuses = redis.refuses;
    redis.refuses = NULL;
    sim_reply *answer = sim_redis_execute(argv, argc, false);
    redis.refuses = refuses;
    return answer;
}

sim_reply *sim_redis_ask(const char *command, ...)
{
    sim_bytes argv[WORDS_MAX] = {{command, strlen(command)}};
    size_t argc = 1;
    va_list words;
    va_start(words, command);
    for (const char *word; argc < WORDS_MAX && (word = va_arg(words, const char *)); argc++)
        argv[argc] = (sim_bytes){word, strlen(word)};
    va_end(words);
    return sim_redis_call(argv, argc);
}

/* ---- its life ---- */

static void draw_run_id(void)
{
    for (size_t i = 0; i < sizeof redis.run_id - 1; i++) redis.run_id[i] = "0123456789abcdef"[sim_random_below(16)];
}

void sim_redis_start(void)
{
    memset(&redis, 0, sizeof redis);
    redis.up = true;
    draw_run_id();
    sim_data_start();
    sim_socket_start();
}

sim_snapshot *sim_redis_snapshot(void)
{
    return sim_data_snapshot();
}

void sim_redis_restart(const sim_snapshot *data)
{
    sim_trace("redis: restarts%s", data ? " with older data" : "");
    if (data) sim_data_restore(data);
    draw_run_id();
    redis.evicted = redis.commands = redis.resets = 0;
    sim_socket_break(NULL);
    redis.up = true;
    redis.hangs_until_ns = 0;
}

void sim_redis_flush_all(void)
{
    sim_trace("redis: FLUSHALL");
    sim_data_clear();
}

void sim_redis_set_up(bool up)
{
    sim_trace("redis: %s", up ? "up" : "down");
    redis.up = up;
    if (!up) sim_socket_break(NULL);
}

void sim_redis_hang(uint64_t until_ns)
{
    redis.hangs_until_ns = until_ns;
}

void sim_redis_refuse(const char *error)
{
    redis.refuses = error;
}

void sim_redis_evict(bool may)
{
    if (may != redis.evicts) sim_trace("redis: evicts%s", may ? "" : " no more");
    redis.evicts = may;
    if (may) evict_one();
}

void sim_redis_reset_stats(void)
{
    sim_trace("redis: CONFIG RESETSTAT");
    redis.evicted = redis.commands = 0;
    redis.resets = 1;
    redis.reset_us = 1 + sim_random_below(1000);
}

void sim_redis_break(const sim_process *process)
{
    sim_socket_break(process);
}

void sim_redis_latency(uint64_t max_ns)
{
    sim_socket_latency(max_ns);
}

bool sim_redis_listens(void)
{
    return redis.up;
}

uint64_t sim_redis_hangs_until(void)
{
    return redis.hangs_until_ns;
}
