#include "frontends/riscv/helpers.h"

#include <sched.h>

#include "core/engine/port.h"
#include "core/engine/runtime.h"
#include "frontends/riscv/crypto.h"
#include "frontends/riscv/csr.h"
#include "frontends/riscv/mmu.h"
#include "frontends/riscv/table.h"
#include "frontends/riscv/trap.h"

namespace mimus::riscv {
namespace {

constexpr u32 kCsrStopei = 0x15C, kCsrMtopei = 0x35C;

u64 illegal(RiscvState& state, u64 raw) {
  raise_exception(state, kCauseIllegal, raw);
  return 0;
}

// The value that csrrs and csrrc modify. In mip and sip the external interrupt input does not take part (Volume II,
// 3.1.9: SEIP).
u64 modifiable(const RiscvState& s, u32 number, u64 value) {
  bool pending = number == 0x344 || number == 0x144;
  return pending ? (value & ~kIrqSei) | (s.mip & kIrqSei) : value;
}

// A trap return within a mode is an indirect jump like any other.
GuestPc leave_if_resync(RiscvState& s, GuestPc target) {
  s.pc = target;
  if (s.resync) s.leave = u32(Leave::dispatch);
  return target;
}

namespace helper {

u64 csr_read(CpuState* cpu, u64 raw, u64 begun, u64, u64) {
  RiscvState& s = hart(cpu);
  u32 number = u32(raw) >> 20;
  const CsrDesc& row = *find_csr(number);
  if (!csr_accessible(s, row, number)) return illegal(s, raw);
  return csr_shown(s, number, row.read(s, number), begun - 1);
}

u64 csr_write(CpuState* cpu, u64 raw, u64 operand, u64 begun, u64) {
  RiscvState& s = hart(cpu);
  u32 number = u32(raw) >> 20;
  const CsrDesc& row = *find_csr(number);
  if (!csr_accessible(s, row, number)) return illegal(s, raw);
  const u64 now = row.read(s, number);
  const u64 old = csr_shown(s, number, now, begun - 1);
  s.claimed = number == kCsrMtopei || number == kCsrStopei ? u32(now & 0x7ff) : 0;
  unsigned operation = raw >> 12 & 3;  // 1 write, 2 set, 3 clear
  u64 value = operand;
  if (operation == 2) value = modifiable(s, number, now) | operand;
  if (operation == 3) value = modifiable(s, number, now) & ~operand;
  csr_assign(s, row, number, value);
  return old;
}

u64 set_frm(CpuState* cpu, u64 frm, u64, u64, u64) {
  RiscvState& s = hart(cpu);
  Watch before(s);
  write_frm(s, frm);
  before.tell_changes(s);
  return 0;
}

u64 first_fp_use(CpuState* cpu, u64 raw, u64, u64, u64) {
  RiscvState& s = hart(cpu);
  if ((s.mstatus & kStatusFs) == 0) return illegal(s, raw);
  Watch before(s);
  s.mstatus |= kStatusFs;
  before.tell_changes(s);
  return 0;
}

u64 sret(CpuState* cpu, u64 raw, u64, u64, u64) {
  RiscvState& s = hart(cpu);
  if (s.privilege == kSupervisor && (s.mstatus & kStatusTsr)) return illegal(s, raw);
  return leave_if_resync(s, return_from_supervisor(s));
}

u64 mret(CpuState* cpu, u64, u64, u64, u64) {
  RiscvState& s = hart(cpu);
  return leave_if_resync(s, return_from_machine(s));
}

u64 wfi(CpuState* cpu, u64 raw, u64, u64, u64) {
  RiscvState& s = hart(cpu);
  if (s.privilege != kMachine && (s.mstatus & kStatusTw)) return illegal(s, raw);
  if ((pending_interrupts(s) & s.mie) == 0) s.port->wait_for_interrupt();
  return 0;
}

// rs1 = x0: every address; rs2 = x0: every address space.
u64 sfence_vma(CpuState* cpu, u64 raw, u64 address, u64 asid, u64) {
  RiscvState& s = hart(cpu);
  if (s.privilege == kSupervisor && (s.mstatus & kStatusTvm)) return illegal(s, raw);
  TlbFlush flush;
  if (raw >> 15 & 31) flush.address = address;
  if (raw >> 20 & 31) flush.context = (address_context(s) & ~u64{0xffff}) | (asid & 0xffff);
  u32 leave = s.leave;
  s.port->flush_tlb(flush);
  s.leave = leave;  // the block ends after this instruction anyway
  return 0;
}

u64 fence_i(CpuState* cpu, u64, u64, u64, u64) {
  RiscvState& s = hart(cpu);
  u32 leave = s.leave;
  s.port->fence_code();
  s.leave = leave;
  return 0;
}

// Volume I, "CMO" 19.3.2: cache-block management needs a mapping that allows loads or stores; every failure counts as
// one of a store. Harts are coherent, so that nothing else is to be done.
u64 cbo_check(CpuState* cpu, u64 address, u64, u64, u64) {
  RiscvState& s = hart(cpu);
  if (s.user_process) {
    s.runtime->load(cpu, address, access_desc(0, 0), 0);
    return 0;
  }
  WalkResult result = walk(s, s.port->memory(), address, Access::read, s.regime);
  if (std::holds_alternative<Fault>(result)) {
    Fault load = std::get<Fault>(result);
    u32 cause = load.cause == kCauseLoadPage ? kCauseStorePage : kCauseStoreAccess;
    raise_exception(s, cause, address);
  }
  return 0;
}

u64 xperm4(CpuState*, u64 nibbles, u64 indices, u64, u64) {
  u64 out = 0;
  for (unsigned i = 0; i < 64; i += 4) out |= (nibbles >> (4 * (indices >> i & 15)) & 15) << i;
  return out;
}

u64 aes64_round(CpuState*, u64 rs1, u64 rs2, u64 step, u64) { return riscv::aes64_round(rs1, rs2, AesStep(step)); }
u64 aes64_inverse_mix(CpuState*, u64 rs1, u64, u64, u64) { return riscv::aes64_inverse_mix(rs1); }
u64 aes64_key1(CpuState*, u64 rs1, u64 round, u64, u64) { return riscv::aes64_key1(rs1, unsigned(round)); }
u64 sm4(CpuState*, u64 rs1, u64 rs2, u64 what, u64) {
  return sm4_step(u32(rs1), u32(rs2), unsigned(what & 3), what >> 2 & 1);
}

// Volume I, "Zfa" 25.5: the result wraps instead of saturating; infinities and NaNs give 0.
u64 float_to_int_modulo(CpuState*, u64 bits, u64, u64, u64) {
  constexpr u64 kInexact = 1, kInvalid = 16;
  const bool negative = bits >> 63;
  const int exponent = int(bits >> 52 & 0x7ff) - 1075;  // of the lowest bit of the significand
  const u64 significand = (bits & ((u64{1} << 52) - 1)) | u64{1} << 52;
  if ((bits & ~(u64{1} << 63)) == 0) return 0;
  if (exponent == 0x7ff - 1075) return kInvalid << 32;
  if (exponent < -52) return kInexact << 32;  // below 1
  const u64 whole = exponent >= 0 ? (exponent < 32 ? significand << exponent : 0) : significand >> -exponent;
  const bool inexact = exponent < 0 && (significand & ((u64{1} << -exponent) - 1));
  // 2^85 and above have no bits in a word; from 2^31 on (2^31 itself when negative) the result does not fit.
  const bool fits = exponent <= -21 && (negative ? whole <= u64{1} << 31 : whole < u64{1} << 31);
  const u64 flags = !fits ? kInvalid : inexact ? kInexact : 0;
  return flags << 32 | u32(negative ? -whole : whole);
}

u64 pause(CpuState*, u64, u64, u64, u64) {
  sched_yield();
  return 0;
}

}  // namespace helper

using E = HelperEffects;
constexpr E none = E::none, reads_state = E::reads_state;  // what the rows' effects begin with
constexpr HelperDesc kHelpers[] = {
#define HELPER(name, arity, effects) {#name, helper::name, arity, effects},
#include "frontends/riscv/helpers.def"
#undef HELPER
};

}  // namespace

std::span<const HelperDesc> helper_table() { return kHelpers; }

}  // namespace mimus::riscv
