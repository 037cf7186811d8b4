#include "machines/host/block/copy.h"

#include <fmt/format.h>

#include <algorithm>

namespace mimus {

namespace {

using Status = BlockImage::Status;

constexpr u64 kChunk = 2 << 20;
constexpr u64 kGrain = 4096;  // smaller stretches of zeroes are copied as they are

bool all_zero(std::span<const u8> bytes) {
  return bytes.empty() || (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

std::unexpected<Error> failed(std::string_view what, u64 offset, Status status) {
  return fail(fmt::format("{} at offset {}: {}", what, offset, describe(status)));
}

// Beyond the end of an image, and where there is none, there are zeroes.
Status read(BlockImage* image, u64 offset, std::span<u8> out) {
  const u64 size = image ? image->size_bytes() : 0;
  const u64 there = offset < size ? std::min<u64>(out.size(), size - offset) : 0;
  std::ranges::fill(out.subspan(there), 0);
  const iovec buffer{out.data(), there};
  return there == 0 ? Status::ok : image->read(offset, {&buffer, 1});
}

class Copier {
 public:
  Copier(BlockImage& to, const CopyOptions& options)
      : to_(to),
        options_(options),
        qcow2_(dynamic_cast<qcow2::Image*>(&to)),
        grain_(qcow2_ ? qcow2_->metadata().header().cluster_bytes() : kGrain) {}

  u64 grain() const { return grain_; }
  Status chunk(u64 offset, std::span<const u8> data);
  Status zeroes(u64 offset, u64 bytes) {
    return options_.reads_zero || bytes == 0 ? Status::ok : to_.write_zeroes(offset, bytes, true);
  }

 private:
  Status piece(u64 offset, std::span<const u8> data) {
    if (options_.compress) return qcow2_->write_compressed(offset, data);
    const iovec buffer{const_cast<u8*>(data.data()), data.size()};
    return to_.write(offset, {&buffer, 1});
  }

  BlockImage& to_;
  const CopyOptions& options_;
  qcow2::Image* qcow2_;
  const u64 grain_;
};

// Stretches that are zero, and stretches that are not, in multiples of the grain; compressed ones one by one.
Status Copier::chunk(u64 offset, std::span<const u8> data) {
  for (u64 at = 0; at < data.size();) {
    const auto grain_at = [&](u64 from) { return data.subspan(from, std::min<u64>(grain_, data.size() - from)); };
    const bool zero = all_zero(grain_at(at));
    u64 end = at + grain_at(at).size();
    while (end < data.size() && !(options_.compress && !zero) && all_zero(grain_at(end)) == zero)
      end += grain_at(end).size();
    const Status status = zero ? zeroes(offset + at, end - at) : piece(offset + at, data.subspan(at, end - at));
    if (status != Status::ok) return status;
    at = end;
  }
  return Status::ok;
}

}  // namespace

Expected<void> copy_disk(BlockImage& from, BlockImage& to, const CopyOptions& options) {
  Copier copier(to, options);
  const u64 size = from.size_bytes();
  std::vector<u8> data(kChunk);
  for (u64 offset = 0; offset < size;) {
    if (options.progress) options.progress(offset, size);
    const u64 next = std::min(size, align_down(from.next_data(offset), copier.grain()));
    if (next > offset) {
      if (const Status status = copier.zeroes(offset, next - offset); status != Status::ok)
        return failed("cannot write", offset, status);
      offset = next;
      continue;
    }
    const auto chunk = std::span(data).first(std::min(size, align_down(offset, kChunk) + kChunk) - offset);
    if (const Status status = read(&from, offset, chunk); status != Status::ok)
      return failed("cannot read", offset, status);
    if (const Status status = copier.chunk(offset, chunk); status != Status::ok)
      return failed("cannot write", offset, status);
    offset += chunk.size();
  }
  if (const Status status = to.flush(); status != Status::ok) return failed("cannot write", size, status);
  if (options.progress) options.progress(size, size);
  return {};
}

Expected<void> rename_backing(qcow2::Image& image, const std::string& name, const std::string& format) {
  qcow2::Metadata& metadata = image.metadata();
  if (const Status status = image.flush(); status != Status::ok)
    return fail(metadata.file().name() + ": cannot be written: " + describe(status));
  metadata.header().backing_file = name;
  metadata.header().backing_format = name.empty() ? "" : format;
  return qcow2::write_whole(metadata.file(), metadata.header());
}

// The new backing file is put below at once: what is written for the sake of the disk's contents hides it. A cluster is
// always written as a whole, so nothing of the new one gets in.
Expected<void> rebase(qcow2::Image& image, std::unique_ptr<BlockImage> backing, const std::string& name,
                      const std::string& format, const CopyProgress& progress) {
  const u64 size = image.metadata().header().disk_bytes;
  const u64 cluster = image.metadata().header().cluster_bytes();
  const std::unique_ptr<BlockImage> before = image.exchange_backing(std::move(backing));
  std::vector<u8> old_data(std::max(cluster, kChunk)), new_data(old_data.size());
  for (u64 offset = 0; offset < size;) {
    if (progress) progress(offset, size);
    u64 bytes = std::min<u64>(old_data.size(), size - offset);
    if (image.allocated(offset, bytes)) {
      offset += bytes;
      continue;
    }
    const auto old_part = std::span(old_data).first(bytes), new_part = std::span(new_data).first(bytes);
    Status status = read(before.get(), offset, old_part);
    if (status == Status::ok) status = read(image.backing(), offset, new_part);
    if (status != Status::ok) return failed("cannot read", offset, status);
    for (u64 at = 0; at < bytes; at += cluster) {
      const auto part = old_part.subspan(at, std::min(cluster, bytes - at));
      if (std::ranges::equal(part, new_part.subspan(at, part.size()))) continue;
      const iovec buffer{part.data(), part.size()};
      status =
          all_zero(part) ? image.write_zeroes(offset + at, part.size(), true) : image.write(offset + at, {&buffer, 1});
      if (status != Status::ok) return failed("cannot write", offset + at, status);
    }
    offset += bytes;
  }
  if (progress) progress(size, size);
  return rename_backing(image, name, format);
}

}  // namespace mimus
