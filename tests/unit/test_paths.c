/* SPDX-License-Identifier: Apache-2.0
 *
 * Where things lie when nobody says otherwise, and the folders above them.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/must.h"
#include "common/paths.h"
#include "tests/unit/check.h"

static void check_state(const char *state, const char *home, const char *path)
{
    must(state ? setenv("XDG_STATE_HOME", state, 1) == 0 : unsetenv("XDG_STATE_HOME") == 0);
    must(setenv("HOME", home, 1) == 0);
    char *is = path_state("store");
    CHECK_TEXT(is, path);
    free(is);
}

TEST(the_state_lies_where_the_desktop_says_or_at_home)
{
    check_state("/var/state", "/home/me", "/var/state/reeve/store");
    check_state(NULL, "/home/me", "/home/me/.local/state/reeve/store");
    check_state("", "/home/me", "/home/me/.local/state/reeve/store");
    check_state("relative", "/home/me", "/home/me/.local/state/reeve/store");
}

TEST(the_settings_lie_beside_those_of_other_programs)
{
    must(unsetenv("XDG_CONFIG_HOME") == 0 && setenv("HOME", "/home/me", 1) == 0);
    char *is = path_config("reeve.conf");
    CHECK_TEXT(is, "/home/me/.config/reeve/reeve.conf");
    free(is);
    must(setenv("XDG_CONFIG_HOME", "/elsewhere", 1) == 0);
    is = path_config("reeve.conf");
    CHECK_TEXT(is, "/elsewhere/reeve/reeve.conf");
    free(is);
}

TEST(folders_above_are_made_for_their_owner_only)
{
    char folder[] = "paths-XXXXXX";
    struct stat s;
    CHECK(mkdtemp(folder) && chdir(folder) == 0);
    umask(0);
    CHECK_EQ(path_make_above("a/b//c/"), 0);
    CHECK(stat("a/b", &s) == 0 && (s.st_mode & 07777) == 0700);
    CHECK(stat("a/b/c", &s) != 0 && errno == ENOENT);
    CHECK_EQ(path_make_above("a/b/c"), 0); /* again: they are there */
    CHECK_EQ(path_make_above("alone"), 0);
    CHECK_EQ(path_make_above("/alone"), 0);
    CHECK_EQ(path_make_above(""), 0);
    CHECK_EQ(path_make_above("/proc/no/such"), ENOENT);
    CHECK(rmdir("a/b") == 0 && rmdir("a") == 0 && chdir("..") == 0 && rmdir(folder) == 0);
}
