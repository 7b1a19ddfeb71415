/*
 * Whether a text is what nearly all are: short enough, and of letters that its rules allow anywhere. 32 bytes are compared at
 * once, in registers of 16 that the compiler finds on every processor. A look may overlap the one before: a letter that is
 * looked at twice is no worse for it.
 */
#include "wire/rule_inside.h"

#include <string.h>

typedef uint8_t lane __attribute__((vector_size(16)));
typedef uint64_t lane_words __attribute__((vector_size(16)));

static bool lanes_fit(const furrow_rule_fit *fit, lane a, lane b)
{
    lane in_a = {0}, in_b = {0};
    for (const furrow_rule_range *range = fit->ranges; range < fit->ranges + fit->count; range++) {
        lane first = (lane)(lane_words){range->first, range->first};
        lane more = (lane)(lane_words){range->more, range->more};
        in_a |= (lane)(a - first <= more);
        in_b |= (lane)(b - first <= more);
    }
    lane_words all = (lane_words)(in_a & in_b);
    return (all[0] & all[1]) == UINT64_MAX;
}

/* Of 1 to 15 bytes, each at least once. */
static lane load_short(const uint8_t *text, size_t len)
{
    uint64_t words[2] = {0};
    uint32_t halves[2];
    lane out;
    if (len >= sizeof *words) {
        memcpy(&words[0], text, sizeof *words);
        memcpy(&words[1], text + len - sizeof *words, sizeof *words);
    } else {
        if (len >= sizeof *halves) {
            memcpy(&halves[0], text, sizeof *halves);
            memcpy(&halves[1], text + len - sizeof *halves, sizeof *halves);
        } else {
            halves[0] = text[0] * 0x01000001u | (uint32_t)text[len / 2] << 8 | (uint32_t)text[len - 1] << 16;
            halves[1] = halves[0];
        }
        words[0] = words[1] = halves[0] | (uint64_t)halves[1] << 32;
    }
    memcpy(&out, words, sizeof out);
    return out;
}

static lane load_lane(const uint8_t *text, size_t at, size_t last)
{
    lane out;
    memcpy(&out, text + (at < last ? at : last), sizeof out);
    return out;
}

bool furrow_rule_fits(const furrow_rule_fit *fit, const char *text, size_t len)
{
    const uint8_t *bytes = (const uint8_t *)text;
    if (len < fit->least || len > fit->most) return false;
    if (!fit->ranges || len == 0) return true;
    if (len < sizeof(lane)) {
        lane all = load_short(bytes, len);
        return lanes_fit(fit, all, all);
    }
    for (size_t at = 0, last = len - sizeof(lane); at < len; at += 2 * sizeof(lane))
        if (!lanes_fit(fit, load_lane(bytes, at, last), load_lane(bytes, at + sizeof(lane), last))) return false;
    return true;
}
