// CodeCache: every translation of a machine, found by key without a lock, linked, invalidated and replaced under one.
//
// Lifetime. A translation that is invalidated leaves the hash and its page's list at once, its entry is redirected to
// the run loop and its edges are unlinked, so that no CPU enters or stays in it beyond its next edge. Its memory is
// freed only by clear(), which the caller runs inside a safepoint (no CPU is in generated code).
//
// Write/translate race. mark_page() has writes to the page watched (code_memory.h), and only then is the code read. In
// a machine, a writer stores first and looks at the mark second (PhysicalMemory::note_written), so one of the two
// always sees the other; publish() refuses a translation whose page was written meanwhile. A store that had passed its
// TLB check before the paths were taken away may still land: fence_check() finds it (see there).
//
// Pages of a process that are written again and again while they hold code (those of JIT compilers) are not watched any
// more, which costs two mprotect(2), a signal and the translations each time, but checked: fence_check() compares
// what has been translated with what is there now. The ISAs so far show new code only after such a fence.
#pragma once

#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "accel/dbt/code_memory.h"
#include "accel/dbt/host_index.h"
#include "core/engine/engine.h"
#include "core/memory/physical.h"

namespace mimus::dbt {

struct TranslatedBlock {
  ir::BlockKey key;
  u32 id = 0;
  u32 guest_bytes = 0;
  u32 guest_insns = 0;
  bool saved = false;              // comes from the store (translation_store.h)
  bool straddles = false;          // reaches into a second page: never a link target
  GuestPa second_page = 0;         // physical, when it does
  u32 bytes_hash = 0;              // of the guest code, for fence_check
  std::unique_ptr<Code> code;      // what new entries use; changed only by replace()
  std::unique_ptr<Code> replaced;  // the tier below, still running in places
  std::atomic<Code*> current{nullptr};
  std::atomic<bool> valid{true};
  std::atomic<bool> tier_requested{false};
  u32 runs = 0;                  // counted by the run loop for code that doesn't count itself
  std::vector<GuestPc> targets;  // of its direct edges, for the region former

  struct Incoming {
    TranslatedBlock* from;
    Code* code;
    u32 edge;
  };
  std::vector<Incoming> incoming;
  TranslatedBlock* next = nullptr;  // hash chain
};

class CodeCache final : public CodeWatcher {
 public:
  // `flat`: guest pages are where they are for all CPUs, so that edges to other pages are linked.
  explicit CodeCache(CodeMemory& memory, bool flat = false) : memory_(memory), flat_(flat) {}
  HostIndex& host_index() { return host_index_; }

  // -- any thread, no lock --
  TranslatedBlock* find(const ir::BlockKey& key) const;

  // -- translating --
  // Marks the page as code and takes write paths away; returns its generation, to be given to publish().
  u64 mark_page(GuestPa page);
  u32 next_id();
  // Null if a page of it was written since mark_page() returned `generation`s, or if another CPU was first
  // (`winner` then names it). Takes the translation otherwise.
  TranslatedBlock* publish(std::unique_ptr<TranslatedBlock> translation, u64 generation, u64 second_generation);
  // Swaps in code of a higher tier made from pages at `generation`; false if outdated.
  bool replace(TranslatedBlock& translation, std::unique_ptr<Code> code, u32 code_id, u64 generation);
  u64 generation(GuestPa page);

  // -- running --
  // Links edge `edge` of `from_code` (the code that was left) to `to` if both are still current.
  void link(u32 from_id, u32 edge, TranslatedBlock& to);
  // Guest PC of an access whose call returns to host address `site`.
  GuestPc guest_pc(u64 site);

  // -- invalidation --
  void code_page_written(GuestPa page) override;  // any thread
  // The same, if the page is watched; else nothing, and false.
  bool watched_page_written(GuestPa page);
  // The pages hold something else now, or nothing.
  void forget(GuestPa start, u64 bytes);
  // Pages that have been unwatched because they were written.
  u64 unwatched() const { return unwatched_.load(std::memory_order_acquire); }
  // Called for every fence.i-like instruction or system call, for the code at [start, start + bytes): drops what no
  // longer is what has been translated, in pages that became code while a store to them may have been under way on
  // another CPU, and in pages that are checked instead of watched.
  void fence_check(GuestPa start = 0, u64 bytes = ~u64{0});
  // Keeps changes away, e.g. around a fork.
  std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }
  // All translations of this run that are valid and whose page has never been written. With the lock held.
  void for_each_savable(const std::function<void(const TranslatedBlock&)>& f);
  // Everything goes. Only in a safepoint, with no compile under way.
  void clear(const std::function<void(const CodeWriteToken&)>& also);

  // Epochs of the CPUs (each bumped when it leaves generated code), to know when a store under way has landed. A CPU
  // that sleeps has none under way.
  static constexpr u64 kAsleep = ~u64{0};
  void set_epochs(std::function<std::vector<u64>()> epochs) { epochs_ = std::move(epochs); }

  struct Counters {
    std::atomic<u64> translations{0}, links{0}, invalidated{0}, pages_marked{0}, clears{0}, replaced{0},
        pages_checked{0};
  } counters;

 private:
  static constexpr size_t kBuckets = 1 << 16;
  static constexpr u32 kWritesUntilChecked = 4;
  static size_t bucket(const ir::BlockKey& key);
  struct Page {
    u64 generation = 0;
    bool watched = false;
    bool checked = false;
    u32 writes = 0;  // that have dropped its translations
    std::vector<TranslatedBlock*> translations;
  };
  struct FreshPage {
    GuestPa page;
    std::vector<u64> epochs;
  };

  void register_code(u32 id, TranslatedBlock& block);
  void unchain(TranslatedBlock& translation);
  void invalidate(const CodeWriteToken& token, TranslatedBlock& translation);
  void drop_page(const CodeWriteToken& token, GuestPa page, Page& entry);
  void unwatch(GuestPa page, Page& entry);
  void check_fresh(const CodeWriteToken& token);
  void check_pages(const CodeWriteToken& token, GuestPa first, GuestPa last);
  bool bytes_changed(const TranslatedBlock& translation) const;

  CodeMemory& memory_;
  const bool flat_;
  std::mutex mutex_;  // the code-cache lock: innermost
  // Zeroed by the host as it is used: a process that translates little is started quickly.
  using Table = std::atomic<TranslatedBlock*>;
  std::unique_ptr<Table[], void (*)(void*)> table_{static_cast<Table*>(std::calloc(kBuckets, sizeof(Table))),
                                                   std::free};
  std::unordered_map<GuestPa, Page> pages_;
  std::vector<std::unique_ptr<TranslatedBlock>> all_;  // in order of id
  std::vector<FreshPage> fresh_;
  std::atomic<bool> has_fresh_{false};
  std::vector<GuestPa> checked_;  // may hold pages that are not checked any more
  std::atomic<bool> has_checked_{false};
  std::atomic<u64> unwatched_{0};
  std::atomic<u32> next_id_{1};
  struct CodeOwner {
    TranslatedBlock* block = nullptr;
    Code* code = nullptr;
  };
  std::vector<CodeOwner> by_id_;  // indexed by the id of code, lower tiers included
  HostIndex host_index_;
  std::vector<std::pair<u64, Code*>> host_ranges_;  // sorted by address
  std::function<std::vector<u64>()> epochs_;
};

u32 hash_code(std::span<const u8> bytes);

}  // namespace mimus::dbt
