#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# services.sh: run by booted.sh inside a booted system with the packages: the services as an operator
# knows them, shut in as the units say. Its exit status is the test's.
set -euo pipefail
export HOME=/root

all='reeve-broker reeve-gateway reeve-worker@main'

fail() {
    echo "services: $*"
    systemctl status --no-pager 'reeve-*' || true
    journalctl --no-pager -u 'reeve-*' | tail -60
    exit 1
}

# until_said WHAT COMMAND...: the command is asked again until it succeeds, for a minute.
until_said() {
    local what=$1 end=$((SECONDS + 60))
    shift
    until "$@" >/run/said 2>&1; do
        [ $SECONDS -lt $end ] || fail "$what: $(cat /run/said)"
    done
}

# is WHAT WANTED COMMAND...
is() {
    local what=$1 wanted=$2 got
    shift 2
    got=$("$@") || fail "$what: exit $?"
    [ "$got" = "$wanted" ] || fail "$what: $got"
}

# joined INSTANCE [AS...]: the words before the command say who asks.
joined() {
    "${@:2}" reeve workers --quiet --wait 5 | grep -qx "$(hostname)-$1"
}

main_pid() {
    systemctl show -P MainPID "$1"
}

# The first of the five lines have done their work when they return.
systemctl enable $all
systemctl start $all || fail "start"
is "started" "active
active
active" systemctl is-active $all
until_said "the worker joins" joined main
is "a call" 4 reeve call calculator.calculate 2 + 2
[ "$(curl -s http://127.0.0.1:7713/livez)" = '{"status":"ok"}' ] || fail "the page"
systemctl status --no-pager 'reeve-*' >/run/said || fail "status"
grep -q 'Status: "' /run/said || fail "no service says what it does: $(cat /run/said)"
for service in reeve-broker reeve-worker@main; do
    grep -q '^NoNewPrivs:.1' "/proc/$(main_pid $service)/status" || fail "$service may gain privileges"
    grep -q '^Seccomp:.2' "/proc/$(main_pid $service)/status" || fail "$service has no filter"
    grep -q '^CapEff:.0*$' "/proc/$(main_pid $service)/status" || fail "$service has capabilities"
done
is "the store's owner" "reeve 700" stat -c '%U %a' /var/lib/reeve/store
is "the worker's user" reeve-worker stat -c %U "/proc/$(main_pid reeve-worker@main)"
is "the token's mode" 600 stat -L -c %a /var/lib/reeve-gateway/token

# Killed and come back, with what it had accepted; reloaded; installed again while it runs.
reeve hold fibonacci_generator.calculate
ids=$(seq 1 50 | reeve submit --lines --durability durable fibonacci_generator.calculate)
pid=$(main_pid reeve-broker)
kill -KILL "$pid"
until_said "the broker is back" reeve status --wait 5
[ "$(main_pid reeve-broker)" != "$pid" ] || fail "the broker was not started again"
until_said "the worker is back" joined main
pids=$(for service in $all; do main_pid $service; done)
systemctl reload $all || fail "reload"
reeve status --wait 5 >/run/said || fail "nobody answers after a reload"
is "nobody was ended by a reload" "$pids" eval 'for service in $all; do main_pid $service; done'
pid=$(main_pid reeve-broker)
dpkg -i /opt/reeve-*.deb >/run/said 2>&1 || fail "install again: $(cat /run/said)"
until_said "it was started again by its package" test "$(main_pid reeve-broker)" != "$pid"
until_said "the broker is back" reeve status --wait 5
until_said "the worker is back" joined main
reeve release fibonacci_generator.calculate
reeve wait --wait 60 $ids || fail "jobs of before"
is "the value of one of them" 12586269025 reeve result "${ids##*$'\n'}"

# One that is stuck is ended by the watchdog.
pid=$(main_pid reeve-broker)
kill -STOP "$pid"
until_said "the watchdog" test ! -e "/proc/$pid"
until_said "the broker is back" reeve status --wait 5
until_said "the worker is back" joined main # one that leaves unheard is waited for: the next broker is not ready at once

# A second worker with settings of its own, in the strictest sandbox: the unit leaves it what it needs.
dropin=/etc/systemd/system/reeve-worker@strict.service.d
mkdir "$dropin"
printf '[Service]\nEnvironment=REEVE_CONFIG=/etc/reeve/strict.conf\n' >"$dropin/settings.conf"
printf 'worker\n    sandbox = strict\n' >/etc/reeve/strict.conf
systemctl daemon-reload
systemctl start reeve-worker@strict || fail "start in the strictest sandbox"
until_said "the second worker joins" joined strict
systemctl stop reeve-worker@main
is "a call in the strictest sandbox" 9 reeve call calculator.calculate 3 '*' 3

# Keys, as RUNBOOK has it: who has none is told so, and services find theirs where systemd puts it.
keys=/var/lib/reeve/keys
install -d -o reeve -g reeve -m 700 $keys
runuser -u reeve -- reeve keys init --keys $keys >/run/said
runuser -u reeve -- reeve keys new worker host-2 --keys $keys --out /var/lib/reeve/host-2.identity >/run/said
runuser -u reeve -- reeve keys new gateway page --keys $keys --out /var/lib/reeve/page.identity >/run/said
install -d -m 700 /etc/credstore
install -m 600 /var/lib/reeve/host-2.identity /etc/credstore/reeve-worker.identity
install -m 600 /var/lib/reeve/page.identity /etc/credstore/reeve-gateway.identity
rm /var/lib/reeve/*.identity
printf 'broker\n    keys = %s\nworker\n    allow-shell = true\n    slot-memory = 100\n' $keys >/etc/reeve/reeve.conf
systemctl stop reeve-worker@strict
systemctl restart reeve-broker reeve-gateway
systemctl start reeve-worker@main || fail "start with a key"
as_admin=(runuser -u reeve -- env "REEVE_IDENTITY=$keys/admin.key")
admin() { "${as_admin[@]}" reeve "$@"; }
until_said "the worker joins with its key" joined main "${as_admin[@]}"
is "a call with keys" 25 admin call calculator.calculate 5 '*' 5
! reeve call calculator.calculate 1 + 1 --wait 2 >/run/said 2>&1 || fail "a client without a key was answered"
until_said "the page's way to the broker" curl -sf http://127.0.0.1:7713/readyz

# A job that eats the memory of its slot: that job ends, whoever looks after the limit; systemd delegates
# what the kernel needs for it, where there is a kernel of our own.
! admin call shell.run sh -c '(head -c 300M /dev/zero; sleep 60) | tail' >/run/said 2>&1 || fail "300 MiB in a slot of 100"
grep -q oom /run/said || fail "memory: $(cat /run/said)"
is "a call beside it" 4 admin call calculator.calculate 2 + 2
if grep -qw memory /sys/fs/cgroup/cgroup.controllers 2>/run/said; then
    journalctl --no-pager -u reeve-worker@main | grep -q 'slot_memory_mib=100 kept by cgroup=' || fail "the cgroup is not used"
    echo "services: the kernel keeps the limit of memory"
fi

systemctl stop 'reeve-*' || fail "stop"
rm -r "$dropin"
systemctl daemon-reload
! systemctl --quiet is-failed $all || fail "stopped, but failed"
systemctl disable $all
[ -z "$(find /etc/systemd/system -name 'reeve*')" ] || fail "disabled, and there"
echo "services: enable, start, status, reload, install again, watchdog, stop, disable; keys; memory"
