// One virtual CPU: its thread's run loop, its translation caches, and the CpuPort its frontend's helpers talk to.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "accel/dbt/code_cache.h"
#include "accel/dbt/dbt.h"
#include "accel/dbt/safepoint.h"
#include "accel/dbt/tlb.h"
#include "accel/dbt/tlb_broadcast.h"
#include "accel/dbt/translator.h"

namespace mimus::dbt {

extern const Runtime kRuntime;  // runtime.cc

// Where an access ends up.
struct Resolved {
  u8* host = nullptr;  // RAM or ROM
  const MemoryRange* range = nullptr;
  GuestPa physical = 0;
};

class Vcpu final : public CpuPort, public IrqSink {
 public:
  static constexpr unsigned kTimers = 4;

  Vcpu(const DbtConfig& config, CodeCache& cache, Translator& translator, Safepoint& safepoint, TlbBroadcast& broadcast,
       u32 index, std::function<void(Vcpu&)> out_of_space);
  ~Vcpu() override;

  void start();
  void request_stop();
  void join();
  void reset();                                // outside the run loop
  void power_on(GuestPa entry, u64 argument);  // any thread; when it is off
  void kick();                                 // any thread: leave generated code and any wait soon
  CpuState& state() { return *state_; }
  TlbSet& tlbs() { return tlbs_; }
  u64 epoch() const { return epoch_.load(std::memory_order_relaxed); }
  void drop_translations();  // in a safepoint: the code cache is being cleared

  // -- IrqSink: any thread --
  void set_irq(unsigned input, bool level) override;

  // -- CpuPort: this CPU's thread --
  PhysicalMemory& memory() override { return config_.memory; }
  u64 timebase() override;
  void set_timer(unsigned timer, u64 deadline_ticks) override;
  void flush_tlb(const TlbFlush& flush) override;
  void flush_tlb_everywhere(const TlbFlush& flush) override;
  void fence_code() override;
  void context_changed() override;
  void regime_changed() override;
  void mode_changed() override;
  void interrupts_changed() override { state_->exit_request.store(1, std::memory_order_relaxed); }
  void power_off() override;
  void wait_for_interrupt() override;
  u64 random() override;

  // -- slow paths (runtime.cc) --
  // False if the access faulted: the exception has been delivered.
  bool resolve(GuestVa va, unsigned bytes, Access access, u16 mem_attr, u64 site, Resolved& out);
  void raise(const Fault& fault, u64 site);
  u64 device_read(const Resolved& at, unsigned bytes);
  void device_write(const Resolved& at, unsigned bytes, u64 value);
  const DbtConfig& config() const { return config_; }

  struct Counters {
    u64 slow_accesses = 0, device_accesses = 0, dispatches = 0, interrupts = 0, exceptions = 0, waits = 0;
    u64 left[4] = {};                // generated code, by Leave
    u64 idle_ns = 0, thread_ns = 0;  // asleep; processor time of the thread when it has ended
  } counters;

 private:
  void thread_main();
  void handle_requests();
  bool starts_off() const;
  bool take_start();
  void sync_mode();
  bool probe(GuestVa va, Access access, unsigned regime, Resolved& out);
  void sleep_until_woken();
  void await_flushes();
  TranslatedBlock* find_or_translate();
  TranslatedBlock* lookup_slow(JumpCache& jumps, u32 index);
  bool fetch(GuestPc pc, GuestPa& physical, Fault& fault);
  void install(GuestVa va, unsigned regime, const Translation& mapping, const MemoryRange& range, Access access);
  void run_translation(TranslatedBlock& translation);

  const DbtConfig& config_;
  CodeCache& cache_;
  Translator& translator_;
  Safepoint& safepoint_;
  TlbBroadcast& broadcast_;
  std::function<void(Vcpu&)> out_of_space_;  // called inside the safepoint region; frees code memory
  std::unique_ptr<CpuState, void (*)(CpuState*)> state_;
  TlbSet tlbs_;
  JumpCache* jumps_ = nullptr;
  bool mode_dirty_ = true;
  bool waiting_ = false;
  bool flushes_posted_ = false;  // to other CPUs, which may not have done them yet
  bool off_ = false;
  ir::Block scratch_;
  u8 rom_sink_[kPageSize];  // where writes to ROM go

  std::atomic<u64> epoch_{0};
  std::atomic<u32> timers_fired_{0};
  EventQueue::TimerId timers_[kTimers] = {};
  std::atomic<u32> timers_used_{0};  // those that the frontend has ever set
  std::atomic<bool> stop_{false};
  std::mutex wake_mutex_;
  std::condition_variable woken_;
  bool wake_pending_ = false;
  struct Start {
    GuestPa entry;
    u64 argument;
  };
  std::optional<Start> start_;  // under wake_mutex_
  std::thread thread_;
};

}  // namespace mimus::dbt
