/*
 * See threads.h. A call's number, off one counter, is the place of its latency, so nothing is locked: a thread that
 * sleeps with a lock would hold up all the others.
 */
#include "threads.h"

#include "measure.h"

#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD 64

typedef struct crowd {
    const threads_settings *set;
    const threads_work *work;
    void *client;
    char text[PAYLOAD + 1];
    measure measure; /* its latencies, times and numbers; begun and ended are counted here */
    atomic_size_t begun, ended;
} crowd;

static bool start_call(crowd *all, size_t *number)
{
    *number = atomic_fetch_add(&all->begun, 1);
    return *number < all->set->warm_up + all->set->calls;
}

static void end_call(crowd *all, size_t number, uint64_t started_ns)
{
    measure *to = &all->measure;
    uint64_t now = measure_now_ns();
    if (number >= to->warm_up) to->latency_ns[number - to->warm_up] = (uint32_t)(now - started_ns);
    size_t ended = atomic_fetch_add(&all->ended, 1) + 1;
    if (ended == to->warm_up) {
        to->begun_ns = now;
        to->begun_cpu_us = measure_cpu_us();
    }
    if (ended == to->warm_up + to->calls) {
        to->ended_ns = now;
        to->ended_cpu_us = measure_cpu_us();
    }
}

static void *run_thread(void *arg)
{
    crowd *all = arg;
    void *own = all->work->begin(all->client);
    size_t number;
    while (start_call(all, &number)) {
        uint64_t started_ns = measure_now_ns();
        all->work->call(all->client, own, all->text);
        end_call(all, number, started_ns);
    }
    all->work->end(own);
    return NULL;
}

static _Noreturn void usage(const char *program)
{
    fprintf(stderr, "usage: %s [--url U] [--threads N] [--calls M] [--warm-up M] [--subject S] [--asap] [serve]\n",
            program);
    exit(2);
}

threads_settings threads_settings_of(int argc, char **argv)
{
    static const struct option options[] = {
        {"url", 1, NULL, 'u'},     {"threads", 1, NULL, 'n'}, {"calls", 1, NULL, 'm'}, {"warm-up", 1, NULL, 'w'},
        {"subject", 1, NULL, 's'}, {"asap", 0, NULL, 'a'},    {NULL, 0, NULL, 0}};
    threads_settings set = {.url = "nats://127.0.0.1:4222", .threads = 64, .calls = 100000};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'u':
            set.url = optarg;
            break;
        case 'n':
            set.threads = measure_number(optarg);
            break;
        case 'm':
            set.calls = measure_number(optarg);
            break;
        case 'w':
            set.warm_up = measure_number(optarg);
            break;
        case 's':
            set.subject = optarg;
            break;
        case 'a':
            set.asap = true;
            break;
        default:
            usage(argv[0]);
        }
    }
    set.serve = optind < argc && strcmp(argv[optind], "serve") == 0;
    if (optind + set.serve != argc || set.threads < 1) usage(argv[0]);
    return set;
}

void threads_run(const threads_settings *set, const threads_work *work, void *client)
{
    crowd all = {.set = set, .work = work, .client = client};
    pthread_t *threads = calloc(set->threads, sizeof *threads);
    memset(all.text, 'x', PAYLOAD);
    measure_init(&all.measure, set->warm_up, set->calls);
    for (size_t i = 0; i < set->threads; i++) {
        if (!threads || pthread_create(&threads[i], NULL, run_thread, &all) != 0) {
            fprintf(stderr, "%s: cannot make %zu threads\n", work->program, set->threads);
            exit(1);
        }
    }
    for (size_t i = 0; i < set->threads; i++) pthread_join(threads[i], NULL);
    measure_print(&all.measure, work->program, set->threads);
    measure_fini(&all.measure);
    free(threads);
}
