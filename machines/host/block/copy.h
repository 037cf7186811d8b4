// Copying the contents of disks: converting an image, changing what it is based on.
#pragma once

#include <functional>
#include <string>

#include "core/base/error.h"
#include "machines/host/block/qcow2/image.h"

namespace mimus {

using CopyProgress = std::function<void(u64 done, u64 total)>;  // bytes

struct CopyOptions {
  bool compress = false;   // `to` is a qcow2 image
  bool reads_zero = true;  // `to` reads 0 everywhere, so zeroes need not be written
  CopyProgress progress;
};

// `to` has at least the size of `from`. Ends with a flush.
Expected<void> copy_disk(BlockImage& from, BlockImage& to, const CopyOptions& options);

// Gives `image`, which is open for writing, another backing file without changing the contents of its disk: what both
// backing files do not have in common is copied into it. `backing` may be null, then `name` is empty.
Expected<void> rebase(qcow2::Image& image, std::unique_ptr<BlockImage> backing, const std::string& name,
                      const std::string& format, const CopyProgress& progress);
// Only changes the name in the header.
Expected<void> rename_backing(qcow2::Image& image, const std::string& name, const std::string& format);

}  // namespace mimus
