/*
 * What the server refuses us while the connection stays, permission violations above all. nats.c calls its error
 * handler on a thread that may be late, when the link has long been destroyed: so links that live are kept in a list,
 * and both that thread and the loop look there before they touch one. The list is the only thing in the link that a
 * lock guards. May depend on: nats.c.
 */
#include "link/internal.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct complaint {
    furrow_link *link;
    char text[256];
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

static void take(void *arg)
{
    complaint *made = arg;
    pthread_mutex_lock(&lock);
    bool there = lives(made->link); /* links are destroyed on this very thread: it will not go away now */
    pthread_mutex_unlock(&lock);
    if (there && pthread_equal(pthread_self(), made->link->thread)) {
        snprintf(made->link->complaint, sizeof made->link->complaint, "%s", made->text);
        made->link->complaints++;
    }
    free(made);
}

static void on_error(natsConnection *native, natsSubscription *subscription, natsStatus status, void *closure)
{
    complaint *made = calloc(1, sizeof *made);
    const char *text = NULL;
    if (!made) return;
    made->link = closure;
    (void)natsConnection_GetLastError(native, &text);
    snprintf(made->text, sizeof made->text, "%s", text && text[0] ? text : natsStatus_GetText(status));
    pthread_mutex_lock(&lock);
    if (!lives(made->link) || !furrow_loop_post(made->link->loop, take, made)) free(made);
    pthread_mutex_unlock(&lock);
}

natsStatus furrow_complaint_listen(furrow_link *link)
{
    pthread_mutex_lock(&lock);
    link->listed = living;
    living = link;
    pthread_mutex_unlock(&lock);
    return natsOptions_SetErrorHandler(link->options, on_error, link);
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
