/* SPDX-License-Identifier: Apache-2.0
 *
 * check: a test program is a file of TEST(name) { ... } blocks; main is here. Tests run in the
 * order of the file; a failed check prints file:line with both values and ends its test. The last
 * line is `N passed, N failed`; the exit status is 1 when one failed. Arguments are names of
 * tests: only those run.
 */
#ifndef UNIT_CHECK_H
#define UNIT_CHECK_H

#include "common/bytes.h"

struct check_test {
    const char *name;
    int line;
    void (*run)(void);
    struct check_test *next;
};

void check_add(struct check_test *test);
_Noreturn void check_failed(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void check_equal(const char *file, int line, const char *what, long long is, long long want);
void check_text(const char *file, int line, const char *what, const char *is, const char *want);
void check_bytes(const char *file, int line, const char *what, struct bytes is, struct bytes want);

#define TEST(name)                                                                                 \
    static void test_##name(void);                                                                 \
    static struct check_test name##_test = {#name, __LINE__, test_##name, NULL};                   \
    __attribute__((constructor)) static void name##_add(void)                                      \
    {                                                                                              \
        check_add(&name##_test);                                                                   \
    }                                                                                              \
    static void test_##name(void)

#define CHECK(cond)           ((cond) ? (void)0 : check_failed(__FILE__, __LINE__, "%s", #cond))
#define CHECK_EQ(is, want)    check_equal(__FILE__, __LINE__, #is, (long long)(is), (long long)(want))
#define CHECK_TEXT(is, want)  check_text(__FILE__, __LINE__, #is, is, want)
#define CHECK_BYTES(is, want) check_bytes(__FILE__, __LINE__, #is, is, want)

#endif
