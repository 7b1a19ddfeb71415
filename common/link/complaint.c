/*
 * What the server says beside the messages. That it is about to end: then we leave it in time. And what it refuses us
 * while the connection stays, permission violations above all: it is kept for whoever logs it, and who waits for an
 * answer to what was refused is told so, since none will come. nats.c calls its error handler on a thread that may be
 * late, when the link has long been destroyed: so links that live are kept in a list, and both that thread and the loop
 * look there before they touch one. The list is the only thing in the link that a lock guards. May depend on: nats.c.
 */
#include "link/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct complaint {
    furrow_link *link;
    const natsConnection *native;
    bool lame_duck; /* no complaint: the server is about to end */
    char text[FURROW_LINK_COMPLAINT_MAX];
} complaint;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static furrow_link *living;

/* With the lock held. */
static bool lives(const furrow_link *link)
{
    const furrow_link *at = living;
    while (at && at != link) at = at->listed;
    return at != NULL;
}

bool furrow_complaint_quotes(const char *text, const char *form, char out[FURROW_SUBJECT_MAX])
{
    const char *at = strcasestr(text, form);
    if (!at) return false;
    at += strlen(form);
    size_t len = strcspn(at, "\"");
    if (at[len] == '\0' || len >= FURROW_SUBJECT_MAX) return false;
    memcpy(out, at, len);
    out[len] = '\0';
    return true;
}

/* The subject in `Permissions Violation for Publish to "a.b"` or `… for Subscription to "a.b" using queue "c"`. */
static bool refused_subject(const char *text, char out[FURROW_SUBJECT_MAX])
{
    return furrow_complaint_quotes(text, "Violation for Publish to \"", out) ||
           furrow_complaint_quotes(text, "Violation for Subscription to \"", out);
}

static void hear(furrow_link *link, const complaint *made)
{
    char subject[FURROW_SUBJECT_MAX];
    if (made->lame_duck) {
        if (link->conn && link->conn->native == made->native) furrow_connection_leave(link->conn);
        return;
    }
    snprintf(link->complaint, sizeof link->complaint, "%s", made->text);
    link->complaints++;
    bool present = link->conn && link->conn->native == made->native;
    if (present && link->attempts) furrow_attempts_hear(link->attempts, made->text);
    if (!present || !refused_subject(made->text, subject)) return;
    furrow_requests_refused(link, subject);
    furrow_subscriptions_refused(link, subject);
}

static void take_complaint(void *arg)
{
    complaint *made = arg;
    pthread_mutex_lock(&lock);
    bool there = lives(made->link); /* links are destroyed on this very thread: it will not go away now */
    pthread_mutex_unlock(&lock);
    if (there && pthread_equal(pthread_self(), made->link->thread)) hear(made->link, made);
    free(made);
}

static void hand_over(complaint *made)
{
    pthread_mutex_lock(&lock);
    if (!lives(made->link) || !furrow_loop_post(made->link->loop, take_complaint, made)) free(made);
    pthread_mutex_unlock(&lock);
}

static void on_error(natsConnection *native, natsSubscription *subscription, natsStatus status, void *closure)
{
    complaint *made = calloc(1, sizeof *made);
    natsStatus of_thread;
    if (!made) return;
    made->link = closure;
    made->native = native;
    const char *text = nats_GetLastError(&of_thread); /* this complaint's; the connection's may be a later one */
    snprintf(made->text, sizeof made->text, "%s", text && text[0] ? text : natsStatus_GetText(status));
    hand_over(made);
}

void furrow_complaint_listen(furrow_link *link)
{
    pthread_mutex_lock(&lock);
    link->listed = living;
    living = link;
    pthread_mutex_unlock(&lock);
}

static void on_lame_duck(natsConnection *native, void *closure)
{
    complaint *made = calloc(1, sizeof *made);
    if (!made) return;
    *made = (complaint){.link = closure, .native = native, .lame_duck = true};
    hand_over(made);
}

natsStatus furrow_complaint_set(natsOptions *options, furrow_link *link)
{
    natsStatus status = natsOptions_SetErrorHandler(options, on_error, link);
    return status == NATS_OK ? natsOptions_SetLameDuckModeCB(options, on_lame_duck, link) : status;
}

void furrow_complaint_forget(furrow_link *link)
{
    pthread_mutex_lock(&lock);
    for (furrow_link **at = &living; *at; at = &(*at)->listed) {
        if (*at != link) continue;
        *at = link->listed;
        break;
    }
    pthread_mutex_unlock(&lock);
}
