/*
 * From the syntax tree to the table, by the book: instructions (Thompson), sets of them (the subset construction), and the
 * least automaton (Moore).
 *
 *   tree -> instructions over bytes -> states, each a set of instructions -> states that differ in what they accept
 *        -> classes of bytes that they tell apart
 *
 * The text may match anywhere, so every state but an accepting one also begins anew. A set with the match in it accepts
 * whatever follows: it is one state. State 0 is the empty set, which accepts nothing.
 */
#include "codegen/pattern.h"

#include "base/hash.h"
#include "codegen/pattern_parse.h"
#include "codegen/text.h"

#include <stdlib.h>
#include <string.h>

enum { INSTRUCTIONS_MAX = 20000, STATES_MAX = 4096, BUCKETS = 2 * STATES_MAX };

static const char too_large[] = "needs too large an automaton: repeat less, or bound the text by max_len";

typedef enum op { OP_BYTE, OP_SPLIT, OP_BEGIN, OP_END, OP_MATCH } op;

typedef struct instruction {
    op what;
    uint8_t low, high; /* of OP_BYTE */
    int next, other;
} instruction;

enum { ACCEPTS_END = 1, /* if the text ends here */ ACCEPTS_ALL = 2 /* whatever follows */ };

/* A set of instructions, in order. */
typedef struct state {
    const int *members;
    size_t count;
    uint8_t accepts;
} state;

typedef struct builder {
    furrow_arena *arena;
    instruction *code;
    int code_count;
    const char *why;
    int *marks, mark; /* of instructions, for the set being gathered */
    int *stack;
    int *found;
    size_t found_count;
    uint8_t classes[256];
    uint8_t samples[256]; /* a byte of each class */
    size_t class_count;
    state *states;
    size_t state_count;
    uint16_t *buckets; /* state + 1 by the hash of its set */
    uint16_t *next;
} builder;

/* ---- instructions ---- */

static int add_instruction(builder *in, instruction what)
{
    if (in->code_count == INSTRUCTIONS_MAX) {
        in->why = too_large;
        return 0;
    }
    in->code[in->code_count] = what;
    return in->code_count++;
}

static int add_split(builder *in, int next, int other)
{
    return add_instruction(in, (instruction){OP_SPLIT, 0, 0, next, other});
}

static size_t encode_utf8(uint32_t c, uint8_t out[4])
{
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t heads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len - 1; i > 0; i--, c >>= 6) out[i] = (uint8_t)(0x80 | (c & 0x3f));
    out[0] = (uint8_t)(heads[len] | c);
    return len;
}

/* Adds what takes one of the characters @low to @high and goes on at @next; *either is split off. Ranges are halved until one
 * is a sequence of ranges of bytes. */
static void add_characters(builder *in, uint32_t low, uint32_t high, int next, int *either)
{
    static const uint32_t lengths[] = {0x7f, 0x7ff, 0xffff};
    uint8_t first[4], last[4];
    for (size_t i = 0; i < 3; i++) {
        if (low > lengths[i] || high <= lengths[i]) continue;
        add_characters(in, low, lengths[i], next, either);
        add_characters(in, lengths[i] + 1, high, next, either);
        return;
    }
    for (unsigned i = 1; i < 4 && high > 0x7f; i++) {
        uint32_t mask = (1u << (6 * i)) - 1;
        if ((low & ~mask) == (high & ~mask) || ((low & mask) == 0 && (high & mask) == mask)) continue;
        uint32_t middle = (low & mask) != 0 ? low | mask : (high & ~mask) - 1;
        add_characters(in, low, middle, next, either);
        add_characters(in, middle + 1, high, next, either);
        return;
    }
    size_t len = encode_utf8(low, first);
    encode_utf8(high, last);
    for (size_t i = len; i-- > 0;) next = add_instruction(in, (instruction){OP_BYTE, first[i], last[i], next, 0});
    *either = *either < 0 ? next : add_split(in, *either, next);
}

static int compile_node(builder *in, const furrow_node *node, int next);

static int compile_set(builder *in, const furrow_node *node, int next)
{
    int either = -1;
    for (size_t i = 0; i < node->range_count && !in->why; i++)
        add_characters(in, node->ranges[i].low, node->ranges[i].high, next, &either);
    /* An empty set matches nothing. */
    return either < 0 ? add_instruction(in, (instruction){OP_BYTE, 1, 0, next, 0}) : either;
}

static int compile_repeat(builder *in, const furrow_node *node, int next)
{
    int at = next;
    if (node->max == FURROW_NODE_NO_MAX) {
        at = add_split(in, 0, next);
        int body = compile_node(in, node->left, at);
        in->code[at].next = body;
    } else {
        for (uint32_t i = node->min; i < node->max && !in->why; i++)
            at = add_split(in, compile_node(in, node->left, at), next);
    }
    for (uint32_t i = 0; i < node->min && !in->why; i++) at = compile_node(in, node->left, at);
    return at;
}

/* What matches @node and goes on at @next; its first instruction. */
static int compile_node(builder *in, const furrow_node *node, int next)
{
    if (in->why) return 0;
    switch (node->kind) {
    case FURROW_NODE_CHARACTERS:
        return compile_set(in, node, next);
    case FURROW_NODE_CONCAT:
        next = compile_node(in, node->right, next);
        return compile_node(in, node->left, next);
    case FURROW_NODE_EITHER: {
        int left = compile_node(in, node->left, next);
        return add_split(in, left, compile_node(in, node->right, next));
    }
    case FURROW_NODE_REPEAT:
        return compile_repeat(in, node, next);
    case FURROW_NODE_BEGIN:
        return add_instruction(in, (instruction){OP_BEGIN, 0, 0, next, 0});
    case FURROW_NODE_END:
        return add_instruction(in, (instruction){OP_END, 0, 0, next, 0});
    default:
        return next;
    }
}

/* Bytes that no instruction tells apart are one class. */
static void find_classes(builder *in)
{
    bool begins[257] = {false};
    for (int i = 0; i < in->code_count; i++) {
        if (in->code[i].what != OP_BYTE || in->code[i].low > in->code[i].high) continue;
        begins[in->code[i].low] = true;
        begins[in->code[i].high + 1] = true;
    }
    for (int byte = 0; byte < 256; byte++) {
        if (byte == 0 || begins[byte]) in->samples[in->class_count++] = (uint8_t)byte;
        in->classes[byte] = (uint8_t)(in->class_count - 1);
    }
}

/* ---- states ---- */

/* Gathers what can be reached from @at without a byte; past OP_BEGIN and OP_END only where they hold. */
static void gather_from(builder *in, int at, bool begin, bool end)
{
    size_t depth = 0;
    in->stack[depth++] = at;
    while (depth > 0) {
        at = in->stack[--depth];
        if (in->marks[at] == in->mark) continue;
        in->marks[at] = in->mark;
        const instruction *here = &in->code[at];
        if (here->what == OP_SPLIT) {
            in->stack[depth++] = here->other;
            in->stack[depth++] = here->next;
        } else if ((here->what == OP_BEGIN && begin) || (here->what == OP_END && end)) {
            in->stack[depth++] = here->next;
        }
        if (here->what != OP_SPLIT) in->found[in->found_count++] = at;
    }
}

static void begin_set(builder *in)
{
    in->mark++;
    in->found_count = 0;
}

static bool found_match(const builder *in)
{
    for (size_t i = 0; i < in->found_count; i++)
        if (in->code[in->found[i]].what == OP_MATCH) return true;
    return false;
}

static int order_members(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Does the set being gathered accept if the text ends? Its members are gathered anew, past OP_END. */
static bool accepts_at_end(builder *in, const state *of, bool begin)
{
    begin_set(in);
    for (size_t i = 0; i < of->count; i++) gather_from(in, of->members[i], begin, true);
    return found_match(in);
}

/* The state of the set that was gathered; a new one when there was none like it. */
static uint16_t state_of_set(builder *in, bool begin)
{
    uint8_t accepts = found_match(in) ? ACCEPTS_ALL | ACCEPTS_END : 0;
    int match = 0; /* instruction 0 is the match */
    if (accepts) {
        in->found[0] = match;
        in->found_count = 1;
    }
    qsort(in->found, in->found_count, sizeof *in->found, order_members);
    furrow_bytes set = {in->found, in->found_count * sizeof *in->found};
    size_t at = furrow_hash_quick(FURROW_HASH_QUICK, set) % BUCKETS;
    for (; in->buckets[at] && !begin; at = (at + 1) % BUCKETS) {
        const state *known = &in->states[in->buckets[at] - 1];
        if (furrow_bytes_equal(set, (furrow_bytes){known->members, known->count * sizeof *known->members}))
            return (uint16_t)(in->buckets[at] - 1);
    }
    if (in->state_count == STATES_MAX || (in->state_count + 1) * in->class_count > 4 * FURROW_PATTERN_TABLE_MAX) {
        in->why = too_large;
        return 0;
    }
    state *made = &in->states[in->state_count++];
    made->members = (const int *)(void *)furrow_text_copy(in->arena, set.data, set.len);
    made->count = in->found_count;
    made->accepts = accepts;
    /* The first state may be left for good: that it stands at the beginning belongs to it alone. */
    if (!begin) in->buckets[at] = (uint16_t)in->state_count;
    if (!accepts && accepts_at_end(in, made, begin)) made->accepts = ACCEPTS_END;
    return (uint16_t)(in->state_count - 1);
}

static uint16_t step_state(builder *in, size_t from, uint8_t byte, int start)
{
    const state *at = &in->states[from];
    begin_set(in);
    for (size_t i = 0; i < at->count; i++) {
        const instruction *here = &in->code[at->members[i]];
        if (here->what == OP_BYTE && here->low <= byte && byte <= here->high) gather_from(in, here->next, false, false);
    }
    gather_from(in, start, false, false);
    return state_of_set(in, false);
}

/* State 0 is the empty set, 1 the first. */
static void find_states(builder *in, int start)
{
    in->states[in->state_count++] = (state){0};
    begin_set(in);
    gather_from(in, start, true, false);
    state_of_set(in, true);
    for (size_t from = 1; from < in->state_count && !in->why; from++) {
        for (size_t class = 0; class < in->class_count && !in->why; class ++) {
            uint16_t to = in->states[from].accepts & ACCEPTS_ALL ? (uint16_t)from
                                                                 : step_state(in, from, in->samples[class], start);
            in->next[from * in->class_count + class] = to;
        }
    }
}

/* ---- the least automaton ---- */

/* Gives states that agree in their block and those of what follows one block; returns how many blocks there are. */
static size_t refine(const builder *in, uint16_t *blocks, uint16_t *finer, uint16_t *firsts, uint16_t *buckets)
{
    size_t count = 0;
    memset(buckets, 0, BUCKETS * sizeof *buckets);
    for (size_t s = 0; s < in->state_count; s++) {
        uint16_t key[257] = {blocks[s]};
        for (size_t c = 0; c < in->class_count; c++) key[c + 1] = blocks[in->next[s * in->class_count + c]];
        furrow_bytes bytes = {key, (in->class_count + 1) * sizeof *key};
        size_t at = furrow_hash_quick(FURROW_HASH_QUICK, bytes) % BUCKETS;
        for (;; at = (at + 1) % BUCKETS) {
            if (!buckets[at]) {
                firsts[count] = (uint16_t)s;
                buckets[at] = (uint16_t)++count;
                break;
            }
            size_t other = firsts[buckets[at] - 1];
            bool same = blocks[other] == blocks[s];
            for (size_t c = 0; same && c < in->class_count; c++)
                same = blocks[in->next[other * in->class_count + c]] == key[c + 1];
            if (same) break;
        }
        finer[s] = (uint16_t)(buckets[at] - 1);
    }
    memcpy(blocks, finer, in->state_count * sizeof *blocks);
    return count;
}

/* State 0 comes first, so its block is 0. */
static size_t find_blocks(const builder *in, uint16_t *blocks)
{
    uint16_t *finer = furrow_text_zalloc(in->arena, in->state_count * sizeof *finer);
    uint16_t *firsts = furrow_text_zalloc(in->arena, in->state_count * sizeof *firsts);
    uint16_t *buckets = furrow_text_zalloc(in->arena, BUCKETS * sizeof *buckets);
    size_t count = 0;
    for (size_t s = 0; s < in->state_count; s++) blocks[s] = in->states[s].accepts;
    for (size_t finer_count; (finer_count = refine(in, blocks, finer, firsts, buckets)) != count;) count = finer_count;
    return count;
}

/* ---- the table ---- */

/* Gives each block its row: first the one that nothing comes of, then what accepts all, then those that accept an end. */
static void order_blocks(const builder *in, const uint16_t *blocks, size_t count, furrow_pattern *out, uint16_t *rows)
{
    static const uint8_t order[] = {ACCEPTS_ALL | ACCEPTS_END, ACCEPTS_END, 0};
    uint8_t *accepts = furrow_text_zalloc(in->arena, count);
    uint16_t row = 1, ends[3];
    for (size_t s = 0; s < in->state_count; s++) accepts[blocks[s]] = in->states[s].accepts;
    for (size_t i = 0; i < 3; i++) {
        for (size_t block = 1; block < count; block++)
            if (accepts[block] == order[i]) rows[block] = row++;
        ends[i] = (uint16_t)(row - 1);
    }
    out->state_count = count;
    out->table.sinks = ends[0];
    out->table.accepts = ends[1];
}

/* Writes what becomes of @class: the class of the first that leads to the same rows from all rows. True: that is itself. */
static bool merge_class(const builder *in, const uint16_t *steps, size_t states, size_t class, uint8_t *merged,
                        size_t *count)
{
    size_t width = in->class_count;
    for (size_t other = 0; other < class; other++) {
        size_t row = 0;
        while (row < states && steps[row * width + other] == steps[row * width + class]) row++;
        merged[class] = merged[other];
        if (row == states) return false;
    }
    merged[class] = (uint8_t)(*count)++;
    return true;
}

/* @steps: from row to row by the classes of the instructions; in the table rows are told by their place. */
static void write_steps(const builder *in, const uint16_t *steps, furrow_pattern *out)
{
    size_t width = in->class_count, states = out->state_count;
    uint8_t *merged = furrow_text_zalloc(in->arena, width), *classes = furrow_text_zalloc(in->arena, 256);
    size_t *firsts = furrow_text_zalloc(in->arena, width * sizeof *firsts), merged_count = 0;
    for (size_t class = 0; class < width; class ++)
        if (merge_class(in, steps, states, class, merged, &merged_count)) firsts[merged_count - 1] = class;
    for (size_t byte = 0; byte < 256; byte++) classes[byte] = merged[in->classes[byte]];
    uint16_t *next = furrow_text_zalloc(in->arena, states * merged_count * sizeof *next);
    for (size_t row = 0; row < states; row++)
        for (size_t class = 0; class < merged_count; class ++)
            next[row * merged_count + class] = (uint16_t)(steps[row * width + firsts[class]] * merged_count);
    out->class_count = merged_count;
    out->table.classes = classes;
    out->table.next = next;
    out->table.start = (uint16_t)(out->table.start * merged_count);
    out->table.sinks = (uint16_t)(out->table.sinks * merged_count);
    out->table.accepts = (uint16_t)(out->table.accepts * merged_count);
}

static void write_table(const builder *in, furrow_pattern *out)
{
    uint16_t *blocks = furrow_text_zalloc(in->arena, in->state_count * sizeof *blocks);
    size_t count = find_blocks(in, blocks), width = in->class_count;
    uint16_t *rows = furrow_text_zalloc(in->arena, count * sizeof *rows);
    uint16_t *steps = furrow_text_zalloc(in->arena, count * width * sizeof *steps);
    order_blocks(in, blocks, count, out, rows);
    for (size_t s = 0; s < in->state_count; s++)
        for (size_t c = 0; c < width; c++) steps[rows[blocks[s]] * width + c] = rows[blocks[in->next[s * width + c]]];
    out->table.start = rows[blocks[1]];
    write_steps(in, steps, out);
}

bool furrow_pattern_compile(const char *text, furrow_arena *arena, furrow_pattern *out, const char **why)
{
    const furrow_node *tree = furrow_pattern_parse(text, arena, why);
    if (!tree) return false;
    builder in = {.arena = arena};
    in.code = furrow_text_zalloc(arena, INSTRUCTIONS_MAX * sizeof *in.code);
    add_instruction(&in, (instruction){OP_MATCH, 0, 0, 0, 0});
    int start = compile_node(&in, tree, 0);
    if (!in.why) {
        in.marks = furrow_text_zalloc(arena, INSTRUCTIONS_MAX * sizeof *in.marks);
        in.stack = furrow_text_zalloc(arena, 2 * INSTRUCTIONS_MAX * sizeof *in.stack);
        in.found = furrow_text_zalloc(arena, INSTRUCTIONS_MAX * sizeof *in.found);
        in.states = furrow_text_zalloc(arena, STATES_MAX * sizeof *in.states);
        in.buckets = furrow_text_zalloc(arena, BUCKETS * sizeof *in.buckets);
        find_classes(&in);
        in.next = furrow_text_zalloc(arena, 4 * FURROW_PATTERN_TABLE_MAX * sizeof *in.next);
        find_states(&in, start);
    }
    if (!in.why) {
        write_table(&in, out);
        if (out->table.start == 0) in.why = "matches no text at all";
        if (out->state_count * out->class_count > FURROW_PATTERN_TABLE_MAX) in.why = too_large;
    }
    *why = in.why;
    return !in.why;
}
