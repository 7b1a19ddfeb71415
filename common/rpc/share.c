/*
 * The memory that reads may have between them. What a command takes can be seen from its request; what a read takes
 * cannot, and a burst of large pages has begun long before the first of them has taken any. So what a read of each
 * method takes is remembered, and one that takes much begins only where there is so much left of the reads' share of
 * the budget, half of which is one caller's at most. Else it waits, without its place: others' calls go on meanwhile,
 * and the rest of the budget is theirs. Depends on base.
 *
 * While no call of a method has ended, it is not known: then the first may begin in any case, another counts as the
 * largest request, and who waits keeps its place, since that is over in a moment and then most are small.
 */
#include "base/budget.h"
#include "base/clock.h"
#include "rpc/inside.h"

#define PART  4   /* of the budget is the share */
#define FADES 256 /* the part by which what is expected follows calls that took less; it follows more at once */

static furrow_pace *pace_of(const furrow_call *call)
{
    return &call->served->paces[call->method_index];
}

bool furrow_share_take(furrow_call *call)
{
    furrow_server *server = call->served->server;
    furrow_pace *pace = pace_of(call);
    size_t most = furrow_budget_stats_of_process().limit / PART;
    size_t bytes = pace->bytes ? pace->bytes : server->options.max_request_bytes;
    if (most > 0 && bytes > FURROW_CALLER_LARGE && pace->tried) {
        furrow_caller *caller = furrow_caller_of(&server->callers, call->msg->reply, furrow_clock_now_ns());
        if (bytes > most / 2) bytes = most / 2;
        if (!furrow_caller_may_work(&server->callers, caller, bytes, most)) return false;
        call->share = bytes;
        call->sharer = caller;
    }
    call->shares = pace->tried = true;
    return true;
}

static void leave_hungry(furrow_call *call)
{
    furrow_call **at = &call->served->server->hungry;
    while (*at != call) at = &(*at)->next;
    *at = call->next;
}

/* Until it has its share, or what is expected of it has become known, or the server ends; or *until_ns. */
static bool wait_hungry(furrow_call *call, uint64_t until_ns)
{
    furrow_waiter waiter = furrow_waiter_make();
    furrow_call **at = &call->served->server->hungry;
    while (*at) at = &(*at)->next;
    *at = call;
    call->next = NULL;
    call->fed = &waiter;
    if (furrow_wait(&waiter, until_ns)) return true;
    leave_hungry(call);
    return false;
}

static furrow_status wait_aside(furrow_call *call, bool *fed, furrow_error *err)
{
    uint64_t until_ns;
    furrow_status status = furrow_call_begin_wait(call, &until_ns, err);
    if (status != FURROW_OK) return status;
    *fed = wait_hungry(call, until_ns);
    return furrow_call_end_wait(call, FURROW_OK, until_ns, err);
}

furrow_status furrow_share_await(furrow_call *call, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    bool fed = true;
    /* Taken again: who was woken only because it is known by now finds out here whether there is room. */
    while (status == FURROW_OK && fed && !call->shares && !furrow_share_take(call)) {
        call->cold = pace_of(call)->bytes == 0;
        if (call->cold)
            fed = wait_hungry(call, call->deadline_ns);
        else
            status = wait_aside(call, &fed, err);
        if (status == FURROW_OK) status = furrow_call_may_begin(call, err);
    }
    if (status != FURROW_OK || fed) return status;
    return furrow_fail_busy(err, FURROW_RETRY_MS,
                            "the memory that reads may take (FURROW_MEMORY_MB) is in use; try again");
}

static void learn_bytes(furrow_pace *pace, size_t bytes)
{
    if (bytes >= pace->bytes)
        pace->bytes = bytes + 1; /* 0: not known */
    else
        pace->bytes -= (pace->bytes - bytes) / FADES;
}

void furrow_share_give(furrow_call *call)
{
    furrow_server *server = call->served->server;
    if (!call->shares) return;
    learn_bytes(pace_of(call), furrow_arena_used(call->arena));
    furrow_caller_worked(&server->callers, call->sharer, call->share);
    for (furrow_call **at = &server->hungry; *at;) {
        furrow_call *other = *at;
        if (furrow_share_take(other) || (other->cold && pace_of(other)->bytes > 0)) {
            *at = other->next;
            furrow_waiter_done(other->fed);
        } else {
            at = &other->next;
        }
    }
}

void furrow_share_end(furrow_server *server)
{
    for (; server->hungry; server->hungry = server->hungry->next) furrow_waiter_done(server->hungry->fed);
}
