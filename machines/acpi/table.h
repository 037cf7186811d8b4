// ACPI tables: fields one behind the other, and those tables that boards of every architecture have.
//
// Specification: Advanced Configuration and Power Interface 6.4, chapter 5.2; PCI Firmware 3.2, 4.1.2 (MCFG);
// Microsoft, Serial Port Console Redirection Table and Debug Port Table 2.
#pragma once

#include <bit>
#include <concepts>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/base/types.h"

namespace mimus::acpi {

class Table {
 public:
  static constexpr size_t kHeaderBytes = 36, kLengthOffset = 4, kChecksumOffset = 9;

  Table(std::string_view signature, u8 revision);

  template <std::unsigned_integral T>
  Table& put(std::type_identity_t<T> value) {
    for (unsigned i = 0; i < sizeof(T); i++) bytes_.push_back(u8(value >> (8 * i)));
    return *this;
  }
  Table& put(std::string_view text) { return put_bytes({text.begin(), text.end()}); }
  Table& put_bytes(const std::vector<u8>& bytes);
  Table& zeros(size_t count) { return put_bytes(std::vector<u8>(count)); }
  // Generic Address Structure (5.2.3.2) of registers in memory.
  Table& put_registers(GuestPa base, u8 bits);

  size_t size() const { return bytes_.size(); }
  // With its length and without its checksum, which comes when pointers in it have got their values.
  const std::vector<u8>& finish();

 private:
  std::vector<u8> bytes_;
};

// How the machine is switched off and reset where there is no ACPI hardware: through PSCI, by SMC or HVC calls.
enum class BootArchitecture : u16 { none = 0, arm_psci = 1, arm_psci_hvc = 3 };

inline constexpr size_t kFadtDsdtOffset = 140;  // X_DSDT
Table hardware_reduced_fadt(BootArchitecture arm);

struct Ecam {
  GuestPa base;
  u16 segment;
  u8 first_bus, last_bus;
};
Table mcfg(const Ecam& ecam);

// The serial port of the console, under both of its names (SPCR for the console, DBG2 for debuggers).
struct SerialPort {
  u8 type;  // of DBG2's subtypes: 3 is the PL011
  GuestPa base;
  u32 size;
  u8 interrupt_type;  // 8: a GIC's
  u32 gsi;
  std::string_view path;  // in the namespace
};
Table spcr(const SerialPort& port);
Table dbg2(const SerialPort& port);

}  // namespace mimus::acpi
