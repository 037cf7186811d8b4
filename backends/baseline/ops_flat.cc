// Loads, stores and LL/SC on flat memory: the access itself, at gs:[base + disp], without any check. Where it faults,
// the signal handler goes on at its cold path (FaultEntry), which makes it again by way of the Runtime. Nothing may
// have changed by then: one instruction does the access, and what comes before it in the op leaves the operands alone.
#include "backends/baseline/compiler.h"
#include "backends/emit/flat_fault.h"
#include "core/engine/runtime.h"

namespace mimus::baseline {

using emit::Cond;
using emit::SlowPath;
using ir::Inst;
using ir::MemAttr;
using ir::Type;
using namespace Xbyak::util;

namespace {

constexpr u8 kGsPrefix = 0x65;
constexpr u32 kReservationSize = offsetof(CpuState, reservation_size);
constexpr u32 kReservationAddress = offsetof(CpuState, reservation_address);
constexpr u32 kReservationValue = offsetof(CpuState, reservation_value);

}  // namespace

// The next instruction accesses guest memory for the op of that cold code.
void Compiler::guard(size_t cold_index) {
  if (!flat()) return;
  Cold& cold = cold_[cold_index];
  (cold.fault ? cold.fault2 : cold.fault) = a_.offset();
  if (layout_.memory == MemoryModel::flat) a_.db(kGsPrefix);
}

// Jumps out unless base + disp is a multiple of `bytes`.
emit::Jump Compiler::check_alignment(int base, s32 disp, unsigned bytes) {
  int reg = base;
  if (disp & s32(bytes - 1)) {
    reg = regs_.temp();
    a_.lea(Xbyak::Reg32(reg), ptr[Xbyak::Reg64(base) + size_t(s64(disp))]);
  }
  a_.test(gpr_of(reg, 8), bytes - 1);
  if (reg != base) regs_.free_temp(reg);
  return a_.jcc_near(Cond::ne);
}

// A load (`value` is null) or a store.
void Compiler::flat_access(const Inst& inst, Type type, const Stored* value) {
  const MemAttr attr = MemAttr::unpack(inst.attr);
  const s32 disp = s32(inst.imm);
  const int base = regs_.gpr(inst.args[0]);
  const bool aligned = attr.align == ir::Align::natural && type.bytes() > 1;
  const int result = value ? kNone : define_loaded(type, base, kNone);
  const emit::Jump misaligned = aligned ? check_alignment(base, disp, type.bytes()) : emit::Jump{};
  Cold& cold = add_miss(inst, type, value ? SlowPath::store : SlowPath::load);
  cold.from = misaligned;
  cold.base.reg = base;
  if (!aligned && type.bytes() <= 8 && !options_->count_insns) cold.emit = &Compiler::cold_flat;
  const size_t cold_index = cold_.size() - 1;
  guard(cold_index);
  transfer(Xbyak::Reg64(base) + size_t(s64(disp)), type, value, cold_index, result);
}

void Compiler::cold_flat(const Cold& cold) {
  using Kind = emit::FlatRecord::Kind;
  call_thunk(host_.flat_fault());
  emit::FlatRecord record{};
  record.disp = s32(cold.value);
  record.desc = cold.desc;
  record.back = s32(cold.back) - s32(a_.offset());
  record.base = u8(cold.base.reg);
  if (cold.path == SlowPath::load) {
    record.kind = cold.type.is_float() ? Kind::load_xmm : cold.ext == Ext::sign ? Kind::load_sign : Kind::load_zero;
    record.reg = u8(cold.result);
  } else {
    const Stored& v = cold.stored;
    record.kind = v.gpr != kNone ? Kind::store_gpr : v.xmm != kNone ? Kind::store_xmm : Kind::store_imm;
    record.reg = u8(v.gpr != kNone ? v.gpr : v.xmm != kNone ? v.xmm : 0);
    record.imm = s32(v.imm);
  }
  a_.append(reinterpret_cast<const u8*>(&record), sizeof record);
}

void Compiler::flat_load_linked(const Inst& inst) {
  const Type type = inst.type;
  const int base = regs_.gpr(inst.args[0]);
  const int result = regs_.def_gpr(self());
  const emit::Jump misaligned = check_alignment(base, 0, type.bytes());
  Cold& cold = add_miss(inst, type, SlowPath::load_linked);
  cold.from = misaligned;
  cold.base.reg = base;
  const size_t cold_index = cold_.size() - 1;
  a_.mov(state(kReservationAddress), Xbyak::Reg64(base));  // first: the result may take the base's register
  guard(cold_index);
  transfer(Xbyak::Reg64(base), type, nullptr, cold_index, result);
  a_.mov(state(kReservationValue, type.bits()), gpr_of(result, type.bits()));
  a_.mov(state(kReservationSize, 32), type.bytes());
}

// One that fails without an attempt goes the slow way, which also looks at the alignment.
void Compiler::flat_store_conditional(const Inst& inst) {
  const Type type = type_of(inst.args[1]);
  regs_.claim(0);
  const int base = regs_.gpr(inst.args[0]), value = regs_.gpr(inst.args[1]);
  const int failed = regs_.temp();
  a_.cmp(state(kReservationSize, 32), type.bytes());
  const emit::Jump other_size = a_.jcc_near(Cond::ne);
  a_.cmp(state(kReservationAddress), Xbyak::Reg64(base));
  const emit::Jump other_address = a_.jcc_near(Cond::ne);
  Cold& cold = add_miss(inst, type, SlowPath::store_conditional);
  cold.emit = &Compiler::cold_atomic;
  cold.from = other_size;
  cold.from2 = other_address;
  cold.base.reg = base;
  cold.stored.gpr = value;
  cold.result = failed;
  const size_t cold_index = cold_.size() - 1;
  a_.mov(gpr_of(0, type.bits()), state(kReservationValue, type.bits()));
  guard(cold_index);
  a_.lock();
  a_.cmpxchg(Xbyak::AddressFrame(type.bits())[Xbyak::Reg64(base)], gpr_of(value, type.bits()));
  a_.set_cond(Cond::ne, gpr_of(failed, 8));
  a_.movzx(Xbyak::Reg32(failed), gpr_of(failed, 8));
  cold_[cold_index].back = a_.offset();
  a_.mov(state(kReservationSize, 32), 0);
  regs_.define_in(self(), failed);
}

}  // namespace mimus::baseline
