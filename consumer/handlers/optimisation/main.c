/* SPDX-License-Identifier: Apache-2.0
 *
 * The handler program of optimisation sessions: optimisation.session is the session itself
 * (iteration.h), the others are what it and its clients ask for on the way.
 *
 *     optimisation.cv      [{"model": id, "mvs": {name: value}}] -> {"session", "cvs", "message"}
 *     optimisation.models  [] -> [{"id", "title", "mvs", "cvs", "objective", ...}]
 *     optimisation.island  a child of a session
 */

#include "consumer/handlers/optimisation/catalogue.h"
#include "consumer/handlers/optimisation/iteration.h"

int main(int argc, char **argv)
{
    static const struct reeve_handler handlers[] = {{"optimisation.session", iteration_run},
                                                    {"optimisation.island", island_run},
                                                    {"optimisation.cv", catalogue_cv},
                                                    {"optimisation.models", catalogue_models},
                                                    {0}};
    return reeve_serve(handlers, argc, argv);
}
