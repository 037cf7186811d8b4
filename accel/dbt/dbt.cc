#include "accel/dbt/dbt.h"

#include <fmt/format.h>

#include "accel/dbt/stats.h"
#include "accel/dbt/system_code_memory.h"
#include "accel/dbt/vcpu.h"
#include "core/device/firmware_port.h"

namespace mimus::dbt {
namespace {

class Dbt final : public Accelerator, public CpuPower {
 public:
  explicit Dbt(DbtConfig config)
      : config_(std::move(config)),
        code_memory_(config_.memory),
        cache_(code_memory_),
        translator_(config_.frontend, config_, code_memory_, cache_),
        safepoint_([this] {
          for (auto& cpu : cpus_) cpu->kick();
        }),
        broadcast_(config_.cpus) {
    config_.memory.set_code_watcher(&cache_);
    for (u32 i = 0; i < config_.cpus; ++i) {
      cpus_.push_back(std::make_unique<Vcpu>(config_, cache_, translator_, safepoint_, broadcast_, i,
                                             [this](Vcpu&) { flush_code_from_cpu(); }));
    }
    code_memory_.set_write_path_remover([this](GuestPa page) {
      for (auto& cpu : cpus_) cpu->tlbs().drop_write_paths(page);
    });
    cache_.set_epochs([this] {
      std::vector<u64> epochs;
      std::atomic_thread_fence(std::memory_order_seq_cst);  // fast paths taken away before are seen by who wakes later
      for (u32 i = 0; i < cpus_.size(); ++i)
        epochs.push_back(broadcast_.asleep(i) ? CodeCache::kAsleep : cpus_[i]->epoch());
      return epochs;
    });
  }
  ~Dbt() override {
    stop();
    config_.memory.set_code_watcher(nullptr);
  }

  Expected<void> start() override {
    for (auto& cpu : cpus_) cpu->start();
    return {};
  }
  void stop() override {
    for (auto& cpu : cpus_) cpu->request_stop();
    for (auto& cpu : cpus_) cpu->join();
  }
  u32 cpu_count() const override { return u32(cpus_.size()); }
  CpuState& cpu(u32 index) override { return cpus_[index]->state(); }
  IrqSink& irq_sink(u32 cpu) override { return *cpus_[cpu]; }
  CpuPower* cpu_power() override { return this; }
  void start(u32 cpu, GuestPa entry, u64 context) override { cpus_[cpu]->power_on(entry, context); }
  void pause() override { safepoint_.stop_world(); }
  void resume() override { safepoint_.resume_world(); }
  void reset() override {
    clear_code();
    for (auto& cpu : cpus_) cpu->reset();
  }
  void save_translations() override { translator_.save(); }
  std::string stats() const override;

 private:
  // Caller: the world is stopped.
  void clear_code() {
    auto idle = translator_.quiesce();
    for (auto& cpu : cpus_) cpu->drop_translations();
    cache_.clear([this](const CodeWriteToken& token) {
      if (config_.reset_code_memory) config_.reset_code_memory(token);
    });
  }
  // Called by a vCPU inside its safepoint region: two CPUs may find the memory full at once; the second finds it empty.
  void flush_code_from_cpu() {
    safepoint_.stop_world_from_inside([this] {
      if (!config_.code_space_left || config_.code_space_left() < kLowCodeSpace) clear_code();
    });
  }
  static constexpr size_t kLowCodeSpace = 1 << 20;

  DbtConfig config_;
  SystemCodeMemory code_memory_;
  CodeCache cache_;
  Translator translator_;
  Safepoint safepoint_;
  TlbBroadcast broadcast_;
  std::vector<std::unique_ptr<Vcpu>> cpus_;
};

std::string Dbt::stats() const {
  StatLines line;
  add_translation_stats(line, cache_, translator_);
  line("code-pages.marked", cache_.counters.pages_marked);
  add_tier_stats(line, cache_, translator_);
  for (size_t i = 0; i < cpus_.size(); ++i) {
    const auto& v = cpus_[i]->counters;
    const auto& tlb = cpus_[i]->tlbs().counters;
    auto cpu_line = [&](std::string_view name, u64 value) { line(fmt::format("cpu{}.{}", i, name), value); };
    cpu_line("thread.us", v.thread_ns / 1000);
    cpu_line("idle.us", v.idle_ns / 1000);
    cpu_line("dispatches", v.dispatches);
    cpu_line("left.dispatch", v.left[u32(Leave::dispatch)]);
    cpu_line("left.edge", v.left[u32(Leave::edge)]);
    cpu_line("left.poll", v.left[u32(Leave::poll)]);
    cpu_line("slow-accesses", v.slow_accesses);
    cpu_line("device-accesses", v.device_accesses);
    cpu_line("tlb-fills", tlb.fills);
    cpu_line("tlb-flushes", tlb.flushes);
    cpu_line("tlb-page-flushes", tlb.page_flushes);
    cpu_line("space-switches", tlb.switches);
    cpu_line("exceptions", v.exceptions);
    cpu_line("interrupts", v.interrupts);
    cpu_line("waits", v.waits);
  }
  return line.text;
}

}  // namespace

std::unique_ptr<Accelerator> make_dbt(DbtConfig config) { return std::make_unique<Dbt>(std::move(config)); }

}  // namespace mimus::dbt
