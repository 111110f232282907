/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/load/answer.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "common/must.h"

/* A Mersenne prime: sums of two residues fit into 64 bits, products into 128. */
static const uint64_t prime = (UINT64_C(1) << 61) - 1;

static uint64_t times(uint64_t a, uint64_t b)
{
    return (uint64_t)((unsigned __int128)a * b % prime);
}

/* By doubling: F(2k) = F(k) (2 F(k+1) - F(k)), F(2k+1) = F(k)^2 + F(k+1)^2. */
uint64_t answer_fibonacci(uint64_t n)
{
    uint64_t a = 0, b = 1; /* F(k), F(k+1); k grows from 0 to n by its bits */
    for (int bit = 63; bit >= 0; bit--) {
        uint64_t even = times(a, (2 * b + prime - a) % prime);
        uint64_t odd = (times(a, a) + times(b, b)) % prime;
        a = even;
        b = odd;
        if (n >> bit & 1) {
            uint64_t next = (a + b) % prime;
            a = b;
            b = next;
        }
    }
    return a;
}

static enum answer check_fibonacci(const struct task *t, struct bytes text)
{
    const unsigned char *at = text.data;
    if (text.size == 0)
        return ANSWER_ERROR;
    uint64_t rest = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (at[i] < '0' || at[i] > '9')
            return ANSWER_ERROR;
        rest = (times(rest, 10) + (at[i] - '0')) % prime;
    }
    return rest == answer_fibonacci(t->n) && at[0] != '0' ? ANSWER_RIGHT : ANSWER_WRONG;
}

static enum answer check_polarity(struct bytes text)
{
    char copy[64], *end;
    if (text.size == 0 || text.size >= sizeof copy)
        return ANSWER_ERROR;
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    double polarity = strtod(copy, &end);
    if (*end)
        return ANSWER_ERROR;
    return polarity >= -1 && polarity <= 1 ? ANSWER_RIGHT : ANSWER_WRONG;
}

static enum answer check_reactor(struct bytes text)
{
    static const char *const fractions[] = {"XA", "XB", "XC", "XE", "XG", "XP"};
    if (text.size == 0)
        return ANSWER_ERROR;
    json_t *whole = json_loadb(text.data, text.size, 0, NULL);
    json_t *values = json_object_get(whole, "cvs");
    double sum = 0;
    enum answer answer = values ? ANSWER_RIGHT : ANSWER_ERROR;
    for (size_t i = 0; values && i < LENGTH(fractions); i++) {
        double x = json_number_value(json_object_get(values, fractions[i]));
        if (x <= 0 || x >= 1)
            answer = ANSWER_WRONG;
        sum += x;
    }
    if (answer == ANSWER_RIGHT && !(fabs(sum - 1) < 1e-4))
        answer = ANSWER_WRONG;
    json_decref(whole);
    return answer;
}

enum answer answer_check(const struct task *t, struct bytes text)
{
    switch (t->kind) {
    case TASK_FIBONACCI: return check_fibonacci(t, text);
    case TASK_REACTOR: return check_reactor(text);
    default: return check_polarity(text);
    }
}
