/** How the samples in C sign in: the key that is given, and beside it the prefix of inboxes that each user has of his own. */
#ifndef FURROW_SAMPLE_USER_H
#define FURROW_SAMPLE_USER_H

#include "link/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* @inbox is lent by what is returned. Ends the program when there is none. */
static inline furrow_link_options user_options(const char *seed, char inbox[128])
{
    char path[4096];
    snprintf(path, sizeof path, "%.*sinbox", (int)strlen(seed) - 2, seed); /* client.nk, client.inbox */
    FILE *file = fopen(path, "r");
    if (!file || !fgets(inbox, 128, file)) {
        fprintf(stderr, "%s: there is no prefix of inboxes\n", path);
        exit(1);
    }
    inbox[strcspn(inbox, "\n")] = '\0';
    fclose(file);
    return (furrow_link_options){.url = getenv("NATS_URL"), .nkey_seed = seed, .inbox_prefix = inbox};
}

#endif
