// Translation of addresses: the VMSAv8-64 translation system (DDI 0487, D8).
#pragma once

#include <variant>

#include "core/engine/frontend.h"
#include "core/memory/physical.h"
#include "frontends/aarch64/state.h"

namespace mimus::aarch64 {

// What is asked of the translation system.
struct Request {
  GuestVa va = 0;
  Access access = Access::read;
  unsigned level = 1;   // of the regime: 1 (EL1&0), 2 or 3
  bool el0 = false;     // with the permissions of EL0
  bool pan = false;     // PSTATE.PAN
  bool stage2 = true;   // false: the result is what stage 1 makes of it, where there is stage 2
  bool may_set = true;  // may set the access flag and the dirty state, where the hardware does that
};

// Where an address leads, and what may be done there.
struct Mapping {
  GuestPa address = 0;
  u64 size = kPageSize;  // of the smallest block or page that it comes from, contiguous ones together
  bool readable = false, writable = false, executable = false;
  bool clean = false;  // writable, but the first write has to be seen
  bool global = true;
  bool guarded = false;  // GP: branch targets are checked
  u8 attributes = 0;     // as a byte of MAIR_ELx
  u8 shareability = 2;   // SH
};
using Mapped = std::variant<Mapping, Fault>;

// Both stages, as far as they are switched on. Faults are aborts as abort_fault has them.
Mapped translate_address(Aarch64State& state, PhysicalMemory& memory, const Request& request);

// Frontend::walk.
WalkResult walk(Aarch64State& state, PhysicalMemory& memory, GuestVa va, Access access, unsigned regime);

// What walk() asks for.
Request request_for(const Aarch64State& state, GuestVa va, Access access, unsigned regime);

// ID_AA64MMFR0_EL1.PARange, TCR_EL1.IPS and their like: bits of an address.
constexpr unsigned address_bits(u64 encoded) {
  constexpr u8 kBits[] = {32, 36, 40, 42, 44, 48};
  return encoded < 6 ? kBits[encoded] : 48;
}
constexpr u64 encode_address_bits(unsigned bits) {
  u64 encoded = 0;
  while (address_bits(encoded) < bits) ++encoded;
  return encoded;
}

}  // namespace mimus::aarch64
