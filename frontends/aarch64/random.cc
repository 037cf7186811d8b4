#include "frontends/aarch64/random.h"

namespace mimus::aarch64 {

u32 random_encoding(const InsnDesc& row, const CpuModel& model, Rng& rng) {
  while (true) {
    const u32 raw = row.pattern.match | (u32(rng()) & ~row.pattern.mask);
    Insn insn;
    // Another, more specific row may own the word.
    if (decode(raw, model, insn) && insn.desc == &row) return raw;
  }
}

u32 random_insn(Rng& rng, const CpuModel& model, const std::function<bool(const InsnDesc&)>& filter) {
  std::span<const InsnDesc> table = instruction_table();
  while (true) {
    const InsnDesc& row = table[rng() % table.size()];
    if (model.has(row.feature) && filter(row)) return random_encoding(row, model, rng);
  }
}

u32 set_field(const InsnDesc& row, u32 raw, char letter, u32 value) {
  const specgen::BitRange range = specgen::bit_range(row.pattern, letter);
  const u32 mask = ((u32{1} << range.width) - 1) << range.lsb;
  return (raw & ~mask) | (value << range.lsb & mask);
}

}  // namespace mimus::aarch64
