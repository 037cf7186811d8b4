#include "machines/cli/img_command.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "machines/cli/img_options.h"
#include "machines/cli/options.h"
#include "machines/host/block/copy.h"
#include "machines/host/block/open_image.h"
#include "machines/host/block/qcow2/check.h"
#include "machines/host/block/qcow2/create.h"
#include "machines/host/block/qcow2/repair.h"
#include "machines/host/block/qcow2/snapshots.h"
#include "machines/host/block/raw_image.h"

namespace mimus::cli {
namespace {

using Access = HostFile::Access;

constexpr int kNotInOrder = 1, kWastesSpace = 3;  // of check

// "convert   42%" on a terminal, renewed in place; nothing elsewhere.
class ProgressLine {
 public:
  explicit ProgressLine(std::string what) : what_(std::move(what)), shown_(isatty(STDERR_FILENO)) {}
  ~ProgressLine() {
    if (percent_ >= 0) fmt::print(stderr, "\r{:{}}\r", "", what_.size() + 6);
  }
  std::function<void(u64, u64)> callback() {
    return [this](u64 done, u64 total) { show(int(total == 0 ? 100 : u128(done) * 100 / total)); };
  }

 private:
  void show(int percent) {
    if (!shown_ || percent == percent_) return;
    percent_ = percent;
    fmt::print(stderr, "\r{} {:3}%", what_, percent);
  }
  const std::string what_;
  const bool shown_;
  int percent_ = -1;
};

std::string human(u64 bytes) {
  static constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = double(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.4g} {} ({} bytes)", value, kUnits[unit], bytes);
}

std::string format_by_name(const ImgOptions& o, const std::string& path) {
  if (!o.format.empty()) return o.format;
  return path.ends_with(".qcow2") || !o.backing.empty() ? "qcow2" : "raw";
}

Expected<void> known_format(const std::string& format) {
  if (format.empty() || format == "raw" || format == "qcow2") return {};
  return usage_error(fmt::format("img: unknown format '{}'; there are: raw, qcow2", format));
}

Expected<qcow2::CreateOptions> layout(const ImgOptions& o) {
  qcow2::CreateOptions made;
  MIMUS_TRY(made.cluster_bytes, parse_size(o.cluster_size));
  if (o.version != 2 && o.version != 3) return usage_error("img: --qcow2-version is 2 or 3");
  if (o.compression != "zlib" && o.compression != "zstd") return usage_error("img: --compression is zlib or zstd");
  made.version = o.version;
  made.refcount_bits = o.refcount_bits;
  made.lazy_refcounts = o.lazy_refcounts;
  made.compression = o.compression == "zstd" ? qcow2::Compression::zstd : qcow2::Compression::zlib;
  return made;
}

// Of a qcow2 image; its backing files are opened, too, unless `alone`.
Expected<std::unique_ptr<qcow2::Image>> open_qcow2(const std::string& path, bool alone = false) {
  MIMUS_TRY(const std::string format, detect_format(path));
  if (format != "qcow2") return fail(path + ": is not a qcow2 image");
  if (alone) {
    MIMUS_TRY(auto file, HostFile::open(path, Access::read_write));
    return qcow2::Image::open(std::move(file), [](auto&, auto&) { return std::unique_ptr<BlockImage>(); });
  }
  MIMUS_TRY(auto image, open_image(path, "qcow2", Access::read_write));
  return std::unique_ptr<qcow2::Image>(static_cast<qcow2::Image*>(image.release()));
}

Expected<int> close(qcow2::Image& image) {
  if (const auto status = image.close(); status != BlockImage::Status::ok)
    return fail(image.metadata().file().name() + ": cannot be written: " + describe(status));
  return 0;
}

Expected<std::unique_ptr<HostFile>> new_file(const ImgOptions& o, const std::string& path) {
  struct stat status{};
  if (!o.force && stat(path.c_str(), &status) == 0 && (status.st_size != 0 || !S_ISREG(status.st_mode)))
    return fail(path + ": exists already; give --force to overwrite it");
  return HostFile::create(path);
}

// The image to be put below `image`, and the format to be recorded for it.
Expected<std::unique_ptr<BlockImage>> open_backing(const std::string& image, const ImgOptions& o, std::string& format) {
  MIMUS_CHECK(known_format(o.backing_format));
  MIMUS_TRY(const std::string path, backing_path(image, o.backing));
  format = o.backing_format;
  if (format.empty()) {
    MIMUS_TRY(format, detect_format(path));
  }
  return open_image(path, format, Access::read_only);
}

Expected<void> make_raw(std::unique_ptr<HostFile> file, u64 bytes) {
  if (!file->grows()) return {};
  if (const int error = file->resize(bytes)) return fail(file->name() + ": " + describe(status_of(error)));
  return {};
}

Expected<int> create(const ImgOptions& o) {
  const std::string format = format_by_name(o, o.file);
  MIMUS_CHECK(known_format(format));
  if (format == "raw" && !o.backing.empty()) return usage_error("img: only qcow2 images have backing files");
  MIMUS_TRY(qcow2::CreateOptions made, layout(o));
  std::unique_ptr<BlockImage> backing;
  if (!o.backing.empty()) {
    MIMUS_TRY(backing, open_backing(o.file, o, made.backing_format));
    made.backing_file = o.backing;
    made.disk_bytes = backing->size_bytes();
  }
  if (!o.size.empty()) {
    MIMUS_TRY(made.disk_bytes, parse_size(o.size));
  }
  if (made.disk_bytes == 0) return usage_error("img: a disk needs a size: mimus img create FILE 20G");
  MIMUS_CHECK(qcow2::check_options(made));
  MIMUS_TRY(auto file, new_file(o, o.file));
  if (format == "raw") {
    MIMUS_CHECK(make_raw(std::move(file), made.disk_bytes));
    return 0;
  }
  MIMUS_TRY(auto image, qcow2::create(std::move(file), made, std::move(backing)));
  return close(*image);
}

void print_snapshots(const std::vector<qcow2::Snapshot>& list) {
  fmt::print("{:<6} {:<24} {:<20} {:>14} {:>14}\n", "id", "name", "made (UTC)", "disk", "machine state");
  for (const qcow2::Snapshot& s : list)
    fmt::print("{:<6} {:<24} {:<20} {:>14} {:>14}\n", s.id, s.name,
               fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::gmtime(time_t(s.date_seconds))), s.disk_bytes,
               s.vm_state_bytes);
}

Expected<int> info(const ImgOptions& o) {
  MIMUS_CHECK(known_format(o.format));
  MIMUS_TRY(auto file, HostFile::open_unlocked(o.file));  // also of a machine that runs
  std::string format = o.format;
  if (format.empty()) {
    MIMUS_TRY(format, detect_format(*file));
  }
  struct stat status{};
  fstat(file->fd(), &status);
  fmt::print("file:            {}\nformat:          {}\n", o.file, format);
  if (format == "raw") {
    fmt::print("disk:            {}\non the host:     {}\n", human(file->size()), human(u64(status.st_blocks) * 512));
    return 0;
  }
  MIMUS_TRY(const qcow2::Header header, qcow2::read_header(*file, true));
  fmt::print("disk:            {}\non the host:     {}\n", human(header.disk_bytes),
             human(u64(status.st_blocks) * 512));
  fmt::print("version:         {}\nclusters:        {}\n", header.version, human(header.cluster_bytes()));
  fmt::print("refcounts:       {} bits{}\n", 1 << header.refcount_order, header.lazy() ? ", lazy" : "");
  fmt::print("compression:     {}\n", header.compression == qcow2::Compression::zstd ? "zstd" : "zlib");
  if (!header.backing_file.empty())
    fmt::print("backing file:    {} ({})\n", header.backing_file,
               header.backing_format.empty() ? "format not recorded" : header.backing_format);
  if (header.incompatible & qcow2::kDirtyBit)
    fmt::print("state:           not closed; repaired when next written to\n");
  if (header.incompatible & qcow2::kCorruptBit) fmt::print("state:           marked as damaged\n");
  MIMUS_TRY(const auto snapshots, qcow2::read_snapshot_table(*file, header));
  if (!snapshots.list.empty()) {
    fmt::print("snapshots:\n");
    print_snapshots(snapshots.list);
  }
  return 0;
}

void print_report(const qcow2::CheckReport& report) {
  for (const std::string& message : report.messages) fmt::print("{}\n", message);
  if (report.errors > report.messages.size()) fmt::print("... and {} more\n", report.errors - report.messages.size());
  fmt::print("{} errors, {} wasted clusters, {} stale flags\n", report.errors, report.leaks, report.stale_flags);
  fmt::print("{} of {} clusters of the disk are allocated, {} of them compressed\n", report.data_clusters,
             report.disk_clusters, report.compressed_clusters);
}

Expected<int> check(const ImgOptions& o) {
  MIMUS_TRY(const std::string format, detect_format(o.file));
  if (format != "qcow2") return fail(o.file + ": is not a qcow2 image; only those can be checked");
  MIMUS_TRY(auto file, HostFile::open(o.file, o.repair ? Access::read_write : Access::read_only));
  MIMUS_TRY(qcow2::Header header, qcow2::read_header(*file, true));
  MIMUS_TRY(auto metadata, qcow2::Metadata::open(std::move(file), std::move(header)));
  ProgressLine progress("check");
  MIMUS_TRY(qcow2::CheckReport report, qcow2::check(*metadata, progress.callback()));
  const bool marked = metadata->header().incompatible & (qcow2::kDirtyBit | qcow2::kCorruptBit);
  if (o.repair && (marked || !report.clean())) {
    fmt::print("before the repair: {} errors, {} wasted clusters, {} stale flags\n", report.errors, report.leaks,
               report.stale_flags);
    MIMUS_CHECK(qcow2::repair(*metadata, progress.callback()));
    MIMUS_TRY(report, qcow2::check(*metadata, progress.callback()));
  }
  print_report(report);
  return report.errors != 0 ? kNotInOrder : report.clean() ? 0 : kWastesSpace;
}

Expected<int> convert(const ImgOptions& o) {
  const std::string format = format_by_name(o, o.target);
  MIMUS_CHECK(known_format(format));
  MIMUS_CHECK(known_format(o.source_format));
  if (o.compress && format == "raw") return usage_error("img: only qcow2 images can be compressed");
  MIMUS_TRY(qcow2::CreateOptions made, layout(o));
  MIMUS_TRY(auto source, open_image(o.file, o.source_format, Access::read_only));
  made.disk_bytes = source->size_bytes();
  MIMUS_CHECK(qcow2::check_options(made));
  MIMUS_TRY(auto file, new_file(o, o.target));
  ProgressLine progress("convert");
  CopyOptions options{o.compress, file->grows(), progress.callback()};
  const auto incomplete = [&](const Error& error) {
    return fail(fmt::format("{} -> {}: {}; {} is incomplete", o.file, o.target, error.message, o.target));
  };
  if (format == "raw") {
    if (file->grows() && file->resize(made.disk_bytes) != 0) return fail(o.target + ": cannot be given its size");
    if (file->size() < made.disk_bytes)
      return fail(fmt::format("{}: has {} bytes, the disk {}", o.target, file->size(), made.disk_bytes));
    MIMUS_TRY(auto target, RawImage::open(std::move(file), false));
    if (auto copied = copy_disk(*source, *target, options); !copied) return incomplete(copied.error());
    return 0;
  }
  MIMUS_TRY(auto target, qcow2::create(std::move(file), made, nullptr));
  options.reads_zero = true;
  if (auto copied = copy_disk(*source, *target, options); !copied) return incomplete(copied.error());
  return close(*target);
}

Expected<int> snapshot(const ImgOptions& o) {
  if (o.make.empty() && o.apply.empty() && o.remove.empty()) {
    MIMUS_TRY(const auto file, HostFile::open(o.file, Access::read_only));
    MIMUS_TRY(const qcow2::Header header, qcow2::read_header(*file));
    MIMUS_TRY(const auto snapshots, qcow2::read_snapshot_table(*file, header));
    print_snapshots(snapshots.list);
    return 0;
  }
  MIMUS_TRY(auto image, open_qcow2(o.file));
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (!o.make.empty())
    MIMUS_CHECK(qcow2::create_snapshot(*image, o.make, u64(now.tv_sec) * 1'000'000'000 + u64(now.tv_nsec)));
  if (!o.apply.empty()) MIMUS_CHECK(qcow2::apply_snapshot(*image, o.apply));
  if (!o.remove.empty()) MIMUS_CHECK(qcow2::delete_snapshot(*image, o.remove));
  return close(*image);
}

Expected<int> rebase(const ImgOptions& o) {
  MIMUS_CHECK(known_format(o.backing_format));
  MIMUS_TRY(auto image, open_qcow2(o.file, o.unsafe));
  if (o.unsafe) {
    if (!o.backing.empty() && o.backing_format.empty())
      return usage_error("img: with --unsafe the backing file is not looked at; give --backing-format, too");
    MIMUS_CHECK(rename_backing(*image, o.backing, o.backing_format));
    return close(*image);
  }
  std::unique_ptr<BlockImage> backing;
  std::string format;
  if (!o.backing.empty()) {
    MIMUS_TRY(backing, open_backing(o.file, o, format));
  }
  ProgressLine progress("rebase");
  MIMUS_CHECK(mimus::rebase(*image, std::move(backing), o.backing, format, progress.callback()));
  return close(*image);
}

// "20G", or "+1G" on top of the present size.
Expected<u64> new_size(const ImgOptions& o, u64 present) {
  const bool more = o.size.starts_with("+");
  MIMUS_TRY(const u64 size, parse_size(more ? o.size.substr(1) : o.size));
  const u64 wanted = more ? present + size : size;
  if (wanted == 0) return usage_error(o.file + ": nothing would be left of the disk");
  if (wanted < present && !o.shrink)
    return fail(
        fmt::format("{}: {} bytes are less than its {}; what lies beyond would be lost, give --shrink if you mean it",
                    o.file, wanted, present));
  return wanted;
}

Expected<int> resize(const ImgOptions& o) {
  MIMUS_CHECK(known_format(o.format));
  std::string format = o.format;
  if (format.empty()) {
    MIMUS_TRY(format, detect_format(o.file));
  }
  if (format == "raw") {
    MIMUS_TRY(auto file, HostFile::open(o.file, Access::read_write));
    MIMUS_TRY(const u64 size, new_size(o, file->size()));
    if (!file->grows()) return fail(o.file + ": is a block device; its size is not Mimus's to change");
    MIMUS_CHECK(make_raw(std::move(file), size));
    return 0;
  }
  MIMUS_TRY(auto image, open_qcow2(o.file));
  MIMUS_TRY(const u64 size, new_size(o, image->metadata().header().disk_bytes));
  MIMUS_CHECK(qcow2::resize(*image, size));
  return close(*image);
}

}  // namespace

Expected<int> img_command(int argc, const char* const* argv) {
  MIMUS_TRY(const ImgOptions options, parse_img_options(argc, argv));
  struct Verb {
    std::string_view name;
    Expected<int> (*run)(const ImgOptions&);
  };
  static constexpr Verb kVerbs[] = {{"create", create},     {"info", info},     {"check", check},  {"convert", convert},
                                    {"snapshot", snapshot}, {"rebase", rebase}, {"resize", resize}};
  const auto* verb = std::ranges::find(kVerbs, options.verb, &Verb::name);
  if (verb != std::end(kVerbs)) return verb->run(options);
  fmt::print("{}", options.text);
  return 0;
}

}  // namespace mimus::cli
