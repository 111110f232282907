/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/text_command.h"

#include "common/word.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts the next word off; empty at the end. */
static struct bytes next_word(struct bytes *rest)
{
    const char *at = rest->data, *end = at + rest->size;
    while (at < end && is_blank(*at))
        at++;
    const char *word = at;
    while (at < end && !is_blank(*at))
        at++;
    *rest = bytes_of(at, (size_t)(end - at));
    return bytes_of(word, (size_t)(at - word));
}

bool text_command_read(struct bytes line, struct text_command *out, struct reeve_value *args)
{
    struct bytes rest = line, class = next_word(&rest), method = next_word(&rest);
    *out = (struct text_command){.error = NULL};
    if (class.size == 0)
        out->error = "empty command: expected a class, a method and its arguments";
    else if (method.size == 0)
        out->error = "no method: expected a class, a method and its arguments";
    else if (class.size + 1 + method.size > QUEUE_NAME_MAX)
        out->error = "the names of class and method are too long";
    if (out->error)
        return false;
    char *at = out->queue;
    memcpy(at, class.data, class.size);
    at[class.size] = '.';
    memcpy(at + class.size + 1, method.data, method.size);
    if (!queue_name_valid(bytes_of(at, class.size + 1 + method.size))) {
        out->error = "the names of class and method are letters, digits, _ and -";
        return false;
    }
    uint32_t count = 0;
    for (struct bytes left = rest; next_word(&left).size;)
        count++;
    reeve_put_array(args, count);
    for (uint32_t i = 0; i < count; i++)
        word_put(args, next_word(&rest));
    return true;
}

ptrdiff_t text_command_end(struct bytes arrived)
{
    const char *at = arrived.size ? memchr(arrived.data, '\n', arrived.size) : NULL;
    return at ? at - (const char *)arrived.data : -1;
}

void text_error_put(struct buf *out, struct bytes text)
{
    const char *at = text.data, *more = text.size ? memmem(at, text.size, "\n\n", 2) : NULL;
    size_t from = out->size;
    buf_put(out, at, more ? (size_t)(more - at) : text.size);
    for (size_t i = from; i < out->size; i++)
        if (out->data[i] == '\n' || out->data[i] == '\r')
            out->data[i] = ' ';
}
