/* SPDX-License-Identifier: Apache-2.0
 *
 * What the doctor reads of a host: tables of the kernel as text, a disk as it is here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "producer/cli/disk.h"
#include "producer/cli/host.h"
#include "tests/unit/check.h"

/* --- ports ---------------------------------------------------------------------------------- */

static const char table[] =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 0100007F:1E1E 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
    "4711 1 0000000000000000 100 0 0 10 0\n"
    "   1: 0100007F:1E1F 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 "
    "4712 1 0000000000000000 20 4 30 10 -1\n"
    "   2: 0200007F:1E20 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
    "4713 1 0000000000000000 100 0 0 10 0\n"
    "   3: 00000000:1E21 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
    "4714 1 0000000000000000 100 0 0 10 0\n";

TEST(who_listens_is_found_and_nobody_else)
{
    CHECK_EQ(host_listener_in(table, 7710), 4711);
    CHECK_EQ(host_listener_in(table, 7711), 0); /* a connection of that port */
    CHECK_EQ(host_listener_in(table, 7712), 0); /* on another address */
    CHECK_EQ(host_listener_in(table, 7713), 4714);
    CHECK_EQ(host_listener_in(table, 7714), 0);
    CHECK_EQ(host_listener_in("", 7710), 0);
    CHECK_EQ(host_listener_in("sl\n  0: rubbish\n", 7710), 0);
    static const char six[] = "  sl\n   0: 00000000000000000000000000000000:1E1E "
                              "00000000000000000000000000000000:0000 0A 00000000:00000000 "
                              "00:00000000 00000000     0        0 99 1 0 100 0 0 10 0\n";
    CHECK_EQ(host_listener_in(six, 7710), 99);
}

TEST(a_listener_of_our_own_is_seen)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    char name[HOST_NAME];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(fd, 1) == 0 && getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    uint64_t inode = host_listener(ntohs(address.sin_port));
    CHECK(inode > 0);
    CHECK_EQ(host_holder(inode, name), getpid());
    CHECK_TEXT(name, "test_host");
    close(fd);
    CHECK_EQ(host_listener(ntohs(address.sin_port)), 0);
    CHECK_EQ(host_holder(inode, name), 0);
}

/* --- control groups ------------------------------------------------------------------------- */

TEST(our_control_group_is_found_in_either_layout)
{
    static const char mixed[] = "12:pids:/user.slice\n"
                                "4:cpu,memory:/docker/abc\n"
                                "1:name=systemd:/init.scope\n"
                                "0::/init.scope\n";
    char path[HOST_PATH];
    bool v2 = false;
    CHECK(host_group("0::/user.slice/reeve.service\n", "memory", path, &v2));
    CHECK(v2);
    CHECK_TEXT(path, "/sys/fs/cgroup/user.slice/reeve.service");
    CHECK(host_group(mixed, "memory", path, &v2));
    CHECK(!v2);
    CHECK_TEXT(path, "/sys/fs/cgroup/memory/docker/abc");
    CHECK(host_group(mixed, "pids", path, &v2));
    CHECK_TEXT(path, "/sys/fs/cgroup/pids/user.slice");
    CHECK(host_group(mixed, "io", path, &v2));
    CHECK(v2);
    CHECK_TEXT(path, "/sys/fs/cgroup/init.scope");
    CHECK(!host_group("4:cpu:/\n", "memory", path, &v2));
    CHECK(!host_group("", "memory", path, &v2));
    CHECK(!host_group("rubbish\n", "memory", path, &v2));
}

TEST(memory_is_read_by_its_name)
{
    static const char meminfo[] =
        "MemTotal:       1024 kB\nMemFree:  1 kB\nMemAvailable:   77 kB\n";
    CHECK_EQ(host_memory(meminfo, "MemTotal"), 1 << 20);
    CHECK_EQ(host_memory(meminfo, "MemAvailable"), 77 * 1024);
    CHECK_EQ(host_memory(meminfo, "Mem"), 0);
    CHECK_EQ(host_memory("", "MemTotal"), 0);
}

TEST(a_file_without_a_number_gives_none)
{
    uint64_t number = 5;
    CHECK(host_number("/proc/sys/kernel/pid_max", &number));
    CHECK(number > 100);
    CHECK(!host_number("/proc/self/cmdline", &number)); /* begins with a path */
    CHECK(!host_number("/no/such/file", &number));
}

/* --- disk ------------------------------------------------------------------------------------- */

static void check_nearest(const char *path, const char *nearest)
{
    struct buf b = {0};
    disk_nearest(path, &b);
    CHECK_TEXT(buf_text(&b), nearest);
    buf_fini(&b);
}

TEST(the_nearest_folder_is_the_one_that_is_there)
{
    check_nearest("/", "/");
    check_nearest("/proc", "/proc");
    check_nearest("/no", "/");
    check_nearest("/proc/no/such//folder", "/proc");
    check_nearest("no/such/folder", ".");
    check_nearest("", ".");
}

TEST(a_sync_takes_time_and_leaves_nothing)
{
    char folder[] = "disk-XXXXXX";
    struct disk_times times;
    struct disk_room room;
    CHECK(mkdtemp(folder));
    CHECK_EQ(disk_sync(folder, 3, &times), 0);
    CHECK(times.worst_us >= times.mean_us);
    CHECK_EQ(disk_room(folder, &room), 0);
    CHECK(room.total_bytes >= room.free_bytes && room.mark_bytes >= 256 << 20);
    CHECK(room.mark_bytes >= room.total_bytes / 20);
    CHECK_EQ(rmdir(folder), 0); /* it is empty */
    CHECK_EQ(disk_sync(folder, 3, &times), ENOENT);
    CHECK_EQ(disk_room(folder, &room), ENOENT);
}
