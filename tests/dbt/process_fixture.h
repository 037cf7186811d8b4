// A process without an operating system: memory of the test's own, a thread that records what happens to it, and the
// signal handler that machines/user would install.
#pragma once

#include <gtest/gtest.h>

#include <csignal>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "core/engine/process.h"

namespace mimus::dbt {

// Guest pages [kBase, kBase + size) at a host address of the host's choice, or (`at_zero`) at their own.
class TestMemory final : public ProcessMemory {
 public:
  static constexpr GuestVa kBase = 0x10000;

  explicit TestMemory(u64 size, bool at_zero = false);
  ~TestMemory() override;

  u8* base() const override { return host_ - kBase; }
  u64 limit() const override { return kBase + size_; }
  bool executable(GuestVa page) override;
  bool from_file(GuestVa) override { return true; }
  bool watch_writes(GuestVa page) override;
  void unwatch_writes(GuestVa page) override;

  void protect(GuestVa page, int protection);  // PROT_*; -1: not mapped. The caller tells the accelerator.
  bool watched(GuestVa page);
  u8* at(GuestVa va) { return base() + va; }
  u64 word(GuestVa va) { return *reinterpret_cast<volatile u64*>(at(va)); }

 private:
  struct Page {
    int protection;
    bool watched = false;
  };
  void apply(GuestVa page, const Page& entry);
  static constexpr u64 kGuard = 0x10000;  // where accesses just outside fault too
  std::span<u8> reserved_;
  u8* host_ = nullptr;
  u64 size_ = 0;
  std::mutex mutex_;
  std::map<GuestVa, Page> pages_;
};

// Makes SIGSEGV and SIGBUS go to `cpu` (of this thread) while it lives.
class FaultScope {
 public:
  explicit FaultScope(UserCpu& cpu);
  ~FaultScope();
};

struct Event {
  enum class Kind { trap, access, poll } kind;
  GuestPc pc = 0;
  u64 number = 0;  // exception number, or the address
  u64 detail = 0;  // tval, or signal | code << 8
  Access access = Access::read;
};

// Records, then asks the test what to do.
class TestThread final : public ProcessThread {
 public:
  void trap(const Fault& fault) override;
  void access_fault(GuestVa address, Access access, int signal, int code) override;
  void poll() override;

  UserCpu* cpu = nullptr;
  std::vector<Event> events;
  std::function<void(const Event&)> on_event;

 private:
  void record(Event event);
};

}  // namespace mimus::dbt
