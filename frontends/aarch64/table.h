// The instruction table as data: what instructions.def and formats.def say about each encoding.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "frontends/aarch64/aarch64.h"
#include "frontends/specgen/immediate.h"
#include "frontends/specgen/pattern.h"

namespace mimus::aarch64 {

class Translator;
struct Insn;

enum class Next : u8 { go_on, stop };  // whether the block goes on after this instruction
using TranslateFn = Next (*)(Translator&, const Insn&);
// Whether the fields of an encoding are allowed: else the row does not match (where.h).
using WhereFn = bool (*)(u32 raw, const CpuModel& model);

enum class Format : u8 {
#define FORMAT(name, ...) name,
#include "frontends/aarch64/formats.def"
#undef FORMAT
};

struct InsnDesc {
  std::string_view mnemonic;
  std::string_view encoding;
  specgen::Pattern pattern;
  Format format;
  std::string_view operands;
  Feat feature;
  WhereFn where;
  TranslateFn translate;
};

std::span<const InsnDesc> instruction_table();
const specgen::Immediate& immediate_format(Format format);

// A decoded instruction. The fields are where the manual has them in most encodings; what a row does not have means
// nothing.
struct Insn {
  const InsnDesc* desc = nullptr;
  u32 raw = 0;
  s64 imm = 0;

  constexpr u32 get(unsigned lsb, unsigned width) const { return (raw >> lsb) & ((1u << width) - 1); }
  u32 rd() const { return get(0, 5); }
  u32 rt() const { return get(0, 5); }
  u32 rn() const { return get(5, 5); }
  u32 rm() const { return get(16, 5); }
  u32 rs() const { return get(16, 5); }
  u32 ra() const { return get(10, 5); }
  u32 rt2() const { return get(10, 5); }
  bool sf() const { return get(31, 1); }
  bool q() const { return get(30, 1); }
  u32 size() const { return get(30, 2); }  // of a load or store
  u32 shift() const { return get(22, 2); }
  u32 imm6() const { return get(10, 6); }
  u32 immr() const { return get(16, 6); }
  u32 imms() const { return get(10, 6); }
  u32 option() const { return get(13, 3); }
  u32 cond() const { return get(12, 4); }
  u32 nzcv() const { return get(0, 4); }
  u32 ftype() const { return get(22, 2); }
};

// Decodes `raw` into `insn`; false (with raw set) if no row of the features in `model` matches.
bool decode(u32 raw, const CpuModel& model, Insn& insn);

s64 extract_immediate(Format format, u32 raw);
u32 insert_immediate(Format format, u32 raw, s64 value);

// Objdump's text for a decoded instruction at `pc`, without aliases.
std::string disassemble(const Insn& insn, GuestPc pc);

// What is wrong with a table: clashing rows, malformed encodings, fields in wrong places. Empty for a sound one.
std::vector<std::string> check_table(std::span<const InsnDesc> rows);
// Builds a row the way the table does, for tests of check_table.
InsnDesc make_row(std::string_view mnemonic, std::string_view encoding, Format format);

// docs/reference/aarch64.md: every instruction by feature, every system register.
std::string isa_reference();

// DecodeBitMasks of the manual: the mask of a logical immediate, or nothing if N:imms:immr is reserved.
struct BitMasks {
  bool valid = false;
  u64 wmask = 0, tmask = 0;
};
constexpr BitMasks decode_bit_masks(bool n, u32 imms, u32 immr, bool immediate, bool is64) {
  const u32 selector = (u32(n) << 6) | (~imms & 0x3f);
  if (selector == 0) return {};
  const unsigned len = unsigned(std::bit_width(selector)) - 1;
  if (len == 0 || (!is64 && len == 6)) return {};
  const u32 levels = (1u << len) - 1;
  if (immediate && (imms & levels) == levels) return {};
  const unsigned s = imms & levels, r = immr & levels, esize = 1u << len;
  const unsigned d = (s - r) & levels;
  auto replicate = [&](u64 element) {
    for (unsigned e = esize; e < 64; e *= 2) element |= element << e;
    return element;
  };
  const u64 welem = ~u64{0} >> (63 - s), telem = ~u64{0} >> (63 - d);
  const u64 all = ~u64{0} >> (64 - esize);
  const u64 rotated = r == 0 ? welem : ((welem >> r) | (welem << (esize - r))) & all;
  const u64 width = is64 ? ~u64{0} : 0xffffffff;
  return {true, replicate(rotated) & width, replicate(telem) & width};
}

}  // namespace mimus::aarch64
