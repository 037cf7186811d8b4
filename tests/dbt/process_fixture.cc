#include "tests/dbt/process_fixture.h"

#include <sys/mman.h>

#include "core/state/cpu.h"

namespace mimus::dbt {
namespace {

thread_local UserCpu* running = nullptr;

void on_fault(int signal, siginfo_t* info, void* context) {
  if (running && running->host_fault(*info, context)) return;
  ::signal(signal, SIG_DFL);  // our own bug: die of it
}

}  // namespace

TestMemory::TestMemory(u64 size, bool at_zero) : size_(size) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (at_zero ? MAP_FIXED_NOREPLACE : 0);
  void* const wanted = at_zero ? reinterpret_cast<void*>(kBase) : nullptr;
  const u64 below = at_zero ? 0 : kBase + kGuard, reserved = below + size + kGuard;
  reserved_ = {static_cast<u8*>(mmap(wanted, reserved, PROT_NONE, flags, -1, 0)), reserved};
  host_ = reserved_.data() + below;
  mprotect(host_, size, PROT_READ | PROT_WRITE);
  for (GuestVa page = kBase; page < kBase + size; page += kPageSize)
    pages_[page] = {PROT_READ | PROT_WRITE | PROT_EXEC};
}
TestMemory::~TestMemory() { munmap(reserved_.data(), reserved_.size()); }

void TestMemory::apply(GuestVa page, const Page& entry) {
  int host = entry.protection < 0 ? PROT_NONE : entry.protection & (PROT_READ | PROT_WRITE);
  if (entry.watched) host &= ~PROT_WRITE;
  mprotect(at(page), kPageSize, host);
}

bool TestMemory::executable(GuestVa page) {
  std::lock_guard lock(mutex_);
  const auto found = pages_.find(page);
  return found != pages_.end() && found->second.protection >= 0 && (found->second.protection & PROT_EXEC);
}
bool TestMemory::watch_writes(GuestVa page) {
  std::lock_guard lock(mutex_);
  const auto found = pages_.find(page);
  if (found == pages_.end() || found->second.protection < 0) return false;
  found->second.watched = true;
  apply(page, found->second);
  return true;
}
void TestMemory::unwatch_writes(GuestVa page) {
  std::lock_guard lock(mutex_);
  const auto found = pages_.find(page);
  if (found == pages_.end()) return;
  found->second.watched = false;
  apply(page, found->second);
}
void TestMemory::protect(GuestVa page, int protection) {
  std::lock_guard lock(mutex_);
  pages_[page].protection = protection;
  apply(page, pages_[page]);
}
bool TestMemory::watched(GuestVa page) {
  std::lock_guard lock(mutex_);
  return pages_[page].watched;
}

FaultScope::FaultScope(UserCpu& cpu) {
  running = &cpu;
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, nullptr);
  sigaction(SIGBUS, &action, nullptr);
}
FaultScope::~FaultScope() { running = nullptr; }

void TestThread::record(Event event) {
  event.pc = cpu->state().pc;
  events.push_back(event);
  if (on_event) on_event(event);
}
void TestThread::trap(const Fault& fault) { record({Event::Kind::trap, 0, fault.cause, fault.tval}); }
void TestThread::access_fault(GuestVa address, Access access, int signal, int code) {
  record({Event::Kind::access, 0, address, u64(signal) | u64(u32(code)) << 8, access});
}
void TestThread::poll() { record({Event::Kind::poll}); }

}  // namespace mimus::dbt
