/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/models/model_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "consumer/handlers/excerpt.h"

void model_folder(struct buf *out)
{
    const char *given = getenv("REEVE_MODELS");
    if (given && *given) {
        buf_printf(out, "%s", given);
        return;
    }
    char program[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    must(size > 0);
    program[size] = 0;
    for (int up = 0; up < 3; up++) { /* PROGRAM, reeve, libexec */
        char *slash = strrchr(program, '/');
        if (slash)
            *slash = 0;
    }
    buf_printf(out, "%s/share/reeve/models", program);
}

static int refuse(char text[MODEL_TEXT_SIZE], struct bytes name, const char *why)
{
    snprintf(text, MODEL_TEXT_SIZE, "model file %s: %s", excerpt_text(name).text, why);
    return -1;
}

/* The next part of a path, which gets shorter by it. */
static struct bytes next_part(struct bytes *path)
{
    const char *at = path->data;
    const char *slash = memchr(at, '/', path->size);
    struct bytes part = bytes_of(at, slash ? (size_t)(slash - at) : path->size);
    size_t used = part.size + (slash ? 1 : 0);
    *path = bytes_of(at + used, path->size - used);
    return part;
}

static const char *check_name(struct bytes name)
{
    if (name.size == 0)
        return "the name is empty";
    if (name.size >= PATH_MAX || memchr(name.data, 0, name.size))
        return "not a file name";
    if (bytes_starts(name, bytes_text("/")))
        return "must be a path below the models folder, not an absolute one";
    while (name.size) {
        struct bytes part = next_part(&name);
        if (bytes_equal(part, bytes_text("..")))
            return "must not lead out of the models folder";
        if (part.size == 0 || part.size > NAME_MAX)
            return "not a file name";
    }
    return NULL;
}

/* The descriptor of folder/name, or -1 with errno. */
static int open_below(const char *folder, struct bytes name)
{
    int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    while (at >= 0 && name.size) {
        char part[NAME_MAX + 1] = {0};
        struct bytes next = next_part(&name);
        memcpy(part, next.data, next.size);
        /* NONBLOCK: somebody may have put a named pipe there. */
        int flags = name.size ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK;
        int below = openat(at, part, flags | O_NOFOLLOW | O_CLOEXEC);
        int err = errno;
        close(at);
        errno = err;
        at = below;
    }
    return at;
}

static int read_all(int fd, struct bytes name, struct buf *out, char text[MODEL_TEXT_SIZE])
{
    struct stat info;
    if (fstat(fd, &info))
        return refuse(text, name, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return refuse(text, name, "not an ordinary file");
    size_t start = out->size;
    for (;;) {
        ssize_t size = read(fd, buf_extend(out, 65536), 65536);
        out->size -= size > 0 ? 65536 - (size_t)size : 65536;
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return refuse(text, name, strerror(errno));
        if (size == 0)
            return 0;
        if (out->size - start > MODEL_FILE_MAX)
            return refuse(text, name, "larger than 1 MiB");
    }
}

int model_file_read(const char *folder, struct bytes name, struct buf *out,
                    char text[MODEL_TEXT_SIZE])
{
    const char *why = check_name(name);
    if (why)
        return refuse(text, name, why);
    int fd = open_below(folder, name);
    if (fd < 0 && errno == ELOOP)
        return refuse(text, name, "symbolic links are not followed");
    if (fd < 0)
        return refuse(text, name, strerror(errno));
    int err = read_all(fd, name, out, text);
    close(fd);
    return err;
}
