/**
 * Answers of Redis: hiredis's protocol reader builds them straight into the memory of who waits, so a reply is copied
 * once and costs no malloc. Threads: the loop's. Private to store/.
 */
#ifndef FURROW_STORE_REPLY_H
#define FURROW_STORE_REPLY_H

#include "store/store.h"

#include <hiredis/read.h>

/* What FCALL of a function that is not there answers. */
#define FURROW_REPLY_NO_FUNCTION "ERR Function not found"

/* Where the reply that comes next goes. The reader's privdata points to one; its owner changes it between replies. */
typedef struct furrow_reply_target {
    furrow_arena *arena; /* of text and lists; NULL: only integers and nil fit */
    furrow_value *value;
    bool overflow; /* the arena was too small: the rest of this reply was read and dropped */
    bool error;    /* Redis answered an error; its text is in error_text */
    char error_text[200];
} furrow_reply_target;

redisReader *furrow_reply_reader_create(furrow_reply_target *target);

/* Has the reader begun a reply that it has not come to the end of? */
bool furrow_reply_begun(const redisReader *reader);

/* Makes the target ready for the next reply. One that has begun keeps where it goes. */
void furrow_reply_aim(redisReader *reader, furrow_arena *arena, furrow_value *value);

/* The rest of this reply, or the next one, is nobody's: nothing of what the target pointed to is touched any more. */
void furrow_reply_drop(redisReader *reader);

/* The status that an error of Redis stands for, by its first word. */
furrow_status furrow_reply_status(const char *error_text);

#endif
