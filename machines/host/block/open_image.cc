#include "machines/host/block/open_image.h"

#include <algorithm>
#include <array>
#include <vector>

#include "machines/host/block/format.h"
#include "machines/host/block/qcow2/create.h"
#include "machines/host/block/qcow2/image.h"
#include "machines/host/block/raw_image.h"

namespace mimus {

namespace {

using Opened = Expected<std::unique_ptr<BlockImage>>;

constexpr size_t kMaxChain = 32;  // images above one another

// Opens one image and, through open_backing(), those below it.
class ChainOpener {
 public:
  Opened open(const std::string& path, const std::string& format, HostFile::Access access);

 private:
  Opened open_qcow2(std::unique_ptr<Storage> file);
  Opened open_backing(const std::string& path, const std::string& format);
  std::vector<std::pair<u64, u64>> seen_;
};

Opened ChainOpener::open(const std::string& path, const std::string& format, HostFile::Access access) {
  if (!format.empty() && format != "raw" && format != "qcow2")
    return fail(path + ": unknown image format '" + format + "'; there are: raw, qcow2");
  MIMUS_TRY(auto file, HostFile::open(path, access));
  if (seen_.size() == kMaxChain) return fail(path + ": more than " + std::to_string(kMaxChain) + " backing files");
  if (std::ranges::find(seen_, file->identity()) != seen_.end()) return fail(path + ": is its own backing file");
  seen_.push_back(file->identity());
  std::string actual = format;
  if (format.empty()) {
    MIMUS_TRY(actual, detect_format(*file));
  }
  if (actual == "raw") return RawImage::open(std::move(file), format.empty());
  return open_qcow2(std::move(file));
}

Opened ChainOpener::open_qcow2(std::unique_ptr<Storage> file) {
  const std::string image = file->name();
  return qcow2::Image::open(std::move(file), [&](const std::string& name, const std::string& format) -> Opened {
    MIMUS_TRY(const std::string path, backing_path(image, name));
    return open_backing(path, format == "file" || format == "host_device" ? "raw" : format);
  });
}

// A disk that a guest once had as raw may begin with whatever that guest wrote, for example the header of an image
// whose backing file is any file of the host. So without a recorded format no further file is opened.
Opened ChainOpener::open_backing(const std::string& path, const std::string& format) {
  MIMUS_TRY(auto image, open(path, format, HostFile::Access::read_only));
  const auto* qcow2 = dynamic_cast<qcow2::Image*>(image.get());
  if (format.empty() && qcow2 && qcow2->has_backing())
    return fail(path +
                ": looks like a qcow2 image with a backing file, but the image above it does not record its format; if "
                "it is one, record that: mimus img rebase -u -b BACKING -F qcow2 FILE");
  return image;
}

}  // namespace

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

Expected<std::string> detect_format(const Storage& file) {
  std::array<u8, kFormatProbeBytes> head;
  const s64 got = file.read_at(0, head);
  if (got < 0) return fail(file.name() + ": cannot be read");
  const ImageFormat format = probe_format(std::span(head).first(size_t(got)));
  if (format.advice.empty()) return std::string(format.name);
  return fail(file.name() + ": looks like a " + std::string(format.name) + " image, which cannot be used; " +
              std::string(format.advice) + " (or give format=raw if it is not)");
}

Expected<std::string> detect_format(const std::string& path) {
  MIMUS_TRY(const auto file, HostFile::open(path, HostFile::Access::read_only));
  return detect_format(*file);
}

Opened open_image(const std::string& path, const std::string& format, HostFile::Access access) {
  return ChainOpener().open(path, format, access);
}

Opened throw_away_overlay(std::unique_ptr<BlockImage> image) {
  MIMUS_TRY(auto file, HostFile::temporary());
  qcow2::CreateOptions options;
  options.disk_bytes = image->size_bytes();
  return qcow2::create(std::move(file), options, std::move(image));
}

}  // namespace mimus
