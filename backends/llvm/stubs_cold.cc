// The code of cold sites: stores what LLVM has in registers and on its stack to the state, calls the runtime, and goes
// back behind the patchpoint or leaves.
#include <cstddef>

#include "backends/llvm/stubs.h"

namespace mimus::jit {

using namespace Xbyak::util;
using emit::Cond;

// Registers that the stub works with. All others have to stay as they are.
struct StubWriter::Frame {
  u8 state;  // holds the CpuState
  u8 spill;  // any other; its value is in the spill word while the stub uses it
};

namespace {

constexpr u32 scratch_offset(u32 word) { return u32(offsetof(CpuState, scratch)) + 8 * word; }

bool in_register(const Location& location) {
  return location.kind == Location::Kind::general || location.kind == Location::Kind::vector;
}
bool fits_immediate(s64 value, u32 bytes) { return bytes < 8 || value == s32(value); }

// As the assembler wants it: sign-extended for 8 bytes, zero-extended for fewer.
u64 immediate(s64 value, u32 bytes) { return bytes == 8 ? u64(value) : bits(u64(value), 0, bytes * 8); }

Xbyak::Reg sized(u8 number, u32 bytes) {
  switch (bytes) {
    case 1: return Xbyak::Reg8(number, number >= 4 && number < 8);  // SPL to DIL, not AH to BH
    case 2: return Xbyak::Reg16(number);
    case 4: return Xbyak::Reg32(number);
    default: return Xbyak::Reg64(number);
  }
}

}  // namespace

void StubWriter::store_register(const Frame& frame, const Location& from, u32 offset, u32 bytes) {
  if (from.kind == Location::Kind::general)
    return a_.mov(field(frame.state, offset, bytes * 8), sized(from.reg, bytes));
  if (bytes == 4) return a_.movss(field(frame.state, offset, 32), Xbyak::Xmm(from.reg));
  a_.movsd(field(frame.state, offset, 64), Xbyak::Xmm(from.reg));
}

// Constants and words of LLVM's frame.
void StubWriter::store_by_spill(const Frame& frame, const Location& from, u32 offset, u32 bytes) {
  const Xbyak::Reg64 via(frame.spill);
  if (from.kind == Location::Kind::constant) {
    if (fits_immediate(from.value, bytes))
      return a_.mov(field(frame.state, offset, bytes * 8), immediate(from.value, bytes));
    a_.mov(via, u64(from.value));
  } else if (bytes == 8) {
    a_.mov(via, field(from.reg, from.value));
  } else {
    a_.mov(via.cvt32(), field(from.reg, from.value, 32));
  }
  a_.mov(field(frame.state, offset, bytes * 8), sized(frame.spill, bytes));
}

void StubWriter::store_all(const Frame& frame, const ColdSite& site, const StackMap::Record& record) {
  struct Store {
    Location from;
    u32 offset, bytes;
  };
  std::vector<Store> others;
  const auto add = [&](const Location& from, u32 offset, u32 bytes) {
    if (in_register(from))
      store_register(frame, from, offset, bytes);
    else
      others.push_back({from, offset, bytes});
  };
  size_t at = site.result ? 2 : 1;  // the result and the state come first
  for (u8 word : site.words) add(record.locations[at++], scratch_offset(word), 8);
  for (const ColdSite::Piece& piece : site.pieces) add(record.locations[at++], piece.offset, piece.bytes);
  others.push_back({{Location::Kind::constant, 0, s64(site.pc)}, u32(offsetof(CpuState, pc)), 8});
  if (site.kind != ColdSite::Kind::poll) {
    const u64 word = site.desc | u64{site.extra} << 32;
    others.push_back({{Location::Kind::constant, 0, s64(word)}, scratch_offset(SlowArguments::kDesc), 8});
  }
  bool spills = false;
  for (const Store& s : others)
    spills |= s.from.kind == Location::Kind::memory || !fits_immediate(s.from.value, s.bytes);
  const Xbyak::Address saved = field(frame.state, scratch_offset(SlowArguments::kSpill));
  if (spills) a_.mov(saved, Xbyak::Reg64(frame.spill));
  for (const Store& s : others) store_by_spill(frame, s.from, s.offset, s.bytes);
  if (spills) a_.mov(Xbyak::Reg64(frame.spill), saved);
}

u32 StubWriter::write_cold(const StackMap::Record& record) {
  const ColdSite& site = compiled_.cold_sites[record.id];
  const u32 start = a_.offset();
  if (site.access) return start;  // has its landing pad
  const Location& state_at = record.locations[site.result ? 1 : 0];
  const Frame frame{state_at.reg, state_at.reg == 0 ? u8{1} : u8{0}};
  store_all(frame, site, record);
  if (site.kind == ColdSite::Kind::poll) {
    a_.mov(field(frame.state, offsetof(CpuState, leave), 32), u32(Leave::poll));
    leave_cold(frame, site);
    return start;
  }
  a_.push(Xbyak::Reg64(frame.state));
  call(thunks_.slow(site.function, compiled_.wide_vectors));
  a_.pop(Xbyak::Reg64(frame.state));
  if (site.kind == ColdSite::Kind::leave) {
    leave_cold(frame, site);
    return start;
  }
  a_.cmp(field(frame.state, offsetof(CpuState, leave), 32), 0);
  const emit::Jump out = a_.jcc_near(Cond::ne);
  if (site.result)
    a_.mov(Xbyak::Reg64(record.locations[0].reg), field(frame.state, scratch_offset(SlowArguments::kFirst)));
  constexpr u32 kJumpBytes = 5;
  jump_to_function(record.offset + kJumpBytes);
  a_.bind_near(out);
  leave_cold(frame, site);
  return start;
}

// All that the guest can see is in the state: nothing in a register counts any more.
void StubWriter::leave_cold(const Frame& frame, const ColdSite& site) {
  if (frame.state != emit::kStateRegister) a_.mov(emit::rstate, Xbyak::Reg64(frame.state));
  if (options_.count_insns && site.kind == ColdSite::Kind::call) {
    // As Lowering::count_early.
    a_.mov(rcx, site.pc + site.insn_length);
    a_.xor_(eax, eax);
    a_.cmp(state(offsetof(CpuState, pc)), rcx);
    a_.sete(al);
    a_.add(rax, site.insns_before);
    a_.add(state(offsetof(CpuState, insn_count)), rax);
  }
  a_.lea(rsp, ptr[rbp + 8]);  // a function with patchpoints has a frame pointer: pushed at block entry
  jump(thunks_.address(Symbol::leave));
}

}  // namespace mimus::jit
