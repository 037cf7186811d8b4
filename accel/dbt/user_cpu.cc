#include "accel/dbt/user_cpu.h"

#include <asm/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/memory/guarded.h"

namespace mimus::dbt {
namespace {

constexpr u64 kTicksPerSecond = 10'000'000;  // of the guest's time counter

}  // namespace

UserVcpu::UserVcpu(UserShared& shared, ProcessThread& thread, u32 index)
    : shared_(shared),
      thread_(thread),
      base_(shared.config.memory.base()),
      limit_(shared.config.memory.limit()),
      ignored_bits_(shared.config.memory.ignored_address_bits()),
      state_(shared.config.frontend.make_state(index)) {
  state_->port = this;
  state_->runtime = &kFlatRuntime;
  state_->tlb = &no_tlb_;
  state_->tlb_mask = 0;
  shared.config.frontend.reset_user(*state_);
}

UserVcpu::~UserVcpu() { shared_.remove(*this); }

void UserVcpu::kick() {
  poll_wanted_.store(true, std::memory_order_relaxed);
  state_->exit_request.store(1, std::memory_order_release);
}

bool UserVcpu::host_fault(const siginfo_t& info, void* ucontext) {
  if (recover_guarded_access(info, ucontext)) return true;
  if (info.si_code <= 0) return false;  // sent by a process
  greg_t& rip = static_cast<ucontext_t*>(ucontext)->uc_mcontext.gregs[REG_RIP];
  const u64 landing = shared_.cache.host_index().landing(u64(rip));
  if (landing) rip = greg_t(landing);
  return landing != 0;
}

void UserVcpu::drop_translations() {
  for (auto& cache : jump_caches_) cache->flush();
  state_->clear_return_stack();
  if (state_->leave == u32(Leave::edge)) state_->leave = u32(Leave::dispatch);
}

// ---- the run loop ----

void UserVcpu::run() {
  leaving_ = false;
  // Nobody else in the process uses GS: one setting lasts as long as the host thread.
  if (base_) syscall(SYS_arch_prctl, ARCH_SET_GS, base_);
  shared_.safepoint.enter();
  while (!leaving_) step();
  shared_.safepoint.leave();
}

void UserVcpu::step() {
  if (!std::holds_alternative<std::monostate>(pending_)) return report();
  if (state_->exit_request.load(std::memory_order_acquire)) {
    handle_requests();
    if (leaving_) return;
  }
  if (mode_dirty_) sync_mode();
  if (single_step_) return step_instruction();
  const bool by_edge = state_->leave == u32(Leave::edge);
  const u32 from = state_->left_code, edge = state_->left_edge;
  TranslatedBlock* found = find_or_translate();
  if (!found) return;
  if (by_edge && found->current.load(std::memory_order_acquire)->host_entry()) shared_.cache.link(from, edge, *found);
  run_translation(*found);
}

void UserVcpu::handle_requests() {
  // Cleared first: a request that arrives from here on is seen at the next poll.
  state_->exit_request.store(0, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const bool poll = poll_wanted_.exchange(false);
  if (!poll && !shared_.safepoint.wanted()) return;
  shared_.safepoint.leave();
  if (poll) {
    ++counters.polls;
    state_->leave = u32(Leave::dispatch);
    thread_.poll();
    mode_dirty_ = true;
  }
  shared_.safepoint.enter();
}

void UserVcpu::report() {
  const Pending what = std::exchange(pending_, {});
  state_->leave = u32(Leave::dispatch);
  shared_.safepoint.leave();
  if (const Fault* fault = std::get_if<Fault>(&what)) {
    ++counters.exceptions;
    thread_.trap(*fault);
  } else if (const AccessFault* access = std::get_if<AccessFault>(&what)) {
    ++counters.access_faults;
    thread_.access_fault(access->address, access->access, access->signal, access->code);
  }
  mode_dirty_ = true;  // whatever the operating system has done to the state
  shared_.safepoint.enter();
  report_step();
}

void UserVcpu::sync_mode() {
  mode_dirty_ = false;
  const u64 mode = shared_.config.frontend.mode_key(*state_);
  if (jumps_ && jumps_->mode == mode) return;
  jumps_ = nullptr;
  for (auto& cache : jump_caches_) {
    if (cache->mode == mode) jumps_ = cache.get();
  }
  if (!jumps_) {
    jumps_ = jump_caches_.emplace_back(std::make_unique<JumpCache>()).get();
    jumps_->mode = mode;
  }
  state_->mode_key = mode;
  state_->jump_cache = jumps_->entries.data();
  state_->clear_return_stack();  // its entries hold for one mode
}

void UserVcpu::run_translation(TranslatedBlock& t) {
  Code& code = *t.current.load(std::memory_order_acquire);
  if (shared_.translator.has_warm() && !t.tier_requested.load(std::memory_order_relaxed)) {
    const bool hot = code.host_entry() ? code.hot() : ++t.runs >= shared_.config.tiers.warm_after;
    if (hot) shared_.translator.request_warm(t);
  }
  ++counters.dispatches;
  state_->leave = u32(Leave::none);
  code.run(*state_);
}

// ---- finding code ----

TranslatedBlock* UserVcpu::find_or_translate() {
  const u32 index = jump_cache_index(state_->pc);
  const JumpCache::Found& found = jumps_->found[index];
  if (found.pc != state_->pc || !found.translation->valid.load(std::memory_order_acquire)) return lookup_slow(index);
  const u64 entry = found.translation->current.load(std::memory_order_acquire)->host_entry();
  jumps_->entries[index] = entry ? JumpEntry{state_->pc, entry} : JumpEntry{};
  return found.translation;
}

TranslatedBlock* UserVcpu::lookup_slow(u32 index) {
  const GuestPc pc = state_->pc;
  if (pc & ignored_bits_) {
    state_->pc = without_tag(pc);
    state_->leave = u32(Leave::dispatch);
    return nullptr;
  }
  const ir::BlockKey key{pc, pc, state_->mode_key};
  TranslatedBlock* t = shared_.cache.find(key);
  if (!t) {
    auto fetch_page = [](GuestVa page) -> std::variant<GuestPa, Fault> { return page; };
    auto made = shared_.translator.translate(key, fetch_page, scratch_);
    if (const auto* failure = std::get_if<TranslateFailure>(&made)) {
      if (failure->kind == TranslateFailure::Kind::fault) fetch_fault(failure->fault.tval);
      if (failure->kind == TranslateFailure::Kind::out_of_space) shared_.free_code_memory();
      return nullptr;
    }
    t = std::get<TranslatedBlock*>(made);
  }
  jumps_->found[index] = {pc, t};
  const u64 entry = t->current.load(std::memory_order_acquire)->host_entry();
  jumps_->entries[index] = entry ? JumpEntry{pc, entry} : JumpEntry{};
  return t;
}

void UserVcpu::fetch_fault(GuestVa address) {
  int code = SEGV_MAPERR;
  if (address < limit_ && guarded_load(base_ + address, 1).ok()) code = SEGV_ACCERR;
  raise_access(address, Access::execute, SIGSEGV, code, 0);
}

// ---- exceptions ----

void UserVcpu::raise(const Fault& fault, u64 site) {
  if (site) state_->pc = shared_.cache.guest_pc(site);
  pending_ = fault;
  state_->leave = u32(Leave::dispatch);
}

void UserVcpu::raise_access(GuestVa address, Access access, int signal, int code, u64 site) {
  if (site) state_->pc = shared_.cache.guest_pc(site);
  pending_ = AccessFault{address, access, signal, code};
  state_->leave = u32(Leave::dispatch);
}

void UserVcpu::user_exception(u32 cause, u64 tval) { raise({cause, tval}, 0); }

// ---- CpuPort ----

u64 UserVcpu::timebase() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return u64(now.tv_sec) * kTicksPerSecond + u64(now.tv_nsec) / (1'000'000'000 / kTicksPerSecond);
}

void UserVcpu::fence_code() {
  shared_.cache.fence_check();
  if (state_->leave == u32(Leave::none)) state_->leave = u32(Leave::dispatch);
}

void UserVcpu::mode_changed() {
  mode_dirty_ = true;
  state_->exit_request.store(1, std::memory_order_relaxed);
}

u64 UserVcpu::random() {
  u64 value = 0;
  while (getrandom(&value, sizeof value, 0) != sizeof value) {
  }
  return value;
}

}  // namespace mimus::dbt
