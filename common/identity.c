/* SPDX-License-Identifier: Apache-2.0 */
#include "common/identity.h"

#include <unistd.h>
#include <zmq.h>

#include "common/secret.h"

enum { KEY_BYTES = 32, FILE_MAX = 4096 };

static const char name_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

/* Where each text stands in the file. */
static const struct {
    const char *section, *property;
    size_t offset, size;
} places[] = {
    {"metadata", "role", offsetof(struct identity, role), IDENTITY_NAME},
    {"metadata", "name", offsetof(struct identity, name), IDENTITY_NAME},
    {"metadata", "server", offsetof(struct identity, server_key), IDENTITY_KEY},
    {"curve", "public-key", offsetof(struct identity, public_key), IDENTITY_KEY},
    {"curve", "secret-key", offsetof(struct identity, secret_key), IDENTITY_KEY},
};

bool identity_key_valid(const char *text)
{
    uint8_t key[KEY_BYTES];
    /* Of a text of another length libzmq would decode some. */
    bool valid = strlen(text) == IDENTITY_KEY - 1 && zmq_z85_decode(key, text) != NULL;
    explicit_bzero(key, sizeof key);
    return valid;
}

bool identity_name_valid(const char *text)
{
    size_t size = strspn(text, name_letters);
    return size > 0 && size < IDENTITY_NAME && text[size] == 0;
}

void identity_make(struct identity *id, const char *role, const char *name, const char *server_key)
{
    must(identity_name_valid(role) && identity_name_valid(name));
    *id = (struct identity){0};
    snprintf(id->role, sizeof id->role, "%s", role);
    snprintf(id->name, sizeof id->name, "%s", name);
    snprintf(id->server_key, sizeof id->server_key, "%s", server_key ? server_key : "");
    must(zmq_curve_keypair(id->public_key, id->secret_key) == 0);
}

void identity_wipe(struct identity *id)
{
    explicit_bzero(id, sizeof *id);
}

/* --- reading -------------------------------------------------------------------------------- */

/* Takes a line's text from the text that is left, without its newline. */
static struct bytes line_take(struct bytes *left)
{
    const char *start = left->data, *end = memchr(start, '\n', left->size);
    size_t size = end ? (size_t)(end - start) : left->size;
    *left = bytes_of(start + size + (end != NULL), left->size - size - (end != NULL));
    return bytes_of(start, size);
}

/* `    NAME = "VALUE"` into the identity; a name that we have no place for is somebody else's.
 * False: it is no such line, or the second of its name. */
static bool property_take(struct identity *id, struct bytes section, struct bytes line)
{
    static const char middle[] = " = \"";
    const char *text = line.data, *equals = memmem(text, line.size, middle, sizeof middle - 1);
    if (!equals || equals < text + 4 || text[line.size - 1] != '"')
        return false;
    struct bytes name = bytes_of(text + 4, (size_t)(equals - text) - 4);
    const char *start = equals + sizeof middle - 1, *end = text + line.size - 1;
    if (end < start || memchr(start, '"', (size_t)(end - start)))
        return false;
    for (size_t i = 0; i < LENGTH(places); i++) {
        if (!bytes_equal(section, bytes_text(places[i].section)) ||
            !bytes_equal(name, bytes_text(places[i].property)))
            continue;
        char *to = (char *)id + places[i].offset;
        if (*to || (size_t)(end - start) >= places[i].size)
            return false;
        bytes_copy(to, bytes_of(start, (size_t)(end - start)));
    }
    return true;
}

/* 0, or the number of the line that is none of such a file. */
static unsigned parse(struct identity *id, struct bytes text)
{
    struct bytes section = {0};
    for (unsigned number = 1; text.size; number++) {
        struct bytes line = line_take(&text);
        if (memchr(line.data, 0, line.size))
            return number;
        if (line.size == 0 || bytes_starts(line, bytes_text("#")))
            continue;
        if (!bytes_starts(line, bytes_text("    "))) {
            section = line;
            if (memchr(line.data, ' ', line.size))
                return number;
        } else if (!property_take(id, section, line)) {
            return number;
        }
    }
    return 0;
}

/* NULL, or what the file lacks. A key that lost a letter does not fit the other one. */
static const char *lacks(const struct identity *id)
{
    char public_key[IDENTITY_KEY];
    if (!identity_key_valid(id->public_key) || !identity_key_valid(id->secret_key))
        return "holds no key pair";
    if (zmq_curve_public(public_key, id->secret_key) != 0 ||
        strcmp(public_key, id->public_key) != 0)
        return "its two keys do not belong together";
    if (!identity_name_valid(id->role) || !identity_name_valid(id->name))
        return "names no role and no name";
    return *id->server_key && !identity_key_valid(id->server_key) ? "its server is no key" : NULL;
}

bool identity_read(struct identity *id, const char *path, char *why, size_t why_size)
{
    struct buf text = {0};
    *id = (struct identity){0};
    bool whole = secret_read(path, FILE_MAX, &text, why, why_size) == 0;
    if (whole) {
        unsigned line = parse(id, buf_bytes(&text));
        const char *lacking = line ? NULL : lacks(id);
        whole = !line && !lacking;
        if (line)
            snprintf(why, why_size, "%s: line %u is not one of an identity", path, line);
        else if (lacking)
            snprintf(why, why_size, "%s: %s", path, lacking);
    }
    secret_wipe(&text);
    if (!whole)
        identity_wipe(id);
    return whole;
}

bool identity_own(struct identity *id, const char *said, char *why, size_t why_size)
{
    const char *path = said ? said : getenv("REEVE_IDENTITY");
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    char *found = NULL;
    *id = (struct identity){0};
    if (!path && credentials) {
        must(asprintf(&found, "%s/identity", credentials) > 0);
        path = access(found, F_OK) == 0 ? found : NULL;
    }
    bool fine = !path || !*path || identity_read(id, path, why, why_size);
    if (fine && identity_there(id) && !*id->server_key) {
        snprintf(why, why_size, "%s: names no broker's key; is it the broker's own?", path);
        identity_wipe(id);
        fine = false;
    }
    free(found);
    return fine;
}

/* --- writing -------------------------------------------------------------------------------- */

static int write_with(const struct identity *id, const char *path,
                      int (*put)(const char *path, struct bytes content))
{
    struct buf text = {0};
    const char *section = "";
    buf_grow(&text, FILE_MAX); /* once: growing would leave copies behind */
    buf_printf(&text, "# A secret key of Reeve. Who can read this file is %s.\n\n", id->name);
    for (size_t i = 0; i < LENGTH(places); i++) {
        const char *value = (const char *)id + places[i].offset;
        if (!*value)
            continue;
        if (strcmp(section, places[i].section) != 0)
            buf_printf(&text, "%s\n", section = places[i].section);
        buf_printf(&text, "    %s = \"%s\"\n", places[i].property, value);
    }
    int error = put(path, buf_bytes(&text));
    secret_wipe(&text);
    return error;
}

int identity_write(const struct identity *id, const char *path)
{
    return write_with(id, path, secret_make);
}

int identity_replace(const struct identity *id, const char *path)
{
    return write_with(id, path, secret_replace);
}

bool identity_meet(const char *path, const char *server_key, char *why, size_t why_size)
{
    struct identity id;
    bool fine = identity_read(&id, path, why, why_size);
    if (fine && !*id.server_key) {
        snprintf(why, why_size, "%s: names no broker's key; is it the broker's own?", path);
        fine = false;
    }
    if (fine) {
        snprintf(id.server_key, sizeof id.server_key, "%s", server_key);
        int error = identity_replace(&id, path);
        if (error)
            snprintf(why, why_size, "%s: %s", path, strerror(error));
        fine = !error;
    }
    identity_wipe(&id);
    return fine;
}
