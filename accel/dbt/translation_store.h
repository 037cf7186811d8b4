// The translations of earlier runs, and those of this one for later: a directory with a file per program
// (translation_file.h), private to the user, bounded in size. docs/translation-cache.md says what is checked when.
//
// Unless StoreConfig::keep_open, no descriptor is open between calls: those of a process belong to the guest.
#pragma once

#include <mutex>
#include <string>

#include "accel/dbt/translation_file.h"

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

class TranslationStore {
 public:
  // Looks for the program's file. What is missing or cannot be trusted is as if it were not there.
  explicit TranslationStore(StoreConfig config);

  using Scratch = TranslationFile::Scratch;
  // The saved translation of `pc` whose bytes `code` begins with, in `scratch`. Any thread.
  std::optional<SavedBlock> find(GuestPc pc, u64 mode, std::span<const u8> code, Scratch& scratch);

  // Writes what the cache holds and the file does not, if that is worth it. Any thread; the cache is locked meanwhile.
  void save(CodeCache& cache, const CodeMemory& memory);
  void note_translated() { fresh_.fetch_add(1, std::memory_order_relaxed); }
  // In the child of a fork: what has been translated before is the parent's to save.
  void forked() { fresh_.store(0, std::memory_order_relaxed); }

  struct Counters {
    std::atomic<u64> hits{0}, misses{0}, rejected{0};  // rejected: damaged entries and files
  } counters;
  u64 entries() const { return file_ ? file_->entries() : 0; }

  // The user's own directory, which nobody else may look into; made where it is missing. Fails if it is something else.
  static Descriptor open_directory(const std::string& path);

 private:
  bool worth_saving() const;
  void evict(const Descriptor& directory, const std::string& keep) const;

  const StoreConfig config_;
  std::string name_;  // of the file
  std::unique_ptr<TranslationFile> file_;
  std::unique_ptr<std::atomic<bool>[]> used_;  // by entry
  std::atomic<u64> fresh_{0};
  std::mutex save_mutex_;
};

}  // namespace mimus::dbt
