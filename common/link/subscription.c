/*
 * Subscriptions: ours live as long as their owner wants, nats.c's as long as a connection. While messages are handed
 * over (link->draining) a destroyed one is only marked, since the drain still walks the list. May depend on: nats.c.
 */
#include "link/internal.h"

#include <stdlib.h>
#include <string.h>

natsStatus furrow_link_subscribe_native(furrow_link *link, const char *subject, const char *queue,
                                        natsSubscription **out)
{
    natsConnection *native = link->conn->native;
    natsStatus status = queue ? natsConnection_QueueSubscribeSync(out, native, subject, queue)
                              : natsConnection_SubscribeSync(out, native, subject);
    if (status == NATS_OK) status = natsSubscription_SetPendingLimits(*out, -1, -1);
    return status;
}

static void push_subscription(furrow_subscription **list, furrow_subscription *subscription)
{
    subscription->prev = NULL;
    subscription->next = *list;
    if (*list) (*list)->prev = subscription;
    *list = subscription;
}

static void take_subscription_out(furrow_subscription **list, furrow_subscription *subscription)
{
    if (subscription->next) subscription->next->prev = subscription->prev;
    if (subscription->prev) {
        subscription->prev->next = subscription->next;
    } else {
        *list = subscription->next;
    }
}

static void free_subscription(furrow_subscription *subscription)
{
    natsSubscription_Destroy(subscription->native);
    free(subscription->subject);
    free(subscription->queue);
    free(subscription);
}

furrow_subscription *furrow_link_subscribe_hooked(furrow_link *link, const char *subject,
                                                  const furrow_subscribe_options *options, furrow_msg_fn *fn,
                                                  const furrow_subscription_hooks *hooks, void *arg, furrow_error *err)
{
    static const furrow_subscribe_options defaults;
    if (!options) options = &defaults;
    if (!furrow_link_subject_ok(subject) || (options->queue && !furrow_link_subject_ok(options->queue))) {
        furrow_fail(err, FURROW_INVALID_ARGUMENT, "no valid subject or queue group to subscribe to");
        return NULL;
    }
    furrow_subscription *made = calloc(1, sizeof *made);
    if (made) {
        *made = (furrow_subscription){.link = link,
                                      .max_per_turn = options->max_per_turn ? options->max_per_turn : SIZE_MAX,
                                      .fn = fn,
                                      .arg = arg,
                                      .hooks = hooks};
        made->subject = strdup(subject);
        made->queue = options->queue ? strdup(options->queue) : NULL;
    }
    if (!made || !made->subject || (options->queue && !made->queue) ||
        (link->connected &&
         furrow_link_subscribe_native(link, made->subject, made->queue, &made->native) == NATS_NO_MEMORY)) {
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "subscribe to %s: out of memory", subject);
        if (made) free_subscription(made);
        return NULL;
    }
    push_subscription(&link->subscriptions, made);
    return made;
}

furrow_subscription *furrow_link_subscribe(furrow_link *link, const char *subject,
                                           const furrow_subscribe_options *options, furrow_msg_fn *fn, void *arg,
                                           furrow_error *err)
{
    return furrow_link_subscribe_hooked(link, subject, options, fn, NULL, arg, err);
}

void furrow_subscription_stop(furrow_subscription *subscription)
{
    if (!subscription || subscription->stopped) return;
    subscription->stopped = true;
    /* Sends UNSUB but keeps the queue open until the server has confirmed it: nothing that it had sent is lost. */
    if (subscription->native) natsSubscription_DrainTimeout(subscription->native, 0);
}

void furrow_subscription_destroy(furrow_subscription *subscription)
{
    if (!subscription || subscription->dead) return;
    furrow_link *link = subscription->link;
    if (link->draining) {
        subscription->dead = link->have_dead = true;
        return;
    }
    take_subscription_out(&link->subscriptions, subscription);
    free_subscription(subscription);
}

void furrow_subscriptions_reap(furrow_link *link)
{
    if (!link->have_dead) return;
    link->have_dead = false;
    for (furrow_subscription *at = link->subscriptions, *next; at; at = next) {
        next = at->next;
        if (!at->dead) continue;
        take_subscription_out(&link->subscriptions, at);
        free_subscription(at);
    }
}

void furrow_subscriptions_connect(furrow_link *link)
{
    for (furrow_subscription *at = link->subscriptions; at; at = at->next)
        if (!at->stopped && !at->native) furrow_link_subscribe_native(link, at->subject, at->queue, &at->native);
}

void furrow_subscriptions_disconnect(furrow_link *link)
{
    for (furrow_subscription *at = link->subscriptions; at; at = at->next) {
        natsSubscription_Destroy(at->native);
        at->native = NULL;
    }
}

void furrow_subscriptions_leave(furrow_link *link)
{
    for (furrow_subscription *at = link->subscriptions; at; at = at->next)
        if (at->queue && at->native && !at->stopped) natsSubscription_DrainTimeout(at->native, 0);
}

void furrow_subscriptions_refused(furrow_link *link, const char *subject)
{
    link->draining = true; /* hooks may destroy */
    for (furrow_subscription *at = link->subscriptions; at; at = at->next)
        if (!at->dead && at->hooks && at->hooks->refused) at->hooks->refused(at->arg, subject);
    link->draining = false;
    furrow_subscriptions_reap(link);
}

static void hand_over_message(furrow_subscription *subscription, furrow_msg *msg, size_t nth)
{
    if (nth < subscription->max_per_turn) {
        subscription->fn(subscription->arg, msg);
    } else {
        subscription->dropped++;
        furrow_msg_free(msg);
    }
}

size_t furrow_subscription_drain(furrow_subscription *subscription)
{
    uint64_t queued = 0;
    if (!subscription->native || natsSubscription_QueuedMsgs(subscription->native, &queued) != NATS_OK) return 0;
    for (size_t i = 0; i < queued; i++) {
        natsMsg *native = NULL;
        natsStatus status = natsSubscription_NextMsg(&native, subscription->native, 0);
        if (subscription->dead) {
            natsMsg_Destroy(native);
        } else if (status == NATS_OK) {
            furrow_msg *msg = furrow_message_wrap(subscription->link->messages, native);
            if (msg) hand_over_message(subscription, msg, i);
        } else if (status == NATS_NO_RESPONDERS && subscription->hooks && subscription->hooks->no_responders) {
            subscription->hooks->no_responders(subscription->arg);
        }
    }
    if (queued > 0 && !subscription->dead && subscription->hooks && subscription->hooks->drained)
        subscription->hooks->drained(subscription->arg);
    return (size_t)queued;
}
