# SPDX-License-Identifier: Apache-2.0
#
# header.awk: a public header as a section of a manual page (-v title=...): its head comment as text,
# the rest as it stands, a part for each `/* --- name --- */`. What is for the compiler only is left out.

function text(line)
{
    gsub(/\\/, "\\e", line)
    gsub(/-/, "\\-", line)
    if (line ~ /^[.']/)
        line = "\\&" line
    return line
}

NR == 1 {
    print ".SH " title
    next
}
!body && /^ \*\// {
    body = 1
    print ".PP\n.nf"
    next
}
!body {
    if (sub(/^ \*     /, "")) {
        print (code ? "" : ".PP\n.nf\n.RS 4\n") text($0)
        code = 1
        next
    }
    if (code)
        print ".RE\n.fi"
    code = 0
    if (sub(/^ \* /, "")) {
        print (gap && lines++ ? ".PP\n" : "") text($0)
        gap = 0
    } else {
        gap = 1
    }
    next
}
/^#if|^#pragma|^extern "C"|^#include "|^#define [A-Z_]*_H$/ {
    guarded = /^#if.*__cplusplus/
    next
}
/^#endif/ || (guarded && /^}/) {
    next
}
/^\/\* ---/ {
    gsub(/^\/\* -+ | -*( \*\/)?$/, "")
    print ".fi\n.SS " text($0) "\n.nf"
    next
}
/^$/ {
    blank = 1
    next
}
{
    print (blank && printed ? "\n" : "") text($0)
    blank = 0
    printed = 1
}
END {
    print ".fi"
}
