// The reference pages of the ISA, printed from the tables.
#include <fmt/format.h>

#include "frontends/aarch64/sysreg.h"
#include "frontends/aarch64/table.h"

namespace mimus::aarch64 {
namespace {

constexpr std::string_view kNames[] = {
#define FEATURE(id, ...) #id,
#include "frontends/aarch64/features.def"
#undef FEATURE
};

void instructions(std::string& text) {
  for (unsigned f = 0; f < kFeatureCount; ++f) {
    bool first = true;
    for (const InsnDesc& row : instruction_table()) {
      if (unsigned(row.feature) != f) continue;
      if (first) text += fmt::format("\n### {}\n\n| instruction | encoding | operands |\n|---|---|---|\n", kNames[f]);
      first = false;
      text += fmt::format("| `{}` | `{}` | {} |\n", row.mnemonic, row.encoding, row.operands);
    }
  }
}

void registers(std::string& text) {
  text += "\n## System registers\n\n| op0 op1 CRn CRm op2 | name | from | access | feature |\n|---|---|---|---|---|\n";
  for (const SysregDesc& row : sysreg_table()) {
    const u32 n = row.number;
    text += fmt::format("| {} {} {} {} {} | `{}` | EL{} | {} | {} |\n", n >> 14, n >> 11 & 7, n >> 7 & 15, n >> 3 & 15,
                        n & 7, row.name, row.el, row.write ? "read, write" : "read", kNames[unsigned(row.feature)]);
  }
}

}  // namespace

std::string isa_reference() {
  std::string text = R"(# AArch64: instructions and system registers

Made from the tables in `frontends/aarch64/` by the program `aarch64_reference`; a test compares the two. What the letters of
encodings mean is in `frontends/aarch64/fields.def`, words in braces depend on fields. Optional features are switched by
`--cpu max,-lse`.

## Instructions
)";
  instructions(text);
  registers(text);
  return text;
}

}  // namespace mimus::aarch64
