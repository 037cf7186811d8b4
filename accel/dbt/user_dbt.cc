// The accelerator of a process: its CPUs come and go with the threads of the guest.
#include <algorithm>

#include "accel/dbt/dbt.h"
#include "accel/dbt/stats.h"
#include "accel/dbt/user_cpu.h"

namespace mimus::dbt {
namespace {

class UserDbt final : public UserAccelerator, public UserShared {
 public:
  explicit UserDbt(UserDbtConfig given) : UserShared(std::move(given), [this] { interrupt_all(); }) {}

  std::unique_ptr<UserCpu> make_cpu(ProcessThread& thread) override {
    auto cpu = std::make_unique<UserVcpu>(*this, thread, next_index_++);
    std::lock_guard lock(cpus_mutex_);
    cpus_.push_back(cpu.get());
    return cpu;
  }
  void forget(GuestVa start, u64 bytes) override { cache.forget(start, bytes); }
  bool page_written(GuestVa page) override { return cache.watched_page_written(align_down(page, kPageSize)); }
  void sync_code(GuestVa start, u64 bytes) override { cache.fence_check(start, bytes); }

  void before_fork() override;
  void after_fork_in_parent() override;
  void after_fork_in_child(UserCpu& survivor) override;
  const StateLayout& layout() const override { return config.frontend.layout(); }
  void save_translations() override { translator.save(); }
  std::string stats() const override;

 private:
  void interrupt_all() {
    std::lock_guard lock(cpus_mutex_);
    for (UserVcpu* cpu : cpus_) cpu->interrupt();
  }
  void remove(UserVcpu& cpu) override {
    std::lock_guard lock(cpus_mutex_);
    std::erase(cpus_, &cpu);
    retired_.add(cpu.counters);
  }
  void free_code_memory() override;
  void clear_code();

  struct Totals {
    u64 slow_accesses = 0, dispatches = 0, exceptions = 0, access_faults = 0, polls = 0;
    void add(const UserVcpu::Counters& c) {
      slow_accesses += c.slow_accesses, dispatches += c.dispatches, exceptions += c.exceptions;
      access_faults += c.access_faults, polls += c.polls;
    }
  };
  struct ForkLocks {
    std::unique_lock<std::mutex> compiler, cpus, cache;
  };

  static constexpr size_t kLowCodeSpace = 1 << 20;
  mutable std::mutex cpus_mutex_;
  std::vector<UserVcpu*> cpus_;
  Totals retired_;
  std::atomic<u32> next_index_{0};
  ForkLocks fork_locks_;
};

// Caller: the world is stopped.
void UserDbt::clear_code() {
  auto idle = translator.quiesce();
  {
    std::lock_guard lock(cpus_mutex_);
    for (UserVcpu* cpu : cpus_) cpu->drop_translations();
  }
  cache.clear([this](const CodeWriteToken& token) {
    if (config.reset_code_memory) config.reset_code_memory(token);
  });
}

// Two CPUs may find the memory full at once; the second finds it empty.
void UserDbt::free_code_memory() {
  safepoint.stop_world_from_inside([this] {
    if (!config.code_space_left || config.code_space_left() < kLowCodeSpace) clear_code();
  });
}

// With the world stopped no other thread is in the middle of translating or holds a lock of an engine; the locks that
// threads in system calls may take are held across the fork.
void UserDbt::before_fork() {
  safepoint.stop_world();
  fork_locks_.compiler = translator.quiesce();
  fork_locks_.cpus = std::unique_lock(cpus_mutex_);
  fork_locks_.cache = cache.lock();
}

void UserDbt::after_fork_in_parent() {
  fork_locks_ = {};
  safepoint.resume_world();
}

void UserDbt::after_fork_in_child(UserCpu& survivor) {
  std::erase_if(cpus_, [&](UserVcpu* cpu) { return cpu != &survivor; });
  translator.restart_in_child();
  fork_locks_ = {};
  safepoint.resume_in_child();
}

std::string UserDbt::stats() const {
  StatLines line;
  add_translation_stats(line, cache, translator);
  line("code-pages.watched", cache.counters.pages_marked);
  line("code-pages.checked", cache.counters.pages_checked);
  add_tier_stats(line, cache, translator);
  std::lock_guard lock(cpus_mutex_);
  Totals all = retired_;
  for (const UserVcpu* cpu : cpus_) all.add(cpu->counters);
  line("cpus.made", next_index_);
  line("cpus.dispatches", all.dispatches);
  line("cpus.slow-accesses", all.slow_accesses);
  line("cpus.exceptions", all.exceptions);
  line("cpus.access-faults", all.access_faults);
  line("cpus.polls", all.polls);
  return line.text;
}

}  // namespace

std::unique_ptr<UserAccelerator> make_user_dbt(UserDbtConfig config) {
  return std::make_unique<UserDbt>(std::move(config));
}

}  // namespace mimus::dbt
