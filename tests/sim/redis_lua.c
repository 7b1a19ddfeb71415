/*
 * Redis functions: furrow.lua itself, in Lua 5.1 as in Redis, with what it uses of redis.* and struct.*. The state is
 * made once and holds nothing of a world's. Depends on liblua5.1.
 */
#include "redis.h"

#include "store/functions.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 8192

static lua_State *lua;
static const char *change_from, *change_to; /* a fault that is planted */

void sim_lua_change(const char *from, const char *to)
{
    change_from = from;
    change_to = to;
}

static const char *library_text(void)
{
    const char *text = furrow_functions_text();
    const char *at = change_from ? strstr(text, change_from) : NULL;
    if (!change_from) return text;
    if (!at) {
        fprintf(stderr, "sim: furrow.lua has no \"%s\" any more\n", change_from);
        abort();
    }
    char *changed = sim_alloc(strlen(text) + strlen(change_to) + 1);
    sprintf(changed, "%.*s%s%s", (int)(at - text), text, change_to, at + strlen(change_from));
    return changed;
}

/* ---- values there and back ---- */

static void push_reply(lua_State *to, const sim_reply *reply)
{
    switch (reply->kind) {
    case SIM_NIL:
        lua_pushboolean(to, 0);
        break;
    case SIM_TEXT:
        lua_pushlstring(to, reply->text.data, reply->text.len);
        break;
    case SIM_STATUS:
    case SIM_ERROR:
        lua_newtable(to);
        lua_pushlstring(to, reply->text.data, reply->text.len);
        lua_setfield(to, -2, reply->kind == SIM_STATUS ? "ok" : "err");
        break;
    case SIM_INTEGER:
        lua_pushnumber(to, (lua_Number)reply->integer);
        break;
    case SIM_LIST:
        lua_newtable(to);
        for (size_t i = 0; i < reply->count; i++) {
            push_reply(to, reply->items[i]);
            lua_rawseti(to, -2, (int)i + 1);
        }
        break;
    }
}

static sim_reply *take_reply(lua_State *from, int at);

/* Up to the first nil, as Redis does. */
static sim_reply *take_table(lua_State *from, int at)
{
    lua_getfield(from, at, "err");
    if (lua_isstring(from, -1)) return sim_reply_error("%s", lua_tostring(from, -1));
    lua_pop(from, 1);
    size_t count = lua_objlen(from, at);
    sim_reply *list = sim_reply_list(count);
    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(from, at, (int)i);
        list->items[list->count++] = take_reply(from, lua_gettop(from));
        lua_pop(from, 1);
    }
    return list;
}

static sim_reply *take_reply(lua_State *from, int at)
{
    size_t len;
    const char *text;
    switch (lua_type(from, at)) {
    case LUA_TSTRING:
        text = lua_tolstring(from, at, &len);
        return sim_reply_text(text, len);
    case LUA_TNUMBER:
        return sim_reply_integer((int64_t)lua_tonumber(from, at));
    case LUA_TBOOLEAN:
        return lua_toboolean(from, at) ? sim_reply_integer(1) : sim_reply_make(SIM_NIL);
    case LUA_TTABLE:
        return take_table(from, at);
    default:
        return sim_reply_make(SIM_NIL);
    }
}

/* ---- what the library calls ---- */

static sim_reply *execute_call(lua_State *from)
{
    int count = lua_gettop(from);
    sim_bytes *argv = sim_alloc((size_t)count * sizeof *argv);
    for (int i = 0; i < count; i++) argv[i].data = lua_tolstring(from, i + 1, &argv[i].len);
    return sim_redis_execute(argv, (size_t)count, true);
}

static int redis_pcall(lua_State *from)
{
    push_reply(from, execute_call(from));
    return 1;
}

static int redis_call(lua_State *from)
{
    sim_reply *answer = execute_call(from);
    if (answer->kind == SIM_ERROR) return luaL_error(from, "%s", answer->text.data);
    push_reply(from, answer);
    return 1;
}

static int redis_error_reply(lua_State *from)
{
    lua_newtable(from);
    lua_pushvalue(from, 1);
    lua_setfield(from, -2, "err");
    return 1;
}

/* In the registry: its name, and whether it may run in a full Redis. */
static int redis_register_function(lua_State *from)
{
    char allowed[160];
    const char *name;
    bool allow = false;
    if (lua_istable(from, 1)) {
        lua_getfield(from, 1, "function_name");
        lua_getfield(from, 1, "callback");
        lua_getfield(from, 1, "flags");
        allow = lua_istable(from, -1);
        lua_pop(from, 1);
        name = lua_tostring(from, -2);
    } else {
        name = lua_tostring(from, 1);
        lua_pushvalue(from, 2);
    }
    lua_setfield(from, LUA_REGISTRYINDEX, name);
    snprintf(allowed, sizeof allowed, "%s allow-oom", name);
    lua_pushboolean(from, allow);
    lua_setfield(from, LUA_REGISTRYINDEX, allowed);
    return 0;
}

/* struct.unpack('>L', text): eight bytes, big-endian. */
static int struct_unpack(lua_State *from)
{
    size_t len;
    const char *format = luaL_checkstring(from, 1);
    const uint8_t *at = (const uint8_t *)luaL_checklstring(from, 2, &len);
    uint64_t value = 0;
    if (strcmp(format, ">L") != 0 || len < 8) return luaL_error(from, "data string too short");
    for (size_t i = 0; i < 8; i++) value = value << 8 | at[i];
    lua_pushnumber(from, (lua_Number)value);
    return 1;
}

/* struct.pack('>L', number) */
static int struct_pack(lua_State *from)
{
    char bytes[8];
    uint64_t value = (uint64_t)luaL_checknumber(from, 2);
    if (strcmp(luaL_checkstring(from, 1), ">L") != 0) return luaL_error(from, "not simulated");
    for (int i = 7; i >= 0; i--, value >>= 8) bytes[i] = (char)(value & 0xff);
    lua_pushlstring(from, bytes, sizeof bytes);
    return 1;
}

static void set_function(const char *name, lua_CFunction fn)
{
    lua_pushcfunction(lua, fn);
    lua_setfield(lua, -2, name);
}

static void load_library(void)
{
    const char *text = strchr(library_text(), '\n'); /* the first line is Redis's own */
    lua = luaL_newstate();
    if (!lua) abort();
    luaL_openlibs(lua);
    lua_newtable(lua);
    set_function("call", redis_call);
    set_function("pcall", redis_pcall);
    set_function("error_reply", redis_error_reply);
    set_function("register_function", redis_register_function);
    lua_setglobal(lua, "redis");
    lua_newtable(lua);
    set_function("unpack", struct_unpack);
    set_function("pack", struct_pack);
    lua_setglobal(lua, "struct");
    if (luaL_loadstring(lua, text) != 0 || lua_pcall(lua, 0, 0, 0) != 0) {
        fprintf(stderr, "sim: furrow.lua: %s\n", lua_tostring(lua, -1));
        abort();
    }
}

static void push_words(const sim_bytes words[], size_t count)
{
    lua_createtable(lua, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushlstring(lua, words[i].data, words[i].len);
        lua_rawseti(lua, -2, (int)i + 1);
    }
}

static bool is_allowed(const char *name)
{
    char key[160];
    snprintf(key, sizeof key, "%s allow-oom", name);
    lua_getfield(lua, LUA_REGISTRYINDEX, key);
    bool allowed = lua_toboolean(lua, -1);
    lua_pop(lua, 1);
    return allowed;
}

/* FCALL name count key… arg… */
sim_reply *sim_lua_call(const sim_bytes argv[], size_t argc, bool refused)
{
    if (!lua) load_library();
    lua_settop(lua, 0);
    if (argc < 3) return sim_reply_error("ERR wrong number of arguments for 'fcall' command");
    const char *name = sim_memdup(argv[1].data, argv[1].len);
    size_t keys = strtoul(sim_memdup(argv[2].data, argv[2].len), NULL, 10);
    lua_getfield(lua, LUA_REGISTRYINDEX, name);
    if (!lua_isfunction(lua, -1)) return sim_reply_error("ERR Function not found");
    if (keys > argc - 3) return sim_reply_error("ERR Number of keys can't be greater than number of args");
    if (refused && !is_allowed(name))
        return sim_reply_error("OOM allow-oom flag is not set on the function, can not run it when used memory > "
                               "'maxmemory'");
    push_words(argv + 3, keys);
    push_words(argv + 3 + keys, argc - 3 - keys);
    if (lua_pcall(lua, 2, 1, 0) != 0) return sim_reply_error("ERR %s", lua_tostring(lua, -1));
    return take_reply(lua, 1);
}
