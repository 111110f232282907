/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes on a worker's text port: a command is refused with a sentence and leaves no argument
 * behind, or names a queue that may stand on the wire and has one well-formed array.
 */
#include "common/must.h"
#include "proto/text_command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text_command command;
    struct reeve_value *args = reeve_value_new();
    ptrdiff_t end = text_command_end(bytes_of(data, size));
    must(end >= -1 && end < (ptrdiff_t)size && (end < 0 || data[end] == '\n'));
    if (end >= 0)
        size = (size_t)end;
    if (text_command_read(bytes_of(data, size), &command, args)) {
        must(queue_name_valid(bytes_text(command.queue)));
        must(pack_valid(bytes_of(reeve_value_data(args), reeve_value_size(args))));
        struct cursor c = cursor_of(bytes_of(reeve_value_data(args), reeve_value_size(args)));
        must(cursor_peek(&c) == PACK_ARRAY);
    } else {
        must(command.error && command.error[0] && !strchr(command.error, '\n'));
        must(reeve_value_size(args) == 0);
    }
    reeve_value_free(args);
    return 0;
}
