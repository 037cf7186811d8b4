// The instruction table as data: what instructions.def and formats.def say about each encoding.
#pragma once

#include <span>
#include <string_view>

#include "frontends/riscv/riscv.h"
#include "frontends/specgen/pattern.h"

namespace mimus::riscv {

class Translator;
struct Insn;

enum class Next : u8 { go_on, stop };  // whether the block goes on after this instruction
using TranslateFn = Next (*)(Translator&, const Insn&);
using LiftFn = Next (*)(Translator&, Insn&);  // fills in the immediate and calls a TranslateFn

enum class Format : u8 {
#define FORMAT(name, ...) name,
#include "frontends/riscv/formats.def"
#undef FORMAT
};

// Fields that must not be zero.
enum class Where : u8 { any, rd, rs1, rs2, imm };

// Where an operand register's number comes from: base + the bits of the field.
struct RegisterField {
  u8 lsb = 0, width = 0, base = 0;
  constexpr u8 get(u32 raw) const { return u8(base + ((raw >> lsb) & ((1u << width) - 1))); }
};

struct InsnDesc {
  std::string_view mnemonic;
  std::string_view encoding;
  specgen::Pattern pattern;
  Format format;
  std::string_view operands;
  Ext extension;
  Where where;
  LiftFn lift;
  RegisterField rd, rs1, rs2, rs3;
};

std::span<const InsnDesc> instruction_table();

// A decoded instruction. Absent register fields are 0.
struct Insn {
  const InsnDesc* desc = nullptr;
  u32 raw = 0;  // 16-bit encodings zero-extended
  u8 length = 0;
  u8 rd = 0, rs1 = 0, rs2 = 0, rs3 = 0;
  s64 imm = 0;

  u32 csr() const { return raw >> 20; }
  u32 rm() const { return raw >> 12 & 7; }
  bool aq() const { return raw >> 26 & 1; }
  bool rl() const { return raw >> 25 & 1; }
  u32 pred() const { return raw >> 24 & 15; }
  u32 succ() const { return raw >> 20 & 15; }
};

// Length in bytes of the instruction whose first parcel is `first` (Volume I, 1.5: longer ones are not implemented and
// count as 4 bytes).
constexpr unsigned insn_length(u16 first) { return (first & 3) == 3 ? 4 : 2; }

// Decodes `raw` into `insn`; false (with raw and length set) if no row of the extensions in `model` matches.
bool decode(u32 raw, const CpuModel& model, Insn& insn);
// The same without the immediate, for translation: InsnDesc::lift adds it.
bool decode_fields(u32 raw, const CpuModel& model, Insn& insn);

// The immediate of `format` in `raw`, and its inverse: `raw` with the immediate replaced by the nearest one that the
// format can express.
s64 extract_immediate(Format format, u32 raw);
u32 insert_immediate(Format format, u32 raw, s64 value);

// Objdump's text for a decoded instruction at `pc`, without aliases.
std::string disassemble(const Insn& insn, GuestPc pc);
std::string_view register_name(unsigned index);        // "zero", "ra", ...
std::string_view float_register_name(unsigned index);  // "ft0", ...

// What is wrong with a table: clashing rows, malformed encodings, fields of a wrong width. Empty for a sound one.
std::vector<std::string> check_table(std::span<const InsnDesc> rows);
// Builds a row the way the table does, for tests of check_table.
InsnDesc make_row(std::string_view mnemonic, std::string_view encoding, Format format, Ext extension);

// docs/reference/riscv.md: every instruction by extension, every CSR.
std::string isa_reference();

}  // namespace mimus::riscv
