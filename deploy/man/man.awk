# SPDX-License-Identifier: Apache-2.0
#
# man.awk: a manual page out of what a program says with --help, so that there is one text of both.
#
#     reeve help map | awk -v page=reeve-map -v section=1 -v release=0.1.0 -v date=2026-11-21 -f man.awk
#
# It reads the shape that common/options.c and the help of our programs have: a first line
# `reeve VERB: what it does` (or -v summary=...), `usage:`, paragraphs, options two columns in with
# their help at column 26 or on the next line, and then `example:`, `environment:`, `exit codes:`.
# What one line of help does not hold stands in PAGE.roff, which make.sh adds.

function text(line) # what roff would take for its own
{
    gsub(/\\/, "\\e", line)
    gsub(/-/, "\\-", line)
    if (line ~ /^[.']/)
        line = "\\&" line
    return line
}

function open(title)
{
    if (part == title)
        return
    print ".SH " title
    part = title
    blank = 0 # no paragraph is there to be ended
}

function option(line,    at, word)
{
    sub(/^ +/, "", line)
    at = match(line, /  +/)
    word = at ? substr(line, 1, at - 1) : line
    if (sub(/^--\[no-\]/, "", word))
        word = "--" word ", --no-" word
    print ".TP\n.B " text(word)
    if (at)
        print text(substr(line, at + RLENGTH))
}

function name(words)
{
    printf ".TH %s %s %s \"reeve %s\" \"Reeve\"\n", toupper(page), section, date, release
    print ".SH NAME\n" text(page) " \\- " text(words)
    named = 1
}

BEGIN {
    if (summary)
        name(summary)
}

/^usage:/ {
    open("SYNOPSIS")
    sub(/^usage: */, "")
    print ".nf\n" text($0)
    usage = 1
    next
}
usage && /^ / {
    sub(/^ +/, "")
    print text($0)
    next
}
usage {
    print ".fi"
    usage = 0
}
tolower($0) ~ /^examples?:/ {
    open("EXAMPLES")
    sub(/^[^:]*: */, "")
    print ".nf" ($0 ? "\n" text($0) : "")
    example = 1
    next
}
example && /^ / {
    sub(/^  /, "")
    print text($0)
    next
}
example {
    print ".fi"
    example = 0
}
tolower($0) ~ /^exit( codes| status)?:/ {
    open("EXIT STATUS")
    sub(/^[^:]*: */, "")
}
tolower($0) ~ /^environment:/ {
    open("ENVIRONMENT")
    sub(/^[^:]*: */, "")
}
/^$/ {
    blank = 1
    next
}
!named {
    sub(/^[^:]*: */, "")
    name($0)
    next
}
/^  --/ {
    open("OPTIONS")
    option($0)
    next
}
/^  [a-z]/ && part != "OPTIONS" { # a verb and what it does
    open("VERBS")
    print ".TP\n.BR " page "\\-" $1 ($1 ~ /^(broker|worker|gateway)$/ ? " (8)" : " (1)")
    sub(/^ +[^ ]+ +/, "")
    print text($0)
    next
}
{
    sub(/^ +/, "")
    if (part == "SYNOPSIS" || part == "VERBS")
        open("DESCRIPTION")
    else if (blank && part != "OPTIONS")
        print ".PP"
    blank = 0
    print text($0)
}
END {
    if (usage || example)
        print ".fi"
}
