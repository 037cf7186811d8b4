// The reference pages of the ISA, printed from the tables.
#include <fmt/format.h>

#include "frontends/riscv/csr.h"
#include "frontends/riscv/table.h"

namespace mimus::riscv {
namespace {

constexpr std::string_view kNames[] = {
#define EXT(id, name, optional) name,
#include "frontends/riscv/extensions.def"
#undef EXT
};

void instructions(std::string& text) {
  for (unsigned e = 0; e < kExtCount; ++e) {
    bool first = true;
    for (const InsnDesc& row : instruction_table()) {
      if (unsigned(row.extension) != e) continue;
      if (first) text += fmt::format("\n### {}\n\n| instruction | encoding | operands |\n|---|---|---|\n", kNames[e]);
      first = false;
      std::string operands;
      for (char c : row.operands) operands += c == '?' || c == '!' ? std::string(", rm") : std::string(1, c);
      text += fmt::format("| `{}` | `{}` | {} |\n", row.mnemonic, row.encoding, operands);
    }
  }
}

void registers(std::string& text) {
  constexpr std::string_view modes[] = {"U", "S", "", "M"};
  text +=
      "\n## Control and status registers\n\n| number | name | from mode | access | extension "
      "|\n|---|---|---|---|---|\n";
  for (u32 n = 0; n < 4096; ++n) {
    const CsrDesc* row = find_csr(n);
    if (!row) continue;
    bool fixed = CsrDesc::read_only(n) || !row->write;
    text += fmt::format("| {:#x} | `{}` | {} | {} | {} |\n", n, row->name, modes[CsrDesc::min_privilege(n)],
                        fixed ? "read" : "read, write", kNames[unsigned(row->extension)]);
  }
}

}  // namespace

std::string isa_reference() {
  std::string text = R"(# RISC-V: instructions and CSRs

Made from the tables in `frontends/riscv/` by the program `riscv_reference`; a test compares the two. What the letters of
encodings mean is in `frontends/riscv/instructions.def`. Optional extensions are switched by `--cpu max,-zba`.

## Instructions
)";
  instructions(text);
  registers(text);
  return text;
}

}  // namespace mimus::riscv
