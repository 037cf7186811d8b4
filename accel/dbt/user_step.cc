// Single steps of a process's thread: each instruction is translated alone and run by the fallback engine, and nothing
// of it is kept. For debuggers, so slow is good enough.
#include "accel/dbt/user_cpu.h"
#include "core/engine/guarded_mode.h"

namespace mimus::dbt {
namespace {

constexpr u32 kMaxInsnBytes = 16;  // longest instruction of any ISA, rounded up

}  // namespace

void UserVcpu::set_single_step(bool on) {
  single_step_ = on;
  stepped_ = false;
}

// False: its first byte cannot be fetched; the fault is pending.
bool UserVcpu::lift_instruction() {
  const GuestPc pc = state_->pc;
  u8 copy[2 * kMaxInsnBytes];
  const u32 in_page = u32(std::min<u64>(kPageSize - (pc & kPageMask), kMaxInsnBytes));
  const auto first = shared_.code_memory.read(pc, in_page, copy);
  if (first.empty()) {
    fetch_fault(pc);
    return false;
  }
  u32 bytes = in_page;
  std::optional<Fault> next_fault;
  if (in_page < kMaxInsnBytes) {
    const auto next = shared_.code_memory.read(pc + in_page, kMaxInsnBytes, copy + in_page);
    if (next.empty())
      next_fault = shared_.config.frontend.bus_fault(pc + in_page, Access::execute);
    else
      bytes += kMaxInsnBytes;
  }
  scratch_.clear();
  scratch_.key = {pc, pc, state_->mode_key};
  if (shared_.code_memory.guarded(align_down(pc, kPageSize))) scratch_.key.mode |= kGuardedMode;
  const CodeBytes code{pc, {copy, bytes}, in_page, next_fault};
  shared_.config.frontend.translate(code, {1}, scratch_);
  scratch_.key.mode = state_->mode_key;
  return true;
}

void UserVcpu::step_instruction() {
  if (!lift_instruction()) return;
  const ir::Block* const blocks[] = {&scratch_};
  auto code = shared_.config.tiers.fallback->prepare(ir::Region{{blocks[0]}}, {});
  if (!code) std::abort();  // the interpreter takes every block
  state_->leave = u32(Leave::none);
  (*code)->run(*state_);
  state_->leave = u32(Leave::dispatch);  // no edge of it can be linked
  stepped_ = true;
  if (std::holds_alternative<std::monostate>(pending_)) report_step();
}

// The thread may have asked for another step from where it was told of an exception: that one is not done yet.
void UserVcpu::report_step() {
  if (!single_step_ || !stepped_ || leaving_) return;
  stepped_ = false;
  shared_.safepoint.leave();
  thread_.stepped();
  mode_dirty_ = true;
  shared_.safepoint.enter();
}

}  // namespace mimus::dbt
