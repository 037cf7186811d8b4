#include "frontends/aarch64/table.h"

#include "frontends/aarch64/where.h"
#include "frontends/specgen/decoder.h"

namespace mimus::aarch64 {

namespace translate {
#define INSN(mnemonic, function, ...) Next function(Translator&, const Insn&);
#include "frontends/aarch64/instructions.def"
#undef INSN
}  // namespace translate

namespace {

constexpr bool zero = false, sign = true;  // the words in formats.def
constexpr specgen::Immediate kImmediates[] = {
#define FORMAT(name, extend, text, shift) specgen::parse_immediate(extend, text, shift),
#include "frontends/aarch64/formats.def"
#undef FORMAT
};

constexpr InsnDesc row(std::string_view mnemonic, std::string_view encoding, Format format, std::string_view operands,
                       Feat feature, WhereFn where, TranslateFn translate) {
  return {mnemonic, encoding, specgen::parse_pattern(encoding), format, operands, feature, where, translate};
}

constexpr InsnDesc kTable[] = {
#define INSN(mnemonic, function, encoding, format, operands, feature, condition) \
  row(mnemonic, encoding, Format::format, operands, Feat::feature, where::condition, translate::function),
#include "frontends/aarch64/instructions.def"
#undef INSN
};

// The rest of the rules is in check_table.cc.
constexpr bool well_formed() {
  for (const InsnDesc& d : kTable)
    if (d.pattern.error) return false;
  return true;
}
static_assert(well_formed(), "an encoding in instructions.def is malformed");

// Bits 28 to 24 are the top-level groups, 31 to 29 and 23 to 21 divide most of them.
using TableDecoder = specgen::Decoder<{10, 6}, {21, 4}, {25, 4}, {29, 3}>;

TableDecoder make_decoder() {
  std::vector<TableDecoder::Row> rows;
  for (u16 i = 0; i < std::size(kTable); ++i) rows.push_back({&kTable[i].pattern, i});
  return TableDecoder(std::move(rows));
}

}  // namespace

std::span<const InsnDesc> instruction_table() { return kTable; }
const specgen::Immediate& immediate_format(Format format) { return kImmediates[unsigned(format)]; }

s64 extract_immediate(Format format, u32 raw) { return immediate_format(format).extract(raw); }
u32 insert_immediate(Format format, u32 raw, s64 value) { return immediate_format(format).insert(raw, value); }

bool decode(u32 raw, const CpuModel& model, Insn& insn) {
  static const TableDecoder decoder = make_decoder();
  insn.raw = raw;
  const int found =
      decoder.find(raw, [&](unsigned i) { return model.has(kTable[i].feature) && kTable[i].where(raw, model); });
  if (found < 0) return false;
  insn.desc = &kTable[found];
  insn.imm = extract_immediate(insn.desc->format, raw);
  return true;
}

InsnDesc make_row(std::string_view mnemonic, std::string_view encoding, Format format) {
  return row(mnemonic, encoding, format, "", Feat::Base, where::any, nullptr);
}

}  // namespace mimus::aarch64
