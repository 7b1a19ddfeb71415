/**
 * From what is kept to what pay_compute() takes: entries of days become spans, each of one rate, and tickets become
 * pieces at the rate that their job paid when they were picked. A change of the employee's or the job's rate within an
 * entry cuts it. Pure; memory is the arena's.
 *
 * An instant counts by the second that it lies in, so entries that follow each other have no gap. What is not as it
 * should be is paid as far as it is known, and is a problem of the statement:
 *   a day that is open                its entries that have ended
 *   no rate of the employee           nothing by the hour, so the minimum wage
 *   a job that is not known here      by the hour
 *   entries that overlap              what was not counted before
 *   more hours than a day has         all of them
 *   a day of tickets without time     the pieces; there is no time to be held against the minimum wage
 *   a ticket of a job that is not known here, pays by the hour, by another unit, or nothing: not at all
 */
#ifndef FURROW_PAYROLL_BOOK_H
#define FURROW_PAYROLL_BOOK_H

#include "payroll/pay.h"

#define BOOK_PROBLEMS_MAX 200 /* of a statement; more of them say nothing more */
#define BOOK_TICKETS_MAX  999 /* of one day; what is beyond is a problem, and not paid */
#define BOOK_DAY_HOURS    25  /* of the longest day: when clocks are put back */

typedef struct payroll_book {
    const char *employee_id;
    const Payroll__V1__EmployeeRates *rates; /* NULL: none is known */
    const Payroll__V1__WorkDay *const *days; /* in their order; NULL where there is none */
    size_t day_count;
    const Payroll__V1__Ticket *const *tickets; /* in the order of their days */
    size_t ticket_count;
    const Payroll__V1__JobRates *const *jobs; /* of all that the days name, as far as they are known */
    size_t job_count;
} payroll_book;

/* The different jobs that days and tickets of @book name; more than @max are left out, which then are not known. */
size_t book_jobs(const payroll_book *book, const char *out[], size_t max);

/* Fills @work's spans and pieces, and @out's problems. RESOURCE_EXHAUSTED: no memory. */
furrow_status book_work(const payroll_book *book, furrow_arena *arena, pay_work *work, Payroll__V1__Statement *out,
                        furrow_error *err) FURROW_MUST_USE;

#endif
