/* SPDX-License-Identifier: Apache-2.0
 *
 * python: what runs a file of Python handlers: an interpreter, and the package that lies beside
 * this program, so that both are always of one release. The file and the package know the rest.
 */
#ifndef WORKER_PYTHON_H
#define WORKER_PYTHON_H

#include <stddef.h>

#include "common/must.h"

enum { PYTHON_WORDS = 3, PYTHON_ERROR = 1000 };

/* words: interpreter, package, file; each owned by the caller, also on failure. The interpreter is
 * $REEVE_PYTHON, else that of an environment beside this program (../venv), else python3 on PATH.
 * 0, or -1 with error. */
int python_words(char *words[static PYTHON_WORDS], const char *file,
                 char error[static PYTHON_ERROR]) MUST_CHECK;

#endif
