#include "machines/debug/registers.h"

#include <fmt/format.h>

namespace mimus {
namespace {

constexpr unsigned kColumns = 4;

// The slot's bytes as one hex number, most significant first; widths beyond 64 bits are shown in full.
std::string slot_value(const CpuState& state, const SlotDesc& slot) {
  const u8* data = reinterpret_cast<const u8*>(&state) + slot.offset;
  std::string text;
  for (unsigned i = slot.type.bytes(); i > 0; i--) text += fmt::format("{:02x}", data[i - 1]);
  return text;
}

}  // namespace

std::string format_registers(const CpuState& state, const StateLayout& layout, bool all) {
  std::string text;
  unsigned column = 0;
  for (const SlotDesc& slot : layout.slots) {
    const bool basic = slot.role == SlotRole::general || slot.role == SlotRole::program_counter;
    if (!basic && !all) continue;
    text += fmt::format("{:>12} {:<16}", slot.name, slot_value(state, slot));
    text += ++column % kColumns ? "" : "\n";
  }
  if (column % kColumns) text += "\n";
  return text;
}

}  // namespace mimus
