/* SPDX-License-Identifier: Apache-2.0
 *
 * Identities: made, written, read back, by czmq too; and the files that are not believed.
 */
#include "common/identity.h"

#include <czmq.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/must.h"
#include "common/secret.h"
#include "tests/unit/check.h"

static const char file[] = "some.key";
static char why[IDENTITY_WHY];

static void write_text(const char *text, mode_t mode)
{
    FILE *out;
    unlink(file);
    CHECK((out = fopen(file, "w")) != NULL);
    CHECK(fputs(text, out) >= 0);
    CHECK_EQ(fclose(out), 0);
    CHECK_EQ(chmod(file, mode), 0);
}

static void check_same(const struct identity *is, const struct identity *wanted)
{
    CHECK_TEXT(is->role, wanted->role);
    CHECK_TEXT(is->name, wanted->name);
    CHECK_TEXT(is->public_key, wanted->public_key);
    CHECK_TEXT(is->secret_key, wanted->secret_key);
    CHECK_TEXT(is->server_key, wanted->server_key);
}

static void make(struct identity *id)
{
    struct identity broker;
    identity_make(&broker, "broker", "broker", NULL);
    identity_make(id, "worker", "rack-1.host_2", broker.public_key);
    CHECK(strcmp(id->public_key, broker.public_key) != 0);
}

TEST(what_is_written_is_read_by_us_and_by_czmq)
{
    struct identity id, again;
    struct stat is;
    make(&id);
    unlink(file);
    umask(0);
    CHECK_EQ(identity_write(&id, file), 0);
    CHECK_EQ(stat(file, &is), 0);
    CHECK_EQ(is.st_mode & 07777, 0600);
    CHECK(identity_read(&again, file, why, sizeof why));
    check_same(&again, &id);
    zcert_t *cert = zcert_load(file);
    CHECK(cert != NULL);
    CHECK_TEXT(zcert_public_txt(cert), id.public_key);
    CHECK_TEXT(zcert_secret_txt(cert), id.secret_key);
    CHECK_TEXT(zcert_meta(cert, "role"), "worker");
    CHECK_TEXT(zcert_meta(cert, "server"), id.server_key);
    zcert_destroy(&cert);
}

TEST(what_czmq_writes_is_read)
{
    struct identity id, again;
    make(&id);
    uint8_t public_key[32], secret_key[32];
    CHECK(zmq_z85_decode(public_key, id.public_key) && zmq_z85_decode(secret_key, id.secret_key));
    zcert_t *cert = zcert_new_from(public_key, secret_key);
    zcert_set_meta(cert, "name", "%s", id.name);
    zcert_set_meta(cert, "role", "%s", id.role);
    zcert_set_meta(cert, "server", "%s", id.server_key);
    zcert_set_meta(cert, "created-by", "%s", "somebody else");
    unlink(file);
    CHECK_EQ(zcert_save_secret(cert, file), 0);
    CHECK_EQ(chmod(file, 0600), 0);
    CHECK(identity_read(&again, file, why, sizeof why));
    check_same(&again, &id);
    zcert_destroy(&cert);
}

TEST(what_is_there_stays)
{
    struct identity first, second, is;
    make(&first);
    make(&second);
    unlink(file);
    CHECK_EQ(identity_write(&first, file), 0);
    CHECK_EQ(identity_write(&second, file), EEXIST);
    CHECK(identity_read(&is, file, why, sizeof why));
    check_same(&is, &first);
    CHECK_EQ(identity_write(&second, "no/such/folder.key"), ENOENT);
    CHECK(!identity_read(&is, "no/such/folder.key", why, sizeof why));
    CHECK(!identity_there(&is));
}

/* A file as the writer makes it, as a text. */
static char *text_of(const struct identity *id)
{
    struct buf text = {0};
    unlink(file);
    CHECK_EQ(identity_write(id, file), 0);
    CHECK_EQ(secret_read(file, 4096, &text, why, sizeof why), 0);
    char *copy = must_strdup(buf_text(&text));
    secret_wipe(&text);
    return copy;
}

TEST(a_file_that_others_reach_is_refused)
{
    struct identity id, is;
    static const mode_t open_to_others[] = {0640, 0604, 0620, 0602, 0644, 0666};
    make(&id);
    char *text = text_of(&id);
    for (size_t i = 0; i < LENGTH(open_to_others); i++) {
        write_text(text, open_to_others[i]);
        CHECK(!identity_read(&is, file, why, sizeof why));
        CHECK(strstr(why, "others may") && strstr(why, file));
        CHECK(!identity_there(&is));
    }
    write_text(text, 0400);
    CHECK(identity_read(&is, file, why, sizeof why));
    unlink("link.key");
    CHECK_EQ(symlink(file, "link.key"), 0);
    CHECK(!identity_read(&is, "link.key", why, sizeof why));
    CHECK(strstr(why, "symbolic link"));
    CHECK(!identity_read(&is, ".", why, sizeof why));
    CHECK(strstr(why, "not a file"));
    unlink("pipe.key");
    CHECK_EQ(mkfifo("pipe.key", 0600), 0);
    CHECK(!identity_read(&is, "pipe.key", why, sizeof why)); /* and nobody waits for a writer */
    free(text);
}

/* Only root can give a file away, and be somebody else then. */
TEST(a_file_of_another_user_is_refused)
{
    enum { NOBODY = 65534, SOMEBODY = 65533 };
    struct identity id, is;
    if (geteuid() != 0)
        return;
    make(&id);
    char *text = text_of(&id);
    write_text(text, 0600);
    CHECK_EQ(chown(file, SOMEBODY, SOMEBODY), 0);
    CHECK(!identity_read(&is, file, why, sizeof why));
    CHECK(strstr(why, "another user"));
    /* What root has, and lets our group read, as systemd shows a credential. */
    write_text(text, 0440);
    CHECK_EQ(chown(file, 0, NOBODY), 0);
    CHECK_EQ(setegid(NOBODY), 0);
    CHECK_EQ(seteuid(NOBODY), 0);
    bool as_credential = identity_read(&is, file, why, sizeof why);
    CHECK_EQ(seteuid(0), 0);
    CHECK_EQ(chmod(file, 0444), 0);
    CHECK_EQ(seteuid(NOBODY), 0);
    bool open_to_all = identity_read(&id, file, why, sizeof why);
    CHECK_EQ(seteuid(0), 0);
    CHECK_EQ(setegid(0), 0);
    CHECK(as_credential);
    CHECK(!open_to_all);
    free(text);
}

TEST(a_file_that_is_cut_off_is_refused_wherever_it_ends)
{
    struct identity id, is;
    make(&id);
    char *text = text_of(&id);
    size_t size = strlen(text);
    /* Only the last newline can be missed. */
    for (size_t left = 0; left + 1 < size; left++) {
        write_text(text, 0600);
        CHECK_EQ(truncate(file, (off_t)left), 0);
        CHECK(!identity_read(&is, file, why, sizeof why));
        CHECK(!strstr(why, id.secret_key));
        CHECK(!identity_there(&is));
    }
    free(text);
}

TEST(garbage_is_refused_and_not_repeated)
{
    struct identity id, is;
    make(&id);
    char *text = text_of(&id);
    size_t size = strlen(text);
    unsigned refused = 0;
    /* One letter changed, anywhere: in a comment and in a name it may pass, in a key it may not. */
    for (size_t at = 0; at < size; at++) {
        char *wrong = must_strdup(text), *secret = strstr(wrong, id.secret_key);
        wrong[at] = wrong[at] == 'x' ? 'y' : 'x';
        write_text(wrong, 0600);
        bool taken = identity_read(&is, file, why, sizeof why);
        refused += !taken;
        if (wrong + at >= secret && wrong + at < secret + 40)
            CHECK(!taken);
        free(wrong);
    }
    CHECK(refused > 2 * 40);
    static const char *const bad[] = {
        "",
        "\n",
        "curve\n",
        "metadata\n\tname = \"x\"\n",
        "    name = \"x\"\n",
        "curve = 1\n",
        "metadata\n    name = x\n",
        "metadata\n    name = \"x\n",
        "metadata\n    name = \"x\"\n    name = \"x\"\n",
        "curve\n    a = \"\"\"\n",
        "metadata\n    server = \"12345678901234567890123456789012345678901\"\n",
    };
    for (size_t i = 0; i < LENGTH(bad); i++) {
        write_text(bad[i], 0600);
        CHECK(!identity_read(&is, file, why, sizeof why));
    }
    char *doubled;
    must(asprintf(&doubled, "%s    public-key = \"%s\"\n", text, id.public_key) > 0);
    write_text(doubled, 0600);
    CHECK(!identity_read(&is, file, why, sizeof why));
    CHECK(strstr(why, "line 10"));
    free(doubled);
    char *long_one = must_alloc(5000);
    memset(long_one, '#', 4999);
    write_text(long_one, 0600);
    CHECK(!identity_read(&is, file, why, sizeof why));
    CHECK(strstr(why, "too long"));
    free(long_one);
    free(text);
}

TEST(keys_of_two_pairs_do_not_pass)
{
    struct identity first, second, is;
    make(&first);
    make(&second);
    memcpy(first.public_key, second.public_key, sizeof first.public_key);
    unlink(file);
    CHECK_EQ(identity_write(&first, file), 0);
    CHECK(!identity_read(&is, file, why, sizeof why));
    CHECK(strstr(why, "do not belong together"));
}

TEST(ones_own_is_said_or_in_the_environment_or_a_credential)
{
    struct identity said, named, credential, broker, is;
    make(&said);
    make(&named);
    make(&credential);
    unlink("said.key"), unlink("named.key"), unlink("identity");
    CHECK_EQ(identity_write(&said, "said.key") | identity_write(&named, "named.key") |
                 identity_write(&credential, "identity"),
             0);
    unsetenv("REEVE_IDENTITY");
    unsetenv("CREDENTIALS_DIRECTORY");
    CHECK(identity_own(&is, NULL, why, sizeof why));
    CHECK(!identity_there(&is));
    CHECK_EQ(setenv("CREDENTIALS_DIRECTORY", "/nowhere", 1), 0);
    CHECK(identity_own(&is, NULL, why, sizeof why)); /* a unit may have others than ours */
    CHECK(!identity_there(&is));
    CHECK_EQ(setenv("CREDENTIALS_DIRECTORY", ".", 1), 0);
    CHECK(identity_own(&is, NULL, why, sizeof why));
    check_same(&is, &credential);
    CHECK_EQ(setenv("REEVE_IDENTITY", "named.key", 1), 0);
    CHECK(identity_own(&is, NULL, why, sizeof why));
    check_same(&is, &named);
    CHECK(identity_own(&is, "said.key", why, sizeof why));
    check_same(&is, &said);
    CHECK(identity_own(&is, "", why, sizeof why)); /* none, whatever the environment says */
    CHECK(!identity_there(&is));
    CHECK(!identity_own(&is, "not.there", why, sizeof why));
    CHECK(strstr(why, "not.there"));
    identity_make(&broker, "broker", "broker", NULL);
    unlink(file);
    CHECK_EQ(identity_write(&broker, file), 0);
    CHECK(!identity_own(&is, file, why, sizeof why));
    CHECK(strstr(why, "broker's own"));
    unsetenv("REEVE_IDENTITY");
    unsetenv("CREDENTIALS_DIRECTORY");
}

TEST(names_and_keys_are_looked_at)
{
    static const char *const good[] = {"a", "rack-1.host_2", "0"}, *const bad[] = {"", "a b", "a/b",
                                                                                   "\xc3\xa9",
                                                                                   "a\n"};
    char name[IDENTITY_NAME + 1] = "";
    memset(name, 'a', IDENTITY_NAME - 1);
    CHECK(identity_name_valid(name));
    name[IDENTITY_NAME - 1] = 'a';
    CHECK(!identity_name_valid(name));
    for (size_t i = 0; i < LENGTH(good); i++)
        CHECK(identity_name_valid(good[i]));
    for (size_t i = 0; i < LENGTH(bad); i++)
        CHECK(!identity_name_valid(bad[i]));
    struct identity id;
    make(&id);
    CHECK(identity_key_valid(id.public_key));
    id.public_key[39] = 0;
    CHECK(!identity_key_valid(id.public_key));
    CHECK(!identity_key_valid(""));
    CHECK(!identity_key_valid("~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~"));
}

TEST(a_secret_is_replaced_whole)
{
    struct buf text = {0};
    unlink(file);
    CHECK_EQ(secret_replace(file, bytes_text("one")), 0);
    CHECK_EQ(secret_replace(file, bytes_text("another")), 0);
    CHECK_EQ(secret_read(file, 100, &text, why, sizeof why), 0);
    CHECK_BYTES(buf_bytes(&text), bytes_text("another"));
    secret_wipe(&text);
    CHECK_EQ(secret_replace("no/such/folder", bytes_text("one")), ENOENT);
    CHECK_EQ(secret_read("not.there", 100, &text, why, sizeof why), ENOENT);
    CHECK_EQ(secret_read(file, 6, &text, why, sizeof why), EFBIG);
    secret_wipe(&text);
}
