#include "accel/dbt/translator.h"

#include "core/engine/guarded_mode.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <new>

namespace mimus::dbt {
namespace {

u64 host_ns() {
  return u64(std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
                 .count());
}

constexpr u32 kMaxInsnBytes = 16;  // longest instruction of any ISA, rounded up
constexpr size_t kRegionBlocks = 32;
constexpr int kCompilerNiceness = 10;
constexpr u32 kColdShare = 64;  // what has run that many times less often than hot code stays out of regions
constexpr auto kShortestNap = std::chrono::milliseconds(5), kLongestNap = std::chrono::milliseconds(500);

bool is_direct(const ir::Exit& exit) { return exit.kind == ir::Exit::Kind::jump || exit.kind == ir::Exit::Kind::call; }

// Does the block do nothing but raise `fault`?
bool traps_with(const ir::Block& block, const Fault& fault) {
  if (block.guest_insns > 1) return false;
  return std::ranges::any_of(block.exits, [&](const ir::Exit& exit) {
    return exit.kind == ir::Exit::Kind::trap && exit.cause == fault.cause && exit.tval == fault.tval;
  });
}

// Where the block jumps back to in its page: every loop of direct edges has a block that does.
std::optional<GuestPc> loop_head(const ir::Block& block) {
  for (const ir::Exit& exit : block.exits) {
    if (exit.kind != ir::Exit::Kind::jump || exit.target > block.key.pc) continue;
    if (align_down(exit.target, kPageSize) == align_down(block.key.pc, kPageSize)) return exit.target;
  }
  return std::nullopt;
}

// A backward edge between blocks of a region: every loop has one.
bool has_loop(const std::vector<ir::Block>& blocks) {
  const auto is_inside = [&](GuestPc pc) {
    return std::ranges::any_of(blocks, [&](const ir::Block& b) { return b.key.pc == pc; });
  };
  return std::ranges::any_of(blocks, [&](const ir::Block& block) {
    return std::ranges::any_of(block.exits, [&](const ir::Exit& exit) {
      return exit.kind == ir::Exit::Kind::jump && exit.target <= block.key.pc && is_inside(exit.target);
    });
  });
}

}  // namespace

Translator::Translator(const Frontend& frontend, const CodeConfig& config, CodeMemory& memory, CodeCache& cache)
    : frontend_(frontend),
      config_(config),
      memory_(memory),
      cache_(cache),
      text_{frontend.layout(), frontend.helpers()},
      queue_(config.tiers.warm_rate) {
  if (!config.store.wanted()) return;
  StoreConfig store = config.store;
  store.identity += " insns=" + std::to_string(config.max_block_insns) + (config.count_insns ? " exact" : "");
  store_ = std::make_unique<TranslationStore>(std::move(store));
}

Translator::~Translator() {
  {
    std::lock_guard lock(queue_mutex_);
    stop_ = true;
  }
  queued_.notify_all();
  if (compiler_.joinable()) compiler_.join();
}

bool Translator::lift(const ir::BlockKey& key, std::span<const u8> bytes, u32 first_page_bytes,
                      std::optional<Fault> next_fault, ir::Block& block) {
  block.clear();
  block.key = key;
  if (memory_.guarded(align_down(key.physical, kPageSize))) block.key.mode |= kGuardedMode;
  const CodeBytes code{key.pc, bytes, first_page_bytes, next_fault};
  frontend_.translate(code, {config_.max_block_insns}, block);
  block.key.mode = key.mode;
  const bool wanted = config_.dump.wants && config_.dump.wants(key.pc);
  if (!wanted && !config_.verify_ir) {
    passes::silence_compares(block);
    if (!config_.count_insns) passes::convert_hammocks(block, text_);
    passes::run_passes(block, text_);
    return true;
  }
  if (wanted) {
    std::lock_guard lock(dump_mutex_);
    config_.dump.print("ir", ir::print(block, text_));
  }
  passes::silence_compares(block);
  if (!config_.count_insns) passes::convert_hammocks(block, text_);
  passes::PassObserver observer;
  observer.verify = config_.verify_ir;
  if (wanted) {
    observer.after = [this](std::string_view pass, const ir::Block& after) {
      std::lock_guard lock(dump_mutex_);
      config_.dump.print("pass:" + std::string(pass), ir::print(after, text_));
    };
  }
  passes::run_passes(block, text_, observer);
  return true;
}

void Translator::dump(const ir::Block& block, const Code* code, std::string_view tier) {
  if (!config_.dump.wants || !config_.dump.wants(block.key.pc)) return;
  std::lock_guard lock(dump_mutex_);
  config_.dump.print("opt", ir::print(block, text_));
  if (code) config_.dump.print("host:" + std::string(tier), code->dump());
}

// Has the page watched before its bytes are read; near the page's end, the next page's as well. False: no memory.
bool Translator::fetch_code(const ir::BlockKey& key, const FetchPage& fetch_page, CodeWindow& out) {
  const u32 in_page = u32(kPageSize - (key.physical & kPageMask));
  const u32 wanted = std::min(in_page, kMaxInsnBytes * (config_.max_block_insns + 1));
  out.in_page = in_page;
  out.generation = cache_.mark_page(align_down(key.physical, kPageSize));
  out.bytes = memory_.read(key.physical, wanted, out.copy);
  if (out.bytes.empty()) return false;
  if (in_page >= kMaxInsnBytes) return true;

  const GuestVa next_va = align_down(key.pc, kPageSize) + kPageSize;
  const auto next = fetch_page(next_va);
  if (out.bytes.data() != out.copy) std::ranges::copy(out.bytes, out.copy);
  out.bytes = {out.copy, in_page};
  const GuestPa* physical = std::get_if<GuestPa>(&next);
  if (!physical) {
    out.next_fault = std::get<Fault>(next);
    return true;
  }
  out.second_page = *physical;
  out.second_generation = cache_.mark_page(out.second_page);
  const auto more = memory_.read(out.second_page, kMaxInsnBytes, out.copy + in_page);
  if (more.empty()) {
    out.next_fault = frontend_.bus_fault(next_va, Access::execute);
    return true;
  }
  if (more.data() != out.copy + in_page) std::ranges::copy(more, out.copy + in_page);
  out.bytes = {out.copy, in_page + kMaxInsnBytes};
  return true;
}

std::variant<TranslatedBlock*, TranslateFailure> Translator::translate(const ir::BlockKey& key,
                                                                       const FetchPage& fetch_page, ir::Block& block) {
  using Kind = TranslateFailure::Kind;
  const u64 started = host_ns();
  CodeWindow code;
  if (!fetch_code(key, fetch_page, code))
    return TranslateFailure{Kind::fault, frontend_.bus_fault(key.pc, Access::execute)};
  if (store_ && !code.next_fault) {
    if (TranslatedBlock* loaded = load(key, code)) return loaded;
  }
  lift(key, code.bytes, code.in_page, code.next_fault, block);
  // What cannot be fetched now may be there the next time: no translation to keep.
  if (code.next_fault && traps_with(block, *code.next_fault)) return TranslateFailure{Kind::fault, *code.next_fault};

  auto made = std::make_unique<TranslatedBlock>();
  made->key = key;
  made->id = cache_.next_id();
  made->guest_bytes = block.guest_bytes;
  made->guest_insns = block.guest_insns;
  made->straddles = block.guest_bytes > code.in_page;
  made->second_page = code.second_page;
  made->bytes_hash = hash_code(code.bytes.subspan(0, std::min<size_t>(code.bytes.size(), block.guest_bytes)));
  for (const ir::Exit& exit : block.exits) {
    if (is_direct(exit)) made->targets.push_back(exit.target);
  }

  const ir::Block* const blocks[] = {&block};
  const ir::Region region{{blocks[0]}};
  PrepareOptions options{.code_id = made->id, .count_insns = config_.count_insns, .savable = store_ != nullptr};
  if (has_warm() && (!config_.tiers.warm_loops || loop_head(block))) {
    options.profile = true;
    options.profile_limit = config_.tiers.warm_after;
  }
  auto host_code = config_.tiers.cold->prepare(region, options);
  if (!host_code && config_.tiers.cold != config_.tiers.fallback) {
    if (config_.code_space_left && config_.code_space_left() < 65536) return TranslateFailure{Kind::out_of_space, {}};
    ++counters.fallbacks;
    host_code = config_.tiers.fallback->prepare(region, options);
  }
  if (!host_code) {
    if (config_.guest_errors) config_.guest_errors->guest_error("dbt", host_code.error().message);
    return TranslateFailure{Kind::out_of_space, {}};
  }
  made->code = std::move(*host_code);
  dump(block, made->code.get(), config_.tiers.cold->name());

  counters.guest_insns += block.guest_insns;
  counters.ir_insns += block.insts.size();
  if (store_) store_->note_translated();
  TranslatedBlock* published = cache_.publish(std::move(made), code.generation, code.second_generation);
  counters.translate_ns += host_ns() - started;
  if (!published) return TranslateFailure{Kind::retry, {}};
  return published;
}

// What an earlier run has made of the same bytes; null: nothing, or it cannot be had now.
TranslatedBlock* Translator::load(const ir::BlockKey& key, const CodeWindow& code) {
  TranslationStore::Scratch scratch;
  const auto saved = store_->find(key.pc, key.mode, code.bytes, scratch);
  if (!saved) return nullptr;
  auto made = std::make_unique<TranslatedBlock>();
  made->key = key;
  made->id = cache_.next_id();
  made->saved = true;
  made->guest_bytes = u32(saved->guest.size());
  made->guest_insns = saved->guest_insns;
  made->straddles = saved->straddles;
  made->second_page = code.second_page;
  made->bytes_hash = hash_code(saved->guest);
  made->targets.assign(saved->targets.begin(), saved->targets.end());
  auto host_code = config_.tiers.cold->load(
      saved->code,
      {.code_id = made->id, .count_insns = config_.count_insns, .profile_limit = config_.tiers.warm_after});
  if (!host_code) return nullptr;
  made->code = std::move(*host_code);
  return cache_.publish(std::move(made), code.generation, code.second_generation);
}

// ---- the warm tier ----

std::unique_lock<std::mutex> Translator::quiesce() {
  std::unique_lock held(compile_mutex_);
  std::lock_guard lock(queue_mutex_);
  queue_.clear();
  return held;
}

void Translator::restart_in_child() {
  if (store_) store_->forked();
  new (&queue_mutex_) std::mutex;  // the thread that is gone waited with them
  new (&queued_) std::condition_variable;
  new (&compiler_) std::thread;
  queue_.clear();
}

// Signals of the process are for other threads: a guest's would be lost here. Faults have to stay open, since guest
// code is read with guarded accesses.
void Translator::start_compiler() {
  sigset_t all, old;
  sigfillset(&all);
  sigdelset(&all, SIGSEGV);
  sigdelset(&all, SIGBUS);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  compiler_ = std::thread([this] { compile_main(); });
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

void Translator::request_warm(TranslatedBlock& t) {
  if (!has_warm() || t.straddles || t.tier_requested.exchange(true)) return;
  {
    std::lock_guard lock(queue_mutex_);
    queue_.add(t, host_ns());
    fresh_ = true;
    if (!compiler_.joinable()) start_compiler();
  }
  queued_.notify_one();
}

void Translator::compile_main() {
  // Linux has priorities per thread: on a busy host the guest comes first.
  setpriority(PRIO_PROCESS, id_t(gettid()), kCompilerNiceness);
  auto nap = kShortestNap;  // while no candidate is worth it
  for (;;) {
    {
      std::unique_lock lock(queue_mutex_);
      queued_.wait(lock, [&] { return stop_ || !queue_.empty(); });
      if (stop_) return;
    }
    std::unique_lock compiling(compile_mutex_);
    TranslatedBlock* seed;
    {
      std::lock_guard lock(queue_mutex_);
      seed = queue_.take(host_ns());
    }
    if (!seed) {
      compiling.unlock();
      std::unique_lock lock(queue_mutex_);
      queued_.wait_for(lock, nap, [&] { return stop_ || fresh_; });
      nap = fresh_ ? kShortestNap : std::min(nap * 2, kLongestNap);
      fresh_ = false;
      continue;
    }
    nap = kShortestNap;
    if (!warm_engine_) {
      auto loaded = config_.tiers.load_warm(store_.get());
      if (!loaded) {
        if (config_.guest_errors) config_.guest_errors->guest_error("dbt", loaded.error().message);
        return;  // everything stays in the cold tier
      }
      warm_engine_ = *loaded;
    }
    compile(*seed, *warm_engine_);
  }
}

// False: it is not there any more, or reaches into another page.
bool Translator::lift_for_region(const ir::BlockKey& key, ir::Block& block) {
  const u32 in_page = u32(kPageSize - (key.physical & kPageMask));
  u8 copy[kPageSize];
  const auto bytes = memory_.read(key.physical, in_page, copy);
  if (bytes.empty()) return false;
  lift(key, bytes, in_page, std::nullopt, block);
  return block.guest_bytes <= in_page;
}

// The blocks that an earlier run has chosen, so that what it has compiled of them is found again; none, if they are
// not what they were then.
std::vector<ir::Block> Translator::form_planned_region(const TranslatedBlock& seed, std::span<const GuestPc> plan) {
  std::vector<ir::Block> blocks;
  const ir::BlockKey& first = seed.key;
  if (plan.empty() || plan.size() > kRegionBlocks || plan[0] != first.pc) return blocks;
  for (const GuestPc pc : plan) {
    if (align_down(pc, kPageSize) != align_down(first.pc, kPageSize)) return {};
    const ir::BlockKey key{first.physical - (first.pc & kPageMask) + (pc & kPageMask), pc, first.mode};
    if (!lift_for_region(key, blocks.emplace_back())) return {};
  }
  return blocks;
}

// Breadth first from the seed over direct edges whose targets have run now and then, within the seed's page.
std::vector<ir::Block> Translator::form_region(const TranslatedBlock& seed) {
  std::vector<ir::Block> blocks;
  std::vector<ir::BlockKey> pending{seed.key};
  const GuestPc page = align_down(seed.key.pc, kPageSize);
  u32 insns = 0;
  for (size_t next = 0; next < pending.size() && blocks.size() < kRegionBlocks && insns < config_.tiers.region_insns;
       ++next) {
    const ir::BlockKey key = pending[next];
    ir::Block block;
    if (!lift_for_region(key, block)) continue;
    insns += block.guest_insns;
    for (const ir::Exit& exit : block.exits) {
      if (exit.kind != ir::Exit::Kind::jump || align_down(exit.target, kPageSize) != page) continue;
      const ir::BlockKey target{key.physical - (key.pc & kPageMask) + (exit.target & kPageMask), exit.target, key.mode};
      const TranslatedBlock* known = cache_.find(target);
      if (!known || known->straddles || std::ranges::find(pending, target) != pending.end()) continue;
      const u64 runs = known->current.load(std::memory_order_acquire)->runs();  // 0: not counted
      if (runs && runs < config_.tiers.warm_after / kColdShare) continue;
      pending.push_back(target);
    }
    blocks.push_back(std::move(block));
  }
  return blocks;
}

// A region begins at the head of its loop, where it is entered, if the hot end of the loop has one to itself.
TranslatedBlock& Translator::region_start(TranslatedBlock& hot, const ir::Block& block) {
  const std::optional<GuestPc> head = config_.tiers.warm_loops ? loop_head(block) : std::nullopt;
  if (!head || *head == hot.key.pc) return hot;
  TranslatedBlock* start = cache_.find({hot.key.physical - (hot.key.pc - *head), *head, hot.key.mode});
  return start && !start->straddles && !start->tier_requested.exchange(true) ? *start : hot;
}

void Translator::compile(TranslatedBlock& hot, Engine& engine) {
  if (!hot.valid) return;
  const u64 started = host_ns();
  const u64 generation = cache_.generation(align_down(hot.key.physical, kPageSize));
  std::vector<ir::Block> blocks = form_region(hot);
  if (blocks.empty()) return;
  TranslatedBlock& seed = region_start(hot, blocks.front());
  std::vector<ir::Block> planned;
  if (store_) planned = form_planned_region(seed, store_->find_plan(seed.key.pc, seed.key.mode));
  const bool by_plan = !planned.empty();
  if (by_plan)
    blocks = std::move(planned);
  else if (&seed != &hot)
    blocks = form_region(seed);
  if (blocks.empty() || (config_.tiers.warm_loops && !has_loop(blocks))) return;
  ir::Region region;
  for (const ir::Block& block : blocks) region.blocks.push_back(&block);
  const u32 id = cache_.next_id();
  auto code = engine.prepare(region, {.code_id = id, .count_insns = config_.count_insns});
  counters.compile_ns += host_ns() - started;
  if (!code) {
    ++counters.refused;
    if (config_.dump.wants && config_.dump.wants(seed.key.pc)) config_.dump.print("refused", code.error().message);
    return;
  }
  if (store_ && !by_plan) {
    std::vector<GuestPc> plan;
    for (const ir::Block& block : blocks) plan.push_back(block.key.pc);
    store_->keep_plan(seed.key.pc, seed.key.mode, plan);
  }
  ++counters.regions;
  for (const ir::Block& block : blocks) counters.region_insns += block.guest_insns;
  dump(blocks.front(), code->get(), engine.name());
  cache_.replace(seed, std::move(*code), id, generation);
}

}  // namespace mimus::dbt
