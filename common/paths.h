/* SPDX-License-Identifier: Apache-2.0
 *
 * paths: where things lie on this host when nobody says otherwise.
 */
#ifndef COMMON_PATHS_H
#define COMMON_PATHS_H

/* $XDG_STATE_HOME/reeve/LEAF, else ~/.local/state/reeve/LEAF. Owned by the caller; NULL when there
 * is no home to be had. */
char *path_state(const char *leaf);
/* $XDG_CONFIG_HOME/reeve/LEAF, else ~/.config/reeve/LEAF. The same. */
char *path_config(const char *leaf);

/* What lies at REST (it may begin with ../) from the folder this program is in. Owned by the
 * caller; NULL with errno. */
char *path_beside(const char *rest);

/* An entry of a folder is kept when that folder is: has it written of this path, which ends with a
 * name. 0 or an errno. */
int path_keep(const char *path);

/* Makes the folders above a path that are not there, for their owner only, each kept before the
 * next. 0 or an errno. */
int path_make_above(const char *path);

#endif
