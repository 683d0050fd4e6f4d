package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// contestant is a program, or a pair of them, that does the whole job: scrape,
// store, evaluate, notify.
type contestant struct {
	name  string // as the report shows it
	pkg   string // Debian's, whose version is told
	paths []string
	// commands are the command lines, one for each process, in the order in
	// which they are started.
	commands func(c contestant, s setup) ([][]string, error)
	// alertmanagersListed: its API tells when it knows the Alertmanager, which
	// is later than its start.
	alertmanagersListed bool
	// instance is the label of what it scrapes; host and port if empty.
	instance string
	// parts are those it takes part in; all if there are none.
	parts []string
	// memory keeps its samples in memory only.
	memory bool
	// peer is another program than Tocsin.
	peer bool
	// variant is another contestant's program, run in another way.
	variant bool
}

// in tells whether the contestant takes part.
func (c contestant) in(part string) bool {
	return len(c.parts) == 0 || slices.Contains(c.parts, part)
}

// whole tells whether the contestant is a Tocsin that takes part in everything.
func (c contestant) whole() bool { return len(c.parts) == 0 && !c.peer }

// setup is what a contestant is started with.
type setup struct {
	dir              string // its own, for configuration and data
	target, receiver string // URLs
	rules            string // file
	interval         time.Duration
	past             int      // scrapes whose samples it is given before the first
	listen           []string // free addresses, one for each process
	remoteWrite      bool     // take samples from others
	resendDelay      time.Duration
	alertLimit       int // at least so many alerts at once
}

// tocsin is the binary at path as it comes, its own alerts and metrics on, but for
// the flags that make it a variant.
func tocsin(name, path string, flags ...string) contestant {
	host, _ := os.Hostname() // it has the same answer
	return contestant{name: name, paths: []string{path}, instance: cmp.Or(host, "localhost"), commands: func(_ contestant, s setup) ([][]string, error) {
		line := []string{
			path, "run", "--storage.path=" + filepath.Join(s.dir, "data"), "--web.listen-address=" + s.listen[0],
			"--scrape.url=" + s.target, "--scrape.interval=" + s.interval.String(), "--evaluation.interval=" + s.interval.String(),
			"--rules.path=" + s.rules, "--alertmanager.url=" + s.receiver, "--external.labels=host=bench",
			"--alert.resend-delay=" + s.resendDelay.String(),
		}
		line = append(line, flags...)
		if s.remoteWrite {
			line = append(line, "--web.enable-remote-write-receiver")
		}
		if s.alertLimit > 0 {
			line = append(line, fmt.Sprintf("--alert.limit=%d", s.alertLimit))
		}
		return [][]string{line}, nil
	}}
}

// prometheusConfig has one target, one Alertmanager and the rules.
const prometheusConfig = `global: {scrape_interval: %[1]s, scrape_timeout: %[1]s, evaluation_interval: %[1]s, external_labels: {host: bench}}
rule_files: [%[2]q]
alerting: {alertmanagers: [{static_configs: [{targets: [%[3]q]}]}]}
`

// prometheus is any version from 2.33 on.
func prometheus(name, pkg, path string) contestant {
	return contestant{name: name, pkg: pkg, peer: true, paths: []string{path}, alertmanagersListed: true, commands: func(c contestant, s setup) ([][]string, error) {
		config := fmt.Sprintf(prometheusConfig, promDuration(s.interval), s.rules, hostPort(s.receiver)) + scrapeConfig(s)
		file := filepath.Join(s.dir, "prometheus.yml")
		if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
			return nil, fmt.Errorf("write configuration: %w", err)
		}
		line := []string{
			path, "--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(s.dir, "data"),
			"--web.listen-address=" + s.listen[0], "--log.level=warn", "--rules.alert.resend-delay=" + promDuration(s.resendDelay),
		}
		if s.remoteWrite {
			line = append(line, "--web.enable-remote-write-receiver")
		}
		return [][]string{line}, nil
	}}
}

// memoryName is the variant that keeps its samples in memory.
const memoryName = "tocsin-memory"

// tocsinVariants are Tocsin in ways that only some parts are about.
func tocsinVariants(path string) []contestant {
	memory := tocsin(memoryName, path, "--storage.mode=memory")
	memory.memory, memory.parts = true, []string{partSteady}
	planOff := tocsin("tocsin-plan-off", path, "--engine.plan=off")
	planOff.parts = []string{partSteady, partLatency, partCurves}
	memory.variant, planOff.variant = true, true
	return []contestant{memory, planOff}
}

// victoriaMetrics is a single-node VictoriaMetrics with vmalert beside it. It
// evaluates what is half a minute old, which is all that a storm would show.
func victoriaMetrics(vm, vmalert string) contestant {
	return contestant{name: "victoria-metrics", pkg: "victoria-metrics", peer: true, parts: []string{partSteady, partLatency, partRestart, partCurves}, paths: []string{vm, vmalert}, commands: func(c contestant, s setup) ([][]string, error) {
		file := filepath.Join(s.dir, "scrape.yml")
		if err := os.WriteFile(file, []byte(fmt.Sprintf("global: {scrape_interval: %s}\n", promDuration(s.interval))+scrapeConfig(s)), 0o644); err != nil {
			return nil, fmt.Errorf("write configuration: %w", err)
		}
		url := "http://" + s.listen[0]
		return [][]string{
			{vm, "-storageDataPath=" + filepath.Join(s.dir, "data"), "-httpListenAddr=" + s.listen[0], "-promscrape.config=" + file, "-loggerLevel=WARN"},
			{
				vmalert, "-datasource.url=" + url, "-remoteWrite.url=" + url, "-remoteRead.url=" + url, "-notifier.url=" + s.receiver,
				"-rule=" + s.rules, "-evaluationInterval=" + s.interval.String(), "-httpListenAddr=" + s.listen[1], "-external.label=host=bench",
				"-rule.resendDelay=" + s.resendDelay.String(), "-loggerLevel=WARN",
			},
		}, nil
	}}
}

// scrapeJob is the label of what is scraped: Tocsin's own.
const scrapeJob = "docker"

func scrapeConfig(s setup) string {
	return fmt.Sprintf("scrape_configs: [{job_name: %s, static_configs: [{targets: [%q]}]}]\n", scrapeJob, hostPort(s.target))
}

// hostPort is a URL without scheme and path.
func hostPort(url string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	return host
}

// version is what the program itself says.
func (c contestant) version() string {
	out, err := exec.Command(c.paths[0], "--version").CombinedOutput()
	if err != nil {
		return "unknown"
	}
	// "tocsin 1.2", or "prometheus, version 1.2 (branch: …".
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	_, line, _ = strings.Cut(strings.Replace(line, ", version", "", 1), " ")
	version, _, _ := strings.Cut(line, " ")
	return cmp.Or(version, "not told")
}

// names lists contestants for messages.
func names(all []contestant) []string {
	var out []string
	for _, c := range all {
		out = append(out, c.name)
	}
	return out
}
