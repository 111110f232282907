/* SPDX-License-Identifier: Apache-2.0
 *
 * names: the words for errors, states, reasons and ids, from the lists in errors.h and states.h.
 */
#include <stdio.h>
#include <string.h>

#include "common/must.h"
#include "proto/errors.h"
#include "proto/states.h"

const char *err_text(unsigned err)
{
    switch (err) {
    case OK: return "ok";
#define X(name, number, exit_code, word, text)                                                     \
    case number: return text;
        ERRORS(X)
#undef X
    default: return "unknown error";
    }
}

const char *err_name(unsigned err)
{
    switch (err) {
    case OK: return "ok";
#define X(name, number, exit_code, word, text)                                                     \
    case number: return word;
        ERRORS(X)
#undef X
    default: return "unknown";
    }
}

int err_exit_code(unsigned err)
{
    switch (err) {
    case OK: return 0;
#define X(name, number, exit_code, word, text)                                                     \
    case number: return exit_code;
        ERRORS(X)
#undef X
    default: return 8;
    }
}

static const char *const state_names[JOB_STATES] = {
#define X(name, number, text) [number] = text,
    JOB_STATES_LIST(X)
#undef X
};

const char *job_state_name(unsigned state)
{
    return state > JOB_NONE && state < JOB_STATES ? state_names[state] : "unknown";
}

unsigned job_state_parse(const char *name)
{
    for (unsigned s = 1; s < JOB_STATES; s++)
        if (strcmp(state_names[s], name) == 0)
            return s;
    return JOB_NONE;
}

const char *session_state_name(unsigned state)
{
    switch (state) {
#define X(name, number, text)                                                                      \
    case number: return text;
        SESSION_STATES_LIST(X)
#undef X
    default: return "unknown";
    }
}

const char *reason_name(unsigned reason)
{
    static const char *const names[REASON_COUNT] = {
#define X(name, number, text) [number] = text,
        REASONS(X)
#undef X
    };
    return reason < REASON_COUNT ? names[reason] : "unknown";
}

const char *reason_text(unsigned reason, unsigned detail, char text[static 48])
{
    if (reason == REASON_SIGNAL || reason == REASON_EXIT)
        snprintf(text, 48, "%s %u", reason_name(reason), detail);
    else
        snprintf(text, 48, "%s", reason_name(reason));
    return text;
}

const char *why_name(unsigned why)
{
    switch (why) {
#define X(name, number, text)                                                                      \
    case number: return text;
        WHYS(X)
#undef X
    default: return "unknown";
    }
}

const char *durability_name(unsigned durability)
{
    static const char *const names[] = {"default", "received", "durable"};
    return durability < LENGTH(names) ? names[durability] : "unknown";
}

static const char base32[] = "0123456789abcdefghjkmnpqrstvwxyz";

const char *job_id_text(uint64_t id, char text[static JOB_ID_TEXT])
{
    for (int i = 12; i >= 0; i--, id >>= 5)
        text[i] = base32[id & 31];
    text[13] = 0;
    return text;
}

uint64_t job_id_parse(const char *text)
{
    uint64_t id = 0;
    if (strlen(text) != 13)
        return 0;
    for (int i = 0; i < 13; i++) {
        const char *digit = strchr(base32, text[i]);
        if (!digit || (i == 0 && digit - base32 > 15))
            return 0;
        id = id << 5 | (uint64_t)(digit - base32);
    }
    return id;
}
