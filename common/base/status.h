/**
 * Status codes and errors: gRPC's 17 codes, and the one error value every fallible function fills.
 *
 * A function that can fail returns furrow_status and takes a `furrow_error *err` last; @err may be NULL. On failure its
 * outputs are untouched. The library returns errors and does not log them; the top logs once.
 * Threads: any. A furrow_error is a plain value of the caller's: no heap, no thread-local.
 */
#ifndef FURROW_BASE_STATUS_H
#define FURROW_BASE_STATUS_H

#include <stdarg.h>
#include <stdint.h>

#define FURROW_STATUS_MAP(X)                                                                                           \
    X(0, OK)                                                                                                           \
    X(1, CANCELLED)                                                                                                    \
    X(2, UNKNOWN)                                                                                                      \
    X(3, INVALID_ARGUMENT)                                                                                             \
    X(4, DEADLINE_EXCEEDED)                                                                                            \
    X(5, NOT_FOUND)                                                                                                    \
    X(6, ALREADY_EXISTS)                                                                                               \
    X(7, PERMISSION_DENIED)                                                                                            \
    X(8, RESOURCE_EXHAUSTED)                                                                                           \
    X(9, FAILED_PRECONDITION)                                                                                          \
    X(10, ABORTED)                                                                                                     \
    X(11, OUT_OF_RANGE)                                                                                                \
    X(12, UNIMPLEMENTED)                                                                                               \
    X(13, INTERNAL)                                                                                                    \
    X(14, UNAVAILABLE)                                                                                                 \
    X(15, DATA_LOSS)                                                                                                   \
    X(16, UNAUTHENTICATED)

typedef enum furrow_status {
#define X(number, name) FURROW_##name = number,
    FURROW_STATUS_MAP(X)
#undef X
} furrow_status;

#define FURROW_MUST_USE       __attribute__((warn_unused_result))
#define FURROW_PRINTF(at, va) __attribute__((format(printf, at, va)))

#define FURROW_ERROR_DETAILS 256

typedef struct furrow_error {
    furrow_status code;
    char text[256];       /* for people: what happened and what to do about it */
    char field[96];       /* path of the request's field that is wrong, or "" */
    char reason[64];      /* for programs: why, "NOT_EMPLOYED"; or "" */
    int64_t retry_ms;     /* when a retry may succeed, or 0 */
    uint16_t details_len; /* more for programs: wire/detail.h */
    uint8_t details[FURROW_ERROR_DETAILS];
} furrow_error;

/* Says nothing yet, as {0} does; of the details only that there are none. */
static inline void furrow_error_clear(furrow_error *err)
{
    err->code = FURROW_OK;
    err->text[0] = err->field[0] = err->reason[0] = '\0';
    err->retry_ms = 0;
    err->details_len = 0;
}

/* Name of @code as gRPC spells it ("NOT_FOUND"); "UNKNOWN" for a number that is no code. */
const char *furrow_status_name(furrow_status code);

/* The code a gRPC number or name stands for; UNKNOWN for any other. */
furrow_status furrow_status_from_number(long number);
furrow_status furrow_status_from_name(const char *name);

/* Fills @err at the origin of a failure and returns @code. Peer text goes in as an argument, never as @format. */
furrow_status furrow_fail(furrow_error *err, furrow_status code, const char *format, ...) FURROW_PRINTF(3, 4);

/* RESOURCE_EXHAUSTED that passes by itself, since others give back what they hold: when to try again. What does not
 * (too large a request, too large an answer) has no such delay. */
furrow_status furrow_fail_busy(furrow_error *err, int64_t retry_ms, const char *format, ...) FURROW_PRINTF(3, 4);
#define FURROW_RETRY_MS 250 /* where nothing tells better */

/* INVALID_ARGUMENT about one field of the request; @field is its path ("contact.phone", "pay[2].rate"). */
furrow_status furrow_fail_field(furrow_error *err, const char *field, const char *format, ...) FURROW_PRINTF(3, 4);

/* A rule of the domain says no: @reason is for programs (google.rpc.ErrorInfo), one of a fixed set in upper snake case,
 * at most 63 characters, whose domain is the service's package. */
furrow_status furrow_fail_reason(furrow_error *err, furrow_status code, const char *reason, const char *format, ...)
    FURROW_PRINTF(4, 5);

/* Puts "context: " before the text of @err on the way up; returns its code (UNKNOWN when @err is NULL: keep the
 * status; and when it has none, so that a failure never passes for OK). */
furrow_status furrow_wrap(furrow_error *err, const char *format, ...) FURROW_PRINTF(2, 3);

/* Caller's bug: checked in every build, aborts with place and text. */
#define FURROW_REQUIRE(condition)                                                                                      \
    ((condition) ? (void)0 : furrow_bug("requirement failed", #condition, __FILE__, __LINE__))

/* Our own invariant: checked in builds without NDEBUG. */
#ifdef NDEBUG
#define FURROW_ASSERT(condition) ((void)sizeof(condition))
#else
#define FURROW_ASSERT(condition)                                                                                       \
    ((condition) ? (void)0 : furrow_bug("invariant broken", #condition, __FILE__, __LINE__))
#endif
_Noreturn void furrow_bug(const char *what, const char *condition, const char *file, int line);

#endif
