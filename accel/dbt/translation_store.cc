#include "accel/dbt/translation_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "accel/dbt/code_cache.h"
#include "core/base/hash.h"

namespace mimus::dbt {

namespace {

constexpr std::string_view kSuffix = ".mtc";
constexpr u64 kFewTranslations = 8;  // not worth a new file
constexpr u64 kShare = 32;           // nor is this part of what it holds
constexpr s64 kStaleSeconds = 3600;  // age of a file under another name whose writer has died
constexpr u64 kEvictTo = 8;          // leaves 7/8 of the bound

std::string file_name(const StoreConfig& config) {
  const std::string key = config.identity + '\0' + config.program;
  const std::span bytes{reinterpret_cast<const u8*>(key.data()), key.size()};
  char name[40];
  snprintf(name, sizeof name, "%016llx%016llx", static_cast<unsigned long long>(hash_bytes(bytes, 2)),
           static_cast<unsigned long long>(hash_bytes(bytes, 3)));
  return name + std::string(kSuffix);
}

// The directories on the way, as far as they are missing.
void make_directories(const std::string& path) {
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1))
    mkdir(path.substr(0, at).c_str(), S_IRWXU);
  mkdir(path.c_str(), S_IRWXU);
}

}  // namespace

Descriptor TranslationStore::open_directory(const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  int fd = ::open(path.c_str(), kFlags);
  if (fd < 0 && errno == ENOENT) {
    make_directories(path);
    fd = ::open(path.c_str(), kFlags);
  }
  Descriptor directory(fd);
  struct stat status;
  if (!directory || fstat(fd, &status) != 0) return directory;
  if (status.st_uid != geteuid() || (status.st_mode & (S_IRWXG | S_IRWXO))) return Descriptor();
  return directory;
}

TranslationStore::TranslationStore(StoreConfig config) : config_(std::move(config)), name_(file_name(config_)) {
  if (!config_.wanted()) return;
  const Descriptor directory = open_directory(config_.directory);
  if (!directory) return;
  TranslationFile::Opened opened;
  file_ = TranslationFile::open(directory, name_, config_.identity, config_.keep_open, opened);
  if (opened == TranslationFile::Opened::rejected) ++counters.rejected;
  if (file_) used_ = std::make_unique<std::atomic<bool>[]>(file_->entries());
}

std::optional<SavedBlock> TranslationStore::find(GuestPc pc, u64 mode, std::span<const u8> code, Scratch& scratch) {
  std::optional<TranslationFile::Found> found;
  if (file_) found = file_->find(pc, mode, code, scratch, counters.rejected);
  ++(found ? counters.hits : counters.misses);
  if (!found) return std::nullopt;
  used_[found->entry].store(true, std::memory_order_relaxed);
  return found->block;
}

// ---- regions ----

namespace {

// In the place of a mode key: no frontend packs such ones.
constexpr u64 kRegionMode = 0xfff7'4c4c'564d'0001, kPlanMode = 0xfff7'4c4c'564d'0002;

}  // namespace

std::optional<std::vector<u8>> TranslationStore::find_exactly(GuestPc pc, u64 mode, std::span<const u8> key) {
  const auto scratch = std::make_unique<Scratch>();
  if (file_) {
    const auto found = file_->find(pc, mode, key, *scratch, counters.rejected);
    if (found && found->block.guest.size() == key.size()) {
      used_[found->entry].store(true, std::memory_order_relaxed);
      return std::vector<u8>(found->block.code.begin(), found->block.code.end());
    }
  }
  return std::nullopt;
}

std::optional<std::vector<u8>> TranslationStore::find_region(GuestPc pc, std::span<const u8> key) {
  auto found = find_exactly(pc, kRegionMode, key);
  ++(found ? counters.region_hits : counters.region_misses);
  return found;
}

void TranslationStore::keep_region(GuestPc pc, std::vector<u8> key, std::vector<u8> value) {
  const std::lock_guard lock(regions_mutex_);
  regions_.push_back({pc, kRegionMode, std::move(key), std::move(value)});
}

std::vector<GuestPc> TranslationStore::find_plan(GuestPc seed, u64 mode) {
  const auto found = find_exactly(seed, kPlanMode, {reinterpret_cast<const u8*>(&mode), sizeof mode});
  std::vector<GuestPc> blocks(found ? found->size() / sizeof(GuestPc) : 0);
  if (!blocks.empty()) std::memcpy(blocks.data(), found->data(), blocks.size() * sizeof(GuestPc));
  return blocks;
}

void TranslationStore::keep_plan(GuestPc seed, u64 mode, std::span<const GuestPc> blocks) {
  const auto bytes_of = [](const void* data, size_t size) {
    const u8* bytes = static_cast<const u8*>(data);
    return std::vector<u8>(bytes, bytes + size);
  };
  const std::lock_guard lock(regions_mutex_);
  regions_.push_back({seed, kPlanMode, bytes_of(&mode, sizeof mode), bytes_of(blocks.data(), blocks.size_bytes())});
}

// ---- saving ----

// Regions cost milliseconds each.
bool TranslationStore::worth_saving(u64 blocks, u64 regions) const {
  const u64 known = entries();
  return config_.wanted() && (regions || (blocks && (!known || blocks >= std::max(kFewTranslations, known / kShare))));
}

namespace {

// The guest bytes of a translation, if they are still what it was made from.
bool read_guest(const TranslatedBlock& t, const CodeMemory& memory, std::vector<u8>& out) {
  const u32 first = std::min<u32>(t.guest_bytes, u32(kPageSize - (t.key.physical & kPageMask)));
  u8 copy[kPageSize];
  out.clear();
  const auto part = memory.read(t.key.physical, first, copy);
  out.insert(out.end(), part.begin(), part.end());
  if (first < t.guest_bytes) {
    const auto rest = memory.read(t.second_page, t.guest_bytes - first, copy);
    out.insert(out.end(), rest.begin(), rest.end());
  }
  return out.size() == t.guest_bytes && hash_code(out) == t.bytes_hash;
}

}  // namespace

// Another process may have written the file meanwhile: what it has now is kept.
void TranslationStore::save(CodeCache& cache, const CodeMemory& memory) {
  const std::lock_guard once(save_mutex_);
  {
    const std::lock_guard lock(regions_mutex_);
    if (!worth_saving(fresh_, regions_.size())) return;
  }
  fresh_ = 0;
  const Descriptor directory = open_directory(config_.directory);
  if (!directory) return;
  TranslationFile::Opened opened;
  const auto base = TranslationFile::open(directory, name_, config_.identity, config_.keep_open, opened);
  TranslationFileWriter writer(config_.identity);
  const auto scratch = std::make_unique<Scratch>();
  std::atomic<u64> damaged = 0;
  std::vector<u8> guest, code;
  cache.for_each_savable([&](const TranslatedBlock& t) {
    if (t.guest_bytes == 0 || !memory.lasting(align_down(t.key.physical, kPageSize))) return;
    if (!read_guest(t, memory, guest)) return;
    if (base && base->find(t.key.pc, t.key.mode, guest, *scratch, damaged)) return;
    code.clear();
    if (writer.bytes() > config_.most_file_bytes || !(t.replaced ? t.replaced : t.code)->save(code)) return;
    writer.add({t.key.pc, t.key.mode, t.guest_insns, t.straddles, guest, t.targets, code});
  });
  const u32 blocks = writer.entries();
  {
    const std::lock_guard lock(regions_mutex_);
    for (const KeptRegion& region : regions_)
      writer.add({region.pc, region.mode, 0, false, region.key, {}, region.value});
  }
  if (!worth_saving(blocks, writer.entries() - blocks)) return;  // much has gone again meanwhile
  if (base && !damaged && base->bytes() + writer.bytes() <= config_.most_file_bytes)
    writer.add_all(*base);
  else if (file_)
    writer.add_some(*file_, {used_.get(), file_->entries()});
  if (writer.write(directory, name_)) evict(directory, name_);
}

// The files that have not been used for longest go until the rest is small enough.
void TranslationStore::evict(const Descriptor& directory, const std::string& keep) const {
  struct File {
    std::string name;
    s64 used;
    u64 bytes;
  };
  std::vector<File> files;
  u64 total = 0;
  const int copy = openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(copy >= 0 ? fdopendir(copy) : nullptr, closedir);
  if (!listing) return;
  while (const dirent* entry = readdir(listing.get())) {
    struct stat status;
    const std::string_view name = entry->d_name;
    if (fstatat(directory.get(), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
      continue;
    if (name.ends_with(".new") && time(nullptr) - status.st_mtim.tv_sec > kStaleSeconds)
      unlinkat(directory.get(), entry->d_name, 0);
    if (!name.ends_with(kSuffix)) continue;
    total += u64(status.st_size);
    if (name != keep) files.push_back({std::string(name), status.st_mtim.tv_sec, u64(status.st_size)});
  }
  if (total <= config_.most_bytes) return;
  std::ranges::sort(files, {}, &File::used);
  for (const File& file : files) {
    if (total <= config_.most_bytes - config_.most_bytes / kEvictTo) return;
    if (unlinkat(directory.get(), file.name.c_str(), 0) == 0) total -= file.bytes;
  }
}

}  // namespace mimus::dbt
