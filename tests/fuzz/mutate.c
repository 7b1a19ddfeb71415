/* Dice, splicing, and the mutators of text: header blocks and JSON. See mutate.h. */
#include "mutate.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define TOKENS_MAX 256
#define ITEM_MAX   512

/* libFuzzer's own; fuzz_replay.c has a small one. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

mutate_dice mutate_dice_of(unsigned seed)
{
    return (mutate_dice){seed};
}

/* splitmix64 */
uint64_t mutate_roll(mutate_dice *dice)
{
    uint64_t z = dice->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

size_t mutate_below(mutate_dice *dice, size_t limit)
{
    return limit ? (size_t)(mutate_roll(dice) % limit) : 0;
}

uint64_t mutate_number(mutate_dice *dice)
{
    static const uint64_t edges[] = {0,          1,          127,        128,         255,   256,
                                     1023,       65535,      INT32_MAX,  UINT32_MAX,  10071, INT64_MAX,
                                     UINT64_MAX, 1000000000, 1764000000, 253402300800};
    uint64_t number = edges[mutate_below(dice, sizeof edges / sizeof *edges)];
    switch (mutate_below(dice, 6)) {
    case 0:
        return (uint64_t)1 << mutate_below(dice, 64);
    case 1:
        return mutate_roll(dice) >> mutate_below(dice, 64);
    case 2:
        return number + mutate_below(dice, 3) - 1;
    case 3:
        return (uint64_t)0 - number;
    default:
        return number;
    }
}

const char *mutate_pick(mutate_dice *dice, const char *const texts[])
{
    size_t count = 0;
    while (texts[count]) count++;
    return count ? texts[mutate_below(dice, count)] : "";
}

void mutate_splice(mutate_text *text, size_t at, size_t old, const void *with, size_t len)
{
    FURROW_REQUIRE(at <= text->size && old <= text->size - at);
    if (text->size - old + len > text->max) return;
    memmove(text->data + at + len, text->data + at + old, text->size - at - old);
    if (len > 0) memcpy(text->data + at, with, len);
    text->size = text->size - old + len;
}

void mutate_raw(mutate_text *text, size_t at, size_t len)
{
    size_t room = text->max - text->size + len;
    uint8_t *copy = malloc(room ? room : 1);
    FURROW_REQUIRE(copy);
    if (len > 0) memcpy(copy, text->data + at, len);
    mutate_splice(text, at, len, copy, room > 0 ? LLVMFuzzerMutate(copy, len, room) : 0);
    free(copy);
}

/* ---- headers ---- */

/* The starts of the lines, and the end of the text behind them. */
static size_t find_lines(const mutate_text *text, size_t starts[TOKENS_MAX + 1])
{
    size_t count = 0;
    for (size_t at = 0; at < text->size && count < TOKENS_MAX;) {
        starts[count++] = at;
        const uint8_t *end = memmem(text->data + at, text->size - at, "\r\n", 2);
        at = end ? (size_t)(end - text->data) + 2 : text->size;
    }
    starts[count] = text->size;
    return count;
}

static void insert_header(mutate_text *text, size_t at, const char *name, const char *value, mutate_dice *dice)
{
    static const char *const gaps[] = {": ", ":", ":  ", " : ", "", NULL};
    char line[ITEM_MAX], number[32];
    snprintf(number, sizeof number, "%llu", (unsigned long long)mutate_number(dice));
    const char *gap = mutate_below(dice, 4) ? ": " : mutate_pick(dice, gaps);
    int len = snprintf(line, sizeof line, "%s%s%.300s\r\n", name, gap, mutate_below(dice, 4) ? value : number);
    mutate_splice(text, at, 0, line, (size_t)len);
}

void mutate_headers(mutate_text *text, const char *const names[], const char *const values[], mutate_dice *dice)
{
    size_t starts[TOKENS_MAX + 1], count = find_lines(text, starts), line = mutate_below(dice, count);
    if (mutate_below(dice, 8) == 0) {
        mutate_raw(text, 0, text->size);
        return;
    }
    size_t at = starts[line], len = count ? starts[line + 1] - at : 0;
    switch (mutate_below(dice, count ? 6 : 1)) {
    case 0:
    case 1:
        insert_header(text, starts[mutate_below(dice, count + 1)], mutate_pick(dice, names), mutate_pick(dice, values),
                      dice);
        break;
    case 2:
        mutate_splice(text, at, len, "", 0);
        break;
    case 3: {
        char copy[ITEM_MAX];
        size_t copied = len < sizeof copy ? len : sizeof copy;
        memcpy(copy, text->data + at, copied);
        mutate_splice(text, starts[mutate_below(dice, count + 1)], 0, copy, copied);
        break;
    }
    default:
        mutate_raw(text, at, len >= 2 ? len - 2 : len);
        break;
    }
}

/* ---- JSON ---- */

typedef struct token {
    size_t at, len;
    bool key, open; /* a member's name; a brace */
} token;

static size_t string_len(const mutate_text *text, size_t at)
{
    size_t end = at + 1;
    while (end < text->size && text->data[end] != '"') end += text->data[end] == '\\' ? 2 : 1;
    return (end < text->size ? end + 1 : text->size) - at;
}

/* Strings, numbers and words, and braces; no grammar. */
static size_t find_tokens(const mutate_text *text, token tokens[TOKENS_MAX])
{
    size_t count = 0;
    for (size_t at = 0; at < text->size && count < TOKENS_MAX;) {
        uint8_t c = text->data[at];
        size_t len = 1;
        if (c == '"') len = string_len(text, at);
        bool word = isalnum(c) || c == '-';
        while (word && at + len < text->size && (isalnum(text->data[at + len]) || strchr("+-.", text->data[at + len])))
            len++;
        if (c == '"' || word || c == '{') {
            size_t next = at + len;
            tokens[count++] = (token){at, len, c == '"' && next < text->size && text->data[next] == ':', c == '{'};
        }
        at += len;
    }
    return count;
}

static void put_value(char out[ITEM_MAX], const char *const values[], mutate_dice *dice)
{
    static const char *const shapes[] = {"null", "true", "false", "{}", "[]", "\"\"", "-0", "1e999", "0.5", NULL};
    switch (mutate_below(dice, 4)) {
    case 0:
        snprintf(out, ITEM_MAX, "%s", mutate_pick(dice, shapes));
        break;
    case 1:
        snprintf(out, ITEM_MAX, "%lld", (long long)mutate_number(dice));
        break;
    case 2:
        snprintf(out, ITEM_MAX, "%llu", (unsigned long long)mutate_number(dice));
        break;
    default:
        snprintf(out, ITEM_MAX, "\"%.400s\"", mutate_pick(dice, values));
        break;
    }
}

static void insert_member(mutate_text *text, size_t at, const char *key, const char *const values[], mutate_dice *dice)
{
    char value[ITEM_MAX], member[2 * ITEM_MAX];
    put_value(value, values, dice);
    int len = snprintf(member, sizeof member, "\"%.300s\":%s,", key, value);
    mutate_splice(text, at, 0, member, (size_t)len);
}

static void wrap(mutate_text *text, const token *what, const char *key, mutate_dice *dice)
{
    char open[ITEM_MAX];
    bool list = mutate_below(dice, 2);
    int len = list ? snprintf(open, sizeof open, "[") : snprintf(open, sizeof open, "{\"%.300s\":", key);
    mutate_splice(text, what->at + what->len, 0, list ? "]" : "}", 1);
    mutate_splice(text, what->at, 0, open, (size_t)len);
}

void mutate_json(mutate_text *text, const char *const keys[], const char *const values[], mutate_dice *dice)
{
    token tokens[TOKENS_MAX];
    size_t count = find_tokens(text, tokens);
    if (count == 0 || mutate_below(dice, 8) == 0) {
        mutate_raw(text, 0, text->size);
        return;
    }
    const token *chosen = &tokens[mutate_below(dice, count)];
    char value[ITEM_MAX];
    if (chosen->open) {
        insert_member(text, chosen->at + 1, mutate_pick(dice, keys), values, dice);
    } else if (chosen->key) {
        snprintf(value, sizeof value, "\"%.300s\"", mutate_pick(dice, keys));
        mutate_splice(text, chosen->at, chosen->len, value, strlen(value));
    } else if (mutate_below(dice, 3) == 0 && chosen->len > 2 && text->data[chosen->at] == '"') {
        mutate_raw(text, chosen->at + 1, chosen->len - 2);
    } else if (mutate_below(dice, 4) == 0) {
        wrap(text, chosen, mutate_pick(dice, keys), dice);
    } else {
        put_value(value, values, dice);
        mutate_splice(text, chosen->at, chosen->len, value, strlen(value));
    }
}
