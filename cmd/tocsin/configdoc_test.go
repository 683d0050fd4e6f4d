package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// blocks are the indented parts of a document, without the indentation.
func blocks(text string) (out []string) {
	const indent = "    "
	open := false
	for line := range strings.Lines(text) {
		code, indented := strings.CutPrefix(line, indent)
		switch {
		case indented && open:
			out[len(out)-1] += code
		case indented:
			out, open = append(out, code), true
		default:
			open = false
		}
	}
	return out
}

// The documentation's configuration files are what it says of them: what check
// config prints below them, or else good.
func TestConfigurationExamples(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for path, content := range map[string]string{
		"rules/site.yml":  "groups:\n- name: site\n  rules:\n  - alert: NodeDown\n    expr: up{job=\"node\"} == 0\n    for: 1m\n",
		"secrets/metrics": "x", "secrets/gateway": "x", "secrets/alertmanager": "x",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const name, command = "prometheus.yml", "$ tocsin check config prometheus.yml\n"
	all := blocks(string(text))
	checked := 0
	for i, block := range all {
		if strings.HasPrefix(block, "$ ") {
			continue
		}
		if err := os.WriteFile(name, []byte(block), 0o644); err != nil {
			t.Fatal(err)
		}
		checked++
		code, stdout, stderr := invoke(t, "check", "config", name)
		if i+1 < len(all) && strings.HasPrefix(all[i+1], command) {
			if diff := cmp.Diff(strings.TrimPrefix(all[i+1], command), stdout+stderr); diff != "" {
				t.Errorf("-documented +got\n%s", diff)
			}
		} else if code != exitOK || stderr != "" || strings.Contains(stdout, "finding") {
			t.Errorf("exit code %d, %s%s of\n%s", code, stdout, stderr, block)
		}
	}
	if checked < 4 {
		t.Errorf("only %d examples", checked)
	}
}
