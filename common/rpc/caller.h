/**
 * What one caller may take of a service that serves others, too: waits, memory of large reads (share.c), and bytes of
 * large answers. A caller is known
 * by the inbox that it wants its answers in: its own prefix ("_INBOX_payroll" and its secret part, so that nobody takes
 * what is another's), else the connection's ("_INBOX.<token>"). Calls from other accounts, whose inboxes the server
 * makes up, cannot be told apart and are not bounded here. For common/rpc only. Pure: whoever calls says what time it
 * is.
 *
 * Nobody can see how much of what was published an inbox has read. But who reads nothing makes nats-server hold it
 * back, and in the end everybody who waits for us; so an inbox gets so many bytes of large answers a second, and no
 * more. Small ones are too many to count, and harmless while nats-server takes what it is sent; while it does not, they
 * count like the large (furrow_link_held).
 */
#ifndef FURROW_RPC_CALLER_H
#define FURROW_RPC_CALLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FURROW_CALLERS      512
#define FURROW_CALLER_LARGE 16384 /* bytes of an answer; smaller ones count while they wait to be sent */

typedef struct furrow_caller {
    uint64_t id; /* 0: nobody's */
    size_t waiting;
    size_t working;         /* bytes that its large reads have */
    uint64_t paid_until_ns; /* when all that it was sent has been allowed for */
} furrow_caller;

typedef struct furrow_callers {
    furrow_caller slots[FURROW_CALLERS], others; /* others: all who found no slot */
    size_t bytes_per_s, max_waiting;             /* of one caller */
    size_t working;                              /* of all */
    uint64_t paid_until_ns;                      /* of the one who has had most */
} furrow_callers;

/* Who waits for the answer on @reply; NULL when that cannot be told. Valid until the next call of this. */
furrow_caller *furrow_caller_of(furrow_callers *callers, const char *reply, uint64_t now_ns);

/* May a read begin that takes @bytes? All have @most between them, and one caller half of that. Then it counts until it
 * has worked. @caller may be NULL. */
bool furrow_caller_may_work(furrow_callers *callers, furrow_caller *caller, size_t bytes, size_t most);
void furrow_caller_worked(furrow_callers *callers, furrow_caller *caller, size_t bytes);

/* May an answer of @bytes be sent to @reply now? Then it counts. Else *retry_ms says when. */
bool furrow_caller_may_send(furrow_callers *callers, const char *reply, size_t bytes, uint64_t now_ns,
                            int64_t *retry_ms);

/* Counts it, may it or not: what has taken effect is answered. */
void furrow_caller_sent(furrow_callers *callers, const char *reply, size_t bytes, uint64_t now_ns);

/* Has @reply had so much that no answer that counts can be sent? Cheap while nobody has. */
bool furrow_caller_is_full(furrow_callers *callers, const char *reply, uint64_t now_ns, int64_t *retry_ms);

#endif
