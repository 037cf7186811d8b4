// The first thing that the slow path of a load or store does: look into the TLB once more, for this access alone. Code
// that looks up a range for several accesses comes here for each of them when the range is not on one page.
#pragma once

#include <functional>

#include "backends/emit/assembler.h"

namespace mimus::emit {

struct Reprobe {
  bool store = false;
  u8 state = kStateRegister;  // register that holds the CpuState
  // Memory operands of the access, given what has been pushed (bytes) besides: each word of 64 bits, desc of 32.
  std::function<Xbyak::Address(u32 pushed)> va, value, result, desc;
  std::function<void()> before_return = [] {};
};

// Emits it in front of the slow path: returns (`ret`) when the access has been made, goes on with all registers as
// they were when it cannot be.
void write_reprobe(Assembler& a, const Reprobe& access);

}  // namespace mimus::emit
