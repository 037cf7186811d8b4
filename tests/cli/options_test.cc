#include "machines/cli/options.h"

#include <gtest/gtest.h>

namespace mimus::cli {
namespace {

Expected<CommandLine> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "mimus");
  return parse_command_line(int(words.size()), words.data());
}

std::string error_of(std::vector<const char*> words) {
  auto line = parse(std::move(words));
  if (line) return "";
  EXPECT_EQ(line.error().kind, Error::Kind::usage);
  return line.error().message;
}

TEST(Options, Run) {
  auto line = parse({"run", "--kernel", "K", "--smp", "4", "--memory=2G", "--disk", "a,readonly", "--disk", "b",
                     "--append", "console=ttyS0 quiet", "--dump", "ir,host", "--stats"})
                  .value();
  EXPECT_EQ(line.verb, Verb::run);
  EXPECT_EQ(line.run.kernel, "K");
  EXPECT_EQ(line.run.smp, 4u);
  EXPECT_EQ(line.run.memory, u64{2} << 30);
  EXPECT_EQ(line.run.disks, (std::vector<std::string>{"a,readonly", "b"}));
  EXPECT_EQ(line.run.append, "console=ttyS0 quiet");
  EXPECT_EQ(line.run.dump, (std::vector<std::string>{"ir", "host"}));
  EXPECT_TRUE(line.run.stats);
  EXPECT_EQ(line.run.serial, "stdio");
}

TEST(Options, Dump) {
  auto line = parse({"dump", "--bytes", "13051500", "--show", "decode,ir"}).value();
  EXPECT_EQ(line.verb, Verb::dump);
  EXPECT_EQ(line.dump.show, (std::vector<std::string>{"decode", "ir"}));
  EXPECT_EQ(line.dump.isa, "riscv64");
}

TEST(Options, HelpNamesEveryVerb) {
  auto help = parse({"--help"}).value();
  EXPECT_EQ(help.verb, Verb::help);
  for (const char* verb : {"run", "dump", "doctor"}) EXPECT_NE(help.text.find(verb), std::string::npos);
  EXPECT_NE(parse({"run", "--help"}).value().text.find("--initrd"), std::string::npos);
  EXPECT_EQ(parse({"--version"}).value().verb, Verb::version);
}

TEST(Options, MistakesAreAnsweredWithWhatWasMeant) {
  EXPECT_EQ(error_of({"run", "--kernal", "x"}), "unknown option --kernal; did you mean --kernel?");
  EXPECT_EQ(error_of({"run", "--inird=x"}), "unknown option --inird; did you mean --initrd?");
  EXPECT_EQ(error_of({"run", "--frobnicate"}), "unknown option --frobnicate");
  EXPECT_EQ(error_of({"rum"}), "unknown command 'rum'; did you mean run?");
  EXPECT_EQ(error_of({"--verson"}), "unknown option --verson; did you mean --version?");
  EXPECT_EQ(error_of({"run", "Image"}), "unexpected argument 'Image'");
  EXPECT_NE(error_of({}), "");
  EXPECT_NE(error_of({"run", "--kernel"}).find("--kernel"), std::string::npos);
  EXPECT_NE(error_of({"run", "--smp", "many"}).find("--smp"), std::string::npos);
  EXPECT_NE(error_of({"run", "--memory", "12Q"}).find("12Q"), std::string::npos);
}

TEST(Options, EngineTuning) {
  const auto line = parse({"run", "--warm-after", "20", "--code-memory", "4M"}).value();
  EXPECT_EQ(line.run.warm_after, 20u);
  EXPECT_EQ(line.run.code_memory, u64{4} << 20);
}

TEST(Options, Sizes) {
  EXPECT_EQ(parse_size("65536").value(), 65536u);
  EXPECT_EQ(parse_size("4K").value(), 4096u);
  EXPECT_EQ(parse_size("3G").value(), u64{3} << 30);
  for (const char* bad : {"", "M", "-1", "1.5G", "99999999999G", "1MB", "0x10"}) EXPECT_FALSE(parse_size(bad)) << bad;
}

TEST(Options, Numbers) {
  EXPECT_EQ(parse_number("0x80000000"), 0x80000000u);
  EXPECT_EQ(parse_number("17"), 17u);
  for (const char* bad : {"", "0x", "1x", "-1"}) EXPECT_FALSE(parse_number(bad)) << bad;
}

}  // namespace
}  // namespace mimus::cli
