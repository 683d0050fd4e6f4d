package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestLastGoodConfiguration: what is in effect is the last file without a problem, also
// over a restart, be it that the file is bad or that it is gone; whoever wants none says
// so with an empty file, or without CONFIG_PATH.
func TestLastGoodConfiguration(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "conf")
	if err := os.Mkdir(conf, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(conf, "prometheus.yml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var b *configbook
	start := func(configPath string) {
		b = newConfigbook(settings{configPath: configPath, dataPath: filepath.Join(dir, "data")}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	}
	check := func(when, job string, problems int, inPlace string) {
		t.Helper()
		f, got := b.load(), ""
		if f != nil && len(f.Config.ScrapeConfigs) > 0 {
			got = f.Config.ScrapeConfigs[0].JobName
		}
		if got != job || len(b.problems()) != problems || problems > 0 && b.inPlace() != inPlace || b.changed() {
			t.Errorf("%s: job %q in effect, problems %v, %q, changed %v; want %q, %d, %q", when, got, b.problems(), b.inPlace(), b.changed(), job, problems, inPlace)
		}
	}
	const settingsAlone, lastGood = "the settings alone are in effect", "its last good version is in effect"
	start(conf)
	check("no file", "", 0, "")
	write("scrape_configs: [{job_nam: a}]")
	check("never good", "", 1, settingsAlone)
	write("scrape_configs: [{job_name: a}]")
	check("good", "a", 0, "")
	write("scrape_configs: [{job_name: docker}]")
	check("bad", "a", 1, lastGood)
	start(conf)
	check("bad, after a restart", "a", 1, lastGood)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	check("gone", "a", 1, lastGood)
	start(conf)
	check("gone, after a restart", "a", 1, lastGood)
	if err := os.WriteFile(filepath.Join(conf, "more.yml"), []byte("scrape_configs: [{job_name: c}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	write("scrape_configs: [{job_name: a}]\nscrape_config_files: [more.yml]")
	check("with a file that it names", "a", 0, "")
	if err := os.RemoveAll(conf); err != nil {
		t.Fatal(err)
	}
	start(path)
	check("gone with a file that it names, after a restart", "a", 1, lastGood)
	if err := os.Mkdir(conf, 0o755); err != nil {
		t.Fatal(err)
	}
	start(filepath.Join(dir, "elsewhere"))
	check("another place, with nothing there", "", 1, settingsAlone)
	start(conf)
	write("")
	check("empty", "", 0, "")
	write("scrape_configs: [{job_name: b}]")
	check("good again", "b", 0, "")
	start("")
	check("without CONFIG_PATH", "", 0, "")
	write("scrape_configs: [")
	start(conf)
	check("bad, and no more a copy", "", 1, settingsAlone)
	if info, err := os.Stat(filepath.Join(dir, "data")); err != nil || !info.IsDir() {
		t.Error(err)
	}
}
