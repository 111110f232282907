/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/worker/filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

enum { CODE_BYTES_MAX = 64 << 10 };

/* A leak sanitizer stops its own process by tracing it, from a process that shares its memory. */
#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

/* What no handler needs, and what most ways out of a process begin with. */
static const char *const refused[] = {
    /* other processes */
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
    /* what is mounted where */
    "mount", "umount", "umount2", "pivot_root", "chroot", "fsopen", "fsconfig", "fsmount", "fspick",
    "move_mount", "open_tree", "mount_setattr", "swapon", "swapoff",
    /* namespaces; those by clone and unshare are told apart by their arguments */
    "setns",
    /* the kernel itself */
    "bpf", "perf_event_open", "userfaultfd", "init_module", "finit_module", "delete_module",
    "create_module", "kexec_load", "kexec_file_load", "iopl", "ioperm", "reboot", "acct", "syslog",
    "lookup_dcookie", "nfsservctl", "uselib", "_sysctl",
    /* keys, and files past their names */
    "add_key", "request_key", "keyctl", "open_by_handle_at", "fanotify_init",
    /* calls that pass by this filter */
    "io_uring_setup", "io_uring_enter", "io_uring_register",
    /* the host */
    "settimeofday", "clock_settime", "stime", "sethostname", "setdomainname", "vhangup", "quotactl",
    "quotactl_fd", "move_pages", "migrate_pages"};

/* The one refusal that programs count on being able to read: they then use what came before. */
static const char *const absent[] = {"clone3"};

static const uint64_t namespaces[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWNET,    CLONE_NEWPID,
                                      CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP, CLONE_NEWTIME};

static const char *const compute[] = {
    /* files */
    "read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev",
    "pwritev2", "open", "openat", "openat2", "creat", "close", "close_range", "lseek", "_llseek",
    "stat", "fstat", "lstat", "newfstatat", "fstatat64", "stat64", "fstat64", "lstat64", "statx",
    "statfs", "fstatfs", "access", "faccessat", "faccessat2", "getdents", "getdents64", "readlink",
    "readlinkat", "getcwd", "chdir", "fchdir", "fcntl", "fcntl64", "flock", "dup", "dup2", "dup3",
    "truncate", "ftruncate", "fallocate", "fsync", "fdatasync", "sync_file_range", "fadvise64",
    "readahead", "copy_file_range", "sendfile", "rename", "renameat", "renameat2", "unlink",
    "unlinkat", "mkdir", "mkdirat", "rmdir", "link", "linkat", "symlink", "symlinkat", "chmod",
    "fchmod", "fchmodat", "umask", "utime", "utimes", "utimensat", "futimesat",
    /* memory */
    "brk", "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "mincore", "msync", "mlock",
    "mlock2", "munlock", "membarrier", "memfd_create", "get_mempolicy", "set_mempolicy", "mbind",
    "pkey_alloc", "pkey_free", "pkey_mprotect",
    /* threads; clone is told apart by its arguments */
    "futex", "futex_time64", "futex_waitv", "set_robust_list", "get_robust_list", "set_tid_address",
    "set_thread_area", "get_thread_area", "rseq", "arch_prctl", "prctl", "sched_yield",
    "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_get_priority_max",
    "sched_get_priority_min", "getcpu",
    /* signals */
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "rt_sigpending", "rt_sigsuspend",
    "rt_sigtimedwait", "sigaltstack", "tgkill", "tkill", "pause", "signalfd4", "restart_syscall",
    /* waiting and time */
    "poll", "ppoll", "select", "_newselect", "pselect6", "epoll_create", "epoll_create1",
    "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2",
    "timerfd_create", "timerfd_settime", "timerfd_gettime", "nanosleep", "clock_nanosleep",
    "clock_nanosleep_time64", "clock_gettime", "clock_gettime64", "clock_getres", "gettimeofday",
    "time", "times", "alarm", "getitimer", "setitimer", "timer_create", "timer_settime",
    "timer_gettime", "timer_getoverrun", "timer_delete",
    /* pipes, and sockets that are there: the bell is one */
    "pipe", "pipe2", "socketpair", "sendto", "sendmsg", "recvfrom", "recvmsg", "shutdown",
    "getsockopt", "setsockopt", "getsockname", "getpeername",
    /* itself */
    "execve", "exit", "exit_group", "getpid", "getppid", "gettid", "getpgrp", "getpgid", "getsid",
    "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "getuid32",
    "geteuid32", "getgid32", "getegid32", "getpriority", "getrusage", "getrlimit", "ugetrlimit",
    "setrlimit", "uname", "sysinfo", "getrandom", "capget", "seccomp", "landlock_create_ruleset",
    "landlock_add_rule", "landlock_restrict_self"};

static const char *const sanitizer[] = {"ptrace", "wait4", "kill", "personality"};

/* What programs ask of a descriptor before they write to it. */
static const uint64_t ioctls[] = {TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static bool among(const char *const *names, size_t count, const char *name)
{
    while (count--)
        if (strcmp(names[count], name) == 0)
            return true;
    return false;
}

bool filter_refuses(enum filter_kind kind, const char *call)
{
    if (SANITIZED && among(sanitizer, COUNT(sanitizer), call))
        return false;
    if (kind == FILTER_COMPUTE)
        return !among(compute, COUNT(compute), call) && strcmp(call, "clone") != 0 &&
               strcmp(call, "ioctl") != 0 && strcmp(call, "prlimit64") != 0;
    return among(refused, COUNT(refused), call);
}

/* --- making --------------------------------------------------------------------------------- */

/* A call that this machine has not is not to be filtered. 0 or an error number, negative. */
static int add(scmp_filter_ctx c, uint32_t action, const char *name, const struct scmp_arg_cmp *arg)
{
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR)
        return 0;
    return seccomp_rule_add_array(c, action, number, arg ? 1 : 0, arg);
}

static int add_all(scmp_filter_ctx c, uint32_t action, const char *const *names, size_t count)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        if (action == SCMP_ACT_ALLOW || !SANITIZED || !among(sanitizer, COUNT(sanitizer), names[i]))
            rc = add(c, action, names[i], NULL);
    return rc;
}

/* One rule a value or flag of an argument: rules are alternatives. */
static int add_each(scmp_filter_ctx c, uint32_t action, const char *name, unsigned place,
                    enum scmp_compare compare, const uint64_t *values, size_t count)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct scmp_arg_cmp arg = {place, compare, values[i], values[i]};
        rc = add(c, action, name, &arg);
    }
    return rc;
}

static int add_general(scmp_filter_ctx c)
{
    const uint32_t no = SCMP_ACT_ERRNO(EPERM);
    int rc = add_all(c, no, refused, COUNT(refused));
    /* Its flags are in memory, which a filter cannot read. */
    if (rc == 0)
        rc = add_all(c, SCMP_ACT_ERRNO(ENOSYS), absent, COUNT(absent));
    if (rc == 0)
        rc = add_each(c, no, "clone", 0, SCMP_CMP_MASKED_EQ, namespaces, COUNT(namespaces));
    if (rc == 0)
        rc = add_each(c, no, "unshare", 0, SCMP_CMP_MASKED_EQ, namespaces, COUNT(namespaces));
    return rc;
}

static int add_local(scmp_filter_ctx c)
{
    static const uint64_t local[] = {AF_UNIX};
    return add_each(c, SCMP_ACT_ERRNO(EPERM), "socket", 0, SCMP_CMP_NE, local, COUNT(local));
}

/* Of what it could start threads only; a sanitizer also that process of its own. */
static int add_clone(scmp_filter_ctx c)
{
    struct scmp_arg_cmp flags = {0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD};
    if (SANITIZED) {
        flags.datum_a = flags.datum_b = 0;
        for (size_t i = 0; i < COUNT(namespaces); i++)
            flags.datum_a |= namespaces[i];
    }
    return add(c, SCMP_ACT_ALLOW, "clone", &flags);
}

static int add_compute(scmp_filter_ctx c)
{
    static const uint64_t itself[] = {0};
    const uint32_t yes = SCMP_ACT_ALLOW;
    int rc = add_all(c, yes, compute, COUNT(compute));
    if (rc == 0)
        rc = add_all(c, SCMP_ACT_ERRNO(ENOSYS), absent, COUNT(absent));
    if (rc == 0)
        rc = add_each(c, yes, "ioctl", 1, SCMP_CMP_EQ, ioctls, COUNT(ioctls));
    if (rc == 0)
        rc = add_each(c, yes, "prlimit64", 0, SCMP_CMP_EQ, itself, COUNT(itself));
    if (rc == 0 && SANITIZED)
        rc = add_all(c, yes, sanitizer, COUNT(sanitizer));
    return rc ? rc : add_clone(c);
}

/* libseccomp writes its program to a descriptor only. */
static int export(scmp_filter_ctx c, struct filter *f)
{
    int file = memfd_create("filter", MFD_CLOEXEC), rc = file < 0 ? -errno : 0;
    struct sock_filter *code = must_alloc(CODE_BYTES_MAX);
    ssize_t n = 0;
    if (rc == 0)
        rc = seccomp_export_bpf(c, file);
    if (rc == 0 && (n = pread(file, code, CODE_BYTES_MAX, 0)) < 0)
        rc = -errno;
    if (rc == 0 && n == CODE_BYTES_MAX)
        rc = -E2BIG;
    if (file >= 0)
        close(file);
    if (rc)
        free(code);
    else
        *f = (struct filter){code, (unsigned short)((size_t)n / sizeof *code)};
    return rc;
}

int filter_make(struct filter *f, enum filter_kind kind)
{
    const bool only = kind == FILTER_COMPUTE;
    scmp_filter_ctx c = seccomp_init(only ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW);
    *f = (struct filter){0};
    if (!c) {
        errno = ENOMEM;
        return -1;
    }
    /* Calls in another machine's numbers are refused, like any other. */
    int rc = seccomp_attr_set(c, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
    /* A tree, not a list: when a filter is loaded the kernel runs it for each call there is, to
     * know which ones it need not ask it about. */
    if (rc == 0)
        rc = seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    /* Programs of 32 bits are ordinary ones. */
    if (rc == 0 && !only && seccomp_arch_native() == SCMP_ARCH_X86_64)
        rc = seccomp_arch_add(c, SCMP_ARCH_X86);
    if (rc == 0)
        rc = only ? add_compute(c) : add_general(c);
    if (rc == 0 && kind == FILTER_LOCAL)
        rc = add_local(c);
    if (rc == 0)
        rc = export(c, f);
    seccomp_release(c);
    errno = -rc;
    return rc ? -1 : 0;
}

void filter_fini(struct filter *f)
{
    free(f->code);
    *f = (struct filter){0};
}

int filter_enter(const struct filter *f)
{
    struct sock_fprog program = {.len = f->size, .filter = f->code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) ? -1 : 0;
}
