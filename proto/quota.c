/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/quota.h"

static const struct {
    const char *word;
    uint64_t usual;
} table[QUOTAS] = {
#define X(quota, word, usual, text) [quota] = {word, usual},
    QUOTAS_LIST(X)
#undef X
};

static const char letters[] = "KMGT"; /* each 1024 times the one before */

const char *quota_word(enum quota quota)
{
    return table[quota].word;
}

struct quotas quotas_usual(bool client)
{
    struct quotas q;
    for (unsigned i = 0; i < QUOTAS; i++)
        q.of[i] = client ? table[i].usual : QUOTA_NONE;
    return q;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* False: it is none. */
static bool number_read(struct bytes text, bool is_bytes, uint64_t *number)
{
    const char *at = text.data, *end = at + text.size, *letter;
    uint64_t most = is_bytes ? QUOTA_BYTES_MAX : QUOTA_MAX;
    if (bytes_equal(text, bytes_text("*"))) {
        *number = QUOTA_NONE;
        return true;
    }
    *number = 0;
    if (at == end || !digit(*at))
        return false;
    for (; at < end && digit(*at); at++)
        if ((*number = *number * 10 + (uint64_t)(*at - '0')) > most)
            return false;
    if (is_bytes && at < end && *at && (letter = strchr(letters, *at))) {
        unsigned shift = 10 * (unsigned)(letter - letters + 1);
        if (*number > QUOTA_BYTES_MAX >> shift)
            return false;
        *number <<= shift;
        at++;
    }
    return at == end;
}

static unsigned find(struct bytes word)
{
    unsigned at = 0;
    while (at < QUOTAS && !bytes_equal(word, bytes_text(table[at].word)))
        at++;
    return at;
}

const char *quotas_read(struct quotas *q, struct bytes list)
{
    static const char wrong[] = "quotas are like jobs=1000,rate=50,bytes=64M,sessions=10,follows=*";
    bool seen[QUOTAS] = {false};
    const char *at = list.data, *end = at + list.size;
    for (bool more = true; more;) {
        const char *comma = at < end ? memchr(at, ',', (size_t)(end - at)) : NULL;
        const char *stop = comma ? comma : end;
        const char *equals = at < stop ? memchr(at, '=', (size_t)(stop - at)) : NULL;
        if (!equals)
            return wrong;
        unsigned quota = find(bytes_of(at, (size_t)(equals - at)));
        struct bytes number = bytes_of(equals + 1, (size_t)(stop - equals) - 1);
        if (quota == QUOTAS || seen[quota] ||
            !number_read(number, quota == QUOTA_BYTES, &q->of[quota]))
            return wrong;
        seen[quota] = true;
        more = comma;
        at = stop + 1;
    }
    return NULL;
}

static void number_print(struct buf *out, uint64_t number, bool is_bytes)
{
    unsigned times = 0;
    if (number == QUOTA_NONE) {
        buf_put(out, "*", 1);
        return;
    }
    for (; is_bytes && number && number % 1024 == 0 && times < sizeof letters - 1; times++)
        number /= 1024;
    buf_printf(out, "%llu%.*s", (unsigned long long)number, times > 0,
               times ? letters + times - 1 : "");
}

void quotas_print(struct buf *out, const struct quotas *q, const struct quotas *usual)
{
    const char *comma = "";
    for (unsigned i = 0; i < QUOTAS; i++) {
        if (q->of[i] == usual->of[i])
            continue;
        buf_printf(out, "%s%s=", comma, table[i].word);
        number_print(out, q->of[i], i == QUOTA_BYTES);
        comma = ",";
    }
}
