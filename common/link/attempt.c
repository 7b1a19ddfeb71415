/*
 * See attempt.h. The server works off what one connection sends in its order, so the refusal of the last publish, which
 * always comes, tells that there will be no more of those before it. May depend on: nats.c.
 */
#include "link/attempt.h"

#include "base/number.h"
#include "link/internal.h"

#include <stdio.h>
#include <string.h>

#define REPLY "_R_.furrow."         /* and the number of the attempt */
#define LAST  "furrow.attempt.last" /* published after all, by the number behind theirs */

struct furrow_attempts {
    furrow_attempt *all;
    size_t count, answered; /* of those that publish */
    furrow_waiter over;
};

/* Of the publish with @reply the right was no obstacle. */
static void take_attempt_reply(furrow_attempts *self, const char *reply)
{
    const char *number = furrow_bytes_after(reply, REPLY);
    uint64_t nth;
    if (!number || !furrow_number_parse(furrow_bytes_of(number), self->count, &nth)) return;
    if (nth == self->count) {
        furrow_waiter_done(&self->over);
    } else {
        self->all[nth].allowed = true;
        self->answered++;
    }
}

static void take_publish(furrow_attempts *self, const char *subject)
{
    if (strcmp(subject, LAST) == 0) furrow_waiter_done(&self->over);
    for (size_t i = 0; i < self->count; i++)
        if (self->all[i].publish && strcmp(self->all[i].subject, subject) == 0) self->answered++;
}

static void take_subscription(furrow_attempts *self, const char *subject, const char *queue)
{
    for (size_t i = 0; i < self->count; i++) {
        furrow_attempt *at = &self->all[i];
        bool same_queue = at->queue ? queue && strcmp(at->queue, queue) == 0 : !queue;
        if (!at->publish && same_queue && strcmp(at->subject, subject) == 0) at->allowed = false;
    }
}

void furrow_attempts_hear(furrow_attempts *self, const char *text)
{
    char subject[FURROW_SUBJECT_MAX], queue[FURROW_SUBJECT_MAX];
    if (furrow_complaint_quotes(text, "Violation for Publish with Reply of \"", subject))
        take_attempt_reply(self, subject);
    else if (furrow_complaint_quotes(text, "Violation for Publish to \"", subject))
        take_publish(self, subject);
    else if (furrow_complaint_quotes(text, "Violation for Subscription to \"", subject))
        take_subscription(self, subject, furrow_complaint_quotes(text, "using queue \"", queue) ? queue : NULL);
}

static void ignore_message(void *arg, furrow_msg *msg)
{
    (void)arg;
    furrow_msg_free(msg);
}

static furrow_status make_attempt(furrow_link *link, furrow_attempt *attempt, size_t nth, furrow_error *err)
{
    char reply[sizeof REPLY + 24];
    if (strlen(attempt->subject) > FURROW_ATTEMPT_MAX || strpbrk(attempt->subject, "*>"))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s: too long, or with a wildcard", attempt->subject);
    attempt->allowed = !attempt->publish;
    if (attempt->publish) {
        snprintf(reply, sizeof reply, REPLY "%zu", nth);
        return furrow_link_publish(link, &(furrow_outgoing){.subject = attempt->subject, .reply = reply}, err);
    }
    const furrow_subscribe_options options = {.queue = attempt->queue};
    furrow_subscription *made = furrow_link_subscribe(link, attempt->subject, &options, ignore_message, NULL, err);
    furrow_subscription_destroy(made);
    return made ? FURROW_OK : err->code;
}

furrow_status furrow_attempt_all(furrow_link *link, furrow_attempt attempts[], size_t count, uint64_t deadline_ns,
                                 furrow_error *err)
{
    furrow_attempts self = {.all = attempts, .count = count, .over = furrow_waiter_make()};
    furrow_attempt last = {.subject = LAST, .publish = true};
    furrow_status status = FURROW_OK;
    size_t publishes = 0;
    FURROW_REQUIRE(!link->attempts);
    if (!link->connected) return furrow_fail(err, FURROW_UNAVAILABLE, "not connected to NATS");
    link->attempts = &self;
    for (size_t i = 0; status == FURROW_OK && i < count; i++) {
        publishes += attempts[i].publish;
        status = make_attempt(link, &attempts[i], i, err);
    }
    if (status == FURROW_OK) status = make_attempt(link, &last, count, err);
    if (status == FURROW_OK && !furrow_wait(&self.over, deadline_ns))
        status = furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "NATS does not say what this user may do");
    if (status == FURROW_OK && self.answered < publishes)
        status = furrow_fail(err, FURROW_UNAVAILABLE, "NATS said to %zu of %zu publishes whether they are allowed",
                             self.answered, publishes);
    link->attempts = NULL;
    return status;
}
