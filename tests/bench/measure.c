/* See measure.h. */
#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

uint64_t measure_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

double measure_cpu_us(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e6 +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static void begin(measure *self)
{
    self->begun_ns = measure_now_ns();
    self->begun_cpu_us = measure_cpu_us();
}

void measure_init(measure *self, size_t warm_up, size_t calls)
{
    *self = (measure){.warm_up = warm_up, .calls = calls};
    self->latency_ns = calloc(calls, sizeof self->latency_ns[0]);
    if (calls == 0 || !self->latency_ns) {
        fprintf(stderr, "no memory for %zu latencies\n", calls);
        exit(1);
    }
    if (warm_up == 0) begin(self);
}

void measure_fini(measure *self)
{
    free(self->latency_ns);
}

bool measure_start(measure *self)
{
    if (self->started == self->warm_up + self->calls) return false;
    self->started++;
    return true;
}

void measure_end(measure *self, uint64_t started_ns)
{
    size_t number = self->done++;
    if (number >= self->warm_up) self->latency_ns[number - self->warm_up] = (uint32_t)(measure_now_ns() - started_ns);
    if (self->done == self->warm_up) begin(self);
    if (!measure_is_done(self)) return;
    self->ended_ns = measure_now_ns();
    self->ended_cpu_us = measure_cpu_us();
}

bool measure_is_done(const measure *self)
{
    return self->done == self->warm_up + self->calls;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void measure_print(measure *self, const char *program, size_t in_flight)
{
    size_t n = self->calls;
    double seconds = (double)(self->ended_ns - self->begun_ns) / 1e9;
    qsort(self->latency_ns, n, sizeof self->latency_ns[0], by_value);
    printf("%s in_flight=%zu calls=%zu per_s=%.0f p50_us=%.1f p99_us=%.1f cpu_us=%.2f\n", program, in_flight, n,
           (double)n / seconds, self->latency_ns[n / 2] / 1e3, self->latency_ns[n * 99 / 100] / 1e3,
           (self->ended_cpu_us - self->begun_cpu_us) / (double)n);
}

void measure_add(measure_samples *to, double us)
{
    if (to->count == to->room) {
        to->room = to->room ? 2 * to->room : 1024;
        to->us = realloc(to->us, to->room * sizeof *to->us);
        if (!to->us) {
            fprintf(stderr, "no memory for %zu samples\n", to->room);
            exit(1);
        }
    }
    to->us[to->count++] = us;
}

static int by_us(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double measure_percentile(measure_samples *of, unsigned percent)
{
    if (of->count == 0) return 0;
    qsort(of->us, of->count, sizeof *of->us, by_us);
    return of->us[(of->count - 1) * percent / 100];
}

size_t measure_number(const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (end == text || *end) {
        fprintf(stderr, "\"%s\" is no number\n", text);
        exit(2);
    }
    return number;
}

void measure_inbox(const char *url, char out[64])
{
    const char *user = strstr(url, "://"), *at = strchr(url, '@');
    user = user && at ? user + 3 : NULL;
    if (user)
        snprintf(out, 64, "_INBOX_%.*s.~bench", (int)strcspn(user, ".:@"), user);
    else
        snprintf(out, 64, "_INBOX");
}

measure_redis measure_redis_of(const char *text)
{
    measure_redis redis = {.user = ""};
    const char *at = strchr(text, '@'), *colon = strchr(text, ':');
    if (at && colon && colon < at) {
        snprintf(redis.user, sizeof redis.user, "%.*s", (int)(colon - text), text);
        snprintf(redis.password, sizeof redis.password, "%.*s", (int)(at - colon - 1), colon + 1);
    }
    snprintf(redis.path, sizeof redis.path, "%s", at ? at + 1 : text);
    return redis;
}
