/* SPDX-License-Identifier: Apache-2.0
 *
 * complete: completion scripts for bash, zsh and fish, made from the table of verbs. Names of
 * queues and workers, ids of jobs and sessions and numbers of tasks are asked of the broker when
 * there is one (for at most a second).
 */
#include <string.h>

#include "common/settings.h"
#include "producer/cli/verbs.h"

/* Which names a verb's words are: 'q' queues, 'w' workers, 'j' jobs, 'd' what dead takes, 'v'
 * verbs, 's' shells, 'c' what config takes, 'o' what session takes, 't' what todo takes, 'k' what
 * keys takes, 0 none. */
static char words_of(const struct verb *verb)
{
    static const struct {
        const char *verb;
        char kind;
    } kinds[] = {{"call", 'q'},    {"submit", 'q'}, {"map", 'q'},        {"hold", 'q'},
                 {"release", 'q'}, {"drain", 'w'},  {"wait", 'j'},       {"result", 'j'},
                 {"cancel", 'j'},  {"retry", 'j'},  {"explain", 'j'},    {"job", 'j'},
                 {"dead", 'd'},    {"help", 'v'},   {"completion", 's'}, {"session", 'o'},
                 {"todo", 't'},    {"config", 'c'}, {"keys", 'k'}};
    for (size_t i = 0; i < LENGTH(kinds); i++)
        if (strcmp(kinds[i].verb, verb->name) == 0)
            return kinds[i].kind;
    return 0;
}

/* The words a verb takes: its own verbs or some that are known here, and a verb that lists the
 * others. */
struct words {
    const char *fixed, *list; /* "" for none */
    const char *(*name)(size_t i);
};

static struct words names_of(const struct verb *verb)
{
    switch (words_of(verb)) {
    case 'q': return (struct words){"", "queues", NULL};
    case 'w': return (struct words){"", "workers", NULL};
    case 'j': return (struct words){"", "jobs", NULL};
    case 'd': return (struct words){"list retry drop ", "dead list", NULL};
    case 'c': return (struct words){"show check sample broker worker gateway client", "", NULL};
    case 's': return (struct words){"bash zsh fish", "", NULL};
    case 'o': return (struct words){"", "session list", session_verb_name};
    case 't': return (struct words){"", "todo list", todo_verb_name};
    case 'k': return (struct words){"", "", keys_verb_name};
    default: return (struct words){"", "", NULL};
    }
}

/* As the words of a shell, which writes a command's output as open ... ) */
static void print_names(struct words names, const char *open)
{
    fputs(names.fixed, stdout);
    for (size_t i = 0; names.name && names.name(i); i++)
        printf("%s ", names.name(i));
    if (*names.list)
        printf("%sreeve %s --quiet --wait 1 2>/dev/null)", open, names.list);
}

static void print_verb_names(void)
{
    size_t count;
    const struct verb *verbs = verb_table(&count);
    for (size_t i = 0; i < count; i++)
        printf("%s%s", i ? " " : "", verbs[i].name);
}

static void print_rows(const struct option *rows, const char *format)
{
    for (; rows && rows->name; rows++)
        if (rows->help)
            printf(format, rows->name);
}

/* The options of a verb, each through the format. */
static void print_options(const struct verb *verb, const char *format)
{
    if (verb->raw)
        return;
    print_rows(verb->options, format);
    print_rows(verb->more_options, format);
    print_rows(common_options, format);
    print_rows(settings_options, format);
}

static void print_bash_case(const struct verb *verb)
{
    printf("    %s) options=\"", verb->name);
    print_options(verb, "--%s ");
    struct words names = names_of(verb);
    printf("\"; names=\"");
    print_names(names, "$(");
    if (words_of(verb) == 'v')
        print_verb_names();
    printf("\" ;;\n");
}

/* zsh reads the same function through its bash emulation. */
static void print_bash(bool zsh)
{
    size_t count;
    const struct verb *verbs = verb_table(&count);
    if (zsh)
        puts("#compdef reeve\nautoload -Uz bashcompinit && bashcompinit");
    fputs("_reeve() {\n"
          "  local word=\"${COMP_WORDS[COMP_CWORD]}\" options=\"\" names=\"\"\n"
          "  COMPREPLY=()\n"
          "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "    COMPREPLY=($(compgen -W \"",
          stdout);
    print_verb_names();
    fputs("\" -- \"$word\"))\n    return\n  fi\n  case \"${COMP_WORDS[1]}\" in\n", stdout);
    for (size_t i = 0; i < count; i++)
        print_bash_case(&verbs[i]);
    fputs("  esac\n"
          "  case \"$word\" in\n"
          "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
          "    *) COMPREPLY=($(compgen -W \"$names\" -- \"$word\")) ;;\n"
          "  esac\n"
          "}\n"
          "complete -o default -F _reeve reeve\n",
          stdout);
}

static void print_fish(void)
{
    size_t count;
    const struct verb *verbs = verb_table(&count);
    for (size_t i = 0; i < count; i++) {
        char format[128];
        printf("complete -c reeve -n __fish_use_subcommand -f -a %s -d '", verbs[i].name);
        for (const char *at = verbs[i].summary; *at; at++)
            printf(*at == '\'' ? "\\'" : "%c", *at);
        puts("'");
        snprintf(format, sizeof format,
                 "complete -c reeve -n '__fish_seen_subcommand_from %s' -l %%s\n", verbs[i].name);
        print_options(&verbs[i], format);
        struct words names = names_of(&verbs[i]);
        if (!*names.fixed && !*names.list && !names.name)
            continue;
        printf("complete -c reeve -n '__fish_seen_subcommand_from %s' -f -a '", verbs[i].name);
        print_names(names, "(");
        puts("'");
    }
}

int verb_completion(struct cli *cli)
{
    const char *shell = cli->words[0];
    if (strcmp(shell, "bash") == 0 || strcmp(shell, "zsh") == 0)
        print_bash(shell[0] == 'z');
    else if (strcmp(shell, "fish") == 0)
        print_fish();
    else
        return cli_usage(cli, "no completion for \"%.40s\": bash, zsh or fish", shell);
    return EXIT_DONE;
}
