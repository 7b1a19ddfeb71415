/* The mutator of Redis' replies; see mutate.h. A reply is read into a list of nodes in the order of its bytes, changed,
 * and written again with counts and lengths that fit. */
#include "mutate.h"

#include <stdio.h>
#include <stdlib.h>

#define NODES_MAX 96
#define NO_PARENT SIZE_MAX

typedef struct node {
    char type; /* + - : $ * and N, a bulk that is nil */
    size_t parent;
    long long number; /* of an integer; how many items a list has */
    const uint8_t *text;
    size_t len;
    int lie; /* added to the length or count that is written */
} node;

typedef struct reply {
    node nodes[NODES_MAX];
    size_t count;
} reply;

static const char *const words[] = {"",    "E1",         "1",      "0",     "18446744073709551616",
                                    "-1",  "a\0E1",      "OK",     "ERR x", "NOSCRIPT No matching script",
                                    "OOM", "READONLY x", "abcdef", NULL};

/* Where the node at @at ends; 0 when it does not. */
static size_t read_node(reply *into, const mutate_text *text, size_t at, size_t parent)
{
    const uint8_t *line = text->data + at, *end = at < text->size ? memmem(line, text->size - at, "\r\n", 2) : NULL;
    if (!end || end == line || into->count == NODES_MAX || !strchr("+-:$*", line[0])) return 0;
    size_t self = into->count++, next = (size_t)(end - text->data) + 2;
    long long number = strtoll((const char *)line + 1, NULL, 10);
    into->nodes[self] = (node){(char)line[0], parent, number, line + 1, (size_t)(end - line) - 1, 0};
    if (line[0] == '$') {
        if (number < 0 || (size_t)number + 2 > text->size - next) {
            into->nodes[self].type = 'N';
            return next;
        }
        into->nodes[self].text = text->data + next;
        into->nodes[self].len = (size_t)number;
        next += (size_t)number + 2;
    }
    if (line[0] != '*') return next;
    long long items = 0;
    while (items < number) {
        size_t after = read_node(into, text, next, self);
        if (after == 0) break;
        next = after;
        items++;
    }
    into->nodes[self].number = items;
    return next;
}

static void write_reply(const reply *from, mutate_text *out)
{
    char head[40];
    out->size = 0;
    for (size_t i = 0; i < from->count; i++) {
        const node *at = &from->nodes[i];
        long long count = (long long)((at->type == '$' ? (uint64_t)at->len : (uint64_t)at->number) + (uint64_t)at->lie);
        int len = at->type == 'N'           ? snprintf(head, sizeof head, "$-1\r\n")
                  : strchr(":$*", at->type) ? snprintf(head, sizeof head, "%c%lld\r\n", at->type, count)
                                            : snprintf(head, sizeof head, "%c", at->type);
        mutate_splice(out, out->size, 0, head, (size_t)len);
        if (!strchr("+-$", at->type)) continue;
        mutate_splice(out, out->size, 0, at->text, at->len);
        mutate_splice(out, out->size, 0, "\r\n", 2);
    }
}

static node fresh_node(size_t parent, mutate_dice *dice)
{
    static const char types[] = {'+', '-', ':', '$', '$', '$', 'N', '*'};
    const char *word = mutate_pick(dice, words);
    char type = types[mutate_below(dice, sizeof types)];
    /* One of the words has a NUL inside. */
    size_t len = strcmp(word, "a") == 0 ? 4 : strlen(word);
    return (node){type, parent, type == '*' ? 0 : (long long)mutate_number(dice), (const uint8_t *)word, len, 0};
}

static void insert(reply *into, size_t at, node what)
{
    if (into->count == NODES_MAX) return;
    memmove(into->nodes + at + 1, into->nodes + at, (into->count++ - at) * sizeof(node));
    into->nodes[at] = what;
    for (size_t i = at + 1; i < into->count; i++)
        if (into->nodes[i].parent != NO_PARENT && into->nodes[i].parent >= at) into->nodes[i].parent++;
    if (what.parent != NO_PARENT) into->nodes[what.parent].number++;
}

/* One more item, in the list at @at or behind @at; what stood alone becomes the item of a list. */
static void grow(reply *into, size_t at, mutate_dice *dice)
{
    size_t parent = into->nodes[at].type == '*' ? at : into->nodes[at].parent;
    if (parent != NO_PARENT) {
        insert(into, at + 1, fresh_node(parent, dice));
        return;
    }
    insert(into, 0, (node){'*', NO_PARENT, 1, NULL, 0, 0});
    if (into->count > 1) into->nodes[1].parent = 0;
}

/* A leaf only, and never the last node. */
static void take_out(reply *from, size_t at)
{
    if (from->nodes[at].parent == NO_PARENT || (from->nodes[at].type == '*' && from->nodes[at].number > 0)) return;
    from->nodes[from->nodes[at].parent].number--;
    memmove(from->nodes + at, from->nodes + at + 1, (--from->count - at) * sizeof(node));
    for (size_t i = at; i < from->count; i++)
        if (from->nodes[i].parent != NO_PARENT && from->nodes[i].parent > at) from->nodes[i].parent--;
}

static void change(reply *into, uint8_t *room, size_t room_len, mutate_dice *dice)
{
    size_t at = mutate_below(dice, into->count);
    node *chosen = &into->nodes[at];
    mutate_text inner = {room, chosen->len < room_len ? chosen->len : 0, room_len};
    switch (mutate_below(dice, 6)) {
    case 0:
        grow(into, at, dice);
        break;
    case 1:
        take_out(into, at);
        break;
    case 2:
        if (chosen->type != '*' || chosen->number == 0) *chosen = fresh_node(chosen->parent, dice);
        break;
    case 3:
        chosen->lie = (int)mutate_below(dice, 3) - 1;
        if (mutate_below(dice, 4) == 0) chosen->lie = (int)mutate_number(dice);
        break;
    case 4:
        if (chosen->type == ':') chosen->number = (long long)mutate_number(dice);
        break;
    default:
        if (chosen->type == '*' || chosen->type == ':') break;
        if (inner.size > 0) memcpy(room, chosen->text, inner.size);
        mutate_raw(&inner, 0, inner.size);
        chosen->text = room;
        chosen->len = inner.size;
        break;
    }
}

void mutate_resp(mutate_text *text, mutate_dice *dice)
{
    reply parsed = {.count = 0};
    if (mutate_below(dice, 8) == 0 || read_node(&parsed, text, 0, NO_PARENT) == 0) {
        mutate_raw(text, 0, text->size);
        return;
    }
    uint8_t *room = malloc(text->max), *written = malloc(text->max);
    mutate_text out = {written, 0, text->max};
    FURROW_REQUIRE(room && written);
    change(&parsed, room, text->max / 2, dice);
    write_reply(&parsed, &out);
    memcpy(text->data, written, out.size);
    text->size = out.size;
    free(room);
    free(written);
}
