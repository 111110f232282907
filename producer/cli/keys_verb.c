/* SPDX-License-Identifier: Apache-2.0
 *
 * keys: who may reach a broker, on the broker's own host. It asks no broker: it changes the folder
 * that one was started with, and that one is told.
 */
#include <inttypes.h>

#include "common/paths.h"
#include "producer/cli/list.h"
#include "producer/cli/verbs.h"
#include "producer/keyring/keyring.h"
#include "producer/view/pairs.h"

const struct option keys_options[] = {
    {"keys", OPTION_TEXT, "DIR", "the folder ($XDG_STATE_HOME/reeve/keys)"},
    {"queues", OPTION_TEXT, "LIST",
     "new: only queues that begin so, with commas: calculator.,bench. (*: all)"},
    {"out", OPTION_TEXT, "FILE", "new: where the identity is written (DIR/NAME.key)"},
    {0},
};

/* --- telling -------------------------------------------------------------------------------- */

static int exit_of(struct cli *cli, const struct keyring *k, enum keyring_end end)
{
    static const int codes[] = {[KEYRING_DONE] = EXIT_DONE,
                                [KEYRING_WRONG] = EXIT_DATA,
                                [KEYRING_TAKEN] = EXIT_DATA,
                                [KEYRING_UNKNOWN] = EXIT_UNKNOWN,
                                [KEYRING_BUSY] = EXIT_BUSY};
    return end == KEYRING_DONE ? EXIT_DONE : cli_fail(cli, codes[end], "%s", k->why);
}

static void print_json(struct pairs *p, const struct keyring *k)
{
    struct buf out = {0};
    if (k->told)
        pairs_integer(p, "broker", k->told);
    pairs_close(p, &out);
    output_json(buf_bytes(&out));
    buf_fini(&out);
}

static void print_told(const struct keyring *k)
{
    if (k->told)
        printf("the broker (pid %d) knows it\n", (int)k->told);
    else
        puts("no broker runs with this folder; one that is started reads it");
}

/* --- the verbs ------------------------------------------------------------------------------ */

static int init(struct cli *cli, struct keyring *k, const char *folder)
{
    int exit_code = exit_of(cli, k, keyring_init(k, folder));
    if (exit_code)
        return exit_code;
    if (cli->json) {
        struct pairs p = {0};
        pairs_text(&p, "folder", folder);
        pairs_text(&p, "server_key", k->server_key);
        print_json(&p, k);
        return EXIT_DONE;
    }
    printf("made %s for a broker with the key %s\n"
           "  reeve broker --keys %s --bind tcp://0.0.0.0:7710\n"
           "  reeve status --identity %s/admin.key\n"
           "  reeve keys new worker NAME       a key for the workers of another host\n",
           folder, k->server_key, folder, folder);
    return EXIT_DONE;
}

static int find_role(struct cli *cli, const char *word, enum acl_role *role)
{
    const char *names[ACL_ROLES], *near;
    *role = acl_role_find(bytes_text(word));
    if (*role != ACL_ROLES)
        return EXIT_DONE;
    for (unsigned i = 0; i < ACL_ROLES; i++)
        names[i] = acl_role_name((enum acl_role)i);
    near = options_nearest(word, names, LENGTH(names));
    return cli_usage(cli, "\"%.40s\" is no role: client, worker, watcher, gateway or admin%s%s%s",
                     word, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static void print_new(struct cli *cli, const struct keyring *k, const char *name, const char *path)
{
    const struct principal *made = acl_by_name(&k->acl, bytes_text(name));
    must(made);
    if (!cli->json) {
        printf("%s: the secret key of %s %s; it travels by a way that nobody else reads\n", path,
               acl_role_name(made->role), name);
        print_told(k);
        return;
    }
    struct pairs p = {0};
    pairs_text(&p, "name", name);
    pairs_text(&p, "role", acl_role_name(made->role));
    pack_str(pairs_key(&p, "queues"), made->queues);
    pack_str(pairs_key(&p, "public_key"), made->key);
    pairs_text(&p, "file", path);
    print_json(&p, k);
}

static int make(struct cli *cli, struct keyring *k, const char *folder)
{
    enum acl_role role;
    const char *name = cli->words[2], *queues = options_text(&cli->options, "queues", NULL);
    int exit_code = find_role(cli, cli->words[1], &role);
    if (exit_code)
        return exit_code;
    if (queues && !acl_queues_valid(bytes_text(queues)))
        return cli_usage(cli, "--queues wants * or beginnings of queues with commas, not \"%.60s\"",
                         queues);
    exit_code = exit_of(cli, k, keyring_open(k, folder));
    if (exit_code)
        return exit_code;
    char leaf[ACL_NAME_MAX + 8];
    snprintf(leaf, sizeof leaf, "%.*s.key", ACL_NAME_MAX, name);
    char *beside = keyring_path(k, leaf);
    const char *path = options_text(&cli->options, "out", beside);
    exit_code = exit_of(cli, k, keyring_add(k, role, name, queues, path));
    if (!exit_code)
        print_new(cli, k, name, path);
    free(beside);
    return exit_code;
}

static void take_principal(struct list *l, const struct principal *p)
{
    const char *role = p->revoked ? "revoked" : p->until_s ? "invited" : acl_role_name(p->role);
    if (l->quiet) {
        if (!p->revoked)
            printf("%.*s\n", BYTES_ARG(p->name));
        return;
    }
    if (l->cli->json) {
        struct pairs row = {0};
        pack_str(pairs_key(&row, "name"), p->name);
        pairs_text(&row, "role", role);
        pack_str(pairs_key(&row, "queues"), p->queues);
        pack_str(pairs_key(&row, "public_key"), p->key);
        if (p->until_s)
            pairs_integer(&row, "until", p->until_s);
        pairs_close(&row, &l->rows.buf);
        l->rows.count++;
        return;
    }
    table_bytes(&l->table, p->name);
    table_cell(&l->table, "%s", role);
    table_bytes(&l->table, p->queues);
    table_bytes(&l->table, p->key);
}

static int list(struct cli *cli, struct keyring *k, const char *folder)
{
    static const char *const heads[] = {"NAME", "ROLE", "QUEUES", "KEY"};
    int exit_code = exit_of(cli, k, keyring_open(k, folder));
    if (exit_code)
        return exit_code;
    struct list l = list_start(cli, LENGTH(heads), heads);
    for (size_t i = 0; i < k->acl.count; i++)
        take_principal(&l, &k->acl.list[i]);
    list_print(&l, "principals");
    list_free(&l);
    return EXIT_DONE;
}

static int revoke(struct cli *cli, struct keyring *k, const char *folder)
{
    const char *name = cli->words[1];
    int exit_code = exit_of(cli, k, keyring_open(k, folder));
    exit_code = exit_code ? exit_code : exit_of(cli, k, keyring_revoke(k, name));
    if (exit_code)
        return exit_code;
    if (cli->json) {
        struct pairs p = {0};
        pairs_text(&p, "revoked", name);
        print_json(&p, k);
    } else {
        printf("%s may not come any more\n", name);
        print_told(k);
    }
    return EXIT_DONE;
}

static int with_ring(struct cli *cli, int (*run)(struct cli *, struct keyring *, const char *))
{
    struct keyring k = {0};
    char *usual = path_state("keys");
    const char *folder = options_text(&cli->options, "keys", usual);
    int exit_code = folder && *folder
                        ? run(cli, &k, folder)
                        : cli_fail(cli, EXIT_DATA, "no home for the keys: say --keys DIR");
    keyring_close(&k);
    free(usual);
    return exit_code;
}

/* --- which ---------------------------------------------------------------------------------- */

static int run_init(struct cli *cli)
{
    return with_ring(cli, init);
}

static int run_new(struct cli *cli)
{
    return with_ring(cli, make);
}

static int run_list(struct cli *cli)
{
    return with_ring(cli, list);
}

static int run_revoke(struct cli *cli)
{
    return with_ring(cli, revoke);
}

static const struct cli_part parts[] = {
    {"init", "[--keys DIR]", run_init, 0, 0},
    {"new", "ROLE NAME [--queues LIST] [--out FILE]", run_new, 2, 2},
    {"list", "", run_list, 0, 0},
    {"revoke", "NAME", run_revoke, 1, 1},
};

const char *keys_verb_name(size_t i)
{
    return i < LENGTH(parts) ? parts[i].name : NULL;
}

int verb_keys(struct cli *cli)
{
    return cli_run_part(cli, parts, LENGTH(parts));
}
