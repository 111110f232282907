# reeve_embed(TARGET SYMBOL FILE...): the files as bytes inside the target:
# `extern const struct embedded SYMBOL[]` (producer/gateway/embedded.h), by the files' names, ended
# by {0}.
function(reeve_embed target symbol)
    set(blocks "")
    set(rows "")
    set(files "")
    set(number 0)
    foreach(file ${ARGN})
        get_filename_component(file ${file} ABSOLUTE)
        get_filename_component(name ${file} NAME)
        string(APPEND blocks "EMBED(${symbol}_${number}, \"${file}\")\n")
        string(APPEND rows "    {\"${name}\", ${symbol}_${number}, &${symbol}_${number}_size},\n")
        math(EXPR number "${number} + 1")
        list(APPEND files ${file})
    endforeach()
    set(source ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
    file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"/* Made by embed.cmake. */
#include \"producer/gateway/embedded.h\"

#define EMBED(symbol, file)                                                       \\
    __asm__(\".section .rodata\\n.balign 16\\n\" #symbol \":\\n.incbin \\\"\" file      \\
            \"\\\"\\n.set \" #symbol \"_end, .\\n.balign 8\\n\" #symbol \"_size:\\n.quad \" \\
            #symbol \"_end - \" #symbol \"\\n.previous\\n\");                            \\
    extern const unsigned char symbol[];                                          \\
    extern const uint64_t symbol##_size;

@blocks@
const struct embedded ${symbol}[] = {
@rows@    {0}};
")
    # Its symbols are made by the assembler, of which an optimiser at link time knows nothing.
    set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${files}" COMPILE_OPTIONS -fno-lto)
    target_sources(${target} PRIVATE ${source})
endfunction()
