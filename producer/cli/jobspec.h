/* SPDX-License-Identifier: Apache-2.0
 *
 * jobspec: from words and lines to the arguments of a job, and from options to how it is to be
 * run. Pure: no connection, no file.
 */
#ifndef CLI_JOBSPEC_H
#define CLI_JOBSPEC_H

#include <reeve/client.h>

#include "common/buf.h"
#include "common/options.h"

/* The first one is delay: who has an option of this name for something else takes the rest. */
extern const struct option jobspec_options[];

/* What the options say. 0, or -1 with a sentence in error. */
int jobspec_read(const struct options *o, struct reeve_job_options *out, char error[static 128]);

/* A name that may stand on the wire as handler.method. */
bool jobspec_method(const char *method);

/* How the arguments are made of a line of input. */
enum spec_kind {
    SPEC_WORDS,   /* words parted by blanks, numbers and JSON stay themselves */
    SPEC_TEXT,    /* the line is one text */
    SPEC_COMMAND, /* a template of a command in which {} stands for the line */
};
struct spec {
    enum spec_kind kind;
    const char *method;
    const char *lead; /* SPEC_TEXT: stands before the text; a literal */
    char **command;   /* SPEC_COMMAND: its words, owned; ends with NULL */
    char *storage;    /* what they live in */
};

/* For words or lines to this method; text: a line is one text. Some methods take text only. json:
 * the answer will be shown as JSON; a method that can tell more then is asked to. */
void spec_init(struct spec *s, const char *method, bool text, bool json);
/* For a command template, split as a shell would ('...', "...", \x); {} is added at the end when
 * it stands nowhere. -1 when a quote is open or there is no word. */
int spec_init_command(struct spec *s, const char *template);
void spec_fini(struct spec *s);

/* Appends the argument array for a line of input. NULL, or why it cannot be. */
const char *spec_line(const struct spec *s, struct reeve_value *args, struct bytes line);
/* The same for words of the command line. */
void spec_words(const struct spec *s, struct reeve_value *args, char **words, size_t count);
/* Words that stay text, whatever they look like. */
void spec_texts(struct reeve_value *args, char **words, size_t count);

#endif
