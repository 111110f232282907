/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

static struct check_test *tests;
static jmp_buf leave;

/* Constructors may run in any order; the file's order is what a reader expects. */
void check_add(struct check_test *test)
{
    struct check_test **at = &tests;
    while (*at && (*at)->line < test->line)
        at = &(*at)->next;
    test->next = *at;
    *at = test;
}

void check_failed(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("%s:%d: ", file, line);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
    longjmp(leave, 1);
}

void check_equal(const char *file, int line, const char *what, long long is, long long want)
{
    if (is != want)
        check_failed(file, line, "%s is %lld, not %lld", what, is, want);
}

void check_text(const char *file, int line, const char *what, const char *is, const char *want)
{
    if (!is || !want || strcmp(is, want) != 0)
        check_failed(file, line, "%s is\n  %s\nnot\n  %s", what, is ? is : "(null)",
                     want ? want : "(null)");
}

static void print_hex(const char *label, struct bytes b)
{
    const unsigned char *at = b.data;
    printf("%s %zu bytes:", label, b.size);
    for (size_t i = 0; i < b.size && i < 256; i++)
        printf(" %02x", at[i]);
    printf("%s\n", b.size > 256 ? " ..." : "");
}

void check_bytes(const char *file, int line, const char *what, struct bytes is, struct bytes want)
{
    if (bytes_equal(is, want))
        return;
    print_hex("  is  ", is);
    print_hex("  want", want);
    check_failed(file, line, "%s differs", what);
}

static bool wanted(const struct check_test *test, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], test->name) == 0)
            return true;
    return argc < 2;
}

static bool run(const struct check_test *test)
{
    if (setjmp(leave))
        return false;
    test->run();
    return true;
}

int main(int argc, char **argv)
{
    unsigned passed = 0, failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0); /* what was said before a crash is seen */
    for (struct check_test *test = tests; test; test = test->next) {
        if (!wanted(test, argc, argv))
            continue;
        if (run(test)) {
            passed++;
        } else {
            failed++;
            printf("failed: %s\n", test->name);
        }
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed || passed == 0;
}
