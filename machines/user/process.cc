#include "machines/user/process.h"

#include <fmt/format.h>
#include <unistd.h>

#include "machines/user/ptrace_tracer.h"

namespace mimus::user {

void Process::add(UserThread& thread) {
  std::lock_guard lock(mutex_);
  threads_.insert(&thread);
}

bool Process::remove(UserThread& thread) {
  std::lock_guard lock(mutex_);
  if (threads_.size() == 1 && threads_.contains(&thread)) return false;
  threads_.erase(&thread);
  return true;
}

size_t Process::thread_count() {
  std::lock_guard lock(mutex_);
  return threads_.size();
}

std::vector<UserThread*> Process::threads() {
  std::lock_guard lock(mutex_);
  return {threads_.begin(), threads_.end()};
}

// Nothing that the parent traces is traced by its child.
void Process::only_thread(UserThread& survivor) {
  threads_ = {&survivor};
  ptrace_used_ = false;
  ptrace_.reset();
}

PtraceTracer& Process::ptrace() {
  std::lock_guard lock(mutex_);
  if (!ptrace_) ptrace_ = std::make_shared<PtraceTracer>();
  ptrace_used_ = true;
  return *ptrace_;
}

void Process::count_unknown(u64 number) {
  std::lock_guard lock(mutex_);
  unknown_[number]++;
}

void Process::print_stats() {
  if (!stats) return;
  std::string text = accelerator.stats();
  text += fmt::format("system calls {}\n", calls_.load());
  std::lock_guard lock(mutex_);
  for (auto [number, count] : unknown_) text += fmt::format("unknown system call {} {}\n", number, count);
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

}  // namespace mimus::user
