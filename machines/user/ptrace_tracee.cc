#include "machines/user/ptrace_tracee.h"

#include <linux/audit.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "machines/user/host_signals.h"
#include "machines/user/thread.h"

namespace mimus::user {
namespace {

// Every stop shows all of this anew: the tracer may have been another process before.
void show_state(UserThread& thread, TraceBlock& block) {
  const UserIsa& isa = thread.isa;
  const Program& program = thread.process.program;
  block.architecture = isa.facts().elf_machine | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE;
  block.pc = thread.state().pc;
  block.sp = isa.stack_pointer(thread.state());
  block.base = reinterpret_cast<u64>(thread.memory.base());
  block.limit = thread.memory.limit();
  block.auxv = program.stack.auxv, block.auxv_bytes = program.stack.auxv_bytes;
  block.arguments = program.stack.arguments, block.arguments_bytes = program.stack.arguments_bytes;
  block.program[program.exe.copy(block.program, sizeof block.program - 1)] = 0;
  block.general_bytes = isa.read_registers(thread.state(), RegisterSet::general, block.general);
  block.floating_bytes = isa.read_registers(thread.state(), RegisterSet::floating, block.floating);
  block.pac_mask_bytes = isa.read_registers(thread.state(), RegisterSet::pac_masks, block.pac_masks);
  block.mask = thread.mask();
  block.registers_changed = block.mask_changed = block.info_changed = 0;
  block.signal = 0;
  block.resumed = block.trace_calls = block.step = block.detach = block.pages = 0;
}

void see_new_code(UserThread& thread, const TraceBlock& block) {
  UserAccelerator& accelerator = thread.process.accelerator;
  if (block.pages > TraceBlock::kMostPages) return accelerator.forget(0, thread.memory.limit());
  for (u32 i = 0; i < block.pages; i++) {
    accelerator.page_written(block.page[i]);
    accelerator.sync_code(block.page[i], kPageSize);
  }
}

TraceResume take_orders(UserThread& thread, TraceBlock& block) {
  see_new_code(thread, block);
  if (block.registers_changed) {
    thread.isa.write_registers(thread.state(), RegisterSet::general, block.general);
    thread.isa.write_registers(thread.state(), RegisterSet::floating, block.floating);
  }
  if (block.mask_changed) thread.set_mask(block.mask);
  thread.trace_calls = block.trace_calls != 0;
  const TraceResume resume{block.signal, block.step != 0};
  if (block.detach) thread.end_being_traced();
  return resume;
}

TraceResume stand_still(UserThread& thread, TraceBlock::Kind kind, const siginfo_t& about) {
  TraceBlock& block = *thread.trace_block;
  block.kind = kind;
  block.info = about;
  show_state(thread, block);
  thread.trace_lost = false;
  siginfo_t info{};
  info.si_signo = SIGSEGV;
  info.si_code = kTraceStopCode;
  info.si_value.sival_ptr = &block;
  // A request that is pending already swallows the signal.
  while (!block.resumed && !thread.trace_lost) syscall(SYS_rt_tgsigqueueinfo, getpid(), thread.tid(), SIGSEGV, &info);
  if (!block.resumed) {
    thread.end_being_traced();
    return {kind == TraceBlock::Kind::signal ? about.si_signo : 0, false};
  }
  block.kind = TraceBlock::Kind::none;
  return take_orders(thread, block);
}

}  // namespace

PtraceTracee& PtraceTracee::instance() {
  static PtraceTracee only;
  return only;
}

void PtraceTracee::begin(UserThread& thread) {
  if (!thread.trace_block) thread.trace_block = std::make_unique<TraceBlock>();
  thread.tracer = &instance();
  thread.set_all_actions_of_host();
}

TraceResume PtraceTracee::stopped(UserThread& thread, const TraceStop& stop) {
  constexpr TraceBlock::Kind kKinds[] = {TraceBlock::Kind::signal, TraceBlock::Kind::interrupted,
                                         TraceBlock::Kind::stepped, TraceBlock::Kind::call_entry,
                                         TraceBlock::Kind::call_exit};
  TraceBlock& block = *thread.trace_block;
  if (stop.kind == TraceStop::Kind::call_entry) {
    block.call_number = stop.call.number;
    std::ranges::copy(stop.call.arg, block.call_args);
  }
  block.call_result = stop.result;
  return stand_still(thread, kKinds[size_t(stop.kind)], stop.info);
}

// Of a new thread or process, whether or not the host traces it, or of a new program.
TraceResume PtraceTracee::thread_started(UserThread& thread) {
  const bool executed = !thread.trace_block && thread.process.starts_traced;
  thread.process.starts_traced = false;
  begin(thread);
  siginfo_t info{};
  info.si_signo = executed ? SIGTRAP : SIGSTOP;
  if (!executed) return stand_still(thread, TraceBlock::Kind::started, info);
  const TraceResume resume = stand_still(thread, TraceBlock::Kind::executed, info);
  if (!thread.tracer || !thread.trace_calls) return resume;
  thread.trace_block->call_result = 0;  // the end of execve
  return stand_still(thread, TraceBlock::Kind::call_exit, info);
}

void PtraceTracee::process_exits(UserThread& thread, int) { before_host_stop(thread); }

void PtraceTracee::before_host_stop(UserThread& thread) { show_state(thread, *thread.trace_block); }

void PtraceTracee::after_host_stop(UserThread& thread) {
  TraceBlock& block = *thread.trace_block;
  block.self_stop = 0;
  if (!block.resumed) return;  // it has not stopped
  const TraceResume resume = take_orders(thread, block);
  if (thread.tracer) thread.cpu().set_single_step(resume.step);
}

}  // namespace mimus::user
