#include "backends/baseline/compiler.h"

#include <algorithm>

#include "backends/baseline/handlers.h"

namespace mimus::baseline {

using emit::Cond;
using ir::Inst;
using ir::Op;
using namespace Xbyak::util;

namespace {

// Types that only some handlers know: vectors and what is wider than a register.
bool is_wide(ir::Type type) { return type.is_vector() || type.bits() > 64; }
bool takes_wide(Op op) { return op == Op::read || op == Op::write || op == Op::load || op == Op::store; }

// Arithmetic on single bits is for the interpreter; logic is for everybody.
bool takes_bool(Op op) {
  constexpr Op kLogic[] = {Op::and_,  Op::or_,    Op::xor_,    Op::andn,  Op::not_,  Op::eq,    Op::ne,
                           Op::ult,   Op::ule,    Op::zext,    Op::sext,  Op::read,  Op::write, Op::load,
                           Op::store, Op::select, Op::exit_if, Op::trunc, Op::helper};
  return std::ranges::find(kLogic, op) != std::end(kLogic);
}

}  // namespace

Compiler::Compiler(const RuntimeLayout& layout, Assists& assists, emit::CodeSlab& slab, const emit::HostRuntime& host)
    : layout_(layout),
      assists_(assists),
      slab_(slab),
      host_(host),
      features_(host.features()),
      facts_(layout.state, layout.helpers,
             {host.features().fma, host.features().avx, host.features().avx && host.features().aes}),
      regs_(a_, facts_, host) {}

Compiler::Outcome Compiler::compile(const ir::Region& region, const PrepareOptions& options, u8* window, u32 bytes,
                                    Artifact& out) {
  a_.open(window, bytes);
  region_ = &region;
  options_ = &options;
  out_ = &out;
  out.clear();
  refusal_.clear();
  block_entries_.assign(region.blocks.size(), 0);
  for (u32 i = 0; i < region.blocks.size(); ++i) {
    if (!compile_block(i)) break;
  }
  for (const InternalJump& jump : internal_jumps_) {
    EdgePatch patch = {jump.displacement, jump.unlinked};
    a_.bind_near({jump.displacement + 4}, block_entries_[jump.block]);
    out.internal.push_back(patch);
  }
  internal_jumps_.clear();
  if (!refusal_.empty()) return Outcome::refused;
  if (a_.failed()) {
    if (Xbyak::GetError() == Xbyak::ERR_CODE_IS_TOO_BIG) return Outcome::no_room;
    refusal_ = std::string("assembler: ") + Xbyak::ConvertErrorToString(Xbyak::GetError());
    return Outcome::refused;
  }
  out.bytes = a_.offset();
  return Outcome::done;
}

bool Compiler::compile_block(u32 index) {
  block_ = region_->blocks[index];
  block_index_ = index;
  pc_ = block_->key.pc;
  insn_length_ = 0;
  retired_ = ~u32{0};  // begin_insn makes it 0
  cold_.clear();
  edge_exit_ = 0;
  for (Group& group : groups_) group = {};
  written_in_place_ = nan_fixed_ = kNever;
  number_edges();
  facts_.run(*block_);
  regs_.start(*block_);
  emit_entry(*block_);
  for (u32 i = 0; i < block_->insts.size(); ++i) {
    if (facts_[i].shape == Shape::code) emit_inst(i);
    if (!refusal_.empty() || a_.failed()) return false;
  }
  if (index == 0) out_->hot_bytes = a_.offset();
  flush_cold();
  return refusal_.empty() && !a_.failed();
}

// Direct exits have the edges' numbers in their order; edges to return addresses come behind.
void Compiler::number_edges() {
  exit_edges_.assign(block_->exits.size(), 0);
  for (u32 i = 0; i < block_->exits.size(); ++i) {
    const ir::Exit& exit = block_->exits[i];
    if (exit.kind != ir::Exit::Kind::jump && exit.kind != ir::Exit::Kind::call) continue;
    exit_edges_[i] = u32(out_->edges.size());
    out_->edges.push_back({block_index_, i, inner_block(exit.target) == kNever && is_linkable(exit.target), false});
  }
  out_->patches.resize(out_->edges.size());
}

void Compiler::emit_inst(u32 index) {
  const Inst& inst = block_->insts[index];
  index_ = index;
  regs_.begin(index);
  if (const Handler handler = kVectorHandlers[unsigned(inst.op)]; handler && fits_vector_handler(inst))
    (this->*handler)(inst);
  else if (const Handler scalar = kHandlers[unsigned(inst.op)]; scalar && fits_handler(inst))
    (this->*scalar)(inst);
  else
    fallback(inst);
  regs_.end(index);
  if (regs_.failure())
    refusal_ = std::string(ir::info(inst.op).name) + "." + ir::to_string(inst.type) + ": " + regs_.failure();
}

// Handlers work on single registers, and those of arithmetic not on single bits.
bool Compiler::fits_handler(const Inst& inst) const {
  const unsigned count = operand_count(inst);
  if (count && type_of(inst.args[0]) == ir::i1 && !takes_bool(inst.op)) return false;
  if (takes_wide(inst.op)) return true;
  bool wide = is_wide(inst.type);
  for (unsigned i = 0; i < count; ++i) wide |= is_wide(type_of(inst.args[i]));
  return !wide;
}

// The result or the first operand fills an SSE register.
bool Compiler::fits_vector_handler(const Inst& inst) const {
  return features_.avx && (is_block(inst.type) || (operand_count(inst) && is_block(type_of(inst.args[0]))));
}

void Compiler::refuse(const Inst& inst) {
  refusal_ = std::string(ir::info(inst.op).name) + "." + ir::to_string(inst.type);
}

// The entry is one instruction of at least five bytes on a 16-byte boundary, so that redirect() can replace it by a
// jump with one store.
void Compiler::emit_entry(const ir::Block& block) {
  a_.align_to(16);
  block_entries_[block_index_] = a_.offset();
  note_pc(block.key.pc);
  if (block_index_ == 0) {
    Cold& leave = add_cold(&Compiler::cold_leave);
    leave.pc = block.key.pc;
    if (options_->profile && (out_->counter = slab_.allocate_counter())) {
      *out_->counter = options_->profile_limit ? options_->profile_limit - 1 : 0;
      a_.sub(dword[rip + slab_.data_as_seen_from_write_view(out_->counter)], 1);
      relocate(Reloc::counter, 5);
      Cold& hot = add_cold(&Compiler::cold_hot);
      hot.pc = block.key.pc;
      hot.from = a_.jcc_near(Cond::s);
      return;
    }
  }
  a_.nop(5);
}

void Compiler::cold_leave(const Cold& cold) {
  out_->leave = a_.offset();
  leave_at(cold.pc, host_.leave_dispatch());
}

void Compiler::cold_hot(const Cold& cold) {
  a_.mov(dword[rip + slab_.data_as_seen_from_write_view(out_->counter)], kFiredCounter);
  relocate(Reloc::counter, 8);
  leave_at(cold.pc, host_.leave_dispatch());
}

void Compiler::note_pc(GuestPc pc) {
  auto& map = out_->pc_map;
  if (!map.empty() && map.back().guest_pc == pc) return;
  if (!map.empty() && map.back().host_offset == a_.offset())
    map.back().guest_pc = pc;
  else
    map.push_back({a_.offset(), pc});
}

// ---- what depends on places ----

// The field begins `behind` bytes before what comes next.
void Compiler::relocate(Reloc kind, u32 behind) {
  if (options_->savable) out_->relocations.push_back(u32(kind) << 24 | (a_.offset() - behind));
}

void Compiler::jump_thunk(u64 thunk) {
  a_.jump_to(slab_.to_write(thunk));
  relocate(Reloc::slab, 4);
}

void Compiler::call_thunk(u64 thunk) {
  a_.call(slab_.to_write(thunk));
  relocate(Reloc::slab, 4);
}

// Into rax, as a field of 64 bits.
void Compiler::load_address(const void* address, Reloc kind) {
  a_.db(0x48);
  a_.db(0xb8);
  a_.dq(reinterpret_cast<u64>(address));
  relocate(kind, 8);
}

// ---- cold code ----

Compiler::Cold& Compiler::add_cold(void (Compiler::*emit)(const Cold&)) {
  Cold& cold = cold_.emplace_back();
  cold.emit = emit;
  cold.pc = pc_;
  cold.retired = retired_;
  cold.inst = block_->insts.data() + index_;
  return cold;
}

void Compiler::flush_cold() {
  for (size_t i = 0; i < cold_.size(); ++i) {  // cold code may add more
    const Cold cold = cold_[i];
    if (cold.from.end) a_.bind_near(cold.from);
    if (cold.from2.end) a_.bind_near(cold.from2);
    if (cold.fault) out_->faults.push_back({cold.fault, a_.offset()});
    if (cold.fault2) out_->faults.push_back({cold.fault2, a_.offset()});
    note_pc(cold.pc);
    (this->*cold.emit)(cold);
  }
  cold_.clear();
}

void Compiler::go_back(const Cold& cold) { a_.jump_to(a_.window() + cold.back); }

// ---- small helpers ----

Xbyak::Address Compiler::frame(u32 offset, unsigned bits) const {
  return Xbyak::AddressFrame(bits)[rsp + size_t(offset)];
}

void Compiler::move(int to, int from, unsigned bits) {
  if (to != from) a_.mov(gpr_of(to, bits), gpr_of(from, bits));
}

int Compiler::extended(ir::ValueId value, Ext ext, unsigned bits) {
  const unsigned width = type_of(value).bits();
  const int from = regs_.gpr(value);
  const Ext known = facts_[value].ext;
  if (width >= bits || known == ext) return from;
  const int to = regs_.temp();
  extend(to, gpr_of(from, width == 1 ? 8 : width), width, ext, bits);
  return to;
}

void Compiler::extend(int to, const Xbyak::Operand& from, unsigned width, Ext ext, unsigned bits) {
  const Xbyak::Reg32 to32(to);
  const Xbyak::Reg64 to64(to);
  if (ext == Ext::zero) {
    if (width == 32)
      a_.mov(to32, from);
    else
      a_.movzx(to32, from);
  } else if (width == 32) {
    a_.movsxd(to64, from);
  } else if (bits == 64) {
    a_.movsx(to64, from);
  } else {
    a_.movsx(to32, from);
  }
}

void Compiler::count_insns(u32 count) {
  if (options_->count_insns && count) a_.add(state(offsetof(CpuState, insn_count)), count);
}
void Compiler::uncount_insns(u32 count) {
  if (options_->count_insns && count) a_.sub(state(offsetof(CpuState, insn_count)), count);
}

// ---- the table ----

#define HANDLER(op, function) table[unsigned(Op::op)] = &Compiler::function;
const std::array<Compiler::Handler, ir::kOpCount> Compiler::kHandlers = [] {
  std::array<Handler, ir::kOpCount> table{};
  MIMUS_BASELINE_HANDLERS(HANDLER)
  return table;
}();
const std::array<Compiler::Handler, ir::kOpCount> Compiler::kVectorHandlers = [] {
  std::array<Handler, ir::kOpCount> table{};
  MIMUS_BASELINE_VECTOR_HANDLERS(HANDLER)
  return table;
}();
#undef HANDLER

}  // namespace mimus::baseline
