/* SPDX-License-Identifier: Apache-2.0
 *
 * keys: who may reach a broker, on the broker's own host. It asks no broker: it changes the folder
 * that one was started with, and that one is told.
 */
#include <inttypes.h>

#include "producer/cli/list.h"
#include "producer/cli/ring.h"
#include "producer/cli/verbs.h"
#include "producer/view/pairs.h"

const struct option keys_options[] = {
    {"keys", OPTION_TEXT, "DIR", "the folder ($XDG_STATE_HOME/reeve/keys)"},
    {"queues", OPTION_TEXT, "LIST",
     "new: only queues that begin so, with commas: calculator.,bench. (*: all)"},
    {"quota", OPTION_TEXT, "LIST",
     "new: at most so much at a time: jobs=1000,rate=50,bytes=64M,sessions=10,follows=100 (*: no "
     "limit)"},
    {"out", OPTION_TEXT, "FILE", "new: where the identity is written (DIR/NAME.key)"},
    {0},
};

/* --- telling -------------------------------------------------------------------------------- */

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
    int exit_code = ring_exit(cli, k, keyring_init(k, folder));
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

static int find_quotas(struct cli *cli, enum acl_role role, struct quotas *quotas)
{
    const char *list = options_text(&cli->options, "quota", NULL), *wrong;
    *quotas = quotas_usual(role == ACL_CLIENT);
    if (list && role == ACL_WORKER)
        return cli_usage(cli, "--quota is for those who hand in jobs, not for workers");
    wrong = list ? quotas_read(quotas, bytes_text(list)) : NULL;
    return wrong ? cli_usage(cli, "--quota: %s", wrong) : EXIT_DONE;
}

/* As the list has it: what is not as usual. */
static void put_quotas(struct pairs *row, const struct principal *p)
{
    struct buf text = {0};
    acl_quotas_print(&text, p);
    pack_str(pairs_key(row, "quota"), buf_bytes(&text));
    buf_fini(&text);
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
    put_quotas(&p, made);
    pack_str(pairs_key(&p, "public_key"), made->key);
    pairs_text(&p, "file", path);
    print_json(&p, k);
}

static int make(struct cli *cli, struct keyring *k, const char *folder)
{
    enum acl_role role;
    struct quotas quotas;
    const char *name = cli->words[2], *queues;
    int exit_code = find_role(cli, cli->words[1], &role);
    exit_code = exit_code ? exit_code : ring_queues(cli, &queues);
    exit_code = exit_code ? exit_code : find_quotas(cli, role, &quotas);
    if (exit_code)
        return exit_code;
    exit_code = ring_exit(cli, k, keyring_open(k, folder));
    if (exit_code)
        return exit_code;
    char leaf[ACL_NAME_MAX + 8];
    snprintf(leaf, sizeof leaf, "%.*s.key", ACL_NAME_MAX, name);
    char *beside = keyring_path(k, leaf);
    const char *path = options_text(&cli->options, "out", beside);
    struct principal made = acl_principal(role, name, queues);
    made.quotas = quotas;
    exit_code = ring_exit(cli, k, keyring_add(k, &made, path));
    if (!exit_code)
        print_new(cli, k, name, path);
    free(beside);
    return exit_code;
}

static void take_principal(struct list *l, const struct principal *p)
{
    struct buf quotas = {0};
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
        put_quotas(&row, p);
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
    acl_quotas_print(&quotas, p);
    table_cell(&l->table, "%s", quotas.size ? buf_text(&quotas) : "-");
    buf_fini(&quotas);
    table_bytes(&l->table, p->key);
}

static int list(struct cli *cli, struct keyring *k, const char *folder)
{
    static const char *const heads[] = {"NAME", "ROLE", "QUEUES", "QUOTA", "KEY"};
    int exit_code = ring_exit(cli, k, keyring_open(k, folder));
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
    int exit_code = ring_exit(cli, k, keyring_open(k, folder));
    exit_code = exit_code ? exit_code : ring_exit(cli, k, keyring_revoke(k, name));
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

static int rotate(struct cli *cli, struct keyring *k, const char *folder)
{
    unsigned changed;
    int exit_code = ring_exit(cli, k, keyring_open(k, folder));
    exit_code = exit_code ? exit_code : ring_exit(cli, k, keyring_rotate(k, &changed));
    if (exit_code)
        return exit_code;
    if (cli->json) {
        struct pairs p = {0};
        pairs_text(&p, "server_key", k->server_key);
        pairs_integer(&p, "identities", changed);
        print_json(&p, k);
        return EXIT_DONE;
    }
    printf("the broker's key is another one from its next start on: %s\n"
           "%u identities in %s name it; for each elsewhere, on its host:\n"
           "  reeve keys server '%s' FILE\n",
           k->server_key, changed, folder, k->server_key);
    return EXIT_DONE;
}

/* On the host of a peer: there is no folder of the broker's. */
static int run_server(struct cli *cli)
{
    char why[IDENTITY_WHY];
    const char *key = cli->words[1];
    if (!identity_key_valid(key))
        return cli_usage(cli, "\"%.60s\" is no public key: 40 characters", key);
    for (size_t i = 2; i < cli->word_count; i++)
        if (!identity_meet(cli->words[i], key, why, sizeof why))
            return cli_fail(cli, EXIT_DATA, "%s", why);
    if (!cli->json)
        puts("whoever is started with it meets the broker of that key");
    return EXIT_DONE;
}

/* --- which ---------------------------------------------------------------------------------- */

static int run_init(struct cli *cli)
{
    return ring_run(cli, init);
}

static int run_new(struct cli *cli)
{
    return ring_run(cli, make);
}

static int run_list(struct cli *cli)
{
    return ring_run(cli, list);
}

static int run_revoke(struct cli *cli)
{
    return ring_run(cli, revoke);
}

static int run_rotate(struct cli *cli)
{
    return ring_run(cli, rotate);
}

static const struct cli_part parts[] = {
    {"init", "[--keys DIR]", run_init, 0, 0},
    {"new", "ROLE NAME [--queues LIST] [--quota LIST] [--out FILE]", run_new, 2, 2},
    {"list", "", run_list, 0, 0},
    {"revoke", "NAME", run_revoke, 1, 1},
    {"rotate", "", run_rotate, 0, 0},
    {"server", "KEY FILE...", run_server, 2, WORDS_ANY},
};

const char *keys_verb_name(size_t i)
{
    return i < LENGTH(parts) ? parts[i].name : NULL;
}

int verb_keys(struct cli *cli)
{
    return cli_run_part(cli, parts, LENGTH(parts));
}
