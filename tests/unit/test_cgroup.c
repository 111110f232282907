/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a process is in the cgroup tree, and what is written into a leaf: an ordinary folder stands
 * for the kernel's. Whether the kernel obeys is seen in the scenario of oom, where it has
 * delegated.
 */
#include "consumer/worker/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/check.h"

static const char *found(const char *self, const char *mounts)
{
    static char path[PATH_MAX];
    return cgroup_find(self, mounts, path) ? path : "none";
}

TEST(the_folder_is_found_below_the_mount)
{
    const char *mounts = "24 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                         "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";
    CHECK_TEXT(found("0::/system.slice/reeve.service\n", mounts),
               "/sys/fs/cgroup/system.slice/reeve.service");
    CHECK_TEXT(found("0::/\n", mounts), "/sys/fs/cgroup");
    CHECK_TEXT(found("", mounts), "none");
    CHECK_TEXT(found("0::/a\n", "24 1 8:1 / / rw - ext4 /dev/sda1 rw\n"), "none");
    CHECK_TEXT(found("0::/a\n", ""), "none");
}

TEST(the_older_hierarchies_are_passed_over)
{
    const char *mounts = "41 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                         "42 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";
    CHECK_TEXT(found("9:name=systemd:/x\n4:memory:/y\n0::/z\n", mounts),
               "/sys/fs/cgroup/unified/z");
    CHECK_TEXT(found("4:memory:/y\n", mounts), "none");
}

TEST(a_part_of_the_tree_may_be_mounted)
{
    const char *mounts = "30 24 0:26 /docker/ab /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    CHECK_TEXT(found("0::/docker/ab/child\n", mounts), "/sys/fs/cgroup/child");
    CHECK_TEXT(found("0::/docker/ab\n", mounts), "/sys/fs/cgroup");
    CHECK_TEXT(found("0::/elsewhere\n", mounts), "none");
}

/* --- leaves --------------------------------------------------------------------------------- */

static struct cgroup group;
static char leaf[PATH_MAX + 40];

static void put_file(const char *name, const char *text)
{
    char path[PATH_MAX + 80];
    snprintf(path, sizeof path, "%s/%s", leaf, name);
    FILE *file = fopen(path, "w");
    must(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static const char *file_text(const char *name)
{
    static char text[100];
    char path[PATH_MAX + 80];
    snprintf(path, sizeof path, "%s/%s", leaf, name);
    FILE *file = fopen(path, "r");
    must(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

/* A folder with a leaf number 7 as the kernel would make it. */
static void prepare(void)
{
    snprintf(group.path, sizeof group.path, "cgroup-XXXXXX");
    must(mkdtemp(group.path));
    group.owner = 12;
    group.limits = (struct cgroup_limits){
        .memory_bytes = 64 << 20, .processes = 20, .cpu_us = CGROUP_PERIOD_US / 2};
    snprintf(leaf, sizeof leaf, "%s/reeve-12-runner-7", group.path);
    must(mkdir(leaf, 0755) == 0);
    static const char *const names[] = {"memory.max", "memory.oom.group", "memory.swap.max",
                                        "pids.max",   "cpu.max",          "cgroup.procs",
                                        "cgroup.kill"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        put_file(names[i], "");
    put_file("memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n");
}

static void clean(void)
{
    static const char *const names[] = {"memory.max",  "memory.oom.group", "memory.swap.max",
                                        "pids.max",    "cpu.max",          "cgroup.procs",
                                        "cgroup.kill", "memory.events"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[PATH_MAX + 80];
        snprintf(path, sizeof path, "%s/%s", leaf, names[i]);
        unlink(path);
    }
    cgroup_sweep(&group);
    must(rmdir(group.path) == 0);
}

TEST(a_leaf_has_its_limit_and_dies_as_one)
{
    prepare();
    int procs = cgroup_leaf_open(&group, 7);
    CHECK(procs >= 0);
    CHECK_EQ(write(procs, "0", 1), 1);
    close(procs);
    CHECK_TEXT(file_text("memory.max"), "67108864");
    CHECK_TEXT(file_text("memory.oom.group"), "1");
    CHECK_TEXT(file_text("memory.swap.max"), "0");
    CHECK_TEXT(file_text("pids.max"), "20");
    CHECK_TEXT(file_text("cpu.max"), "50000 100000");
    CHECK_TEXT(file_text("cgroup.procs"), "0");
    cgroup_leaf_kill(&group, 7);
    CHECK_TEXT(file_text("cgroup.kill"), "1");
    clean();
}

TEST(a_kill_for_memory_is_counted_there)
{
    prepare();
    CHECK(!cgroup_leaf_oom(&group, 7));
    put_file("memory.events", "low 0\nhigh 0\nmax 31\noom 1\noom_kill 1\noom_group_kill 1\n");
    CHECK(cgroup_leaf_oom(&group, 7));
    CHECK(!cgroup_leaf_oom(&group, 8)); /* not there */
    clean();
}

TEST(only_empty_leaves_are_swept)
{
    prepare();
    char other[PATH_MAX + 40];
    snprintf(other, sizeof other, "%s/reeve-12-runner-8", group.path);
    must(mkdir(other, 0755) == 0);
    cgroup_sweep(&group);
    CHECK_EQ(access(other, F_OK), -1);
    CHECK_EQ(access(leaf, F_OK), 0);
    clean();
}

/* A leaf of an owner with this number is there after the sweep. */
static bool stays(pid_t owner, const char *kind)
{
    char path[PATH_MAX + 40];
    snprintf(path, sizeof path, "%s/reeve-%d-%s", group.path, (int)owner, kind);
    must(mkdir(path, 0755) == 0);
    cgroup_sweep(&group);
    return rmdir(path) == 0;
}

TEST(leaves_of_workers_that_are_gone_are_swept)
{
    prepare();
    pid_t dead = fork();
    must(dead >= 0);
    if (dead == 0)
        _exit(0);
    must(waitpid(dead, NULL, 0) == dead);
    CHECK(!stays(dead, "agent"));
    CHECK(!stays(dead, "runner-3"));
    CHECK(stays(getpid(), "agent")); /* another worker in the same folder */
    CHECK(stays(getpid(), "runner-3"));
    CHECK(stays(dead, "something-else"));
    CHECK_EQ(access(leaf, F_OK), 0);
    clean();
}

TEST(without_a_folder_there_is_no_leaf)
{
    snprintf(group.path, sizeof group.path, "/nonexistent");
    CHECK_EQ(cgroup_leaf_open(&group, 1), -1);
    cgroup_sweep(&group);
    CHECK(!cgroup_leaf_oom(&group, 1));
}
