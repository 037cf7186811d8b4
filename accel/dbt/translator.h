// Translator: guest bytes -> IR -> passes -> engine -> code cache. Also the region former and the compile thread of
// the warm tier.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "accel/dbt/code_cache.h"
#include "accel/dbt/dbt.h"
#include "accel/dbt/warm_queue.h"
#include "core/passes/pass.h"

namespace mimus::dbt {

// Why nothing was translated.
struct TranslateFailure {
  enum class Kind { fault, retry, out_of_space } kind;
  Fault fault;
};

// Fetches the physical address of the page that follows; used when an instruction may straddle.
using FetchPage = std::function<std::variant<GuestPa, Fault>(GuestVa page)>;

class Translator {
 public:
  Translator(const Frontend& frontend, const CodeConfig& config, CodeMemory& memory, CodeCache& cache);
  ~Translator();

  // On a vCPU's thread, outside generated code. `scratch` is the caller's, kept from call to call to save allocations.
  std::variant<TranslatedBlock*, TranslateFailure> translate(const ir::BlockKey& key, const FetchPage& fetch_page,
                                                             ir::Block& scratch);

  // A translation has become hot: compile it with the warm tier, in the background.
  void request_warm(TranslatedBlock& translation);
  bool has_warm() const { return bool(config_.tiers.load_warm); }

  // While held nothing is being compiled in the background and what was queued is forgotten.
  std::unique_lock<std::mutex> quiesce();
  // In the child of a fork that happened while quiesce() was held: the compile thread is gone.
  void restart_in_child();

  // The process ends, or becomes another program.
  const TranslationStore* store() const { return store_.get(); }
  void save() {
    if (store_) store_->save(cache_, memory_);
  }

  struct Counters {
    std::atomic<u64> guest_insns{0}, ir_insns{0}, translate_ns{0}, regions{0}, region_insns{0}, compile_ns{0},
        refused{0}, fallbacks{0};
  } counters;

 private:
  // The code bytes of a translation under way.
  struct CodeWindow {
    std::span<const u8> bytes;
    u32 in_page = 0;  // from the first byte to the end of its page
    u64 generation = 0, second_generation = 0;
    GuestPa second_page = 0;
    std::optional<Fault> next_fault;
    u8 copy[kPageSize];
  };
  TranslatedBlock* load(const ir::BlockKey& key, const CodeWindow& code);
  bool fetch_code(const ir::BlockKey& key, const FetchPage& fetch_page, CodeWindow& out);
  void start_compiler();
  void compile_main();
  TranslatedBlock& region_start(TranslatedBlock& hot, const ir::Block& block);
  void compile(TranslatedBlock& hot, Engine& engine);
  std::vector<ir::Block> form_region(const TranslatedBlock& seed);
  std::vector<ir::Block> form_planned_region(const TranslatedBlock& seed, std::span<const GuestPc> plan);
  bool lift_for_region(const ir::BlockKey& key, ir::Block& block);
  bool lift(const ir::BlockKey& key, std::span<const u8> bytes, u32 first_page_bytes, std::optional<Fault> next_fault,
            ir::Block& block);
  void dump(const ir::Block& block, const Code* code, std::string_view tier);

  const Frontend& frontend_;
  const CodeConfig& config_;
  CodeMemory& memory_;
  CodeCache& cache_;
  ir::TextContext text_;
  std::mutex dump_mutex_;

  std::unique_ptr<TranslationStore> store_;  // null: nothing is kept

  std::mutex compile_mutex_;  // held while a job runs
  std::mutex queue_mutex_;
  std::condition_variable queued_;
  WarmQueue queue_;
  bool fresh_ = false;  // something was added since the last look
  bool stop_ = false;
  Engine* warm_engine_ = nullptr;  // the compile thread's
  std::thread compiler_;           // started when something is hot for the first time
};

}  // namespace mimus::dbt
