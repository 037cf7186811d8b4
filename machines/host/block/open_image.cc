#include "machines/host/block/open_image.h"

#include <algorithm>
#include <array>
#include <vector>

#include "machines/host/block/format.h"
#include "machines/host/block/qcow2_image.h"
#include "machines/host/block/raw_image.h"

namespace mimus {

namespace {

constexpr size_t kMaxChain = 32;  // images above one another

// Opens one image and, through open_backing(), those below it.
class ChainOpener {
 public:
  Expected<std::unique_ptr<BlockImage>> open(const std::string& path, const std::string& format,
                                             HostFile::Access access);

 private:
  Expected<std::unique_ptr<BlockImage>> open_qcow2(HostFile file);
  std::vector<std::pair<u64, u64>> seen_;
};

Expected<std::string> detect(const HostFile& file) {
  std::array<u8, kFormatProbeBytes> head;
  const s64 got = file.read_at(0, head);
  if (got < 0) return fail(file.name() + ": cannot be read");
  const ImageFormat format = probe_format(std::span(head).first(size_t(got)));
  if (format.advice.empty()) return std::string(format.name);
  return fail(file.name() + ": looks like a " + std::string(format.name) + " image, which cannot be used; " +
              std::string(format.advice) + " (or give format=raw if it is not)");
}

Expected<std::unique_ptr<BlockImage>> ChainOpener::open(const std::string& path, const std::string& format,
                                                        HostFile::Access access) {
  if (!format.empty() && format != "raw" && format != "qcow2")
    return fail(path + ": unknown image format '" + format + "'; there are: raw, qcow2");
  MIMUS_TRY(HostFile file, HostFile::open(path, access));
  if (seen_.size() == kMaxChain) return fail(path + ": more than " + std::to_string(kMaxChain) + " backing files");
  if (std::ranges::find(seen_, file.identity()) != seen_.end()) return fail(path + ": is its own backing file");
  seen_.push_back(file.identity());
  std::string actual = format;
  if (format.empty()) {
    MIMUS_TRY(actual, detect(file));
  }
  if (actual == "raw") return RawImage::open(std::move(file), format.empty());
  if (access == HostFile::Access::read_write)
    return fail(path +
                ": writing to qcow2 images is not supported yet; add ,readonly or convert it: "
                "qemu-img convert -O raw FILE NEW");
  return open_qcow2(std::move(file));
}

// A name without slash at its beginning is relative to the folder of the image that names it.
Expected<std::string> backing_path(const std::string& image, std::string name) {
  if (name.starts_with("file:")) name.erase(0, 5);
  const size_t colon = name.find(':');
  if (colon != std::string::npos && name.find('/') > colon)
    return fail(image + ": its backing file '" + name + "' is not a plain file, which is not supported");
  const size_t slash = image.rfind('/');
  if (name.starts_with('/') || slash == std::string::npos) return name;
  return image.substr(0, slash + 1) + name;
}

Expected<std::unique_ptr<BlockImage>> ChainOpener::open_qcow2(HostFile file) {
  const std::string image = file.name();
  return Qcow2Image::open(
      std::move(file),
      [&](const std::string& name, const std::string& format) -> Expected<std::unique_ptr<BlockImage>> {
        MIMUS_TRY(const std::string path, backing_path(image, name));
        return open(path, format == "file" || format == "host_device" ? "raw" : format, HostFile::Access::read_only);
      });
}

}  // namespace

Expected<std::unique_ptr<BlockImage>> open_image(const std::string& path, const std::string& format,
                                                 HostFile::Access access) {
  return ChainOpener().open(path, format, access);
}

}  // namespace mimus
