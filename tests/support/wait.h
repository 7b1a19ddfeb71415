/**
 * Waiting for a condition with a deadline: tests never sleep for a fixed time. The condition is looked at every 2 ms.
 * EVENTUALLY blocks the thread; IN_TASK parks the task (include base/task.h and base/clock.h). Both yield whether it
 * came true.
 */
#ifndef FURROW_TEST_WAIT_H
#define FURROW_TEST_WAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t furrow_test_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline void furrow_test_breathe(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

#define FURROW_TEST_EVENTUALLY(condition, timeout_ms)                                                                  \
    __extension__({                                                                                                    \
        uint64_t furrow_test_end = furrow_test_now_ms() + (timeout_ms);                                                \
        bool furrow_test_met = false;                                                                                  \
        while (!(furrow_test_met = (condition)) && furrow_test_now_ms() < furrow_test_end) furrow_test_breathe();      \
        furrow_test_met;                                                                                               \
    })

#define FURROW_TEST_EVENTUALLY_IN_TASK(condition, timeout_ms)                                                          \
    __extension__({                                                                                                    \
        uint64_t furrow_test_end = furrow_test_now_ms() + (timeout_ms);                                                \
        bool furrow_test_met = false;                                                                                  \
        while (!(furrow_test_met = (condition)) && furrow_test_now_ms() < furrow_test_end) furrow_task_sleep_ms(2);    \
        furrow_test_met;                                                                                               \
    })

#endif
