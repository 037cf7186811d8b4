#include "accel/dbt/vcpu.h"

#include <sys/random.h>
#include <time.h>

#include <algorithm>

#include "core/device/firmware_port.h"

namespace mimus::dbt {

static u64 now_ns(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return u64(now.tv_sec) * 1'000'000'000 + u64(now.tv_nsec);
}

Vcpu::Vcpu(const DbtConfig& config, CodeCache& cache, Translator& translator, Safepoint& safepoint,
           TlbBroadcast& broadcast, u32 index, std::function<void(Vcpu&)> out_of_space)
    : config_(config),
      cache_(cache),
      translator_(translator),
      safepoint_(safepoint),
      broadcast_(broadcast),
      out_of_space_(std::move(out_of_space)),
      state_(config.frontend.make_state(index)) {
  state_->cpu_index = index;
  state_->port = this;
  state_->runtime = &kRuntime;
  broadcast_.join(index, *state_);
  for (unsigned i = 0; i < kTimers; ++i) {
    timers_[i] = config_.events.create_timer([this, i] {
      timers_fired_.fetch_or(1u << i);
      kick();
    });
  }
  config_.timebase.listen(this, [this] {
    timers_fired_.fetch_or(timers_used_);  // the frontend looks at the time and sets them anew
    kick();
  });
  reset();
}

Vcpu::~Vcpu() {
  join();
  config_.timebase.forget(this);
}

void Vcpu::reset() {
  config_.frontend.reset(*state_);
  state_->reservation_size = 0;
  state_->leave = 0;
  flushes_posted_ = false;
  waiting_ = false;
  off_ = starts_off();
  if (off_) state_->exit_request.store(1, std::memory_order_relaxed);
  {
    std::lock_guard lock(wake_mutex_);
    start_.reset();
  }
  timers_fired_ = 0;
  for (auto timer : timers_) config_.events.disarm(timer);
  tlbs_.flush({});
  mode_dirty_ = true;
}

void Vcpu::drop_translations() {
  tlbs_.flush_jump_caches();
  state_->clear_return_stack();
  if (state_->leave == u32(Leave::edge)) state_->leave = u32(Leave::dispatch);
}

// ---- threads and requests ----

void Vcpu::start() {
  stop_ = false;
  off_ = starts_off();
  if (off_) state_->exit_request.store(1, std::memory_order_relaxed);
  thread_ = std::thread([this] { thread_main(); });
}

void Vcpu::request_stop() {
  stop_ = true;
  kick();
}

void Vcpu::join() {
  if (thread_.joinable()) thread_.join();
}

void Vcpu::kick() {
  state_->exit_request.store(1, std::memory_order_release);
  std::lock_guard lock(wake_mutex_);
  wake_pending_ = true;
  woken_.notify_one();
}

void Vcpu::power_on(GuestPa entry, u64 argument) {
  {
    std::lock_guard lock(wake_mutex_);
    start_ = {entry, argument};
  }
  kick();
}

bool Vcpu::starts_off() const { return state_->firmware_port && !state_->firmware_port->is_on(state_->cpu_index); }

// Of a CPU that is off: has it been told to start?
bool Vcpu::take_start() {
  std::optional<Start> start;
  {
    std::lock_guard lock(wake_mutex_);
    start = std::exchange(start_, std::nullopt);
  }
  if (!start) return false;
  reset();
  off_ = false;
  config_.frontend.start_at(*state_, start->entry, start->argument);
  return true;
}

void Vcpu::set_irq(unsigned input, bool level) {
  const u64 mask = u64{1} << input;
  if (!level) {
    state_->irq_lines.fetch_and(~mask);
  } else if (!(state_->irq_lines.fetch_or(mask) & mask)) {
    kick();
  }
}

void Vcpu::sleep_until_woken() {
  safepoint_.leave();
  broadcast_.set_asleep(state_->cpu_index, true);
  const u64 started = now_ns(CLOCK_MONOTONIC);
  {
    std::unique_lock lock(wake_mutex_);
    woken_.wait(lock, [&] { return wake_pending_; });
    wake_pending_ = false;
  }
  broadcast_.set_asleep(state_->cpu_index, false);
  counters.idle_ns += now_ns(CLOCK_MONOTONIC) - started;
  safepoint_.enter();
}

// Meanwhile it does what others ask of it.
void Vcpu::await_flushes() {
  while (!broadcast_.done(state_->cpu_index) && !stop_.load(std::memory_order_relaxed)) {
    broadcast_.take(state_->cpu_index, [this](const TlbFlush& flush) { flush_tlb(flush); });
    if (safepoint_.wanted()) {
      safepoint_.leave();
      safepoint_.enter();
    }
    std::this_thread::yield();
  }
  flushes_posted_ = false;
}

void Vcpu::handle_requests() {
  // Cleared first: a request that arrives from here on is seen at the next poll.
  state_->exit_request.store(0, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (safepoint_.wanted()) {
    safepoint_.leave();
    safepoint_.enter();
  }
  broadcast_.take(state_->cpu_index, [this](const TlbFlush& flush) { flush_tlb(flush); });
  if (off_ && !take_start()) {
    sleep_until_woken();
    state_->exit_request.store(1, std::memory_order_relaxed);  // look again
    return;
  }
  if (u32 fired = timers_fired_.exchange(0)) {
    for (unsigned i = 0; i < kTimers; ++i) {
      if (fired >> i & 1) config_.frontend.timer_fired(*state_, i);
    }
  }
  if (waiting_) {
    if (!config_.frontend.wakes(*state_)) {
      ++counters.waits;
      sleep_until_woken();
      state_->exit_request.store(1, std::memory_order_relaxed);  // look again
      return;
    }
    waiting_ = false;
  }
  if (config_.frontend.take_interrupt(*state_)) {
    ++counters.interrupts;
    state_->leave = u32(Leave::dispatch);
    mode_dirty_ = true;
  }
}

// Brings the cached pointers in line with the privilege mode, regime and address space of the state.
void Vcpu::sync_mode() {
  mode_dirty_ = false;
  const u64 mode = config_.frontend.mode_key(*state_);
  tlbs_.select(config_.frontend.context(*state_));
  regime_changed();
  JumpCache& jumps = tlbs_.current().jump_cache(mode);
  if (&jumps == jumps_ && mode == state_->mode_key) return;
  jumps_ = &jumps;
  state_->mode_key = mode;
  state_->jump_cache = jumps.entries.data();
  state_->clear_return_stack();  // its entries hold for one mode and address space
}

void Vcpu::thread_main() {
  broadcast_.set_asleep(state_->cpu_index, false);
  safepoint_.enter();
  while (!stop_.load(std::memory_order_relaxed)) {
    if (flushes_posted_) await_flushes();
    // The guest may have unmasked an interrupt that was no news when it came.
    if (state_->exit_request.load(std::memory_order_acquire) || state_->irq_lines.load(std::memory_order_relaxed)) {
      handle_requests();
      if (waiting_ || off_) continue;
    }
    if (mode_dirty_) sync_mode();
    const bool by_edge = state_->leave == u32(Leave::edge);
    const u32 from = state_->left_code, edge = state_->left_edge;
    TranslatedBlock* found = find_or_translate();
    if (!found) continue;
    if (by_edge && found->current.load(std::memory_order_acquire)->host_entry()) cache_.link(from, edge, *found);
    run_translation(*found);
  }
  broadcast_.set_asleep(state_->cpu_index, true);
  counters.thread_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
  safepoint_.leave();
}

void Vcpu::run_translation(TranslatedBlock& t) {
  Code& code = *t.current.load(std::memory_order_acquire);
  if (translator_.has_warm() && !t.tier_requested.load(std::memory_order_relaxed)) {
    const bool hot = code.host_entry() ? code.hot() : ++t.runs >= config_.tiers.warm_after;
    if (hot) translator_.request_warm(t);
  }
  ++counters.dispatches;
  state_->leave = u32(Leave::none);
  code.run(*state_);
  ++counters.left[state_->leave & 3];
  epoch_.store(epoch_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

// ---- finding code ----

TranslatedBlock* Vcpu::find_or_translate() {
  const u32 index = jump_cache_index(state_->pc);
  const JumpCache::Found& found = jumps_->found[index];
  if (found.pc == state_->pc && found.translation->valid.load(std::memory_order_acquire)) {
    jumps_->entries[index] = {state_->pc, found.translation->current.load(std::memory_order_acquire)->host_entry()};
    if (!jumps_->entries[index].code) jumps_->entries[index] = {};
    return found.translation;
  }
  return lookup_slow(*jumps_, index);
}

TranslatedBlock* Vcpu::lookup_slow(JumpCache& jumps, u32 index) {
  const GuestPc pc = state_->pc;
  Fault fault;
  ir::BlockKey key{0, pc, state_->mode_key};
  if (!fetch(pc, key.physical, fault)) {
    raise(fault, 0);
    return nullptr;
  }
  TranslatedBlock* t = cache_.find(key);
  if (t && t->straddles) {  // the second page may be mapped elsewhere by now
    GuestPa second;
    if (!fetch(align_down(pc, kPageSize) + kPageSize, second, fault)) {
      raise(fault, 0);
      return nullptr;
    }
    if (align_down(second, kPageSize) != t->second_page) {
      cache_.code_page_written(align_down(key.physical, kPageSize));
      t = nullptr;
    }
  }
  if (!t) {
    auto fetch_page = [&](GuestVa page) -> std::variant<GuestPa, Fault> {
      GuestPa physical;
      Fault next;
      if (!fetch(page, physical, next)) return next;
      return physical;
    };
    auto made = translator_.translate(key, fetch_page, scratch_);
    if (const auto* failure = std::get_if<TranslateFailure>(&made)) {
      if (failure->kind == TranslateFailure::Kind::fault) raise(failure->fault, 0);
      if (failure->kind == TranslateFailure::Kind::out_of_space) out_of_space_(*this);
      return nullptr;
    }
    t = std::get<TranslatedBlock*>(made);
  }
  tlbs_.current().note_fetch(pc, 0);
  jumps.found[index] = {pc, t};
  const u64 entry = t->current.load(std::memory_order_acquire)->host_entry();
  jumps.entries[index] = entry ? JumpEntry{pc, entry} : JumpEntry{};
  return t;
}

bool Vcpu::fetch(GuestPc pc, GuestPa& physical, Fault& fault) {
  const unsigned regime = config_.frontend.fetch_regime(*state_);
  FetchEntry& entry = tlbs_.current().fetch_entry(pc);
  const u64 tag = align_down(pc, kPageSize) | regime;
  if (entry.page != tag) {
    const WalkResult walked = config_.frontend.walk(*state_, config_.memory, pc, Access::execute, regime);
    if (const Fault* refused = std::get_if<Fault>(&walked)) {
      fault = *refused;
      return false;
    }
    const Translation& mapping = std::get<Translation>(walked);
    if (!mapping.cacheable) {
      physical = mapping.page + (pc & kPageMask);
      return true;
    }
    entry = {tag, mapping.page};
    if (mapping.global) tlbs_.current().note_global(pc, mapping.mapping_size);
    tlbs_.current().note_fetch(pc, mapping.mapping_size);
  }
  physical = entry.physical + (pc & kPageMask);
  return true;
}

// ---- CpuPort ----

u64 Vcpu::timebase() { return config_.timebase.ticks(); }

void Vcpu::set_timer(unsigned timer, u64 deadline_ticks) {
  timers_used_.fetch_or(1u << timer);
  timers_fired_.fetch_and(~(1u << timer));
  const u64 deadline_ns =
      deadline_ticks == Timebase::kNever ? Timebase::kNever : config_.timebase.deadline_ns(deadline_ticks);
  if (deadline_ns == 0) {  // it has passed
    config_.events.disarm(timers_[timer]);
    timers_fired_.fetch_or(1u << timer);
    state_->exit_request.store(1, std::memory_order_relaxed);
  } else if (deadline_ns == Timebase::kNever) {
    config_.events.disarm(timers_[timer]);
  } else {
    config_.events.arm(timers_[timer], deadline_ns);
  }
}

void Vcpu::flush_tlb(const TlbFlush& flush) {
  tlbs_.flush(flush);
  state_->clear_return_stack();
}

void Vcpu::flush_tlb_everywhere(const TlbFlush& flush) {
  flush_tlb(flush);
  if (broadcast_.alone()) return;
  broadcast_.post(state_->cpu_index, flush);
  flushes_posted_ = true;
  state_->exit_request.store(1, std::memory_order_relaxed);
}

void Vcpu::fence_code() {
  cache_.fence_check();
  if (state_->leave == u32(Leave::none)) state_->leave = u32(Leave::dispatch);
}

void Vcpu::context_changed() {
  mode_dirty_ = true;
  state_->exit_request.store(1, std::memory_order_relaxed);
}

void Vcpu::regime_changed() {
  DataTlb& tlb = tlbs_.data_tlb(state_->regime);
  state_->tlb = tlb.data();
  state_->tlb_mask = tlb.mask();
}

void Vcpu::mode_changed() {
  mode_dirty_ = true;
  state_->exit_request.store(1, std::memory_order_relaxed);
}

void Vcpu::power_off() {
  off_ = true;
  state_->exit_request.store(1, std::memory_order_relaxed);
}

void Vcpu::wait_for_interrupt() {
  waiting_ = true;
  state_->exit_request.store(1, std::memory_order_relaxed);
}

u64 Vcpu::random() {
  u64 value = 0;
  while (getrandom(&value, sizeof value, 0) != sizeof value) {
  }
  return value;
}

}  // namespace mimus::dbt
