/*
 * Sleepers share words, and each has a bit of its own there (futex(2), FUTEX_WAIT_BITSET). No wakeup is lost: a sleeper
 * reads its word before it looks whether it is awake, the waker says awake before it changes the word; so a sleeper that
 * did not see the one has a word that the kernel finds changed, and does not put it to sleep. Depends on Linux.
 */
#include "rpc/wakeups.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BITS 32U

_Static_assert(sizeof(atomic_uint) == sizeof(uint32_t), "a futex is a word of 32 bits");

static atomic_uint threads_seen;
static _Thread_local unsigned thread_number; /* from 1 on; 0: none yet */

furrow_sleeper furrow_sleeper_make(void)
{
    if (thread_number == 0) thread_number = atomic_fetch_add(&threads_seen, 1) % (FURROW_WAKEUPS_WORDS * BITS) + 1;
    return (furrow_sleeper){.word = (thread_number - 1) / BITS, .bit = 1U << ((thread_number - 1) % BITS)};
}

void furrow_sleeper_await(furrow_wakeups *wakeups, furrow_sleeper *sleeper)
{
    atomic_uint *word = &wakeups->turns[sleeper->word];
    for (;;) {
        unsigned turn = atomic_load(word);
        if (atomic_load(&sleeper->awake)) return;
        /* Whatever ends it, a signal too, is looked at again. */
        (void)syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, turn, NULL, NULL, sleeper->bit);
    }
}

void furrow_wakeups_note(furrow_wakeups *wakeups, furrow_sleeper *sleeper)
{
    wakeups->noted[sleeper->word] |= sleeper->bit;
    atomic_store(&sleeper->awake, true);
}

void furrow_wakeups_send(furrow_wakeups *wakeups)
{
    for (unsigned i = 0; i < FURROW_WAKEUPS_WORDS; i++) {
        if (wakeups->noted[i] == 0) continue;
        atomic_fetch_add(&wakeups->turns[i], 1);
        (void)syscall(SYS_futex, &wakeups->turns[i], FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, wakeups->noted[i]);
        wakeups->noted[i] = 0;
    }
}
