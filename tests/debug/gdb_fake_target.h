// A target for GDB sessions without anything behind it: two threads of riscv64, one page of memory at kMemory.
#pragma once

#include <map>
#include <memory>

#include "frontends/riscv/riscv.h"
#include "frontends/riscv/state.h"
#include "machines/debug/gdb_target.h"

namespace mimus::gdb {

class FakeTarget final : public Target {
 public:
  static constexpr u64 kMemory = 0x10000, kMemoryBytes = 0x1000;
  static constexpr u64 kFirst = 7, kSecond = 8;

  FakeTarget() {
    for (u64 thread : {kFirst, kSecond}) states_.emplace(thread, frontend_->make_state(u32(thread)));
  }
  riscv::RiscvState& hart(u64 thread) { return riscv::hart(*states_.at(thread)); }

  std::vector<u8> memory = std::vector<u8>(kMemoryBytes);
  std::map<u64, Action> resumed;  // by the last resume()
  std::optional<Stop> stop;       // what take_stop() will say
  std::vector<std::string> log;   // points, interrupt, detach, kill

  const StateLayout& layout() const override { return frontend_->layout(); }
  std::vector<u64> threads() override { return {kFirst, kSecond}; }
  CpuState* cpu(u64 thread) override {
    const auto it = states_.find(thread);
    return it == states_.end() ? nullptr : it->second.get();
  }
  std::string thread_name(u64 thread) override { return thread == kFirst ? "main" : "other"; }
  size_t read_memory(u64, u64 address, std::span<u8> to) override {
    if (address < kMemory || address >= kMemory + kMemoryBytes) return 0;
    const size_t bytes = std::min<u64>(to.size(), kMemory + kMemoryBytes - address);
    std::copy_n(memory.begin() + s64(address - kMemory), bytes, to.begin());
    return bytes;
  }
  bool write_memory(u64, u64 address, std::span<const u8> from) override {
    if (address < kMemory || from.size() > kMemoryBytes || address - kMemory > kMemoryBytes - from.size()) return false;
    std::copy(from.begin(), from.end(), memory.begin() + s64(address - kMemory));
    return true;
  }
  PointResult insert_point(PointKind kind, u64, u64) override {
    log.push_back("insert");
    return kind == PointKind::software_break ? PointResult::done : PointResult::unsupported;
  }
  PointResult remove_point(PointKind, u64, u64) override { return PointResult::failed; }
  void resume(const std::function<Action(u64)>& action_of) override {
    for (u64 thread : threads()) resumed[thread] = action_of(thread);
  }
  void interrupt() override { log.push_back("interrupt"); }
  std::optional<Stop> take_stop() override { return std::exchange(stop, std::nullopt); }
  void detach() override { log.push_back("detach"); }
  void kill() override { log.push_back("kill"); }
  std::string auxiliary_vector() override { return "auxv"; }
  std::string program() override { return "/bin/program"; }
  int open_file(const std::string&) override { return -2; }

 private:
  std::unique_ptr<Frontend> frontend_ = make_riscv_frontend(*riscv::parse_cpu_model("max"));
  std::map<u64, std::unique_ptr<CpuState, void (*)(CpuState*)>> states_;
};

}  // namespace mimus::gdb
