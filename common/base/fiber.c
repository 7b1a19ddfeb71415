/* Stacks and switches; see fiber.h. Depends on the C library alone. */
#include "base/fiber.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef WITH_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if defined(WITH_ASAN) || defined(WITH_TSAN)
#define WITH_SANITIZER 1
#endif

struct furrow_fiber {
    ucontext_t context; /* of the first entry; under a sanitizer of every switch */
    jmp_buf registers;
    bool entered;
    void *mapping; /* guard page and stack; NULL for a thread's own */
    size_t mapping_bytes;
    const void *stack; /* what ASan must know of it */
    size_t stack_bytes;
    void (*body)(void *arg);
    void *arg;
#ifdef WITH_ASAN
    void *fake_stack;
    furrow_fiber *came_from;
#endif
#ifdef WITH_TSAN
    void *tsan;
#endif
};

static void after_switch(furrow_fiber *self)
{
#ifdef WITH_ASAN
    furrow_fiber *from = self->came_from;
    __sanitizer_finish_switch_fiber(self->fake_stack, &from->stack, &from->stack_bytes);
#else
    (void)self;
#endif
}

/* makecontext passes ints: the pointer goes in two. */
static void enter_fiber(unsigned high, unsigned low)
{
    furrow_fiber *self = (furrow_fiber *)(uintptr_t)((uint64_t)high << 32 | low);
    after_switch(self);
    self->body(self->arg);
    abort();
}

static bool map_stack(furrow_fiber *fiber, size_t stack_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t rounded = (stack_bytes + page - 1) / page * page;
    void *mapping = mmap(NULL, rounded + page, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) return false;
    fiber->mapping = mapping;
    fiber->mapping_bytes = rounded + page;
    fiber->stack = (char *)mapping + page;
    fiber->stack_bytes = rounded;
    return mprotect(mapping, page, PROT_NONE) == 0;
}

/* getcontext returns like setjmp: kept where no local can be clobbered. */
static bool prepare_context(furrow_fiber *fiber)
{
    uint64_t self = (uintptr_t)fiber;
    if (getcontext(&fiber->context) != 0) return false;
    fiber->context.uc_stack.ss_sp = (void *)(uintptr_t)fiber->stack;
    fiber->context.uc_stack.ss_size = fiber->stack_bytes;
    makecontext(&fiber->context, (void (*)(void))(uintptr_t)enter_fiber, 2, (unsigned)(self >> 32), (unsigned)self);
#ifdef WITH_ASAN
    /* At every switch ASan declares the stack a context names to be clean, and so forgets the red zones of parked
     * frames: it is cleaned once, here. */
    __asan_unpoison_memory_region(fiber->stack, fiber->stack_bytes);
    fiber->context.uc_stack.ss_size = 0;
#endif
    return true;
}

furrow_fiber *furrow_fiber_create(size_t stack_bytes, void (*body)(void *arg), void *arg)
{
    furrow_fiber *fiber = calloc(1, sizeof *fiber);
    if (!fiber) return NULL;
    if (!map_stack(fiber, stack_bytes) || !prepare_context(fiber)) {
        furrow_fiber_destroy(fiber);
        return NULL;
    }
    fiber->body = body;
    fiber->arg = arg;
#ifdef WITH_TSAN
    fiber->tsan = __tsan_create_fiber(0);
#endif
    return fiber;
}

furrow_fiber *furrow_fiber_of_thread(void)
{
    furrow_fiber *fiber = calloc(1, sizeof *fiber);
    if (fiber) fiber->entered = true;
#ifdef WITH_TSAN
    if (fiber) fiber->tsan = __tsan_get_current_fiber();
#endif
    return fiber;
}

void furrow_fiber_destroy(furrow_fiber *fiber)
{
    if (!fiber) return;
#ifdef WITH_TSAN
    if (fiber->mapping && fiber->tsan) __tsan_destroy_fiber(fiber->tsan);
#endif
    if (fiber->mapping) munmap(fiber->mapping, fiber->mapping_bytes);
    free(fiber);
}

void furrow_fiber_switch(furrow_fiber *from, furrow_fiber *to)
{
#ifdef WITH_ASAN
    to->came_from = from;
    __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->stack_bytes);
#endif
#ifdef WITH_TSAN
    if (!from->mapping) from->tsan = __tsan_get_current_fiber(); /* a loop may run on another thread than made it */
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
#ifdef WITH_SANITIZER
    swapcontext(&from->context, &to->context);
#else
    if (_setjmp(from->registers) == 0) {
        if (to->entered) _longjmp(to->registers, 1);
        to->entered = true;
        setcontext(&to->context);
    }
#endif
    after_switch(from);
}
