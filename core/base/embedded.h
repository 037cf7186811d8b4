// Files that become part of the program: the assembler copies them into read-only data when the macro's file is
// compiled.
#pragma once

#include <span>

#include "core/base/types.h"

// At namespace scope, outside of all namespaces: `name` is the contents of the file `path` (a string literal), at an
// address that is a multiple of `alignment` (a string literal). A function that returns a span: name().
#define MIMUS_EMBED(name, alignment, path)                                                           \
  asm(".pushsection .rodata\n.balign " alignment "\nmimus_embedded_" #name "_start: .incbin \"" path \
      "\"\nmimus_embedded_" #name "_end:\n.popsection\n");                                           \
  extern "C" {                                                                                       \
  extern const mimus::u8 mimus_embedded_##name##_start[];                                            \
  extern const mimus::u8 mimus_embedded_##name##_end[];                                              \
  }                                                                                                  \
  static std::span<const mimus::u8> name() { return {mimus_embedded_##name##_start, mimus_embedded_##name##_end}; }
