package main

import (
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"
)

// given resolves the settings of a command line and an environment.
func given(t *testing.T, env map[string]string, args ...string) (settings, []settingError) {
	t.Helper()
	app := kingpin.New("tocsin", "")
	run := app.Command("run", "")
	f := newDaemonFlags(run)
	if _, err := app.Parse(append([]string{"run"}, args...)); err != nil {
		t.Fatal(err)
	}
	return resolve(f, func(name string) string { return env[name] })
}

func TestDefaults(t *testing.T) {
	s, problems := given(t, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if s.scrapeInterval != 15*time.Second || s.retentionTime != 15*24*time.Hour || s.retentionSize != 512<<20 ||
		s.dataPath != "data" || s.listenAddress != "127.0.0.1:9193" || s.metricsURL != nil || !s.selfAlerts ||
		s.labels != nil || s.holdLimit != time.Hour {
		t.Errorf("standalone defaults: %+v", s)
	}
	s, problems = given(t, nil, "--plugin.socket=/run/x.sock")
	if len(problems) > 0 || s.dataPath != "/data" || s.rulesPath != pluginRules || s.metricsURL.String() != pluginMetrics {
		t.Errorf("defaults in the plugin: %+v, %v", s, problems)
	}
}

func TestPrecedence(t *testing.T) {
	env := map[string]string{"SCRAPE_INTERVAL": "5s", "EVALUATION_INTERVAL": "", "LISTEN_ADDRESS": "off"}
	s, problems := given(t, env, "--scrape.interval=7s")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if s.scrapeInterval != 7*time.Second {
		t.Errorf("scrape interval %v, want the flag's", s.scrapeInterval)
	}
	if s.evalInterval != 15*time.Second {
		t.Errorf("evaluation interval %v, want the default: the variable is empty", s.evalInterval)
	}
	if s.listenAddress != "" {
		t.Errorf("listen address %q, want none", s.listenAddress)
	}
	got := map[string]string{}
	for _, set := range s.shown {
		got[set.Name] = set.Value + " " + set.Source
	}
	for name, want := range map[string]string{"SCRAPE_INTERVAL": "7s flag", "LISTEN_ADDRESS": "off environment", "EVALUATION_INTERVAL": "15s default"} {
		if got[name] != want {
			t.Errorf("shown %s: %q, want %q", name, got[name], want)
		}
	}
}

// The flags that Prometheus has too are given as Prometheus's are.
func TestToggles(t *testing.T) {
	for _, tc := range []struct {
		env    string
		args   []string
		reload bool
	}{
		{"", nil, false},
		{"on", nil, true},
		{"off", []string{"--web.enable-lifecycle"}, true},
		{"on", []string{"--no-web.enable-lifecycle"}, false},
	} {
		s, problems := given(t, map[string]string{"WEB_ENABLE_LIFECYCLE": tc.env}, tc.args...)
		if len(problems) > 0 || s.httpReload != tc.reload || s.remoteWrite {
			t.Errorf("%q %v: reload %t, remote write %t, %v", tc.env, tc.args, s.httpReload, s.remoteWrite, problems)
		}
	}
	s, problems := given(t, nil, "--web.enable-remote-write-receiver", "--web.allowed-hosts=a.example, *.b.example,")
	if len(problems) > 0 || !s.remoteWrite || strings.Join(s.allowedHosts, " ") != "a.example *.b.example" {
		t.Errorf("%+v, %v", s, problems)
	}
}

// TestBadSettings: one error that names setting, value and what is expected, and
// in the plugin the default in its place.
func TestBadSettings(t *testing.T) {
	for _, tc := range []struct {
		name, value string
		want        []string
	}{
		{"SCRAPE_INTERVAL", "abc", []string{"SCRAPE_INTERVAL", "--scrape.interval", `"abc"`, "such as 15s", "default 15s is used"}},
		{"SCRAPE_INTERVAL", "0s", []string{"above zero"}},
		{"SCRAPE_INTERVAL", "-5s", []string{"above zero"}},
		{"RETENTION_SIZE", "lots", []string{`"lots"`, "256MB", "default 512MB is used"}},
		{"RETENTION_SIZE", "1MB", []string{`"1MB"`, "at least 16MB", "default 512MB is used"}},
		{"STORAGE_MODE", "floppy", []string{"disk or memory"}},
		{"EXTERNAL_LABELS", "a", []string{`"a" has no value`, "name=value"}},
		{"EXTERNAL_LABELS", "a=1,a=2", []string{`"a" is there twice`}},
		{"EXTERNAL_LABELS", "=1", []string{"no label name"}},
		{"EXTERNAL_LABELS", "my-host=1", []string{`"my-host" is no label name`}}, // Alertmanager before 0.27 refuses every alert with it
		{"LISTEN_ADDRESS", "9193", []string{"host:port", "or off"}},
		{"LISTEN_ADDRESS", "host:http", []string{"host:port"}},
		{"LISTEN_ADDRESS", ":9193", []string{`":9193"`, "others than this machine", "basic_auth_users", "WEB_ALLOW_UNPROTECTED", "default 127.0.0.1:9193 is used"}},
		{"WEB_ALLOW_UNPROTECTED", "yes", []string{"on or off"}},
		{"WEB_CONFIG_FILE", "/nowhere.yml", []string{"file that can be read", "page stays off"}},
		{"WEB_ALLOWED_HOSTS", "a.example,http://b", []string{`"http://b" is no host name`, "without scheme and port", "left unset"}},
		{"WEB_ALLOWED_HOSTS", "a.*.example", []string{"no host name"}},
		{"WEB_ALLOWED_HOSTS", "host:9193", []string{"no host name"}},
		{"WEB_ENABLE_LIFECYCLE", "true", []string{"on or off", "default off is used"}},
		{"WEB_ENABLE_REMOTE_WRITE_RECEIVER", "yes", []string{"on or off"}},
		{"SELF_ALERTS", "maybe", []string{"on or off"}},
		{"LOG_LEVEL", "loud", []string{"debug, info, warn or error"}},
		{"METRICS_URL", "ftp://u:secret@x", []string{"METRICS_URL", `scheme "ftp"`, "unix:///"}},
		{"METRICS_URL", "http://u:secret@ x", []string{"not a URL"}},
		{"ALERTMANAGER_URL", "http://ok,http://u:secret@h/?x=1,am:9093", []string{"ALERTMANAGER_URL", "am:9093", "did you mean", "only the Alertmanagers that are well written"}},
	} {
		s, problems := given(t, map[string]string{tc.name: tc.value}, "--plugin.socket=/run/x.sock")
		if len(problems) != 1 {
			t.Errorf("%s=%s: %d problems, want 1", tc.name, tc.value, len(problems))
			continue
		}
		msg := problems[0].Error()
		for _, w := range tc.want {
			if !strings.Contains(msg, w) {
				t.Errorf("%s=%s: %q, want %q in it", tc.name, tc.value, msg, w)
			}
		}
		if strings.Contains(msg, "secret") {
			t.Errorf("%s: the message shows a password: %s", tc.name, msg)
		}
		if s.scrapeInterval != 15*time.Second || s.retentionSize != 512<<20 || (s.listenAddress == "") != (tc.name == "WEB_CONFIG_FILE") {
			t.Errorf("%s=%s: the defaults are not in effect: %+v", tc.name, tc.value, s)
		}
	}
	s, _ := given(t, map[string]string{"ALERTMANAGER_URL": "http://ok,am:9093"}, "--plugin.socket=/run/x.sock")
	if len(s.alertmanagers) != 1 {
		t.Errorf("alertmanagers %v, want the good one", s.alertmanagers)
	}
}

func TestEverySettingIsInTheManifest(t *testing.T) {
	m := readManifest(t)
	if !m["DOCKER_SOCKET"] {
		t.Error("DOCKER_SOCKET is not settable in config.json")
	}
	delete(m, "DOCKER_SOCKET") // of the plugin alone: where configuration files expect it
	for _, d := range table() {
		switch {
		case d.env == "DATA_PATH": // fixed: the propagated mount
		case !m[d.env]:
			t.Errorf("%s is not settable in config.json", d.env)
		}
		delete(m, d.env)
	}
	for name := range m {
		t.Errorf("config.json has %s, which is no setting", name)
	}
}
