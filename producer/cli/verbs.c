/* SPDX-License-Identifier: Apache-2.0
 *
 * verbs: the one table from which the help, the completion and the dispatch come.
 */
#include "producer/cli/verbs.h"

#include "producer/cli/jobspec.h"
#include "producer/cli/list.h"

static const struct verb verbs[] = {
    {"up", "[--workers N] [--slots M] [--store DIR|memory] [--port-base P] [--handler PROGRAM]...",
     "broker, page and workers on this host, until Ctrl-C", "reeve up --workers 2 --slots 4\n",
     up_options, NULL, OPTIONS_ANYWHERE, 0, 0, verb_up, .apart = true},
    {"broker", "--bind tcp://HOST:PORT ...", "one broker (reeve-broker)",
     "reeve broker --bind tcp://127.0.0.1:7710\n", NULL, NULL, OPTIONS_FIRST, 0, WORDS_ANY,
     verb_program, true},
    {"worker", "--broker tcp://HOST:PORT [--slots M] ...", "one worker (reeve-worker)",
     "reeve worker --broker tcp://127.0.0.1:7711 --slots 4\n", NULL, NULL, OPTIONS_FIRST, 0,
     WORDS_ANY, verb_program, true},
    {"gateway", "[--http ADDRESS:PORT] [--broker tcp://HOST:PORT] ...",
     "the page and its API (reeve-gateway)",
     "reeve gateway --http 127.0.0.1:8080 --broker tcp://127.0.0.1:7710\n", NULL, NULL,
     OPTIONS_FIRST, 0, WORDS_ANY, verb_program, true},

    {"call", "[OPTION]... HANDLER.METHOD [ARG]...", "run a job and print its value",
     "reeve call calculator.calculate 2 + 2\n"
     "reeve call --wait 10 fibonacci_generator.calculate 1000\n",
     jobspec_options, NULL, OPTIONS_FIRST, 1, WORDS_ANY, verb_call, false},
    {"submit", "[OPTION]... HANDLER.METHOD [ARG]...", "hand in a job and print its id",
     "reeve submit --priority 5 --delay 10 calculator.calculate 2 + 2\n"
     "seq 1 100 | reeve submit --lines fibonacci_generator.calculate\n"
     "reeve submit --session pi.estimate 1000000\n",
     submit_options, jobspec_options, OPTIONS_FIRST, 1, WORDS_ANY, verb_submit, false},
    {"map", "[OPTION]... HANDLER.METHOD < LINES", "a job a line of input, values in their order",
     "seq 1 20000 | reeve map fibonacci_generator.calculate\n"
     "reeve map --text neural_analyzer.polarity < reviews.txt\n"
     "ls *.png | reeve map --run 'convert {} -resize 50% small-{}'\n",
     map_options, jobspec_options, OPTIONS_ANYWHERE, 0, 1, verb_map, false},
    {"run", "[OPTION]... -- COMMAND [ARG]...", "run a command on the farm, exit as it did",
     "reeve run -- uname -n\n", jobspec_options, NULL, OPTIONS_FIRST, 1, WORDS_ANY, verb_run,
     false},

    {"wait", "ID...", "wait until jobs have ended", "reeve wait --wait 60 $(cat ids)\n", NULL, NULL,
     OPTIONS_ANYWHERE, 1, WORDS_ANY, verb_wait, false},
    {"result", "ID...", "print the values of jobs that have ended", "reeve result 0g00000000001\n",
     NULL, NULL, OPTIONS_ANYWHERE, 1, WORDS_ANY, verb_result, false},
    {"cancel", "ID...", "cancel jobs, running ones too", "reeve cancel 0g00000000001\n", NULL, NULL,
     OPTIONS_ANYWHERE, 1, WORDS_ANY, verb_cancel, false},
    {"retry", "ID...", "run ended jobs again, as new ones; prints their ids",
     "reeve retry 0g00000000001\n", NULL, NULL, OPTIONS_ANYWHERE, 1, WORDS_ANY, verb_retry, false},

    {"explain", "ID...", "why jobs wait, or what became of them, a line a reason",
     "reeve explain 0g00000000001\n", NULL, NULL, OPTIONS_ANYWHERE, 1, WORDS_ANY, verb_explain,
     false},
    {"dead", "list | retry ID...|--all | drop ID...|--all",
     "jobs whose attempts are used up: list, run again, delete",
     "reeve dead list --limit 20\n"
     "reeve dead retry 0g00000000001\n"
     "reeve dead drop --all --dry-run\n",
     dead_options, list_options, OPTIONS_ANYWHERE, 1, WORDS_ANY, verb_dead, false},

    {"jobs", "[--state S] [--queue Q] [--limit N]", "list jobs",
     "reeve jobs --state failed --limit 20\n", jobs_options, list_options, OPTIONS_ANYWHERE, 0, 0,
     verb_jobs, false},
    {"job", "ID...", "all about a job, each of its attempts too", "reeve job 0g00000000001\n", NULL,
     NULL, OPTIONS_ANYWHERE, 1, WORDS_ANY, verb_job, false},
    {"queues", "", "list queues", "reeve queues\n", list_options, NULL, OPTIONS_ANYWHERE, 0, 0,
     verb_queues, false},
    {"workers", "", "list workers and what their slots do", "reeve workers --json\n", list_options,
     NULL, OPTIONS_ANYWHERE, 0, 0, verb_workers, false},
    {"status", "", "the farm's totals", "reeve status --json\n", NULL, NULL, OPTIONS_ANYWHERE, 0, 0,
     verb_status, false},
    {"watch", "TOPIC... [--since SEQ] [--count N]",
     "print updates as they come: job/ID, session/ID, queue/NAME, worker/ID, todo, ticker/SYMBOL, "
     "or all below worker/",
     "reeve watch worker/ queue/calculator.calculate\n"
     "reeve watch job/0g00000000001 --json\n"
     "reeve watch session/0g00000000001\n",
     watch_options, NULL, OPTIONS_ANYWHERE, 1, WORDS_ANY, verb_watch, false},

    {"top", "", "the farm live in a terminal, with keys to hold, drain, cancel, pause",
     "reeve top\n", NULL, NULL, OPTIONS_ANYWHERE, 0, 0, verb_top, false},

    {"session",
     "start [OPTION]... | optimise ID [--wait] | pause ID | stop ID | show ID | list | "
     "objective ID | cv ID NAME=VALUE... | models | status | propose ID | tell ID NAME=VALUE...",
     "optimisation sessions: start, steer and show them",
     "reeve session start --model williams_otto --max-iterations 30\n"
     "reeve session start --objective '[x]^2 + [y]' --mv 'x=1:-5..5' --mv y:0..3 \\\n"
     "    --constraint '[x] + [y] >= 1' --quiet\n"
     "reeve session optimise 0g00000000001 --wait\n"
     "reeve session pause 0g00000000001\n"
     "reeve session show 0g00000000001\n"
     "reeve session stop 0g00000000001\n"
     "reeve session list --json\n"
     "reeve session objective 0g00000000001\n"
     "reeve session cv 0g00000000001 FB=4.787 TR=89.7\n"
     "reeve session models\n"
     "reeve session status\n"
     "reeve session propose 0g00000000001\n"
     "reeve session tell 0g00000000001 XA=0.087 --objective 190.9\n",
     session_options, &jobspec_options[1], OPTIONS_ANYWHERE, 1, WORDS_ANY, verb_session, false,
     true},
    {"menu", "", "optimisation sessions by questions and answers", "reeve menu\n", NULL, NULL,
     OPTIONS_ANYWHERE, 0, 0, verb_menu, false},

    {"todo", "add TITLE... | list | complete N... | remove N... | watch",
     "tasks that people complete: add, list, complete, watch",
     "reeve todo add water the plants\n"
     "reeve todo list\n"
     "reeve todo complete 1\n"
     "reeve todo watch --json\n",
     todo_options, NULL, OPTIONS_ANYWHERE, 1, WORDS_ANY, verb_todo, false},
    {"ticker", "SYMBOL... [--interval S] [--count N]",
     "live prices; type a symbol and Enter to add one, -SYMBOL to take it off",
     "reeve ticker AAPL GOOGL\n"
     "reeve ticker TSLA --interval 0.5 --count 10 --json\n",
     ticker_options, NULL, OPTIONS_ANYWHERE, 1, WORDS_ANY, verb_ticker, false},

    {"hold", "QUEUE...", "hand out no jobs of these queues", "reeve hold calculator.calculate\n",
     NULL, NULL, OPTIONS_ANYWHERE, 1, WORDS_ANY, verb_hold, false},
    {"release", "QUEUE...", "hand them out again", "reeve release calculator.calculate\n", NULL,
     NULL, OPTIONS_ANYWHERE, 1, WORDS_ANY, verb_release, false},
    {"drain", "WORKER...", "let workers finish what they run, then leave", "reeve drain host-1\n",
     NULL, NULL, OPTIONS_ANYWHERE, 1, WORDS_ANY, verb_drain, false},

    {"keys", "init | new ROLE NAME | list | revoke NAME | rotate | server KEY FILE...",
     "who may reach a broker: clients, workers, watchers, gateways, admins; on its own host",
     "reeve keys init\n"
     "reeve keys new worker rack-7 --queues calculator.,bench.\n"
     "reeve keys new client web --keys /var/lib/reeve/keys --out web.key\n"
     "reeve keys new client intern --quota jobs=1000,rate=50,bytes=64M\n"
     "reeve keys list --json\n"
     "reeve keys revoke rack-7\n"
     "reeve keys rotate\n",
     keys_options, list_options, OPTIONS_ANYWHERE, 1, WORDS_ANY, verb_keys, false},
    {"invite", "worker [--name NAME] [--queues LIST] [--for S] [--address tcp://HOST:PORT]",
     "print the line that makes another host a worker of this broker; on the broker's own host",
     "reeve invite worker\n"
     "reeve invite worker --name rack-7 --queues calculator.,bench. --for 24h\n",
     invite_options, NULL, OPTIONS_ANYWHERE, 1, 1, verb_invite, false},
    {"join", "[--identity FILE] ADDRESS TOKEN [WORKER-OPTION]...",
     "become a worker by an invitation: make a key, hand in its public half, start reeve-worker",
     "reeve join tcp://broker.example:7711 rack-7.06kq4... --slots 8\n", NULL, NULL, OPTIONS_FIRST,
     2, WORDS_ANY, verb_join, false},
    {"doctor", "[--store DIR|memory]",
     "look for what is wrong with broker, disk, limits, clock; exit 7 if so",
     "reeve doctor\n"
     "reeve doctor --json --store /var/lib/reeve\n",
     doctor_options, NULL, OPTIONS_ANYWHERE, 0, 0, verb_doctor, false},
    {"config", "show [SECTION...] | check [FILE] | sample",
     "settings: what the programs are told and by whom; is a file right; all there are",
     "reeve config show --origin\n"
     "reeve config check /etc/reeve/reeve.conf\n"
     "reeve config sample > ~/.config/reeve/reeve.conf\n",
     config_options, NULL, OPTIONS_ANYWHERE, 1, WORDS_ANY, verb_config, .apart = true},
    {"bench", "[OPTION]... [HANDLER.METHOD] | --compare A B",
     "measure rate and latency (reeve-bench)",
     "reeve bench --jobs 100000\n"
     "reeve bench --rate 20000 --workers 1 --slots 2\n",
     NULL, NULL, OPTIONS_FIRST, 0, WORDS_ANY, verb_program, true},
    {"load", "[OPTION]...", "a random load, shown line by line (reeve-load)",
     "reeve load --tasks 200\n", NULL, NULL, OPTIONS_FIRST, 0, WORDS_ANY, verb_program, true},
    {"completion", "bash|zsh|fish", "print a completion script",
     "reeve completion bash > ~/.local/share/bash-completion/completions/reeve\n", NULL, NULL,
     OPTIONS_ANYWHERE, 1, 1, verb_completion, .apart = true},
    {"version", "", "print the version", "reeve version\n", NULL, NULL, OPTIONS_ANYWHERE, 0, 0,
     verb_version, .apart = true},
    {"help", "[VERB]", "what there is, or all about one verb", "reeve help map\n", NULL, NULL,
     OPTIONS_ANYWHERE, 0, 1, verb_help_verb, .apart = true},
};

const struct verb *verb_table(size_t *count)
{
    *count = LENGTH(verbs);
    return verbs;
}

const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < LENGTH(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}
