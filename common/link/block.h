/**
 * A message's header block, read by ourselves: nats.c before 3.11 takes an empty value for the next line, and says of a
 * block that it cannot read that there is none. Pure; private to link/.
 *
 * The grammar is that of NATS (ADR-4): "NATS/1.0", perhaps a status of three digits and a description, then lines "name:
 * value", then an empty line; each ends with CR LF. Names are visible ASCII without a colon, values anything without NUL,
 * CR and LF; blanks around a value do not count.
 */
#ifndef FURROW_LINK_BLOCK_H
#define FURROW_LINK_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

typedef struct furrow_block {
    const char *pairs, *end; /* "name\0value\0…", as they lie where the block was, and what is behind them; */
    size_t count;            /* so many; 0 when the block cannot be read */
    int status;              /* of the first line; 0: none */
    const char *description; /* of that, "" when there is none */
    unsigned wrong_line;     /* from 1 on, the first that cannot be read; 0: all can */
    const char *why;
} furrow_block;

/*
 * Reads @len bytes at @text and writes over them; what is read is lent from there. @lifted: nats.c may have looked at it
 * before, and put NUL behind names and values, as it does with messages without a body.
 */
void furrow_block_read(char *text, size_t len, bool lifted, furrow_block *out);

#endif
