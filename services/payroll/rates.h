/** Histories of rates: all employees that payroll has heard of are found by them. */
#ifndef FURROW_PAYROLL_RATES_H
#define FURROW_PAYROLL_RATES_H

#define RATES_ALL "all" /* what each of EmployeeRates is listed as */

#endif
