#include "machines/cli/img_options.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "machines/cli/options.h"

namespace mimus::cli {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  mimus img create disk.qcow2 20G\n"
    "  mimus img create --backing base.qcow2 mine.qcow2\n"
    "  mimus img convert --compress disk.raw disk.qcow2\n"
    "  mimus img snapshot --create before-upgrade disk.qcow2";

void add_file(CLI::App* verb, ImgOptions& o) { verb->add_option("FILE", o.file, "The image")->required(); }
void add_format(CLI::App* verb, ImgOptions& o, const char* text) { verb->add_option("-f,--format", o.format, text); }

// How a new image is made.
void add_layout(CLI::App* verb, ImgOptions& o) {
  verb->add_option("--cluster-size", o.cluster_size, "qcow2: unit of allocation, 512 to 2M")->capture_default_str();
  verb->add_option("--refcount-bits", o.refcount_bits, "qcow2: width of a reference count")->capture_default_str();
  verb->add_flag("--lazy-refcounts", o.lazy_refcounts, "qcow2: counts are written at the end, or made anew");
  verb->add_option("--compression", o.compression, "qcow2: zlib or zstd")->capture_default_str();
  verb->add_option("--qcow2-version", o.version, "2 or 3")->capture_default_str();
  verb->add_flag("--force", o.force, "Overwrite a file that is not empty");
}

void add_create(CLI::App& img, ImgOptions& o) {
  CLI::App* verb = img.add_subcommand("create", "Make an empty disk, or one on top of another image");
  add_file(verb, o);
  verb->add_option("SIZE", o.size, "Size of the disk, e.g. 20G (default: that of the backing file)");
  add_format(verb, o, "raw or qcow2 (default: by the name, FILE.qcow2 or other)");
  verb->add_option("-b,--backing", o.backing, "Image below, which holds what is not written; from the folder of FILE");
  verb->add_option("-F,--backing-format", o.backing_format, "Its format (default: as its first bytes say)");
  add_layout(verb, o);
}

void add_convert(CLI::App& img, ImgOptions& o) {
  CLI::App* verb = img.add_subcommand("convert", "Copy a disk, with all that its backing files hold, to a new image");
  add_file(verb, o);
  verb->add_option("TARGET", o.target, "The new image")->required();
  add_format(verb, o, "Format of the new image: raw or qcow2 (default: by the name)");
  verb->add_option("--source-format", o.source_format, "Format of FILE (default: as its first bytes say)");
  verb->add_flag("-c,--compress", o.compress, "Compress (qcow2)");
  add_layout(verb, o);
}

void add_snapshot(CLI::App& img, ImgOptions& o) {
  CLI::App* verb = img.add_subcommand("snapshot", "States of a disk that are kept inside its qcow2 image");
  add_file(verb, o);
  auto* group = verb->add_option_group("action");
  group->add_flag("-l,--list", o.list, "Show them (default)");
  group->add_option("-c,--create", o.make, "Keep the present state under this name");
  group->add_option("-a,--apply", o.apply, "Go back to this one");
  group->add_option("-d,--delete", o.remove, "Forget this one");
  group->require_option(0, 1);
}

void add_rebase(CLI::App& img, ImgOptions& o) {
  CLI::App* verb = img.add_subcommand("rebase", "Give a qcow2 image another backing file; its disk stays the same");
  add_file(verb, o);
  verb->add_option("-b,--backing", o.backing, "The new one, from the folder of FILE; '' for none")->required();
  verb->add_option("-F,--backing-format", o.backing_format, "Its format (default: as its first bytes say)");
  verb->add_flag("-u,--unsafe", o.unsafe, "Only change the name: for a backing file that was moved");
}

void add_verbs(CLI::App& img, ImgOptions& o) {
  add_create(img, o);
  CLI::App* info = img.add_subcommand("info", "What an image is");
  add_file(info, o);
  add_format(info, o, "raw or qcow2 (default: as its first bytes say)");
  CLI::App* check =
      img.add_subcommand("check", "Is a qcow2 image in order? Exit status 1: no; 3: it only wastes space");
  add_file(check, o);
  check->add_flag("-r,--repair", o.repair, "Make reference counts and flags anew");
  add_convert(img, o);
  add_snapshot(img, o);
  add_rebase(img, o);
  CLI::App* resize = img.add_subcommand("resize", "Change the size of a disk");
  add_file(resize, o);
  resize->add_option("SIZE", o.size, "20G, or +1G to add")->required();
  add_format(resize, o, "raw or qcow2 (default: as its first bytes say)");
  resize->add_flag("--shrink", o.shrink, "Yes, cut off what lies beyond the new size");
}

std::vector<std::string> names(const std::vector<CLI::App*>& verbs) {
  std::vector<std::string> list;
  for (const CLI::App* verb : verbs) list.push_back(verb->get_name());
  return list;
}

Expected<void> check_extras(const CLI::App& verb) {
  for (const std::string& word : verb.remaining()) {
    if (!word.starts_with("-")) return usage_error(fmt::format("img: unexpected argument '{}'", word));
    std::vector<std::string> known;
    for (const CLI::Option* option : verb.get_options())
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    const std::string near = nearest(word, known);
    return usage_error(
        fmt::format("img: unknown option {}{}", word, near.empty() ? "" : "; did you mean " + near + "?"));
  }
  return {};
}

}  // namespace

Expected<ImgOptions> parse_img_options(int argc, const char* const* argv) {
  ImgOptions options;
  CLI::App img("Make, inspect and change disk images.", "mimus img");
  img.footer(kExamples);
  add_verbs(img, options);
  const auto verbs = img.get_subcommands([](CLI::App*) { return true; });
  img.allow_extras();
  for (CLI::App* verb : verbs) verb->allow_extras();
  std::vector<std::string> words(argv, argv + argc);
  std::ranges::reverse(words);  // as CLI11 wants them
  try {
    img.parse(words);
  } catch (const CLI::CallForHelp&) {
    const auto asked = img.get_subcommands();
    options.verb = "help";
    options.text = (asked.empty() ? &img : asked[0])->help();
    return options;
  } catch (const CLI::ParseError& error) {
    return usage_error(std::string("img: ") + error.what());
  }
  const auto given = img.get_subcommands();
  if (given.empty()) {
    const auto rest = img.remaining();
    const std::string near = rest.empty() ? "" : nearest(rest[0], names(verbs));
    if (!near.empty()) return usage_error(fmt::format("img: unknown verb '{}'; did you mean {}?", rest[0], near));
    return usage_error(fmt::format("img: what to do? There are: {}", fmt::join(names(verbs), ", ")));
  }
  options.verb = given[0]->get_name();
  MIMUS_CHECK(check_extras(*given[0]));
  return options;
}

}  // namespace mimus::cli
