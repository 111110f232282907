# SPDX-License-Identifier: Apache-2.0
#
# sample.awk: the settings of `reeve config sample` as parts of a manual page: a section, and in it
# each setting with its help.

function text(line)
{
    gsub(/\\/, "\\e", line)
    gsub(/-/, "\\-", line)
    if (line ~ /^[.']/)
        line = "\\&" line
    return line
}

/^[a-z]/ {
    section = 1
    print ".SS " text($0)
    next
}
!section {
    next # what the page says in more words
}
/^    #/ {
    sub(/^    # ?/, "")
    help = help text($0) "\n"
    next
}
/^#    / {
    sub(/^# +/, "")
    printf ".TP\n.B %s\n%s", text($0), help
    help = ""
}
