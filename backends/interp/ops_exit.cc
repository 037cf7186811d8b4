// Helper calls and the ways of leaving a block.
#include "backends/interp/lanes.h"
#include "core/engine/runtime.h"

namespace mimus::interp {

namespace {

const Record* leave(CpuState* state, GuestPc pc, Leave why) {
  state->pc = pc;
  state->leave = u32(why);
  return nullptr;
}

// To a block of the same region. Looks at exit_request, so that no loop of the guest can hold the CPU.
const Record* chain(const ExitRecord& exit, CpuState* state) {
  if (state->exit_request.load(std::memory_order_relaxed)) return leave(state, exit.exit.target, Leave::poll);
  return exit.chain;
}

const Record* take_direct(const Record*, const ExitRecord& exit, u8*, CpuState* state) {
  if (exit.chain) return chain(exit, state);
  if (!exit.linkable) return leave(state, exit.exit.target, Leave::dispatch);
  state->left_code = exit.code_id;
  state->left_edge = exit.edge;
  return leave(state, exit.exit.target, Leave::edge);
}
const Record* take_value(const Record*, const ExitRecord& exit, u8* frame, CpuState* state) {
  return leave(state, get<u64>(frame + exit.value), Leave::dispatch);
}
const Record* take_yield(const Record*, const ExitRecord& exit, u8*, CpuState* state) {
  return leave(state, exit.exit.target, Leave::dispatch);
}
const Record* take_trap(const Record* r, const ExitRecord& exit, u8* frame, CpuState* state) {
  state->pc = program_of(frame).insns[r->insn].pc;
  state->runtime->trap(state, exit.exit.cause, exit.exit.tval);
  return nullptr;
}

constexpr const Record* (*kTake[])(const Record*, const ExitRecord&, u8*, CpuState*) = {
    take_direct,  // jump
    take_value,   // indirect
    take_direct,  // call
    take_value,   // call_indirect
    take_value,   // ret
    take_trap,    // trap
    take_yield,   // yield
};

const Record* run_end(const Record* r, u8* frame, CpuState* state) { return take_exit(r, u32(r->imm), frame, state); }
const Record* run_exit_if(const Record* r, u8* frame, CpuState* state) {
  if (!get<u8>(frame + r->a)) return next(r, frame, state);
  return run_end(r, frame, state);
}

template <bool Result>
const Record* run_helper(const Record* r, u8* frame, CpuState* state) {
  const HelperDesc& helper = program_of(frame).helpers[r->imm];
  const u64 value = helper.function(state, get<u64>(frame + r->a), get<u64>(frame + r->b), get<u64>(frame + r->c),
                                    get<u64>(frame + r->extra));
  if (state->leave) [[unlikely]]
    return leave_early(r, frame, state);
  if (Result) put<u64>(frame + r->result, value);
  return next(r, frame, state);
}

// The value that an exit goes to has to be in the frame when the exit is taken.
void place_value(Lowering& l, u32 index) {
  ExitRecord& exit = l.program().exits[index];
  if (exit.exit.value != ir::kNoValue) exit.value = l.in_frame(exit.exit.value);
}
void place_exit(Lowering& l) {
  const u32 index = l.exit_base() + u32(l.inst().imm);
  place_value(l, index);
  l.record().imm = index;
}

}  // namespace

const Record* take_exit(const Record* r, u32 index, u8* frame, CpuState* state) {
  const ExitRecord& exit = program_of(frame).exits[index];
  if (exit.counts) state->insn_count += exit.exit.insns;
  return kTake[unsigned(exit.exit.kind)](r, exit, frame, state);
}
bool take_following_exit(Lowering& l) {
  u32 index = 0;
  if (!l.take_exit(index)) return false;
  place_value(l, index);
  l.record().extra = index;
  return true;
}

const Record* leave_early(const Record* r, u8* frame, CpuState* state) {
  const Program& program = program_of(frame);
  const Insn& insn = program.insns[r->insn];
  if (program.counts) state->insn_count += insn.retired + (state->pc == insn.pc + insn.length);
  return nullptr;
}

Handler lower_helper(Lowering& l) {
  const unsigned operands = l.inst().attr & 7;
  l.use(std::min(operands, 3u));
  l.record().extra = operands == 4 ? l.in_frame(l.inst().args[3]) : 0;
  l.record().imm = l.inst().imm;
  if (has(l.layout().helpers[l.inst().imm].effects, HelperEffects::writes_state)) l.before_writing_all();
  return l.type().is_void() ? &run_helper<false> : &run_helper<true>;
}
Handler lower_exit_if(Lowering& l) {
  place_exit(l);
  l.use(1);
  return run_exit_if;
}
Handler lower_end(Lowering& l) {
  place_exit(l);
  return run_end;
}

}  // namespace mimus::interp
