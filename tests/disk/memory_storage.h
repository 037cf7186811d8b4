// A file in memory that writes down what was done to it, so that a test can ask what a power cut would leave of it.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <random>
#include <vector>

#include "machines/host/block/storage.h"

namespace mimus {

struct MemoryFile {
  struct Step {
    enum class Kind { write, zero, resize, sync } kind;
    u64 offset = 0, bytes = 0;
    std::vector<u8> data;
  };
  std::vector<u8> bytes;
  std::vector<Step> log;
  bool recording = true;
  u64 fail_beyond = ~u64{0};  // writes that would make the file longer than this fail: no space
  unsigned failing_writes = 0, failing_syncs = 0;

  void apply(const Step& step) {
    const u64 end = step.kind == Step::Kind::resize ? step.bytes : step.offset + step.bytes;
    if (step.kind == Step::Kind::resize || (step.kind == Step::Kind::write && end > bytes.size())) bytes.resize(end);
    if (step.kind == Step::Kind::write) std::ranges::copy(step.data, bytes.begin() + s64(step.offset));
    if (step.kind == Step::Kind::zero && step.offset < bytes.size())
      std::fill(bytes.begin() + s64(step.offset), bytes.begin() + s64(std::min<u64>(end, bytes.size())), 0);
  }
  void run(Step step) {
    apply(step);
    if (recording) log.push_back(std::move(step));
  }
};

class MemoryStorage final : public Storage {
 public:
  explicit MemoryStorage(MemoryFile& file, bool writable = true) : file_(file), writable_(writable) {}
  const std::string& name() const override { return name_; }
  u64 size() const override { return file_.bytes.size(); }
  bool writable() const override { return writable_; }
  s64 read_at(u64 offset, std::span<u8> out) const override {
    if (offset >= file_.bytes.size()) return 0;
    const size_t count = std::min<size_t>(out.size(), file_.bytes.size() - offset);
    std::copy_n(file_.bytes.begin() + s64(offset), count, out.begin());
    return s64(count);
  }
  using Storage::write_at;
  int write_at(u64 offset, std::span<const iovec> buffers) override {
    std::vector<u8> data;
    for (const iovec& one : buffers)
      data.insert(data.end(), static_cast<const u8*>(one.iov_base), static_cast<const u8*>(one.iov_base) + one.iov_len);
    if (offset + data.size() > std::max<u64>(file_.fail_beyond, file_.bytes.size())) return ENOSPC;
    if (file_.failing_writes && file_.failing_writes-- > 0) return EIO;
    const u64 bytes = data.size();
    file_.run({MemoryFile::Step::Kind::write, offset, bytes, std::move(data)});
    return 0;
  }
  int sync() override {
    if (file_.failing_syncs && file_.failing_syncs-- > 0) return EIO;
    file_.run({MemoryFile::Step::Kind::sync, 0, 0, {}});
    return 0;
  }
  int resize(u64 bytes) override {
    file_.run({MemoryFile::Step::Kind::resize, 0, bytes, {}});
    return 0;
  }
  int zero(u64 offset, u64 bytes, bool) override {
    file_.run({MemoryFile::Step::Kind::zero, offset, bytes, {}});
    return 0;
  }
  int discard(u64 offset, u64 bytes) override { return zero(offset, bytes, true); }

 private:
  MemoryFile& file_;
  const bool writable_;
  std::string name_ = "image";
};

// What may be on the disk after a power cut before step `cut`: all that a sync covers, and of each sector written after
// it any of the contents that it had since.
inline MemoryFile after_power_cut(const MemoryFile& file, size_t cut, std::mt19937& random) {
  using Kind = MemoryFile::Step::Kind;
  size_t synced = 0;
  for (size_t i = 0; i < cut; ++i)
    if (file.log[i].kind == Kind::sync) synced = i;
  MemoryFile left, live;
  left.recording = live.recording = false;
  for (size_t i = 0; i < synced; ++i) left.apply(file.log[i]);
  live.bytes = left.bytes;
  std::map<u64, std::vector<std::vector<u8>>> versions;  // by sector
  for (size_t i = synced; i < cut; ++i) {
    const MemoryFile::Step& step = file.log[i];
    live.apply(step);
    if (step.kind == Kind::sync || step.kind == Kind::resize) continue;
    for (u64 sector = step.offset / 512; sector * 512 < step.offset + step.bytes; ++sector) {
      if (sector * 512 >= live.bytes.size()) break;
      const auto begin = live.bytes.begin() + s64(sector * 512);
      versions[sector].emplace_back(begin, begin + s64(std::min<u64>(512, live.bytes.size() - sector * 512)));
    }
  }
  // Nothing, everything, or something of it.
  const unsigned keep = std::array<unsigned, 4>{0, 30, 70, 100}[random() % 4];
  if (random() % 100 < keep) left.bytes.resize(std::max(left.bytes.size(), live.bytes.size()));
  for (const auto& [sector, contents] : versions) {
    if (random() % 100 >= keep) continue;
    const auto& chosen = keep == 100 ? contents.back() : contents[random() % contents.size()];
    left.apply({Kind::write, sector * 512, chosen.size(), chosen});
  }
  return left;
}

}  // namespace mimus
