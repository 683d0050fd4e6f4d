package test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tocsin/tocsin/test/internal/process"
)

// Each setting is refused with its name, its value and the form that it should
// have had, and nothing of it stops the plugin.
func TestBadSettingKeepsThePluginUp(t *testing.T) {
	p := installPlugin(t, sharedEngine(t))
	for _, tt := range []struct{ name, value, want string }{
		{"SCRAPE_INTERVAL", "abc", `15s`},
		{"ALERTMANAGER_URL", "localhost", `https?://`},
		{"RETENTION_SIZE", "a lot", `\d+MB`},
		{"EXTERNAL_LABELS", "host", `\w+=\w+`},
		{"STORAGE_MODE", "tape", `disk.*memory`},
	} {
		p.set(t, tt.name+"="+tt.value)
		if took := p.enable(t); took >= enableLimit {
			t.Errorf("%s: enable took %s, want less than %s", tt.name, took, enableLimit)
		}
		told := regexp.MustCompile(regexp.QuoteMeta(tt.name) + ".*" + regexp.QuoteMeta(tt.value) + ".*" + tt.want)
		p.logged(t, "^error: .*"+told.String())
		eventually(t, 5*time.Second, tt.name+": the page says so", func() error {
			body, err := p.get("/")
			if err == nil && !told.MatchString(strings.ReplaceAll(body, "\n", " ")) {
				err = fmt.Errorf("no match for %s", told)
			}
			return err
		})
		if !p.enabled(t) {
			t.Errorf("%s: the plugin is disabled", tt.name)
		}
		p.disable(t)
		p.set(t, tt.name+"=")
	}
}

// manifest is what the test needs of config.json.
type manifest struct {
	Mounts []struct{ Name, Source string }
	Env    []struct {
		Name, Description string
		Value             *string
		Settable          []string
	}
}

// An upgrade keeps old values and adds no new variables, so a default that stood
// in config.json alone would be lost.
func TestManifestHasNoDefaults(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(root, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(content, &m); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, mount := range m.Mounts {
		seen[mount.Name] = true
	}
	if len(m.Env) == 0 {
		t.Fatal("no settings")
	}
	for _, env := range m.Env {
		if env.Value != nil || len(env.Settable) != 1 || env.Description == "" {
			t.Errorf("%s: want a description, a settable value and no default: %+v", env.Name, env)
		}
		if seen[env.Name] {
			// "docker plugin set NAME=value" works only for a name that is unique.
			t.Errorf("%s is there twice", env.Name)
		}
		seen[env.Name] = true
	}
}

// The way of the README, on an engine with a moved data-root and with default
// settings: the bundled rules run.
func TestMakeInstallRunsTheBundledRules(t *testing.T) {
	e := sharedEngine(t)
	const address = "127.0.0.1:9193"
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("the default address of the page is taken: %v", err)
	}
	l.Close()
	makeTarget := func(args ...string) (string, error) {
		cmd := exec.Command("make", append([]string{"PLUGIN=tocsin-installed"}, args...)...)
		cmd.Dir, cmd.Env = root, e.environ()
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := makeTarget("install"); err != nil {
		t.Fatalf("make install: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := makeTarget("uninstall"); err != nil {
			t.Errorf("make uninstall: %v\n%s", err, out)
		}
	})
	p := &plugin{
		page: page{base: "http://" + address}, engine: e, name: "tocsin-installed",
		id: e.mustDocker(t, "plugin", "inspect", "--format", "{{.Id}}", "tocsin-installed"),
	}
	// The default intervals: the first scrape may be 15 s away.
	eventually(t, 40*time.Second, "the bundled rules run", func() error {
		groups, err := p.groups()
		if err != nil {
			return err
		}
		n := 0
		for _, g := range groups {
			for _, r := range g.Rules {
				if r.Health != "ok" {
					return fmt.Errorf("rule %s: health %s %s", r.Name, r.Health, r.LastError)
				}
				n++
			}
		}
		if n == 0 {
			return fmt.Errorf("no rules; log:\n%s", process.Tail(p.log()))
		}
		return nil
	})
	out, err := makeTarget("install")
	if err == nil || !strings.Contains(out, "installed already") {
		t.Errorf("second make install: error %v, output:\n%s", err, out)
	}
}
