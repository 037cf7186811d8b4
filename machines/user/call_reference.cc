// docs/reference/syscalls.md, from the table of calls.
#include <fmt/format.h>

#include "machines/user/syscalls.h"

namespace mimus::user {

std::string call_reference() {
  static constexpr std::string_view kKinds[] = {
      "none",    "number",    "size",   "hex",    "octal",         "access", "fd",       "dirfd",       "open_flags",
      "prot",    "map_flags", "signal", "whence", "clock",         "advice", "at_flags", "clone_flags", "futex_op",
      "pointer", "in",        "out",    "path",   "path_nofollow", "text",   "address"};
  static_assert(std::size(kKinds) == size_t(Kind::address) + 1);
  std::string text =
      "# System calls of `mimus exec`\n\nGenerated from `machines/user/syscalls.def` by "
      "`tests/user/call_reference.cc`. How: "
      "*host* passes the call to the host's kernel with addresses shifted, *own* converts or emulates, *none* answers "
      "ENOSYS on purpose, as every number does that is not here. Numbers: the generic 64-bit table (RISC-V, AArch64) "
      "and "
      "x86-64's.\n\n| call | generic | x86-64 | how | arguments |\n|---|---|---|---|---|\n";
  auto number = [](int value) { return value < 0 ? std::string("-") : std::to_string(value); };
  for (const Call& call : call_table()) {
    std::string arguments;
    for (Kind kind : call.args)
      if (kind != Kind::none) arguments += fmt::format("{}{}", arguments.empty() ? "" : ", ", kKinds[size_t(kind)]);
    const char* how = call.function == pass ? "host" : call.function == no_such_call ? "none" : "own";
    text += fmt::format("| {} | {} | {} | {} | {} |\n", call.name, number(call.generic), number(call.x86_64), how,
                        arguments);
  }
  return text;
}

}  // namespace mimus::user
