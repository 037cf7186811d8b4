#include "machines/acpi/table.h"

#include <cassert>

namespace mimus::acpi {

Table::Table(std::string_view signature, u8 revision) {
  assert(signature.size() == 4);
  put(signature).zeros(4).put<u8>(revision).zeros(1);
  put("MIMUS ").put("VIRT    ").put<u32>(1).put("MIMS").put<u32>(1);
  assert(size() == kHeaderBytes);
}

Table& Table::put_bytes(const std::vector<u8>& bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return *this;
}

Table& Table::put_registers(GuestPa base, u8 bits) {
  const u8 access = u8(std::countr_zero(bits) - 2);  // 1: bytes, 2: words, 3: double words
  return put<u8>(0).put<u8>(bits).put<u8>(0).put<u8>(access).put<u64>(base);
}

const std::vector<u8>& Table::finish() {
  for (unsigned i = 0; i < 4; i++) bytes_[kLengthOffset + i] = u8(bytes_.size() >> (8 * i));
  return bytes_;
}

// 5.2.9. Without ACPI hardware nearly all of it is zero.
Table hardware_reduced_fadt(BootArchitecture arm) {
  constexpr u32 kPowerButton = 1 << 4, kSleepButton = 1 << 5, kHardwareReduced = 1 << 20;  // 4, 5: not fixed hardware
  Table table("FACP", 6);
  table.zeros(112 - table.size()).put<u32>(kPowerButton | kSleepButton | kHardwareReduced);
  table.zeros(129 - table.size()).put<u16>(u16(arm)).put<u8>(3);  // minor version
  table.zeros(268 - table.size()).put("MIMUS\0\0\0");
  table.zeros(276 - table.size());
  return table;
}

Table mcfg(const Ecam& ecam) {
  Table table("MCFG", 1);
  table.zeros(8).put<u64>(ecam.base).put<u16>(ecam.segment).put<u8>(ecam.first_bus).put<u8>(ecam.last_bus).zeros(4);
  return table;
}

Table spcr(const SerialPort& port) {
  constexpr u8 k115200 = 7, kOneStopBit = 1, kVt100Plus = 1;
  constexpr u16 kNoPciDevice = 0xffff;
  Table table("SPCR", 2);
  table.put<u8>(port.type).zeros(3).put_registers(port.base, 32);
  table.put<u8>(port.interrupt_type).put<u8>(0).put<u32>(port.gsi);
  table.put<u8>(k115200).put<u8>(0).put<u8>(kOneStopBit).put<u8>(0).put<u8>(kVt100Plus).put<u8>(0);
  table.put<u16>(kNoPciDevice).put<u16>(kNoPciDevice);
  table.zeros(80 - table.size());
  return table;
}

Table dbg2(const SerialPort& port) {
  constexpr u16 kSerial = 0x8000, kRegisters = 22, kSize = kRegisters + 12, kPath = kSize + 4;  // offsets in the entry
  const u16 path = u16(port.path.size() + 1);
  Table table("DBG2", 0);
  table.put<u32>(Table::kHeaderBytes + 8).put<u32>(1);
  table.put<u8>(0).put<u16>(u16(kPath + path)).put<u8>(1).put<u16>(path).put<u16>(kPath).put<u16>(0).put<u16>(0);
  table.put<u16>(kSerial).put<u16>(port.type).put<u16>(0).put<u16>(kRegisters).put<u16>(kSize);
  table.put_registers(port.base, 32).put<u32>(port.size).put(port.path).zeros(1);
  return table;
}

}  // namespace mimus::acpi
