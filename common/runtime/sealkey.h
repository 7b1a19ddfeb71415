/**
 * Is the sealing key that this instance was given the one that seals the service's private fields? Its fingerprint (never
 * the key) lies in Redis at `<service>:@sealkey`, where all instances see it. The first to start records its own, if the
 * newest key in the log is wrapped under it or there is none. An instance with another key is not ready: it would answer
 * DATA_LOSS for every private field.
 *
 * A new key is brought in with FURROW_SEAL_KEY_OLD_FILE naming the one before: who has both records the new one.
 *
 * Threads: the loop's, in a task.
 */
#ifndef FURROW_RUNTIME_SEALKEY_H
#define FURROW_RUNTIME_SEALKEY_H

#include "log/seal.h"
#include "store/store.h"

typedef struct furrow_sealkey {
    furrow_sealer *sealer; /* NULL: nothing is sealed, and all is well */
    furrow_store *store;
    const char *service;
    uint64_t looked_ns;
    bool good; /* at the last look that could look */
    char why[300];
} furrow_sealkey;

/* Looks now and then, at once where it is not known to be good. Parks. To be called several times a second. */
void furrow_sealkey_look(furrow_sealkey *self);
/* Else self->why says what is to be done. */
bool furrow_sealkey_good(const furrow_sealkey *self);

#endif
