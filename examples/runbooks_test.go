package examples

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
)

const (
	runbooks     = "../docs/runbooks"
	examplesPage = "../docs/examples.md"
	// published is where the main branch of the repository is read.
	published = "https://github.com/tocsin/tocsin/blob/main/docs/runbooks/"
)

// severities are those that examples/alertmanager.yml routes.
var severities = []string{"critical", "warning", "info", "none"}

// sections are those of each runbook, in their order.
var sections = []string{"## Likely causes", "## What to check on the host", "## How to mend it", "## How to silence it"}

// TestAnnotations: whoever is woken by an alert reads what is the matter, and where
// to read on.
func TestAnnotations(t *testing.T) {
	seen := map[string]string{}
	for _, path := range packs(t) {
		for _, r := range alerts(path) {
			if other := seen[r.Alert]; other != "" {
				t.Errorf("%s: %s is in %s as well", path, r.Alert, other)
			}
			seen[r.Alert] = path
			if s := r.Labels.Get("severity"); !slices.Contains(severities, s) {
				t.Errorf("%s: %s has the severity %q, want one of %v", path, r.Alert, s, severities)
			}
			for _, name := range []string{"summary", "description"} {
				if r.Annotations.Get(name) == "" {
					t.Errorf("%s: %s has no %s", path, r.Alert, name)
				}
			}
			if got, want := r.Annotations.Get("runbook_url"), published+r.Alert+".md"; got != want {
				t.Errorf("%s: the runbook of %s is %q, want %q", path, r.Alert, got, want)
			}
		}
	}
}

// TestRunbooks: each alert has a runbook that is about it, and is in the index; no
// runbook is about an alert that is gone.
func TestRunbooks(t *testing.T) {
	index := read(t, filepath.Join(runbooks, "README.md"))
	known := map[string]bool{"README.md": true}
	for _, path := range packs(t) {
		for _, r := range alerts(path) {
			known[r.Alert+".md"] = true
			text := read(t, filepath.Join(runbooks, r.Alert+".md"))
			severity, when := r.Labels.Get("severity"), "at once"
			if r.For > 0 {
				when = "after " + model.Duration(r.For).String()
			}
			head := fmt.Sprintf("# %s\n\nSeverity `%s`, %s. In [%s]", r.Alert, severity, when, filepath.Base(path))
			if !strings.HasPrefix(text, head) {
				t.Errorf("the runbook of %s begins with %.60q, want %q", r.Alert, text, head)
			}
			if !strings.Contains(text, "](../../examples/rules/"+filepath.Base(path)+")") {
				t.Errorf("the runbook of %s does not link %s", r.Alert, path)
			}
			if row := fmt.Sprintf("| [%s](%s.md) | %s | ", r.Alert, r.Alert, severity); !strings.Contains(index, row) {
				t.Errorf("the index lacks %q", row)
			}
			var got []string
			for line := range strings.Lines(text) {
				if strings.HasPrefix(line, "## ") {
					got = append(got, strings.TrimSpace(line))
				}
			}
			if !slices.Equal(got, sections) {
				t.Errorf("the runbook of %s has the sections %q, want %q", r.Alert, got, sections)
			}
		}
	}
	files, err := os.ReadDir(runbooks)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if filepath.Ext(f.Name()) == ".md" && !known[f.Name()] {
			t.Errorf("%s is of no alert", f.Name())
		}
	}
}

// linked matches links to files of the repository.
var linked = regexp.MustCompile(`\]\(([^):]+)\)`)

// TestLinks: what the runbooks and the page of the examples link is there, and that
// page has all packs.
func TestLinks(t *testing.T) {
	page := read(t, examplesPage)
	for _, path := range packs(t) {
		if !strings.Contains(page, "(../examples/"+filepath.ToSlash(path)+")") {
			t.Errorf("%s lacks %s", examplesPage, path)
		}
	}
	files, err := filepath.Glob(filepath.Join(runbooks, "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no runbooks: %v", err)
	}
	for _, f := range append(files, examplesPage) {
		for _, m := range linked.FindAllStringSubmatch(read(t, f), -1) {
			file, anchor, _ := strings.Cut(m[1], "#")
			path := filepath.Join(filepath.Dir(f), file)
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: %v", f, err)
			} else if anchor != "" && !slices.Contains(anchors(t, path), anchor) {
				t.Errorf("%s: %s has no heading #%s", f, file, anchor)
			}
		}
	}
}

// anchors are those of a page's headings.
func anchors(t *testing.T, path string) []string {
	t.Helper()
	var found []string
	for line := range strings.Lines(read(t, path)) {
		if strings.HasPrefix(line, "#") {
			heading := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
			found = append(found, strings.ReplaceAll(unspoken.ReplaceAllString(heading, ""), " ", "-"))
		}
	}
	return found
}

// unspoken is what an anchor leaves out of its heading.
var unspoken = regexp.MustCompile(`[^\w -]`)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
