// Making qcow2 images, and changing the size of their disks.
#pragma once

#include "machines/host/block/qcow2/image.h"

namespace mimus::qcow2 {

struct CreateOptions {
  u64 disk_bytes = 0;
  u32 version = 3;
  u64 cluster_bytes = 65536;
  u32 refcount_bits = 16;
  bool lazy_refcounts = false;
  Compression compression = Compression::zlib;
  std::string backing_file, backing_format;
};

// What is wrong with the options; usage errors.
Expected<void> check_options(const CreateOptions& options);
// A new image in an empty file; `backing` is what options.backing_file names, null for none.
Expected<std::unique_ptr<Image>> create(std::unique_ptr<Storage> file, const CreateOptions& options,
                                        std::unique_ptr<BlockImage> backing);

// Of an image that is open for writing. New bytes read 0.
Expected<void> resize(Image& image, u64 disk_bytes);

}  // namespace mimus::qcow2
