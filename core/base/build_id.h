// What tells one build of this program from every other.
#pragma once

#include <string>

namespace mimus {

// The linker's hash of the object that this function is in (ELF note NT_GNU_BUILD_ID), in hexadecimal. Empty if it has
// none.
std::string build_id();

}  // namespace mimus
