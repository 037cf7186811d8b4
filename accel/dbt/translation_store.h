// The translations of earlier runs, and those of this one for later: a directory with a file per program
// (translation_file.h), private to the user, bounded in size. docs/translation-cache.md says what is checked when.
//
// Unless StoreConfig::keep_open, no descriptor is open between calls: those of a process belong to the guest.
#pragma once

#include <mutex>
#include <string>

#include "accel/dbt/translation_file.h"
#include "core/engine/region_store.h"

namespace mimus::dbt {

class CodeCache;
class CodeMemory;

struct StoreConfig {
  std::string directory;   // empty: nothing is kept
  std::string identity;    // everything that saved code depends on but the guest's code; empty: nothing is kept
  std::string program;     // whose translations: programs do not share a file
  bool keep_open = false;  // TranslationFile::open
  u64 most_file_bytes = u64{64} << 20;
  u64 most_bytes = u64{512} << 20;  // of the directory

  bool wanted() const { return !directory.empty() && !identity.empty(); }
};

class TranslationStore final : public RegionStore {
 public:
  // Looks for the program's file. What is missing or cannot be trusted is as if it were not there.
  explicit TranslationStore(StoreConfig config);

  using Scratch = TranslationFile::Scratch;
  // The saved translation of `pc` whose bytes `code` begins with, in `scratch`. Any thread.
  std::optional<SavedBlock> find(GuestPc pc, u64 mode, std::span<const u8> code, Scratch& scratch);

  // -- regions of the warm tier: what its engine has compiled, and of which blocks a region was made --
  std::optional<std::vector<u8>> find_region(GuestPc pc, std::span<const u8> key) override;
  void keep_region(GuestPc pc, std::vector<u8> key, std::vector<u8> value) override;
  // The blocks (by address, the seed first) of the region that an earlier run has made of this seed; or none.
  std::vector<GuestPc> find_plan(GuestPc seed, u64 mode);
  void keep_plan(GuestPc seed, u64 mode, std::span<const GuestPc> blocks);

  // Writes what the cache holds and the file does not, if that is worth it. Any thread; the cache is locked meanwhile.
  void save(CodeCache& cache, const CodeMemory& memory);
  void note_translated() { fresh_.fetch_add(1, std::memory_order_relaxed); }
  // In the child of a fork: what has been translated before is the parent's to save.
  void forked() {
    fresh_.store(0, std::memory_order_relaxed);
    regions_.clear();
  }

  struct Counters {
    std::atomic<u64> hits{0}, misses{0}, rejected{0};  // rejected: damaged entries and files
    std::atomic<u64> region_hits{0}, region_misses{0};
  } counters;
  u64 entries() const { return file_ ? file_->entries() : 0; }

  // The user's own directory, which nobody else may look into; made where it is missing. Fails if it is something else.
  static Descriptor open_directory(const std::string& path);

 private:
  struct KeptRegion {
    GuestPc pc;
    u64 mode;
    std::vector<u8> key, value;
  };
  std::optional<std::vector<u8>> find_exactly(GuestPc pc, u64 mode, std::span<const u8> key);
  bool worth_saving(u64 blocks, u64 regions) const;
  void evict(const Descriptor& directory, const std::string& keep) const;

  const StoreConfig config_;
  std::string name_;  // of the file
  std::unique_ptr<TranslationFile> file_;
  std::unique_ptr<std::atomic<bool>[]> used_;  // by entry
  std::atomic<u64> fresh_{0};
  std::mutex save_mutex_;
  std::mutex regions_mutex_;
  std::vector<KeptRegion> regions_;  // of this run
};

}  // namespace mimus::dbt
