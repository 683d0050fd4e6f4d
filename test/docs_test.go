package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// named matches a test as the documentation names it: package.TestName.
var named = regexp.MustCompile(`\b([a-z]+(?:/[a-z]+)*)\.(Test[A-Za-z0-9]+)`)

// TestDocumentedTestsExist: a claim whose test was renamed or removed is no claim,
// and a table row without any is none either.
func TestDocumentedTestsExist(t *testing.T) {
	text, err := os.ReadFile("../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| Fault |") {
			continue
		}
		rows++
		cells := strings.Split(strings.TrimSpace(line), "|")
		tests := named.FindAllStringSubmatch(cells[len(cells)-2], -1)
		if len(tests) == 0 {
			t.Errorf("no test for %s", strings.TrimSpace(cells[1]))
		}
		for _, m := range tests {
			if !hasTest(t, m[1], m[2]) {
				t.Errorf("%s: there is no %s in %s", strings.TrimSpace(cells[1]), m[2], m[1])
			}
		}
	}
	if rows < 30 {
		t.Errorf("%d rows were found, want the whole tables", rows)
	}
}

// Other pages name tests too.
func TestTestsOfOtherPagesExist(t *testing.T) {
	text, err := os.ReadFile("../docs/delivery.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := named.FindAllStringSubmatch(string(text), -1)
	if len(tests) < 10 {
		t.Errorf("%d tests are named, want those of the table", len(tests))
	}
	for _, m := range tests {
		if !hasTest(t, m[1], m[2]) {
			t.Errorf("there is no %s in %s", m[2], m[1])
		}
	}
}

func hasTest(t *testing.T, pkg, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(pkg), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(src), "func "+name+"(") {
			return true
		}
	}
	return false
}
