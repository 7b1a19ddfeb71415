/*
 * The part of libuv that common/ uses, on the world's events: linked before the real one, whose header it keeps to. A
 * loop turns only when something happens in its process: the callback runs, then prepare and check, as if the poll had
 * brought it. Work for the pool runs in the process, a moment later, and its end is told when it would have ended.
 */
#include "uv.h"

#include "sim.h"
#include "sim_uv.h"

#include <stdlib.h>
#include <string.h>

#define WORK_NS (20 * SIM_US)

typedef struct loop_state {
    sim_process *process;
    uv_prepare_t *prepare;
    uv_check_t *check;
    bool idle, stopped;
    sim_event *again; /* another turn, since the last one left something */
} loop_state;

static uint64_t work_ends_ns; /* when the work that runs now is done, if later than at once */

void sim_uv_work_takes_until(uint64_t time_ns)
{
    work_ends_ns = time_ns;
}

static loop_state *state_of(const uv_loop_t *loop)
{
    return loop->data;
}

static sim_process *process_of(const uv_handle_t *handle)
{
    return state_of(handle->loop)->process;
}

/* What waits for this handle. */
static sim_event **event_of(void *handle)
{
    return (sim_event **)&((uv_handle_t *)handle)->u.reserved[0];
}

static void init_handle(uv_loop_t *loop, void *handle)
{
    uv_handle_t *made = handle;
    made->loop = loop;
    made->flags = 0;
    *event_of(made) = NULL;
}

/* ---- loops ---- */

int uv_loop_init(uv_loop_t *loop)
{
    memset(loop, 0, sizeof *loop);
    loop_state *made = sim_alloc(sizeof *made);
    made->process = sim_current();
    if (!made->process) abort();
    made->process->loop = loop;
    loop->data = made;
    return 0;
}

int uv_loop_close(uv_loop_t *loop)
{
    loop_state *state = state_of(loop);
    sim_cancel(state->again);
    state->process->loop = NULL;
    return 0;
}

static void turn_again(void *arg)
{
    state_of(arg)->again = NULL;
}

static void end_turn(uv_loop_t *loop)
{
    loop_state *state = state_of(loop);
    if (state->prepare) ((uv_prepare_cb)state->prepare->prepare_cb)(state->prepare);
    if (state->idle && !state->again) state->again = sim_at_process(state->process, sim_now_ns(), turn_again, loop);
}

void sim_uv_end_turn(sim_process *process)
{
    end_turn(process->loop);
}

/* Of the loop's own end: what was closed has been told, nothing is in the pool. */
int uv_run(uv_loop_t *loop, uv_run_mode mode)
{
    (void)loop;
    (void)mode;
    return 0;
}

void uv_stop(uv_loop_t *loop)
{
    state_of(loop)->stopped = true;
}

uint64_t uv_now(const uv_loop_t *loop)
{
    (void)loop;
    return sim_now_ns() / SIM_MS;
}

void uv_update_time(uv_loop_t *loop)
{
    (void)loop;
}

const char *uv_strerror(int code)
{
    (void)code;
    return "simulated error";
}

/* ---- handles ---- */

int uv_is_active(const uv_handle_t *handle)
{
    return *event_of((void *)(uintptr_t)handle) != NULL;
}

static void on_closed(void *arg)
{
    uv_handle_t *handle = arg;
    *event_of(handle) = NULL;
    if (handle->close_cb) handle->close_cb(handle);
}

void uv_close(uv_handle_t *handle, uv_close_cb closed)
{
    sim_cancel(*event_of(handle));
    handle->flags = 1;
    handle->close_cb = closed;
    if (closed) *event_of(handle) = sim_at_process(process_of(handle), sim_now_ns(), on_closed, handle);
}

int uv_prepare_init(uv_loop_t *loop, uv_prepare_t *handle)
{
    init_handle(loop, handle);
    return 0;
}

int uv_prepare_start(uv_prepare_t *handle, uv_prepare_cb fn)
{
    handle->prepare_cb = fn;
    state_of(handle->loop)->prepare = handle;
    return 0;
}

int uv_check_init(uv_loop_t *loop, uv_check_t *handle)
{
    init_handle(loop, handle);
    return 0;
}

int uv_check_start(uv_check_t *handle, uv_check_cb fn)
{
    handle->check_cb = fn;
    state_of(handle->loop)->check = handle;
    return 0;
}

int uv_idle_init(uv_loop_t *loop, uv_idle_t *handle)
{
    init_handle(loop, handle);
    return 0;
}

int uv_idle_start(uv_idle_t *handle, uv_idle_cb fn)
{
    handle->idle_cb = fn;
    state_of(handle->loop)->idle = true;
    return 0;
}

int uv_idle_stop(uv_idle_t *handle)
{
    state_of(handle->loop)->idle = false;
    return 0;
}

int uv_async_init(uv_loop_t *loop, uv_async_t *handle, uv_async_cb fn)
{
    init_handle(loop, handle);
    handle->async_cb = fn;
    return 0;
}

static void on_async(void *arg)
{
    uv_async_t *handle = arg;
    *event_of(handle) = NULL;
    handle->async_cb(handle);
}

int uv_async_send(uv_async_t *handle)
{
    if (!*event_of(handle))
        *event_of(handle) = sim_at_process(process_of((uv_handle_t *)handle), sim_now_ns(), on_async, handle);
    return 0;
}

/* ---- timers ---- */

int uv_timer_init(uv_loop_t *loop, uv_timer_t *handle)
{
    init_handle(loop, handle);
    return 0;
}

static void on_timer(void *arg);

static void arm(uv_timer_t *handle, uint64_t ms)
{
    uint64_t due_ns = (sim_now_ns() / SIM_MS + ms) * SIM_MS;
    *event_of(handle) = sim_at_process(process_of((uv_handle_t *)handle), due_ns, on_timer, handle);
}

static void on_timer(void *arg)
{
    uv_timer_t *handle = arg;
    *event_of(handle) = NULL;
    if (handle->repeat) arm(handle, handle->repeat);
    handle->timer_cb(handle);
}

int uv_timer_start(uv_timer_t *handle, uv_timer_cb fn, uint64_t timeout, uint64_t repeat)
{
    sim_cancel(*event_of(handle));
    handle->timer_cb = fn;
    handle->repeat = repeat;
    arm(handle, timeout);
    return 0;
}

int uv_timer_stop(uv_timer_t *handle)
{
    sim_cancel(*event_of(handle));
    *event_of(handle) = NULL;
    return 0;
}

/* ---- the pool ---- */

static void on_work_ended(void *arg)
{
    uv_work_t *request = arg;
    request->after_work_cb(request, 0);
}

static void on_work(void *arg)
{
    uv_work_t *request = arg;
    request->reserved[0] = NULL;
    work_ends_ns = 0;
    request->work_cb(request);
    sim_at_process(state_of(request->loop)->process, work_ends_ns, on_work_ended, request);
}

int uv_queue_work(uv_loop_t *loop, uv_work_t *request, uv_work_cb work, uv_after_work_cb ended)
{
    request->loop = loop;
    request->work_cb = work;
    request->after_work_cb = ended;
    request->reserved[0] = sim_at_process(state_of(loop)->process, sim_now_ns() + WORK_NS, on_work, request);
    return 0;
}

static void on_work_cancelled(void *arg)
{
    uv_work_t *request = arg;
    request->after_work_cb(request, UV_ECANCELED);
}

/* Only of work, and before it has begun. */
int uv_cancel(uv_req_t *request)
{
    uv_work_t *work = (uv_work_t *)request;
    if (!work->reserved[0]) return UV_EBUSY;
    sim_cancel(work->reserved[0]);
    work->reserved[0] = NULL;
    sim_at_process(state_of(work->loop)->process, sim_now_ns(), on_work_cancelled, work);
    return 0;
}

/* ---- descriptors: each belongs to a connection of client.c's, found by the handle ---- */

int uv_poll_init(uv_loop_t *loop, uv_poll_t *handle, int fd)
{
    init_handle(loop, handle);
    handle->poll_cb = NULL;
    sim_uv_poll_made(handle, fd);
    return 0;
}

int uv_poll_start(uv_poll_t *handle, int events, uv_poll_cb fn)
{
    (void)events;
    handle->poll_cb = fn;
    return 0;
}

void sim_uv_readable(uv_poll_t *handle)
{
    if (handle->poll_cb && !handle->flags) handle->poll_cb(handle, 0, UV_READABLE);
}
