// The rules that instructions.def has to keep.
#include <fmt/format.h>

#include "frontends/aarch64/table.h"

namespace mimus::aarch64 {
namespace {

struct Field {
  char letter;
  u8 lsb, width;
};
constexpr Field kFields[] = {
#define FIELD(letter, name, lsb, width) {letter, lsb, width},
#include "frontends/aarch64/fields.def"
#undef FIELD
};

bool known_place(char letter, specgen::BitRange range) {
  for (const Field& f : kFields)
    if (f.letter == letter && f.lsb == range.lsb && f.width == range.width) return true;
  return false;
}

void check_row(const InsnDesc& row, std::vector<std::string>& errors) {
  auto complain = [&](std::string_view why) { errors.push_back(fmt::format("{}: {}", row.mnemonic, why)); };
  const specgen::Pattern& p = row.pattern;
  if (p.error) return complain(p.error);
  if (p.width != 32) return complain("an A64 encoding has 32 bits");
  for (char letter = 'A'; letter <= 'z'; ++letter) {
    if (letter == 'i' || p.field(letter) == 0) continue;
    const specgen::BitRange range = specgen::bit_range(p, letter);
    if (!known_place(letter, range))
      complain(fmt::format("field '{}' is at no place that fields.def gives it", letter));
  }
  if ((p.field('i') & ~immediate_format(row.format).mask()) != 0)
    complain("immediate bits that the format does not know");
}

}  // namespace

// Rows that overlap without one lying inside the other are told apart by their conditions or features, the one with
// more fixed bits first: so only equal patterns clash.
std::vector<std::string> check_table(std::span<const InsnDesc> rows) {
  std::vector<std::string> errors;
  for (const InsnDesc& row : rows) check_row(row, errors);
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t j = i + 1; j < rows.size(); ++j) {
      const specgen::Pattern &a = rows[i].pattern, &b = rows[j].pattern;
      if (specgen::overlap(a, b) != specgen::Overlap::clash) continue;
      if (rows[i].where == rows[j].where)
        errors.push_back(fmt::format("{} and {} clash", rows[i].mnemonic, rows[j].mnemonic));
    }
  }
  return errors;
}

}  // namespace mimus::aarch64
