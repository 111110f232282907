/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/worker/programs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

enum { OFFERS_MS = 10000, OFFERS_BYTES_MAX = 64 << 10, WORDS_MAX = PYTHON_WORDS };

#define FAIL(p, ...) (snprintf((p)->error, sizeof(p)->error, __VA_ARGS__), -1)

/* --- asking a program ----------------------------------------------------------------------- */

_Noreturn static void ask_child(const struct sandbox *sandbox, const struct sandbox_entry *entry,
                                char **words, int out)
{
    enum sandbox_measure failed;
    char *argv[WORDS_MAX + 2] = {NULL};
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
        _exit(127);
    int count = 0;
    for (; words[count]; count++)
        argv[count] = words[count];
    argv[count] = (char *)(uintptr_t) "--offers";
    if (close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) ||
        sandbox_enter(sandbox, entry, &failed))
        _exit(127);
    execve(argv[0], argv, entry->environment.variables);
    _exit(127);
}

/* Reads until the end; -1 when it takes too long or is too much. */
static int read_all(int fd, struct buf *out)
{
    int64_t until_ms = clock_ms() + OFFERS_MS;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left_ms = until_ms - clock_ms();
        if (left_ms <= 0 || out->size > OFFERS_BYTES_MAX)
            return -1;
        int n = poll(&p, 1, (int)left_ms);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n <= 0)
            continue;
        char bytes[4096];
        ssize_t got = read(fd, bytes, sizeof bytes);
        if (got < 0 && errno != EINTR)
            return -1;
        if (got == 0)
            return 0;
        if (got > 0)
            buf_put(out, bytes, (size_t)got);
    }
}

/* What `PROGRAM --offers` prints, in the sandbox that its runners will have. */
static int ask_in(struct programs *p, const struct sandbox_entry *entry, const char *name,
                  char **words, struct buf *out)
{
    int pipes[2], status = 0;
    if (pipe2(pipes, O_CLOEXEC))
        return FAIL(p, "%s: %s", name, strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        ask_child(p->sandbox, entry, words, pipes[1]);
    int saved = errno;
    close(pipes[1]);
    if (pid < 0) {
        close(pipes[0]);
        return FAIL(p, "%s: %s", name, strerror(saved));
    }
    int rc = read_all(pipes[0], out);
    close(pipes[0]);
    if (rc)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (rc)
        return FAIL(p, "%s --offers did not end within %d s", name, OFFERS_MS / 1000);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return FAIL(p, "%s --offers failed: is it a handler program?", name);
    return 0;
}

static int ask(struct programs *p, const char *name, char **words, struct buf *out)
{
    struct sandbox_entry entry;
    uint32_t number = UINT32_MAX - p->count; /* runners count from 0 */
    if (sandbox_admit(p->sandbox, words))
        return FAIL(p, "%s: %s", name, p->sandbox->error);
    if (sandbox_prepare(p->sandbox, &entry, words, number))
        return FAIL(p, "%s: its temporary folder: %s", name, strerror(errno));
    int rc = ask_in(p, &entry, name, words, out);
    sandbox_entry_fini(&entry);
    sandbox_leave(p->sandbox, number);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) /* we have no other children yet */
        continue;
    return rc;
}

/* A line: handler.method, and behind a blank what it feeds. */
static int take_offer(struct programs *p, struct agent_program *program, char *line)
{
    char *feed = line, *name = strsep(&feed, " ");
    unsigned at = program->method_count, other_program, other_method;
    bool known;
    if (!queue_name_valid(bytes_text(name)))
        return FAIL(p, "%s offers \"%.100s\", which is no handler.method", program->name, name);
    if (at == OFFERS_MAX)
        return FAIL(p, "%s offers more than %d methods", program->name, OFFERS_MAX);
    if (programs_find(p, name, &other_program, &other_method, &known))
        return FAIL(p, "%s is offered by both %s and %s", name, p->at[other_program].name,
                    program->name);
    ((const char **)(uintptr_t)program->methods)[at] = must_strdup(name);
    if (feed)
        ((const char **)(uintptr_t)program->feeds)[at] = must_strdup(feed);
    program->method_count++;
    return 0;
}

static int take_offers(struct programs *p, struct agent_program *program, struct buf *text)
{
    program->methods = must_alloc(OFFERS_MAX * sizeof *program->methods);
    program->feeds = must_alloc(OFFERS_MAX * sizeof *program->feeds);
    char *rest = (char *)(uintptr_t)buf_text(text);
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line && take_offer(p, program, line))
            return -1;
    if (program->method_count == 0)
        return FAIL(p, "%s offers nothing", program->name);
    return 0;
}

/* --- the list ------------------------------------------------------------------------------- */

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void words_free(char **words)
{
    for (int i = 0; words[i]; i++)
        free(words[i]);
    free((void *)words);
}

/* Takes the words. */
static int add(struct programs *p, char **words)
{
    /* What says the most is the last one: the program itself, or the file it is made from. */
    int last = 0;
    while (words[last + 1])
        last++;
    struct agent_program program = {.name = base_of(words[last])};
    struct buf text = {0};
    int rc = p->count < AGENT_PROGRAMS_MAX
                 ? ask(p, words[last], words, &text)
                 : FAIL(p, "more than %d handler programs", AGENT_PROGRAMS_MAX);
    if (rc) {
        words_free(words);
    } else {
        p->at = must_realloc(p->at, (p->count + 1) * sizeof *p->at);
        p->words = must_realloc((void *)p->words, (p->count + 1) * sizeof *p->words);
        p->words[p->count] = words;
        rc = take_offers(p, &program, &text);
        p->at[p->count++] = program;
    }
    buf_fini(&text);
    return rc;
}

int programs_add(struct programs *p, const char *path)
{
    if (access(path, X_OK))
        return FAIL(p, "handler program %s: %s", path, strerror(errno));
    char **words = must_alloc((WORDS_MAX + 1) * sizeof *words);
    words[0] = realpath(path, NULL);
    must(words[0]);
    return add(p, words);
}

int programs_python(struct programs *p, const char *file)
{
    char **words = must_alloc((WORDS_MAX + 1) * sizeof *words);
    if (python_words(words, file, p->error) == 0)
        return add(p, words);
    words_free(words);
    return -1;
}

static int is_program(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int programs_folder(struct programs *p, const char *folder, bool allow_shell)
{
    struct dirent **names;
    int count = scandir(folder, &names, is_program, alphasort), rc = 0;
    if (count < 0)
        return FAIL(p, "handlers' folder %s: %s", folder, strerror(errno));
    for (int i = 0; i < count; i++) {
        struct buf path = {0};
        struct stat st;
        buf_printf(&path, "%s/%s", folder, names[i]->d_name);
        bool wanted = allow_shell || strcmp(names[i]->d_name, "shell") != 0;
        if (rc == 0 && wanted && stat(buf_text(&path), &st) == 0 && S_ISREG(st.st_mode) &&
            access(buf_text(&path), X_OK) == 0)
            rc = programs_add(p, buf_text(&path));
        buf_fini(&path);
        free(names[i]);
    }
    free(names);
    return rc;
}

bool programs_find(const struct programs *p, const char *queue, unsigned *program, unsigned *method,
                   bool *known_class)
{
    const char *dot = strrchr(queue, '.');
    size_t class_size = dot ? (size_t)(dot - queue) + 1 : 0;
    *known_class = false;
    for (unsigned i = 0; i < p->count; i++)
        for (unsigned m = 0; m < p->at[i].method_count; m++) {
            const char *name = p->at[i].methods[m];
            if (class_size && strncmp(name, queue, class_size) == 0)
                *known_class = true;
            if (strcmp(name, queue) != 0)
                continue;
            *program = i;
            *method = m;
            return true;
        }
    return false;
}

void programs_fini(struct programs *p)
{
    for (unsigned i = 0; i < p->count; i++) {
        for (unsigned m = 0; m < p->at[i].method_count; m++) {
            free((void *)(uintptr_t)p->at[i].methods[m]);
            free((void *)(uintptr_t)p->at[i].feeds[m]);
        }
        free((void *)(uintptr_t)p->at[i].methods);
        free((void *)(uintptr_t)p->at[i].feeds);
        words_free(p->words[i]);
    }
    free(p->at);
    free((void *)p->words);
    *p = (struct programs){.sandbox = p->sandbox};
}
