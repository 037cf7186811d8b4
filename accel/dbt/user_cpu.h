// The run loop of one thread of a process, on the caller's thread, and the CpuPort of its frontend's helpers.
//
// The thread is "inside" (safepoint.h) while it looks for code, translates or runs it, and outside in every call of its
// ProcessThread, so that a system call may block without anybody waiting for it.
#pragma once

#include <atomic>
#include <cstdlib>
#include <memory>
#include <variant>
#include <vector>

#include "accel/dbt/code_cache.h"
#include "accel/dbt/dbt.h"
#include "accel/dbt/safepoint.h"
#include "accel/dbt/tlb.h"
#include "accel/dbt/translator.h"
#include "accel/dbt/user_code_memory.h"
#include "core/engine/process.h"

namespace mimus::dbt {

extern const Runtime kFlatRuntime;  // flat_runtime.cc

class UserVcpu;

// What a process's CPUs share. The accelerator derives from it.
struct UserShared {
  virtual void remove(UserVcpu& cpu) = 0;
  virtual void free_code_memory() = 0;  // the caller is inside the safepoint region

  UserDbtConfig config;
  UserCodeMemory code_memory;
  CodeCache cache;
  Translator translator;
  Safepoint safepoint;

 protected:
  UserShared(UserDbtConfig given, std::function<void()> kick)
      : config(std::move(given)),
        code_memory(config.memory),
        cache(code_memory, true),
        translator(config.frontend, config, code_memory, cache),
        safepoint(std::move(kick)) {
    if (config.code_bytes) cache.host_index().cover(config.code_start, config.code_bytes);
  }
  ~UserShared() = default;
};

class UserVcpu final : public UserCpu, public CpuPort {
 public:
  UserVcpu(UserShared& shared, ProcessThread& thread, u32 index);
  ~UserVcpu() override;

  // -- UserCpu --
  CpuState& state() override { return *state_; }
  void run() override;
  void leave() override { leaving_ = true; }
  void kick() override;
  void set_single_step(bool on) override;
  bool host_fault(const siginfo_t& info, void* ucontext) override;

  void interrupt() { state_->exit_request.store(1, std::memory_order_release); }  // any thread: leave generated code
  void drop_translations();  // in a safepoint: the code cache is being cleared

  // -- CpuPort: this CPU's thread --
  PhysicalMemory& memory() override { std::abort(); }
  u64 timebase() override;
  void set_timer(unsigned, u64) override {}
  void flush_tlb(const TlbFlush&) override {}
  void fence_code() override;
  void context_changed() override {}
  void regime_changed() override {}
  void mode_changed() override;
  void interrupts_changed() override {}
  void wait_for_interrupt() override {}
  u64 random() override;
  void user_exception(u32 cause, u64 tval) override;

  // -- slow paths (flat_runtime.cc) --
  // Where guest addresses begin, and where they end.
  u8* base() const { return base_; }
  u64 limit() const { return limit_; }
  GuestVa without_tag(GuestVa va) const { return va & ~ignored_bits_; }
  CodeCache& cache() { return shared_.cache; }
  const Frontend& frontend() const { return shared_.config.frontend; }
  // Remembers what the run loop will report when generated code has been left, and has it left. `site`: see runtime.h.
  void raise(const Fault& fault, u64 site);
  void raise_access(GuestVa address, Access access, int signal, int code, u64 site);

  struct Counters {
    u64 slow_accesses = 0, dispatches = 0, exceptions = 0, access_faults = 0, polls = 0;
  } counters;

 private:
  struct AccessFault {
    GuestVa address;
    Access access;
    int signal, code;
  };
  using Pending = std::variant<std::monostate, Fault, AccessFault>;

  void handle_requests();
  void report();
  void sync_mode();
  void step();
  TranslatedBlock* find_or_translate();
  TranslatedBlock* lookup_slow(u32 index);
  void fetch_fault(GuestVa address);
  void run_translation(TranslatedBlock& translation);
  // -- user_step.cc --
  bool lift_instruction();
  void step_instruction();
  void report_step();

  UserShared& shared_;
  ProcessThread& thread_;
  u8* const base_;
  const u64 limit_;
  const u64 ignored_bits_;  // of addresses
  std::unique_ptr<CpuState, void (*)(CpuState*)> state_;
  TlbEntry no_tlb_;                                      // the interpreter looks here, and finds nothing
  std::vector<std::unique_ptr<JumpCache>> jump_caches_;  // one per mode key seen
  JumpCache* jumps_ = nullptr;
  ir::Block scratch_;
  Pending pending_;
  bool mode_dirty_ = true;
  bool leaving_ = false;
  bool single_step_ = false, stepped_ = false;  // stepped_: an instruction is done and not reported yet
  std::atomic<bool> poll_wanted_{false};
};

}  // namespace mimus::dbt
