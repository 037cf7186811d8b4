// Ways out of a block.
//
// A direct edge within the page is one jump that link() patches; until then it goes to a stub that tells the run loop
// which edge it was. Other edges look in the jump cache (core/state/cpu.h) first. Backward and indirect edges test
// exit_request. Calls push their return address with the host code that goes on there; returns compare and pop.
#include "backends/baseline/compiler.h"

namespace mimus::baseline {

using emit::Cond;
using emit::Jump;
using ir::Exit;
using ir::Inst;
using namespace Xbyak::util;

namespace {

constexpr u32 kReturnStack = offsetof(CpuState, return_stack);
static_assert(sizeof(ReturnEntry) * kReturnStackEntries == 256, "return_top wraps as a byte");
constexpr u32 kJumpHashMask = 0x1ffe;  // see jump_cache_index

}  // namespace

// ---- kinds of targets ----

bool Compiler::is_linkable(GuestPc target) const {
  if (flat()) return true;
  const ir::Block& first = *region_->blocks[0];
  const GuestPc page = align_down(block_->key.pc, kPageSize);
  const u64 last = block_->guest_bytes ? block_->guest_bytes - 1 : 0;
  return align_down(target, kPageSize) == page && align_down(block_->key.pc + last, kPageSize) == page &&
         align_down(first.key.pc, kPageSize) == page;
}

u32 Compiler::inner_block(GuestPc target) const {
  for (u32 i = 0; i < region_->blocks.size(); ++i)
    if (region_->blocks[i]->key.pc == target && region_->blocks[i]->key.mode == block_->key.mode) return i;
  return kNever;
}

Compiler::Edge Compiler::edge_of(const Exit& exit) const {
  Edge edge;
  edge.target = exit.target;
  edge.inner = inner_block(edge.target);
  edge.index = exit_edges_[size_t(&exit - block_->exits.data())];
  edge.linkable = out_->edges[edge.index].linkable;
  return edge;
}

Compiler::Edge Compiler::return_edge(const Exit& exit) {
  Edge edge;
  edge.target = exit.return_pc;
  edge.inner = inner_block(edge.target);
  edge.linkable = edge.inner == kNever && is_linkable(edge.target);
  edge.index = u32(out_->edges.size());
  out_->edges.push_back({block_index_, u32(&exit - block_->exits.data()), edge.linkable, true});
  out_->patches.push_back({});
  return edge;
}

// ---- pieces ----

void Compiler::leave_at(GuestPc pc, u64 thunk) {
  a_.mov(rax, pc);
  jump_thunk(thunk);
}

// Leaves if the run loop wants the CPU; `reg` holds the target unless it is known.
void Compiler::poll(GuestPc target, int reg) {
  a_.cmp(dword[emit::rstate], 0);
  static_assert(offsetof(CpuState, exit_request) == 0);
  Cold& cold = add_cold(&Compiler::cold_poll);
  cold.from = a_.jcc_near(Cond::ne);
  cold.value = s64(target);
  cold.base.reg = reg;
}

void Compiler::cold_poll(const Cold& cold) {
  if (cold.base.is_reg())
    move(0, cold.base.reg);
  else
    a_.mov(rax, u64(cold.value));
  jump_thunk(host_.leave_poll());
}

void Compiler::cold_edge_stub(const Cold& cold) {
  out_->patches[cold.desc].unlinked = a_.offset();
  a_.mov(rax, u64(cold.value));
  a_.mov(edx, cold.desc);
  if (edge_exit_) return a_.jump_to(a_.window() + edge_exit_);
  edge_exit_ = a_.offset();
  a_.mov(ecx, options_->code_id);
  relocate(Reloc::code_id, 4);
  jump_thunk(host_.leave_edge());
}

void Compiler::cold_inner_stub(const Cold& cold) {
  internal_jumps_[cold.desc].unlinked = a_.offset();
  leave_at(GuestPc(cold.value), host_.leave_dispatch());
}

// The jump of an edge, conditional or not.
void Compiler::jump_edge(const Edge& edge, std::optional<Cond> cond) {
  if (edge.inner == kNever && !edge.linkable) {
    if (!cond) return probe_constant(edge.target);
    Cold& cold = add_cold(&Compiler::cold_probe_constant);
    cold.from = a_.jcc_near(*cond);
    cold.value = s64(edge.target);
    return;
  }
  a_.align_displacement(cond ? 2 : 1);
  const Jump jump = cond ? a_.jcc_near(*cond) : a_.jmp_near();
  if (edge.inner != kNever) {
    Cold& stub = add_cold(&Compiler::cold_inner_stub);
    stub.desc = u32(internal_jumps_.size());
    stub.value = s64(edge.target);
    internal_jumps_.push_back({jump.end - 4, 0, edge.inner});
    return;
  }
  out_->patches[edge.index].displacement = jump.end - 4;
  Cold& stub = add_cold(&Compiler::cold_edge_stub);
  stub.from = jump;
  stub.desc = edge.index;
  stub.value = s64(edge.target);
}

void Compiler::probe_constant(GuestPc target) {
  const u32 entry = jump_cache_index(target) * sizeof(JumpEntry);
  a_.mov(rax, state(offsetof(CpuState, jump_cache)));
  if (s64(target) == s32(target)) {
    a_.cmp(qword[rax + entry], u32(target));
  } else {
    a_.mov(rcx, target);
    a_.cmp(qword[rax + entry], rcx);
  }
  Cold& miss = add_cold(&Compiler::cold_dispatch);
  miss.from = a_.jcc_near(Cond::ne);
  miss.value = s64(target);
  a_.jmp(qword[rax + entry + offsetof(JumpEntry, code)]);
}

void Compiler::cold_probe_constant(const Cold& cold) { probe_constant(GuestPc(cold.value)); }

void Compiler::cold_dispatch(const Cold& cold) {
  if (cold.base.is_reg())
    move(0, cold.base.reg);
  else
    a_.mov(rax, u64(cold.value));
  jump_thunk(host_.leave_dispatch());
}

// Two of rax, rcx, rdx, rbx that are not `taken`.
std::array<int, 2> Compiler::free_pair(int taken) {
  if (taken == 0) return {1, 2};
  if (taken == 1) return {0, 2};
  return {0, 1};
}

void Compiler::probe_hash(int reg) {
  const auto [h, t] = free_pair(reg);
  const Xbyak::Reg64 target(reg), hash(h), table(t);
  if (features_.bmi2) {
    a_.rorx(hash, target, 12);
  } else {
    a_.mov(hash, target);
    a_.shr(hash, 12);
  }
  a_.xor_(hash.cvt32(), target.cvt32());
  a_.and_(hash.cvt32(), kJumpHashMask);
  a_.mov(table, state(offsetof(CpuState, jump_cache)));
  a_.cmp(qword[table + hash * 8], target);
  Cold& miss = add_cold(&Compiler::cold_dispatch);
  miss.from = a_.jcc_near(Cond::ne);
  miss.base.reg = reg;
  a_.jmp(qword[table + hash * 8 + offsetof(JumpEntry, code)]);
}

void Compiler::cold_probe_hash(const Cold& cold) { probe_hash(cold.base.reg); }

// ---- return stack ----

void Compiler::push_return(const Exit& exit, int keep) {
  const auto [x, y] = free_pair(keep);
  const Xbyak::Reg64 top(x), value(y);
  a_.mov(top.cvt32(), state(offsetof(CpuState, return_top), 32));
  const auto entry = [&](u32 field) { return qword[emit::rstate + top + size_t(kReturnStack + field)]; };
  if (s64(exit.return_pc) == s32(exit.return_pc)) {
    a_.mov(entry(offsetof(ReturnEntry, pc)), exit.return_pc);
  } else {
    a_.mov(value, exit.return_pc);
    a_.mov(entry(offsetof(ReturnEntry, pc)), value);
  }
  a_.lea(value, ptr[rip + 0]);
  Cold& stub = add_cold(&Compiler::cold_return_stub);
  stub.from = {a_.offset()};
  stub.exit = &exit;
  a_.mov(entry(offsetof(ReturnEntry, code)), value);
  a_.add(top.cvt8(), sizeof(ReturnEntry));  // wraps
  a_.mov(state(offsetof(CpuState, return_top), 32), top.cvt32());
}

void Compiler::cold_return_stub(const Cold& cold) { jump_edge(return_edge(*cold.exit), std::nullopt); }

void Compiler::pop_return(int reg) {
  const auto [x, unused] = free_pair(reg);
  const Xbyak::Reg64 top(x);
  a_.mov(top.cvt32(), state(offsetof(CpuState, return_top), 32));
  a_.sub(top.cvt8(), sizeof(ReturnEntry));
  a_.cmp(qword[emit::rstate + top + size_t(kReturnStack)], Xbyak::Reg64(reg));
  Cold& miss = add_cold(&Compiler::cold_probe_hash);
  miss.from = a_.jcc_near(Cond::ne);
  miss.base.reg = reg;
  a_.mov(state(offsetof(CpuState, return_top), 32), top.cvt32());
  a_.jmp(qword[emit::rstate + top + size_t(kReturnStack + offsetof(ReturnEntry, code))]);
}

// ---- exits, unconditional: by Exit::Kind ----

void Compiler::leave_jump(const Exit& exit, int) {
  if (exit.target <= pc_) poll(exit.target, kNone);
  jump_edge(edge_of(exit), std::nullopt);
}
void Compiler::leave_indirect(const Exit&, int reg) {
  poll(0, reg);
  probe_hash(reg);
}
void Compiler::leave_call(const Exit& exit, int) {
  if (exit.target <= pc_) poll(exit.target, kNone);
  push_return(exit, kNone);
  jump_edge(edge_of(exit), std::nullopt);
}
void Compiler::leave_call_indirect(const Exit& exit, int reg) {
  poll(0, reg);
  push_return(exit, reg);
  probe_hash(reg);
}
void Compiler::leave_ret(const Exit&, int reg) {
  poll(0, reg);
  pop_return(reg);
}
void Compiler::leave_trap(const Exit& exit, int) {
  a_.mov(rax, pc_);
  a_.mov(ecx, exit.cause);
  a_.mov(rdx, exit.tval);
  jump_thunk(host_.leave_trap());
}
void Compiler::leave_yield(const Exit& exit, int) { leave_at(exit.target, host_.leave_dispatch()); }

void Compiler::leave_by(const Exit& exit, int reg) {
  static constexpr void (Compiler::* kLeave[])(const Exit&, int) = {
      &Compiler::leave_jump, &Compiler::leave_indirect, &Compiler::leave_call, &Compiler::leave_call_indirect,
      &Compiler::leave_ret,  &Compiler::leave_trap,     &Compiler::leave_yield};
  count_insns(exit.insns);
  (this->*kLeave[unsigned(exit.kind)])(exit, reg);
}

void Compiler::cold_exit(const Cold& cold) {
  const GuestPc outer = pc_;
  pc_ = cold.pc;
  leave_by(*cold.exit, cold.base.reg);
  pc_ = outer;
}

void Compiler::op_exit_if(const Inst& inst) {
  const Exit& exit = block_->exits[inst.imm];
  const int reg = exit.value == ir::kNoValue ? kNone : regs_.gpr(exit.value);
  if (regs_.is_constant(inst.args[0]) && !regs_.constant(inst.args[0])) return;
  const Cond cond = emit_condition(inst.args[0]);
  if (exit.kind == Exit::Kind::jump) {
    const bool inner = inner_block(exit.target) != kNever;
    const bool here = inner || is_linkable(exit.target);
    if (here && exit.target > pc_ && !options_->count_insns) return jump_edge(edge_of(exit), cond);
    if (here) {  // a loop: what it does once more stays in line
      const Jump skip = a_.jcc_short(emit::negate(cond));
      leave_by(exit, kNone);
      return a_.bind_short(skip);
    }
  }
  Cold& cold = add_cold(&Compiler::cold_exit);
  cold.from = a_.jcc_near(cond);
  cold.exit = &exit;
  cold.base.reg = reg;
}

void Compiler::op_end(const Inst& inst) {
  const Exit& exit = block_->exits[inst.imm];
  leave_by(exit, exit.value == ir::kNoValue ? kNone : regs_.gpr(exit.value));
}

}  // namespace mimus::baseline
