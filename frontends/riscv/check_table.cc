// The rules that instructions.def has to keep.
#include <fmt/format.h>

#include "frontends/riscv/immediate.h"
#include "frontends/riscv/table.h"

namespace mimus::riscv {
namespace {

struct FieldRule {
  char letter;
  u8 width32, width16, other16;  // allowed widths in 32-bit and 16-bit encodings; 0: must not occur
};
constexpr FieldRule kFields[] = {
    {'d', 5, 5, 3}, {'s', 5, 5, 3}, {'t', 5, 5, 3}, {'x', 0, 5, 3}, {'r', 5, 0, 0}, {'c', 12, 0, 0},
    {'m', 3, 0, 0}, {'q', 1, 0, 0}, {'l', 1, 0, 0}, {'f', 4, 0, 0}, {'p', 4, 0, 0}, {'u', 4, 0, 0},
};

void check_row(const InsnDesc& row, std::vector<std::string>& errors) {
  auto complain = [&](std::string_view why) { errors.push_back(fmt::format("{}: {}", row.mnemonic, why)); };
  const specgen::Pattern& p = row.pattern;
  if (p.error) return complain(p.error);
  bool narrow = p.width == 16;
  if (narrow == ((p.match & p.mask & 3) == 3)) complain("the two lowest bits do not agree with the length");
  u32 known = p.mask | p.field('.') | p.field('i');
  for (const FieldRule& rule : kFields) {
    specgen::BitRange range = specgen::bit_range(p, rule.letter);
    if (range.width == 0) continue;
    known |= p.field(rule.letter);
    bool fits = narrow ? range.width == rule.width16 || range.width == rule.other16 : range.width == rule.width32;
    if (range.width == 255) {
      complain(fmt::format("field '{}' is in several pieces", rule.letter));
    } else if (!fits) {
      complain(fmt::format("field '{}' is {} bits wide", rule.letter, range.width));
    }
  }
  u32 all = narrow ? 0xffff : ~u32{0};
  if (known != all) complain("there is no field of that letter");
  const u32 immediate = immediate_format(row.format).mask();
  if ((p.field('i') & ~immediate) != 0) complain("immediate bits that the format does not know");
}

}  // namespace

std::vector<std::string> check_table(std::span<const InsnDesc> rows) {
  std::vector<std::string> errors;
  for (const InsnDesc& row : rows) check_row(row, errors);
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t j = i + 1; j < rows.size(); ++j) {
      if (specgen::overlap(rows[i].pattern, rows[j].pattern) == specgen::Overlap::clash) {
        errors.push_back(fmt::format("{} and {} clash", rows[i].mnemonic, rows[j].mnemonic));
      }
    }
  }
  return errors;
}

}  // namespace mimus::riscv
