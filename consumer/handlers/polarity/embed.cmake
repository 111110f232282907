# cmake -DIN=FILE -DNAME=NAME -DHEADER=FILE.h -DOUT=FILE.c -P embed.cmake: the bytes of a file as a C array NAME.
file(READ ${IN} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)"
       "\\1\n" bytes "${bytes}")
file(WRITE ${OUT} "#include \"${HEADER}\"\n\n"
     "_Alignas(64) const unsigned char ${NAME}[] = {\n${bytes}\n};\n"
     "const size_t ${NAME}_size = sizeof ${NAME};\n")
