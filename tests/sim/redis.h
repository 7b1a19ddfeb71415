/**
 * A Redis in memory: the commands that the store and furrow.lua use, functions in a real Lua 5.1 as in Redis (so the
 * text that runs is furrow.lua itself), and what can go wrong with it. Values are never changed in place once a snapshot
 * has seen them, so a snapshot costs little.
 */
#ifndef FURROW_SIM_REDIS_H
#define FURROW_SIM_REDIS_H

#include "sim.h"

typedef struct sim_bytes {
    const char *data;
    size_t len;
} sim_bytes;

typedef enum sim_reply_kind { SIM_NIL, SIM_TEXT, SIM_STATUS, SIM_ERROR, SIM_INTEGER, SIM_LIST } sim_reply_kind;

typedef struct sim_reply {
    sim_reply_kind kind;
    sim_bytes text;
    int64_t integer;
    struct sim_reply **items;
    size_t count;
} sim_reply;

/* One command, now, whatever state Redis is in. */
sim_reply *sim_redis_call(const sim_bytes argv[], size_t argc);
/* From texts; ends with NULL. */
sim_reply *sim_redis_ask(const char *command, ...) __attribute__((sentinel));

void sim_redis_start(void); /* a new one, empty but for the library of functions */
/* Each key and value, for who looks at all of them; strings only. */
void sim_redis_each_string(void (*fn)(void *arg, sim_bytes key, sim_bytes value), void *arg);

/* ---- what goes wrong ---- */

typedef struct sim_snapshot sim_snapshot;
sim_snapshot *sim_redis_snapshot(void);
/* Comes back as another process, with the data of @data (NULL: as it went, but for what had expired). */
void sim_redis_restart(const sim_snapshot *data);
void sim_redis_flush_all(void);
void sim_redis_set_up(bool up);                   /* down: connections break, nobody listens */
void sim_redis_hang(uint64_t until_ns);           /* takes commands and answers none before then */
void sim_redis_refuse(const char *error);         /* to everything that writes, as "OOM …"; NULL: no more */
void sim_redis_evict(bool may);                   /* a key now, and some with what is asked, as long as it may */
void sim_redis_reset_stats(void);                 /* what it counts, but for that */
void sim_redis_break(const sim_process *process); /* connections of @process (NULL: all) */
void sim_redis_latency(uint64_t max_ns);

/* ---- between redis.c, redis_data.c, redis_lua.c and socket.c ---- */

typedef struct sim_value sim_value;
sim_reply *sim_reply_make(sim_reply_kind kind);
sim_reply *sim_reply_text(const void *data, size_t len);
sim_reply *sim_reply_integer(int64_t value);
sim_reply *sim_reply_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
sim_reply *sim_reply_list(size_t room);        /* count 0 */
bool sim_is(sim_bytes text, const char *word); /* in any case of letters */

/* redis_lua.c; change: before the first call, in furrow.lua, lent */
void sim_lua_change(const char *from, const char *to);
sim_reply *sim_lua_call(const sim_bytes argv[], size_t argc, bool refused);
/* As a client's: with the checks of a Redis that refuses writes. @from_lua: those were made for the whole function. */
sim_reply *sim_redis_execute(const sim_bytes argv[], size_t argc, bool from_lua);

/* redis_data.c: all of it */
void sim_data_start(void);
sim_snapshot *sim_data_snapshot(void);
void sim_data_restore(const sim_snapshot *data);
void sim_data_clear(void);
bool sim_data_evict(void); /* any key; false: there is none */
/* NULL: no such command. */
sim_reply *sim_data_command(const sim_bytes argv[], size_t argc);
bool sim_data_writes(sim_bytes command); /* in a way that a full Redis refuses */

/* socket.c: what Redis's state means for connections */
void sim_socket_start(void);
void sim_socket_break(const sim_process *process);
void sim_socket_latency(uint64_t max_ns);
bool sim_redis_listens(void);
uint64_t sim_redis_hangs_until(void);

#endif
