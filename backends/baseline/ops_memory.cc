// Loads and stores through the software TLB (core/memory/soft_tlb.h).
//
// A lone access looks its page up:
//     lea  e, [base + disp]        shr e, 7      and e, [tlb_mask]      add e, [tlb]
//     lea  t, [base + disp + size - 1]           and t, -4096
//     cmp  t, [e.tag]              jne miss      mov e, [e.addend]      mov d, [base + e + disp]
// Several accesses with one base (a stack frame, a structure) look up once, for the whole range, and keep the host
// address of the base; 0 there sends the later ones of the group to their slow paths:
//     test g, g                    je miss       mov d, [g + disp]
// Flat memory: ops_flat.cc.
#include "backends/baseline/compiler.h"
#include "core/engine/runtime.h"

namespace mimus::baseline {

using emit::Cond;
using emit::Frame;
using emit::SlowPath;
using ir::Inst;
using ir::MemAttr;
using ir::Op;
using ir::Type;
using ir::ValueId;
using namespace Xbyak::util;

namespace {

constexpr s64 kFarDisplacement = s64{1} << 30;

unsigned log2_bytes(Type type) { return unsigned(std::countr_zero(type.bytes())); }
bool in_sse(Type type) { return type == ir::f32 || type == ir::f64 || type.bytes() == 16; }
// Vectors are accessed lane by lane.
bool is_one_access(Type type) {
  return !type.is_vector() && type != ir::i1 && type.bytes() <= 16 && std::has_single_bit(type.bytes()) &&
         type.elem != ir::Elem::f80;
}

}  // namespace

// Jumps out unless the page of [base + low, base + high) is in the TLB. `entry` (a temporary) receives the address of
// its entry, `tag` (another) is free to use afterwards.
emit::Jump Compiler::probe_tlb(int base, s32 low, s32 high, bool writes, bool natural, int entry, int tag) {
  const Xbyak::Reg64 e(entry), t(tag), b(base);
  if (low == 0 && features_.bmi2) {
    a_.rorx(e, b, kPageBits - kTlbEntryShift);
  } else {
    if (low == 0)
      a_.mov(e, b);
    else
      a_.lea(e, ptr[b + size_t(s64(low))]);
    a_.shr(e, kPageBits - kTlbEntryShift);
  }
  a_.and_(e, state(offsetof(CpuState, tlb_mask)));
  a_.add(e, state(offsetof(CpuState, tlb)));
  const s32 last = natural ? low : high - 1;
  if (last == 0)
    a_.mov(t, b);
  else
    a_.lea(t, ptr[b + size_t(s64(last))]);
  a_.and_(t, u32(s32(natural ? -s32(kPageSize) | (high - low - 1) : -s32(kPageSize))));
  a_.cmp(t, ptr[e + (writes ? offsetof(TlbEntry, write_tag) : offsetof(TlbEntry, read_tag))]);
  return a_.jcc_near(Cond::ne);
}

// ---- moving data ----

void Compiler::load_from(const Xbyak::RegExp& from, Type type, Ext ext, int to) {
  if (in_sse(type)) {
    const Xbyak::Xmm x(to);
    if (type.bytes() == 16) return a_.movups(x, xword[from]);
    if (type.bytes() == 8) return a_.movsd(x, qword[from]);
    return a_.movss(x, dword[from]);
  }
  if (type.bytes() == 8) return a_.mov(Xbyak::Reg64(to), qword[from]);
  const Xbyak::Address memory = Xbyak::AddressFrame(type.bytes() * 8)[from];
  extend(to, memory, type.bytes() * 8, ext, ext == Ext::sign ? 64 : 32);
}

void Compiler::store_to(const Xbyak::RegExp& to, Type type, const Stored& value) {
  const Xbyak::Address memory = Xbyak::AddressFrame(type.bytes() * 8)[to];
  if (value.gpr != kNone) return a_.mov(memory, gpr_of(value.gpr, type.bytes() * 8));
  if (value.xmm == kNone) return a_.mov(memory, u64(value.imm));
  const Xbyak::Xmm x(value.xmm);
  if (type.bytes() == 16)
    a_.movups(memory, x);
  else if (type.bytes() == 8)
    a_.movsd(memory, x);
  else
    a_.movss(memory, x);
}

Compiler::Stored Compiler::stored(ValueId value) {
  const Type type = type_of(value);
  Stored out;
  if (type.bytes() <= 8 && regs_.fits_imm32(value, type.bytes() * 8))
    out.imm = sign_extend(regs_.constant(value), type.bytes() * 8);
  else if (type.bytes() == 16 || (type.bytes() >= 4 && !regs_.in_gpr(value) && (in_sse(type) || regs_.in_xmm(value))))
    out.xmm = regs_.xmm(value);
  else
    out.gpr = regs_.gpr(value);
  return out;
}

// ---- groups ----

// The group that access `index_` continues, or kNone.
int Compiler::find_group() const {
  for (unsigned i = 0; i < Registers::kCached; ++i)
    if (groups_[i].next == index_ && regs_.cached(i) != kNone) return int(i);
  return kNone;
}

// After an access: the host address in `reg` waits for the next access, if there is one.
void Compiler::keep_group(int group, int reg) {
  const u32 next = facts_[index_].group_next;
  groups_[group].next = next;
  if (next == kNever) return regs_.drop_cached(unsigned(group));
  regs_.set_cached(unsigned(group), reg, next);
}

int Compiler::new_group() const {
  if (facts_[index_].group_next == kNever) return kNone;
  for (unsigned i = 0; i < Registers::kCached; ++i)
    if (groups_[i].next == kNever || groups_[i].next < index_ || regs_.cached(i) == kNone) return int(i);
  return kNone;
}

// ---- load and store ----

Compiler::Cold& Compiler::add_miss(const Inst& inst, Type type, SlowPath path) {
  Cold& cold = add_cold(&Compiler::cold_access);
  cold.desc = access_desc(log2_bytes(type), inst.attr);
  cold.value = s64(inst.imm);
  cold.path = path;
  cold.type = type;
  cold.live_xmm = regs_.live_xmm();
  return cold;
}

void Compiler::op_load(const Inst& inst) { access(inst, inst.type, nullptr); }

void Compiler::op_store(const Inst& inst) {
  if (!is_one_access(type_of(inst.args[1]))) return fallback(inst);
  const Stored value = stored(inst.args[1]);
  access(inst, type_of(inst.args[1]), &value);
  if (MemAttr::unpack(inst.attr).order == ir::Order::seq_cst) full_fence();
}

// A load (`value` is null) or a store.
void Compiler::access(const Inst& inst, Type type, const Stored* value) {
  if (!is_one_access(type)) return fallback(inst);
  const MemAttr attr = MemAttr::unpack(inst.attr);
  const s64 disp = s64(inst.imm);
  const bool always_slow =
      attr.privilege || attr.big_endian || std::abs(disp) >= kFarDisplacement || attr.align == ir::Align::atomic16;
  if (always_slow) return slow_access(inst, type, value);
  if (flat()) return flat_access(inst, type, value);
  if (const int group = find_group(); group != kNone) return group_access(inst, type, value, group);

  const int group = new_group();
  const int base = regs_.gpr(inst.args[0]);
  const Facts& facts = facts_[index_];
  const bool natural = attr.align == ir::Align::natural && type.bytes() > 1;
  const bool leads = group != kNone;
  const s32 low = leads ? facts.group_low : s32(disp), high = leads ? facts.group_high : s32(disp + type.bytes());
  const int entry = regs_.temp(), tag = regs_.temp();
  const int result = value ? kNone : define_loaded(type, leads ? kNone : entry, tag);
  const emit::Jump miss =
      probe_tlb(base, low, high, leads ? facts.group_writes : value != nullptr, natural, entry, tag);
  Cold& cold = add_miss(inst, type, value ? SlowPath::store : SlowPath::load);
  cold.from = miss;
  cold.base.reg = base;
  cold.clear = leads ? entry : kNone;
  const size_t cold_index = cold_.size() - 1;
  a_.mov(Xbyak::Reg64(entry), ptr[Xbyak::Reg64(entry) + offsetof(TlbEntry, addend)]);
  Xbyak::RegExp where = Xbyak::Reg64(base) + Xbyak::Reg64(entry) + size_t(disp);
  if (leads) {
    a_.add(Xbyak::Reg64(entry), Xbyak::Reg64(base));
    where = Xbyak::Reg64(entry) + size_t(disp);
  }
  transfer(where, type, value, cold_index, result);
  if (leads) keep_group(group, entry);
}

void Compiler::group_access(const Inst& inst, Type type, const Stored* value, int group) {
  const int reg = regs_.lock_cached(unsigned(group));
  const bool last = facts_[index_].group_next == kNever;
  const Place base = regs_.peek(inst.args[0]);
  if (last) {
    regs_.cached_to_temp(unsigned(group));
    groups_[group].next = kNever;
  }
  const int result = value ? kNone : define_loaded(type, last ? reg : kNone, kNone);
  a_.test(Xbyak::Reg64(reg), Xbyak::Reg64(reg));
  Cold& cold = add_miss(inst, type, value ? SlowPath::store : SlowPath::load);
  cold.from = a_.jcc_near(Cond::e);
  cold.base = base;
  cold.reprobe = true;
  const size_t cold_index = cold_.size() - 1;
  transfer(Xbyak::Reg64(reg) + size_t(inst.imm), type, value, cold_index, result);
  if (!last) keep_group(group, reg);
}

// The register that a load will fill; `spare` and `spare2` are temporaries that may become it. Asked for before the
// branch to the slow path: what it evicts or rescues must have been saved on both ways.
int Compiler::define_loaded(Type type, int spare, int spare2) {
  return in_sse(type) ? regs_.def_xmm(self()) : regs_.def_gpr(self(), spare, spare2);
}

// The access itself, after the checks.
void Compiler::transfer(const Xbyak::RegExp& where, Type type, const Stored* value, size_t cold_index, int d) {
  if (value) {
    store_to(where, type, *value);
    cold_[cold_index].stored = *value;
  } else {
    load_from(where, type, facts_[self()].ext, d);
    cold_[cold_index].result = d;
    cold_[cold_index].ext = facts_[self()].ext;
  }
  cold_[cold_index].back = a_.offset();
}

// ---- slow paths ----

// kArg0 = base + disp, without a register.
void Compiler::pass_address(const Place& base, s64 disp) {
  if (base.is_reg()) {
    a_.mov(frame(Frame::kArg0), Xbyak::Reg64(base.reg));
  } else {
    a_.push(qword[base.address]);
    a_.pop(frame(Frame::kArg0));
  }
  if (disp == s32(disp)) {
    if (disp) a_.add(frame(Frame::kArg0), u32(s32(disp)));
    return;
  }
  a_.add(frame(Frame::kArg0, 32), u32(disp));
  a_.adc(frame(Frame::kArg0 + 4, 32), u32(u64(disp) >> 32));
}

void Compiler::pass_value(Type type, const Stored& value) {
  if (type.bytes() == 16) return a_.movups(state(offsetof(CpuState, scratch), 128), Xbyak::Xmm(value.xmm));
  if (type.bytes() < 8) a_.mov(frame(Frame::kArg1), 0);
  store_to(rsp + size_t(Frame::kArg1), type, value);
}

void Compiler::call_slow(SlowPath path, u32 desc, bool keep_xmm, u32 retired) {
  a_.mov(frame(Frame::kDesc, 32), desc);
  count_insns(retired);  // in case it does not come back
  call_thunk(host_.slow_path(path, keep_xmm));
  uncount_insns(retired);
}

void Compiler::fetch_result(Type type, Ext ext, int to) {
  if (type.bytes() == 16)
    a_.movups(Xbyak::Xmm(to), state(offsetof(CpuState, scratch), 128));
  else
    load_from(rsp + size_t(Frame::kArg0), type, ext, to);
}

void Compiler::cold_access(const Cold& cold) {
  pass_address(cold.base, cold.value);
  const bool is_store = cold.path == SlowPath::store;
  if (is_store) pass_value(cold.type, cold.stored);
  call_slow(cold.path, cold.desc, cold.live_xmm != 0, cold.retired);
  if (!is_store) fetch_result(cold.type, cold.ext, cold.result);
  if (cold.clear != kNone) a_.xor_(Xbyak::Reg32(cold.clear), Xbyak::Reg32(cold.clear));
  go_back(cold);
}

// An access for which there is no fast path.
void Compiler::slow_access(const Inst& inst, Type type, const Stored* value) {
  const Place base = regs_.peek(inst.args[0]);
  pass_address(base, s64(inst.imm));
  if (value) pass_value(type, *value);
  call_slow(value ? SlowPath::store : SlowPath::load, access_desc(log2_bytes(type), inst.attr), regs_.live_xmm() != 0,
            retired_);
  if (value) return;
  const int d = in_sse(type) ? regs_.def_xmm(self()) : regs_.def_gpr(self());
  fetch_result(type, facts_[self()].ext, d);
}

// load_linked and store_conditional.
void Compiler::op_slow_memory(const Inst& inst) {
  const bool is_store = inst.op == Op::store_conditional;
  const Type type = is_store ? type_of(inst.args[1]) : inst.type;
  if (!is_one_access(type) || type.bytes() > 8) return fallback(inst);
  if (flat() && !inst.imm && type.bytes() >= 4) return is_store ? flat_store_conditional(inst) : flat_load_linked(inst);
  Stored value;
  if (is_store) value = stored(inst.args[1]);
  pass_address(regs_.peek(inst.args[0]), s64(inst.imm));
  if (is_store) pass_value(type, value);
  call_slow(is_store ? SlowPath::store_conditional : SlowPath::load_linked, access_desc(log2_bytes(type), inst.attr),
            regs_.live_xmm() != 0, retired_);
  if (facts_[self()].first_use == kNever) return;
  fetch_result(inst.type, facts_[self()].ext, regs_.def_gpr(self()));
}

void Compiler::op_zero_block(const Inst& inst) {
  pass_address(regs_.peek(inst.args[0]), 0);
  a_.mov(frame(Frame::kExtra, 32), u32(inst.imm));
  call_slow(SlowPath::zero_block, 0, regs_.live_xmm() != 0, retired_);
}

// A locked instruction orders everything before with everything after (Intel SDM volume 3A, 9.2.2), cheaper than
// mfence.
void Compiler::full_fence() { a_.lock(), a_.or_(frame(Frame::kMxcsr, 32), 0); }

void Compiler::op_fence(const Inst& inst) {
  if (ir::FenceKind(inst.attr) == ir::FenceKind::full) full_fence();  // the host keeps all other orders by itself
}

}  // namespace mimus::baseline
