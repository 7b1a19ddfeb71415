/*
 * The side reader: asks a stream for its messages one by one, many questions at a time, instead of through a consumer.
 *
 * The range is read in windows. A window is cut into lanes; a lane has one question on its way, always the first
 * message at or after `next`, until that is past its end. So a dense lane costs one question a message, and a gap, of
 * any length, costs none. A lane that has come to its end takes over half of what the one with the most left has still
 * before it. Windows grow while little is found in them and shrink when much is: what the server must have at hand, and
 * what is read again after a failure, stays within bounds.
 *
 *             from                                                              to
 *   window     |----lane 0----|----lane 1----|- … -|----------lane 127----------|
 *                    ^next  end^                           ^next     half^   end^
 *
 * Invariants: lanes do not overlap, and what is in none of them has been received or does not exist; `next` stands
 * still while its question is on its way (`end` may come nearer). An answer from past a lane's end proves that there is
 * nothing from the question up to it: that ends all lanes in between, too.
 *
 * Questions go to $JS.API.DIRECT.GET, which costs the server a third of the API of JetStream's leader, where the stream
 * and our rights allow it. Any replica may answer, also one that lags: what it has, and what it knows to be gone, is
 * so; that there is nothing more, only the leader knows, so that answer is asked for again there. After trouble the
 * other way is tried.
 *
 * Answers become messages when they are handed over; until then they wait as they came. on_answer runs outside of the
 * task, whatever that is doing; it asks the next question itself. When the task leaves early, the last answer frees the
 * reader.
 * May depend on: link, api.
 */
#include "link/api.h"
#include "link/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LANES        128
#define WAITING_MAX  512
#define BYTES_MAX    ((size_t)8 << 20)   /* of answers that wait or are expected, by the size of the latest */
#define ARENA_BYTES  ((size_t)128 << 20) /* a single message may be as large as the server takes */
#define SPLIT_MIN    8                   /* sequences: what is left of a lane is not shared out when it is less */
#define WINDOW_FIRST 16384               /* sequences */
#define WINDOW_FEW   8192                /* messages found: the next window is twice as long, … */
#define WINDOW_MANY  32768               /* … half as long */
#define WINDOW_LAST  ((uint64_t)1 << 40)
#define ANSWER_MS    5000
#define PATIENCE_MS  10000
#define RETRY_MIN_MS 20
#define RETRY_MAX_MS 500

typedef struct reader reader;

typedef struct read_lane {
    reader *reader;
    uint64_t next, end;  /* next > end: done */
    bool asking, direct; /* by direct get */
    bool ask_leader;     /* next: it alone knows */
} read_lane;

typedef struct read_answer {
    furrow_msg *msg;
    bool direct;
    uint64_t sequence;
    furrow_js_stored_reply stored; /* borrowed from it, as is … */
    furrow_js_stored whole;        /* … this, of a direct get */
} read_answer;

struct reader {
    furrow_link *link;
    const furrow_js_read_options *options;
    char subject[FURROW_SUBJECT_MAX], direct_subject[FURROW_SUBJECT_MAX];
    bool direct;
    bool unsure;               /* whether there is something to ask for; see api.h */
    uint64_t end;              /* of the reading; comes nearer when the log ends before it */
    uint64_t from, to, beyond; /* the window; the first message after it, or 0 while unknown */
    size_t found;              /* in this window */
    read_lane lanes[LANES];
    size_t asking;
    read_answer waiting[WAITING_MAX];
    size_t count;
    size_t bytes, largest; /* of what waits; of an answer, lately */
    furrow_js_stored batch[WAITING_MAX];
    furrow_msg *lent[WAITING_MAX]; /* what the batch lives in, … */
    furrow_arena *arena;           /* … and what was decoded */
    furrow_waiter waiter;
    furrow_backoff backoff;
    uint64_t heard_ns;     /* when an answer came, or we were busy ourselves */
    furrow_status trouble; /* why nothing is asked for now, or OK */
    furrow_error error;
    bool left; /* its task has gone */
};

static void destroy_reader(reader *self)
{
    furrow_arena_destroy(self->arena);
    free(self);
}

/* ---- lanes ---- */

static uint64_t left_of(const read_lane *lane)
{
    return lane->next > lane->end ? 0 : lane->end - lane->next + 1;
}

static bool all_done(const reader *self)
{
    if (self->asking > 0) return false;
    for (size_t i = 0; i < LANES; i++)
        if (left_of(&self->lanes[i]) > 0) return false;
    return true;
}

static void cut_window(reader *self, uint64_t from, uint64_t length)
{
    self->from = from;
    self->to = length <= self->end - from ? from + length - 1 : self->end;
    self->beyond = 0;
    self->found = 0;
    uint64_t total = self->to - from + 1, share = total / LANES, more = total % LANES;
    for (size_t i = 0; i < LANES; i++) {
        uint64_t mine = share + (i < more);
        self->lanes[i] = (read_lane){.reader = self, .next = from, .end = from + mine - 1};
        from += mine;
    }
}

/* The upper half of what the lane with the most left has still before it. */
static void take_over(reader *self, read_lane *idle)
{
    read_lane *from = &self->lanes[0];
    for (size_t i = 1; i < LANES; i++)
        if (left_of(&self->lanes[i]) > left_of(from)) from = &self->lanes[i];
    uint64_t left = left_of(from);
    if (left < SPLIT_MIN) return;
    idle->next = from->next + left / 2;
    idle->end = from->end;
    from->end = idle->next - 1;
}

/* There is nothing in [from, to). */
static void skip_gap(reader *self, uint64_t from, uint64_t to)
{
    for (size_t i = 0; i < LANES; i++) {
        read_lane *lane = &self->lanes[i];
        if (left_of(lane) == 0 || lane->end < from || lane->next >= to) continue;
        if (lane->end < to) {
            lane->end = (lane->next > from ? lane->next : from) - 1;
        } else if (lane->next >= from && !lane->asking) {
            lane->next = to;
        }
    }
}

/* So does the log. */
static void end_before(reader *self, uint64_t sequence)
{
    self->end = sequence - 1;
    if (self->to > self->end) self->to = self->end;
    skip_gap(self, sequence, UINT64_MAX);
}

/* ---- questions and answers ---- */

static void on_answer(void *arg, furrow_status status, const char *text, furrow_msg *msg);

static bool has_room(const reader *self)
{
    size_t expected = self->count + self->asking;
    return expected == 0 || (expected < WAITING_MAX && self->bytes + (self->asking + 1) * self->largest <= BYTES_MAX);
}

static void ask_for_next(reader *self, read_lane *lane)
{
    char body[64];
    if (lane->asking || self->trouble != FURROW_OK) return;
    if (left_of(lane) == 0) take_over(self, lane);
    if (left_of(lane) == 0 || !has_room(self)) return;
    snprintf(body, sizeof body, "{\"seq\":%" PRIu64 ",\"next_by_subj\":\">\"}", lane->next);
    lane->direct = self->direct && !lane->ask_leader;
    furrow_outgoing out = {.subject = lane->direct ? self->direct_subject : self->subject,
                           .data = furrow_bytes_of(body)};
    uint64_t deadline_ns = furrow_clock_in_ms(ANSWER_MS);
    self->trouble = furrow_link_request_async(self->link, &out, deadline_ns, on_answer, lane, &self->error);
    if (self->trouble != FURROW_OK) return;
    lane->asking = true;
    self->asking++;
}

static void ask_all_lanes(reader *self)
{
    for (size_t i = 0; i < LANES; i++) ask_for_next(self, &self->lanes[i]);
}

/* Keeps @msg if it belongs to the lane. */
static furrow_status take_message(reader *self, read_lane *lane, read_answer answer, furrow_error *err)
{
    uint64_t sequence = answer.sequence;
    lane->ask_leader = false;
    if (sequence <= lane->end && sequence >= lane->next) {
        self->waiting[self->count++] = answer;
        self->bytes += answer.msg->data.len;
        self->found++;
        lane->next = sequence + 1;
        return FURROW_OK;
    }
    furrow_msg_free(answer.msg);
    if (sequence < lane->next)
        return furrow_fail(err, FURROW_INTERNAL, "JetStream: asked for what follows %" PRIu64 ", it sent %" PRIu64,
                           lane->next, sequence);
    if (sequence > self->to) self->beyond = sequence;
    skip_gap(self, lane->next, sequence);
    return FURROW_OK;
}

/* No message: what else the server says. */
static furrow_status take_refusal(reader *self, read_lane *lane, furrow_bytes json, furrow_error *err)
{
    int64_t code = 0;
    (void)furrow_json_find_int(json, "error.err_code", &code);
    if (code == FURROW_JS_NO_STREAM) {
        furrow_js_hear_of_stream(self->link, self->options->stream, false);
        self->unsure = true;
    }
    if (code != FURROW_JS_NO_MESSAGE) {
        furrow_status status = furrow_js_reply_status(json, err);
        return status == FURROW_OK ? FURROW_INTERNAL : status;
    }
    end_before(self, lane->next);
    return FURROW_OK;
}

static furrow_status take_answer(reader *self, read_lane *lane, furrow_msg *msg, furrow_error *err)
{
    read_answer answer = {.msg = msg, .direct = lane->direct};
    self->largest -= self->largest / 64;
    if (msg->data.len > self->largest) self->largest = msg->data.len;
    if (lane->direct && furrow_js_stored_direct(msg, &answer.whole)) {
        answer.sequence = answer.whole.sequence;
        return take_message(self, lane, answer, err);
    }
    if (lane->direct) {
        lane->ask_leader = true;
        furrow_msg_free(msg);
        return FURROW_OK;
    }
    if (furrow_js_stored_parse(msg->data, &answer.stored, err) == FURROW_OK) {
        answer.sequence = answer.stored.sequence;
        return take_message(self, lane, answer, err);
    }
    furrow_status status = take_refusal(self, lane, msg->data, err);
    furrow_msg_free(msg);
    return status;
}

static void on_answer(void *arg, furrow_status status, const char *text, furrow_msg *msg)
{
    read_lane *lane = arg;
    reader *self = lane->reader;
    furrow_error err = {0};
    lane->asking = false;
    self->asking--;
    if (self->left) {
        furrow_msg_free(msg);
        if (self->asking == 0) destroy_reader(self);
        return;
    }
    status = status == FURROW_OK ? take_answer(self, lane, msg, &err) : furrow_fail(&err, status, "%s", text);
    if (status == FURROW_OK) {
        self->heard_ns = furrow_clock_now_ns();
        ask_for_next(self, lane);
    } else {
        self->trouble = status;
        self->error = err;
    }
    if (!self->waiter.done) furrow_waiter_done(&self->waiter);
}

/* ---- the task ---- */

/* Makes messages of what waits, so many as belong into one batch. */
static furrow_status fill_batch(reader *self, size_t *count, furrow_error *err)
{
    size_t taken = 0, bytes = 0;
    furrow_status status = FURROW_OK;
    furrow_arena_reset(self->arena);
    for (; status == FURROW_OK && taken < self->count; taken++) {
        read_answer *answer = &self->waiting[taken];
        bytes += answer->msg->data.len;
        if (taken > 0 && bytes > BYTES_MAX) break;
        if (answer->direct) {
            self->batch[taken] = answer->whole;
        } else {
            status = furrow_js_stored_decode(&answer->stored, self->arena, &self->batch[taken], err);
        }
        self->lent[taken] = answer->msg;
        self->bytes -= answer->msg->data.len;
    }
    self->count -= taken;
    memmove(self->waiting, self->waiting + taken, self->count * sizeof self->waiting[0]);
    *count = taken;
    return status;
}

/* The next questions leave before @fn works, so they travel meanwhile. */
static furrow_status hand_over_batch(reader *self, furrow_js_read_fn *fn, void *arg, furrow_error *err)
{
    size_t count;
    furrow_status status = fill_batch(self, &count, err);
    ask_all_lanes(self);
    bool last = self->count == 0 && all_done(self);
    uint64_t whole = self->beyond ? self->beyond - 1 : self->to; /* the window, and the gap after it */
    if (whole > self->end) whole = self->end;
    if (status == FURROW_OK) status = fn(arg, self->batch, count, last ? whole : self->from - 1, err);
    for (size_t i = 0; i < count; i++) furrow_msg_free(self->lent[i]);
    self->heard_ns = furrow_clock_now_ns();
    furrow_backoff_reset(&self->backoff);
    return status;
}

/* After a question that failed: waits a little, unless asking again cannot help or has been tried for long enough. */
static furrow_status rest_from_trouble(reader *self, furrow_error *err)
{
    uint64_t patience_ms = self->options->patience_ms ? self->options->patience_ms : PATIENCE_MS;
    uint64_t until = self->heard_ns + patience_ms * FURROW_NS_PER_MS;
    bool passes = self->direct || self->trouble == FURROW_UNAVAILABLE || self->trouble == FURROW_DEADLINE_EXCEEDED ||
                  self->trouble == FURROW_RESOURCE_EXHAUSTED;
    if (!passes) return furrow_fail(err, self->trouble, "read %s: %s", self->options->stream, self->error.text);
    if (furrow_clock_now_ns() >= until || !furrow_link_wait_connected(self->link, until))
        return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "read of %s stopped after sequence %" PRIu64 ": %.160s",
                           self->options->stream, self->from - 1, self->error.text);
    furrow_task_sleep_ms(furrow_backoff_next_ms(&self->backoff));
    self->direct = !self->direct;
    self->trouble = FURROW_OK;
    return FURROW_OK;
}

/* Before the leader is asked for messages. */
static furrow_status look_first(reader *self, furrow_error *err)
{
    furrow_js_stream_state state;
    self->unsure = false;
    if (furrow_js_stream_filled(self->link, self->options->stream)) return FURROW_OK;
    furrow_status status =
        furrow_js_stream_info(self->link, self->options->stream, furrow_clock_in_ms(ANSWER_MS), &state, &self->error);
    if (status == FURROW_OK && state.last_seq == 0) end_before(self, self->from);
    if (status == FURROW_NOT_FOUND || status == FURROW_PERMISSION_DENIED)
        return furrow_fail(err, status, "read %s: %s", self->options->stream, self->error.text);
    self->unsure = status != FURROW_OK;
    self->trouble = status;
    return FURROW_OK;
}

static furrow_status read_window(reader *self, furrow_js_read_fn *fn, void *arg, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    while (status == FURROW_OK) {
        if (self->unsure && self->trouble == FURROW_OK) status = look_first(self, err);
        if (status != FURROW_OK) break;
        ask_all_lanes(self);
        if (self->count > 0) {
            status = hand_over_batch(self, fn, arg, err);
        } else if (self->trouble != FURROW_OK) {
            status = rest_from_trouble(self, err);
        } else if (all_done(self)) {
            break;
        } else {
            furrow_waiter_reset(&self->waiter);
            furrow_wait(&self->waiter, FURROW_NEVER); /* each question has a deadline of its own */
        }
    }
    return status;
}

static furrow_status read_windows(reader *self, furrow_js_read_fn *fn, void *arg, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    uint64_t from = self->options->start_seq ? self->options->start_seq : 1, length = WINDOW_FIRST;
    while (status == FURROW_OK && from <= self->end) {
        cut_window(self, from, length);
        status = read_window(self, fn, arg, err);
        from = self->beyond ? self->beyond : self->to + 1;
        if (self->found < WINDOW_FEW && length < WINDOW_LAST) length *= 2;
        if (self->found > WINDOW_MANY) length /= 2;
    }
    return status;
}

static void leave_reader(reader *self)
{
    for (size_t i = 0; i < self->count; i++) furrow_msg_free(self->waiting[i].msg);
    self->count = 0;
    self->left = true;
    if (self->asking == 0) destroy_reader(self);
}

furrow_status furrow_js_read(furrow_link *link, const furrow_js_read_options *options, furrow_js_read_fn *fn, void *arg,
                             furrow_error *err)
{
    if (!furrow_js_name_ok(options->stream)) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "not a stream name");
    reader *self = calloc(1, sizeof *self);
    furrow_arena *arena = furrow_arena_create(ARENA_BYTES);
    if (!self || !arena) {
        free(self);
        furrow_arena_destroy(arena);
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    }
    self->link = link;
    self->options = options;
    self->end = options->end_seq < INT64_MAX ? options->end_seq : INT64_MAX;
    self->largest = BYTES_MAX / 8; /* few questions at first, until it is known how large answers are */
    self->arena = arena;
    self->heard_ns = furrow_clock_now_ns();
    self->backoff = (furrow_backoff){.base_ms = RETRY_MIN_MS, .max_ms = RETRY_MAX_MS};
    furrow_js_api_subject(link, "STREAM.MSG.GET", options->stream, NULL, self->subject);
    furrow_js_api_subject(link, "DIRECT.GET", options->stream, NULL, self->direct_subject);
    self->direct = self->unsure = true;
    furrow_status status = read_windows(self, fn, arg, err);
    leave_reader(self);
    return status;
}
