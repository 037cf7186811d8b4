#include "frontends/riscv/table.h"

#include "frontends/riscv/immediate.h"
#include "frontends/specgen/decoder.h"

namespace mimus::riscv {

namespace translate {
#define INSN(mnemonic, function, ...) Next function(Translator&, const Insn&);
#include "frontends/riscv/instructions.def"
#undef INSN
}  // namespace translate

namespace {

// Extracts the immediate before it calls the translation function: one indirect call instead of two.
template <Format F, TranslateFn Function>
Next with_immediate(Translator& t, Insn& insn) {
  insn.imm = extract<unsigned(F)>(insn.raw);
  return Function(t, insn);
}

constexpr RegisterField register_field(const specgen::Pattern& p, char letter, char other, u8 absent) {
  specgen::BitRange range = specgen::bit_range(p, letter);
  if (range.width == 0 && other) range = specgen::bit_range(p, other);
  if (range.width == 0) return {0, 0, absent};
  return {range.lsb, range.width, u8(range.width == 3 ? 8 : 0)};
}

constexpr InsnDesc row(std::string_view mnemonic, std::string_view encoding, Format format, std::string_view operands,
                       Ext extension, Where where, LiftFn lift) {
  InsnDesc d{mnemonic, encoding, specgen::parse_pattern(encoding), format, operands, extension, where, lift, {}, {},
             {},       {}};
  const ImmediateFormat& f = immediate_format(format);
  d.rd = register_field(d.pattern, 'd', 'x', f.rd);
  d.rs1 = register_field(d.pattern, 's', 'x', f.rs1);
  d.rs2 = register_field(d.pattern, 't', 0, 0);
  d.rs3 = register_field(d.pattern, 'r', 0, 0);
  return d;
}

constexpr InsnDesc kTable[] = {
#define INSN(mnemonic, function, encoding, format, operands, extension, where)    \
  row(mnemonic, encoding, Format::format, operands, Ext::extension, Where::where, \
      with_immediate<Format::format, translate::function>),
#include "frontends/riscv/instructions.def"
#undef INSN
};

// The rest of the rules is in check_table.cc.
constexpr bool well_formed() {
  for (size_t i = 0; i < std::size(kTable); ++i) {
    if (kTable[i].pattern.error) return false;
    for (size_t j = i + 1; j < std::size(kTable); ++j) {
      if (specgen::overlap(kTable[i].pattern, kTable[j].pattern) == specgen::Overlap::clash) return false;
    }
  }
  return true;
}
static_assert(well_formed(), "an encoding in instructions.def is malformed, or two rows clash");

using Extractor = s64 (*)(u32);
template <size_t... I>
constexpr std::array<Extractor, sizeof...(I)> extractors(std::index_sequence<I...>) {
  return {&extract<I>...};
}
constexpr auto kExtractors = extractors(std::make_index_sequence<kFormatCount>{});

// 32 bits: major opcode and funct3, then funct7. 16 bits: quadrant and funct3, then what splits the 100 group.
using WideDecoder = specgen::Decoder<{25, 7}, {2, 5}, {12, 3}>;
using NarrowDecoder = specgen::Decoder<{5, 8}, {0, 2}, {13, 3}>;

template <class Decoder>
Decoder make_decoder(unsigned width) {
  std::vector<typename Decoder::Row> rows;
  for (u16 i = 0; i < std::size(kTable); ++i) {
    if (kTable[i].pattern.width == width) rows.push_back({&kTable[i].pattern, i});
  }
  return Decoder(std::move(rows));
}

bool satisfies(const InsnDesc& d, u32 raw) {
  switch (d.where) {
    case Where::any: return true;
    case Where::rd: return d.rd.get(raw) != 0;
    case Where::rs1: return d.rs1.get(raw) != 0;
    case Where::rs2: return d.rs2.get(raw) != 0;
    case Where::imm: return extract_immediate(d.format, raw) != 0;
  }
  return false;
}

}  // namespace

std::span<const InsnDesc> instruction_table() { return kTable; }

s64 extract_immediate(Format format, u32 raw) { return kExtractors[unsigned(format)](raw); }

u32 insert_immediate(Format format, u32 raw, s64 value) { return immediate_format(format).insert(raw, value); }

bool decode_fields(u32 raw, const CpuModel& model, Insn& insn) {
  static const WideDecoder wide = make_decoder<WideDecoder>(32);
  static const NarrowDecoder narrow = make_decoder<NarrowDecoder>(16);
  insn.length = u8(insn_length(u16(raw)));
  insn.raw = raw = insn.length == 4 ? raw : raw & 0xffff;
  auto accept = [&](unsigned i) {
    return model.has(kTable[i].extension) && (kTable[i].where == Where::any || satisfies(kTable[i], raw));
  };
  int found = insn.length == 4 ? wide.find(raw, accept) : narrow.find(raw, accept);
  if (found < 0) return false;
  const InsnDesc& d = kTable[found];
  insn.desc = &d;
  insn.rd = d.rd.get(raw);
  insn.rs1 = d.rs1.get(raw);
  insn.rs2 = d.rs2.get(raw);
  insn.rs3 = d.rs3.get(raw);
  return true;
}

bool decode(u32 raw, const CpuModel& model, Insn& insn) {
  if (!decode_fields(raw, model, insn)) return false;
  insn.imm = extract_immediate(insn.desc->format, insn.raw);
  return true;
}

InsnDesc make_row(std::string_view mnemonic, std::string_view encoding, Format format, Ext extension) {
  return row(mnemonic, encoding, format, "", extension, Where::any, nullptr);
}

}  // namespace mimus::riscv
