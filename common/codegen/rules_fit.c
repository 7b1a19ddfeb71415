/*
 * What is enough for all rules of a text, so that the check need not go through them: a number of bytes and, where there is a
 * pattern, letters of ASCII that may stand anywhere. That is so when the states that these lead through are a chain, one for
 * each number of letters, all other ASCII leads nowhere, and the states that accept stand together:
 *
 *   start -> 1 -> 2 -> ... -> last      which leads to itself, or nowhere
 *
 * Read off the automaton, it does not matter how the pattern was written. Text beyond ASCII has to go through the rules.
 */
#include "codegen/pattern.h"
#include "codegen/rules.h"
#include "codegen/text.h"
#include "wire/nul.h"

enum { NOWHERE = 0, ASCII_COUNT = 128, RANGES_MAX = 8 /* with more, the automaton is as fast */ };

/* How many classes of ASCII lead on from @state, counted up to two; @out is one of them. No text holds a NUL in
 * memory (wire/nul.h). */
static int count_ways(const furrow_rule_pattern *table, size_t state, uint8_t *out)
{
    int count = 0;
    for (unsigned byte = 1; byte < ASCII_COUNT; byte++) {
        uint8_t class = table->classes[byte];
        if (table->next[state + class] == NOWHERE) continue;
        if (count > 0 && class != *out) return 2;
        *out = class;
        count = 1;
    }
    return count;
}

/* Walks the chain. */
static bool find_counts(const furrow_pattern *pattern, uint8_t letters, furrow_rule_fit *out)
{
    const furrow_rule_pattern *table = &pattern->table;
    bool begun = false, ended = false;
    size_t state = table->start;
    for (size_t count = 0; count < pattern->state_count; count++) {
        bool accepts = state <= table->accepts;
        uint8_t on = letters;
        if ((accepts && ended) || count_ways(table, state, &on) > 1 || on != letters) return false;
        if (accepts && !begun) out->least = count;
        if (accepts) out->most = count;
        ended = begun && !accepts;
        begun = begun || accepts;
        size_t next = table->next[state + letters];
        if (accepts && next == state) out->most = SIZE_MAX;
        if (next == state || next == NOWHERE) return begun;
        state = next;
    }
    return false; /* in a circle */
}

/* False: too many. */
static bool find_letter_ranges(const furrow_rule_pattern *table, uint8_t letters, furrow_arena *arena,
                               furrow_rule_fit *out)
{
    furrow_rule_range *ranges = furrow_text_zalloc(arena, RANGES_MAX * sizeof *ranges);
    size_t count = 0;
    for (unsigned first = 1, last; first < ASCII_COUNT; first = last + 1) {
        last = first;
        if (table->classes[first] != letters) continue;
        while (last + 1 < ASCII_COUNT && table->classes[last + 1] == letters) last++;
        if (count == RANGES_MAX) return false;
        ranges[count++] = (furrow_rule_range)FURROW_RULE_RANGE(first, last);
    }
    out->ranges = ranges;
    out->count = count;
    return true;
}

static bool pattern_fit(const furrow_rule_pattern *table, furrow_arena *arena, furrow_rule_fit *out)
{
    uint8_t letters = 0;
    return count_ways(table, table->start, &letters) == 1 &&
           find_counts((const furrow_pattern *)(const void *)table, letters, out) &&
           find_letter_ranges(table, letters, arena, out);
}

static void narrow(furrow_rule_fit *fit, uint64_t least, uint64_t most)
{
    if (least > fit->least) fit->least = least;
    if (most < fit->most) fit->most = most;
}

/* So many bytes of memory are as many characters, or bytes of text, for certain: each takes up to @most_bytes. */
static uint64_t enough_bytes(const furrow_rule *rule, uint64_t most_bytes)
{
    if (rule->least == 0) return 0;
    return rule->least > UINT64_MAX / most_bytes ? UINT64_MAX : most_bytes * (rule->least - 1) + 1;
}

static bool is_plain_text(const furrow_model_field *field, const furrow_rules_set *set)
{
    return set->form == FURROW_FORM_TEXT && !field->message && !furrow_model_repeated(field) &&
           !furrow_model_in_oneof(field) && !field->proto->proto3_optional;
}

bool furrow_rules_fit(const furrow_model *model, const furrow_model_field *field, const furrow_rules_field *rules,
                      furrow_rule_fit *out)
{
    const furrow_rules_set *set = &rules->set;
    furrow_rule_fit fit = {.most = SIZE_MAX};
    if (!is_plain_text(field, set)) return false;
    for (size_t i = 0; i < set->count; i++) {
        if (!set->rules[i].pattern) continue;
        if (fit.ranges || !pattern_fit(set->rules[i].pattern, model->arena, &fit)) return false;
    }
    if (rules->required) narrow(&fit, 1, SIZE_MAX);
    for (size_t i = 0; i < set->count; i++) {
        const furrow_rule *rule = &set->rules[i];
        if (rule->kind == FURROW_RULE_CHARS)
            narrow(&fit, enough_bytes(rule, fit.ranges ? 1 : 4), rule->most);
        else if (rule->kind == FURROW_RULE_BYTES)
            narrow(&fit, enough_bytes(rule, fit.ranges ? 1 : FURROW_NUL_LEN), rule->most);
        else if (rule->kind == FURROW_RULE_NOT_EMPTY)
            narrow(&fit, 1, SIZE_MAX);
        else if (rule->kind != FURROW_RULE_PATTERN)
            return false;
    }
    *out = fit;
    return fit.least <= fit.most;
}
