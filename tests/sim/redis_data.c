/*
 * What Redis keeps, and the commands on it. A value is one array of elements whatever its type: a string has one, a
 * list its items, a hash pairs, a sorted set pairs of score and member in their order. Small data, so all is looked
 * through. What a snapshot has seen is copied before it changes. Depends on redis.h.
 */
#include "redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BUCKETS 1024

typedef enum kind { STRING, LIST, HASH, SORTED, ANY } kind;

typedef struct element {
    sim_bytes key, value; /* list: value; sorted set: key is the member */
    double score;
} element;

struct sim_value {
    kind kind;
    element *elements;
    size_t count, room;
    uint64_t epoch;
    uint64_t expires_ms; /* 0: never */
};

typedef struct entry {
    struct entry *next;
    sim_bytes key;
    sim_value *value;
} entry;

struct sim_snapshot {
    entry *buckets[BUCKETS];
};

static struct sim_snapshot *data;
static uint64_t epoch;

/* ---- keys ---- */

static bool same(sim_bytes a, sim_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static sim_bytes keep(sim_bytes text)
{
    return (sim_bytes){sim_memdup(text.data, text.len), text.len};
}

static uint64_t now_ms(void)
{
    return (uint64_t)(sim_wall_ns() / (int64_t)SIM_MS);
}

static entry **find(sim_bytes key)
{
    uint64_t hash = 14695981039346656037U;
    for (size_t i = 0; i < key.len; i++) hash = (hash ^ (uint8_t)key.data[i]) * 1099511628211U;
    entry **at = &data->buckets[hash % BUCKETS];
    while (*at && !same((*at)->key, key)) at = &(*at)->next;
    if (*at && (*at)->value->expires_ms && (*at)->value->expires_ms <= now_ms()) *at = (*at)->next;
    while (*at && !same((*at)->key, key)) at = &(*at)->next;
    return at;
}

static sim_value *look(sim_bytes key)
{
    entry *found = *find(key);
    return found ? found->value : NULL;
}

static void put(sim_bytes key, sim_value *value)
{
    entry **at = find(key);
    entry *made = sim_alloc(sizeof *made);
    *made = (entry){.next = *at ? (*at)->next : NULL, .key = keep(key), .value = value};
    *at = made;
}

static bool drop(sim_bytes key)
{
    entry **at = find(key);
    if (!*at) return false;
    *at = (*at)->next;
    return true;
}

static sim_value *make(kind what)
{
    sim_value *made = sim_alloc(sizeof *made);
    *made = (sim_value){.kind = what, .epoch = epoch};
    return made;
}

/* The value at @key to be changed: made, if there is none. NULL: it is of another kind. */
static sim_value *change(sim_bytes key, kind what)
{
    sim_value *value = look(key);
    if (value && value->kind != what) return NULL;
    if (value && value->epoch == epoch) return value;
    sim_value *made = make(what);
    if (value) {
        made->elements = sim_memdup(value->elements, value->count * sizeof(element));
        made->count = made->room = value->count;
        made->expires_ms = value->expires_ms;
    }
    put(key, made);
    return made;
}

static void insert(sim_value *value, size_t at, element what)
{
    if (value->count == value->room) {
        size_t room = value->room ? 2 * value->room : 4;
        element *elements = sim_alloc(room * sizeof *elements);
        if (value->count) memcpy(elements, value->elements, value->count * sizeof *elements);
        value->elements = elements;
        value->room = room;
    }
    memmove(value->elements + at + 1, value->elements + at, (value->count - at) * sizeof(element));
    value->elements[at] = what;
    value->count++;
}

static void take_out(sim_value *value, size_t at)
{
    value->count--;
    memmove(value->elements + at, value->elements + at + 1, (value->count - at) * sizeof(element));
}

/* SIZE_MAX: it is not there. */
static size_t index_of(const sim_value *value, sim_bytes key)
{
    for (size_t i = 0; value && i < value->count; i++)
        if (same(value->elements[i].key, key)) return i;
    return SIZE_MAX;
}

static void drop_if_empty(sim_bytes key)
{
    sim_value *value = look(key);
    if (value && value->count == 0) drop(key);
}

/* ---- snapshots: an entry is never changed, only replaced; whoever replaces one in a list it shares would change the
 * snapshot too, so the lists are copied whole ---- */

static struct sim_snapshot *copy_all(const struct sim_snapshot *from)
{
    struct sim_snapshot *made = sim_alloc(sizeof *made);
    for (size_t i = 0; i < BUCKETS; i++) {
        entry **end = &made->buckets[i];
        for (const entry *at = from->buckets[i]; at; at = at->next) {
            entry *copy = sim_alloc(sizeof *copy);
            *copy = (entry){.key = at->key, .value = at->value};
            *end = copy;
            end = &copy->next;
        }
    }
    epoch++;
    return made;
}

void sim_data_start(void)
{
    data = sim_alloc(sizeof *data);
    epoch = 1;
}

sim_snapshot *sim_data_snapshot(void)
{
    return copy_all(data);
}

void sim_data_restore(const sim_snapshot *snapshot)
{
    data = copy_all(snapshot);
}

void sim_data_clear(void)
{
    data = sim_alloc(sizeof *data);
}

bool sim_data_evict(void)
{
    size_t count = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        for (const entry *at = data->buckets[i]; at; at = at->next) count++;
    if (count == 0) return false;
    size_t which = sim_random_below(count);
    for (size_t i = 0; i < BUCKETS; i++)
        for (entry **at = &data->buckets[i]; *at; at = &(*at)->next) {
            if (which-- > 0) continue;
            sim_trace("redis: evicts %.*s", (int)(*at)->key.len, (*at)->key.data);
            *at = (*at)->next;
            return true;
        }
    return false;
}

void sim_redis_each_string(void (*fn)(void *arg, sim_bytes key, sim_bytes value), void *arg)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (const entry *at = data->buckets[i]; at; at = at->next)
            if (at->value->kind == STRING && look(at->key) == at->value) fn(arg, at->key, at->value->elements[0].value);
}

/* ---- strings ---- */

typedef sim_reply *command_fn(const sim_bytes argv[], size_t argc);

static sim_reply *wrong_type(void)
{
    return sim_reply_error("WRONGTYPE Operation against a key holding the wrong kind of value");
}

static sim_reply *ok(void)
{
    sim_reply *made = sim_reply_make(SIM_STATUS);
    made->text = (sim_bytes){"OK", 2};
    return made;
}

static sim_reply *bytes_reply(sim_bytes text)
{
    return sim_reply_text(text.data, text.len);
}

static int64_t number(sim_bytes text)
{
    return strtoll(keep(text).data, NULL, 10);
}

static sim_reply *do_get(const sim_bytes argv[], size_t argc)
{
    const sim_value *value = look(argv[1]);
    if (value && value->kind != STRING) return wrong_type();
    return value ? bytes_reply(value->elements[0].value) : sim_reply_make(SIM_NIL);
}

static sim_reply *do_mget(const sim_bytes argv[], size_t argc)
{
    sim_reply *list = sim_reply_list(argc);
    for (size_t i = 1; i < argc; i++) {
        const sim_value *value = look(argv[i]);
        bool text = value && value->kind == STRING;
        list->items[list->count++] = text ? bytes_reply(value->elements[0].value) : sim_reply_make(SIM_NIL);
    }
    return list;
}

static void set(sim_bytes key, sim_bytes text, uint64_t expires_ms)
{
    sim_value *made = make(STRING);
    made->expires_ms = expires_ms;
    insert(made, 0, (element){.value = keep(text)});
    put(key, made);
}

static sim_reply *do_set(const sim_bytes argv[], size_t argc)
{
    const sim_value *old = look(argv[1]);
    uint64_t expires = 0;
    for (size_t i = 3; i < argc; i++) {
        if (sim_is(argv[i], "NX") && old) return sim_reply_make(SIM_NIL);
        if (sim_is(argv[i], "KEEPTTL") && old) expires = old->expires_ms;
        if (sim_is(argv[i], "EX") && i + 1 < argc)
            expires = now_ms() + (uint64_t)number(argv[++i]) * 1000;
        else if (sim_is(argv[i], "PX") && i + 1 < argc)
            expires = now_ms() + (uint64_t)number(argv[++i]);
    }
    set(argv[1], argv[2], expires);
    return ok();
}

static sim_reply *do_mset(const sim_bytes argv[], size_t argc)
{
    for (size_t i = 1; i + 1 < argc; i += 2) set(argv[i], argv[i + 1], 0);
    return ok();
}

/* Up to the end or to a place from the front, as furrow.lua asks. */
static sim_reply *do_getrange(const sim_bytes argv[], size_t argc)
{
    const sim_value *value = look(argv[1]);
    sim_bytes text = value ? value->elements[0].value : (sim_bytes){"", 0};
    int64_t from = number(argv[2]), last = number(argv[3]), len = (int64_t)text.len;
    if (last < 0 || last >= len) last = len - 1;
    return from > last ? sim_reply_text("", 0) : sim_reply_text(text.data + from, (size_t)(last - from + 1));
}

/* SET u1 <bit> 1, any number of times. */
static sim_reply *do_bitfield(const sim_bytes argv[], size_t argc)
{
    const sim_value *value = look(argv[1]);
    sim_bytes old = value ? value->elements[0].value : (sim_bytes){"", 0};
    size_t len = old.len;
    sim_reply *list = sim_reply_list(argc);
    for (size_t i = 2; i + 3 < argc; i += 4) {
        size_t needed = (size_t)number(argv[i + 2]) / 8 + 1;
        if (needed > len) len = needed;
    }
    char *bytes = sim_alloc(len + 1);
    memset(bytes, 0, len + 1);
    memcpy(bytes, old.data, old.len);
    for (size_t i = 2; i + 3 < argc; i += 4) {
        size_t bit = (size_t)number(argv[i + 2]), mask = 0x80u >> bit % 8;
        list->items[list->count++] = sim_reply_integer((bytes[bit / 8] & (char)mask) != 0);
        bytes[bit / 8] = (char)((size_t)(unsigned char)bytes[bit / 8] | mask);
    }
    set(argv[1], (sim_bytes){bytes, len}, value ? value->expires_ms : 0);
    return list;
}

/* ---- keys ---- */

static sim_reply *do_unlink(const sim_bytes argv[], size_t argc)
{
    int64_t count = 0;
    for (size_t i = 1; i < argc; i++) count += drop(argv[i]);
    return sim_reply_integer(count);
}

static sim_reply *do_exists(const sim_bytes argv[], size_t argc)
{
    int64_t count = 0;
    for (size_t i = 1; i < argc; i++) count += look(argv[i]) != NULL;
    return sim_reply_integer(count);
}

static sim_reply *do_expire(const sim_bytes argv[], size_t argc)
{
    const sim_value *value = look(argv[1]);
    sim_value *mine = value ? change(argv[1], value->kind) : NULL;
    if (mine) mine->expires_ms = now_ms() + (uint64_t)number(argv[2]) * 1000;
    return sim_reply_integer(mine != NULL);
}

static sim_reply *do_ttl(const sim_bytes argv[], size_t argc)
{
    const sim_value *value = look(argv[1]);
    if (!value) return sim_reply_integer(-2);
    return sim_reply_integer(value->expires_ms ? (int64_t)((value->expires_ms - now_ms() + 500) / 1000) : -1);
}

static sim_reply *do_memory(const sim_bytes argv[], size_t argc)
{
    const sim_value *value = argc > 2 ? look(argv[2]) : NULL;
    return value ? sim_reply_integer((int64_t)(value->count * 64 + 64)) : sim_reply_make(SIM_NIL);
}

/* ---- hashes ---- */

static void set_field(sim_value *hash, sim_bytes field, sim_bytes text)
{
    size_t at = index_of(hash, field);
    if (at == SIZE_MAX)
        insert(hash, hash->count, (element){.key = keep(field), .value = keep(text)});
    else
        hash->elements[at].value = keep(text);
}

static sim_reply *field_reply(const sim_value *hash, sim_bytes field)
{
    size_t at = index_of(hash, field);
    return at == SIZE_MAX ? sim_reply_make(SIM_NIL) : bytes_reply(hash->elements[at].value);
}

static sim_reply *do_hset(const sim_bytes argv[], size_t argc)
{
    int64_t added = 0;
    sim_value *hash = change(argv[1], HASH);
    if (!hash) return wrong_type();
    for (size_t i = 2; i + 1 < argc; i += 2) {
        added += index_of(hash, argv[i]) == SIZE_MAX;
        set_field(hash, argv[i], argv[i + 1]);
    }
    return sim_reply_integer(added);
}

static sim_reply *do_hsetnx(const sim_bytes argv[], size_t argc)
{
    sim_value *hash = change(argv[1], HASH);
    if (!hash) return wrong_type();
    if (index_of(hash, argv[2]) != SIZE_MAX) return sim_reply_integer(0);
    set_field(hash, argv[2], argv[3]);
    return sim_reply_integer(1);
}

static sim_reply *do_hget(const sim_bytes argv[], size_t argc)
{
    const sim_value *hash = look(argv[1]);
    return hash && hash->kind != HASH ? wrong_type() : field_reply(hash, argv[2]);
}

static sim_reply *do_hmget(const sim_bytes argv[], size_t argc)
{
    const sim_value *hash = look(argv[1]);
    sim_reply *list = sim_reply_list(argc);
    if (hash && hash->kind != HASH) return wrong_type();
    for (size_t i = 2; i < argc; i++) list->items[list->count++] = field_reply(hash, argv[i]);
    return list;
}

static sim_reply *remove_elements(const sim_bytes argv[], size_t argc, kind what)
{
    int64_t count = 0;
    if (!look(argv[1])) return sim_reply_integer(0);
    sim_value *value = change(argv[1], what);
    if (!value) return wrong_type();
    for (size_t i = 2; i < argc; i++) {
        size_t at = index_of(value, argv[i]);
        if (at == SIZE_MAX) continue;
        take_out(value, at);
        count++;
    }
    drop_if_empty(argv[1]);
    return sim_reply_integer(count);
}

static sim_reply *do_hdel(const sim_bytes argv[], size_t argc)
{
    return remove_elements(argv, argc, HASH);
}

static sim_reply *do_zrem(const sim_bytes argv[], size_t argc)
{
    return remove_elements(argv, argc, SORTED);
}

static sim_reply *pairs_reply(const sim_value *hash)
{
    sim_reply *list = sim_reply_list(hash ? 2 * hash->count : 0);
    for (size_t i = 0; hash && i < hash->count; i++) {
        list->items[list->count++] = bytes_reply(hash->elements[i].key);
        list->items[list->count++] = bytes_reply(hash->elements[i].value);
    }
    return list;
}

static sim_reply *do_hgetall(const sim_bytes argv[], size_t argc)
{
    return pairs_reply(look(argv[1]));
}

/* All in one page. */
static sim_reply *do_hscan(const sim_bytes argv[], size_t argc)
{
    sim_reply *page = sim_reply_list(2);
    page->items[page->count++] = sim_reply_text("0", 1);
    page->items[page->count++] = pairs_reply(look(argv[1]));
    return page;
}

/* The number of elements, of whatever kind. */
static sim_reply *do_count(const sim_bytes argv[], size_t argc)
{
    const sim_value *value = look(argv[1]);
    return sim_reply_integer(value ? (int64_t)value->count : 0);
}

/* ---- lists ---- */

static sim_reply *do_rpush(const sim_bytes argv[], size_t argc)
{
    sim_value *list = change(argv[1], LIST);
    if (!list) return wrong_type();
    for (size_t i = 2; i < argc; i++) insert(list, list->count, (element){.value = keep(argv[i])});
    return sim_reply_integer((int64_t)list->count);
}

/* [*from, *to) of @count elements, from the first and last that were asked for. */
static void cut(int64_t first, int64_t last, size_t count, size_t *from, size_t *to)
{
    int64_t n = (int64_t)count;
    if (first < 0) first = first + n < 0 ? 0 : first + n;
    if (last < 0) last += n;
    if (last >= n) last = n - 1;
    *from = (size_t)(first > n ? n : first);
    *to = last < first ? *from : (size_t)last + 1;
}

static sim_reply *do_lrange(const sim_bytes argv[], size_t argc)
{
    size_t from, to;
    const sim_value *list = look(argv[1]);
    if (list && list->kind != LIST) return wrong_type();
    cut(number(argv[2]), number(argv[3]), list ? list->count : 0, &from, &to);
    sim_reply *out = sim_reply_list(to - from);
    for (size_t i = from; i < to; i++) out->items[out->count++] = bytes_reply(list->elements[i].value);
    return out;
}

static sim_reply *do_ltrim(const sim_bytes argv[], size_t argc)
{
    size_t from, to;
    if (!look(argv[1])) return ok();
    sim_value *list = change(argv[1], LIST);
    if (!list) return wrong_type();
    cut(number(argv[2]), number(argv[3]), list->count, &from, &to);
    list->count = to;
    while (from-- > 0) take_out(list, 0);
    drop_if_empty(argv[1]);
    return ok();
}

/* ---- sorted sets ---- */

static int compare_bytes(sim_bytes a, sim_bytes b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order ? order : a.len < b.len ? -1 : a.len > b.len;
}

static bool comes_before(const element *a, const element *b)
{
    return a->score != b->score ? a->score < b->score : compare_bytes(a->key, b->key) < 0;
}

static sim_reply *do_zadd(const sim_bytes argv[], size_t argc)
{
    int64_t added = 0;
    sim_value *set_ = change(argv[1], SORTED);
    if (!set_) return wrong_type();
    for (size_t i = 2; i + 1 < argc; i += 2) {
        size_t old = index_of(set_, argv[i + 1]), at = 0;
        element made = {.key = keep(argv[i + 1]), .score = strtod(keep(argv[i]).data, NULL)};
        if (old != SIZE_MAX) take_out(set_, old);
        added += old == SIZE_MAX;
        while (at < set_->count && comes_before(&set_->elements[at], &made)) at++;
        insert(set_, at, made);
    }
    return sim_reply_integer(added);
}

static sim_reply *members(const sim_value *set_, size_t from, size_t to)
{
    sim_reply *out = sim_reply_list(to - from);
    for (size_t i = from; i < to; i++) out->items[out->count++] = bytes_reply(set_->elements[i].key);
    return out;
}

static sim_reply *do_zrange(const sim_bytes argv[], size_t argc)
{
    size_t from, to;
    const sim_value *set_ = look(argv[1]);
    cut(number(argv[2]), number(argv[3]), set_ ? set_->count : 0, &from, &to);
    return members(set_, from, to);
}

/* LIMIT offset count, from @at on. */
static void limit(const sim_bytes argv[], size_t argc, size_t at, size_t *from, size_t *to)
{
    if (at + 2 >= argc || !sim_is(argv[at], "LIMIT")) return;
    size_t count = (size_t)number(argv[at + 2]);
    *from += (size_t)number(argv[at + 1]);
    if (*from > *to) *from = *to;
    if (*to - *from > count) *to = *from + count;
}

static sim_reply *do_zrangebyscore(const sim_bytes argv[], size_t argc)
{
    const sim_value *set_ = look(argv[1]);
    double max = strtod(keep(argv[3]).data, NULL);
    size_t from = 0, to = 0;
    while (set_ && to < set_->count && set_->elements[to].score <= max) to++;
    limit(argv, argc, 4, &from, &to);
    return members(set_, from, to);
}

/* Does @member lie on the right side of "-", "+", "[x" or "(x"? */
static bool after(sim_bytes member, sim_bytes bound, bool lower)
{
    if (bound.data[0] == '-' || bound.data[0] == '+') return (bound.data[0] == '-') == lower;
    int order = compare_bytes(member, (sim_bytes){bound.data + 1, bound.len - 1});
    if (order == 0) return bound.data[0] == '[';
    return lower ? order > 0 : order < 0;
}

static sim_reply *do_zrangebylex(const sim_bytes argv[], size_t argc)
{
    const sim_value *set_ = look(argv[1]);
    size_t from = 0, to = set_ ? set_->count : 0;
    while (from < to && !after(set_->elements[from].key, argv[2], true)) from++;
    while (to > from && !after(set_->elements[to - 1].key, argv[3], false)) to--;
    limit(argv, argc, 4, &from, &to);
    return members(set_, from, to);
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    command_fn *fn;
    size_t least; /* words */
    bool grows;   /* a full Redis refuses it */
    int kind;     /* of what its key must hold; ANY: it sees to that itself */
} commands[] = {
    {"GET", do_get, 2, false, ANY},
    {"MGET", do_mget, 2, false, ANY},
    {"SET", do_set, 3, true, ANY},
    {"MSET", do_mset, 3, true, ANY},
    {"GETRANGE", do_getrange, 4, false, STRING},
    {"BITFIELD", do_bitfield, 6, true, STRING},
    {"UNLINK", do_unlink, 2, false, ANY},
    {"DEL", do_unlink, 2, false, ANY},
    {"EXISTS", do_exists, 2, false, ANY},
    {"EXPIRE", do_expire, 3, false, ANY},
    {"TTL", do_ttl, 2, false, ANY},
    {"MEMORY", do_memory, 3, false, ANY},
    {"HSET", do_hset, 4, true, ANY},
    {"HSETNX", do_hsetnx, 4, true, ANY},
    {"HGET", do_hget, 3, false, ANY},
    {"HMGET", do_hmget, 3, false, ANY},
    {"HDEL", do_hdel, 3, false, ANY},
    {"HGETALL", do_hgetall, 2, false, HASH},
    {"HSCAN", do_hscan, 3, false, HASH},
    {"HLEN", do_count, 2, false, HASH},
    {"LLEN", do_count, 2, false, LIST},
    {"ZCARD", do_count, 2, false, SORTED},
    {"RPUSH", do_rpush, 3, true, ANY},
    {"LRANGE", do_lrange, 4, false, ANY},
    {"LTRIM", do_ltrim, 4, false, ANY},
    {"ZADD", do_zadd, 4, true, ANY},
    {"ZREM", do_zrem, 3, false, ANY},
    {"ZRANGE", do_zrange, 4, false, SORTED},
    {"ZRANGEBYSCORE", do_zrangebyscore, 4, false, SORTED},
    {"ZRANGEBYLEX", do_zrangebylex, 4, false, SORTED},
};

bool sim_data_writes(sim_bytes command)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (sim_is(command, commands[i].name)) return commands[i].grows;
    return false;
}

sim_reply *sim_data_command(const sim_bytes argv[], size_t argc)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (!sim_is(argv[0], commands[i].name)) continue;
        const sim_value *value = argc > 1 ? look(argv[1]) : NULL;
        if (value && commands[i].kind != ANY && (int)value->kind != commands[i].kind) return wrong_type();
        if (argc < commands[i].least) return sim_reply_error("ERR wrong number of arguments");
        return commands[i].fn(argv, argc);
    }
    return NULL;
}
