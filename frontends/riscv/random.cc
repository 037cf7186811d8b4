#include "frontends/riscv/random.h"

namespace mimus::riscv {

u32 random_encoding(const InsnDesc& row, Rng& rng) {
  const CpuModel everything;
  u32 all = row.pattern.width == 16 ? 0xffff : ~u32{0};
  while (true) {
    u32 raw = (row.pattern.match | (u32(rng()) & ~row.pattern.mask)) & all;
    Insn insn;
    // Another, more specific row may own the word.
    if (decode(raw, everything, insn) && insn.desc == &row) return raw;
  }
}

u32 random_insn(Rng& rng, const std::function<bool(const InsnDesc&)>& filter) {
  std::span<const InsnDesc> table = instruction_table();
  while (true) {
    const InsnDesc& row = table[rng() % table.size()];
    if (filter(row)) return random_encoding(row, rng);
  }
}

u32 set_field(const InsnDesc& row, u32 raw, char letter, u32 value) {
  specgen::BitRange range = specgen::bit_range(row.pattern, letter);
  u32 mask = ((u32{1} << range.width) - 1) << range.lsb;
  return (raw & ~mask) | (value << range.lsb & mask);
}

}  // namespace mimus::riscv
